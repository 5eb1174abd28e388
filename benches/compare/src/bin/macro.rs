//! Hits of memoized functions: 1,000 keys in use, Zipf(0.99), room for 2,000.

use cached::macros::{cached, concurrent_cached};
use compare::{Entrant, Options, Pair, Report, Role, Stream, Work, text_key, zipf};
use hashbrown::HashMap;
use memoize::memoize;
use memolith::backends::Sqlite;
use memolith::lru_cache;
use std::convert::Infallible;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

/// More than there are keys: sharded caches evict before they are full.
const ROOM: usize = 2_000;
const KEYS: usize = 1_000;

type Quick<K, V> = LazyLock<quick_cache::sync::Cache<K, V>>;
type Moka<K, V> = LazyLock<moka::sync::Cache<K, V>>;

fn main() {
    let options = Options::from_args("macro");
    let mut report = Report::new("macro", &options);
    let bytes = "Keys of 16 bytes, values of 64 bytes.";
    for (title, note, entrants) in [
        ("`fn(u64) -> u64`", "1,000 keys, Zipf(0.99), room for 2,000: so it is in all of these.".to_owned(), numbers()),
        (
            "`fn(u64) -> u64` with a backend",
            "All hits in memory; before a file each looks for what other processes have removed.".to_owned(),
            backed(),
        ),
        ("`fn(&str) -> String`", bytes.to_owned(), texts()),
        (
            "`fn(&str) -> Arc<str>`",
            format!("{bytes}\nThe threads share the counts of the Arcs, in the floor too."),
            shared(),
        ),
    ] {
        let pair = Pair::run(&options, &entrants);
        report.plotted(title, &note, (&pair.table(), &pair.chart()));
    }
    let _ = std::fs::remove_dir_all(place());
    report.save();
}

/// Calls `call` with every key of the stream; each thread gets a `call` of its own from `make`.
fn entrant<K, V, F>(name: &str, role: Role, keys: &Arc<[K]>, make: impl Fn() -> F + 'static) -> Entrant<'static>
where
    K: Send + Sync + 'static,
    F: FnMut(&K) -> V + Send + 'static,
{
    let keys = Arc::clone(keys);
    Entrant::new(name, role, move |thread| {
        let (mut call, mut stream) = (make(), Stream::new(&keys, thread));
        let work = move |times| stream.each(times, |key| drop(black_box(call(black_box(key)))));
        Box::new(work) as Work<'static>
    })
}

/// The floor: a map of the thread's own, filled beforehand, and a clone.
fn bare<V: Clone>(map: &HashMap<Box<str>, V>, key: &str) -> V {
    map.get(key).expect("every key is there").clone()
}

mod number {
    use super::*;

    #[lru_cache(maxsize = 2_000)]
    pub(super) fn lru(n: u64) -> u64 {
        n * n
    }

    #[lru_cache(maxsize = 2_000, policy = Sieve)]
    pub(super) fn sieve(n: u64) -> u64 {
        n * n
    }

    #[cached(max_size = 2_000)]
    pub(super) fn locked(n: u64) -> u64 {
        n * n
    }

    #[concurrent_cached(max_size = 2_000)]
    pub(super) fn sharded(n: u64) -> u64 {
        n * n
    }

    #[memoize(Capacity: 2_000)]
    pub(super) fn local(n: u64) -> u64 {
        n * n
    }

    static QUICK: Quick<u64, u64> = LazyLock::new(|| quick_cache::sync::Cache::new(ROOM));
    static MOKA: Moka<u64, u64> = LazyLock::new(|| moka::sync::Cache::new(ROOM as u64));

    pub(super) fn quick(n: u64) -> u64 {
        let Ok(value) = QUICK.get_or_insert_with(&n, || Ok::<_, Infallible>(n * n));
        value
    }

    pub(super) fn moka(n: u64) -> u64 {
        MOKA.get_with(n, || n * n)
    }
}

fn numbers() -> Vec<Entrant<'static>> {
    let keys: Arc<[u64]> = zipf(KEYS, 0.99, 16_384).into();
    let map: HashMap<u64, u64> = (0..KEYS as u64).map(|n| (n, n * n)).collect();
    vec![
        entrant("hashbrown, one for each thread", Role::Floor, &keys, move || {
            let map = map.clone();
            move |key| *map.get(key).expect("every key is there")
        }),
        entrant("the body, not memoized", Role::Other, &keys, || |n| n * n),
        entrant("#[lru_cache]", Role::Ours, &keys, || |&n| number::lru(n)),
        entrant("#[lru_cache(policy = Sieve)]", Role::Ours, &keys, || |&n| number::sieve(n)),
        entrant("quick_cache in a LazyLock", Role::Peer, &keys, || |&n| number::quick(n)),
        entrant("moka in a LazyLock", Role::Peer, &keys, || |&n| number::moka(n)),
        entrant("#[cached]", Role::Peer, &keys, || |&n| number::locked(n)),
        entrant("#[concurrent_cached]", Role::Peer, &keys, || |&n| number::sharded(n)),
        entrant("#[memoize], one for each thread", Role::Other, &keys, || |&n| number::local(n)),
    ]
}

mod before {
    use super::*;

    #[lru_cache(maxsize = 2_000, memory = 2_000, backend = "sqlite::memory:")]
    pub(super) fn alone(n: u64) -> u64 {
        n * n
    }

    #[lru_cache(maxsize = 2_000, memory = 2_000, backend = Sqlite::open(place().join("cache.db")))]
    pub(super) fn file(n: u64) -> u64 {
        n * n
    }
}

/// The directory of the file of this run.
fn place() -> PathBuf {
    std::env::temp_dir().join(format!("memolith-macro-{}", std::process::id()))
}

