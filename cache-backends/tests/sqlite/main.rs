//! What may happen to a file that several processes share, and what the backend makes of it.
#![expect(clippy::unwrap_used, reason = "tests")]

mod bounds;
#[cfg(target_os = "linux")]
mod coherence;
mod damage;
#[path = "../kit/dir.rs"]
mod dir;
mod files;
mod kills;
mod locks;
mod schema;
mod support;
mod watching;
#[path = "../kit/workers.rs"]
mod workers;
