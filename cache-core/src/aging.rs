//! How entries age: when they are computed anew although they could be served, and how long they may be served after that.

use crate::sync::AtomicU64;
use crate::tags::Carried;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// After a failure a refresh is not tried again before that, or before a tenth of the time that an old value is served.
const PAUSE: Duration = Duration::from_secs(1);
/// What a sequence of draws goes on by: 2^64 divided by the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// What a cache was told about the ageing of its entries; by default they end when their time to live does.
#[derive(Debug)]
pub(crate) struct Aging {
    /// The share of a time to live by which it may be shortened, 0 to 1.
    jitter: f64,
    /// How much too early entries are refreshed, in times of what they cost; 0 is never.
    beta: f64,
    /// How long an entry may be served after its time to live.
    stale: Duration,
    /// What every miss asks: whether an entry may be served when it is due to be computed anew, and whether it matters in
    /// memory what it cost.
    on: bool,
    early: bool,
    draws: Draws,
}

/// How long a value is served from now on; `None` is for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Term {
    /// Until it is to be computed anew.
    pub(crate) due: Option<Duration>,
    /// Until it is not to be served any more.
    pub(crate) end: Option<Duration>,
}

/// A value that is to be computed anew, and until when it may be served: in microseconds of the steady clock.
#[derive(Debug)]
pub(crate) struct Old<V> {
    pub(crate) value: Arc<V>,
    pub(crate) until: u64,
    /// Those it came with from the backend; of one in memory the cache knows them.
    pub(crate) tags: Option<Arc<Carried>>,
}

impl<V> Clone for Old<V> {
    fn clone(&self) -> Self {
        Old { value: Arc::clone(&self.value), until: self.until, tags: self.tags.clone() }
    }
}

impl Default for Aging {
    fn default() -> Self {
        Aging { jitter: 0.0, beta: 0.0, stale: Duration::ZERO, on: false, early: false, draws: Draws::new(seed()) }
    }
}

impl Aging {
    /// Anything that is no share becomes the nearest one, and what is no number none.
    pub(crate) fn set_jitter(&mut self, share: f64) {
        self.jitter = if share > 0.0 { share.min(1.0) } else { 0.0 };
    }

    pub(crate) fn set_early(&mut self, beta: f64) {
        self.beta = if beta > 0.0 { beta.min(f64::MAX) } else { 0.0 };
        self.early = self.beta > 0.0;
        self.on = self.early || !self.stale.is_zero();
    }

    pub(crate) fn set_stale(&mut self, stale: Duration) {
        self.stale = stale;
        self.on = self.early || !self.stale.is_zero();
    }

    /// Whether an entry may be served when it is due to be computed anew.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    /// Whether it matters in memory what an entry cost.
    #[inline]
    pub(crate) fn is_early(&self) -> bool {
        self.early
    }

    /// Of a value made now, which was given `ttl` to live and took `cost` to compute.
    #[inline]
    pub(crate) fn term(&self, ttl: Option<Duration>, cost: Duration) -> Term {
        ttl.map_or_else(Term::default, |ttl| self.term_within(ttl, cost))
    }

    #[inline(never)]
    fn term_within(&self, ttl: Duration, cost: Duration) -> Term {
        let ttl = self.shortened(ttl);
        // What is given no time is not to be kept.
        let stale = if ttl.is_zero() { Duration::ZERO } else { self.stale };
        Term { due: Some(ttl.saturating_sub(self.lead(cost))), end: Some(ttl.saturating_add(stale)) }
    }

    /// Of a value made before, that may be served for `end` from now on and took `cost` to compute.
    pub(crate) fn rest(&self, end: Option<Duration>, cost: Duration) -> Term {
        Term { due: end.map(|end| end.saturating_sub(self.stale).saturating_sub(self.lead(cost))), end }
    }

    /// What the time to live of an entry becomes at most: that of the cache, and as long as it is served after it.
    pub(crate) fn longest(&self, ttl: Option<Duration>) -> Option<Duration> {
        ttl.map(|ttl| if ttl.is_zero() { ttl } else { ttl.saturating_add(self.stale) })
    }

    /// Whether of an entry that is served until `until` the time to live is over.
    pub(crate) fn is_past(&self, until: u64, now: u64) -> bool {
        let stale = u64::try_from(self.stale.as_micros()).unwrap_or(u64::MAX);
        until.saturating_sub(stale) <= now
    }

    /// How long an old value is served without another try to compute it, for entries that live for `ttl`.
    pub(crate) fn pause(&self, ttl: Option<Duration>) -> Duration {
        let span = if self.stale.is_zero() { ttl.unwrap_or(Duration::MAX) } else { self.stale };
        (span / 10).min(PAUSE)
    }

    /// Each time to live from the shortest to the longest is as likely.
    fn shortened(&self, ttl: Duration) -> Duration {
        if self.jitter == 0.0 {
            return ttl;
        }
        ttl.saturating_sub(seconds(ttl.as_secs_f64() * self.jitter * self.draws.share()))
    }

