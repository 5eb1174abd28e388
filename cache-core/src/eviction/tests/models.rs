//! The algorithms as one would explain them.

use crate::eviction::Policy;
use crate::eviction::balance::Balance;
use crate::eviction::ghosts::Ghosts;
use crate::eviction::queues::print;
use crate::eviction::sketch::Sketch;

/// The same algorithm written for the eye: keys in vectors, everything searched for.
pub(super) trait Model {
    fn insert(&mut self, key: u32);
    fn touch(&mut self, key: u32);
    fn remove(&mut self, key: u32);
    /// Who should leave when `chosen` is who did.
    fn evict(&mut self, chosen: u32) -> u32;
}

pub(super) fn model(policy: Policy) -> Box<dyn Model> {
    match policy {
        Policy::Lru => Box::new(Order { keys: Vec::new(), touches: true, newest: false }),
        Policy::Mru => Box::new(Order { keys: Vec::new(), touches: true, newest: true }),
        Policy::Fifo => Box::new(Order { keys: Vec::new(), touches: false, newest: false }),
        Policy::Lfu => Box::new(Counts::default()),
        Policy::Random | Policy::Tenure | Policy::Auto => Box::new(Anyone::default()),
        Policy::Sieve => Box::new(Queue::default()),
        Policy::S3Fifo => Box::new(SmallAndMain::default()),
        Policy::TinyLfu => Box::new(WindowAndMain::default()),
    }
}

/// Keys from the oldest to the newest.
struct Order {
    keys: Vec<u32>,
    /// Whether a hit makes a key the newest.
    touches: bool,
    /// Whether the newest leaves.
    newest: bool,
}

impl Model for Order {
    fn insert(&mut self, key: u32) {
        self.keys.push(key);
    }
    fn touch(&mut self, key: u32) {
        if self.touches {
            self.remove(key);
            self.keys.push(key);
        }
    }
    fn remove(&mut self, key: u32) {
        self.keys.retain(|&k| k != key);
    }
    fn evict(&mut self, _: u32) -> u32 {
        if self.newest { self.keys.pop().unwrap() } else { self.keys.remove(0) }
    }
}

/// How often and when last each key was used.
#[derive(Default)]
struct Counts {
    keys: Vec<(u64, u64, u32)>,
    now: u64,
}

impl Model for Counts {
    fn insert(&mut self, key: u32) {
        self.now += 1;
        self.keys.push((1, self.now, key));
    }
    fn touch(&mut self, key: u32) {
        self.now += 1;
        let entry = self.keys.iter_mut().find(|entry| entry.2 == key).unwrap();
        *entry = (entry.0 + 1, self.now, key);
    }
    fn remove(&mut self, key: u32) {
        self.keys.retain(|entry| entry.2 != key);
    }
    fn evict(&mut self, _: u32) -> u32 {
        let key = self.keys.iter().min().unwrap().2;
        self.remove(key);
        key
    }
}

/// Whoever is a member may leave.
#[derive(Default)]
struct Anyone(Vec<u32>);

impl Model for Anyone {
    fn insert(&mut self, key: u32) {
        self.0.push(key);
    }
    fn touch(&mut self, key: u32) {
        assert!(self.0.contains(&key));
    }
    fn remove(&mut self, key: u32) {
        self.0.retain(|&k| k != key);
    }
    fn evict(&mut self, chosen: u32) -> u32 {
        assert!(self.0.contains(&chosen), "{chosen} is no member");
        self.remove(chosen);
        chosen
    }
}

/// The queue of the SIEVE paper from the oldest to the newest, each with its flag.
#[derive(Default)]
struct Queue {
    keys: Vec<(u32, bool)>,
    /// How many at the old end the hand has passed.
    passed: usize,
}

impl Model for Queue {
    fn insert(&mut self, key: u32) {
        self.keys.push((key, false));
    }
    fn touch(&mut self, key: u32) {
        self.keys.iter_mut().find(|entry| entry.0 == key).unwrap().1 = true;
    }
    fn remove(&mut self, key: u32) {
        let at = self.keys.iter().position(|entry| entry.0 == key).unwrap();
        self.keys.remove(at);
        if at < self.passed {
            self.passed -= 1;
        } else if at == self.passed && at == self.keys.len() {
            // The hand stood on the newest, and starts over.
            self.passed = 0;
        }
    }
    fn evict(&mut self, _: u32) -> u32 {
        loop {
            let at = self.passed % self.keys.len();
            if !self.keys[at].1 {
                self.passed = at;
                let key = self.keys[at].0;
                self.remove(key);
                return key;
            }
            self.keys[at].1 = false;
            self.passed = at + 1;
        }
    }
}

/// The queues of the S3-FIFO paper, the oldest first, each key with the count of its hits. The ghosts are tested on their own.
#[derive(Default)]
struct SmallAndMain {
    small: Vec<(u32, u8)>,
    main: Vec<(u32, u8)>,
    ghosts: Ghosts,
    remembered: Option<usize>,
}

