//! Servers that live, die and move, and what the backend makes of it.
#![expect(clippy::unwrap_used, reason = "tests")]

#[cfg(feature = "tracing")]
mod advice;
mod claims;
mod conformance;
mod failover;
mod foreign;
#[cfg(target_os = "linux")]
mod forks;
mod large;
mod late;
mod load;
mod loans;
mod losses;
mod moods;
mod news;
mod outage;
mod owed;
mod processes;
mod proxy;
mod reach;
mod recency;
mod refusals;
mod servers;
mod spaces;
mod tags;
mod tasks;
mod tls;
mod tools;
mod torment;
#[path = "../kit/workers.rs"]
mod workers;
