//! Parts of allowances that are held for somebody, many callers in one transaction.
//!
//! The counters are held in the order that everybody holds them in, the callers are served one after the other in memory, and each counter
//! is written once: however many call, no two are granted the same part.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::show::{checked_quantity, concerned};
use super::{AllowanceService, hand_over};
use crate::domain::allowance::{
    Allowance, Book, Counter, CounterKey, Lot, Reservation, ReservationState, Rule, Scope, Standing,
};
use crate::domain::clock::Instant;
use crate::domain::id::{ChannelId, OrganisationId, ReservationId};
use crate::domain::input::BadInput;
use crate::domain::quantity::Quantity;
use crate::service::access::Caller;
use crate::service::core::UnitOfWork;
use crate::service::lane::{self, Answer, Failure};
use crate::service::{Core, ServiceError};
use crate::store;
use crate::store::allowance::Held;
use crate::store::allowance::reservation::Todays;

/// The longest that something is held, in seconds.
pub const TTL_SECONDS_MAX: i32 = 86_400;

/// How many reservations of an allowance may be open.
pub const OPEN_MAX: i64 = 10_000;

/// How many reservations are looked after in one statement.
const SWEEP: u64 = 500;

/// A reservation, and the allowance as it is with it.
#[derive(Debug, Clone)]
pub struct Reserved {
    pub reservation: Reservation,
    /// The channel's if it was reserved for one, else the organisation's.
    pub allowance: Allowance,
}

impl Reserved {
    /// How many whole units.
    pub fn quantity(&self) -> i64 {
        self.reservation.quantity.micros() / Quantity::ONE.micros()
    }
}

/// What somebody asks for.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    organisation: OrganisationId,
    channel: Option<ChannelId>,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Reserve { quantity: Quantity, ttl: TimeDelta },
    Commit(ReservationId),
    Release(ReservationId),
}

impl Ask {
    fn id(&self) -> Option<ReservationId> {
        match self.what {
            What::Reserve { .. } => None,
            What::Commit(id) | What::Release(id) => Some(id),
        }
    }
}

impl AllowanceService {
    /// Holds a part of an organisation's allowance and, if a channel is named, of the channel's own, until it is committed, released, or
    /// its time is up. Under the policy `BLOCK` it is a conflict where it would go beyond a limit.
    pub async fn reserve(
        &self,
        caller: &Caller,
        organisation: OrganisationId,
        channel: Option<ChannelId>,
        quantity: i32,
        ttl_seconds: i32,
    ) -> Result<Reserved, ServiceError> {
        let organisation = caller.reach_to_record(Some(organisation))?;
        let quantity = checked_quantity(quantity)?;
        if !(1..=TTL_SECONDS_MAX).contains(&ttl_seconds) {
            let accepted = format!("expected 1 to {TTL_SECONDS_MAX}");
            return Err(BadInput::new("ttlSeconds", ttl_seconds, accepted).into());
        }
        let what = What::Reserve { quantity, ttl: TimeDelta::seconds(ttl_seconds.into()) };
        self.ask(Ask { organisation, channel, what }).await
    }

    /// Counts what was reserved as used, on the present day; said twice, it is done once. To be said before it is used, for records take the
    /// place only of what was committed before them.
    pub async fn commit(&self, caller: &Caller, id: ReservationId) -> Result<Allowance, ServiceError> {
        self.end(caller, id, What::Commit(id)).await
    }

    /// Gives back what was reserved; said twice, it is done once.
    pub async fn release(&self, caller: &Caller, id: ReservationId) -> Result<Allowance, ServiceError> {
        self.end(caller, id, What::Release(id)).await
    }

