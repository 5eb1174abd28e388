//! What the shared map promises beyond what every backend does.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod bounds;
mod large;
mod sharing;
mod support;
