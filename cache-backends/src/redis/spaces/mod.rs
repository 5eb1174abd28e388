//! Entries and tags.

#[cfg(feature = "tracing")]
pub(crate) mod advice;
pub(crate) mod fills;
pub(crate) mod pages;
pub(crate) mod plain;
pub(crate) mod puts;
pub(crate) mod record;
pub(crate) mod removal;
pub(crate) mod rule;
pub(crate) mod scan;
pub(crate) mod store;
pub(crate) mod tags;
pub(crate) mod tracked;
pub(crate) mod uses;
