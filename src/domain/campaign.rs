//! Campaigns: messages sent for one purpose, and how what is told of one at different times comes together.

use chrono::SubsecRound as _;

use super::clock::Instant;
use super::code::coded;
use super::id::{CampaignId, ChannelId, OrganisationId};
use super::input::{BadInput, Name};

/// The longest id that the outside world may give a campaign, in characters.
pub const EXTERNAL_ID_CHARS_MAX: usize = 200;

coded! {
    /// How far a campaign is; later ones never go back to earlier ones.
    CampaignState {
        Draft = "DRAFT",
        Active = "ACTIVE",
        Completed = "COMPLETED",
        Failed = "FAILED",
    }
}

/// Messages sent for one purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    pub id: CampaignId,
    pub organisation_id: OrganisationId,
    /// The id that the outside world knows it by, unique within the organisation.
    pub external_id: String,
    pub name: String,
    /// `None`: none in particular.
    pub channel_id: Option<ChannelId>,
    pub state: CampaignState,
    /// How many people it is for.
    pub recipients: i64,
    pub started_at: Option<Instant>,
    pub finished_at: Option<Instant>,
    pub created_at: Instant,
}

/// A campaign that is to be there: made, or changed where one with this id is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCampaign {
    pub external_id: String,
    pub name: String,
    /// `None` leaves the channel that is there.
    pub channel_id: Option<ChannelId>,
    pub state: CampaignState,
    pub recipients: i64,
    pub started_at: Option<Instant>,
    pub finished_at: Option<Instant>,
}

impl NewCampaign {
    /// A campaign of which nothing else is known.
    pub fn begin(self, organisation_id: OrganisationId, now: Instant) -> Campaign {
        Campaign {
            id: CampaignId::generate(now),
            organisation_id,
            external_id: self.external_id,
            name: self.name,
            channel_id: self.channel_id,
            state: self.state,
            recipients: self.recipients,
            started_at: self.started_at,
            finished_at: self.finished_at,
            created_at: now,
        }
    }
}

impl Campaign {
    /// With what is told of it now. Of state and recipients the greater holds, of its beginning the earlier and of its end the later time, in
    /// whatever order they came; of name and channel the later word.
    #[must_use]
    pub fn then(self, told: NewCampaign) -> Self {
        Self {
            name: told.name,
            channel_id: told.channel_id.or(self.channel_id),
            state: self.state.max(told.state),
            recipients: self.recipients.max(told.recipients),
            started_at: self.started_at.into_iter().chain(told.started_at).min(),
            finished_at: self.finished_at.max(told.finished_at),
            ..self
        }
    }
}

/// What is said of a campaign, as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignDraft {
    pub external_id: String,
    pub name: String,
    pub channel_id: Option<String>,
    pub state: CampaignState,
    pub recipients: i32,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
}

impl CampaignDraft {
    /// Checks it; a refusal names the field under `path`, such as `campaigns[3].name`.
    pub fn check(self, path: &str) -> Result<NewCampaign, BadInput> {
        let field = |name: &str| format!("{path}.{name}");
        let time = |name: &str, text: Option<String>| text.map(|text| instant(&field(name), &text)).transpose();
        let (started_at, finished_at) = (time("startedAt", self.started_at)?, time("finishedAt", self.finished_at)?);
        if let Some((_, finished_at)) = started_at.zip(finished_at).filter(|(start, end)| end < start) {
            let accepted = "expected a time that is not before startedAt";
            return Err(BadInput::new(field("finishedAt"), finished_at.to_rfc3339(), accepted));
        }
        if self.recipients < 0 {
            return Err(BadInput::new(field("recipients"), self.recipients, "expected 0 or more"));
        }
        Ok(NewCampaign {
            external_id: external_id(&field("externalId"), self.external_id)?,
            name: Name::parse(&field("name"), &self.name)?.into_string(),
            channel_id: self.channel_id.map(|id| ChannelId::parse(&field("channelId"), &id)).transpose()?,
            state: self.state,
            recipients: i64::from(self.recipients),
            started_at,
            finished_at,
        })
    }
}