impl Model for SmallAndMain {
    fn insert(&mut self, key: u32) {
        let known = self.remembered.is_none_or(|count| self.ghosts.take(print(u64::from(key)), count));
        let into = if known { &mut self.main } else { &mut self.small };
        into.push((key, 0));
    }
    fn touch(&mut self, key: u32) {
        let mut all = self.small.iter_mut().chain(&mut self.main);
        let count = &mut all.find(|entry| entry.0 == key).unwrap().1;
        *count = (*count + 1).min(3);
    }
    fn remove(&mut self, key: u32) {
        self.small.retain(|entry| entry.0 != key);
        self.main.retain(|entry| entry.0 != key);
    }
    fn evict(&mut self, _: u32) -> u32 {
        let capacity = self.small.len() + self.main.len();
        let tenth = (capacity / 10).max(1);
        self.remembered = Some(capacity - tenth);
        self.ghosts.reserve(capacity - tenth);
        loop {
            if self.main.is_empty() || self.small.len() >= tenth {
                match self.small.remove(0) {
                    (key, 2..) => self.main.push((key, 0)),
                    (key, _) => {
                        self.ghosts.put(print(u64::from(key)));
                        return key;
                    }
                }
            } else {
                match self.main.remove(0) {
                    (key, 0) => return key,
                    (key, count) => self.main.push((key, count - 1)),
                }
            }
        }
    }
}

/// The queues of W-TinyLFU, the oldest first, each key with the count of its hits. Sketch and balance are tested on their own.
#[derive(Default)]
struct WindowAndMain {
    window: Vec<(u32, u64)>,
    probation: Vec<(u32, u64)>,
    protected: Vec<(u32, u64)>,
    sketch: Sketch,
    balance: Balance,
    full: bool,
}

impl WindowAndMain {
    fn len(&self) -> usize {
        self.window.len() + self.probation.len() + self.protected.len()
    }
    fn count(&mut self, key: u32, times: u64) {
        self.sketch.add(print(u64::from(key)), times, 20 * self.len() as u64);
    }
    fn estimate(&mut self, key: u32) -> u64 {
        self.sketch.estimate(print(u64::from(key)))
    }
    /// The last of the window, once all that were used are in front.
    fn newcomer(&mut self) -> Option<u32> {
        while let Some(&(key, hits @ 1..)) = self.window.first() {
            self.count(key, hits);
            self.balance.inside(hits);
            self.window.rotate_left(1);
            self.window.last_mut().unwrap().1 = 0;
        }
        Some(self.window.first()?.0)
    }
    /// The last on probation, once all that were used are protected.
    fn last(&mut self, most: usize) -> Option<u32> {
        loop {
            match self.probation.first().copied() {
                Some((key, 0)) => return Some(key),
                Some((key, hits)) => {
                    self.count(key, hits);
                    self.balance.outside(hits);
                    self.probation.remove(0);
                    self.protected.push((key, 0));
                    self.demote(most);
                }
                None if self.protected.is_empty() => return None,
                None => self.demote(self.protected.len() - 1),
            }
        }
    }
    fn demote(&mut self, most: usize) {
        while self.protected.len() > most {
            let (key, hits) = self.protected[0];
            if hits > 0 {
                self.count(key, hits);
                self.balance.outside(hits);
            }
            self.protected.remove(0);
            let to = if hits > 0 { &mut self.protected } else { &mut self.probation };
            to.push((key, 0));
        }
    }
}

impl Model for WindowAndMain {
    fn insert(&mut self, key: u32) {
        let into = if self.full { &mut self.window } else { &mut self.probation };
        into.push((key, 0));
        self.count(key, 1);
        self.balance.miss();
    }
    fn touch(&mut self, key: u32) {
        let mut all = self.window.iter_mut().chain(&mut self.probation).chain(&mut self.protected);
        let hits = &mut all.find(|entry| entry.0 == key).unwrap().1;
        *hits = (*hits + 1).min(3);
    }
    fn remove(&mut self, key: u32) {
        for queue in [&mut self.window, &mut self.probation, &mut self.protected] {
            queue.retain(|entry| entry.0 != key);
        }
    }
    fn evict(&mut self, chosen: u32) -> u32 {
        let capacity = self.len();
        self.full = true;
        self.sketch.reserve(capacity);
        self.balance.settle(capacity);
        let window = self.balance.window(capacity);
        let shrink = self.window.len().saturating_sub(window).min(8);
        self.probation.extend(self.window.drain(..shrink));
        let newcomer = if self.window.len() < window { None } else { self.newcomer() };
        let last = self.last((capacity - window) * 4 / 5);
        let leaves = match (newcomer, last) {
            (Some(newcomer), Some(last)) => {
                let (new, old) = (self.estimate(newcomer), self.estimate(last));
                // One that is worse, but not rare, is let in by chance.
                if new > old || (new > 5 && chosen == last) {
                    self.remove(newcomer);
                    self.probation.push((newcomer, 0));
                    last
                } else {
                    newcomer
                }
            }
            (Some(newcomer), None) => newcomer,
            (None, Some(last)) => last,
            (None, None) => self.newcomer().unwrap(),
        };
        self.remove(leaves);
        leaves
    }
}
