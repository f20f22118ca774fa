//! Messages over the store: any order, any repetition and any split of what is told come to the same rows, counters and usage.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{NaiveDate, TimeDelta};
use entity::{campaign, campaign_day, contact, contact_day, conversation, customer, message, metric_day, usage_record};
use futures::future::join_all;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use sea_orm::{ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _};
use uuid::Uuid;
use wabacus::domain::account_usage::UsageCategory;
use wabacus::domain::channel::ChannelKind;
use wabacus::domain::clock::Instant;
use wabacus::domain::id::{CampaignId, ChannelId, OrganisationId};
use wabacus::domain::message::{ConversationUpdate, Life, Outcome, Pricing, Update};
use wabacus::domain::phone::PhoneNumber;
use wabacus::domain::recording::Direction;
use wabacus::domain::usage::UsageRecord;
use wabacus::service::access::Caller;
use wabacus::service::ledger::LedgerService;
use wabacus::service::message::MessageService;
use wabacus::store::{self, Store};

use crate::harness::{Database, stories, write};
use crate::ledger::{all_records, assert_counted, core, invoice, shop};
use crate::sample::{channel, now};

stories! {
    any_order_any_split_and_any_repetition_give_the_same_messages,
    what_two_nodes_are_told_at_once_is_joined,
    a_conversation_whose_messages_go_elsewhere_is_gone,
    what_becomes_known_late_restates_the_usage,
    a_record_that_something_was_built_on_stays,
    what_the_ledger_cannot_count_is_a_message_all_the_same,
    a_batch_that_fails_is_no_other_batchs_trouble,
}

/// An organisation that talks to people on two channels, in two campaigns.
#[derive(Debug, Clone)]
struct Shop {
    id: OrganisationId,
    channels: Vec<ChannelId>,
    campaigns: Vec<CampaignId>,
}

async fn talking_shop(database: &Database, name: &str) -> Shop {
    let id = shop(database, name).await;
    let mut channels = Vec::new();
    for kind in [ChannelKind::Whatsapp, ChannelKind::Sms] {
        let mut channel = channel(id, &format!("{name} {kind}"));
        channel.kind = kind;
        channel.account = channel.account.filter(|_| kind == ChannelKind::Whatsapp);
        write!(database, |tx| store::channel::insert(&tx, &channel, None, now())).unwrap();
        channels.push(channel.id);
    }
    let mut campaigns = Vec::new();
    for external_id in ["spring", "summer"] {
        let campaign = CampaignId::generate(now());
        let row = campaign::Model {
            id: campaign.uuid(),
            organisation_id: id.uuid(),
            external_id: external_id.to_owned(),
            name: external_id.to_owned(),
            channel_id: None,
            state: "ACTIVE".to_owned(),
            recipients: 0,
            started_at: None,
            finished_at: None,
            created_at: now(),
            updated_at: now(),
        };
        let tx = database.store.begin().await.unwrap();
        row.into_active_model().insert(&tx).await.unwrap();
        Store::commit(tx).await.unwrap();
        campaigns.push(campaign);
    }
    Shop { id, channels, campaigns }
}

fn phone(number: usize) -> PhoneNumber {
    PhoneNumber::parse("phone", &format!("+9198000{number:05}")).unwrap()
}

fn at(minutes: i64) -> Instant {
    now() - TimeDelta::days(9) + TimeDelta::minutes(minutes)
}

impl Shop {
    /// A message of which only its beginning is known.
    fn told(&self, external_id: &str, life: Life) -> Update {
        Update {
            field: external_id.to_owned(),
            external_id: external_id.to_owned(),
            channel_id: self.channels[0],
            direction: Direction::Outbound,
            phone: phone(0),
            customer_name: None,
            campaign_id: None,
            conversation_id: None,
            conversation_expires_at: None,
            pricing: Pricing::default(),
            life,
            failure: None,
        }
    }
}

/// What may be told, in a form that any shop can be told of.
#[derive(Debug, Clone)]
enum Told {
    Message {
        message: usize,
        times: [Option<i64>; 6],
        free: Option<bool>,
        category: Option<usize>,
        campaign: Option<usize>,
        conversation: Option<usize>,
    },
    Conversation {
        conversation: usize,
        opened: i64,
        closed: Option<i64>,
        response: Option<i64>,
    },
}

