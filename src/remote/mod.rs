//! The way to Redis that cache, bus and limits share: nobody waits for a Redis that is away, and its health is said once when it changes.
//!
//! A Redis that is away or slow costs one time-out and not one for each request: with the first failure all who wait are sent away, and so is
//! everybody who comes, until a probe (each second) gets a quick answer on a new connection. That is why there is no `ConnectionManager` here:
//! its own tries would be made beside the probe's, and a connection that hangs half open it would keep.

mod health;

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::{MultiplexedConnection, PubSub};
use redis::{Client, ErrorKind, RedisError, RedisResult, ServerErrorKind};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use url::Url;

use crate::domain::input::BadInput;
use health::State;

/// How long an answer may take. A cache that is slower than the database is none.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// How long connecting may take, the greeting included.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// How often it is said that Redis answers, but with refusals (out of memory, read only).
const REFUSED_EVERY: Duration = Duration::from_secs(60);

/// The longest prefix of keys and channels.
const PREFIX_CHARS_MAX: usize = 64;

/// Where Redis is, and what is ours in it.
#[derive(Debug, Clone)]
pub struct Options {
    /// `redis://` or `rediss://` (TLS); may hold a password.
    pub url: SecretString,
    /// What every key and channel begins with, so that several can share a Redis.
    pub prefix: String,
}

impl Options {
    /// Whether these can work at all, before anything is sent. The address is not quoted back: it may hold a password.
    pub fn validate(&self) -> Result<(), BadInput> {
        let visible = self.prefix.chars().all(|character| character.is_ascii_graphic());
        if self.prefix.is_empty() || self.prefix.len() > PREFIX_CHARS_MAX || !visible {
            let accepted = format!("expected 1 to {PREFIX_CHARS_MAX} letters, digits and signs, such as wabacus:");
            return Err(BadInput::new("prefix", &self.prefix, accepted));
        }
        self.client().map(drop)
    }

    fn client(&self) -> Result<(Client, String), BadInput> {
        let text = self.url.expose_secret();
        let scheme = text.split(':').next().unwrap_or_default();
        let refusal =
            || BadInput::new("url", format_args!("{scheme}:..."), "expected an address such as redis://host:6379/0");
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "redis" | "rediss") && url.has_host());
        let url = url.ok_or_else(refusal)?;
        let place = format!("{}:{}", url.host_str().unwrap_or_default(), url.port().unwrap_or(6_379));
        Ok((Client::open(url).map_err(|_| refusal())?, place))
    }
}

/// Nothing came of it: Redis is away, too slow, or refused. Why, the log has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Redis does not answer")]
pub struct Away;

/// Redis. Clones share the connection.
#[derive(Clone)]
pub struct Remote(Arc<Shared>);

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("place", &self.0.place).field("prefix", &self.0.prefix).finish_non_exhaustive()
    }
}

struct Shared {
    client: Client,
    /// Host and port.
    place: String,
    prefix: String,
    state: watch::Sender<State>,
    /// When a refusal was last logged.
    refused_at: Mutex<Option<Instant>>,
}

