//! Messages of the stand-in's accounts, made up from a seed, and the notices that a BSP would give of each.

use chrono::{SubsecRound as _, TimeDelta};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};

use crate::domain::account_usage::UsageCategory;
use crate::domain::clock::Instant;
use crate::domain::recording::Direction;

/// Somebody whom an account talks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimPerson {
    /// In E.164, with the plus sign.
    pub phone: String,
    pub name: String,
}

/// A message with its whole life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimMessage {
    /// What WhatsApp calls it.
    pub id: String,
    pub direction: Direction,
    pub person: SimPerson,
    /// Which message of the other side it answers.
    pub answers: Option<String>,
    pub conversation: String,
    pub category: UsageCategory,
    /// As Meta writes it: `regular`, `free_customer_service`.
    pub pricing_type: &'static str,
    /// When it was sent, or (of a customer's) when it came.
    pub at: Instant,
    pub delivered_at: Option<Instant>,
    pub read_at: Option<Instant>,
    /// One that failed was sent, and nothing more.
    pub failed_at: Option<Instant>,
    /// Which notices of it are given besides the plain ones.
    quirks: Quirks,
}

/// What BSPs do now and then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Quirks {
    /// The price is told with the delivery too.
    prices_delivery: bool,
    /// That it was read is told, and that it was delivered is not.
    hides_delivery: bool,
}

/// What is told of a message at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimNotice {
    pub message: SimMessage,
    pub event: SimEvent,
    pub at: Instant,
}

/// What happened to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimEvent {
    Sent,
    Delivered,
    Read,
    Failed,
    /// A customer's message came.
    Came,
}

impl SimMessage {
    /// Whether it got to the customer.
    pub fn is_delivered(&self) -> bool {
        self.delivered_at.is_some()
    }

    /// What is told of it, in the order in which it happened.
    pub fn notices(&self) -> Vec<SimNotice> {
        let is_inbound = self.direction == Direction::Inbound;
        let delivered_at = self.delivered_at.filter(|_| !(self.quirks.hides_delivery && self.read_at.is_some()));
        let events = [
            (SimEvent::Came, Some(self.at).filter(|_| is_inbound)),
            (SimEvent::Sent, Some(self.at).filter(|_| !is_inbound)),
            (SimEvent::Failed, self.failed_at),
            (SimEvent::Delivered, delivered_at),
            (SimEvent::Read, self.read_at),
        ];
        let told = events.into_iter().filter_map(|(event, at)| Some((event, at?)));
        told.map(|(event, at)| SimNotice { message: self.clone(), event, at }).collect()
    }

    /// Whether the price is told with this event.
    pub(super) fn tells_price(&self, event: SimEvent) -> bool {
        event == SimEvent::Sent || (event == SimEvent::Delivered && self.quirks.prices_delivery)
    }
}

/// Categories, pricing types and their shares in hundredths.
const MIX: [(UsageCategory, &str, u32); 5] = [
    (UsageCategory::Utility, "regular", 36),
    (UsageCategory::Marketing, "regular", 30),
    (UsageCategory::Service, "free_customer_service", 18),
    (UsageCategory::Utility, "free_customer_service", 8),
    (UsageCategory::Authentication, "regular", 8),
];

/// The traffic of an account, the same each time it is made from the same seed.
#[derive(Debug)]
pub struct SimTraffic {
    chance: StdRng,
    /// What the ids of its messages begin with.
    name: String,
    people: Vec<SimPerson>,
    made: u64,
}

impl SimTraffic {
    /// Traffic with `people`. `name` keeps the ids of its messages apart from those of others.
    pub fn new(seed: u64, name: &str, people: Vec<SimPerson>) -> Self {
        Self { chance: StdRng::seed_from_u64(seed), name: name.to_owned(), people, made: 0 }
    }

    /// A message that is sent at `at` and, where the customer answers, the answer; or one that a customer sends. Nothing where nobody is
    /// there to talk to. BSPs tell time in whole seconds, and so are all its times.
    pub fn next(&mut self, at: Instant) -> Vec<SimMessage> {
        let at = at.trunc_subsecs(0);
        if self.people.is_empty() {
            return Vec::new();
        }
        let place = self.chance.random_range(0..self.people.len());
        let person = self.people[place].clone();
        if self.is_one_in_hundred(15) {
            return vec![self.inbound(person, None, at)];
        }
        let mut message = self.outbound(person, at);
        if self.is_one_in_hundred(4) {
            message.failed_at = Some(at + self.seconds(1, 5));
            return vec![message];
        }
        if self.is_one_in_hundred(5) {
            // It waits for a telephone that is switched off.
            return vec![message];
        }
        let delivered_at = at + self.seconds(1, 6);
        message.delivered_at = Some(delivered_at);
        if self.is_one_in_hundred(25) {
            return vec![message];
        }
        let read_at = delivered_at + self.seconds(1, 40);
        message.read_at = Some(read_at);
        if self.is_one_in_hundred(70) {
            return vec![message];
        }
        let came_at = read_at + self.seconds(2, 60);
        let answer = self.inbound(message.person.clone(), Some(message.id.clone()), came_at);
        vec![message, answer]
    }