/// How many messages are told of.
const MESSAGES: usize = 9;

fn any_told() -> impl Strategy<Value = Told> {
    let minutes = 0..6_000_i64;
    let time = prop::option::weighted(0.35, minutes.clone());
    let times = (minutes.clone().prop_map(Some), time.clone(), time.clone(), time.clone(), time.clone(), time.clone());
    let times = times.prop_map(|(a, b, c, d, e, f)| [a, b, c, d, e, f]);
    let of = |most: usize| prop::option::weighted(0.5, 0..most);
    let message = (0..MESSAGES, times, prop::option::of(any::<bool>()), of(3), of(2), of(2)).prop_map(
        |(message, times, free, category, campaign, conversation)| Told::Message {
            message,
            times,
            free,
            category,
            campaign,
            conversation,
        },
    );
    let told =
        (0..4_usize, minutes.clone(), time.clone(), time).prop_map(|(conversation, opened, closed, response)| {
            Told::Conversation { conversation, opened, closed, response }
        });
    prop_oneof![8 => message, 1 => told]
}

impl Told {
    fn of(&self, shop: &Shop) -> Result<Update, ConversationUpdate> {
        match *self {
            Self::Message { message, times, free, category, campaign, conversation } => {
                let categories = [UsageCategory::Marketing, UsageCategory::Utility, UsageCategory::Service];
                let time = |place: usize| times[place].map(at);
                let life = Life {
                    sent_at: time(1),
                    delivered_at: time(2),
                    read_at: time(3),
                    failed_at: time(4),
                    replied_at: time(5),
                    ..Life::seen(time(0).unwrap())
                };
                // Which channel, direction and customer it has is of the message; a third of them are told of in two conversations.
                let is_torn = message % 3 == 0;
                let conversation = conversation.map(|one| if is_torn { one } else { message % 3 + 1 });
                let expires_at = conversation
                    .filter(|_| !is_torn)
                    .map(|number| at(9_000 + i64::try_from(message * 7 + number).unwrap()));
                Ok(Update {
                    channel_id: shop.channels[usize::from(message % 4 == 3)],
                    direction: if message % 5 == 4 { Direction::Inbound } else { Direction::Outbound },
                    phone: phone(message % 4),
                    customer_name: Some(format!("customer {}", message % 4)),
                    campaign_id: campaign.map(|number| shop.campaigns[number]),
                    conversation_id: conversation.map(|number| format!("talk {number}")),
                    conversation_expires_at: expires_at,
                    pricing: Pricing {
                        category: category.map(|number| categories[number]),
                        pricing_type: free
                            .map(|free| if free { "free_customer_service" } else { "regular" }.to_owned()),
                    },
                    failure: time(4).map(|_| "131026".to_owned()),
                    ..shop.told(&format!("wamid.{message}"), life)
                })
            }
            Self::Conversation { conversation, opened, closed, response } => Err(ConversationUpdate {
                field: "conversation".to_owned(),
                external_id: format!("talk {conversation}"),
                channel_id: shop.channels[0],
                opened_at: at(opened),
                closed_at: closed.map(|closed| at(opened + closed)),
                first_response_at: response.map(|response| at(opened + response)),
            }),
        }
    }
}

/// Tells in batches of `size`.
async fn tell(service: &MessageService, shop: &Shop, told: &[Told], size: usize) {
    for batch in told.chunks(size) {
        let (mut updates, mut conversations) = (Vec::new(), Vec::new());
        for told in batch {
            match told.of(shop) {
                Ok(update) => updates.push(update),
                Err(conversation) => conversations.push(Ok(conversation)),
            }
        }
        let mut outcomes = Vec::new();
        if !updates.is_empty() {
            outcomes.extend(service.receive(shop.id, updates).await.unwrap());
        }
        if !conversations.is_empty() {
            outcomes
                .extend(service.upsert_conversations(&Caller::command_line(), shop.id, conversations).await.unwrap());
        }
        for outcome in outcomes {
            assert!(matches!(outcome, Outcome::Recorded { .. } | Outcome::Duplicate), "{outcome:?}");
        }
    }
}

