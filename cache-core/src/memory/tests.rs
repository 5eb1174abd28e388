//! The memory tier as a whole: what is exact stays exact in the corners of its machinery.

use super::{Bounds, Life, Memory, NEVER};
use crate::eviction::Policy;
use crate::key::{Key, Value};
use std::cell::Cell;
use std::hash::{BuildHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};
use std::thread;

fn bounds(maxsize: Option<usize>) -> Bounds {
    Bounds { maxsize, max_weight: None, policy: Policy::Lru, tti: None }
}

fn memory<K: Key, V: Value>(maxsize: Option<usize>) -> Memory<K, V> {
    Memory::new(bounds(maxsize), Default::default(), None, 7)
}

impl<K: Key, V: Value> Memory<K, V> {
    fn hash_one(&self, key: &K) -> u64 {
        self.hasher.hash_one(key)
    }

    fn set(&self, key: K, value: V) {
        let (hash, mut exchange) =
            (self.hash_one(&key), self.exchange(Life { now: 0, due: NEVER, limit: NEVER, weight: 0 }));
        exchange.new = Some((key, value));
        self.insert(hash, &mut exchange);
    }

    fn ask(&self, key: &K) -> Option<V> {
        self.get(self.hash_one(key), key, || 0)
    }
}

#[test]
fn a_large_cache_of_plain_values_is_cleared() {
    let memory = memory::<u64, u64>(Some(10_000));
    (0..10_000).for_each(|key| memory.set(key, key));
    drop(memory.clear(|| {}));
    assert_eq!(memory.len(|| 0), 0);
    assert_eq!(memory.ask(&1), None);
}

#[test]
fn an_insertion_is_later_than_however_many_hits_before_it() {
    for hits in [100, 32_766, 32_767, 32_768, 65_535, 65_536, 70_000, 98_303, 131_073] {
        let memory = memory::<u64, u64>(Some(2));
        memory.set(1, 1);
        memory.set(2, 2);
        (0..hits).for_each(|_| assert_eq!(memory.ask(&1), Some(1)));
        memory.set(3, 3);
        memory.set(4, 4);
        assert_eq!(memory.ask(&1), None, "after {hits} hits");
        assert_eq!(memory.ask(&3), Some(3), "after {hits} hits");
    }
}

#[test]
fn who_is_moved_while_a_predicate_looks_is_seen() {
    let memory = memory::<u64, u64>(None);
    (0..300).for_each(|key| memory.set(key, 1));
    let mut more = 1_000..5_000;
    let (removed, _departed) = memory.remove_if(0, |_, value| {
        // The index grows while it is walked through.
        more.by_ref().take(100).for_each(|key| memory.set(key, 2));
        *value == 1
    });
    assert_eq!(removed, 300);
    assert!((0..300).all(|key| memory.ask(&key).is_none()));
}

thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
}

/// A key whose hash panics when it is told to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Bomb(u64);

impl Hash for Bomb {
    fn hash<H: Hasher>(&self, state: &mut H) {
        assert!(!(ARMED.get() && self.0 == 3), "told to");
        self.0.hash(state);
    }
}

#[test]
fn a_key_that_cannot_be_hashed_any_more_harms_nobody_else() {
    let memory = memory::<Bomb, u64>(None);
    (0..1_000).for_each(|key| memory.set(Bomb(key), key));
    ARMED.set(true);
    let others = |memory: &Memory<Bomb, u64>, keys: std::ops::Range<u64>| {
        keys.filter(|key| *key != 3).filter(|key| memory.ask(&Bomb(*key)) == Some(*key)).count()
    };
    let done = catch_unwind(AssertUnwindSafe(|| {
        (1_000..5_000).for_each(|key| memory.set(Bomb(key), key));
        assert_eq!(others(&memory, 0..5_000), 4_999);
        drop(memory.set_maxsize(Some(100), || 0, || ()));
        (5_000..5_100).for_each(|key| memory.set(Bomb(key), key));
    }));
    ARMED.set(false);
    assert!(done.is_ok());
    assert_eq!(others(&memory, 5_000..5_100), 100);
    assert_eq!(memory.len(|| 0), 100);
}

