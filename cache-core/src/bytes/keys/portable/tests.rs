#![expect(clippy::unwrap_used, reason = "tests")]

mod golden;
mod rust;
