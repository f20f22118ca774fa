//! Nodes: processes that share one database's work.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// How many nodes live, as far as this one knows: whoever keeps the leases tells, whoever has to share a limit asks. Clones share the number.
#[derive(Debug, Clone)]
pub struct LiveNodes(Arc<AtomicU32>);

impl Default for LiveNodes {
    /// This one.
    fn default() -> Self {
        Self(Arc::new(AtomicU32::new(1)))
    }
}

impl LiveNodes {
    /// At least this one.
    pub fn count(&self) -> NonZeroU32 {
        NonZeroU32::new(self.0.load(Ordering::Relaxed)).unwrap_or(NonZeroU32::MIN)
    }

    /// Takes note of how many live.
    pub fn tell(&self, count: u32) {
        self.0.store(count, Ordering::Relaxed);
    }
}
