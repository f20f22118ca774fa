//! The words of graphql-transport-ws: messages in, messages out, and the close code of every way to end.

use async_graphql::{Response, ServerError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ClientMessage {
    /// Must come first, once.
    ConnectionInit {
        #[serde(default)]
        payload: Value,
    },
    /// Starts an operation; the id is the client's and must not be in use.
    Subscribe { id: String, payload: Value },
    /// The client wants no more of this operation.
    Complete { id: String },
    /// To be answered with a pong that carries the same payload.
    Ping {
        #[serde(default)]
        payload: Option<Value>,
    },
    /// An answer to our ping, or a sign of life of its own.
    Pong {},
}

/// What the server says.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerMessage<'a> {
    ConnectionAck,
    Next {
        id: &'a str,
        payload: &'a Response,
    },
    /// The operation never began; it is over, and no `complete` follows.
    Error {
        id: &'a str,
        payload: &'a [ServerError],
    },
    Complete {
        id: &'a str,
    },
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        payload: Option<Value>,
    },
}

/// How a connection ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client has gone, or cannot be reached: there is nobody to tell.
    Gone,
    /// A close frame with a code of RFC 6455 or of the protocol, and a reason.
    Close(u16, String),
}

impl End {
    pub(super) fn normal() -> Self {
        Self::Close(1000, String::new())
    }
    pub(super) fn going_away() -> Self {
        Self::Close(1001, "The server is shutting down".to_owned())
    }
    pub(super) fn violation() -> Self {
        Self::Close(1002, "Not WebSocket".to_owned())
    }
    pub(super) fn binary() -> Self {
        Self::Close(1003, "Messages must be text".to_owned())
    }
    pub(super) fn not_utf8() -> Self {
        Self::Close(1007, "Text must be UTF-8".to_owned())
    }
    pub(super) fn too_big() -> Self {
        Self::Close(1009, "Message too big".to_owned())
    }
    pub(super) fn try_again_later() -> Self {
        Self::Close(1013, "Try again later".to_owned())
    }
    pub(super) fn bad_message(reason: &str) -> Self {
        Self::Close(4400, reason.to_owned())
    }
    pub(super) fn unauthorized() -> Self {
        Self::Close(4401, "Unauthorized".to_owned())
    }
    pub(super) fn forbidden() -> Self {
        Self::Close(4403, "Forbidden".to_owned())
    }
    pub(super) fn init_timeout() -> Self {
        Self::Close(4408, "Connection initialisation timeout".to_owned())
    }
    pub(super) fn duplicate(id: &str) -> Self {
        Self::Close(4409, format!("Subscriber for {id} already exists"))
    }
    pub(super) fn second_init() -> Self {
        Self::Close(4429, "Too many initialisation requests".to_owned())
    }

    /// The close frame. A reason has at most 123 bytes (RFC 6455, 5.5), so a long id is cut between characters.
    pub(super) fn frame(self) -> Option<actix_ws::CloseReason> {
        const REASON_BYTES_MAX: usize = 123;
        match self {
            Self::Gone => None,
            Self::Close(code, reason) => {
                let ends = reason.char_indices().map(|(start, character)| start + character.len_utf8());
                let cut = ends.take_while(|end| *end <= REASON_BYTES_MAX).last().unwrap_or(0);
                let description = Some(reason[..cut].to_owned()).filter(|text| !text.is_empty());
                Some(actix_ws::CloseReason { code: code.into(), description })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_fits_its_frame_even_with_a_long_id() {
        let frame = End::duplicate(&"ü".repeat(500)).frame().expect("there is somebody to tell");
        let reason = frame.description.expect("there is a reason");
        assert!(reason.len() <= 123 && reason.starts_with("Subscriber for ü"), "{reason}");
    }

    #[test]
    fn what_the_client_may_leave_out_is_not_missed() {
        for text in [r#"{"type":"connection_init"}"#, r#"{"type":"ping"}"#, r#"{"type":"pong","payload":{"a":1}}"#] {
            serde_json::from_str::<ClientMessage>(text).expect(text);
        }
        for text in [r#"{"type":"start"}"#, r#"{"type":"subscribe","id":"1"}"#, "[]", "hello"] {
            serde_json::from_str::<ClientMessage>(text).expect_err(text);
        }
    }
}
