//! The keys of one call: what is known of each, and what is to be done about the others.

use crate::bytes::KeyBytes;
use crate::cache::{Begin, Cache};
use crate::error::Result;
use crate::flight::{Flight, Outcome};
use crate::flights::Caller;
use crate::key::{Key, KeyRef, Value};
use crate::lease::{Fetched, Lease};
use crate::remote::Opened;
use crate::scope::{self, Mode};
use crate::storing::Storing;
use crate::time::Timestamp;
use crate::waits::Ticket;
use hashbrown::HashTable;
use std::sync::Arc;
use std::thread::panicking;

/// What was asked for in one call.
pub(super) struct Batch<'a, 'q, K: Key, V: Value, Q: ?Sized> {
    cache: &'a Cache<K, V>,
    mode: Mode,
    /// In the order of the call.
    answers: Vec<Answer<V>>,
    /// What memory did not know, each key once.
    wanted: Vec<Wanted<'q, K, V, Q>>,
    /// Whether others were waited for since memory was looked into, by a task on another thread perhaps.
    waited: bool,
}

enum Answer<V> {
    Known(V),
    /// That of the key that is wanted at this place.
    Of(usize),
}

struct Wanted<'q, K, V, Q: ?Sized> {
    query: &'q Q,
    hash: u64,
    key: K,
    /// How often it was asked for.
    times: usize,
    value: Option<V>,
    /// How many of those times are counted.
    counted: usize,
    /// To wait for others would never end.
    alone: bool,
}

