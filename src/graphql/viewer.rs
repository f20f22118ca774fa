//! Who is asking: the token of the request and what it reaches.

use async_graphql::{Context, Object};

use super::access;
use super::error::Result;
use super::loader;
use super::organisation::Organisation;
use super::scalar::DateTime;
use super::token::{Token, TokenScope};
use crate::domain::token;

/// The holder of the request's token.
#[derive(Debug)]
pub(super) struct Viewer {
    token: token::Token,
    admin: bool,
}

/// Whose token a request carries, and what it allows.
#[Object]
impl Viewer {
    /// The token, without its secret.
    async fn token(&self) -> Token {
        Token(self.token.clone())
    }

    /// The organisation that the token belongs to; null for an admin's.
    async fn organisation(&self, ctx: &Context<'_>) -> Option<Result<Organisation>> {
        let id = self.token.organisation_id?;
        Some(loader::organisation(ctx, id).await.map(Organisation))
    }

    /// Whether the token reaches every organisation.
    async fn admin(&self) -> bool {
        self.admin
    }

    /// What the token allows.
    async fn scopes(&self) -> Vec<TokenScope> {
        self.token.scopes.iter().copied().map(Into::into).collect()
    }

    /// When the token stops working by itself; null: never.
    async fn expires_at(&self) -> Option<DateTime> {
        self.token.expires_at.map(Into::into)
    }
}

#[derive(Debug, Default)]
pub(super) struct ViewerQuery;

#[Object]
impl ViewerQuery {
    /// Whose token this is: an organisation's or an admin's, with its scopes and expiry.
    #[expect(clippy::unused_async, reason = "a resolver is asynchronous to its caller, whether it waits or not")]
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Viewer> {
        let access = access::holder(ctx)?;
        Ok(Viewer { token: access.token.clone(), admin: access.caller.is_admin() })
    }
}
