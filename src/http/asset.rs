//! What the browser gets besides the page: our own files, and GraphiQL's as the build script installed them.

use super::media::Media;
use super::response;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "$OUT_DIR/assets"]
struct Embedded;

/// A file of GraphiQL, and where to find the very same bytes if they are not in the binary.
pub(super) struct ThirdParty {
    /// Its name under `/assets/`.
    pub(super) name: &'static str,
    /// Its address on the CDN, which serves npm packages as they are.
    pub(super) url: &'static str,
    /// Subresource integrity: a browser refuses other bytes.
    pub(super) integrity: &'static str,
}

/// GraphiQL's only style sheet.
pub(super) const STYLE: ThirdParty = ThirdParty {
    name: "graphiql.min.css",
    url: "https://cdn.jsdelivr.net/npm/graphiql@4.1.2/graphiql.min.css",
    integrity: "sha384-1el1QShFBnnXTx9x/Cprg82hZWKt0ry29OAYIXt05swbi0KcZDFoj0CWguMpopJr",
};

/// GraphiQL's scripts, in the order in which they need each other.
pub(super) const SCRIPTS: [ThirdParty; 4] = [
    ThirdParty {
        name: "react.production.min.js",
        url: "https://cdn.jsdelivr.net/npm/react@18.3.1/umd/react.production.min.js",
        integrity: "sha384-DGyLxAyjq0f9SPpVevD6IgztCFlnMF6oW/XQGmfe+IsZ8TqEiDrcHkMLKI6fiB/Z",
    },
    ThirdParty {
        name: "react-dom.production.min.js",
        url: "https://cdn.jsdelivr.net/npm/react-dom@18.3.1/umd/react-dom.production.min.js",
        integrity: "sha384-gTGxhz21lVGYNMcdJOyq01Edg0jhn/c22nsx0kyqP0TxaV5WVdsSH1fSDUf5YJj1",
    },
    ThirdParty {
        name: "graphiql.min.js",
        url: "https://cdn.jsdelivr.net/npm/graphiql@4.1.2/graphiql.min.js",
        integrity: "sha384-9XdHu7ajgGJziD4J1zNBKQ842Q/+zZfDv+ib1eMhZWBH6hPAs806x+Jbcf0yNO6B",
    },
    ThirdParty {
        name: "graphql-ws.min.js",
        url: "https://cdn.jsdelivr.net/npm/graphql-ws@6.4.2/umd/graphql-ws.min.js",
        integrity: "sha384-mxvR4Mzbsb6QVx/9xI2gtQikQA6m8zMDBFnu3l//4/ROsWt7y2sUGWd+/tYQqDm7",
    },
];

/// True if the build had npm, so that GraphiQL needs no other origin.
pub(super) fn graphiql_is_embedded() -> bool {
    SCRIPTS.iter().chain([&STYLE]).all(|file| Embedded::get(file.name).is_some())
}

/// `/assets/{name}`. Browsers keep a file for an hour and then ask whether it is still the same.
pub(super) async fn serve(request: HttpRequest, name: web::Path<String>) -> HttpResponse {
    let Some(file) = Embedded::get(&name) else {
        return response::refusal(StatusCode::NOT_FOUND, Media::Json, "NOT_FOUND", "There is nothing at this address.");
    };
    // Weak, because compression changes the bytes and not what they say.
    let tag = format!("W/\"{}\"", hex::encode(&file.metadata.sha256_hash()[..16]));
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let unchanged = known.is_some_and(|known| known.contains(&tag));
    let mut answer = if unchanged { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    answer.insert_header((header::ETAG, tag)).insert_header((header::CACHE_CONTROL, "public, max-age=3600"));
    if unchanged {
        return answer.finish();
    }
    let kind = mime_guess::from_path(name.as_str()).first_or_octet_stream();
    answer.content_type(kind.as_ref()).body(file.data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha384};

    #[test]
    fn the_cdn_would_serve_the_very_bytes_that_are_embedded() {
        let lock: serde_json::Value = serde_json::from_str(include_str!("../../web/package-lock.json")).expect("JSON");
        for file in SCRIPTS.iter().chain([&STYLE]) {
            let (package, _) = file.url.split_once("/npm/").and_then(|(_, path)| path.split_once('/')).expect("a path");
            let (package, version) = package.split_once('@').expect("a version");
            assert_eq!(lock["packages"][format!("node_modules/{package}")]["version"], version, "{package}");
            if let Some(embedded) = Embedded::get(file.name) {
                let integrity = format!("sha384-{}", STANDARD.encode(Sha384::digest(&embedded.data)));
                assert_eq!(integrity, file.integrity, "{}", file.name);
            }
        }
    }

    #[test]
    fn the_lock_names_no_registry() {
        assert!(!include_str!("../../web/package-lock.json").contains("\"resolved\""));
    }
}