/// What is done about those keys at once.
pub(super) struct Round<'a, K: Key, V: Value> {
    /// The backend, in which they have names, may know them.
    ask: Vec<(usize, Lease<'a, K, V>)>,
    /// They are to be computed.
    missing: Vec<(usize, Lease<'a, K, V>)>,
    /// Others compute them.
    pub(super) follow: Vec<(usize, Arc<Flight<V>>)>,
}

impl<'a, 'q, K: Key, V: Value, Q: KeyRef<K> + ?Sized + 'q> Batch<'a, 'q, K, V, Q> {
    /// Looks into memory.
    pub(super) fn new(cache: &'a Cache<K, V>, keys: impl IntoIterator<Item = &'q Q>) -> Self {
        let mode = cache.mode();
        let (mut wanted, mut places) = (Vec::<Wanted<'q, K, V, Q>>::new(), HashTable::<usize>::new());
        let answer = |query: &'q Q| {
            let hash = cache.hash(query);
            if let Some(value) = cache.find(hash, query).or_else(|| cache.find_near(hash, query)) {
                return Answer::Known(value);
            }
            let same = |at: &usize| wanted[*at].hash == hash && query.is(&wanted[*at].key);
            if let Some(at) = places.find(hash, same) {
                wanted[*at].times += 1;
                return Answer::Of(*at);
            }
            let (at, key) = (wanted.len(), query.to_key());
            wanted.push(Wanted { query, hash, key, times: 1, value: None, counted: 0, alone: false });
            places.insert_unique(hash, at, |at| wanted[*at].hash);
            Answer::Of(at)
        };
        let answers = keys.into_iter().map(answer).collect();
        Batch { cache, mode, answers, wanted, waited: false }
    }

    /// What is to be done now; nothing, if all is known. No key is waited for while a lease of another is held, so that
    /// two calls that want the same keys in another order never wait for each other.
    pub(super) fn begin(&mut self, caller: Caller) -> Option<Round<'a, K, V>> {
        let (cache, waited) = (self.cache, std::mem::replace(&mut self.waited, true));
        let mut round = Round { ask: Vec::new(), missing: Vec::new(), follow: Vec::new() };
        let open = self.wanted.iter_mut().enumerate().filter(|(_, wanted)| wanted.value.is_none());
        for (at, wanted) in open {
            if wanted.alone {
                round.missing.push((at, Lease::alone(cache)));
                continue;
            }
            if waited && let Some(value) = cache.find_again(wanted.hash, wanted.query) {
                wanted.answer(value);
                continue;
            }
            match cache.begin(wanted.hash, wanted.query, (caller, self.mode)) {
                Begin::Hit(value) => wanted.answer(value),
                Begin::Lead { lease, ask: true } if lease.name().is_some() => round.ask.push((at, lease)),
                Begin::Miss(lease) | Begin::Lead { lease, .. } => round.missing.push((at, lease)),
                Begin::Follow(flight) => round.follow.push((at, flight)),
            }
        }
        (!round.is_empty()).then_some(round)
    }

    /// As [`begin`](Self::begin) for who computes nothing and waits for nobody.
    pub(super) fn look(&mut self, caller: Caller) -> Round<'a, K, V> {
        let looks = self.wanted.iter().map(|Wanted { hash, query, .. }| self.cache.look(*hash, *query, caller));
        let named = |(at, lease): (usize, Option<Lease<'a, K, V>>)| Some((at, lease.filter(|it| it.name().is_some())?));
        Round { ask: looks.enumerate().filter_map(named).collect(), missing: Vec::new(), follow: Vec::new() }
    }

    /// Takes what the backend had; what it had not is missing. Returns what is to be written there again.
    pub(super) fn found(&mut self, round: &mut Round<'a, K, V>, found: Result<Vec<Opened<V>>>) -> Vec<Storing<K, V>> {
        let asked = std::mem::take(&mut round.ask);
        let mut found = self.cache.report(found).unwrap_or_default().into_iter();
        let mut storings = Vec::new();
        for (at, mut lease) in asked {
            let record = found.next().and_then(|record| self.cache.report(record)).flatten();
            match lease.absorb(self.cache.sift(record)) {
                Fetched::Fresh(value, stamp, rest) => {
                    let (value, storing) = self.cache.found(lease, (value, stamp, rest));
                    self.wanted[at].answer(value);
                    storings.extend(storing);
                }
                _ => round.missing.push((at, lease)),
            }
        }
        storings
    }

    /// The keys that are to be computed, if there are any.
    pub(super) fn misses(&mut self, round: &mut Round<'a, K, V>) -> Option<Vec<&'q Q>> {
        // In the order of the call, wherever they come from.
        round.missing.sort_unstable_by_key(|(at, _)| *at);
        if round.missing.is_empty() {
            return None;
        }
        if !self.mode.computes && !self.pass(round) {
            self.count_open();
            // Others may compute.
            round.missing.clear();
            scope::raise();
        }
        if round.missing.is_empty() {
            return None;
        }
        let missing = round.missing.iter_mut().map(|(at, lease)| {
            let wanted = &mut self.wanted[*at];
            wanted.counted = 1;
            self.cache.count_computed();
            lease.begins();
            wanted.query
        });
        Some(missing.collect())
    }

    /// Takes the old values that may be served in place of what is missing. Whether there is one for each key.
    pub(super) fn pass(&mut self, round: &mut Round<'a, K, V>) -> bool {
        round.missing.retain(|(at, lease)| {
            let Some((value, until)) = lease.held() else { return true };
            self.cache.count_hit();
            self.cache.count_stale(until, self.cache.now());
            self.wanted[*at].answer(value);
            false
        });
        round.missing.is_empty()
    }

    /// The computation has failed. Whether there is an old value for each key, as `Lease::fail` has it.
    pub(super) fn fail(&mut self, round: &mut Round<'a, K, V>) -> bool {
        round.missing.retain_mut(|(at, lease)| {
            let Some(value) = lease.fall_back() else { return true };
            self.wanted[*at].answer(value);
            false
        });
        round.missing.is_empty()
    }

    /// Takes what was computed. Returns what is to be written to the backend.
    pub(super) fn fill(&mut self, round: &mut Round<'a, K, V>, values: Vec<V>) -> Vec<Storing<K, V>> {
        let missing = std::mem::take(&mut round.missing);
        let (given, returned) = (missing.len(), values.len());
        assert!(
            given == returned,
            "the closure was given {given} keys and returned {returned} values; return one for each key, in their order"
        );
        let mut storings = Vec::new();
        for ((at, lease), value) in missing.into_iter().zip(values) {
            storings.extend(lease.fill_unwritten(&value));
            self.wanted[at].answer(value);
        }
        storings
    }

    /// Another caller's computation has ended. Without a value, the key is wanted still.
    pub(super) fn followed(&mut self, at: usize, ticket: Ticket, outcome: Outcome<V>) {
        let wanted = &mut self.wanted[at];
        let value = self.cache.followed(wanted.hash, wanted.query, ticket, outcome);
        value.into_iter().for_each(|value| wanted.answer(value));
    }

    /// To wait for the key would never end: it is computed here, and kept nowhere.
    pub(super) fn alone(&mut self, at: usize) {
        self.wanted[at].alone = true;
    }

    /// The values, all of which are known.
    pub(super) fn values(self) -> Vec<V> {
        self.known().into_iter().map(|value| value.expect("no round begins when all is known")).collect()
    }

    /// What is known, old values among it.
    pub(super) fn known_by_now(mut self) -> Vec<Option<V>> {
        for wanted in self.wanted.iter_mut().filter(|wanted| wanted.value.is_none()) {
            let old = self.cache.find_old(wanted.hash, wanted.query);
            old.into_iter().for_each(|old| wanted.answer(old));
        }
        self.known()
    }

    /// What is known.
    fn known(mut self) -> Vec<Option<V>> {
        self.count_open();
        let wanted = &mut self.wanted;
        let answers = std::mem::take(&mut self.answers).into_iter().map(|answer| match answer {
            Answer::Known(value) => Some(value),
            Answer::Of(at) => {
                wanted[at].times -= 1;
                if wanted[at].times == 0 { wanted[at].value.take() } else { wanted[at].value.clone() }
            }
        });
        answers.collect()
    }

    /// Ends with an error: what is not known was a miss.
    pub(super) fn give_up<T, E>(mut self, error: E) -> std::result::Result<T, E> {
        self.count_open();
        Err(error)
    }
}

