//! The same race on one thread and on two, in one table.

use crate::standings::{nanos, ratio};
use crate::{Bar, Chart, Contender, Measure, Options, Race, Role, Standings, Table, Work};
use std::fmt;

/// Who can be raced on any number of threads.
pub struct Entrant<'a> {
    name: String,
    role: Role,
    work: Box<dyn Fn(usize) -> Work<'a> + 'a>,
}

impl<'a> Entrant<'a> {
    /// `work` makes the work of a thread from its number.
    pub fn new(name: impl Into<String>, role: Role, work: impl Fn(usize) -> Work<'a> + 'a) -> Self {
        Entrant { name: name.into(), role, work: Box::new(work) }
    }

    /// For a race of so many threads.
    #[must_use]
    pub fn contender(&self, threads: usize) -> Contender<'a> {
        Contender::new(&self.name, self.role, (0..threads).map(&self.work).collect())
    }
}

impl fmt::Debug for Entrant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The outcome on one thread, and that of each of two threads at once.
#[derive(Debug)]
pub struct Pair {
    one: Standings,
    two: Standings,
}

impl Pair {
    /// Runs both races.
    #[must_use]
    pub fn run(options: &Options, entrants: &[Entrant<'_>]) -> Self {
        let race = |measure, threads| {
            Race::new(measure, options).run(entrants.iter().map(|entrant| entrant.contender(threads)).collect())
        };
        Pair { one: race(Measure::Cpu, 1), two: race(Measure::Wall, 2) }
    }

    /// Both in one table, sorted by the first; the last column is what a second thread costs the first.
    #[must_use]
    pub fn table(&self) -> Table {
        let mut table = Table::new([
            "",
            "1 thread, ns",
            "x floor",
            "x best peer",
            "2 threads, ns",
            "x floor",
            "x best peer",
            "2 over 1",
        ]);
        let (one, two) = (self.one.medians(), self.two.medians());
        let [floors, peers] =
            [Standings::over_floor, Standings::over_best_peer].map(|over| [over(&self.one), over(&self.two)]);
        let names: Vec<_> = self.one.names().collect();
        let mut order: Vec<usize> = (0..names.len()).collect();
        order.sort_by(|&a, &b| one[a].total_cmp(&one[b]));
        for at in order {
            let of = |nanoseconds: f64, thread: usize| {
                [nanos(nanoseconds), ratio(floors[thread][at]), ratio(peers[thread][at])]
            };
            let cells = of(one[at], 0).into_iter().chain(of(two[at], 1)).chain([ratio(Some(two[at] / one[at]))]);
            table.row(names[at].0, names[at].1, cells);
        }
        table
    }

    /// Two bars for each.
    #[must_use]
    pub fn chart(&self) -> Chart {
        let values = self.one.medians().into_iter().zip(self.two.medians());
        let bars = self.one.names().zip(values);
        let bars = bars.map(|((name, role), (one, two))| Bar { name: name.to_owned(), role, values: vec![one, two] });
        Chart::new("ns per operation", &["1 thread", "each of 2 threads"], bars.collect())
    }
}
