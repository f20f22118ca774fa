//! What a use case answers when it does not do what it was asked to.

use crate::domain::input::BadInput;
use crate::store::StoreError;

/// Why a use case did nothing. Whatever was begun is rolled back.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error(transparent)]
    BadInput(#[from] BadInput),
    /// Nobody is known to be calling.
    #[error("a valid access token is needed")]
    Unauthenticated,
    /// The caller is known, and may not.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such thing, or none that the caller may know of.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// It does not go with what is there already.
    #[error("{0}")]
    Conflict(String),
    /// Another node took over this work; this one has to let go of it.
    #[error("the work was taken over by another node")]
    Fenced,
    /// A BSP did not answer as it should.
    #[error("{0}")]
    Upstream(String),
    /// There is more to do than can be; the same will work later.
    #[error("{0}")]
    Busy(&'static str),
    /// The same may work later.
    #[error("a part of the server is not available, try again later")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A mistake of ours.
    #[error("something went wrong inside the server")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ServiceError {
    /// The stable code that the API shows.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadInput(_) => "BAD_USER_INPUT",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden(_) => "FORBIDDEN",
            Self::NotFound(_) => "NOT_FOUND",
            Self::Conflict(_) => "CONFLICT",
            Self::Upstream(_) => "UPSTREAM",
            Self::Fenced | Self::Busy(_) | Self::Unavailable(_) => "UNAVAILABLE",
            Self::Internal(_) => "INTERNAL",
        }
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unique { what } => Self::Conflict(format!("{what} is taken already")),
            StoreError::Fenced => Self::Fenced,
            StoreError::Overflow => Self::Conflict("a sum would be too large to be kept".to_owned()),
            error @ StoreError::Unavailable(_) => Self::Unavailable(error.into()),
            error @ (StoreError::Corrupt { .. } | StoreError::Other(_)) => Self::Internal(error.into()),
        }
    }
}
