//! What one at a time may hold.

pub(crate) mod claim;
pub(crate) mod holds;
pub(crate) mod waiting;