/// All that is kept of a shop, without what no two have in common: ids, and when somebody heard of it.
async fn kept(database: &Database, shop: &Shop) -> BTreeSet<String> {
    let db = database.store.read();
    let id = shop.id.uuid();
    let mut names: HashMap<String, String> = HashMap::from([(id.to_string(), "shop".to_owned())]);
    for (number, channel) in shop.channels.iter().enumerate() {
        names.insert(channel.uuid().to_string(), format!("channel {number}"));
    }
    for (number, campaign) in shop.campaigns.iter().enumerate() {
        names.insert(campaign.uuid().to_string(), format!("campaign {number}"));
    }
    let customers = customer::Entity::find().filter(customer::Column::OrganisationId.eq(id)).all(db).await.unwrap();
    for customer in &customers {
        names.insert(customer.id.to_string(), customer.phone.clone());
    }
    let mut rows: BTreeSet<String> =
        customers.iter().map(|row| format!("{} {:?} {}", row.phone, row.name, row.registered)).collect();
    macro_rules! keep {
        ($($table:ident),*) => {
            $(
                let found = $table::Entity::find().filter($table::Column::OrganisationId.eq(id)).all(db).await.unwrap();
                rows.extend(found.into_iter().map(|row| format!("{row:?}")));
            )*
        };
    }
    keep!(message, conversation, contact, metric_day, campaign_day, contact_day);
    let records =
        usage_record::Entity::find().filter(usage_record::Column::OrganisationId.eq(id)).all(db).await.unwrap();
    let plain = |row: usage_record::Model| usage_record::Model { id: Uuid::nil(), content_hash: Vec::new(), ..row };
    rows.extend(records.into_iter().map(|row| format!("{:?}", plain(row))));
    let relabel = |row: String| names.iter().fold(row, |row, (id, name)| row.replace(id, name));
    rows.into_iter().map(relabel).collect()
}

type Counted = BTreeMap<String, Vec<i64>>;

