//! Pages of lists as the Relay connection specification has them: arguments in, edges with opaque cursors out.

use async_graphql::OutputType;
use async_graphql::connection::{CursorType, Edge, EmptyFields};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::input::BadInput;
use crate::domain::page::{Page, PageRequest};

/// Entries of a page that was asked for without a size.
pub(super) const SIZE_DEFAULT: u32 = 20;
/// The most entries of a page.
pub(super) const SIZE_MAX: u32 = 100;
/// How far a page may be reached by counting; beyond it, cursors are quicker and do not shift.
const OFFSET_MAX: i32 = 100_000;

/// A page of `N`, with additional fields `F`.
pub(super) type Connection<N, F = EmptyFields> = async_graphql::connection::Connection<Place, N, F>;

/// The written form of a row's place in its list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place(String);

impl CursorType for Place {
    type Error = BadInput;

    fn decode_cursor(cursor: &str) -> Result<Self, BadInput> {
        decode("after", cursor).map(Self)
    }

    fn encode_cursor(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.0)
    }
}

fn bad_cursor(field: &str, cursor: &str) -> BadInput {
    BadInput::new(field, cursor, "expected a cursor that this list gave, in the same order")
}

fn decode(field: &str, cursor: &str) -> Result<String, BadInput> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| bad_cursor(field, cursor))?;
    String::from_utf8(bytes).map_err(|_| bad_cursor(field, cursor))
}

/// The paging arguments of a list, as they were sent.
#[derive(Debug, Default)]
pub(super) struct PageArguments {
    pub(super) first: Option<i32>,
    pub(super) after: Option<String>,
    pub(super) last: Option<i32>,
    pub(super) before: Option<String>,
    /// Another name for `first`, for clients that count pages.
    pub(super) limit: Option<i32>,
    pub(super) offset: Option<i32>,
}

impl PageArguments {
    /// Those of a list that is only read forwards.
    pub(super) fn forward(first: Option<i32>, after: Option<String>) -> Self {
        Self { first, after, ..Self::default() }
    }

    /// What is asked for, where `place` reads a row's place from what [`connect`] was given for it.
    pub(super) fn request<C>(self, place: impl Fn(&str) -> Option<C>) -> Result<PageRequest<C>, BadInput> {
        let sizes = [("first", self.first), ("last", self.last), ("limit", self.limit)];
        let mut given = sizes.into_iter().filter_map(|(field, size)| size.map(|size| (field, size)));
        let size = given.next();
        if let Some((field, size)) = given.next() {
            return Err(BadInput::new(field, size, "expected only one of first, last and limit"));
        }
        let limit = size.map_or(Ok(SIZE_DEFAULT), |(field, size)| checked_size(field, size))?;
        let offset = self.offset.unwrap_or(0);
        let offset = u32::try_from(offset)
            .ok()
            .filter(|_| offset <= OFFSET_MAX)
            .ok_or_else(|| BadInput::new("offset", offset, format!("expected 0 to {OFFSET_MAX}")))?;
        let read = |field: &str, cursor: Option<String>| {
            let cursor = cursor.map(|cursor| {
                let plain = decode(field, &cursor)?;
                place(&plain).ok_or_else(|| bad_cursor(field, &cursor))
            });
            cursor.transpose()
        };
        Ok(PageRequest {
            after: read("after", self.after)?,
            before: read("before", self.before)?,
            limit,
            from_end: self.last.is_some(),
            offset,
        })
    }
}

fn checked_size(field: &str, size: i32) -> Result<u32, BadInput> {
    u32::try_from(size)
        .ok()
        .filter(|size| (1..=SIZE_MAX).contains(size))
        .ok_or_else(|| BadInput::new(field, size, format!("expected 1 to {SIZE_MAX}")))
}

/// The text that a list is searched for; an empty one is none.
pub(super) fn checked_search(search: Option<String>, chars_max: usize) -> Result<Option<String>, BadInput> {
    match search {
        Some(text) if text.chars().count() > chars_max => {
            Err(BadInput::new("search", text, format!("expected at most {chars_max} characters")))
        }
        search => Ok(search.filter(|text| !text.is_empty())),
    }
}

/// A page as a connection. `place` writes where a row stands in the list, in the form that the list reads back.
pub(super) fn connect<T, N: OutputType>(
    page: Page<T>,
    place: impl Fn(&T) -> String,
    node: impl Fn(T) -> N,
) -> Connection<N> {
    let mut connection = Connection::new(page.has_previous, page.has_next);
    connection.edges = edges(page.items, place, node);
    connection
}

/// The edges of a page, for a connection with fields of its own.
pub(super) fn edges<T, N: OutputType>(
    items: Vec<T>,
    place: impl Fn(&T) -> String,
    node: impl Fn(T) -> N,
) -> Vec<Edge<Place, N, EmptyFields>> {
    items.into_iter().map(|item| Edge::new(Place(place(&item)), node(item))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Option<u32> {
        text.parse().ok()
    }

    #[test]
    fn without_arguments_the_first_twenty_are_asked_for() {
        assert_eq!(PageArguments::default().request(number), Ok(PageRequest::first(20)));
    }

    #[test]
    fn a_cursor_leads_back_to_its_place() {
        let cursor = Place("41".to_owned()).encode_cursor();
        let arguments = PageArguments { last: Some(3), before: Some(cursor.clone()), ..PageArguments::default() };
        let request = arguments.request(number).unwrap();
        assert_eq!((request.before, request.limit, request.from_end), (Some(41), 3, true));
        assert_eq!(PageArguments::forward(None, Some(cursor)).request(number).unwrap().after, Some(41));
    }

    #[test]
    fn a_bad_argument_is_refused_by_its_name() {
        let page = PageArguments::default;
        let bad = [
            ("first", PageArguments { first: Some(0), ..page() }),
            ("first", PageArguments { first: Some(101), ..page() }),
            ("last", PageArguments { last: Some(-1), ..page() }),
            ("last", PageArguments { first: Some(1), last: Some(1), ..page() }),
            ("limit", PageArguments { first: Some(1), limit: Some(1), ..page() }),
            ("offset", PageArguments { offset: Some(-1), ..page() }),
            ("after", PageArguments { after: Some("%".to_owned()), ..page() }),
            ("before", PageArguments { before: Some(Place("x".to_owned()).encode_cursor()), ..page() }),
        ];
        for (field, arguments) in bad {
            assert_eq!(arguments.request(number).unwrap_err().field, field);
        }
    }
}
