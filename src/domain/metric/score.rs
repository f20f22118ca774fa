//! Scores of 0 to 100: how well a campaign went, and how much a customer takes part.
#![warn(clippy::arithmetic_side_effects)]

use super::rate::Rate;

/// Points for messages: two for each, and no more than these.
const MESSAGE_POINTS_MAX: i64 = 40;

/// Points for having answered everything.
const REPLY_POINTS: i128 = 30;

/// Points for having taken part in every campaign.
const CAMPAIGN_POINTS: i128 = 10;

/// Points for having been heard of within so many days; the first that holds.
pub const RECENCY_POINTS: [(i64, i64); 4] = [(7, 20), (30, 15), (90, 10), (180, 5)];

/// 0.3 of each of delivery, read and reply, less 0.1 of failure, within 0 and 100.
///
/// It is made of the rates as they are shown, with two places, and rounded once: whoever sees the rates can reckon it.
pub fn campaign_score(delivery: Rate, read: Rate, reply: Rate, failure: Rate) -> Rate {
    let [delivery, read, reply, failure] = [delivery, read, reply, failure].map(|rate| i128::from(rate.hundredths()));
    let good = delivery.saturating_add(read).saturating_add(reply).saturating_mul(3);
    Rate::quotient(good.saturating_sub(failure), 10).clamp(Rate::ZERO, Rate::HUNDRED)
}

/// How much a customer takes part: two points for each message, at most 40; 30 for the share of messages that were answered; for when they
/// were last heard of, `days_since_last` ago (`None`: never); and 10 for the share of the campaigns received that they read or answered.
///
/// Exact, and rounded once. `messages` are those of both directions; a share of nothing is nothing.
pub fn engagement_score(
    messages: i64,
    replied: i64,
    days_since_last: Option<i64>,
    received: i64,
    engaged: i64,
) -> Rate {
    let for_messages = messages.saturating_mul(2).clamp(0, MESSAGE_POINTS_MAX);
    let whole = i128::from(for_messages.saturating_add(recency_points(days_since_last)));
    let part = |share: i64, of: i64| if of > 0 { i128::from(share.clamp(0, of)) } else { 0 };
    // Both shares over one divisor, so that nothing is rounded in between.
    let (by_messages, by_campaigns) = (i128::from(messages.max(1)), i128::from(received.max(1)));
    let divisor = by_messages.saturating_mul(by_campaigns);
    let answers = part(replied, messages).saturating_mul(REPLY_POINTS).saturating_mul(by_campaigns);
    let campaigns = part(engaged, received).saturating_mul(CAMPAIGN_POINTS).saturating_mul(by_messages);
    let points = whole.saturating_mul(divisor).saturating_add(answers).saturating_add(campaigns);
    Rate::quotient(points.saturating_mul(100), divisor).min(Rate::HUNDRED)
}

fn recency_points(days_since_last: Option<i64>) -> i64 {
    let Some(days) = days_since_last else { return 0 };
    RECENCY_POINTS.into_iter().find(|(under, _)| days < *under).map_or(0, |(_, points)| points)
}
