//! The rule of a space as scripts are told it.

use crate::redis::settings::options::{Options, Scores};
use memolith_core::{End, OnHit, Space};

/// What scripts ask for in `maxsize` and `max_bytes`: a negative number is no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) entries: i64,
    pub(crate) bytes: i64,
}

/// The bounds of each of `stripes`, so that together they keep those of `space`.
pub(crate) fn bounds(space: &Space, stripes: usize) -> Bounds {
    let share = |most: Option<u64>, least: u64| match most {
        None => -1,
        Some(0) => 0,
        Some(most) => i64::try_from((most / stripes.max(1) as u64).max(least)).unwrap_or(i64::MAX),
    };
    Bounds { entries: share(space.maxsize, 1), bytes: share(space.max_bytes, 0) }
}

/// Three letters: what a fresh score is, which end leaves, where times come from.
pub(crate) fn rule(space: &Space, options: &Options) -> String {
    let score = space.policy.score();
    let fresh = match score.on_hit {
        OnHit::Count => 'c',
        OnHit::Random => 'r',
        _ => 'n',
    };
    [fresh, end(score.leaves), source(options)].iter().collect()
}

/// The same for a hit: the first letter is what it does to a score.
pub(crate) fn on_hit(space: &Space, options: &Options) -> String {
    let score = space.policy.score();
    let hit = match score.on_hit {
        OnHit::Now => 'n',
        OnHit::Count => 'c',
        _ => 'k',
    };
    [hit, end(score.leaves), source(options)].iter().collect()
}

/// Whether nothing but a moment of the server needs to be known to put an entry, of which the oldest or least used leave.
pub(crate) fn is_dated(space: &Space, options: &Options) -> bool {
    let score = space.policy.score();
    score.on_hit != OnHit::Random && score.leaves == End::Lowest && options.scores == Scores::Time
}

/// 2020 began then, in microseconds, and 71 years later such a fraction is one: by that many bits a count of uses and a time
/// go together into a number of a server. Scripts have the same numbers.
const BEGINNING: u64 = 1_577_836_800_000_000;
const FRACTION: f64 = 2_251_799_813_685_248.0;

/// The score of what is put at `moment`, in microseconds, into such a space.
pub(crate) fn fresh(space: &Space, moment: u64) -> String {
    match space.policy.score().on_hit {
        // One use, and the time as a fraction.
        OnHit::Count => (1.0 + moment.saturating_sub(BEGINNING) as f64 / FRACTION).to_string(),
        _ => moment.to_string(),
    }
}

fn end(end: End) -> char {
    match end {
        End::Lowest => 'l',
        End::Highest => 'h',
    }
}

fn source(options: &Options) -> char {
    match options.scores {
        Scores::Time => 't',
        Scores::Sequence => 's',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use memolith_core::Policy;

    #[test]
    fn stripes_share_a_bound_and_never_exceed_it() {
        for most in [0, 1, 2, 3, 10, 1_000_003] {
            for stripes in [1, 2, 3, 7] {
                let mut space = Space::new("f");
                space.maxsize = Some(most);
                let bounds = bounds(&space, stripes);
                assert_eq!(bounds.bytes, -1);
                let sum = bounds.entries * stripes as i64;
                assert!(sum <= most as i64 || most < stripes as u64, "{most} over {stripes}: {bounds:?}");
                assert_eq!(bounds.entries == 0, most == 0, "a bound of none is one for each stripe");
            }
        }
    }

    #[test]
    fn a_fresh_score_is_the_time_or_one_use_and_the_time() {
        let fresh = |policy, moment| {
            let mut space = Space::new("f");
            space.policy = policy;
            fresh(&space, moment)
        };
        assert_eq!(fresh(Policy::Lru, 1_700_000_000_000_001), "1700000000000001");
        assert_eq!(fresh(Policy::Lfu, 1_577_836_800_000_000), "1");
        let scores = [1_700_000_000_000_001, 1_700_000_000_000_009].map(|moment| fresh(Policy::Lfu, moment));
        let [earlier, later]: [f64; 2] = scores.map(|score| score.parse().expect("it is a number"));
        assert!(1.0 < earlier && earlier < later && later < 2.0);
    }

    #[test]
    fn every_policy_has_a_rule() {
        let options = Options::default();
        let rules = |policy| {
            let mut space = Space::new("f");
            space.policy = policy;
            (rule(&space, &options), on_hit(&space, &options))
        };
        assert!(Policy::ALL.iter().all(|policy| rules(*policy).0.len() == 3 && rules(*policy).1.len() == 3));
        let [lru, mru, lfu, random] = [Policy::Lru, Policy::Mru, Policy::Lfu, Policy::Random].map(|it| rules(it).0);
        assert_eq!([lru, mru, lfu, random], ["nlt", "nht", "clt", "rlt"]);
        assert_eq!(rules(Policy::Fifo).1, "klt");
    }
}
