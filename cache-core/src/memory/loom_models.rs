//! Models of how readers without a lock and writers with it get along: every order of their steps with few changes of
//! thread, and every value that the memory model lets a load see. For each a planted bug that it must find.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p memolith-core --lib loom_models --target-dir target/loom`

use super::index::Index;
use super::limbo::{Limbo, Unlinked};
use super::slab::{Occupied, Slab};
use super::stripes::{Stripe, Stripes};
use crate::eviction::{Slot, Trace};
use crate::sync::{Mutex, plant, planted};
use loom::thread;
use std::any::type_name;
use std::process::Command;
use std::sync::Arc;

/// Changes of thread where none is needed.
const PREEMPTIONS: usize = 3;
/// Names the bug to plant, in a process of its own: a model that has failed cannot be taken down.
const BUG: &str = "MEMOLITH_PLANTED";

/// The model holds, and does not with any of `bugs`.
fn check<M: Fn() + Copy + Send + Sync + 'static>(model: M, bugs: &[&'static str]) {
    if let Ok(bug) = std::env::var(BUG) {
        plant(bugs.iter().find(|known| **known == bug).expect("a bug of this model"));
        return try_orders(model);
    }
    try_orders(model);
    let model = type_name::<M>().trim_end_matches("::{{closure}}");
    let (_, test) = model.split_once("::").expect("the crate's name comes first");
    for bug in bugs {
        let mut alone = Command::new(std::env::current_exe().expect("a test knows its program"));
        let run = alone.args(["--exact", test, "--nocapture"]).env(BUG, bug).output().expect("it starts again");
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(!run.status.success() && said.contains("panicked"), "the planted bug \"{bug}\" is not seen: {said}");
    }
}

fn try_orders(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(PREEMPTIONS);
    builder.max_branches = 20_000;
    builder.check(model);
}

/// As much of a memory tier as a hit and an eviction touch. All keys have one hash, so that they share a group.
struct Tier {
    index: Index,
    slab: Slab<u64, u64>,
    stripes: Stripes,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    occupied: Occupied,
    limbo: Limbo,
}

const HASH: u64 = 0x7700_0000_0000_0000;

impl Tier {
    /// With an entry for each key, in the slot of that number.
    fn new(keys: std::ops::Range<u64>) -> Self {
        let tier = Tier {
            index: Index::new(1),
            slab: Slab::new(8),
            stripes: Stripes::new(Trace::Nothing, 0),
            books: Mutex::new(Books { occupied: Occupied::default(), limbo: Limbo::new(1) }),
        };
        let mut books = tier.books.lock();
        for key in keys {
            tier.slab.put(&mut books.occupied, key as Slot, (key, 10 * key));
            tier.index.link(HASH, key as Slot);
        }
        drop(books);
        tier
    }

    /// The value of `key`.
    fn hit(&self, key: u64) -> Option<u64> {
        let read = |stripe: &Stripe| {
            let hazard = stripe.hazard()?;
            self.index.find(HASH, |place| {
                let opened = self.slab.open(hazard.protect(place.word())?);
                let (found, value) = *opened.entry();
                // What is read stays, from the first look to the last.
                assert_eq!((found, value), *opened.entry());
                (found == key).then_some(value)
            })
        };
        self.stripes.with_mine(|| self.books.lock(), read)
    }

    /// `gone` leaves, and `new` takes its slot as soon as nobody reads it, or one of its own.
    fn evict_and_put(&self, gone: Slot, new: u64) {
        let mut locked = self.books.lock();
        let Books { occupied, limbo } = &mut *locked;
        if planted("unlinked too late") {
            limbo.push(Unlinked::new(gone));
            limbo.sort(&self.stripes, || ());
            assert!(self.index.unlink(HASH, gone));
        } else {
            assert!(self.index.unlink(HASH, gone));
            limbo.push(Unlinked::new(gone));
            limbo.sort(&self.stripes, || ());
        }
        let mut slot = new as Slot;
        if let Some(unread) = limbo.pop() {
            slot = unread.slot();
            self.slab.take(occupied, unread);
        }
        self.slab.put(occupied, slot, (new, 10 * new));
        self.index.link(HASH, slot);
    }

    /// Whether an entry is found, which is in one of `slots`. For one thread, so that the models stay small.
    fn finds(&self, hash: u64, slots: [Slot; 2]) -> bool {
        let find = |stripe: &Stripe| {
            let hazard = stripe.hazard().expect("nothing else is read");
            let found = self
                .index
                .find(hash, |place| hazard.protect(place.word()).filter(|reading| slots.contains(&reading.slot())));
            found.is_some()
        };
        self.stripes.with_mine(|| (), find)
    }
}

