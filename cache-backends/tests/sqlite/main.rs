//! What may happen to a file that several processes share, and what the backend makes of it.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bounds;
#[cfg(target_os = "linux")]
mod coherence;
mod damage;
mod files;
mod kills;
mod locks;
mod schema;
mod support;
mod watching;
