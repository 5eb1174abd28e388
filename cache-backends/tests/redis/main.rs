//! Servers that live, die and move, and what the backend makes of it.
#![expect(clippy::unwrap_used, reason = "tests")]

mod conformance;
mod first;
mod servers;
