//! Tenure: whoever can be expected to give the fewest hits for the time that its place is taken leaves.
//!
//! If the next uses were known the entry whose use is farthest away would leave (Belady 1966, <https://doi.org/10.1147/sj.52.0078>).
//! They are not, but how likely they are at each age of an entry can be learned, and then the [index of Gittins](super::gittins)
//! says who should stay. So there is no order of uses and no window: a scan is worth nothing and leaves at once, of a loop
//! the newest leaves, where recency counts the oldest does, and what is popular stays.
//! The policy is memolith's own; `DESIGN.md` has its figures.

use super::departed::Departed;
use super::gittins::{Gittins, TICKS, class, frequency};
use super::queues::{Print, print};
use super::{Eviction, Marks, Slot, Trace};

/// Costs 8 bytes a slot, 24 for those who left, and 20 KB.
///
/// A hit raises a flag. An eviction looks at a few slots side by side, takes down who was used since somebody looked
/// last, and picks the one worth least among them, the newest, and some poor ones that it saw before.
#[derive(Debug)]
pub(crate) struct Tenure {
    /// How often (8 bits) and when last (24 bits, in ticks) each slot was seen to be used; 0 for a free one.
    words: Vec<u32>,
    prints: Vec<Print>,
    len: usize,
    departed: Departed,
    gittins: Gittins,
    /// Slots that were worth little when they were seen.
    poor: [Slot; POOR],
    newest: Slot,
    now: u32,
    /// Evictions since the tick began. Where nobody has to leave no time passes.
    tick: usize,
    /// Evictions since it was learned last.
    unlearned: u64,
    /// Evictions until it is learned next.
    lesson: u64,
    random: u64,
}

/// The bits of a time.
const TIME: u32 = 0xff_ffff;

/// How many slots an eviction looks at. They lie side by side, in one cache line; others at random would be no better.
const LOOK: usize = 16;
const POOR: usize = 4;

/// One eviction in so many, at random, counts how long those that it sees have waited; a fixed gap would fall into step with loops.
const COUNTED: u64 = 8;

/// As many who left are remembered for each entry.
const DEPARTED: usize = 6;

/// Room for so many slots is taken at once if they are expected.
const AT_ONCE: usize = 1 << 20;

/// After so many ticks without a use the frequency of an entry is halved, and again.
const HALVE: u32 = 10 * TICKS as u32;

/// It is learned after one eviction for each four entries, and after so many at least, for it takes 20 µs. A fresh cache
/// learns sooner.
const LESSON: u64 = 2_048;
const FIRST_LESSON: u64 = 128;

impl Tenure {
    /// For about `expected` entries. The same seed gives the same choices.
    pub(crate) fn new(expected: usize, seed: u64) -> Self {
        Tenure {
            // To move them while the cache fills would take milliseconds.
            words: Vec::with_capacity(expected.min(AT_ONCE)),
            prints: Vec::with_capacity(expected.min(AT_ONCE)),
            len: 0,
            departed: Departed::default(),
            gittins: Gittins::default(),
            poor: [Slot::MAX; POOR],
            newest: Slot::MAX,
            now: 0,
            tick: 0,
            unlearned: 0,
            lesson: FIRST_LESSON,
            random: seed,
        }
    }
}

impl Eviction for Tenure {
    fn trace(&self) -> Trace {
        Trace::Count(1)
    }

    fn evict(&mut self, marks: &dyn Marks, _: u64) -> Option<Slot> {
        if self.len == 0 {
            return None;
        }
        self.departed.reserve(DEPARTED * self.len);
        self.tick += 1;
        if self.tick >= self.len / TICKS {
            self.tick = 0;
            self.now = (self.now + 1) & TIME;
            self.departed.tick();
        }
        let from = self.below(self.words.len().saturating_sub(LOOK) + 1);
        let seen = from..self.words.len().min(from + LOOK);
        for slot in seen.clone() {
            self.see(slot as Slot, marks);
        }
        if self.below(COUNTED as usize) == 0 {
            self.count(seen.clone());
        }
        self.unlearned += 1;
        if self.unlearned >= self.lesson {
            self.gittins.learn(self.len, self.unlearned);
            self.unlearned = 0;
            self.lesson = (2 * self.lesson).min(LESSON.max(self.len as u64 / 4));
        }
        let slot = self.poorest(seen, marks).or_else(|| self.next(from))?;
        let (class, age) = self.standing(slot)?;
        self.departed.put(self.prints[slot as usize], class, age, |class, age| self.gittins.worth(class, age));
        self.remove(slot);
        Some(slot)
    }

