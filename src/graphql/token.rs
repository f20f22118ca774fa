//! Access tokens: what they allow, and the mutations that make and end them.

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use secrecy::ExposeSecret as _;

use super::access;
use super::complexity;
use super::connection::{self, Connection, PageArguments};
use super::error::Result;
use super::loader;
use super::organisation::Organisation;
use super::scalar::DateTime;
use crate::domain::id::TokenId;
use crate::domain::token;
use crate::service::access::NewToken;

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "token::TokenScope")]
pub(super) enum TokenScope {
    /// Queries and subscriptions.
    Read,
    /// Recording usage.
    Record,
    /// Administration; only of a token that belongs to no organisation.
    Admin,
}

/// An access token, without its secret.
#[derive(Debug, Clone)]
pub(super) struct Token(pub(super) token::Token);

/// An access token, without its secret.
#[Object]
impl Token {
    /// The token's id, unique among everything.
    pub(super) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// What people call it.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The organisation that it reaches; null for an admin token, which reaches all.
    async fn organisation(&self, ctx: &Context<'_>) -> Option<Result<Organisation>> {
        let id = self.0.organisation_id?;
        Some(loader::organisation(ctx, id).await.map(Organisation))
    }

    /// What it allows.
    async fn scopes(&self) -> Vec<TokenScope> {
        self.0.scopes.iter().copied().map(Into::into).collect()
    }

    /// When it stops working by itself; null: never.
    async fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(Into::into)
    }

    /// When it was last used, to within a minute or so.
    async fn last_used_at(&self) -> Option<DateTime> {
        self.0.last_used_at.map(Into::into)
    }

    /// When it was revoked; null: it was not.
    async fn revoked_at(&self) -> Option<DateTime> {
        self.0.revoked_at.map(Into::into)
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }
}

/// A token to make.
#[derive(Debug, InputObject)]
pub(super) struct CreateTokenInput {
    /// What people call it, 1 to 200 characters.
    name: String,
    /// The organisation that it reaches; without one it is an admin token.
    organisation_id: Option<ID>,
    /// What it allows. Without: READ and RECORD for an organisation's token, and ADMIN as well for an admin's.
    scopes: Option<Vec<TokenScope>>,
    /// When it stops working by itself; without: never.
    expires_at: Option<DateTime>,
}

/// A token that was just made.
#[derive(Debug, SimpleObject)]
pub(super) struct CreatedToken {
    /// The token.
    token: Token,
    /// What its holder sends in the Authorization header, after `Bearer`. It is shown this once and kept nowhere.
    secret: String,
}

#[derive(Debug, Default)]
pub(super) struct TokenQuery;

#[Object]
impl TokenQuery {
    /// The access tokens, newest first. For admins.
    #[graphql(complexity = "complexity::page(__ctx, __variables_definition, __field) * child_complexity + 1")]
    async fn tokens(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100; 20 without.")] first: Option<i32>,
        #[graphql(desc = "Only those after this cursor.")] after: Option<String>,
        #[graphql(desc = "Only those of this organisation.")] organisation_id: Option<ID>,
    ) -> Result<Connection<Token>> {
        let access = access::admin_reader(ctx)?;
        let organisation_id = access::filter("organisationId", organisation_id.as_ref())?;
        let request = PageArguments::forward(first, after).request(|place| TokenId::parse("after", place).ok())?;
        let page = access.services.access.page(organisation_id, &request).await?;
        Ok(connection::connect(page, |token| token.id.to_string(), Token))
    }
}

#[derive(Debug, Default)]
pub(super) struct TokenMutation;

#[Object]
impl TokenMutation {
    /// Makes an access token; its secret is in this answer and never again. For admins.
    async fn create_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token.")] input: CreateTokenInput,
    ) -> Result<CreatedToken> {
        let access = access::admin(ctx)?;
        let new = NewToken {
            name: input.name,
            organisation_id: access::filter("input.organisationId", input.organisation_id.as_ref())?,
            scopes: input.scopes.map(|scopes| scopes.into_iter().map(Into::into).collect()),
            expires_at: input.expires_at.map(|expiry| expiry.read("input.expiresAt")).transpose()?,
        };
        let (token, secret) = access.services.access.create_token(access.caller, new).await?;
        Ok(CreatedToken { token: Token(token), secret: secret.expose_secret().to_owned() })
    }

    /// Ends a token at once. True if it worked until now. For admins.
    async fn revoke_token(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token's id (not its secret).")] id: ID,
    ) -> Result<bool> {
        let access = access::admin(ctx)?;
        let id = TokenId::parse("id", &id)?;
        Ok(access.services.access.revoke_token(access.caller, id).await?)
    }
}
