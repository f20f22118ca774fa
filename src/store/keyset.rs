//! Pages of a table in the order of a key, taken from a place in that order.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{EntityTrait, IntoSimpleExpr, Order, QueryFilter, QueryOrder, QuerySelect, Select};

use super::{Db, StoreError, row};
use crate::domain::page::{Page, PageRequest};

/// The order of a list: some columns, all in one direction, the last of them unique.
#[derive(Debug, Clone)]
pub(super) struct Keyset<const N: usize, C> {
    pub(super) columns: [C; N],
    pub(super) descending: bool,
}

impl<const N: usize, C: IntoSimpleExpr + Copy> Keyset<N, C> {
    /// Takes a page out of `query`; the places are given by the key's values there, see [`placed`].
    ///
    /// What is on the side of the list where the page was not cut by its limit is not looked up: a place that the page starts
    /// after, or rows passed over, are taken for something that is there.
    pub(super) async fn page<E: EntityTrait>(
        &self,
        db: &impl Db,
        query: Select<E>,
        request: PageRequest<[Expr; N]>,
    ) -> Result<Page<E::Model>, StoreError> {
        let mut query = query;
        let (has_after, has_before) = (request.after.is_some(), request.before.is_some());
        if let Some(place) = request.after {
            query = query.filter(self.beyond(place, self.descending));
        }
        if let Some(place) = request.before {
            query = query.filter(self.beyond(place, !self.descending));
        }
        let order = if self.descending == request.from_end { Order::Asc } else { Order::Desc };
        for column in self.columns {
            query = query.order_by(column, order.clone());
        }
        // One more than asked for tells whether there is more.
        let limit = u64::from(request.limit);
        let mut items = query.offset(u64::from(request.offset)).limit(limit + 1).all(db).await?;
        let cut = items.len() > usize::try_from(limit).unwrap_or(usize::MAX);
        if cut {
            items.pop();
        }
        let passed = request.offset > 0;
        if request.from_end {
            items.reverse();
            Ok(Page { items, has_previous: cut || has_after, has_next: has_before || passed })
        } else {
            Ok(Page { items, has_previous: has_after || passed, has_next: cut || has_before })
        }
    }

    fn beyond(&self, values: [Expr; N], downwards: bool) -> Expr {
        let key = Expr::tuple(self.columns.map(IntoSimpleExpr::into_simple_expr));
        let place = Expr::tuple(values);
        if downwards { key.lt(place) } else { key.gt(place) }
    }
}

/// Reading a page's rows.
pub(super) trait ReadPage<R> {
    /// The same page of what the rows mean.
    fn try_map<T>(self, reader: impl FnMut(R) -> Result<T, StoreError>) -> Result<Page<T>, StoreError>;
}

impl<R> ReadPage<R> for Page<R> {
    fn try_map<T>(self, reader: impl FnMut(R) -> Result<T, StoreError>) -> Result<Page<T>, StoreError> {
        let items = row::read_all(self.items, reader)?;
        Ok(Page { items, has_previous: self.has_previous, has_next: self.has_next })
    }
}

/// A request whose places are given by the values of the list's key.
pub(super) fn placed<P, const N: usize>(
    request: &PageRequest<P>,
    values: impl Fn(&P) -> [Expr; N],
) -> PageRequest<[Expr; N]> {
    PageRequest {
        after: request.after.as_ref().map(&values),
        before: request.before.as_ref().map(&values),
        limit: request.limit,
        from_end: request.from_end,
        offset: request.offset,
    }
}