    fn insert(&mut self, slot: Slot, _: u64, hash: u64) {
        if self.words.len() <= slot as usize {
            self.words.resize(slot as usize + 1, 0);
            self.prints.resize(slot as usize + 1, 0);
        }
        debug_assert!(self.words[slot as usize] == 0, "a slot is inserted once");
        let print = print(hash);
        let uses = self.departed.take(print).map_or(1, |(class, age)| {
            self.gittins.used(class, age);
            faded(frequency(class), age) + 1
        });
        self.words[slot as usize] = word(uses, self.now);
        self.prints[slot as usize] = print;
        self.newest = slot;
        self.len += 1;
    }

    fn remove(&mut self, slot: Slot) {
        debug_assert!(self.words[slot as usize] != 0, "a slot is removed once");
        self.words[slot as usize] = 0;
        self.len -= 1;
    }
}

impl Tenure {
    /// Takes down whether `slot` was used since it was seen last.
    fn see(&mut self, slot: Slot, marks: &dyn Marks) {
        let there = self.words.get(slot as usize).is_some_and(|word| *word != 0);
        if !there || marks.get(slot) == 0 {
            return;
        }
        marks.set(slot, 0);
        let Some((class, age)) = self.standing(slot) else { return };
        self.gittins.used(class, age);
        // Uses within a tick count as one.
        if age > 0 {
            let uses = faded(self.words[slot as usize] >> 24, age) + 1;
            self.words[slot as usize] = word(uses, self.now);
        }
    }

    /// Counts how long the entries in `seen`, and as a sample of those who left a set of them, have waited for a use.
    fn count(&mut self, seen: std::ops::Range<usize>) {
        // Each stands for others that are not seen, and for the evictions that do not count.
        let weight = self.words.len() as f64 / seen.len() as f64 * COUNTED as f64;
        for slot in seen {
            if let Some((class, age)) = self.standing(slot as Slot) {
                self.gittins.waited(class, age, weight);
            }
        }
        let sets = self.departed.sets();
        if sets > 0 {
            let set = self.below(sets);
            for (class, age) in self.departed.of(set) {
                self.gittins.waited(class, age, (sets as u64 * COUNTED) as f64);
            }
        }
    }

    /// The slot worth least of those in `seen`, the newest, and the poor ones; if anybody is there.
    fn poorest(&mut self, seen: std::ops::Range<usize>, marks: &dyn Marks) -> Option<Slot> {
        for slot in self.poor.into_iter().chain([self.newest]) {
            self.see(slot, marks);
        }
        let mut worths = self.poor.map(|slot| self.worth(slot));
        let most =
            |worths: &[u32; POOR]| (1..POOR).fold(0, |most, at| if worths[at] > worths[most] { at } else { most });
        let mut richest = most(&worths);
        for slot in seen.map(|slot| slot as Slot).chain([self.newest]) {
            let worth = self.worth(slot);
            if worth < worths[richest] && !self.poor.contains(&slot) {
                (self.poor[richest], worths[richest]) = (slot, worth);
                richest = most(&worths);
            }
        }
        let least = (1..POOR).fold(0, |least, at| if worths[at] < worths[least] { at } else { least });
        (worths[least] < NOBODY).then_some(self.poor[least])
    }

    /// The first slot from `from` on with an entry: for a cache that was larger, and has few entries in many slots.
    fn next(&self, from: usize) -> Option<Slot> {
        let (before, behind) = self.words.split_at(from);
        let at = behind.iter().chain(before).position(|&word| word != 0)?;
        Some(((from + at) % self.words.len()) as Slot)
    }

    /// The class and the age of the entry in `slot`, if there is one.
    fn standing(&self, slot: Slot) -> Option<(u32, u32)> {
        let &word = self.words.get(slot as usize).filter(|word| **word != 0)?;
        Some((class(word >> 24), self.now.wrapping_sub(word) & TIME))
    }

    fn worth(&self, slot: Slot) -> u32 {
        self.standing(slot).map_or(NOBODY, |(class, age)| self.gittins.worth(class, age))
    }

    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: usize) -> usize {
        self.random = self.random.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(0x2545_f491_4f6c_dd1d);
        ((u128::from(self.random) * bound as u128) >> 64) as usize
    }
}

/// More than any worth.
const NOBODY: u32 = u32::MAX;

fn word(uses: u32, now: u32) -> u32 {
    uses.min(255) << 24 | now
}

/// What is left of a frequency after `age` ticks.
fn faded(frequency: u32, age: u32) -> u32 {
    frequency >> (age / HALVE).min(8)
}
