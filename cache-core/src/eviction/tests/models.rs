//! The algorithms as one would explain them.

use crate::eviction::Policy;
use crate::eviction::ghosts::Ghosts;
use crate::eviction::queues::print;

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
        Policy::Random => Box::new(Anyone::default()),
        Policy::Sieve => Box::new(Queue::default()),
        Policy::S3Fifo => Box::new(SmallAndMain::default()),
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
