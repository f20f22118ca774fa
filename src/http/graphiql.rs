//! `/graphiql`: an explorer that needs nothing but this server, under a policy that allows nothing else.

use super::asset::{self, SCRIPTS, STYLE, ThirdParty};
use actix_web::HttpResponse;
use actix_web::http::header;
use std::sync::LazyLock;

/// The one style sheet that GraphiQL writes into the page itself: it keeps the page from scrolling behind a dialog. A
/// browser names this hash when it refuses the sheet; `tests/graphiql_page.rs` opens a dialog.
const DIALOG_STYLE: &str = "'sha256-nzTgYzXYDNe6BAHiiI7NNlfK8n/auuOAhh2t92YvuXo='";

struct Page {
    html: String,
    policy: String,
}

static PAGE: LazyLock<Page> = LazyLock::new(|| Page::new(asset::graphiql_is_embedded()));

/// The page. It holds no data and no token, so anybody may load it.
pub(super) async fn page() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_SECURITY_POLICY, PAGE.policy.as_str()))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .content_type("text/html; charset=utf-8")
        .body(PAGE.html.as_str())
}

/// A person who opens the server's address wants the explorer.
pub(super) async fn redirect() -> HttpResponse {
    HttpResponse::TemporaryRedirect().insert_header((header::LOCATION, "/graphiql")).finish()
}

impl Page {
    fn new(embedded: bool) -> Self {
        let source = |file: &ThirdParty, attribute: &str| {
            if embedded {
                format!("{attribute}=\"/assets/{}\"", file.name)
            } else {
                format!("{attribute}=\"{}\" integrity=\"{}\" crossorigin=\"anonymous\"", file.url, file.integrity)
            }
        };
        let scripts: Vec<_> = SCRIPTS.iter().map(|file| format!("<script {}></script>", source(file, "src"))).collect();
        let style = format!("<link rel=\"stylesheet\" {}>", source(&STYLE, "href"));
        let html = include_str!("../../web/graphiql.html")
            .replace("<!-- styles -->", &style)
            .replace("<!-- scripts -->", &scripts.join("\n    "));
        let (script_origins, style_origins) = if embedded {
            (String::new(), String::new())
        } else {
            (format!(" {}", SCRIPTS.map(|file| file.url).join(" ")), format!(" {}", STYLE.url))
        };
        // No inline script and no eval. GraphiQL's icons and marks are data: images.
        let policy = format!(
            "default-src 'none'; script-src 'self'{script_origins}; style-src 'self' {DIALOG_STYLE}{style_origins}; \
             img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        );
        Self { html, policy }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_embedded_page_names_no_other_origin() {
        let page = Page::new(true);
        assert!(!page.html.contains("https://") && !page.policy.contains("https://"));
        assert!(!page.policy.contains("unsafe"));
        assert_eq!(page.html.matches("src=\"/assets/").count(), SCRIPTS.len() + 1);
    }

    #[test]
    fn without_npm_the_page_allows_just_the_files_it_names_and_checks_them() {
        let page = Page::new(false);
        assert_eq!(page.html.matches("integrity=\"sha384-").count(), SCRIPTS.len() + 1);
        for file in SCRIPTS.iter().chain([&STYLE]) {
            assert!(page.policy.contains(file.url) && page.html.contains(file.url), "{}", file.url);
        }
        assert!(!page.policy.contains("unsafe"));
    }
}