    async fn end(&self, caller: &Caller, id: ReservationId, what: What) -> Result<Allowance, ServiceError> {
        caller.require_record()?;
        let found = store::allowance::reservation::find(self.core.store().read(), id).await?;
        let scopes: Vec<_> = found.into_iter().map(|reservation| reservation.scope).collect();
        let organisation = scopes.first().map(|scope| scope.organisation_id);
        let organisation = organisation.filter(|organisation| caller.may_see(*organisation));
        let organisation = organisation.ok_or(ServiceError::NotFound("reservation"))?;
        let channel = scopes.iter().find_map(|scope| scope.channel_id);
        Ok(self.ask(Ask { organisation, channel, what }).await?.allowance)
    }

    async fn ask(&self, ask: Ask) -> Result<Reserved, ServiceError> {
        let answer = self.lanes.record(&self.core, ask).await?.pop();
        answer.ok_or_else(|| ServiceError::Internal("a reservation has no outcome".into()))
    }
}

impl lane::Batch for Ask {
    type Outcome = Reserved;

    fn organisation(&self) -> OrganisationId {
        self.organisation
    }

    fn size(&self) -> usize {
        1
    }

    fn singly(self) -> Vec<Self> {
        vec![self]
    }

    async fn write(core: &Core, asks: &[Self]) -> Result<Vec<Answer<Reserved>>, Failure> {
        let mut work = core.begin().await.map_err(Failure::NotBegun)?;
        let mut desk = Desk::open(&mut work, asks).await?;
        let mut answers = Vec::with_capacity(asks.len());
        for ask in asks {
            answers.push(desk.serve(ask)?.map(|reserved| vec![reserved]));
        }
        // Nothing is written for those who were only refused.
        if desk.is_touched() {
            desk.close(&mut work).await?;
            work.commit().await?;
        }
        Ok(answers)
    }

    async fn too_much(_: &Core, _: Self) -> Answer<Reserved> {
        Err(ServiceError::Conflict("a sum would be too large to be kept".to_owned()))
    }
}

/// The counters and reservations that some asks are about, held until the transaction ends.
struct Desk {
    now: Instant,
    rules: BTreeMap<Scope, Rule>,
    before: Book,
    book: Book,
    /// As they are or are going to be.
    reservations: BTreeMap<ReservationId, Vec<Reservation>>,
    changed: BTreeSet<ReservationId>,
}

impl Desk {
    async fn open(work: &mut UnitOfWork<'_>, asks: &[Ask]) -> Result<Self, Failure> {
        let (tx, now) = (work.tx(), work.now());
        let organisations = asks.iter().map(|ask| ask.organisation).collect();
        let channels = asks.iter().filter_map(|ask| ask.channel).collect();
        let rules = store::allowance::rules(tx, &organisations, &channels, Held::Shared).await?;
        let todays = todays(&rules, now);
        let lots = age(work, &todays).await?;
        let ids: BTreeSet<_> = asks.iter().filter_map(Ask::id).collect();
        let ids: Vec<_> = ids.into_iter().collect();
        let mut reservations: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for reservation in store::allowance::reservation::hold(tx, &ids).await? {
            reservations.entry(reservation.id).or_default().push(reservation);
        }
        let mut keys: BTreeSet<_> = reservations.values().flatten().flat_map(Reservation::counters).collect();
        keys.extend(rules.values().flat_map(|rule| CounterKey::both(rule.scope, rule.zone.date(now))));
        keys.extend(keys_of(&lots, &todays));
        let before = Book::new(store::allowance::counter::hold(tx, &keys).await?);
        let mut book = before.clone();
        pass(&mut book, &lots, &todays)?;
        Ok(Self { now, rules, before, book, reservations, changed: BTreeSet::new() })
    }

    /// Does what is asked for; the inner error is an answer, the outer one nobody's.
    fn serve(&mut self, ask: &Ask) -> Result<Result<Reserved, ServiceError>, Failure> {
        let done = match ask.what {
            What::Reserve { quantity, ttl } => self.reserve(ask, quantity, ttl)?,
            What::Commit(id) => self.commit(id)?,
            What::Release(id) => self.release(id)?,
        };
        let id = match done {
            Ok(id) => id,
            Err(refused) => return Ok(Err(refused)),
        };
        let held = self.reservations.get(&id).and_then(|held| held.iter().max_by_key(|one| one.scope));
        let Some(reservation) = held else { return Ok(Err(ServiceError::NotFound("reservation"))) };
        let Some(rule) = self.rules.get(&reservation.scope) else { return Ok(Err(ServiceError::NotFound("channel"))) };
        let allowance = self.book.allowance(rule, self.now)?;
        Ok(Ok(Reserved { reservation: reservation.clone(), allowance }))
    }

