//! One transaction for what many calls tell of messages: joined with what is known, written down, counted, made usage, told of.

use super::fact::tell;
use super::intake::{Batch, Ground, Intake};
use super::{contact, conversation};
use crate::domain::id::OrganisationId;
use crate::domain::message::Outcome;
use crate::domain::message::rollup::Deltas;
use crate::service::core::UnitOfWork;
use crate::service::lane::{self, Answer, Failure};
use crate::service::ledger::{self, Entered, Window};
use crate::service::{Core, welcome};
use crate::store;

impl lane::Batch for Batch {
    type Outcome = Outcome;

    fn organisation(&self) -> OrganisationId {
        self.organisation
    }

    fn size(&self) -> usize {
        self.updates.len()
    }

    fn singly(self) -> Vec<Self> {
        let organisation = self.organisation;
        self.updates.into_iter().map(|update| Self { organisation, updates: vec![update] }).collect()
    }

    async fn write(core: &Core, batches: &[Self]) -> Result<Vec<Answer<Outcome>>, Failure> {
        take_in(core, batches, Usage::Recorded).await
    }

    /// The message is kept without its usage.
    async fn too_much(core: &Core, single: Self) -> Answer<Outcome> {
        let organisation = single.organisation;
        tracing::warn!(organisation.id = %organisation, "a message is kept without its usage, which is too much to be counted");
        match take_in(core, std::slice::from_ref(&single), Usage::LeftOut).await {
            Ok(mut answers) => answers.pop().unwrap_or_else(|| Ok(Vec::new())),
            Err(Failure::NotBegun(error) | Failure::Other(error)) => Err(error),
            Err(Failure::Overflow) => Err(store::StoreError::Overflow.into()),
        }
    }
}

/// Whether messages become usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Usage {
    Recorded,
    /// A counter of the ledger would overflow; the messages are kept all the same.
    LeftOut,
}

async fn take_in(core: &Core, batches: &[Batch], usage: Usage) -> Result<Vec<Answer<Outcome>>, Failure> {
    let mut work = core.begin().await.map_err(Failure::NotBegun)?;
    let ground = Ground::lay(&work, batches).await?;
    let mut intake = Intake::gather(&ground, batches, work.now());
    if intake.is_nothing() {
        return Ok(intake.answers());
    }
    let mut deltas = Deltas::default();
    write_down(&work, &ground, &intake, &mut deltas).await?;
    if usage == Usage::Recorded {
        let (entries, places): (Vec<_>, Vec<_>) = intake.entries(&ground).into_iter().unzip();
        let entered =
            if entries.is_empty() { Vec::new() } else { ledger::enter(core, &mut work, entries, Window::Live).await? };
        for (place, entered) in places.into_iter().zip(entered) {
            if let Entered::Made(record) | Entered::Restated(record) = entered {
                intake.attach(place, record);
            }
        }
    }
    work.happened(&intake.spans());
    let (channels, dates) = (intake.channels(), intake.dates());
    tell(&mut work, &deltas, channels, dates);
    let newcomers = intake.newcomers(work.now());
    let welcomed = welcome::welcome(core, &mut work, &newcomers).await.map_err(Failure::Other)?;
    work.commit().await?;
    for organisation in welcomed {
        core.wake(organisation);
    }
    Ok(intake.answers())
}

/// Writes messages, people, conversations and counters.
async fn write_down(
    work: &UnitOfWork<'_>,
    ground: &Ground,
    intake: &Intake,
    deltas: &mut Deltas,
) -> Result<(), Failure> {
    let (tx, now) = (work.tx(), work.now());
    for (organisation, people) in intake.people(ground) {
        store::customer::meet(tx, organisation, &people, now).await?;
    }
    store::message::upsert(tx, &intake.changed(), now).await?;
    intake.count(deltas);
    for (organisation, dates) in intake.contacts() {
        contact::meet(tx, organisation, dates, deltas).await?;
    }
    for (organisation, touched) in intake.conversations() {
        let Some(zone) = ground.zone(organisation) else { continue };
        conversation::remake(work, organisation, zone, &touched, deltas).await?;
    }
    let settled = std::mem::take(deltas).settled();
    store::message::rollup::apply(tx, &settled).await?;
    *deltas = settled;
    Ok(())
}
