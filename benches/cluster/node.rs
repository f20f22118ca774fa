//! Nodes as processes, and what they share.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::postgres::Postgres;
use crate::process::{self, Process};
use crate::redis::Redis;

/// What all nodes share, for as long as this lives.
pub(crate) struct Servers {
    postgres: Postgres,
    redis: Redis,
}

impl Servers {
    pub(crate) fn start() -> Self {
        Self { postgres: Postgres::start(), redis: Redis::start() }
    }
}

/// Nodes over a database of their own.
pub(crate) struct Cluster {
    nodes: Vec<(Process, String)>,
    settings: BTreeMap<String, String>,
    admin: String,
}

impl Cluster {
    pub(crate) async fn start(servers: &Servers, count: usize) -> Self {
        let database = servers.postgres.create_database().await;
        let nowhere = "http://127.0.0.1:9";
        let mut settings = process::settings(&database, nowhere, nowhere);
        settings.insert("REDIS_URL".to_owned(), servers.redis.url());
        settings.insert("REDIS_PREFIX".to_owned(), format!("bench-{}:", database.rsplit('/').next().unwrap_or("")));
        settings.insert("LOG".to_owned(), "info,sqlx=error".to_owned());
        process::run(&settings, &["migrate"]).await;
        let admin = process::run(&settings, &["token", "create", "--admin"]).await.trim().to_owned();
        let mut nodes = Vec::with_capacity(count);
        for number in 0..count {
            settings.insert("NODE_NAME".to_owned(), format!("node-{number}"));
            nodes.push(Process::serve(&settings).await);
        }
        Self { nodes, settings, admin }
    }

    pub(crate) fn count(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn database(&self) -> &str {
        &self.settings["DATABASE_URL"]
    }

    /// The node whose turn it is.
    pub(crate) fn url(&self, turn: usize) -> &str {
        &self.nodes[turn % self.nodes.len()].1
    }

    /// The same, for a connection.
    pub(crate) fn address(&self, turn: usize) -> SocketAddr {
        let url = self.url(turn);
        url.strip_prefix("http://").unwrap_or(url).parse().expect("an address and a port")
    }

    /// Asks the node whose turn it is.
    pub(crate) async fn ask(&self, turn: usize, token: &str, query: &str, variables: Value) -> Value {
        process::ask(self.url(turn), token, query, variables).await
    }

    /// A new organisation's id, and a token of its own.
    pub(crate) async fn organisation(&self) -> (String, String) {
        let query = "mutation($input: CreateOrganisationInput!) { createOrganisation(input: $input) { id } }";
        let input =
            json!({ "name": "Toko Kopi", "timeZone": "Asia/Jakarta", "currency": "USD", "planCode": "professional" });
        let data = self.ask(0, &self.admin, query, json!({ "input": input })).await;
        let id = data["createOrganisation"]["id"].as_str().expect("an id").to_owned();
        let token = self.token(&id).await;
        (id, token)
    }

    /// A token of the organisation.
    pub(crate) async fn token(&self, organisation: &str) -> String {
        let arguments = ["token", "create", "--organisation", organisation];
        process::run(&self.settings, &arguments).await.trim().to_owned()
    }

    pub(crate) async fn stop(self) {
        for (mut node, _) in self.nodes {
            node.signal("TERM").await;
            node.end().await;
        }
    }
}
