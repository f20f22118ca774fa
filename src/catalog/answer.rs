//! Reading the catalogue's answers: a list of objects, or one object where a merchant has but one thing.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{Action, CatalogError, quote};
use crate::domain::catalog::CatalogItem;

/// The longest id or name that is picked out; a longer one is left in the object.
const PICKED_CHARS_MAX: usize = 500;

/// What is picked out of an object. Kept as text, as either may be of any type.
#[derive(Deserialize)]
struct Picked<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
}

/// Reads an answer of at most `items_max` things. What the answer is labelled does not count: some catalogues say that JSON is plain text.
pub(super) fn read(body: &str, items_max: usize) -> Result<Vec<CatalogItem>, CatalogError> {
    let unexpected = |what: &str| {
        let message = format!("the catalogue answered in an unexpected shape ({what}): {}", quote(body));
        CatalogError::new(Action::Retry, message)
    };
    let whole: Box<RawValue> = serde_json::from_str(body).map_err(|error| unexpected("no JSON").caused_by(error))?;
    let objects: Vec<Box<RawValue>> = match whole.get().as_bytes().first() {
        Some(b'[') => serde_json::from_str(whole.get()).map_err(|error| unexpected("no list").caused_by(error))?,
        Some(b'{') => vec![whole],
        _ => return Err(unexpected("neither a list nor an object")),
    };
    if objects.len() > items_max {
        let message = format!("the catalogue answered with {} things, more than {items_max}", objects.len());
        return Err(CatalogError::new(Action::Retry, message));
    }
    objects
        .into_iter()
        .map(|object| item(object).ok_or_else(|| unexpected("something in the list is no object")))
        .collect()
}

fn item(json: Box<RawValue>) -> Option<CatalogItem> {
    let picked: Picked<'_> = json.get().starts_with('{').then(|| serde_json::from_str(json.get()).ok())??;
    let (id, name) = (picked.id.and_then(text), picked.name.and_then(text));
    Some(CatalogItem { id, name, json })
}

/// A text or a whole number, as text.
fn text(value: &RawValue) -> Option<String> {
    let text = match value.get().as_bytes().first()? {
        b'"' => serde_json::from_str(value.get()).ok()?,
        b'-' | b'0'..=b'9' => value.get().to_owned(),
        _ => return None,
    };
    Some(text).filter(|text: &String| !text.is_empty() && text.chars().count() <= PICKED_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(body: &str) -> Vec<(Option<String>, Option<String>)> {
        read(body, 3).unwrap().into_iter().map(|item| (item.id, item.name)).collect()
    }

    #[test]
    fn a_list_is_read_in_its_order_and_one_object_as_a_list_of_one() {
        let [one, two] = [("1", "Dosa"), ("b", "Chai")].map(|(id, name)| (Some(id.to_owned()), Some(name.to_owned())));
        assert_eq!(picked(r#" [{"id":1,"name":"Dosa"}, {"name":"Chai","id":"b"}] "#), [one.clone(), two]);
        assert_eq!(picked(r#"{"id":1,"name":"Dosa","price":12.50}"#), [one]);
        assert_eq!(picked("[]"), []);
        assert_eq!(picked(r#"[{}, {"id":null,"name":["x"]}, {"id":"","name":{}}]"#), vec![(None, None); 3]);
    }

    #[test]
    fn an_object_is_kept_letter_by_letter() {
        let items = read(r#"[{"price": 0.10000000000000000001, "size":1e400}]"#, 1).unwrap();
        assert_eq!(items[0].json.get(), r#"{"price": 0.10000000000000000001, "size":1e400}"#);
    }

    #[test]
    fn anything_else_is_tried_again_and_quoted() {
        for (body, what) in [
            ("", "no JSON"),
            ("<html>", "no JSON"),
            ("[{}", "no JSON"),
            ("7", "neither"),
            ("null", "neither"),
            ("[7]", "no object"),
            ("[{},{},{},{}]", "more than 3"),
        ] {
            let error = read(body, 3).unwrap_err();
            assert_eq!(error.action, Action::Retry, "{body}");
            assert!(error.message.contains(what), "{body}: {error}");
        }
    }
}