fn count(counted: &mut Counted, key: String, values: &[i64]) {
    let sums = counted.entry(key).or_insert_with(|| vec![0; values.len()]);
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

/// The counters as they are kept.
async fn kept_counters(database: &Database, shop: &Shop) -> Counted {
    let (db, id) = (database.store.read(), shop.id.uuid());
    let mut kept = Counted::new();
    for row in metric_day::Entity::find().filter(metric_day::Column::OrganisationId.eq(id)).all(db).await.unwrap() {
        let key = format!("day {} {}", row.date, row.channel_id);
        let messages =
            [row.total, row.inbound, row.outbound, row.sent, row.delivered, row.read, row.failed, row.replied];
        let rest = [row.conversations, row.responses, row.response_seconds, row.contacts_new];
        count(&mut kept, key, &[&messages[..], &rest].concat());
    }
    for row in campaign_day::Entity::find().filter(campaign_day::Column::OrganisationId.eq(id)).all(db).await.unwrap() {
        let key = format!("campaign {} {} {}", row.date, row.channel_id, row.campaign_id);
        let values = [row.total, row.sent, row.delivered, row.read, row.failed, row.replied, row.engaged];
        count(&mut kept, key, &values);
    }
    for row in contact_day::Entity::find().filter(contact_day::Column::OrganisationId.eq(id)).all(db).await.unwrap() {
        let key = format!("contact {} {} {} {}", row.date, row.channel_id, row.campaign_id, row.customer_id);
        count(&mut kept, key, &[row.messages, row.delivered, row.engaged, row.replied]);
    }
    kept
}

/// The counters as they are kept, and as they come out of the messages, one by one.
async fn assert_recounted(database: &Database, shop: &Shop) {
    let db = database.store.read();
    let id = shop.id.uuid();
    let (kept, mut counted) = (kept_counters(database, shop).await, Counted::new());
    assert!(kept.values().all(|values| values.iter().any(|value| *value != 0)), "what counts nothing is gone");

    let zone = wabacus::domain::period::Zone::from_name("Asia/Kolkata").unwrap();
    let mut firsts: BTreeMap<(Uuid, Uuid), NaiveDate> = BTreeMap::new();
    let mut used = BTreeMap::new();
    let messages = message::Entity::find().filter(message::Column::OrganisationId.eq(id)).all(db).await.unwrap();
    for row in &messages {
        assert_eq!(row.date, zone.date(row.created_at));
        let is_out = row.direction == "OUTBOUND";
        let reached_at = [row.delivered_at, row.read_at, row.replied_at].into_iter().flatten().min();
        let is = |is: bool| i64::from(is && is_out);
        let (delivered, read) = (is(reached_at.is_some()), is(row.read_at.is_some()));
        let (sent, replied) = (is(row.sent_at.is_some() || reached_at.is_some()), is(row.replied_at.is_some()));
        let failed = is(row.failed_at.is_some() && reached_at.is_none());
        let engaged = is(row.read_at.is_some() || row.replied_at.is_some());
        let (date, channel, customer) = (row.date, row.channel_id, row.customer_id);
        let values = [1, i64::from(!is_out), is(true), sent, delivered, read, failed, replied, 0, 0, 0, 0];
        count(&mut counted, format!("day {date} {channel}"), &values);
        if let Some(campaign) = row.campaign_id {
            let values = [1, sent, delivered, read, failed, replied, engaged];
            count(&mut counted, format!("campaign {date} {channel} {campaign}"), &values);
        }
        let campaign = row.campaign_id.unwrap_or_default();
        let values = [1, delivered, engaged, replied];
        count(&mut counted, format!("contact {date} {channel} {campaign} {customer}"), &values);
        for channel in [channel, Uuid::nil()] {
            firsts.entry((channel, customer)).and_modify(|first| *first = date.min(*first)).or_insert(date);
        }
        if is_out && row.channel_id == shop.channels[0].uuid() {
            let kind = if row.pricing_type.starts_with("free") { "free_message" } else { "message" };
            used.extend(reached_at.map(|at| (row.external_id.clone(), (at, kind.to_owned(), row.category.clone()))));
        }
    }
    for ((channel, _), date) in &firsts {
        count(&mut counted, format!("day {date} {channel}"), &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }
    let talks = conversation::Entity::find().filter(conversation::Column::OrganisationId.eq(id)).all(db).await.unwrap();
    for row in talks {
        assert_eq!(row.date, zone.date(row.opened_at));
        let own = || messages.iter().filter(|message| message.conversation_id.as_ref() == Some(&row.external_id));
        assert_eq!(Some(row.opened_at), own().map(|message| message.created_at).chain(row.told_opened_at).min());
        let asked_at = own().filter(|message| message.direction == "INBOUND").map(|message| message.created_at).min();
        let answers = own().filter(|message| message.direction == "OUTBOUND").map(|message| message.created_at);
        let answers = answers.filter(|at| asked_at.is_some_and(|asked_at| *at >= asked_at));
        assert_eq!(
            (asked_at, answers.chain(row.told_response_at).min()),
            (row.first_inbound_at, row.first_response_at)
        );
        let waited = row.first_response_at.zip(asked_at.or(row.told_response_at.and(row.told_opened_at)));
        let seconds = waited.map(|(answered, asked)| (answered - asked).num_seconds().max(0));
        let values = [0, 0, 0, 0, 0, 0, 0, 0, 1, i64::from(seconds.is_some()), seconds.unwrap_or(0), 0];
        count(&mut counted, format!("day {} {}", row.date, row.channel_id), &values);
    }
    assert_eq!(kept, counted);

    let query = usage_record::Entity::find().filter(usage_record::Column::OrganisationId.eq(id));
    let records = query.all(db).await.unwrap().into_iter();
    let records = records.map(|row| (row.resource_id.unwrap(), (row.occurred_at, row.resource_type, row.category)));
    assert_eq!(records.collect::<BTreeMap<_, _>>(), used);
}

async fn any_order_any_split_and_any_repetition_give_the_same_messages(database: &Database) {
    let mut runner = TestRunner::deterministic();
    let service = MessageService::new(core(database.store.clone()));
    for turn in 0..6 {
        let strategy = (prop::collection::vec(any_told(), 5..45), any::<prop::sample::Index>(), 1..30_usize);
        let (told, index, size) = strategy.new_tree(&mut runner).unwrap().current();
        let shops = [
            talking_shop(database, &format!("one by one {turn}")).await,
            talking_shop(database, &format!("at once {turn}")).await,
            talking_shop(database, &format!("otherwise {turn}")).await,
        ];
        tell(&service, &shops[0], &told, 1).await;
        tell(&service, &shops[1], &told, told.len()).await;
        let mut other: Vec<_> = told.iter().chain(&told).cloned().collect();
        other.reverse();
        let middle = index.index(other.len());
        other.rotate_left(middle);
        tell(&service, &shops[2], &other, size).await;

        let expected = kept(database, &shops[0]).await;
        for shop in &shops {
            assert_recounted(database, shop).await;
            let found = kept(database, shop).await;
            assert_eq!(expected.symmetric_difference(&found).collect::<Vec<_>>(), Vec::<&String>::new());
        }
        assert_counted(database).await;
    }
}

async fn what_two_nodes_are_told_at_once_is_joined(database: &Database) {
    let mut runner = TestRunner::deterministic();
    let told = prop::collection::vec(any_told(), 60..61).new_tree(&mut runner).unwrap().current();
    let (alone, together) = (talking_shop(database, "alone").await, talking_shop(database, "together").await);
    let nodes =
        [MessageService::new(core(database.store.clone())), MessageService::new(core(database.open_again().await))];
    tell(&nodes[0], &alone, &told, 7).await;
    let tellers = (0..8_usize).map(|teller| {
        let (service, shop, mut told) = (nodes[teller % 2].clone(), together.clone(), told.clone());
        told.rotate_left(teller * 7);
        if teller % 3 == 0 {
            told.reverse();
        }
        tokio::spawn(async move { tell(&service, &shop, &told, 5 + teller).await })
    });
    for told in join_all(tellers).await {
        told.unwrap();
    }
    assert_recounted(database, &together).await;
    let (expected, found) = (kept(database, &alone).await, kept(database, &together).await);
    assert_eq!(expected.symmetric_difference(&found).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_counted(database).await;
}

async fn a_conversation_whose_messages_go_elsewhere_is_gone(database: &Database) {
    let (shop, service) = (talking_shop(database, "shop").await, MessageService::new(core(database.store.clone())));
    for name in ["later", "earlier"] {
        let told = Update { conversation_id: Some(name.to_owned()), ..shop.told("wamid.1", Life::seen(at(0))) };
        service.receive(shop.id, vec![told]).await.unwrap();
    }
    let talks = conversation::Entity::find().all(database.store.read()).await.unwrap();
    assert_eq!(talks.iter().map(|talk| talk.external_id.as_str()).collect::<Vec<_>>(), ["earlier"]);
    assert_recounted(database, &shop).await;
}

/// Tells one update; the record that it made or changed.
async fn usage_of(service: &MessageService, shop: &Shop, update: Update) -> Option<UsageRecord> {
    match service.receive(shop.id, vec![update]).await.unwrap().remove(0) {
        Outcome::Recorded { usage } => usage.map(|record| *record),
        other @ (Outcome::Duplicate | Outcome::Conflict(_) | Outcome::Rejected(_)) => panic!("{other:?}"),
    }
}

async fn what_becomes_known_late_restates_the_usage(database: &Database) {
    let (shop, service) = (talking_shop(database, "shop").await, MessageService::new(core(database.store.clone())));
    let read = Life { read_at: Some(at(3_000)), ..Life::seen(at(3_000)) };
    let made = usage_of(&service, &shop, shop.told("wamid.1", read)).await.unwrap();
    assert_eq!((made.occurred_at, made.resource.category), (at(3_000), None));
    assert_eq!(made.resource.country.as_ref().map(ToString::to_string).as_deref(), Some("IN"));
    let delivered = Life { delivered_at: Some(at(5)), ..Life::seen(at(0)) };
    let marketing = Pricing { category: Some(UsageCategory::Marketing), pricing_type: Some("regular".to_owned()) };
    let told = Update { pricing: marketing, ..shop.told("wamid.1", delivered) };
    let restated = usage_of(&service, &shop, told).await.unwrap();
    assert_eq!((restated.id, restated.occurred_at), (made.id, at(5)));
    assert_eq!(restated.resource.category, Some(UsageCategory::Marketing));
    assert!(restated.date < made.date);
    let later = Life { read_at: Some(at(9)), ..Life::seen(at(9)) };
    assert_eq!(usage_of(&service, &shop, shop.told("wamid.1", later)).await, None, "it is the same usage");
    assert_eq!(all_records(database).await.len(), 1);
    assert_recounted(database, &shop).await;
    assert_counted(database).await;
}

async fn a_record_that_something_was_built_on_stays(database: &Database) {
    let core = core(database.store.clone());
    let (shop, service, ledger) =
        (talking_shop(database, "shop").await, MessageService::new(core.clone()), LedgerService::new(core));
    let reached =
        |name: &str, minutes: i64| shop.told(name, Life { delivered_at: Some(at(minutes)), ..Life::seen(at(minutes)) });
    let corrected = usage_of(&service, &shop, reached("corrected", 3_000)).await.unwrap();
    ledger.void(&Caller::command_line(), corrected.id, "a mistake").await.unwrap();
    // May is closed after it was recorded.
    let billed = usage_of(&service, &shop, reached("billed", 3_000)).await.unwrap();
    invoice(database, shop.id, "2026-05-01", "FINALIZED").await;
    for name in ["corrected", "billed"] {
        assert_eq!(usage_of(&service, &shop, reached(name, 1_000)).await, None, "{name}");
    }
    let records = all_records(database).await;
    assert!(records.iter().all(|record| record.occurred_at == at(3_000)));
    assert_eq!(billed.billing_month.to_string(), "2026-05");
    assert_counted(database).await;
}

async fn what_the_ledger_cannot_count_is_a_message_all_the_same(database: &Database) {
    let (shop, service) = (talking_shop(database, "shop").await, MessageService::new(core(database.store.clone())));
    let reached = |name: &str, at: Instant| shop.told(name, Life { delivered_at: Some(at), ..Life::seen(at) });
    let old = now() - TimeDelta::days(40);
    assert_eq!(usage_of(&service, &shop, reached("old", old)).await, None);
    // The first fills the counter of the hour to the brim.
    usage_of(&service, &shop, reached("first", at(0))).await.unwrap();
    let tx = database.store.begin().await.unwrap();
    let brim = sea_orm::sea_query::Expr::value(i64::MAX - 500_000);
    entity::usage_hour::Entity::update_many()
        .col_expr(entity::usage_hour::Column::QuantityMicros, brim)
        .exec(&tx)
        .await
        .unwrap();
    Store::commit(tx).await.unwrap();
    let both = vec![reached("second", at(0)), reached("third", at(600))];
    let outcomes = service.receive(shop.id, both).await.unwrap();
    let has_usage: Vec<_> =
        outcomes.iter().map(|outcome| matches!(outcome, Outcome::Recorded { usage: Some(_) })).collect();
    assert_eq!(has_usage, [false, true]);
    assert_eq!(message::Entity::find().all(database.store.read()).await.unwrap().len(), 4);
}

async fn a_batch_that_fails_is_no_other_batchs_trouble(database: &Database) {
    let (shop, service) = (talking_shop(database, "shop").await, MessageService::new(core(database.store.clone())));
    let other = talking_shop(database, "other").await;
    let unknown = OrganisationId::generate(now());
    let update = |name: &str| shop.told(name, Life::seen(at(0)));
    let foreign = Update { channel_id: other.channels[0], ..update("foreign") };
    let strange = Update { campaign_id: Some(other.campaigns[0]), ..update("strange") };
    let calls = [(shop.id, vec![update("one"), foreign, strange]), (unknown, vec![update("two")])];
    let answers = join_all(calls.map(|(of, updates)| service.receive(of, updates))).await;
    let [ours, unknown] = answers.try_into().unwrap();
    let told = ours.unwrap().into_iter().map(|outcome| match outcome {
        Outcome::Rejected(refusal) => refusal.field().to_owned(),
        other @ (Outcome::Recorded { .. } | Outcome::Duplicate | Outcome::Conflict(_)) => format!("{other:?}"),
    });
    assert_eq!(told.collect::<Vec<_>>(), ["Recorded { usage: None }", "foreign.channelId", "strange.campaignId"]);
    assert!(unknown.is_err(), "{unknown:?}");
    assert_eq!(message::Entity::find().all(database.store.read()).await.unwrap().len(), 1);
}
