//! Counting into the counters of analytics, each counter in one row of one statement.

use entity::{campaign_day, contact_day, metric_day};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait as _, EntityTrait, QueryFilter as _};
use uuid::Uuid;

use crate::domain::id::{CampaignId, ChannelId};
use crate::domain::message::Counts;
use crate::domain::message::rollup::{CampaignDayKey, ContactDayKey, DayCounts, DayKey, Deltas};
use crate::store::{StoreError, Transaction, row};

/// Adds `deltas` to what is there, and takes away what then counts nothing: a day of somebody is there only where there was something.
pub async fn apply(tx: &Transaction, deltas: &Deltas) -> Result<(), StoreError> {
    let days: Vec<_> = deltas.days.iter().map(|(key, counts)| day(key, counts)).collect();
    row::insert::<_, metric_day::ActiveModel>(tx, days, Some(on_day())).await?;
    let days: Vec<_> = deltas.campaign_days.iter().map(|(key, counts)| campaign(key, counts)).collect();
    row::insert::<_, campaign_day::ActiveModel>(tx, days, Some(on_campaign_day())).await?;
    let days: Vec<_> = deltas.contact_days.iter().map(|(key, counts)| contact(key, counts)).collect();
    row::insert::<_, contact_day::ActiveModel>(tx, days, Some(on_contact_day())).await?;
    sweep(tx, deltas).await
}

const DAY_SUMS: [metric_day::Column; 12] = {
    use metric_day::Column::{
        ContactsNew, Conversations, Delivered, Failed, Inbound, Outbound, Read, Replied, ResponseSeconds, Responses,
        Sent, Total,
    };
    [
        Total,
        Sent,
        Delivered,
        Read,
        Failed,
        Replied,
        Inbound,
        Outbound,
        Conversations,
        Responses,
        ResponseSeconds,
        ContactsNew,
    ]
};

fn on_day() -> OnConflict {
    use metric_day::Column::{ChannelId, Date, OrganisationId};
    row::adding([OrganisationId, Date, ChannelId], "metric_day", DAY_SUMS)
}

fn on_campaign_day() -> OnConflict {
    use campaign_day::Column::{
        CampaignId, ChannelId, Date, Delivered, Engaged, Failed, OrganisationId, Read, Replied, Sent, Total,
    };
    let key = [OrganisationId, Date, CampaignId, ChannelId];
    row::adding(key, "campaign_day", [Total, Sent, Delivered, Read, Failed, Replied, Engaged])
}

fn on_contact_day() -> OnConflict {
    use contact_day::Column::{
        CampaignId, ChannelId, CustomerId, Date, Delivered, Engaged, Messages, OrganisationId, Replied,
    };
    let key = [OrganisationId, Date, CustomerId, ChannelId, CampaignId];
    row::adding(key, "contact_day", [Messages, Delivered, Engaged, Replied])
}

/// Takes away the rows that something was counted out of and that have nothing left. That is rare, so each goes by itself.
async fn sweep(tx: &Transaction, deltas: &Deltas) -> Result<(), StoreError> {
    for (key, counts) in &deltas.days {
        if counts.messages.total < 0 || counts.conversations < 0 || counts.contacts_new < 0 {
            use metric_day::{Column, Entity};
            let row = Entity::delete_many()
                .filter(Column::OrganisationId.eq(key.organisation_id.uuid()))
                .filter(Column::Date.eq(key.date))
                .filter(Column::ChannelId.eq(key.channel_id.map_or(Uuid::nil(), ChannelId::uuid)));
            let empty = [Column::Total, Column::Conversations, Column::ContactsNew];
            empty.into_iter().fold(row, |row, column| row.filter(column.eq(0))).exec(tx).await?;
        }
    }
    for (key, _) in deltas.campaign_days.iter().filter(|(_, counts)| counts.total < 0) {
        use campaign_day::{Column, Entity};
        Entity::delete_many()
            .filter(Column::OrganisationId.eq(key.organisation_id.uuid()))
            .filter(Column::Date.eq(key.date))
            .filter(Column::CampaignId.eq(key.campaign_id.uuid()))
            .filter(Column::ChannelId.eq(key.channel_id.uuid()))
            .filter(Column::Total.eq(0))
            .exec(tx)
            .await?;
    }
    for (key, _) in deltas.contact_days.iter().filter(|(_, counts)| counts.total < 0) {
        use contact_day::{Column, Entity};
        Entity::delete_many()
            .filter(Column::OrganisationId.eq(key.organisation_id.uuid()))
            .filter(Column::Date.eq(key.date))
            .filter(Column::CustomerId.eq(key.customer_id.uuid()))
            .filter(Column::ChannelId.eq(key.channel_id.uuid()))
            .filter(Column::CampaignId.eq(key.campaign_id.map_or(Uuid::nil(), CampaignId::uuid)))
            .filter(Column::Messages.eq(0))
            .exec(tx)
            .await?;
    }
    Ok(())
}

fn day(key: &DayKey, counts: &DayCounts) -> metric_day::Model {
    let Counts { total, inbound, outbound, sent, delivered, read, failed, replied, .. } = counts.messages;
    metric_day::Model {
        organisation_id: key.organisation_id.uuid(),
        date: key.date,
        channel_id: key.channel_id.map_or(Uuid::nil(), ChannelId::uuid),
        total,
        sent,
        delivered,
        read,
        failed,
        replied,
        inbound,
        outbound,
        conversations: counts.conversations,
        responses: counts.responses,
        response_seconds: counts.response_seconds,
        contacts_new: counts.contacts_new,
    }
}

fn campaign(key: &CampaignDayKey, counts: &Counts) -> campaign_day::Model {
    let Counts { total, sent, delivered, read, failed, replied, engaged, .. } = *counts;
    campaign_day::Model {
        organisation_id: key.organisation_id.uuid(),
        date: key.date,
        campaign_id: key.campaign_id.uuid(),
        channel_id: key.channel_id.uuid(),
        total,
        sent,
        delivered,
        read,
        failed,
        replied,
        engaged,
    }
}

fn contact(key: &ContactDayKey, counts: &Counts) -> contact_day::Model {
    let Counts { total, delivered, replied, engaged, .. } = *counts;
    contact_day::Model {
        organisation_id: key.organisation_id.uuid(),
        date: key.date,
        customer_id: key.customer_id.uuid(),
        channel_id: key.channel_id.uuid(),
        campaign_id: key.campaign_id.map_or(Uuid::nil(), CampaignId::uuid),
        messages: total,
        delivered,
        engaged,
        replied,
    }
}
