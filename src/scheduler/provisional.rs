//! tmp
pub use crate::bsp::LimiterState;
pub use crate::service::dispatch::{Claim, Epoch, Finished, Look};
pub use crate::service::wake::{NodeReport, SchedulerReport, SchedulerView, Wake};