fn external_id(field: &str, text: String) -> Result<String, BadInput> {
    let fits = (1..=EXTERNAL_ID_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits {
        return Ok(text);
    }
    Err(BadInput::new(field, text, format!("expected 1 to {EXTERNAL_ID_CHARS_MAX} printable characters")))
}

/// No finer than what the databases keep, and within the years that callers may name.
fn instant(field: &str, text: &str) -> Result<Instant, BadInput> {
    let accepted = "expected an instant such as 2026-06-05T02:00:00.000Z, in the years 2000 to 2100";
    let refuse = || BadInput::new(field, text, accepted);
    let at = chrono::DateTime::parse_from_rfc3339(text).map_err(|_| refuse())?.to_utc().trunc_subsecs(6);
    // 2000-01-01 to 2101-01-01.
    let within = (946_684_800..4_133_980_800).contains(&at.timestamp());
    within.then_some(at).ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn draft() -> CampaignDraft {
        CampaignDraft {
            external_id: "diwali".to_owned(),
            name: "Diwali".to_owned(),
            channel_id: None,
            state: CampaignState::Active,
            recipients: 10,
            started_at: Some("2026-06-05T06:00:00Z".to_owned()),
            finished_at: None,
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place_in_the_list() {
        let early = Some("2026-06-05T05:59:59Z".to_owned());
        let bad = [
            ("externalId", CampaignDraft { external_id: String::new(), ..draft() }),
            ("externalId", CampaignDraft { external_id: "x".repeat(201), ..draft() }),
            ("name", CampaignDraft { name: " ".to_owned(), ..draft() }),
            ("channelId", CampaignDraft { channel_id: Some("7".to_owned()), ..draft() }),
            ("recipients", CampaignDraft { recipients: -1, ..draft() }),
            ("startedAt", CampaignDraft { started_at: Some("today".to_owned()), ..draft() }),
            ("startedAt", CampaignDraft { started_at: Some("1999-12-31T23:59:59Z".to_owned()), ..draft() }),
            ("finishedAt", CampaignDraft { finished_at: Some("2101-01-01T00:00:00Z".to_owned()), ..draft() }),
            ("finishedAt", CampaignDraft { finished_at: early, ..draft() }),
        ];
        for (field, draft) in bad {
            assert_eq!(draft.check("campaigns[3]").unwrap_err().field, format!("campaigns[3].{field}"));
        }
    }

    #[test]
    fn a_campaign_never_goes_back() {
        let now = "2026-06-05T06:00:00Z".parse().unwrap();
        let done = CampaignDraft { state: CampaignState::Completed, recipients: 12, ..draft() };
        let begun = done.check("c").unwrap().begin(OrganisationId::generate(now), now);
        let late = CampaignDraft { name: "Deepavali".to_owned(), started_at: None, ..draft() };
        let merged = begun.clone().then(late.check("c").unwrap());
        assert_eq!(merged, Campaign { name: "Deepavali".to_owned(), ..begun });
    }

    fn told() -> impl Strategy<Value = NewCampaign> {
        let time =
            || proptest::option::of((0..100_i64).prop_map(|at| chrono::DateTime::from_timestamp(at, 0).unwrap()));
        (0..4_usize, 0..100_i64, time(), time()).prop_map(|(state, recipients, started_at, finished_at)| NewCampaign {
            external_id: "diwali".to_owned(),
            name: "Diwali".to_owned(),
            channel_id: None,
            state: CampaignState::ALL[state],
            recipients,
            started_at,
            finished_at,
        })
    }

    proptest! {
        #[test]
        fn the_order_of_what_is_told_and_its_repetition_change_nothing(
            told in proptest::collection::vec(told(), 1..6),
            order in any::<prop::sample::Index>(),
        ) {
            let now = "2026-06-05T06:00:00Z".parse().unwrap();
            let organisation = OrganisationId::generate(now);
            let of = |told: &[NewCampaign]| {
                let begun = told[0].clone().begin(organisation, now);
                let id = CampaignId::from_uuid(uuid::Uuid::nil());
                Campaign { id, ..told.iter().cloned().fold(begun, Campaign::then) }
            };
            let mut turned = told.clone();
            turned.rotate_left(order.index(told.len()));
            turned.extend(told.iter().rev().cloned());
            prop_assert_eq!(of(&told), of(&turned));
        }
    }
}
