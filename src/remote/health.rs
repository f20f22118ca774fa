//! Whether Redis answers: tried each second, said when it changes.

use std::sync::Weak;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisError, RedisResult};
use tokio::time::{sleep, timeout};

use super::{ANSWER_WITHIN, CONNECT_WITHIN, Remote, Shared};

/// How often Redis is asked whether it is there.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// How it stands with Redis.
#[derive(Clone)]
pub(super) enum State {
    /// It was not reached yet, and not missed either.
    Trying,
    /// It answers on this connection, which is the so-many-eth.
    Up { number: u64, connection: MultiplexedConnection },
    /// It does not answer since that connection.
    Away { after: u64 },
}

impl State {
    /// Whether Redis answers on the connection of that number.
    pub(super) const fn is(&self, wanted: u64) -> bool {
        matches!(self, Self::Up { number, .. } if *number == wanted)
    }
}

/// Asks Redis whether it is there, as long as somebody needs it.
pub(super) async fn watch_over(shared: Weak<Shared>) {
    gauge(false);
    loop {
        let Some(shared) = shared.upgrade() else { return };
        let state = shared.state.borrow().clone();
        match state {
            State::Trying => shared.reach(1, false).await,
            State::Away { after } => shared.reach(after + 1, true).await,
            State::Up { .. } => {
                let remote = Remote(shared);
                // Whoever finds it lost says so.
                let _ = remote.ask(ping).await;
            }
        }
        sleep(PROBE_EVERY).await;
    }
}

async fn ping(mut connection: MultiplexedConnection) -> RedisResult<()> {
    redis::cmd("PING").exec_async(&mut connection).await
}

impl Shared {
    /// Tries a new connection; `was_missed`: that Redis is away was said.
    async fn reach(&self, number: u64, was_missed: bool) {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_WITHIN))
            .set_response_timeout(Some(ANSWER_WITHIN));
        let connect = async {
            let connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
            timeout(ANSWER_WITHIN, ping(connection.clone())).await.map_err(|_| late())??;
            Ok::<_, RedisError>(connection)
        };
        // Connecting is several questions and answers.
        let reached = timeout(CONNECT_WITHIN, connect).await.unwrap_or_else(|_| Err(late()));
        match reached {
            Ok(connection) => {
                self.state.send_replace(State::Up { number, connection });
                gauge(true);
                if was_missed {
                    tracing::info!(redis = self.place, "Redis is back");
                }
            }
            Err(error) if !was_missed => {
                Self::failed();
                self.state.send_replace(State::Away { after: number });
                self.say_away(&error.to_string());
            }
            Err(_) => Self::failed(),
        }
    }

    /// Says that Redis is away; to be called when it begins to be.
    pub(super) fn say_away(&self, reason: &str) {
        gauge(false);
        tracing::warn!(
            redis = self.place,
            reason,
            "Redis is away; until it is back there is no shared cache, and other nodes hear of news later"
        );
    }
}

fn late() -> RedisError {
    std::io::Error::from(std::io::ErrorKind::TimedOut).into()
}

fn gauge(is_up: bool) {
    metrics::gauge!("wabacus_redis_up").set(u32::from(is_up));
}