    fn reserve(&mut self, ask: &Ask, quantity: Quantity, ttl: TimeDelta) -> Result<Served, Failure> {
        let now = self.now;
        let rules = match concerned(&self.rules, ask.organisation, ask.channel) {
            Ok(rules) => rules,
            Err(refused) => return Ok(Err(refused)),
        };
        if rules.iter().any(|rule| self.book.open(rule, now) >= OPEN_MAX) {
            let reason = format!("{OPEN_MAX} reservations are open already; commit or release some of them");
            return Ok(Err(ServiceError::Conflict(reason)));
        }
        if let Some(refused) = self.book.refuse(&rules, now, quantity)? {
            return Ok(Err(ServiceError::Conflict(refused.to_string())));
        }
        let (id, expires_at) = (ReservationId::generate(now), now + ttl);
        let held = rules.iter().map(|rule| Reservation {
            id,
            scope: rule.scope,
            quantity,
            state: ReservationState::Open,
            day: rule.zone.date(now),
            expires_at,
            due_at: Some(expires_at),
            marks: (Quantity::ZERO, Quantity::ZERO),
            upto: None,
            created_at: now,
        });
        let mut held: Vec<_> = held.collect();
        for reservation in &mut held {
            self.book.reserve(reservation)?;
        }
        self.reservations.insert(id, held);
        self.changed.insert(id);
        Ok(Ok(id))
    }

    fn commit(&mut self, id: ReservationId) -> Result<Served, Failure> {
        let now = self.now;
        self.end(id, |book, reservation| match reservation.state {
            ReservationState::Open => Ok(Ok(book.commit(reservation, now).map(|()| true)?)),
            ReservationState::Committed => Ok(Ok(false)),
            ReservationState::Released => Ok(Err("the reservation was released; reserve again".to_owned())),
            ReservationState::Expired => {
                let at = reservation.expires_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
                Ok(Err(format!("the reservation expired at {at}; reserve again")))
            }
        })
    }

    fn release(&mut self, id: ReservationId) -> Result<Served, Failure> {
        self.end(id, |book, reservation| match reservation.state {
            ReservationState::Open => Ok(Ok(book.release(reservation).map(|()| true)?)),
            ReservationState::Released | ReservationState::Expired => Ok(Ok(false)),
            ReservationState::Committed => Ok(Err("the reservation was committed, so it is used".to_owned())),
        })
    }

    /// Ends a reservation of all allowances that it is of. `end` says whether it changed something, or why it may not.
    fn end(
        &mut self,
        id: ReservationId,
        end: impl Fn(&mut Book, &mut Reservation) -> Result<Result<bool, String>, Failure>,
    ) -> Result<Served, Failure> {
        let Some(held) = self.reservations.get_mut(&id) else {
            return Ok(Err(ServiceError::NotFound("reservation")));
        };
        for reservation in held {
            match end(&mut self.book, reservation)? {
                Ok(true) => drop(self.changed.insert(id)),
                Ok(false) => {}
                Err(reason) => return Ok(Err(ServiceError::Conflict(reason))),
            }
        }
        Ok(Ok(id))
    }

    /// Whether anything changed, by those who asked or by time.
    fn is_touched(&self) -> bool {
        !self.changed.is_empty() || self.book.changed().next().is_some()
    }

    /// Writes down what changed.
    async fn close(self, work: &mut UnitOfWork<'_>) -> Result<(), Failure> {
        let changed = self.reservations.iter().filter(|(id, _)| self.changed.contains(id));
        let changed: Vec<_> = changed.flat_map(|(_, held)| held.iter().cloned()).collect();
        store::allowance::reservation::put(work.tx(), &changed).await?;
        write(work, &self.rules, &self.before, &self.book).await
    }
}

