//! Stories of the whole server: real HTTP, a real database, the BSPs stood in for by `sim`, and a clock that is moved by hand.

#[expect(unreachable_pub, reason = "the harness reads as a library, though nobody beyond this binary reaches it")]
#[path = "../support/mod.rs"]
mod support;

mod alert;
mod allowance;
mod backfill;
mod bad_input;
mod bsp_fault;
mod cache;
mod campaign;
mod cancel;
mod cdr;
mod credit;
mod current_period;
mod dead_letter;
mod demo;
mod downtime;
mod drain;
mod expired_token;
mod failing_channel;
mod forecast;
mod gupshup_webhook;
mod interakt;
mod invoice;
mod kill;
mod ledger;
mod ledger_backfill;
mod ledger_kill;
mod live;
mod message;
mod meta_webhook;
mod new_organisation;
mod overlap;
mod panic;
mod pause_and_remove;
mod plan_change;
mod price;
mod readme;
mod recorder;
mod reservation;
mod retention;
mod revised_day;
mod snapshot;
mod subscription;
mod too_many_requests;
mod transport;
mod two_triggers;
mod usage_export;
mod usage_stats;
mod usage_subscription;
mod webhook_traffic;
