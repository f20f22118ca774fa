//! The counters of analytics as they are read: what a period holds is summed by the database.
//!
//! What is read follows the period's days, channels, campaigns and people, and not its messages.

pub mod day;

use chrono::{Days, NaiveDate};
use sea_orm::{Statement, Value};
use uuid::Uuid;

use super::row::corrupt;
use super::{Db, StoreError};
use crate::domain::clock::Instant;
use crate::domain::id::{ChannelId, OrganisationId};
use crate::domain::metric::{CampaignFigures, ContactFigures, ConversationFigures, MessageFigures, RECENCY_POINTS};
use crate::domain::period::{DateRange, Period};

/// Whose figures are asked for: an organisation's, of one channel or of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    pub organisation_id: OrganisationId,
    /// `None`: the organisation as a whole.
    pub channel_id: Option<ChannelId>,
}

/// A statement that is put together with what it binds.
struct Question {
    sql: String,
    values: Vec<Value>,
}

impl Question {
    /// `SELECT` and what follows up to the first condition, which is the organisation's.
    fn of(scope: Scope, select: &str) -> Self {
        Self {
            sql: format!("SELECT {select} WHERE organisation_id = $1"),
            values: vec![scope.organisation_id.uuid().into()],
        }
    }

    /// Binds a value; how the statement calls it.
    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    fn and(&mut self, condition: &str) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
    }

    /// Only of the scope's channel, where it has one.
    fn and_channel(&mut self, scope: Scope) {
        if let Some(channel) = scope.channel_id {
            let channel = self.bind(channel.uuid());
            self.and(&format!("channel_id = {channel}"));
        }
    }

    /// Only of the days.
    fn and_dates(&mut self, range: DateRange) {
        let (from, to): (NaiveDate, NaiveDate) = (range.from(), range.to());
        // A day alone is asked for by its name, so that what is read of it comes in the order of its key.
        let first = if from == to { "=" } else { ">=" };
        let (from, to) = (self.bind(from), self.bind(to));
        self.and(&format!("date {first} {from} AND date <= {to}"));
    }

    /// The one row that it answers, all of it whole numbers.
    async fn numbers<const N: usize>(self, db: &impl Db) -> Result<[i64; N], StoreError> {
        let statement = Statement::from_sql_and_values(db.get_database_backend(), self.sql, self.values);
        let row = db.query_one_raw(statement).await?.ok_or_else(|| corrupt("a sum", "no row"))?;
        let mut numbers = [0; N];
        for (place, number) in numbers.iter_mut().enumerate() {
            *number = row.try_get_by_index(place)?;
        }
        Ok(numbers)
    }
}

/// PostgreSQL sums 64-bit numbers into another type, and both databases sum nothing into null.
fn sum(of: &str) -> String {
    format!("CAST(COALESCE(SUM({of}), 0) AS bigint)")
}

fn sums(of: &[&str]) -> String {
    of.iter().map(|of| sum(of)).collect::<Vec<_>>().join(", ")
}

/// The messages that began on the days.
pub async fn messages(db: &impl Db, scope: Scope, range: DateRange) -> Result<MessageFigures, StoreError> {
    let counters = ["total", "sent", "delivered", "read", "failed", "replied", "inbound", "outbound"];
    let mut question = Question::of(scope, &format!("{} FROM metric_day", sums(&counters)));
    question.and_dates(range);
    question.and_channel(scope);
    let [total, sent, delivered, read, failed, replied, inbound, outbound] = question.numbers(db).await?;
    Ok(MessageFigures { total, sent, delivered, read, failed, replied, inbound, outbound })
}

/// The conversations that began on the days, and those of them that are open at a time.
pub async fn conversations(
    db: &impl Db,
    scope: Scope,
    range: DateRange,
    open_at: Instant,
) -> Result<ConversationFigures, StoreError> {
    let counters = ["conversations", "responses", "response_seconds"];
    let mut question = Question::of(scope, &format!("{} FROM metric_day", sums(&counters)));
    question.and_dates(range);
    question.and_channel(scope);
    let [total, responses, response_seconds] = question.numbers(db).await?;
    let mut question = Question::of(scope, "COUNT(*) FROM conversation");
    question.and_dates(range);
    let open_at = question.bind(open_at);
    question.and(&format!("closes_at > {open_at}"));
    question.and_channel(scope);
    let [open] = question.numbers(db).await?;
    Ok(ConversationFigures { total, open, responses, response_seconds })
}

/// The campaigns whose life touches `period`, and what was sent on its days. A campaign is a channel's where it says so or sent anything there.
pub async fn campaigns(
    db: &impl Db,
    scope: Scope,
    range: DateRange,
    period: Period,
) -> Result<CampaignFigures, StoreError> {
    let state = |state: &str| sum(&format!("CASE WHEN state = '{state}' THEN 1 ELSE 0 END"));
    let states = ["ACTIVE", "COMPLETED", "FAILED"].map(state).join(", ");
    let mut question = Question::of(scope, &format!("COUNT(*), {states}, {} FROM campaign", sum("recipients")));
    let (start, end) = (question.bind(period.start), question.bind(period.end));
    question.and(&format!("(created_at < {end} OR started_at < {end})"));
    question.and(&format!("(finished_at IS NULL OR finished_at >= {start})"));
    if let Some(channel) = scope.channel_id {
        let channel = question.bind(channel.uuid());
        question.and(&format!(
            "(channel_id = {channel} OR EXISTS (SELECT 1 FROM campaign_day
                WHERE campaign_day.organisation_id = $1 AND campaign_day.campaign_id = campaign.id
                AND campaign_day.channel_id = {channel} AND campaign_day.total > 0))"
        ));
    }
    let [total, active, completed, failed, recipients] = question.numbers(db).await?;
    let [messages_sent, sending, delivery_rates, read_rates] = campaign_rates(db, scope, range).await?;
    Ok(CampaignFigures {
        total,
        active,
        completed,
        failed,
        recipients,
        messages_sent,
        sending,
        delivery_rates,
        read_rates,
    })
}

