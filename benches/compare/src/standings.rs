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
    /// The same by the time of day, whatever is measured.
    pub(crate) wall: Vec<f64>,
    /// Whether the threads of a round ran side by side.
    pub(crate) fair: Vec<bool>,
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
        let figures = |standing: &Standing| standing.nanos.iter().copied().zip(standing.fair.clone()).collect();
        self.all.iter().map(|standing| fair_median(figures(standing))).collect()
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

    /// The median of `name`, in nanoseconds; `None` if nobody is called so, as below.
    #[must_use]
    pub fn median_of(&self, name: &str) -> Option<f64> {
        let standing = self.named(name)?;
        Some(fair_median(standing.nanos.iter().copied().zip(standing.fair.iter().copied()).collect()))
    }

    /// The median of `name` by the time of day, in nanoseconds: with what it waited, and what others took of its core.
    #[must_use]
    pub fn wall_of(&self, name: &str) -> Option<f64> {
        Some(median(self.named(name)?.wall.clone()))
    }

    /// The best round of `name`, in nanoseconds.
    #[must_use]
    pub fn least_of(&self, name: &str) -> Option<f64> {
        self.named(name)?.nanos.iter().copied().min_by(f64::total_cmp)
    }

    /// The median ratio of `name` to `base` within a round.
    #[must_use]
    pub fn ratio_of(&self, name: &str, base: &str) -> Option<f64> {
        self.within_rounds(name, base, |nanos, base| nanos / base)
    }

    /// By how many nanoseconds `name` is slower than `base` within a round, the median.
    #[must_use]
    pub fn excess_of(&self, name: &str, base: &str) -> Option<f64> {
        self.within_rounds(name, base, |nanos, base| nanos - base)
    }

    fn named(&self, name: &str) -> Option<&Standing> {
        self.all.iter().find(|standing| standing.name == name)
    }

    fn within_rounds(&self, name: &str, base: &str, figure: impl Fn(f64, f64) -> f64) -> Option<f64> {
        let (standing, base) = (self.named(name)?, self.named(base)?);
        let round = |at: usize| (figure(standing.nanos[at], base.nanos[at]), standing.fair[at] && base.fair[at]);
        Some(fair_median((0..standing.nanos.len()).map(round).collect()))
    }

    fn over(&self, base: Option<usize>) -> Vec<Option<f64>> {
        let ratio = |standing: &Standing| {
            let base = &self.all[base?];
            let ratio =
                |round: usize| (standing.nanos[round] / base.nanos[round], standing.fair[round] && base.fair[round]);
            Some(fair_median((0..standing.nanos.len()).map(ratio).collect()))
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

/// Fair rounds that make a median; with fewer of them all count.
const ENOUGH: usize = 5;

/// The middle of the fair figures, or of all where there are too few.
fn fair_median(figures: Vec<(f64, bool)>) -> f64 {
    let fair: Vec<f64> = figures.iter().filter(|(_, fair)| *fair).map(|(figure, _)| *figure).collect();
    if fair.len() >= ENOUGH { median(fair) } else { median(figures.into_iter().map(|(figure, _)| figure).collect()) }
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
#[must_use]
pub fn nanos(figure: f64) -> String {
    if figure < 99.95 { format!("{figure:.1}") } else { format!("{figure:.0}") }
}

/// As tables show it; nothing where there is none.
#[must_use]
pub fn ratio(figure: Option<f64>) -> String {
    figure.map_or_else(String::new, |figure| format!("{figure:.2}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(name: &str, role: Role, nanos: [f64; 6], unfair: usize) -> Standing {
        let fair = (0..6).map(|at| at >= unfair).collect();
        Standing {
            name: name.to_owned(),
            role,
            nanos: nanos.to_vec(),
            wall: nanos.map(|nanos| nanos * 2.0).to_vec(),
            fair,
        }
    }

    #[test]
    fn ratios_are_those_of_the_same_round() {
        let floor = standing("floor", Role::Floor, [1.0, 2.0, 4.0, 1.0, 2.0, 4.0], 0);
        let slow = standing("slow", Role::Peer, [9.0, 18.0, 36.0, 9.0, 18.0, 36.0], 0);
        let ours = standing("ours", Role::Ours, [3.0, 6.0, 12.0, 3.0, 6.0, 12.0], 0);
        let standings = Standings::new(vec![floor, slow, ours]);
        assert_eq!(standings.over_floor(), [Some(1.0), Some(9.0), Some(3.0)]);
        assert_eq!(standings.over_best_peer()[2], Some(1.0 / 3.0));
        let lines: Vec<String> = standings.table().to_string().lines().map(str::to_owned).collect();
        assert!(lines[2].starts_with("| floor |") && lines[4].starts_with("| slow |"), "{lines:?}");
    }

    #[test]
    fn one_is_held_against_another_by_name() {
        let base = standing("base", Role::Peer, [1.0, 2.0, 4.0, 1.0, 2.0, 4.0], 0);
        let ours = standing("ours", Role::Ours, [3.0, 4.0, 6.0, 3.0, 4.0, 6.0], 0);
        let standings = Standings::new(vec![base, ours]);
        assert_eq!((standings.median_of("ours"), standings.least_of("ours")), (Some(4.0), Some(3.0)));
        assert_eq!((standings.ratio_of("ours", "base"), standings.excess_of("ours", "base")), (Some(2.0), Some(2.0)));
        assert_eq!(standings.wall_of("ours"), Some(8.0));
        assert_eq!((standings.ratio_of("ours", "nobody"), standings.median_of("nobody")), (None, None));
    }

    #[test]
    fn unfair_rounds_do_not_count_where_there_are_others() {
        let figures = |unfair| Standings::new(vec![standing("a", Role::Ours, [9.0, 1.0, 2.0, 3.0, 4.0, 5.0], unfair)]);
        assert_eq!(figures(1).medians(), [3.0]);
        assert_eq!(figures(0).medians(), [4.0]);
        assert_eq!(figures(6).medians(), [4.0]);
    }
}
