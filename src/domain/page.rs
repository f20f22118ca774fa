//! Pages of long lists, taken from a place in an order (a keyset), so that a page stays right while rows come and go.

/// Which part of an ordered list is wanted. `C` is the place of a row in the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<C> {
    /// Only rows after this place.
    pub after: Option<C>,
    /// Only rows before this place.
    pub before: Option<C>,
    /// How many rows at the most.
    pub limit: u32,
    /// Take the last rows of what is left, not the first. They still come in the list's order.
    pub from_end: bool,
    /// Rows to pass over first.
    pub offset: u32,
}

impl<C> PageRequest<C> {
    /// The first `limit` rows of the list.
    pub const fn first(limit: u32) -> Self {
        Self { after: None, before: None, limit, from_end: false, offset: 0 }
    }
}

/// A part of an ordered list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub has_previous: bool,
    pub has_next: bool,
}

impl<T> Page<T> {
    /// The same page of other things.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(change).collect(),
            has_previous: self.has_previous,
            has_next: self.has_next,
        }
    }
}
