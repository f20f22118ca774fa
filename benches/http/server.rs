//! The whole server as the composition root builds it, over a file with one organisation and a month of one channel.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use secrecy::ExposeSecret as _;
use wabacus::app::{App, Wiring};
use wabacus::config::Config;
use wabacus::domain::id::OrganisationId;
use wabacus::service::access::{Caller, NewToken};

use crate::load::Question;
use crate::month;

/// A running server and what it takes to ask it.
pub(crate) struct Real {
    pub(crate) database: String,
    pub(crate) organisation: OrganisationId,
    app: App,
    token: String,
}

impl Real {
    /// The days of June 2026, with the token of their organisation.
    pub(crate) fn question(&self) -> Question {
        self.post(month::QUERY)
    }

    /// Fragments that each spread the one before twice, so that the innermost field is asked for 2 to the power of `levels` times.
    pub(crate) fn bomb(&self, levels: usize) -> Question {
        let mut query = format!("{{ ...f{levels} }} fragment f0 on Query {{ __typename }}");
        for level in 1..=levels {
            let inner = level - 1;
            write!(query, " fragment f{level} on Query {{ ...f{inner} ...f{inner} }}").expect("memory is there");
        }
        self.post(&query)
    }

    fn post(&self, query: &str) -> Question {
        Question::graphql(self.app.address(), &self.token, query, &month::variables())
    }

    pub(crate) async fn stop(self) {
        self.app.stop().await;
    }
}

/// Fills a database in `folder` and starts a server on it.
pub(crate) async fn start(folder: &Path) -> Real {
    drop(rustls::crypto::ring::default_provider().install_default());
    let database = format!("sqlite://{}", folder.join("bench.db").display());
    let organisation = month::fill(&database).await;
    let settings = BTreeMap::from([
        ("DATABASE_URL".to_owned(), database.clone()),
        ("BIND".to_owned(), "127.0.0.1:0".to_owned()),
        ("MASTER_KEY".to_owned(), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()),
    ]);
    let config = Config::from_sources(settings, BTreeMap::new()).expect("settings");
    let app = App::start(config, Wiring::default()).await.expect("the server starts");
    let new =
        NewToken { name: "bench".to_owned(), organisation_id: Some(organisation), scopes: None, expires_at: None };
    let (_, secret) = app.services().access.create_token(&Caller::command_line(), new).await.expect("a token");
    Real { database, organisation, app, token: secret.expose_secret().to_owned() }
}
