//! What one WebSocket connection may cost.

use std::time::Duration;

/// What one connection may cost.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of one message from the client, whether in one frame or several.
    pub message_bytes_max: usize,
    /// Operations that run at the same time on one connection; one more is answered with `RATE_LIMITED`.
    pub operations_max: usize,
    /// How long a client may take until it has sent `connection_init`.
    pub init_timeout: Duration,
    /// The server pings this often and hangs up on a client that was silent from one ping to the next.
    pub ping_interval: Duration,
    /// The token is checked again this often, so that a revoked one loses its subscriptions too.
    pub recheck_interval: Duration,
    /// How long a client may take to read a message before it is given up.
    pub send_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 256 * 1024,
            operations_max: 100,
            init_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(15),
            recheck_interval: Duration::from_secs(60),
            send_timeout: Duration::from_secs(30),
        }
    }
}
