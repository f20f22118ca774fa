//! What a client sends and wants back, by the GraphQL over HTTP draft: `Content-Type` and `Accept`.

use actix_web::http::header::{self, HeaderMap};

/// A form an answer can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    /// `application/graphql-response+json`: the status says whether the operation began.
    GraphqlResponse,
    /// `application/json`, what clients from before the draft expect: the status is 200 for any well-formed request.
    Json,
    /// `text/event-stream`: graphql-sse.
    EventStream,
}

impl Media {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
            Self::EventStream => "text/event-stream",
        }
    }

    fn of_range(range: &str) -> Option<Self> {
        match range {
            "application/graphql-response+json" => Some(Self::GraphqlResponse),
            "application/json" | "application/*" | "*/*" => Some(Self::Json),
            "text/event-stream" => Some(Self::EventStream),
            _ => None,
        }
    }
}

/// The form the client likes best: by weight, then by order. No `Accept` at all is a client from before the draft and
/// gets JSON; `None` means that nothing we speak is acceptable.
pub(super) fn negotiate(headers: &HeaderMap) -> Option<Media> {
    let mut best: Option<(u16, Media)> = None;
    let mut named = false;
    for range in
        headers.get_all(header::ACCEPT).filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','))
    {
        named = true;
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().map(str::to_ascii_lowercase).as_deref().and_then(Media::of_range);
        let mut weight = 1000;
        let mut readable = true;
        for (name, value) in parts.filter_map(|parameter| parameter.split_once('=')) {
            if name.trim().eq_ignore_ascii_case("q") {
                weight = per_mille(value.trim());
            } else if name.trim().eq_ignore_ascii_case("charset") {
                readable = is_utf8(value);
            }
        }
        if let Some(media) = media.filter(|_| readable && weight > 0)
            && best.is_none_or(|(heaviest, _)| weight > heaviest)
        {
            best = Some((weight, media));
        }
    }
    if named { best.map(|(_, media)| media) } else { Some(Media::Json) }
}

/// True for `application/json` in UTF-8. Anything else is refused, which is also what keeps a foreign page's form from
/// posting here: a browser asks (CORS preflight) before it sends this type across origins.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let Some(text) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let mut parts = text.split(';').map(str::trim);
    parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
        && parts
            .filter_map(|parameter| parameter.split_once('='))
            .all(|(name, value)| !name.trim().eq_ignore_ascii_case("charset") || is_utf8(value))
}

fn is_utf8(charset: &str) -> bool {
    matches!(charset.trim().trim_matches('"').to_ascii_lowercase().as_str(), "utf-8" | "utf8")
}

/// A weight (RFC 9110, at most three decimals) in thousandths; what is not a weight counts as 0.
fn per_mille(text: &str) -> u16 {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let thousandths = format!("{decimals:0<3}");
    match (whole, thousandths.parse()) {
        ("1", Ok(0_u16)) => 1000,
        ("0", Ok(parts)) if parts < 1000 => parts,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn accepting(text: &'static str) -> Option<Media> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(text));
        negotiate(&headers)
    }

    #[test]
    fn the_heaviest_form_wins_then_the_first() {
        assert_eq!(accepting("application/json, application/graphql-response+json"), Some(Media::Json));
        assert_eq!(
            accepting("application/json;q=0.9, application/graphql-response+json; charset=utf-8"),
            Some(Media::GraphqlResponse)
        );
        assert_eq!(accepting("text/event-stream"), Some(Media::EventStream));
        assert_eq!(accepting("text/html, */*;q=0.1"), Some(Media::Json));
    }

    #[test]
    fn no_accept_is_json_and_nothing_we_speak_is_none() {
        assert_eq!(negotiate(&HeaderMap::new()), Some(Media::Json));
        assert_eq!(accepting("text/html"), None);
        assert_eq!(accepting("application/json;q=0"), None);
        assert_eq!(accepting("application/json; charset=latin1"), None);
    }

    #[test]
    fn weights_are_read_without_floats() {
        for (text, weight) in [("1", 1000), ("1.000", 1000), ("0.5", 500), ("0.05", 50), ("0", 0), ("2", 0), ("x", 0)] {
            assert_eq!(per_mille(text), weight, "{text}");
        }
    }

    #[test]
    fn only_json_in_utf8_is_a_body_we_read() {
        let of = |text| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(text));
            is_json(&headers)
        };
        assert!(of("application/json") && of("Application/JSON; charset=\"UTF-8\""));
        assert!(!of("text/plain") && !of("application/json; charset=utf-16") && !of("multipart/form-data"));
    }
}
