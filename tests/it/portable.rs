//! Spaces that programs with other types, and in other languages, share.

#![expect(clippy::unwrap_used, reason = "tests")]

use memolith::__private::{PortableKey, PortableKeyRef, StoredKey, look, look_near, look_on, portable, visit};
use memolith::backends::Memory;
use memolith::{
    Backend, Cache, Cbor, Codec, Error, Json, Lookup, MessagePack, Portable, Record, Space, Timestamp, Visit, lru_cache,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a space holds, keys as they are stored.
fn keys(backend: &Memory, space: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut show = |key: &[u8], _: &Record| {
        keys.push(hex(key));
        Visit::Keep
    };
    backend.scan(&Space::new(space), Timestamp::from_micros(0), &mut show).unwrap();
    keys.sort();
    keys
}

/// As the shim for Python would have it: `(text, number)`.
fn arguments(text: &str, number: i128) -> Vec<u8> {
    let mut key = Vec::new();
    portable::tuple(&mut key, 2);
    portable::text(&mut key, text);
    portable::int(&mut key, number);
    key
}

fn shared<K, V>(backend: &Arc<Memory>, codec: impl Codec<V>) -> Cache<K, V>
where
    K: StoredKey,
    V: memolith::Value,
{
    Cache::builder().memory(0).backend(Arc::clone(backend), "f@v:1", codec).build()
}

/// The bytes that `write` appends.
fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

#[test]
fn the_examples_in_the_document_are_what_is_written() {
    let int = |n| written(|out| portable::int(out, n));
    let text = |text| written(|out| portable::text(out, text));
    let tuple = |parts: &[Vec<u8>]| {
        written(|out| {
            portable::tuple(out, parts.len());
            parts.iter().for_each(|part| out.extend_from_slice(part));
        })
    };
    let date = || {
        let mut date = written(|out| portable::extension(out, "datetime.date"));
        date.extend(tuple(&[int(2026), int(11), int(21)]));
        date
    };
    let examples = [
        ("`()`", tuple(&[])),
        ("`(\"a\", 3)`", tuple(&[text("a"), int(3)])),
        ("`(-1, 300)`", tuple(&[int(-1), int(300)])),
        ("`(true, none)`", tuple(&[int(1), written(portable::none)])),
        ("`(1.0, 1.5)`", tuple(&[written(|out| portable::float(out, 1.0)), written(|out| portable::float(out, 1.5))])),
        ("`(2^64,)`", tuple(&[int(1 << 64)])),
        ("`(-2^64 - 1,)`", tuple(&[int(-(1 << 64) - 1)])),
        ("`\"ä€\"`", text("ä€")),
        ("bytes 0 and 255", written(|out| portable::bytes(out, &[0, 255]))),
        ("list of 3", [written(|out| portable::list(out, 1)), int(3)].concat()),
        ("set of -1, 300 and 2", written(|out| portable::set(out, vec![int(-1), int(300), int(2)]))),
        (
            "dictionary a: 3, c: 2, bb: 1",
            written(|out| {
                portable::dict(out, vec![(text("a"), int(3)), (text("c"), int(2)), (text("bb"), int(1))]);
            }),
        ),
        ("extension `datetime.date` of `(2026, 11, 21)`", date()),
    ];
    let document = include_str!("../../docs/portable.md");
    let rows = document.lines().skip_while(|line| *line != "| key | bytes |").skip(2);
    let rows: Vec<_> = rows.take_while(|line| line.starts_with('|')).collect();
    let expected: Vec<_> = examples.map(|(key, bytes)| format!("| {key} | `{}` |", hex(&bytes))).into();
    assert_eq!(rows, expected);
}

#[test]
fn what_one_type_stored_another_finds() {
    let backend = Arc::new(Memory::new());
    let narrow: Cache<(String, u8), Vec<u8>> = shared(&backend, Portable(MessagePack));
    let wide: Cache<(char, i64), Vec<Option<i64>>> = shared(&backend, Portable(MessagePack));
    narrow.insert(("a".into(), 3), vec![1, 2]);
    assert_eq!(wide.get(&('a', 3)), Some(vec![Some(1), Some(2)]));
    wide.insert(('b', -1), vec![None]);
    assert_eq!(keys(&backend, "f@v:1#portable"), ["82616103", "82616220"]);
    assert_eq!((narrow.info().errors, wide.info().errors), (0, 0));
    let apart: Cache<(String, u8), Vec<u8>> = shared(&backend, MessagePack);
    assert_eq!(apart.get(&("a".into(), 3)), None, "the same name with a codec that is not portable");
}

#[test]
fn a_value_of_another_shape_is_a_miss() {
    fn missed(codec: impl Codec<Vec<String>> + Codec<HashMap<String, i32>> + Codec<u8> + Codec<u64> + Copy) {
        let backend = Arc::new(Memory::new());
        let texts: Cache<(u8,), Vec<String>> = shared(&backend, codec);
        let maps: Cache<(u8,), HashMap<String, i32>> = shared(&backend, codec);
        let (short, long): (Cache<(u8,), u8>, Cache<(u8,), u64>) = (shared(&backend, codec), shared(&backend, codec));
        texts.insert((1,), vec!["a".into()]);
        assert_eq!(maps.get(&(1,)), None);
        assert_eq!((maps.info().errors, maps.info().misses), (1, 1));
        let map = HashMap::from([("a".into(), 1)]);
        assert_eq!(maps.get_or_insert_with(&(1,), || map.clone()), map);
        assert_eq!(maps.get(&(1,)), Some(map));
        assert_eq!(texts.get(&(1,)), None);
        long.insert((2,), 300);
        assert_eq!(short.get(&(2,)), None);
        long.insert((2,), 255);
        assert_eq!(short.get(&(2,)), Some(255));
    }
    missed(Portable(MessagePack));
    missed(Portable(Json));
    missed(Portable(Cbor));
}

#[test]
fn the_codec_is_told_from_others() {
    let backend = Arc::new(Memory::new());
    shared::<(u8,), u64>(&backend, Portable(Json)).insert((1,), 7);
    let other: Cache<(u8,), u64> = shared(&backend, Portable(Cbor));
    assert_eq!((other.get(&(1,)), other.info().errors), (None, 1));
}

#[test]
fn a_key_without_a_form_stays_in_memory() {
    let backend = Arc::new(Memory::new());
    let cache: Cache<(Option<Option<u8>>,), u8> =
        Cache::builder().backend(Arc::clone(&backend), "f@v:1", Portable(Json)).build();
    assert_eq!(cache.get_or_insert_with(&(Some(None),), || 7), 7);
    assert_eq!(cache.get_or_insert_with(&(None,), || 8), 8);
    assert_eq!(cache.get(&(Some(None),)), Some(7));
    assert!(cache.info().errors > 0);
    assert_eq!(keys(&backend, "f@v:1#portable"), ["81f6"]);
}

static STORE: LazyLock<Arc<Memory>> = LazyLock::new(Arc::default);
static CALLS: AtomicUsize = AtomicUsize::new(0);

#[lru_cache(backend = STORE.clone(), memory = 0, name = "size", version = "2", codec = Portable(MessagePack))]
fn size(name: &str, x: u32) -> BTreeMap<String, u32> {
    CALLS.fetch_add(1, Relaxed);
    BTreeMap::from([(name.to_owned(), x)])
}

#[lru_cache(backend = STORE.clone(), memory = 0, name = "none", version = "2", codec = Portable(MessagePack))]
fn none() -> u8 {
    7
}

#[test]
fn a_function_is_called_by_the_arguments_that_others_write() {
    size("a", 3);
    assert_eq!(keys(&STORE, "size@v:2#portable"), ["82616103"]);
    assert_eq!(none(), 7);
    assert_eq!(keys(&STORE, "none@v:2#portable"), ["80"], "no argument is a tuple of none");

    let theirs: Cache<PortableKey, BTreeMap<String, u32>> =
        Cache::builder().backend(STORE.clone(), "size@v:2", Portable(MessagePack)).build();
    assert_eq!(theirs.get(&PortableKeyRef(&arguments("a", 3))), Some(size("a", 3)));
    theirs.insert(PortableKey::new(arguments("b", 4)), BTreeMap::new());
    assert_eq!(size("b", 4), BTreeMap::new());
    assert_eq!(CALLS.load(Relaxed), 1);
}

#[test]
fn a_look_that_does_not_wait_counts_hits_alone() {
    for memory in [0, 10] {
        let cache =
            Cache::<PortableKey, u64>::builder().memory(memory).backend(Memory::new(), "f@v:1", Portable(Cbor)).build();
        let bytes = arguments("a", 1);
        let key = PortableKeyRef(&bytes);
        let Err(hash) = look(&cache, &key) else { panic!("nothing is there") };
        assert_eq!(look_near(&cache, hash, &key), None);
        assert_eq!((cache.info().hits, cache.info().misses), (0, 0));
        let Lookup::Miss(lease) = look_on(&cache, hash, &key) else { panic!("nothing is there") };
        // Others compute it, and are not waited for.
        assert_eq!(look_near(&cache, hash, &key), None);
        lease.fill(7);
        let found = match look(&cache, &key) {
            Ok(held) => Some(held.value()),
            Err(hash) => look_near(&cache, hash, &key).or_else(|| cache.get(&key)),
        };
        assert_eq!(found, Some(7));
        assert_eq!((cache.info().hits, cache.info().misses), (1, 1));
    }
}

#[test]
fn all_entries_are_shown_and_stay() {
    let cache = Cache::<PortableKey, u64>::builder().backend(Memory::new(), "f@v:1", Portable(Cbor)).build();
    for n in 0..3 {
        cache.insert(PortableKey::new(arguments("a", n)), n as u64);
    }
    let long = "x".repeat(1_000);
    cache.insert(PortableKey::new(arguments(&long, 9)), 9);
    for _ in 0..2 {
        let mut shown = Vec::new();
        visit(&cache, &mut |key: Option<&PortableKey>, value| {
            shown.push((*value, key.map(|key| key.bytes().to_vec())));
        })
        .unwrap();
        shown.sort();
        let mut expected: Vec<_> = (0..3).map(|n| (n as u64, Some(arguments("a", n)))).collect();
        expected.push((9, None));
        assert_eq!(shown, expected);
        assert_eq!(cache.get(&PortableKeyRef(&arguments(&long, 9))), Some(9));
    }
    let in_memory = Cache::<u8, u8>::builder().build();
    in_memory.insert(1, 1);
    visit(&in_memory, &mut |_, _| panic!("no backend holds it")).unwrap();
}

#[test]
fn what_cannot_be_listed_says_so() {
    #[derive(Debug)]
    struct Mute;
    impl Backend for Mute {
        fn open(&self, _: &Space) -> memolith::Result<()> {
            Ok(())
        }
        fn get(&self, _: &Space, _: &[u8], _: Timestamp) -> memolith::Result<Option<Record>> {
            Ok(None)
        }
        fn put(&self, _: &Space, _: &[u8], _: &Record, _: Timestamp) -> memolith::Result<()> {
            Ok(())
        }
        fn remove(&self, _: &Space, _: &[u8]) -> memolith::Result<bool> {
            Ok(false)
        }
        fn clear(&self, _: &Space) -> memolith::Result<()> {
            Ok(())
        }
        fn len(&self, _: &Space) -> memolith::Result<u64> {
            Ok(0)
        }
    }
    let cache = Cache::<PortableKey, u64>::builder().backend(Mute, "f", Portable(Cbor)).build();
    let kind = visit(&cache, &mut |_, _| ()).map_err(|error: Error| error.kind());
    assert_eq!(kind, Err(memolith::ErrorKind::Unsupported));
}