    /// When each notice is given: mostly when it happened, sometimes late, so that a later one is before it, and sometimes again.
    pub fn deliveries(&mut self, messages: &[SimMessage]) -> Vec<(Instant, SimNotice)> {
        let mut deliveries = Vec::new();
        for notice in messages.iter().flat_map(SimMessage::notices) {
            let late = if self.is_one_in_hundred(12) { self.seconds(3, 30) } else { TimeDelta::zero() };
            let due = notice.at + late;
            if self.is_one_in_hundred(10) {
                deliveries.push((due + self.seconds(1, 20), notice.clone()));
            }
            deliveries.push((due, notice));
        }
        deliveries
    }

    /// All the notices in any order, a good part of them twice.
    pub fn jumble(&mut self, messages: &[SimMessage]) -> Vec<SimNotice> {
        let mut notices: Vec<_> = messages.iter().flat_map(SimMessage::notices).collect();
        let again: Vec<_> = notices.iter().filter(|_| self.is_one_in_hundred(30)).cloned().collect();
        notices.extend(again);
        notices.shuffle(&mut self.chance);
        notices
    }

    fn outbound(&mut self, person: SimPerson, at: Instant) -> SimMessage {
        let mut place = self.chance.random_range(0..MIX.iter().map(|(_, _, share)| share).sum::<u32>());
        let drawn = MIX.iter().find(|(_, _, share)| {
            let hit = place < *share;
            place = place.saturating_sub(*share);
            hit
        });
        let (category, pricing_type, _) = drawn.copied().unwrap_or(MIX[0]);
        SimMessage { category, pricing_type, ..self.message(Direction::Outbound, person, at) }
    }

    fn inbound(&mut self, person: SimPerson, answers: Option<String>, at: Instant) -> SimMessage {
        SimMessage { answers, ..self.message(Direction::Inbound, person, at) }
    }

    fn message(&mut self, direction: Direction, person: SimPerson, at: Instant) -> SimMessage {
        self.made += 1;
        let quirks = Quirks { prices_delivery: self.is_one_in_hundred(50), hides_delivery: self.is_one_in_hundred(10) };
        SimMessage {
            id: format!("wamid.{}.{:08}", self.name, self.made),
            direction,
            conversation: format!("{}.{}.{}", self.name, person.phone.trim_start_matches('+'), at.date_naive()),
            person,
            answers: None,
            category: UsageCategory::Service,
            pricing_type: "free_customer_service",
            at,
            delivered_at: None,
            read_at: None,
            failed_at: None,
            quirks,
        }
    }

    fn is_one_in_hundred(&mut self, share: u32) -> bool {
        self.chance.random_range(0..100) < share
    }

    fn seconds(&mut self, from: i64, to: i64) -> TimeDelta {
        TimeDelta::seconds(self.chance.random_range(from..=to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people() -> Vec<SimPerson> {
        (0..20)
            .map(|number| SimPerson { phone: format!("+9198000000{number:02}"), name: format!("N{number}") })
            .collect()
    }

    fn made(seed: u64) -> Vec<SimMessage> {
        let mut traffic = SimTraffic::new(seed, "shop", people());
        let at: Instant = "2026-06-05T06:00:00Z".parse().unwrap();
        (0..500).flat_map(|number| traffic.next(at + TimeDelta::seconds(number))).collect()
    }

    #[test]
    fn traffic_is_the_same_of_the_same_seed_and_holds_every_fate() {
        let messages = made(7);
        assert_eq!(messages, made(7));
        assert_ne!(messages, made(8));
        let count = |is: fn(&SimMessage) -> bool| messages.iter().filter(|message| is(message)).count();
        assert!(count(|message| message.failed_at.is_some()) > 0);
        assert!(count(|message| message.answers.is_some()) > 0);
        assert!(count(|message| message.direction == Direction::Inbound && message.answers.is_none()) > 0);
        assert!(count(|message| message.read_at.is_some() && message.delivered_at.is_some()) > 100);
        let hidden = |message: &SimMessage| {
            message.read_at.is_some() && !message.notices().iter().any(|notice| notice.event == SimEvent::Delivered)
        };
        assert!(count(hidden) > 0, "some are read and never said to be delivered");
    }

    #[test]
    fn a_jumble_holds_every_notice_at_least_once_and_some_twice() {
        let messages = made(7);
        let mut traffic = SimTraffic::new(1, "shop", people());
        let notices: Vec<_> = messages.iter().flat_map(SimMessage::notices).collect();
        let jumble = traffic.jumble(&messages);
        assert!(jumble.len() > notices.len());
        assert!(notices.iter().all(|notice| jumble.contains(notice)));
        assert!(!jumble.is_sorted_by_key(|notice| notice.at));
        let deliveries = traffic.deliveries(&messages);
        assert!(deliveries.iter().any(|(due, notice)| *due > notice.at) && deliveries.len() > notices.len());
    }
}
