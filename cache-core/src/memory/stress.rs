//! Threads that do everything at once to tiers in which slots are used again at once. Each value knows its key and checks
//! itself where it lies; run under the sanitizers by `cargo xtask ci`.

use super::{Bounds, Cause, Life, Listener, Memory, NEVER};
use crate::eviction::Policy;
use crate::system;
use std::hash::BuildHasher;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;

/// Steps of each thread: few enough for a sanitizer and a debugger, many enough that a planted bug is found.
const STEPS: u64 = if cfg!(memolith_planted) { 20_000 } else { 4_000 };
const THREADS: u64 = 6;

/// A value in memory of its own, three times, so that a torn or foreign one shows.
#[derive(Debug)]
struct Carrier {
    key: Box<u64>,
    text: String,
    deadline: u64,
    alive: Arc<AtomicI64>,
}

impl Carrier {
    fn new(key: u64, deadline: u64, alive: &Arc<AtomicI64>) -> Self {
        alive.fetch_add(1, Relaxed);
        Carrier { key: Box::new(key), text: key.to_string(), deadline, alive: Arc::clone(alive) }
    }

    fn check(&self, key: u64) {
        assert_eq!(*self.key, key, "foreign");
        assert_eq!(self.text, key.to_string(), "torn");
    }
}

impl Clone for Carrier {
    fn clone(&self) -> Self {
        self.check(*self.key);
        Carrier::new(*self.key, self.deadline, &self.alive)
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.check(*self.key);
        *self.key = u64::MAX;
        self.text.clear();
        self.alive.fetch_sub(1, Relaxed);
    }
}

struct Tier {
    memory: Memory<String, Carrier>,
    clock: AtomicU64,
    alive: Arc<AtomicI64>,
    calls: AtomicU64,
}

impl Tier {
    fn new(maxsize: Option<usize>, policy: Policy, listener: Option<Listener<String, Carrier>>) -> Self {
        let bounds = Bounds { maxsize, max_weight: None, policy, tti: None };
        Tier {
            memory: Memory::new(bounds, Default::default(), listener, 7),
            clock: AtomicU64::new(0),
            alive: Arc::default(),
            calls: AtomicU64::new(0),
        }
    }

    fn put(&self, key: u64, limit: u64) {
        let (text, value) = (format!("key {key}"), Carrier::new(key, limit, &self.alive));
        let life = Life { now: self.clock.load(SeqCst), due: limit, limit, weight: 0 };
        let (hash, mut exchange) = (self.memory.hasher.hash_one(&text), self.memory.exchange(life));
        exchange.new = Some((text, value));
        self.memory.insert(hash, &mut exchange);
    }

    /// As a cached function does: where it lies if that is quick, else a copy.
    fn ask(&self, key: u64) -> bool {
        self.calls.fetch_add(1, Relaxed);
        let text = format!("key {key}");
        let (hash, before) = (self.memory.hasher.hash_one(&text), self.clock.load(SeqCst));
        let now = || self.clock.load(SeqCst);
        let alive = |value: &Carrier| {
            value.check(key);
            assert!(value.deadline > before, "its time was over");
        };
        if let Some(hit) = self.memory.hit(hash, &text, now) {
            alive(&hit);
            return true;
        }
        let found = self.memory.get(hash, &text, now);
        found.iter().for_each(alive);
        if found.is_none() {
            self.memory.count_miss();
        }
        found.is_some()
    }

    fn remove(&self, key: u64) {
        let text = format!("key {key}");
        drop(self.memory.remove(self.memory.hasher.hash_one(&text), &text, || self.clock.load(SeqCst)));
    }

    /// One of all that can be done, as `dice` fall.
    fn step(&self, dice: u64, bounds: &[Option<usize>]) {
        let key = dice / 64 % 24;
        match dice % 64 {
            0..36 => _ = self.ask(key),
            36..54 => self.put(key, NEVER),
            54..58 => self.put(key, self.clock.load(SeqCst) + 1 + key),
            58 => self.remove(key),
            59 => _ = self.clock.fetch_add(1, SeqCst),
            60 => {
                drop(self.memory.remove_if(self.clock.load(SeqCst), |text, value| {
                    assert_eq!(*text, format!("key {}", value.key));
                    *value.key % 5 == key % 5
                }));
            }
            61 => drop(self.memory.set_maxsize(bounds[key as usize % bounds.len()], || self.clock.load(SeqCst), || ())),
            62 => _ = self.memory.len(|| self.clock.load(SeqCst)),
            _ if key == 0 => drop(self.memory.clear(|| ())),
            _ => {
                let hash = self.memory.hasher.hash_one(format!("key {key}"));
                self.memory.contains(hash, &format!("key {key}"), || self.clock.load(SeqCst));
            }
        }
    }

