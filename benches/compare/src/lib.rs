//! How memolith compares: what the races share. A theme is a program in `src/bin`.

mod beside;
mod chart;
mod clock;
mod keys;
mod machine;
mod options;
mod pair;
mod patterns;
pub mod peers;
mod race;
mod rate;
mod report;
mod standings;
pub mod stores;
mod table;
mod trace;

pub use beside::{Beside, again, serve, started};
pub use chart::{Bar, Chart};
pub use clock::{cpu_time, pin};
pub use keys::{Fresh, Stream, Uniform, shuffled, text_key, text_value, uniform, zipf};
pub use machine::{cores, workspace};
pub use options::{Options, Theme};
pub use pair::{Entrant, Pair};
pub use patterns::patterns;
pub use race::{Contender, Measure, Race, Work};
pub use rate::rate;
pub use report::Report;
pub use standings::{Role, Standings, median, nanos, ratio};
pub use table::{Table, grouped};
pub use trace::traces;
