//! What is told of a message in any order.

use proptest::prelude::*;

use super::*;

const START: i64 = 1_780_560_000;

fn at(seconds: i64) -> Instant {
    Instant::from_timestamp(START + seconds, 0).unwrap()
}

pub(super) fn told(life: Life) -> Message {
    let id = |byte: u8| uuid::Uuid::from_bytes([byte; 16]);
    Message {
        organisation_id: OrganisationId::from_uuid(id(1)),
        external_id: "wamid.1".to_owned(),
        channel_id: ChannelId::from_uuid(id(2)),
        direction: Direction::Outbound,
        customer_id: CustomerId::from_uuid(id(3)),
        campaign_id: None,
        conversation_id: None,
        pricing: Pricing::default(),
        life: life.settled(),
        failure: None,
        date: life.settled().created_at.date_naive(),
    }
}

pub(super) fn both(one: Message, other: Message) -> Message {
    one.absorb(other, |at| at.date_naive()).unwrap()
}

#[test]
fn a_message_that_was_read_was_delivered_and_sent() {
    let read = told(Life { read_at: Some(at(9)), ..Life::seen(at(9)) });
    let counts = read.counts();
    assert_eq!((counts.sent, counts.delivered, counts.read, counts.failed, counts.engaged), (1, 1, 1, 0, 1));
    let failed = told(Life { failed_at: Some(at(3)), ..Life::seen(at(0)) });
    assert_eq!((failed.counts().failed, failed.counts().sent), (1, 0));
    assert_eq!(both(failed, read).counts().failed, 0, "what reached the customer did not fail");
}

#[test]
fn a_message_is_one_usage_when_it_has_reached_the_customer() {
    let sent = told(Life { sent_at: Some(at(1)), ..Life::seen(at(0)) });
    let usage = |message: &Message, kind| message.usage("m", kind, None);
    assert_eq!(usage(&sent, ChannelKind::Whatsapp), None);
    let read = both(sent, told(Life { read_at: Some(at(7)), ..Life::seen(at(7)) }));
    let draft = usage(&read, ChannelKind::Whatsapp).unwrap();
    assert_eq!(draft.occurred_at.as_deref(), Some(at(7).to_rfc3339().as_str()));
    assert_eq!((draft.resource_type.as_str(), draft.idempotency_key), ("message", Some(usage_key("wamid.1"))));
    assert_eq!(usage(&read, ChannelKind::Sms), None);
    assert_eq!(usage(&Message { direction: Direction::Inbound, ..read.clone() }, ChannelKind::Whatsapp), None);
    let pricing =
        Pricing { category: Some(UsageCategory::Service), pricing_type: Some("free_customer_service".to_owned()) };
    let free = Message { pricing, ..read };
    assert_eq!(usage(&free, ChannelKind::Whatsapp).unwrap().resource_type, "free_message");
}

#[test]
fn another_customer_is_another_message() {
    let one = told(Life::seen(at(0)));
    let other = Message { direction: Direction::Inbound, ..one.clone() };
    assert_eq!(one.absorb(other, |at| at.date_naive()), Err(Mismatch("direction")));
}

pub(super) fn any_update() -> impl Strategy<Value = Message> {
    let time = || proptest::option::of(0..200_000_i64);
    let pricing = proptest::option::of(prop_oneof![Just("regular"), Just("free_entry_point")]);
    (0..200_000_i64, time(), time(), time(), time(), time(), pricing).prop_map(
        |(created, sent, delivered, read, failed, replied, pricing)| {
            let when = |seconds: Option<i64>| seconds.map(at);
            let life = Life {
                created_at: at(created),
                sent_at: when(sent),
                delivered_at: when(delivered),
                read_at: when(read),
                failed_at: when(failed),
                replied_at: when(replied),
            };
            let pricing = Pricing { category: None, pricing_type: pricing.map(str::to_owned) };
            Message { pricing, ..told(life) }
        },
    )
}

proptest! {
    #[test]
    fn any_order_and_any_repetition_come_to_the_same(one in any_update(), two in any_update(), three in any_update()) {
        let left = both(both(one.clone(), two.clone()), three.clone());
        let right = both(one.clone(), both(three.clone(), two.clone()));
        prop_assert_eq!(&left, &right);
        prop_assert_eq!(&both(left.clone(), two), &left);
        prop_assert_eq!(left.date, left.life.created_at.date_naive());
        prop_assert!(left.life.reached_at().is_none_or(|reached| reached >= left.life.created_at));
    }
}
