//! The order of entries as a number beside each, by [`Policy::score`].

use memolith_core::{OnHit, Policy, Timestamp};

/// The low bits of a count's score are the time of use in milliseconds, good until the year 2109: it settles ties by age.
const COUNT_SHIFT: u32 = 42;
const TIME: i64 = (1 << COUNT_SHIFT) - 1;
const MOST: i64 = i64::MAX >> COUNT_SHIFT;

/// The moment as SQLite keeps it; [`Timestamp::NEVER`] and all beyond the scale is its largest number.
pub(super) fn micros(moment: Timestamp) -> i64 {
    i64::try_from(moment.as_micros()).unwrap_or(i64::MAX)
}

/// What [`micros`] was made of.
pub(super) fn moment(micros: i64) -> Timestamp {
    if micros == i64::MAX { Timestamp::NEVER } else { Timestamp::from_micros(u64::try_from(micros).unwrap_or(0)) }
}

/// The score of an entry just written; `random` is used by one policy.
pub(super) fn fresh(policy: Policy, now: Timestamp, random: u64) -> i64 {
    match policy.score().on_hit {
        OnHit::Count => counted(0, 1, now),
        OnHit::Random => (random >> 1) as i64,
        _ => micros(now),
    }
}

/// The score after `hits` hits, the last at `now`.
pub(super) fn used(policy: Policy, score: i64, (hits, now): (i64, Timestamp)) -> i64 {
    match policy.score().on_hit {
        OnHit::Now => score.max(micros(now)),
        OnHit::Count => counted(score, hits, now),
        _ => score,
    }
}

fn counted(score: i64, hits: i64, now: Timestamp) -> i64 {
    let count = (score >> COUNT_SHIFT).saturating_add(hits).clamp(0, MOST);
    let time = (micros(now) / 1_000).clamp(score & TIME, TIME);
    count << COUNT_SHIFT | time
}

/// Which numbers a space holds: policies of one scale understand each other's scores.
pub(super) fn scale(policy: Policy) -> i64 {
    match policy.score().on_hit {
        OnHit::Count => 1,
        OnHit::Random => 2,
        _ => 0,
    }
}

/// The SQL expression that turns scores of one scale into another's, as well as can be.
pub(super) fn rescaled(from: i64, to: i64) -> &'static str {
    match (from, to) {
        (_, 2) => "random() >> 1",
        (0, 1) => "(1 << 42) | ((score / 1000) & 4398046511103)",
        (1, 0) => "(score & 4398046511103) * 1000",
        // Random numbers say nothing about age: all are equally old, and older than what comes.
        _ => "0",
    }
}
