//! Hit ratios on patterns, and with `--traces DIR` on traces, and the share of what the best of all caches would reach.
//!
//! The traces that the tables of BENCHMARKS.md name are published with N. Megiddo and D. S. Modha, "ARC: A Self-Tuning,
//! Low Overhead Replacement Cache", FAST 03, which whoever uses them must cite.

use compare::peers::{Store, Visitor, ranked};
use compare::{Bar, Chart, Options, Report, Role, Table, grouped, patterns, traces};
use memolith::optimum;
use std::collections::HashSet;

/// Sizes for the traces that have usual ones; others get a hundredth, a thirtieth and a tenth of their keys.
const USUAL: &[(&str, &[usize])] = &[("OLTP", &[250, 500, 1_000, 2_000]), ("P3", &[20_000, 40_000, 80_000])];
/// Sizes for patterns.
const SIZES: [usize; 2] = [1_000, 5_000];

fn main() {
    let options = Options::from_args("ratio");
    on_patterns(Report::new("ratio", &options), &patterns(options.scaled(1_000_000)));
    if let Some(folder) = &options.traces {
        on_traces(Report::new("traces", &options), traces(folder));
    }
}

/// A table for each trace: hit ratios by size, and the mean share of the optimum.
fn on_traces(mut report: Report, traces: Vec<(String, Vec<u64>)>) {
    report.say(
        "OLTP and P3 are published with N. Megiddo and D. S. Modha, \"ARC: A Self-Tuning, Low Overhead Replacement Cache\", \
         FAST 03.\n",
    );
    for (name, requests) in traces {
        let simulated = Simulated::run(&requests, &sizes(&name, &requests));
        let mut head = vec![String::new(), "mean share of the optimum, %".to_owned()];
        head.extend(simulated.sizes.iter().map(|size| format!("hits at {}, %", grouped(*size))));
        let mut table = Table::new(head);
        for (name, role, hits) in simulated.rows() {
            let share = percent(simulated.share(hits));
            table.row(name, role, [share].into_iter().chain(hits.iter().map(|hits| percent(*hits))));
        }
        let bars = simulated.rows().map(|(name, role, hits)| Bar {
            name: name.to_owned(),
            role,
            values: vec![simulated.share(hits) * 100.0],
        });
        let chart = Chart::new("% of the optimum, mean over the sizes", &[], bars.collect()).longest_first();
        let note = format!("{} requests.", grouped(requests.len()));
        report.plotted(&name, &note, (&table, &chart));
    }
    report.save();
}

/// One table for all patterns: shares of the optimum, each the mean over the sizes.
fn on_patterns(mut report: Report, patterns: &[(String, Vec<u64>)]) {
    let all: Vec<_> = patterns.iter().map(|(_, requests)| Simulated::run(requests, &SIZES)).collect();
    let mut lines: Vec<(String, Role, Vec<f64>)> = Vec::new();
    for (name, role, _) in &all[0].outcomes {
        let hits = |simulated: &Simulated| {
            simulated.outcomes.iter().find(|(other, _, _)| other == name).map(|found| simulated.share(&found.2))
        };
        lines.push((name.clone(), *role, all.iter().filter_map(hits).collect()));
    }
    let mean = |shares: &[f64]| shares.iter().sum::<f64>() / shares.len() as f64;
    lines.sort_by(|(_, _, a), (_, _, b)| mean(b).total_cmp(&mean(a)));
    let mut table = Table::new(["", "mean"].into_iter().chain(patterns.iter().map(|(name, _)| name.as_str())));
    let mut bars = Vec::new();
    for (name, role, shares) in lines {
        table.row(&name, role, [percent(mean(&shares))].into_iter().chain(shares.iter().map(|share| percent(*share))));
        bars.push(Bar { name, role, values: vec![mean(&shares) * 100.0] });
    }
    let sizes = SIZES.map(grouped).join(" and ");
    let note = format!(
        "{} requests each; the mean over capacities of {sizes} entries, in per cent of what the optimum would hit.",
        grouped(patterns[0].1.len())
    );
    let chart = Chart::new("% of the optimum, mean over the patterns", &[], bars).longest_first();
    report.plotted("Made-up patterns", &note, (&table, &chart));
    report.save();
}

/// Hit ratios of everyone, the optimum first.
struct Simulated<'a> {
    requests: &'a [u64],
    sizes: Vec<usize>,
    outcomes: Vec<(String, Role, Vec<f64>)>,
}

impl<'a> Simulated<'a> {
    fn run(requests: &'a [u64], sizes: &[usize]) -> Self {
        let best = ("the optimum".to_owned(), Role::Floor, optimum(requests, sizes));
        let mut simulated = Simulated { requests, sizes: sizes.to_vec(), outcomes: vec![best] };
        ranked(&mut simulated);
        simulated
    }

    /// The mean over the sizes of the share of the optimum's hits.
    fn share(&self, hits: &[f64]) -> f64 {
        let shares =
            hits.iter().zip(&self.outcomes[0].2).map(|(hits, best)| if *best > 0.0 { hits / best } else { 1.0 });
        shares.sum::<f64>() / hits.len() as f64
    }

    /// The best share first.
    fn rows(&self) -> impl Iterator<Item = (&str, Role, &[f64])> {
        let mut order: Vec<_> = self.outcomes.iter().collect();
        order.sort_by(|(_, _, a), (_, _, b)| self.share(b).total_cmp(&self.share(a)));
        order.into_iter().map(|(name, role, hits)| (name.as_str(), *role, hits.as_slice()))
    }
}

impl Visitor<u64, u64> for Simulated<'_> {
    fn visit<S: Store<u64, u64>>(&mut self, name: &str, role: Role, make: impl Fn(usize) -> S) {
        let stores: Vec<S> = self.sizes.iter().map(|&size| make(size)).collect();
        let hits = std::thread::scope(|scope| {
            let running = stores.into_iter().map(|store| scope.spawn(|| hit_ratio(store, self.requests)));
            running
                .collect::<Vec<_>>()
                .into_iter()
                .map(|running| running.join().expect("caches do not panic"))
                .collect()
        });
        self.outcomes.push((name.to_owned(), role, hits));
    }
}

fn hit_ratio<S: Store<u64, u64>>(mut store: S, requests: &[u64]) -> f64 {
    let mut hits = 0;
    for &key in requests {
        if store.get(&key).is_some() {
            hits += 1;
        } else {
            store.insert(key, key);
        }
    }
    f64::from(hits) / requests.len() as f64
}

fn sizes(name: &str, requests: &[u64]) -> Vec<usize> {
    if let Some((_, sizes)) = USUAL.iter().find(|(usual, _)| *usual == name) {
        return sizes.to_vec();
    }
    let keys = requests.iter().collect::<HashSet<_>>().len();
    [100, 30, 10].iter().map(|part| (keys / part).max(1)).collect()
}

fn percent(share: f64) -> String {
    format!("{:.1}", share * 100.0)
}
