//! Activity: conversations, when something last happened, and a history by month.

use async_graphql::{Context, Object};

use super::access;
use super::error::Result;
use super::scalar::{DateTime, Month, int};
use crate::domain::activity;

/// What happens at an organisation.
#[derive(Debug)]
pub(super) struct Activity(pub(super) activity::Activity);

/// What happens at an organisation.
#[Object]
impl Activity {
    /// Conversations that began in the month that runs, in its zone.
    #[expect(clippy::unused_async, reason = "a resolver is asynchronous to its caller, whether it waits or not")]
    async fn conversations_this_month(&self) -> Result<i32> {
        int("conversationsThisMonth", self.0.conversations_this_month)
    }

    /// When the last conversation began; null: there never was one.
    async fn last_conversation_at(&self) -> Option<DateTime> {
        self.0.last_conversation_at.map(Into::into)
    }

    /// When the first thing that is known of happened: a message, a conversation, usage, or a day of which a provider reported something;
    /// null: nothing ever.
    async fn first_activity_at(&self) -> Option<DateTime> {
        self.0.span.map(|span| span.first_at.into())
    }

    /// When the last of them happened.
    async fn last_activity_at(&self) -> Option<DateTime> {
        self.0.span.map(|span| span.last_at.into())
    }

    /// Whether something happened within 30 days.
    #[expect(clippy::unused_async, reason = "a resolver is asynchronous to its caller, whether it waits or not")]
    async fn active(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.0.is_active(access::services(ctx)?.clock.now()))
    }
}

/// The conversations of a month.
#[derive(Debug)]
pub(super) struct MonthlyActivity(pub(super) activity::MonthlyActivity);

/// The conversations of a month.
#[Object]
impl MonthlyActivity {
    /// The month, in the organisation's zone.
    async fn month(&self) -> Month {
        self.0.month.into()
    }

    /// Conversations that began in it.
    #[expect(clippy::unused_async, reason = "a resolver is asynchronous to its caller, whether it waits or not")]
    async fn conversations(&self) -> Result<i32> {
        int("conversations", self.0.conversations)
    }

    /// When the last of them began; null: there was none.
    async fn last_conversation_at(&self) -> Option<DateTime> {
        self.0.last_conversation_at.map(Into::into)
    }
}
