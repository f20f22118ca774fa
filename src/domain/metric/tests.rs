//! The worked figures, zero divisors, growth from nothing, and rounding at the half.

use proptest::prelude::*;

use super::*;

fn shown(rates: &[Rate]) -> Vec<String> {
    rates.iter().map(ToString::to_string).collect()
}

#[test]
fn the_worked_rates_come_out_with_two_places() {
    let figures = MessageFigures {
        total: 1_500,
        sent: 1_200,
        delivered: 1_100,
        read: 900,
        failed: 100,
        replied: 300,
        ..MessageFigures::default()
    };
    let period = Period { start: Instant::UNIX_EPOCH, end: Instant::UNIX_EPOCH };
    let all = Figures { messages: figures, ..Figures::default() };
    let MessageMetrics { delivery_rate, read_rate, reply_rate, failure_rate, .. } =
        Metrics::of(&all, period, Instant::UNIX_EPOCH).messages;
    assert_eq!(shown(&[delivery_rate, read_rate, reply_rate, failure_rate]), ["91.67", "81.82", "25.00", "6.67"]);
    // 0.3 x (91.67 + 81.82 + 25.00) - 0.1 x 6.67 = 58.88.
    assert_eq!(campaign_score(delivery_rate, read_rate, reply_rate, failure_rate).to_string(), "58.88");
}

#[test]
fn a_zero_divisor_gives_zero() {
    let all = [
        delivery_rate(0, 0),
        read_rate(5, 0),
        reply_rate(0, 0),
        failure_rate(0, 0),
        engagement_rate(0, 0),
        conversion_rate(1, 0),
        Rate::average(100, 0),
        Rate::mean(100, 0),
        engagement_score(0, 0, None, 0, 0),
    ];
    assert!(all.iter().all(|rate| *rate == Rate::ZERO), "{all:?}");
    let nothing = Metrics::of(
        &Figures::default(),
        Period { start: Instant::UNIX_EPOCH, end: Instant::UNIX_EPOCH },
        Instant::UNIX_EPOCH,
    );
    assert!(nothing.named().iter().all(|named| ["0", "0.00"].contains(&named.value.to_string().as_str())));
}

#[test]
fn the_half_is_rounded_away_from_zero_and_less_is_not() {
    // 1 of 800 is 0.125 per cent, 1 of 801 is less.
    assert_eq!(shown(&[Rate::percent(1, 800), Rate::percent(1, 801)]), ["0.13", "0.12"]);
    assert_eq!(shown(&[Rate::average(1, 8), Rate::mean(5, 2), growth(799, 800)]), ["0.13", "0.03", "-0.13"]);
    assert_eq!(shown(&[Rate::percent(2, 3), Rate::percent(1, 3), Rate::percent(1, 1)]), ["66.67", "33.33", "100.00"]);
}

#[test]
fn growth_from_nothing_is_all_or_nothing() {
    let grown = [growth(0, 0), growth(7, 0), growth(0, 7), growth(15, 10), growth(10, 15), growth(10, 10)];
    assert_eq!(shown(&grown), ["0.00", "100.00", "-100.00", "50.00", "-33.33", "0.00"]);
}

#[test]
fn a_campaign_scores_between_nothing_and_a_hundred() {
    let [none, all] = [Rate::ZERO, Rate::HUNDRED];
    assert_eq!(campaign_score(all, all, all, none).to_string(), "90.00");
    assert_eq!(campaign_score(none, none, none, all), Rate::ZERO, "a failure alone is no less than nothing");
    // 0.3 x 0.05 is 0.015, which is rounded once.
    assert_eq!(campaign_score(Rate::from_hundredths(5), none, none, none).to_string(), "0.02");
}

#[test]
fn a_customer_scores_by_messages_answers_recency_and_campaigns() {
    // 40 + 30 x 5/20 + 20 + 10 x 1/2 = 72.5.
    assert_eq!(engagement_score(20, 5, Some(0), 2, 1).to_string(), "72.50");
    // 6 + 30 x 1/3 + 15 + 10 x 1/3 = 34.33.
    assert_eq!(engagement_score(3, 1, Some(7), 3, 1).to_string(), "34.33");
    assert_eq!(engagement_score(1_000, 1_000, Some(0), 9, 9), Rate::HUNDRED);
    let steps = [0, 6, 7, 29, 30, 89, 90, 179, 180, 10_000].map(|days| engagement_score(0, 0, Some(days), 0, 0));
    let points = ["20.00", "20.00", "15.00", "15.00", "10.00", "10.00", "5.00", "5.00", "0.00", "0.00"];
    assert_eq!(shown(&steps), points);
}

#[test]
fn figures_are_kept_as_json_and_what_an_older_version_lacks_is_nothing() {
    let figures = Figures {
        messages: MessageFigures { total: 3, ..MessageFigures::default() },
        contacts: ContactFigures { scores: 1_250, ..ContactFigures::default() },
        ..Figures::default()
    };
    let json = serde_json::to_string(&figures).unwrap();
    assert_eq!(serde_json::from_str::<Figures>(&json).unwrap(), figures);
    let older = r#"{"messages":{"total":3},"contacts":{"scores":1250}}"#;
    assert_eq!(serde_json::from_str::<Figures>(older).unwrap(), figures);
}

#[test]
fn of_two_periods_counts_add_up_and_the_later_one_says_how_things_stand() {
    let day = |total, contacts, new| Figures {
        messages: MessageFigures { total, ..MessageFigures::default() },
        campaigns: CampaignFigures { total: contacts, messages_sent: new, ..CampaignFigures::default() },
        contacts: ContactFigures { total: contacts, new, ..ContactFigures::default() },
        conversations: ConversationFigures { total, open: 1, ..ConversationFigures::default() },
    };
    let both = day(3, 10, 2).plus(day(4, 15, 5));
    assert_eq!((both.messages.total, both.conversations.total, both.conversations.open), (7, 7, 2));
    assert_eq!((both.contacts.total, both.contacts.new), (15, 7));
    assert_eq!((both.campaigns.total, both.campaigns.messages_sent), (15, 7));
}

proptest! {
    #[test]
    fn a_percentage_is_the_nearest_with_two_places(whole in 1_i64..=i64::MAX, any in 0_i64..i64::MAX) {
        let part = any % whole;
        let rate = Rate::percent(part, whole);
        // 2 x |part x 10000 - hundredths x whole| is at most whole, and of two as near it is the larger.
        let off = i128::from(part) * 10_000 - i128::from(rate.hundredths()) * i128::from(whole);
        prop_assert!(-i128::from(whole) <= 2 * off && 2 * off < i128::from(whole));
    }

    #[test]
    fn a_score_lies_within_its_bounds(
        messages in 0_i64..1_000_000, replied in 0_i64..1_000_000, days in proptest::option::of(0_i64..1_000),
        received in 0_i64..10_000, engaged in 0_i64..10_000, rates in prop::array::uniform4(0_i64..=10_000),
    ) {
        let score = engagement_score(messages, replied, days, received, engaged);
        prop_assert!((Rate::ZERO..=Rate::HUNDRED).contains(&score));
        let [delivery, read, reply, failure] = rates.map(Rate::from_hundredths);
        prop_assert!((Rate::ZERO..=Rate::HUNDRED).contains(&campaign_score(delivery, read, reply, failure)));
    }
}
