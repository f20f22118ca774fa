//! The audit log in the database.

use entity::audit_entry::{ActiveModel, Column, Entity, Model};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::keyset::{Keyset, placed};
use super::{Db, StoreError, row};
use crate::domain::audit::AuditEntry;
use crate::domain::id::{AuditEntryId, OrganisationId, TokenId};
use crate::domain::page::{Page, PageRequest};

/// Adds an entry.
pub async fn insert(db: &impl Db, entry: &AuditEntry) -> Result<(), StoreError> {
    let row = Model {
        id: entry.id.uuid(),
        organisation_id: entry.organisation_id.map(OrganisationId::uuid),
        token_id: entry.token_id.map(TokenId::uuid),
        actor: entry.actor.clone(),
        action: entry.action.clone(),
        target: entry.target.clone(),
        details: entry.details.clone(),
        at: entry.at,
    };
    row::insert::<_, ActiveModel>(db, vec![row], None).await?;
    Ok(())
}

/// A page of entries, newest first: those that concern one organisation, or (`None`) all.
pub async fn page(
    db: &impl Db,
    organisation: Option<OrganisationId>,
    request: &PageRequest<AuditEntryId>,
) -> Result<Page<AuditEntry>, StoreError> {
    let mut query = Entity::find();
    if let Some(organisation) = organisation {
        query = query.filter(Column::OrganisationId.eq(organisation.uuid()));
    }
    let keyset = Keyset { columns: [Column::Id], descending: true };
    let page = keyset.page(db, query, placed(request, |id| [Expr::value(id.uuid())])).await?;
    Ok(page.map(from_row))
}

fn from_row(row: Model) -> AuditEntry {
    AuditEntry {
        id: AuditEntryId::from_uuid(row.id),
        organisation_id: row.organisation_id.map(OrganisationId::from_uuid),
        token_id: row.token_id.map(TokenId::from_uuid),
        actor: row.actor,
        action: row.action,
        target: row.target,
        details: row.details,
        at: row.at,
    }
}