    /// What has to be true when nobody is left.
    fn end(self) {
        let calls = self.memory.calls();
        assert_eq!(calls.hits + calls.misses, self.calls.load(SeqCst));
        drop(self.memory);
        assert_eq!(self.alive.load(SeqCst), 0, "an entry is kept, or was dropped twice");
    }
}

/// Numbers that are random enough, from a seed.
fn dice(seed: u64) -> impl Iterator<Item = u64> {
    let mix = |n: u64| (n ^ (n >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 8;
    (seed << 32..).map(move |n| mix(mix(n.wrapping_mul(0xbf58_476d_1ce4_e5b9))))
}

/// Runs `work` on as many threads, each with its number.
fn together(threads: u64, work: impl Fn(u64) + Sync) {
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(move || work(thread))).collect();
        // One by one: the end of a scope is no order to a sanitizer, and the end of a thread is.
        threads.into_iter().for_each(|thread| thread.join().expect("its panic ends the test"));
    });
}

fn all_at_once(policy: Policy, bounds: &[Option<usize>], listener: Option<Listener<String, Carrier>>) {
    let tier = Tier::new(bounds[0], policy, listener);
    together(THREADS, |thread| dice(thread).take(STEPS as usize).for_each(|dice| tier.step(dice, bounds)));
    tier.end();
}

#[test]
fn stamps_in_slots_that_are_used_again() {
    all_at_once(Policy::Lru, &[Some(2), Some(1), Some(9), Some(0)], None);
}

#[test]
fn stamps_in_a_tier_that_grows_and_shrinks() {
    all_at_once(Policy::Lru, &[None, Some(12), Some(3), None], None);
}

#[test]
fn logs_in_slots_that_are_used_again() {
    all_at_once(Policy::Lfu, &[Some(3), Some(1), Some(12)], None);
}

#[test]
fn counts_in_slots_that_are_used_again() {
    all_at_once(Policy::Sieve, &[Some(3), Some(1), Some(12)], None);
}

#[test]
fn a_listener_sees_every_entry_where_it_lies() {
    let listener = |key: &String, value: &Carrier, _: Cause| {
        value.check(*value.key);
        assert_eq!(*key, format!("key {}", value.key));
    };
    all_at_once(Policy::Lru, &[Some(3), Some(9)], Some(Box::new(listener)));
}

#[test]
fn who_is_resident_is_found_while_the_tier_grows() {
    let tier = Tier::new(None, Policy::Lru, None);
    (0..24).for_each(|key| tier.put(key, NEVER));
    together(4, |thread| match thread {
        0 => (24..3_000).for_each(|key| tier.put(key, NEVER)),
        1 => {
            let mut seen = 0;
            drop(tier.memory.remove_if(0, |_, value| {
                seen += u64::from(*value.key < 24);
                false
            }));
            assert!(seen >= 24, "only {seen} are shown");
        }
        _ => (0..STEPS).for_each(|step| assert!(tier.ask(step % 24), "{} is overlooked", step % 24)),
    });
    tier.end();
}

#[test]
fn more_threads_than_have_stripes_at_hand_come_and_die() {
    let tier = Tier::new(Some(4), Policy::Lru, None);
    for round in 0..3 {
        let barrier = Barrier::new(80);
        together(80, |thread| {
            barrier.wait();
            let steps = dice(100 * round + thread).take(STEPS as usize / 80);
            steps.for_each(|dice| tier.step(dice, &[Some(4), Some(1)]));
        });
    }
    tier.end();
}

#[test]
fn the_fence_is_the_one_that_is_meant() {
    let meant = cfg!(all(target_os = "linux", not(any(miri, memolith_fenced))));
    assert_eq!(system::has_asymmetric_fence(), meant, "sandboxes can forbid it");
}
