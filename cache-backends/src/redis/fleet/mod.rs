//! All servers of a target, and who has what.

pub(crate) mod answer;
pub(crate) mod batch;
pub(crate) mod client;
pub(crate) mod cluster;
pub(crate) mod item;
pub(crate) mod join;
pub(crate) mod map;
pub(crate) mod refresh;
pub(crate) mod sentinel;
pub(crate) mod servers;
pub(crate) mod slots;
