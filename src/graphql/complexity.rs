//! What lists weigh in the complexity of a query: their entries, as many times as there may be.
//!
//! The limit on complexity is kept before anything is executed, so a weight is made of arguments alone.

use async_graphql::parser::types::{Field, VariableDefinition};
use async_graphql::{InputType, Positioned, VisitorContext};

use super::connection::{SIZE_DEFAULT, SIZE_MAX};
use super::scalar::{Date, Month};
use crate::domain::dashboard::{DAYS_MAX, DAYS_USUAL};
use crate::domain::period::DateRange;
use crate::service::account_usage::MONTHS_MAX;
use crate::service::activity::{MONTHS_MAX as HISTORY_MAX, MONTHS_USUAL as HISTORY_USUAL};
use crate::service::job_run::RANGE_DAYS_MAX;

/// An argument as it was sent. The library's own way to name arguments in a `complexity` text refuses a query that leaves out a
/// variable which may be left out; here it is as an argument that was left out.
fn argument<T: InputType>(
    context: &VisitorContext<'_>,
    variables: &[Positioned<VariableDefinition>],
    field: &Field,
    name: &str,
) -> Option<T> {
    context.param_value::<Option<T>>(variables, field, name, None).ok().flatten()
}

/// The entries of a page. A bad size weighs something and is refused later.
pub(super) fn page(context: &VisitorContext<'_>, variables: &[Positioned<VariableDefinition>], field: &Field) -> usize {
    let sizes = ["first", "last", "limit"].map(|name| argument::<i32>(context, variables, field, name));
    page_of(sizes.into_iter().flatten().max())
}

fn page_of(size: Option<i32>) -> usize {
    let size = size.map_or(SIZE_DEFAULT, |size| u32::try_from(size).unwrap_or(1).clamp(1, SIZE_MAX));
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// The days from `from` to `to`.
pub(super) fn days(context: &VisitorContext<'_>, variables: &[Positioned<VariableDefinition>], field: &Field) -> usize {
    let from = argument::<Date>(context, variables, field, "from");
    from.zip(argument(context, variables, field, "to")).map_or(1, |(from, to)| days_of(&from, &to))
}

fn days_of(from: &Date, to: &Date) -> usize {
    let range = from.read("from").ok().zip(to.read("to").ok()).and_then(|(from, to)| DateRange::new(from, to));
    let days = range.map_or(1, |range| range.count_days().min(RANGE_DAYS_MAX));
    usize::try_from(days).unwrap_or(1)
}

/// The days of a dashboard. A bad number weighs something and is refused later.
pub(super) fn days_back(
    context: &VisitorContext<'_>,
    variables: &[Positioned<VariableDefinition>],
    field: &Field,
) -> usize {
    let days = argument::<i32>(context, variables, field, "days");
    let days = days.map_or(DAYS_USUAL, |days| u32::try_from(days).unwrap_or(1).clamp(1, DAYS_MAX));
    usize::try_from(days).unwrap_or(usize::MAX)
}

/// The months of a history. A bad number weighs something and is refused later.
pub(super) fn months_back(
    context: &VisitorContext<'_>,
    variables: &[Positioned<VariableDefinition>],
    field: &Field,
) -> usize {
    let months = argument::<i32>(context, variables, field, "months");
    let months = months.map_or(HISTORY_USUAL, |months| u32::try_from(months).unwrap_or(1).clamp(1, HISTORY_MAX));
    usize::try_from(months).unwrap_or(usize::MAX)
}

/// The months from `from` to `to`.
pub(super) fn months(
    context: &VisitorContext<'_>,
    variables: &[Positioned<VariableDefinition>],
    field: &Field,
) -> usize {
    let from = argument::<Month>(context, variables, field, "from");
    from.zip(argument(context, variables, field, "to")).map_or(1, |(from, to)| months_of(&from, &to))
}

fn months_of(from: &Month, to: &Month) -> usize {
    let months = from.read("from").ok().zip(to.read("to").ok()).map_or(1, |(from, to)| {
        let years = i64::from(to.year()) - i64::from(from.year());
        years * 12 + i64::from(to.number()) - i64::from(from.number()) + 1
    });
    usize::try_from(months).unwrap_or(1).clamp(1, MONTHS_MAX)
}

#[cfg(test)]
mod tests {
    use async_graphql::{ScalarType, Value};

    use super::*;

    fn date(text: &str) -> Date {
        <Date as ScalarType>::parse(Value::from(text)).unwrap()
    }

    fn month(text: &str) -> Month {
        <Month as ScalarType>::parse(Value::from(text)).unwrap()
    }

    #[test]
    fn a_page_weighs_what_it_may_hold() {
        assert_eq!([None, Some(7), Some(1_000_000), Some(-1)].map(page_of), [20, 7, 100, 1]);
    }

    #[test]
    fn a_question_weighs_its_days_and_months() {
        assert_eq!(days_of(&date("2026-06-01"), &date("2026-06-30")), 30);
        assert_eq!(days_of(&date("2000-01-01"), &date("2100-12-31")), 400);
        assert_eq!(days_of(&date("2026-06-30"), &date("yesterday")), 1);
        assert_eq!(months_of(&month("2025-11"), &month("2026-02")), 4);
        assert_eq!(months_of(&month("2026-02"), &month("2025-11")), 1);
    }
}
