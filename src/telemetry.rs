//! Logs to stderr by tracing, and the recorder of figures for Prometheus.

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::io::{self, IsTerminal as _};
use std::str::FromStr;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// Settings of this room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// What to log, in the words of tracing's `EnvFilter`: `info`, `wabacus=debug,info`.
    pub filter: String,
    /// How a line looks.
    pub format: Format,
}

impl Default for Options {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: Format::Text }
    }
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For eyes.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(UnknownFormat),
        }
    }
}

/// Neither of the two words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a log format is `text` or `json`")]
pub struct UnknownFormat;

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter is not one.
    #[error("the log filter cannot be read")]
    Filter(#[source] ParseError),
    /// Something else already receives the logs of this process.
    #[error("logging is already set up")]
    Log(#[source] TryInitError),
    /// Something else already records the figures of this process.
    #[error("the metrics recorder cannot be installed")]
    Metrics(#[source] BuildError),
}

/// Starts logging to stderr, for the whole process; stdout is for what a command prints.
pub fn start_logging(options: &Options) -> Result<(), Error> {
    let filter = EnvFilter::try_new(&options.filter).map_err(Error::Filter)?;
    // Colours are for eyes, not for files.
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(colours);
    match options.format {
        Format::Text => lines.finish().try_init(),
        Format::Json => lines.json().flatten_event(true).finish().try_init(),
    }
    .map_err(Error::Log)
}

/// Installs the recorder, for the whole process. `render` of the handle is the text of `/metrics`; its `run_upkeep`
/// wants to be called every few seconds, or histograms that nobody scrapes grow.
pub fn install_recorder() -> Result<PrometheusHandle, Error> {
    const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(Error::Metrics)?;
    metrics::describe_counter!("wabacus_http_requests_total", "Requests answered, by method, route and status");
    metrics::describe_histogram!("wabacus_http_request_duration_seconds", "Time until the answer began, by route");
    metrics::describe_counter!("wabacus_sql_statements_total", "Statements that were sent to the database");
    metrics::describe_gauge!("wabacus_redis_up", "Whether Redis answers: 1 or 0; nothing where none is set");
    metrics::describe_counter!(
        "wabacus_redis_failures_total",
        "Questions that Redis did not answer, answered too late, or refused"
    );
    metrics::describe_counter!("wabacus_webhook_updates_total", "What BSPs told by webhook, by source and outcome");
    metrics::describe_gauge!("wabacus_websocket_connections", "WebSocket connections that are open");
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_one_of_two_words() {
        assert_eq!("json".parse(), Ok(Format::Json));
        assert_eq!("text".parse(), Ok(Format::Text));
        assert_eq!("xml".parse::<Format>(), Err(UnknownFormat));
    }

    #[test]
    fn a_filter_that_is_none_is_refused() {
        let options = Options { filter: "wabacus=loud".to_owned(), ..Options::default() };
        assert!(matches!(start_logging(&options), Err(Error::Filter(_))));
    }
}