impl<K: Key, V: Value, Q: ?Sized> Batch<'_, '_, K, V, Q> {
    /// Counts what is not counted: keys that nobody knew, and those that were asked for more than once.
    fn count_open(&mut self) {
        for wanted in &mut self.wanted {
            let known = wanted.value.is_some();
            for _ in std::mem::replace(&mut wanted.counted, wanted.times)..wanted.times {
                if known { self.cache.count_hit() } else { self.cache.count_miss() }
            }
        }
    }
}

impl<K: Key, V: Value, Q: ?Sized> Drop for Batch<'_, '_, K, V, Q> {
    fn drop(&mut self) {
        // A call that ends with a panic was one for each key, as one that ends with an error. A task that is cancelled has
        // not ended: it has counted what it has begun to compute.
        if panicking() {
            self.count_open();
        }
    }
}

impl<K, V, Q: ?Sized> Wanted<'_, K, V, Q> {
    /// Counted by who found the value.
    fn answer(&mut self, value: V) {
        self.counted = self.counted.max(1);
        self.value = Some(value);
    }
}

impl<'a, K: Key, V: Value> Round<'a, K, V> {
    /// The names of the keys that the backend is to be asked for.
    pub(super) fn keys(&self, cache: &Cache<K, V>) -> (Vec<&KeyBytes>, Timestamp) {
        (self.ask.iter().filter_map(|(_, lease)| lease.name()).collect(), cache.settings.clock.now())
    }

    /// The leases of what is to be computed.
    pub(super) fn leases(&self) -> impl Iterator<Item = &Lease<'a, K, V>> {
        self.missing.iter().map(|(_, lease)| lease)
    }

    fn is_empty(&self) -> bool {
        self.ask.is_empty() && self.missing.is_empty() && self.follow.is_empty()
    }
}
