//! The records of a stretch of time, oldest first, a page at a time as the reader takes them.

use std::sync::Arc;

use chrono::NaiveDate;
use futures_util::{Stream, stream};

use super::UsageService;
use crate::domain::clock::Instant;
use crate::domain::id::{OrganisationId, UsageRecordId};
use crate::domain::input::BadInput;
use crate::domain::page::PageRequest;
use crate::domain::usage::UsageRecord;
use crate::service::access::Caller;
use crate::service::{Core, ServiceError};
use crate::store;
use crate::store::usage::{Filter, Place};

/// Records of a page: few enough to be held in memory, many enough that a question to the database is worth it.
const PAGE: u32 = 1_000;

/// Where a stretch of time begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// A day of the organisation's zone, all of it.
    Day(NaiveDate),
    /// From this instant on, or up to it, itself excluded.
    Instant(Instant),
}

/// Which records are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportRequest {
    pub from: Bound,
    pub to: Bound,
    /// Only those behind this record of the same export.
    pub after: Option<UsageRecordId>,
}

/// Where the reading stands.
struct Reading {
    core: Arc<Core>,
    organisation: OrganisationId,
    filter: Filter,
    place: Option<Place>,
    /// Read before it was asked for, so that what is wrong with the database is known before anything is sent.
    ready: Option<Vec<UsageRecord>>,
    is_last: bool,
}

impl UsageService {
    /// The records that happened in the time asked for, oldest first, in pages that are never empty; the next page is read when it is asked for,
    /// and whoever drops the stream ends the reading. What is recorded meanwhile is in it if it happened behind the reader's place.
    pub async fn export(
        &self,
        caller: &Caller,
        organisation: OrganisationId,
        request: ExportRequest,
    ) -> Result<impl Stream<Item = Result<Vec<UsageRecord>, ServiceError>> + Send + use<>, ServiceError> {
        let id = caller.reach(Some(organisation))?;
        let db = self.core.store().read();
        let organisation = store::organisation::find(db, id).await?.ok_or(ServiceError::NotFound("organisation"))?;
        let zone = organisation.time_zone;
        let from = match request.from {
            Bound::Day(date) => zone.midnight(date),
            Bound::Instant(at) => at,
        };
        let to = match request.to {
            Bound::Day(date) => zone.day(date).end,
            Bound::Instant(at) => at,
        };
        if from >= to {
            return Err(BadInput::new("from", from, format!("expected a time before the end, {to}")).into());
        }
        let place = match request.after {
            None => None,
            Some(after) => Some(self.place_of(id, after).await?),
        };
        let filter = Filter { from: Some(from), to: Some(to), ..Filter::default() };
        let core = Arc::clone(&self.core);
        let mut reading = Reading { core, organisation: id, filter, place, ready: None, is_last: false };
        reading.ready = reading.read().await?;
        Ok(stream::try_unfold(reading, Reading::step))
    }

    async fn place_of(&self, organisation: OrganisationId, after: UsageRecordId) -> Result<Place, ServiceError> {
        let found = store::usage::find_any(self.core.store().read(), after).await?;
        let own = found.filter(|record| record.organisation_id == organisation);
        let place = own.map(|record| Place::of(&record));
        place.ok_or_else(|| BadInput::new("after", after, "expected the id of a record of this export").into())
    }
}

impl Reading {
    async fn step(mut self) -> Result<Option<(Vec<UsageRecord>, Self)>, ServiceError> {
        let page = match self.ready.take() {
            Some(page) => Some(page),
            None => self.read().await?,
        };
        Ok(page.map(|page| (page, self)))
    }

    async fn read(&mut self) -> Result<Option<Vec<UsageRecord>>, ServiceError> {
        if self.is_last {
            return Ok(None);
        }
        // The list is the newest first: before a place and from the end are the next ones in the order of time.
        let request = PageRequest { before: self.place, from_end: true, ..PageRequest::first(PAGE) };
        let page = store::usage::page(self.core.store().read(), self.organisation, &self.filter, &request).await?;
        self.is_last = !page.has_previous;
        let mut records = page.items;
        records.reverse();
        self.place = records.last().map(Place::of).or(self.place);
        Ok(Some(records).filter(|records| !records.is_empty()))
    }
}
