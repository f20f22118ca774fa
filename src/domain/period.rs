//! period
