//! Interleaved rounds, medians, ratios within one run: the only honest way to time on a shared machine.

use std::time::{Duration, Instant};

/// One contender: what it is called, and a closure that does `operations` operations.
pub struct Contender<'a> {
    name: &'a str,
    round: Box<dyn FnMut(u64) + 'a>,
    nanos: Vec<f64>,
}

impl std::fmt::Debug for Contender<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl<'a> Contender<'a> {
    /// `round` is called with how many operations to do.
    pub fn new(name: &'a str, round: impl FnMut(u64) + 'a) -> Self {
        Contender { name, round: Box::new(round), nanos: Vec::new() }
    }
}

/// Runs the contenders in turn, `rounds` times, and prints the median of each and the median of its per-round ratios
/// to the first.
pub fn race(title: &str, rounds: usize, operations: u64, contenders: &mut [Contender<'_>]) {
    for contender in contenders.iter_mut() {
        (contender.round)(operations / 10 + 1);
    }
    for _ in 0..rounds {
        for contender in contenders.iter_mut() {
            let start = Instant::now();
            (contender.round)(operations);
            contender.nanos.push(start.elapsed().as_nanos() as f64 / operations as f64);
        }
    }
    println!("\n### {title}\n\n| | ns | x |\n|---|---|---|");
    let first = contenders[0].nanos.clone();
    for contender in contenders.iter() {
        let ratios = contender.nanos.iter().zip(&first).map(|(mine, base)| mine / base).collect();
        println!("| {} | {:.1} | {:.2} |", contender.name, median(contender.nanos.clone()), median(ratios));
    }
}

/// The middle of some figures.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Operations of all `threads` per second while each runs `work` for `time`.
pub fn rate(threads: usize, time: Duration, work: impl Fn(usize, u64) + Sync) -> f64 {
    let done = std::sync::atomic::AtomicU64::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (done, work) = (&done, &work);
            scope.spawn(move || {
                let mut n = 0;
                while start.elapsed() < time {
                    work(thread, n);
                    n += 1;
                }
                done.fetch_add(n, std::sync::atomic::Ordering::Relaxed);
            });
        }
    });
    done.into_inner() as f64 / start.elapsed().as_secs_f64()
}