#[test]
fn a_slot_that_is_read_is_not_emptied() {
    check(
        || {
            let tier = Arc::new(Tier::new(0..1));
            let reader = Arc::clone(&tier);
            let reader = thread::spawn(move || {
                assert!(matches!(reader.hit(0), None | Some(0)));
                assert!(matches!(reader.hit(3), None | Some(30)));
            });
            tier.evict_and_put(0, 3);
            reader.join().expect("a panic ends the model");
        },
        &["no fence", "no fence of the writer", "no second look", "unlinked too late"],
    );
}

#[test]
fn a_reading_is_over_for_who_sees_the_next() {
    check(
        || {
            let tier = Arc::new(Tier::new(0..2));
            let reader = Arc::clone(&tier);
            // It reads the first on its way to the second.
            let reader = thread::spawn(move || assert_eq!(reader.hit(1), Some(10)));
            tier.evict_and_put(0, 3);
            reader.join().expect("a panic ends the model");
        },
        &["hidden end", "no fence"],
    );
}

#[test]
fn two_readers_and_two_evictions() {
    check(
        || {
            let tier = Arc::new(Tier::new(0..2));
            let readers = [0, 1].map(|key| {
                let tier = Arc::clone(&tier);
                thread::spawn(move || assert!(tier.hit(key).is_none_or(|value| value == 10 * key)))
            });
            tier.evict_and_put(0, 3);
            tier.evict_and_put(1, 4);
            readers.into_iter().for_each(|reader| reader.join().expect("a panic ends the model"));
        },
        &["no fence", "no second look"],
    );
}

#[test]
fn who_stays_is_found_while_others_come_and_go() {
    check(
        || {
            let tier = Arc::new(Tier::new(0..0));
            tier.index.link(HASH, 0);
            tier.index.link(HASH, 1);
            let reader = Arc::clone(&tier);
            let reader = thread::spawn(move || assert!(reader.finds(HASH, [1, 5])));
            assert!(tier.index.unlink(HASH, 0));
            tier.index.link(HASH, 3);
            // Another value takes the place of the one that is looked for.
            let place = tier.index.find(HASH, |place| (place.slot() == 1).then_some(place));
            place.expect("it was linked").replace(5);
            tier.index.link(HASH, 4);
            reader.join().expect("a panic ends the model");
        },
        &["replaced in two steps"],
    );
}

#[test]
fn who_stays_is_found_while_the_index_grows() {
    check(
        || {
            let tier = Arc::new(Tier::new(0..0));
            let hash_of = |slot: Slot| HASH << (slot % 2) | u64::from(slot);
            (0..4).for_each(|slot| tier.index.link(hash_of(slot), slot));
            let reader = Arc::clone(&tier);
            let reader = thread::spawn(move || {
                assert!(!reader.index.is_absent(hash_of(3)));
                assert!(reader.finds(hash_of(3), [3, 3]));
            });
            // The first makes more groups, the second moves those who are there.
            tier.index.grow(4, hash_of);
            tier.index.grow(4, hash_of);
            tier.index.link(hash_of(4), 4);
            reader.join().expect("a panic ends the model");
        },
        &["stale way", "freed before it is linked", "no look at what has grown", "looked too early"],
    );
}

#[test]
fn every_logged_hit_is_told_once_and_in_order() {
    check(
        || {
            let tier = Arc::new((Stripes::new(Trace::Log, 0), Mutex::new(Vec::new())));
            let tell = |tier: &(Stripes, Mutex<Vec<Slot>>)| {
                let mut told = tier.1.lock();
                tier.0.all().for_each(|stripe| stripe.tell(|slot| told.push(slot)));
            };
            let hitting = Arc::clone(&tier);
            let hitting = thread::spawn(move || {
                let hit = |stripe: &Stripe, slot| {
                    if !stripe.log(slot) {
                        tell(&hitting);
                        assert!(stripe.log(slot));
                    }
                };
                hitting.0.with_mine(|| hitting.1.lock(), |stripe| (1..5).for_each(|slot| hit(stripe, slot)));
            });
            tell(&tier);
            hitting.join().expect("a panic ends the model");
            tell(&tier);
            assert_eq!(*tier.1.lock(), [1, 2, 3, 4]);
        },
        &["told too early", "logged too early"],
    );
}
