//! Who came in how: medians, and ratios within the same round.

use crate::{Bar, Chart, Table};

/// What a contender stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// What cannot be beaten: the bare lookup, without threads, bounds or counters.
    Floor,
    /// memolith.
    Ours,
    /// Another cache.
    Peer,
    /// Something to compare with that is no cache like ours: it forgets nothing, or shares nothing.
    Other,
}

/// One contender's nanoseconds per operation, round by round.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) nanos: Vec<f64>,
}

/// The outcome of a race, in the order in which the contenders were named.
#[derive(Clone, Debug)]
pub struct Standings {
    all: Vec<Standing>,
}

impl Standings {
    pub(crate) fn new(all: Vec<Standing>) -> Self {
        Standings { all }
    }

    /// Names and roles, in order.
    pub fn names(&self) -> impl Iterator<Item = (&str, Role)> {
        self.all.iter().map(|standing| (standing.name.as_str(), standing.role))
    }

    /// The median of each, in nanoseconds, in order.
    #[must_use]
    pub fn medians(&self) -> Vec<f64> {
        self.all.iter().map(|standing| median(standing.nanos.clone())).collect()
    }

    /// The median ratio of each to the floor, if there is one.
    #[must_use]
    pub fn over_floor(&self) -> Vec<Option<f64>> {
        self.over(self.all.iter().position(|standing| standing.role == Role::Floor))
    }

    /// The median ratio of each to the fastest peer, if there is one.
    #[must_use]
    pub fn over_best_peer(&self) -> Vec<Option<f64>> {
        let medians = self.medians();
        let peers = (0..self.all.len()).filter(|&at| self.all[at].role == Role::Peer);
        self.over(peers.min_by(|&a, &b| medians[a].total_cmp(&medians[b])))
    }

    fn over(&self, base: Option<usize>) -> Vec<Option<f64>> {
        let ratio = |standing: &Standing| {
            let base = &self.all[base?].nanos;
            Some(median(standing.nanos.iter().zip(base).map(|(mine, base)| mine / base).collect()))
        };
        self.all.iter().map(ratio).collect()
    }

    /// Nanoseconds and the ratio to the floor, the fastest first; the ratio to the best peer if there is any.
    #[must_use]
    pub fn table(&self) -> Table {
        let peers = self.all.iter().any(|standing| standing.role == Role::Peer);
        let mut table = Table::new(["", "ns", "x floor"].into_iter().chain(peers.then_some("x best peer")));
        let (medians, floor, peer) = (self.medians(), self.over_floor(), self.over_best_peer());
        let mut order: Vec<usize> = (0..self.all.len()).collect();
        order.sort_by(|&a, &b| medians[a].total_cmp(&medians[b]));
        for at in order {
            let Standing { name, role, .. } = &self.all[at];
            let over_peer = peers.then(|| ratio(peer[at]));
            table.row(name, *role, [nanos(medians[at]), ratio(floor[at])].into_iter().chain(over_peer));
        }
        table
    }

    /// A bar for each, the fastest first.
    #[must_use]
    pub fn chart(&self, unit: &str) -> Chart {
        let bars = self.names().zip(self.medians());
        let bars = bars.map(|((name, role), nanos)| Bar { name: name.to_owned(), role, values: vec![nanos] });
        Chart::new(unit, &[], bars.collect())
    }
}

/// The middle of some figures.
///
/// # Panics
///
/// If there are none.
#[must_use]
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// As tables show it: one digit after the point below a hundred.
pub(crate) fn nanos(figure: f64) -> String {
    if figure < 99.95 { format!("{figure:.1}") } else { format!("{figure:.0}") }
}

/// As tables show it.
pub(crate) fn ratio(figure: Option<f64>) -> String {
    figure.map_or_else(String::new, |figure| format!("{figure:.2}"))
}
