//! What bad days of servers cost: `cargo xtask bench redis_faults [--quick] [--save] [outages|cluster|processes]...`.
//!
//! The servers, the callers that check every value, and what stands between them are those of the tests.
#![expect(clippy::unwrap_used, reason = "a measurement that fails has no figure")]
#![allow(
    dead_code,
    unused_imports,
    clippy::allow_attributes,
    reason = "of what the tests share, some is for them alone"
)]

mod cluster;
#[path = "../../tests/redis/load.rs"]
mod load;
mod outages;
mod processes;
mod said;
#[path = "../../tests/redis/servers/mod.rs"]
mod servers;

use said::Said;

type Part = fn(&mut Said);

const PARTS: [(&str, Part); 3] =
    [("outages", outages::measure), ("cluster", cluster::measure), ("processes", processes::measure)];

fn main() {
    if let Some(job) = processes::job() {
        return processes::work(&job);
    }
    let mut said = Said::from_args(&PARTS.map(|(name, _)| name));
    for (name, part) in PARTS {
        if said.wants(name) {
            part(&mut said);
        }
    }
    said.save();
}
