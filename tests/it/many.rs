//! Many keys in one call.

#![expect(clippy::unwrap_used, reason = "tests")]

mod endings;
mod model;
mod shared;
mod tasks;
