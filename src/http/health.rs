//! Is the process alive, are its parts ready, and its figures in Prometheus text.

use actix_web::{HttpResponse, web};
use async_trait::async_trait;
use serde::Serialize;
use std::sync::Arc;

/// Looks at the parts that requests depend on. The composition root implements it.
#[async_trait]
pub trait Readiness: Send + Sync {
    /// The state of each part now. Must answer within a second or two, even if a part does not.
    async fn check(&self) -> Vec<Part>;
}

/// One part of the server, as `/readyz` shows it.
#[derive(Debug, Clone, Serialize)]
pub struct Part {
    /// `database`, `cache`, `bus`, `scheduler`.
    pub name: &'static str,
    /// Whether requests can rely on it.
    pub ready: bool,
    /// What is wrong, in words that may be shown to anybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Renders the figures in Prometheus text.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

pub(super) async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({"alive": true}))
}

/// 200 if every part is ready, else 503; the parts are listed in both cases.
pub(super) async fn ready(readiness: web::Data<dyn Readiness>) -> HttpResponse {
    let parts = readiness.check().await;
    let ready = parts.iter().all(|part| part.ready);
    let mut answer = if ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    answer.json(serde_json::json!({"ready": ready, "parts": parts}))
}

pub(super) async fn figures(render: web::Data<RenderMetrics>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body((**render)())
}