fn backed() -> Vec<Entrant<'static>> {
    let keys: Arc<[u64]> = zipf(KEYS, 0.99, 16_384).into();
    // What is missed is written to the file, which is not what is raced here.
    keys.iter().for_each(|&n| _ = (before::alone(n), before::file(n)));
    vec![
        entrant("#[lru_cache]", Role::Floor, &keys, || |&n| number::lru(n)),
        entrant("#[lru_cache(backend = \"sqlite::memory:\")]", Role::Ours, &keys, || |&n| before::alone(n)),
        entrant("#[lru_cache(backend = \"sqlite:PATH\")]", Role::Ours, &keys, || |&n| before::file(n)),
    ]
}

mod text {
    use super::*;

    #[lru_cache(maxsize = 2_000)]
    pub(super) fn lru(key: &str) -> String {
        key.repeat(4)
    }

    #[lru_cache(maxsize = 2_000, policy = Sieve)]
    pub(super) fn sieve(key: &str) -> String {
        key.repeat(4)
    }

    #[cached(max_size = 2_000, key = "String", convert = { key.to_owned() })]
    pub(super) fn locked(key: &str) -> String {
        key.repeat(4)
    }

    #[concurrent_cached(max_size = 2_000, key = "String", convert = { key.to_owned() })]
    pub(super) fn sharded(key: &str) -> String {
        key.repeat(4)
    }

    #[memoize(Capacity: 2_000)]
    pub(super) fn local(key: String) -> String {
        key.repeat(4)
    }

    static QUICK: Quick<String, String> = LazyLock::new(|| quick_cache::sync::Cache::new(ROOM));
    static MOKA: Moka<String, String> = LazyLock::new(|| moka::sync::Cache::new(ROOM as u64));

    pub(super) fn quick(key: &str) -> String {
        let Ok(value) = QUICK.get_or_insert_with(key, || Ok::<_, Infallible>(key.repeat(4)));
        value
    }

    pub(super) fn moka(key: &str) -> String {
        MOKA.get_with_by_ref(key, || key.repeat(4))
    }
}

fn texts() -> Vec<Entrant<'static>> {
    let (keys, map) = strings(|key| key.repeat(4));
    vec![
        entrant("hashbrown and a clone, one for each thread", Role::Floor, &keys, move || {
            let map = map.clone();
            move |key: &String| bare(&map, key)
        }),
        entrant("#[lru_cache]", Role::Ours, &keys, || |key: &String| text::lru(key)),
        entrant("#[lru_cache(policy = Sieve)]", Role::Ours, &keys, || |key: &String| text::sieve(key)),
        entrant("quick_cache in a LazyLock", Role::Peer, &keys, || |key: &String| text::quick(key)),
        entrant("moka in a LazyLock", Role::Peer, &keys, || |key: &String| text::moka(key)),
        entrant("#[cached], key cloned", Role::Peer, &keys, || |key: &String| text::locked(key)),
        entrant("#[concurrent_cached], key cloned", Role::Peer, &keys, || |key: &String| text::sharded(key)),
        entrant("#[memoize], key cloned, one for each thread", Role::Other, &keys, || {
            |key: &String| text::local(key.clone())
        }),
    ]
}

mod arc {
    use super::*;

    #[lru_cache(maxsize = 2_000)]
    pub(super) fn lru(key: &str) -> Arc<str> {
        key.repeat(4).into()
    }

    #[lru_cache(maxsize = 2_000, policy = Sieve)]
    pub(super) fn sieve(key: &str) -> Arc<str> {
        key.repeat(4).into()
    }

    #[concurrent_cached(max_size = 2_000, key = "String", convert = { key.to_owned() })]
    pub(super) fn sharded(key: &str) -> Arc<str> {
        key.repeat(4).into()
    }

    static QUICK: Quick<String, Arc<str>> = LazyLock::new(|| quick_cache::sync::Cache::new(ROOM));
    static MOKA: Moka<String, Arc<str>> = LazyLock::new(|| moka::sync::Cache::new(ROOM as u64));

    pub(super) fn quick(key: &str) -> Arc<str> {
        let Ok(value) = QUICK.get_or_insert_with(key, || Ok::<_, Infallible>(key.repeat(4).into()));
        value
    }

    pub(super) fn moka(key: &str) -> Arc<str> {
        MOKA.get_with_by_ref(key, || key.repeat(4).into())
    }
}

fn shared() -> Vec<Entrant<'static>> {
    let (keys, map) = strings(|key| Arc::<str>::from(key.repeat(4)));
    vec![
        entrant("hashbrown and a clone", Role::Floor, &keys, move || {
            let map = map.clone();
            move |key: &String| bare(&map, key)
        }),
        entrant("#[lru_cache]", Role::Ours, &keys, || |key: &String| arc::lru(key)),
        entrant("#[lru_cache(policy = Sieve)]", Role::Ours, &keys, || |key: &String| arc::sieve(key)),
        entrant("quick_cache in a LazyLock", Role::Peer, &keys, || |key: &String| arc::quick(key)),
        entrant("moka in a LazyLock", Role::Peer, &keys, || |key: &String| arc::moka(key)),
        entrant("#[concurrent_cached], key cloned", Role::Peer, &keys, || |key: &String| arc::sharded(key)),
    ]
}

/// The stream of keys, and a map that holds them all.
fn strings<V>(value: impl Fn(&str) -> V) -> (Arc<[String]>, HashMap<Box<str>, V>) {
    let key = |number| text_key(number, 16);
    let map = (0..KEYS as u64).map(key).map(|key| (key.as_str().into(), value(&key))).collect();
    (zipf(KEYS, 0.99, 16_384).into_iter().map(key).collect(), map)
}
