//! The lease under which a node works: which part of the work it is for, and the token that fences it.

/// The one shard of a single node.
pub(crate) const SHARD: i32 = 0;

/// The fencing token of a lease: each owner's is greater than those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(pub i64);