/// A value that does as it is told when it is copied.
struct Rude {
    _alive: Arc<()>,
    clone: fn(),
}

impl Clone for Rude {
    fn clone(&self) -> Self {
        (self.clone)();
        Rude { _alive: Arc::clone(&self._alive), clone: self.clone }
    }
}

#[test]
fn a_reading_that_panics_is_over() {
    let (memory, alive) = (memory::<u64, Rude>(Some(10)), Arc::new(()));
    memory.set(1, Rude { _alive: Arc::clone(&alive), clone: || panic!("told to") });
    for _ in 0..10 {
        assert!(catch_unwind(AssertUnwindSafe(|| memory.ask(&1))).is_err());
        assert!(catch_unwind(AssertUnwindSafe(|| memory.remove_if(0, |_, _| panic!("told to")))).is_err());
    }
    // Another thread's stripe, so that nothing is taken for unread unseen.
    thread::scope(|scope| _ = scope.spawn(|| memory.ask(&2).is_none()).join());
    drop(memory.remove(memory.hash_one(&1), &1, || 0));
    assert_eq!(Arc::strong_count(&alive), 1, "somebody seems to read it still");
}

#[test]
fn a_copy_that_reads_and_changes_its_own_cache_ends() {
    static SHARED: LazyLock<Memory<u64, Rude>> = LazyLock::new(|| memory(Some(4)));
    thread_local! {
        static DEPTH: Cell<u64> = const { Cell::new(0) };
    }
    fn read_again() {
        DEPTH.set(DEPTH.get() + 1);
        if DEPTH.get() < 20 {
            _ = SHARED.ask(&1);
        }
        (100..110).for_each(|key| SHARED.set(key, Rude { _alive: Arc::default(), clone: || () }));
    }
    let alive = Arc::new(());
    SHARED.set(1, Rude { _alive: Arc::clone(&alive), clone: read_again });
    let copy = SHARED.ask(&1);
    assert!(copy.is_some());
    assert!((4..20).contains(&DEPTH.get()), "{} reads within reads", DEPTH.get());
    // It was evicted while it was read, and is dropped when others need its slot.
    assert!(SHARED.ask(&1).is_none());
    drop(copy);
    (200..400).for_each(|key| SHARED.set(key, Rude { _alive: Arc::default(), clone: || () }));
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn values_that_are_large_take_no_memory_before_they_come() {
    let memory = memory::<u64, [u8; 1 << 16]>(Some(usize::MAX));
    (0..3_000).step_by(1_000).for_each(|key| memory.set(key, [key as u8; 1 << 16]));
    assert_eq!(memory.ask(&2_000), Some([2_000_u64 as u8; 1 << 16]));
}

#[test]
fn who_evicts_has_few_stamps_to_look_at_however_many_threads_there_were() {
    const THREADS: u64 = 200;
    let memory = memory::<u64, u64>(Some(1_000));
    (0..1_000).for_each(|key| memory.set(key, key));
    let together = std::sync::Barrier::new(THREADS as usize);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (memory, together) = (&memory, &together);
            scope.spawn(move || {
                assert_eq!(memory.ask(&thread), Some(thread));
                together.wait();
            });
        }
    });
    assert!(memory.stripes.all().count() >= THREADS as usize);
    assert!(memory.stripes.all().filter(|stripe| stripe.has_stamps()).count() <= 64);
    // They were all used later than the others.
    (1_000..1_800).for_each(|key| memory.set(key, key));
    assert!((0..THREADS).all(|key| memory.ask(&key) == Some(key)));
    assert!((THREADS..1_000).all(|key| memory.ask(&key).is_none()));
}

#[test]
fn a_cache_that_grew_waits_for_as_few_fences_as_one_built_so() {
    let most = |memory: &Memory<u64, u64>| memory.table.0.lock().limbo.most();
    let built = memory(Some(100_000));
    let grown = memory(Some(1));
    drop(grown.set_maxsize(Some(100_000), || 0, || {}));
    assert_eq!(most(&grown), most(&built));
    drop(grown.set_maxsize(Some(2), || 0, || {}));
    assert_eq!(most(&grown), 1);
}
