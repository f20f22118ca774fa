//! Following the event log: what came since a cursor, then what comes.

mod tail;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use futures_util::{Stream, StreamExt as _, stream};

use self::tail::{Batch, Found, Tail, Tails};
use super::{Core, ServiceError};
use crate::bus::{Calls, Listening};
use crate::domain::event::{Event, FactKind};
use crate::domain::id::OrganisationId;
use crate::domain::input::BadInput;
use crate::store;

/// Whose events are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    Organisation(OrganisationId),
    /// Everybody's, for an admin.
    All,
}

/// How many events are read from the log at once.
const BATCH: u64 = 200;

/// Reads the event log as it grows.
#[derive(Debug, Clone)]
pub struct EventService {
    core: Arc<Core>,
    tails: Arc<Tails>,
}

/// How a reader hears of news.
enum Ear {
    One(Calls),
    All(Listening),
}

struct Reader {
    core: Arc<Core>,
    follow: Follow,
    kinds: Vec<FactKind>,
    /// Seen up to here: a sequence number, or a position where everybody's events are followed.
    after: i64,
    ear: Ear,
    /// The end of one organisation's log, shared with all who stand there.
    tail: Option<Arc<Tail>>,
    ready: VecDeque<Event>,
    /// Since when something may be in the log that was not read yet.
    stale: Option<Instant>,
}

impl EventService {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core, tails: Arc::default() }
    }

    /// Events of the given kinds after `after` (a sequence number, or a position for [`Follow::All`]), in order, each once, without end;
    /// `None`: from now on. The bus only says when to look; what is there is read from the log, so nothing is lost with a hint.
    ///
    /// An `after` that lies in the future was not made by this log, and after one that is too old there may be holes: both are refused.
    pub async fn follow(
        &self,
        follow: Follow,
        after: Option<i64>,
        kinds: Vec<FactKind>,
    ) -> Result<impl Stream<Item = Result<Event, ServiceError>> + Send + use<>, ServiceError> {
        // Listening begins before the log is read, so that what is written in between is heard.
        let ear = match follow {
            Follow::Organisation(own) => Ear::One(self.core.bus().listen_to(own)),
            Follow::All => Ear::All(self.core.bus().listen()),
        };
        let tail = match follow {
            Follow::Organisation(own) => Some(self.tails.of(own, &kinds)),
            Follow::All => None,
        };
        let read = self.core.store().read();
        let last = match follow {
            Follow::Organisation(organisation) => store::event::last_sequence(read, organisation).await?,
            Follow::All => store::event::last_position(read).await?,
        };
        if let Some(after) = after {
            self.refuse_unknown(follow, after, last).await?;
        }
        let reader = Reader {
            core: Arc::clone(&self.core),
            follow,
            kinds,
            after: after.unwrap_or(last),
            ear,
            tail,
            ready: VecDeque::new(),
            // Whatever came after `last`, somebody says.
            stale: after.map(|_| Instant::now()),
        };
        Ok(stream::unfold(reader, Reader::step))
    }

    /// A cursor that this log did not make, or after which there may be holes, is refused; `last` is the newest place.
    pub(super) async fn refuse_unknown(&self, follow: Follow, after: i64, last: i64) -> Result<(), ServiceError> {
        if after > last {
            let accepted = "expected the cursor of an event that this server sent before";
            return Err(BadInput::new("after", after, accepted).into());
        }
        self.refuse_holes(follow, after, last).await
    }

    /// Whoever was away for so long that events after theirs were deleted would take what is left for everything.
    async fn refuse_holes(&self, follow: Follow, after: i64, last: i64) -> Result<(), ServiceError> {
        let read = self.core.store().read();
        let whole_after = match follow {
            Follow::Organisation(organisation) => {
                store::event::oldest_sequence(read, organisation).await?.unwrap_or(last + 1) - 1
            }
            Follow::All => store::event::horizon(read).await?,
        };
        if after < whole_after {
            let accepted = "expected a cursor after which nothing was deleted for its age; ask for the present state and follow from now on";
            return Err(BadInput::new("after", after, accepted).into());
        }
        Ok(())
    }
}

impl Reader {
    /// The next event. An error is given once and the reading goes on with the next hint.
    async fn step(mut self) -> Option<(Result<Event, ServiceError>, Self)> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some((Ok(event), self));
            }
            if let Some(since) = self.stale {
                match self.read(since).await {
                    Ok(()) => continue,
                    Err(error) => {
                        self.stale = None;
                        return Some((Err(error), self));
                    }
                }
            }
            self.stale = match &mut self.ear {
                Ear::One(calls) => {
                    let call = calls.next().await?;
                    call.upto.is_none_or(|upto| upto > self.after).then_some(call.since)
                }
                Ear::All(listening) => {
                    listening.next().await?;
                    Some(Instant::now())
                }
            };
        }
    }

    async fn read(&mut self, since: Instant) -> Result<(), ServiceError> {
        let mut seen = self.after;
        let (events, is_more) = match &self.tail {
            Some(tail) => match tail.after(&self.core, self.after, since).await? {
                Found::Events(batch) => batch,
                Found::Only(after) => {
                    let batch = read_alone(&self.core, self.follow, self.after, &self.kinds).await?;
                    // Whoever read to the end has seen what the others had seen before.
                    seen = if batch.1 { seen } else { after };
                    batch
                }
            },
            None => read_alone(&self.core, self.follow, self.after, &self.kinds).await?,
        };
        self.stale = is_more.then_some(since);
        let last = events.last().map_or(seen, |last| match self.follow {
            Follow::Organisation(_) => last.sequence,
            Follow::All => last.position,
        });
        self.after = last.max(seen);
        self.ready.extend(events);
        Ok(())
    }
}

async fn read_alone(core: &Core, follow: Follow, after: i64, kinds: &[FactKind]) -> Result<Batch, ServiceError> {
    let read = core.store().read();
    let events = match follow {
        Follow::Organisation(own) => store::event::after(read, own, after, kinds, BATCH).await?,
        Follow::All => store::event::after_position(read, after, kinds, BATCH).await?,
    };
    // A full batch may have more behind it.
    let is_more = u64::try_from(events.len()).is_ok_and(|count| count >= BATCH);
    Ok((events, is_more))
}
