//! Servers that live, die and move, and what the backend makes of it.
#![expect(clippy::unwrap_used, reason = "tests")]

mod claims;
mod first;
mod load;
mod news;
mod outage;
mod proxy;
mod servers;
