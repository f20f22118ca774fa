//! What the counters hold of each day, for a trend.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use entity::metric_day::{Column, Entity};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, FromQueryResult, IdenStatic as _, QueryFilter as _, QuerySelect as _,
};
use uuid::Uuid;

use super::Scope;
use crate::domain::id::ChannelId;
use crate::domain::metric::{ContactFigures, ConversationFigures, Figures, MessageFigures};
use crate::domain::period::DateRange;
use crate::store::{Db, StoreError};

#[derive(Debug, FromQueryResult)]
struct Row {
    date: NaiveDate,
    total: i64,
    sent: i64,
    delivered: i64,
    read: i64,
    failed: i64,
    replied: i64,
    inbound: i64,
    outbound: i64,
    conversations: i64,
    responses: i64,
    response_seconds: i64,
    contacts_new: i64,
}

/// What adds up of each of the days: messages, conversations that began, new contacts. A day without any is left out.
pub async fn sums(db: &impl Db, scope: Scope, range: DateRange) -> Result<BTreeMap<NaiveDate, Figures>, StoreError> {
    let (from, to): (NaiveDate, NaiveDate) = (range.from(), range.to());
    let mut query = Entity::find()
        .select_only()
        .column(Column::Date)
        .filter(Column::OrganisationId.eq(scope.organisation_id.uuid()))
        .filter(Column::Date.between(from, to))
        .group_by(Column::Date);
    if let Some(channel) = scope.channel_id {
        query = query.filter(Column::ChannelId.eq(channel.uuid()));
    }
    let counters = [
        Column::Total,
        Column::Sent,
        Column::Delivered,
        Column::Read,
        Column::Failed,
        Column::Replied,
        Column::Inbound,
        Column::Outbound,
        Column::Conversations,
        Column::Responses,
        Column::ResponseSeconds,
    ];
    for column in counters {
        // PostgreSQL sums 64-bit numbers into another type.
        query = query.column_as(column.into_expr().sum().cast_as("bigint"), column.as_str());
    }
    // Who is new to a channel need not be to the organisation, which has the nil one.
    let counted_on = scope.channel_id.map_or(Uuid::nil(), ChannelId::uuid);
    let new = Expr::case(Column::ChannelId.eq(counted_on), Column::ContactsNew.into_expr()).finally(0);
    let new = Expr::expr(new).sum().cast_as("bigint");
    let rows = query.column_as(new, Column::ContactsNew.as_str()).into_model::<Row>().all(db).await?;
    Ok(rows.iter().map(|row| (row.date, row.figures())).collect())
}

impl Row {
    fn figures(&self) -> Figures {
        Figures {
            messages: MessageFigures {
                total: self.total,
                sent: self.sent,
                delivered: self.delivered,
                read: self.read,
                failed: self.failed,
                replied: self.replied,
                inbound: self.inbound,
                outbound: self.outbound,
            },
            contacts: ContactFigures { new: self.contacts_new, ..ContactFigures::default() },
            conversations: ConversationFigures {
                total: self.conversations,
                open: 0,
                responses: self.responses,
                response_seconds: self.response_seconds,
            },
            ..Figures::default()
        }
    }
}