impl Remote {
    /// Begins to connect, in the background of the tokio runtime that this is called on: whether Redis is there or not, nothing is waited for.
    pub fn new(options: &Options) -> Result<Self, BadInput> {
        options.validate()?;
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Whoever installs one first wins; any will do here.
            drop(rustls::crypto::ring::default_provider().install_default());
        }
        let (client, place) = options.client()?;
        let shared = Shared {
            client,
            place,
            prefix: options.prefix.clone(),
            state: watch::Sender::new(State::Trying),
            refused_at: Mutex::default(),
        };
        let shared = Arc::new(shared);
        tokio::spawn(health::watch_over(Arc::downgrade(&shared)));
        Ok(Self(shared))
    }

    /// The name under which `name` is ours.
    pub fn name(&self, name: &str) -> String {
        format!("{}{name}", self.0.prefix)
    }

    /// Asks, and is sent away at once while Redis is known to be away. Only the very first ones wait for the connection.
    pub async fn ask<T, F>(&self, ask: impl FnOnce(MultiplexedConnection) -> F + Send) -> Result<T, Away>
    where
        F: Future<Output = RedisResult<T>> + Send,
    {
        let mut states = self.0.state.subscribe();
        let state = states.wait_for(|state| !matches!(state, State::Trying)).await.map_err(|_| Away)?.clone();
        let State::Up { number, connection } = state else { return Err(Away) };
        let answer = tokio::select! {
            answer = timeout(ANSWER_WITHIN, ask(connection)) => answer,
            _ = states.wait_for(|state| !state.is(number)) => return Err(Away),
        };
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) if is_refusal(&error) => {
                self.0.refused(&error);
                Err(Away)
            }
            Ok(Err(error)) => {
                self.0.lose(number, &error.to_string());
                Err(Away)
            }
            Err(_) => {
                self.0.lose(number, "no answer in time");
                Err(Away)
            }
        }
    }

    /// Whether Redis answered when it was last asked.
    pub fn is_up(&self) -> bool {
        matches!(*self.0.state.borrow(), State::Up { .. })
    }

    /// Resolves once Redis answers.
    pub async fn up(&self) {
        let mut states = self.0.state.subscribe();
        // The sender lives as long as this.
        drop(states.wait_for(|state| matches!(state, State::Up { .. })).await);
    }

    /// Resolves once it is known whether Redis answers; at most as long as connecting may take.
    pub async fn tried(&self) {
        let mut states = self.0.state.subscribe();
        drop(states.wait_for(|state| !matches!(state, State::Trying)).await);
    }

    /// A connection of its own that hears what is published on the channel of that name, from now on.
    pub async fn subscribe(&self, channel: &str) -> Result<PubSub, Away> {
        if !self.is_up() {
            return Err(Away);
        }
        let connect = async {
            let mut connection = self.0.client.get_async_pubsub().await?;
            connection.subscribe(self.name(channel)).await?;
            Ok::<_, RedisError>(connection)
        };
        match timeout(CONNECT_WITHIN, connect).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => {
                // That it is away, the next probe finds out.
                if is_refusal(&error) {
                    self.0.refused(&error);
                }
                Err(Away)
            }
            Err(_) => Err(Away),
        }
    }

    /// Keys of ours whose names begin with `name`, as Redis calls them, from `cursor` on (0: the beginning), and where to go on (0: that was all).
    /// Some may come twice.
    pub async fn keys(&self, name: &str, cursor: u64) -> Result<(u64, Vec<Vec<u8>>), Away> {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(format!("{}*", escaped(&self.name(name)))).arg("COUNT").arg(SCAN_BATCH);
        self.ask(|mut connection| async move { scan.query_async(&mut connection).await }).await
    }
}

/// How many keys Redis looks at before it answers others again.
const SCAN_BATCH: u32 = 1_000;

/// `text` as a pattern that fits it alone.
fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

/// Whether Redis is there and only does not want to: the connection is as good as before.
fn is_refusal(error: &RedisError) -> bool {
    let kind = error.kind();
    if let ErrorKind::Server(kind) = kind {
        return !matches!(kind, ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown);
    }
    matches!(kind, ErrorKind::Extension | ErrorKind::UnexpectedReturnType)
}

impl Shared {
    fn failed() {
        metrics::counter!("wabacus_redis_failures_total").increment(1);
    }

    /// Says that Redis refused, once in a while.
    fn refused(&self, error: &RedisError) {
        Self::failed();
        let mut refused_at = self.refused_at.lock().unwrap_or_else(PoisonError::into_inner);
        if refused_at.is_none_or(|at| at.elapsed() >= REFUSED_EVERY) {
            *refused_at = Some(Instant::now());
            tracing::warn!(redis = self.place, %error, "Redis refuses; what it should have kept or carried is done without it");
        }
    }

    /// The connection of that number is of no use any more.
    fn lose(&self, number: u64, reason: &str) {
        Self::failed();
        let lost = self.state.send_if_modified(|state| {
            let is_it = state.is(number);
            if is_it {
                *state = State::Away { after: number };
            }
            is_it
        });
        if lost {
            self.say_away(reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str, prefix: &str) -> Options {
        Options { url: SecretString::from(url), prefix: prefix.to_owned() }
    }

    #[test]
    fn an_address_is_checked_before_anything_is_sent_and_its_password_is_not_quoted() {
        for url in ["redis://host", "redis://user:secret@host:6380/3", "rediss://:secret@[::1]:6379"] {
            options(url, "wabacus:").validate().unwrap();
        }
        for url in ["", "host:6379", "http://host", "redis://", "unix:///redis.sock", "redis://:secret@host/database"] {
            let bad = options(url, "wabacus:").validate().unwrap_err();
            assert_eq!(bad.field, "url", "{url}");
            assert!(!bad.to_string().contains("secret"), "{bad}");
        }
        assert!(!format!("{:?}", options("redis://:secret@host", "a")).contains("secret"));
    }

    #[test]
    fn a_prefix_is_some_visible_text() {
        for prefix in ["", " ", "a b", "\u{e9}", &"a".repeat(65)] {
            assert_eq!(options("redis://host", prefix).validate().unwrap_err().field, "prefix", "{prefix}");
        }
        options("redis://host", "{shop}:*[").validate().unwrap();
    }

    #[test]
    fn a_pattern_fits_its_text_alone() {
        assert_eq!(escaped("a*b?[c]\\"), "a\\*b\\?\\[c\\]\\\\");
    }
}
