//! What a hit costs the allocator: nothing, for borrowed arguments and values that clone without it.
#![expect(unsafe_code, reason = "a global allocator that counts")]

use memolith::lru_cache;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

thread_local!(static COUNT: Cell<u64> = const { Cell::new(0) });

struct Counting;

// SAFETY: every call is passed on to the system's allocator as it came; the counter allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller guarantees what `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller guarantees what `System` asks for, and `pointer` came from it.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often this thread allocated during `call`.
fn allocations<T>(call: impl FnOnce() -> T) -> u64 {
    let before = COUNT.get();
    let value = call();
    let after = COUNT.get();
    drop(value);
    after - before
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Name(String);

#[lru_cache]
fn length(name: &str, numbers: &[u64], extra: Option<&str>, id: u64) -> usize {
    name.len() + numbers.len() + extra.map_or(0, str::len) + usize::try_from(id).unwrap_or(0)
}

#[lru_cache]
fn shared(name: &Name, owned: Vec<u8>) -> Arc<str> {
    Arc::from(format!("{} {}", name.0, owned.len()))
}

#[lru_cache]
fn fallible(name: &str) -> Result<usize, String> {
    if name.is_empty() { Err("empty".to_string()) } else { Ok(name.len()) }
}

#[lru_cache]
fn generic<T: memolith::Key>(values: &[T]) -> usize {
    values.len()
}

#[lru_cache(key = (x.to_bits(), name.len()))]
fn keyed(x: f64, name: &str) -> f64 {
    x + name.len() as f64
}

#[lru_cache]
async fn later(name: &str) -> usize {
    name.len()
}

impl Name {
    #[lru_cache]
    fn plus(&self, other: &str) -> usize {
        self.0.len() + other.len()
    }
}

#[test]
fn a_hit_allocates_nothing() {
    let (name, numbers) = (Name("a name of more than a few bytes, so that it lies on the heap".to_string()), [1, 2, 3]);
    let text = name.0.as_str();
    let owned = || Vec::<u8>::new();
    let call = || {
        (
            length(text, &numbers, Some(text), 4),
            shared(&name, owned()),
            fallible(text),
            generic(&numbers),
            keyed(1.5, text),
            name.plus(text),
        )
    };
    assert!(allocations(call) > 0, "the first call fills the caches");
    assert_eq!(allocations(call), 0);
    assert_eq!(allocations(|| (length::get(text, &numbers, Some(text), 4), fallible::get(text))), 0);
}

#[test]
fn an_asynchronous_hit_allocates_nothing() {
    let text = "some text";
    let poll = || {
        let mut future = std::pin::pin!(later(text));
        let mut task = std::task::Context::from_waker(std::task::Waker::noop());
        future.as_mut().poll(&mut task)
    };
    assert!(poll().is_ready());
    assert_eq!(allocations(poll), 0);
}

#[test]
fn who_leaves_with_a_listener_allocates_nothing() {
    let value: Arc<str> = Arc::from("a value that is dropped");
    let told = Arc::new(AtomicU64::new(0));
    let tells = Arc::clone(&told);
    let listener = move |_: &u64, value: &Arc<str>, _| _ = tells.fetch_add(value.len() as u64, Relaxed);
    let cache = memolith::Cache::<u64, Arc<str>>::builder().maxsize(100).on_evict(listener).build();
    (0..1_000).for_each(|key| cache.insert(key, Arc::clone(&value)));
    let steady = allocations(|| (1_000..2_000).for_each(|key| cache.insert(key, Arc::clone(&value))));
    assert_eq!(steady, 0);
    assert_eq!(told.load(Relaxed), 1_900 * value.len() as u64);
}