/// The reservation that was asked for, or why it is not to be had.
type Served = Result<ReservationId, ServiceError>;

fn todays(rules: &BTreeMap<Scope, Rule>, now: Instant) -> Todays {
    rules.values().map(|rule| (rule.scope.organisation_id, rule.zone.date(now))).collect()
}

/// Writes down what time has done to the organisations' reservations; what that does to their counters.
async fn age(work: &UnitOfWork<'_>, todays: &Todays) -> Result<Vec<Lot>, Failure> {
    let mut lots = Vec::new();
    loop {
        let mut due = store::allowance::reservation::hold_due(work.tx(), todays, work.now(), SWEEP).await?;
        for reservation in &mut due {
            let today = todays.get(&reservation.scope.organisation_id).copied();
            lots.extend(reservation.age(work.now(), today.unwrap_or(reservation.day)));
        }
        store::allowance::reservation::put(work.tx(), &due).await?;
        if u64::try_from(due.len()).is_ok_and(|count| count < SWEEP) {
            return Ok(lots);
        }
    }
}

/// The counters that `lots` change.
fn keys_of<'a>(lots: &'a [Lot], todays: &'a Todays) -> impl Iterator<Item = CounterKey> + 'a {
    lots.iter().flat_map(|lot| {
        let today = todays.get(&lot.scope.organisation_id).copied().unwrap_or(lot.day);
        [lot.day, today].into_iter().flat_map(|date| CounterKey::both(lot.scope, date))
    })
}

fn pass(book: &mut Book, lots: &[Lot], todays: &Todays) -> Result<(), Failure> {
    for lot in lots {
        book.pass(lot, todays.get(&lot.scope.organisation_id).copied().unwrap_or(lot.day))?;
    }
    Ok(())
}

/// Writes the counters that changed, and hands over where they stand whose use is another than before.
async fn write(
    work: &mut UnitOfWork<'_>,
    rules: &BTreeMap<Scope, Rule>,
    before: &Book,
    book: &Book,
) -> Result<(), Failure> {
    let changed: Vec<(CounterKey, Counter)> =
        book.changed().filter(|(key, counter)| before.counter(*key) != *counter).collect();
    if changed.is_empty() {
        return Ok(());
    }
    store::allowance::counter::put(work.tx(), changed.iter().copied()).await?;
    let mut standings: Vec<Standing> = Vec::new();
    for (key, counter) in &changed {
        let (used_before, used) = (before.counter(*key).spent()?, counter.spent()?);
        let rule = rules.get(&key.scope).filter(|_| used != used_before);
        standings.extend(rule.map(|rule| rule.standing(*key, used_before, used, false)));
    }
    let organisations = changed.iter().map(|(key, _)| key.scope.organisation_id).collect();
    Ok(hand_over(work, &organisations, &standings).await?)
}

/// Writes down what time has done to an organisation's reservations that nobody asks about any more.
pub(in crate::service) async fn sweep(
    work: &mut UnitOfWork<'_>,
    organisation: OrganisationId,
) -> Result<(), ServiceError> {
    let swept = async {
        let only = BTreeSet::from([organisation]);
        let rules = store::allowance::rules(work.tx(), &only, &BTreeSet::new(), Held::Shared).await?;
        let todays = todays(&rules, work.now());
        let lots = age(work, &todays).await?;
        let keys = keys_of(&lots, &todays).collect();
        let before = Book::new(store::allowance::counter::hold(work.tx(), &keys).await?);
        let mut book = before.clone();
        pass(&mut book, &lots, &todays)?;
        write(work, &rules, &before, &book).await
    };
    swept.await.map_err(|failure| match failure {
        Failure::NotBegun(error) | Failure::Other(error) => error,
        Failure::Overflow => ServiceError::Conflict("a sum would be too large to be kept".to_owned()),
    })
}
