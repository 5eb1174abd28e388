//! What the shared map promises beyond what every backend does.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod bounds;
#[path = "../kit/dir.rs"]
mod dir;
mod large;
mod sharing;
mod support;
