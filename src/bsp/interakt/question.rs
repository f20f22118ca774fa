//! What Graph is asked, made purely: fields of a WhatsApp Business Account with their filters.

use url::Url;

use crate::domain::account_usage::UsageUnit;
use crate::domain::period::Period;

/// The two fields that tell usage per day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// Per delivered message; the way Meta prices since 2025-07-01.
    Pricing,
    /// Per conversation; the way Meta priced before.
    Conversation,
}

impl Field {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pricing => "pricing_analytics",
            Self::Conversation => "conversation_analytics",
        }
    }

    pub(super) const fn other(self) -> Self {
        match self {
            Self::Pricing => Self::Conversation,
            Self::Conversation => Self::Pricing,
        }
    }

    pub(super) const fn unit(self) -> UsageUnit {
        match self {
            Self::Pricing => UsageUnit::Message,
            Self::Conversation => UsageUnit::Conversation,
        }
    }

    const fn metric(self) -> &'static str {
        match self {
            Self::Pricing => "VOLUME",
            Self::Conversation => "CONVERSATION",
        }
    }

    const fn dimensions(self) -> &'static str {
        match self {
            Self::Pricing => r#"["PRICING_CATEGORY","PRICING_TYPE","COUNTRY","PHONE","TIER"]"#,
            Self::Conversation => r#"["CONVERSATION_CATEGORY","CONVERSATION_TYPE","COUNTRY","PHONE"]"#,
        }
    }
}

/// The facts about an account that its usage cannot be read without.
pub(super) const FACTS: &str = "currency,timezone_id";

/// The value of `fields` that asks for the facts and for the usage of the days that make up `period`. Cost is never asked
/// alone, which Graph refuses.
pub(super) fn fields(field: Field, period: Period, with_cost: bool) -> String {
    let (name, metric) = (field.name(), field.metric());
    let metrics = if with_cost { format!(r#"["{metric}","COST"]"#) } else { format!(r#"["{metric}"]"#) };
    let (start, end, dimensions) = (period.start.timestamp(), period.end.timestamp(), field.dimensions());
    format!(
        "{FACTS},{name}.start({start}).end({end}).granularity(DAILY).phone_numbers([]).metric_types({metrics}).dimensions({dimensions})"
    )
}

/// `url` with `fields` as its only query.
pub(super) fn with_fields(mut url: Url, fields: &str) -> Url {
    url.query_pairs_mut().clear().append_pair("fields", fields);
    url
}

/// The address of a further page without the token that Graph writes into it: the token goes in the header, where no log
/// of addresses can show it.
pub(super) fn without_access_token(url: &Url) -> Url {
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(key, _)| key != "access_token")
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    let mut bare = url.clone();
    bare.query_pairs_mut().clear().extend_pairs(kept);
    bare
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period() -> Period {
        Period { start: "2026-06-03T18:30:00Z".parse().unwrap(), end: "2026-06-05T18:30:00Z".parse().unwrap() }
    }

    #[test]
    fn a_question_names_facts_period_metrics_and_dimensions() {
        assert_eq!(
            fields(Field::Pricing, period(), true),
            "currency,timezone_id,pricing_analytics.start(1780511400).end(1780684200).granularity(DAILY).phone_numbers([])\
             .metric_types([\"VOLUME\",\"COST\"])\
             .dimensions([\"PRICING_CATEGORY\",\"PRICING_TYPE\",\"COUNTRY\",\"PHONE\",\"TIER\"])"
        );
        let without_cost = fields(Field::Conversation, period(), false);
        assert!(without_cost.contains("conversation_analytics.start(1780511400)"));
        assert!(without_cost.contains(r#".metric_types(["CONVERSATION"])"#), "{without_cost}");
    }

    #[test]
    fn the_whole_value_is_encoded_once() {
        let url = with_fields(Url::parse("http://h/v23.0/1?x=y").unwrap(), "a,b.start(1).dimensions([\"C\"])");
        assert_eq!(url.as_str(), "http://h/v23.0/1?fields=a%2Cb.start%281%29.dimensions%28%5B%22C%22%5D%29");
    }

    #[test]
    fn a_further_page_is_asked_without_the_token_in_its_address() {
        let next = Url::parse("https://h/1/x?access_token=EAAB&after=abc%3D&limit=25").unwrap();
        assert_eq!(without_access_token(&next).as_str(), "https://h/1/x?after=abc%3D&limit=25");
    }
}