    /// How long before the end of its time to live an entry that took `cost` is due.
    ///
    /// XFetch: Vattani, Chierichetti and Lowenstein, "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015,
    /// <https://www.vldb.org/pvldb/vol8/p886-vattani.pdf>. There each read draws an exponential number, so an entry that
    /// is read all the time is refreshed some costs earlier than one draw says. Here one draw decides for an entry and
    /// a process, because a process computes once whoever comes first, and reads cost nothing. In exchange
    /// it counts from one cost before the end, so that what is computed is there in time.
    fn lead(&self, cost: Duration) -> Duration {
        if !self.is_early() || cost.is_zero() {
            return Duration::ZERO;
        }
        seconds(cost.as_secs_f64() * self.beta * (1.0 - self.draws.share().ln()))
    }
}

impl Term {
    /// Whether it is to be computed anew now.
    pub(crate) fn is_due(&self) -> bool {
        self.due.is_some_and(|due| due.is_zero())
    }
}

/// Random numbers: SplitMix64.
///
/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014,
/// <https://doi.org/10.1145/2660193.2660195>.
#[derive(Debug)]
struct Draws(AtomicU64);

impl Draws {
    fn new(seed: u64) -> Self {
        Draws(AtomicU64::new(seed))
    }

    /// Above 0, and 1 at most.
    fn share(&self) -> f64 {
        let mut bits = self.0.fetch_add(STEP, Relaxed);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        // As many bits as the fraction of a number has.
        ((bits >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }
}

/// Another in each process, for processes that store the same keys are to draw differently.
fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// For ever, where there are too many.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(all(test, not(any(shuttle, loom))))]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(1_000);
    const DRAWS: usize = 20_000;

    fn aging(seed: u64) -> Aging {
        Aging { draws: Draws::new(seed), ..Aging::default() }
    }

    fn sorted(draw: impl Fn() -> Duration) -> Vec<f64> {
        let mut drawn: Vec<_> = (0..DRAWS).map(|_| draw().as_secs_f64()).collect();
        drawn.sort_by(f64::total_cmp);
        drawn
    }

    /// The largest distance between what was drawn and a distribution, as Kolmogorov and Smirnov have it.
    fn distance(drawn: &[f64], below: impl Fn(f64) -> f64) -> f64 {
        let at = drawn.iter().enumerate().map(|(rank, one)| (below(*one) - rank as f64 / drawn.len() as f64).abs());
        at.fold(0.0, f64::max)
    }

    /// One in a thousand runs of an even draw is farther off; the seeds are fixed.
    fn most() -> f64 {
        1.95 / (DRAWS as f64).sqrt()
    }

    #[test]
    fn jitter_is_even_over_its_share_of_the_time_to_live() {
        for (seed, jitter) in [(1, 0.1), (2, 0.5), (3, 1.0)] {
            let mut aging = aging(seed);
            aging.set_jitter(jitter);
            let drawn = sorted(|| aging.term(Some(TTL), Duration::ZERO).end.unwrap_or_default());
            let (least, width) = (TTL.as_secs_f64() * (1.0 - jitter), TTL.as_secs_f64() * jitter);
            assert!(drawn[0] >= least - 1e-6 && drawn[DRAWS - 1] <= TTL.as_secs_f64());
            assert!(distance(&drawn, |one| (one - least) / width) < most(), "{jitter}");
        }
    }

    #[test]
    fn a_refresh_begins_a_cost_and_an_exponential_draw_before_the_end() {
        for (seed, beta) in [(1, 1.0), (2, 0.5), (3, 4.0)] {
            let mut aging = aging(seed);
            aging.set_early(beta);
            let cost = Duration::from_secs(2);
            let of = |term: Term| TTL - term.due.unwrap_or_default();
            let below = |lead: f64| 1.0 - (1.0 - lead / (2.0 * beta)).exp();
            for drawn in [sorted(|| of(aging.term(Some(TTL), cost))), sorted(|| of(aging.rest(Some(TTL), cost)))] {
                assert!(drawn[0] >= 2.0 * beta - 1e-6);
                assert!(distance(&drawn, below) < most(), "{beta}");
            }
        }
    }

    #[test]
    fn what_was_not_asked_for_changes_nothing() {
        let aging = aging(7);
        for ttl in [Duration::ZERO, Duration::from_nanos(1), TTL, Duration::MAX] {
            let whole = Term { due: Some(ttl), end: Some(ttl) };
            assert_eq!((aging.term(Some(ttl), TTL), aging.rest(Some(ttl), TTL)), (whole, whole));
        }
        assert_eq!(aging.term(None, TTL), Term::default());
        assert!(!aging.is_on());
    }

    #[test]
    fn no_number_is_too_large_or_none() {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 0.0, f64::MAX, f64::MIN_POSITIVE] {
            for time in [Duration::ZERO, Duration::from_nanos(1), TTL, Duration::MAX] {
                let mut aging = aging(7);
                aging.set_jitter(number);
                aging.set_early(number);
                aging.set_stale(time);
                for cost in [Duration::ZERO, Duration::MAX] {
                    let term = aging.term(Some(time), cost);
                    assert!(term.due <= Some(time) && term.due <= term.end, "{number} {time:?}");
                    let rest = aging.rest(Some(time), cost);
                    assert!(rest.due <= rest.end && rest.end == Some(time), "{number} {time:?}");
                }
            }
        }
    }

    #[test]
    fn two_caches_draw_differently() {
        let [one, other] = [(), ()].map(|()| Aging::default().draws.share());
        assert!(one != other);
    }
}
