//! Faults on demand: the places where a story may make an actor or a job panic, to see that it heals.

use std::fmt::Debug;

use crate::domain::id::OrganisationId;

/// Where a fault may strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultPoint {
    /// An organisation's actor has just been started.
    ActorStart,
    /// An organisation's actor handles a message: the start of a job, or its result.
    ActorHandle,
    /// A job is about to run, in its own task.
    JobRun,
    /// Webhooks are about to be sent to an address, in a task of their own.
    HookVisit,
}

/// Decides whether something breaks; asked at every [`FaultPoint`]. To strike is to panic.
pub trait Faults: Send + Sync + Debug {
    /// Panics when the story wants it to.
    fn strike(&self, point: FaultPoint, organisation: OrganisationId);
}

/// Nothing breaks by itself: what runs outside of stories.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFaults;

impl Faults for NoFaults {
    fn strike(&self, _point: FaultPoint, _organisation: OrganisationId) {}
}