/// What campaigns sent on the days, how many did, and their delivery and read rates in hundredths of a per cent together.
async fn campaign_rates(db: &impl Db, scope: Scope, range: DateRange) -> Result<[i64; 4], StoreError> {
    let mut question =
        Question::of(scope, &format!("{} FROM campaign_day", sums_named(&["sent", "delivered", "read"])));
    question.and_dates(range);
    question.and_channel(scope);
    // The quotient of whole numbers is cut, so half of the divisor is added before: rates are rounded at the half.
    question.sql = format!(
        "SELECT {}, COUNT(*), {}, {} FROM ({} GROUP BY campaign_id) AS campaigns WHERE sent_sum > 0",
        sum("sent_sum"),
        sum("(20000 * delivered_sum + sent_sum) / (2 * sent_sum)"),
        sum("CASE WHEN delivered_sum = 0 THEN 0 ELSE (20000 * read_sum + delivered_sum) / (2 * delivered_sum) END"),
        question.sql
    );
    question.numbers(db).await
}

fn sums_named(of: &[&str]) -> String {
    of.iter().map(|of| format!("{} AS {of}_sum", sum(of))).collect::<Vec<_>>().join(", ")
}

/// Who is known by the last of the days, who was new and who was active on them, and who is blocked now.
pub async fn contacts(db: &impl Db, scope: Scope, range: DateRange) -> Result<ContactFigures, StoreError> {
    // The nil channel stands for the organisation.
    let counted_on = scope.channel_id.map_or(Uuid::nil(), ChannelId::uuid);
    let (from, to): (NaiveDate, NaiveDate) = (range.from(), range.to());
    let mut question = Question { sql: String::new(), values: vec![scope.organisation_id.uuid().into()] };
    let (from, to, channel) = (question.bind(from), question.bind(to), question.bind(counted_on));
    question.sql = format!(
        "SELECT {}, {} FROM metric_day WHERE organisation_id = $1 AND date <= {to} AND channel_id = {channel}",
        sum("contacts_new"),
        sum(&format!("CASE WHEN date >= {from} THEN contacts_new ELSE 0 END")),
    );
    let [total, new] = question.numbers(db).await?;
    let mut question = Question::of(scope, "COUNT(*) FROM customer");
    question.and("blocked");
    if let Some(channel) = scope.channel_id {
        let channel = question.bind(channel.uuid());
        question.and(&format!(
            "EXISTS (SELECT 1 FROM contact WHERE contact.organisation_id = $1
                AND contact.channel_id = {channel} AND contact.customer_id = customer.id)"
        ));
    }
    let [blocked] = question.numbers(db).await?;
    let [active, scores] = active(db, scope, range).await?;
    Ok(ContactFigures { total, new, active, blocked, scores })
}

/// How many people were active on the days, and their scores for what they did on them, in hundredths together.
///
/// The score is that of `domain::metric::engagement_score`, which the tests hold this to, so that no person leaves the database.
async fn active(db: &impl Db, scope: Scope, range: DateRange) -> Result<[i64; 2], StoreError> {
    // The organisation is bound first, and the nil campaign, which stands for none, after it.
    let campaigns =
        |happened: &str| format!("COUNT(DISTINCT CASE WHEN campaign_id <> $2 AND {happened} > 0 THEN campaign_id END)");
    let select = format!(
        "{}, {} AS received, {} AS taken_part, MAX(date) AS last_date FROM contact_day",
        sums_named(&["messages", "replied"]),
        campaigns("delivered"),
        campaigns("engaged")
    );
    let mut people = Question::of(scope, &select);
    people.bind(Uuid::nil());
    people.and_dates(range);
    people.and_channel(scope);
    people.and("messages > 0");
    let steps = RECENCY_POINTS.map(|(under, points)| {
        // Under a week means after the same day a week before.
        let back = u64::try_from(under).map(Days::new).ok().and_then(|days| range.to().checked_sub_days(days));
        let back = people.bind(back.unwrap_or(NaiveDate::MIN));
        format!("WHEN last_date > {back} THEN {points}")
    });
    let recency = format!("CASE {} ELSE 0 END", steps.join(" "));
    let points = format!("CASE WHEN messages_sum >= 20 THEN 40 ELSE 2 * messages_sum END + {recency}");
    // Both shares over one divisor, and half of it added before the quotient is cut.
    let divisor = "(messages_sum * CASE WHEN received = 0 THEN 1 ELSE received END)";
    let shares =
        "(3000 * replied_sum * CASE WHEN received = 0 THEN 1 ELSE received END + 1000 * taken_part * messages_sum)";
    people.sql = format!(
        "SELECT COUNT(*), {} FROM ({} GROUP BY customer_id) AS people",
        sum(&format!("100 * ({points}) + (2 * {shares} + {divisor}) / (2 * {divisor})")),
        people.sql
    );
    people.numbers(db).await
}
