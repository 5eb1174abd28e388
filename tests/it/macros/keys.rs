//! Which calls share a result: argument types, patterns, `skip`, `key`.

use memolith::{Cache, lru_cache};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Id(u64);

#[lru_cache]
fn owned(id: Id, name: String, pair: (u8, bool), list: Vec<i8>, array: [u16; 2]) -> String {
    format!("{id:?} {name} {pair:?} {list:?} {array:?}")
}

#[lru_cache]
fn borrowed(id: &Id, name: &str, path: &Path, list: &[i8], array: &[u16; 2]) -> String {
    format!("{id:?} {name} {path:?} {list:?} {array:?}")
}

#[lru_cache]
fn optional(id: Option<&Id>, name: Option<&str>, number: Option<u8>) -> String {
    format!("{id:?} {name:?} {number:?}")
}

#[lru_cache]
fn map(counts: &BTreeMap<String, u8>, fixed: &'static str, handler: fn(&str) -> usize) -> usize {
    counts.len() + handler(fixed)
}

#[test]
#[expect(clippy::type_complexity, reason = "types are what is tested")]
fn arguments_are_kept_in_their_owned_form() {
    let _: &Cache<(Id, String, (u8, bool), Vec<i8>, [u16; 2]), String> = owned::cache();
    let _: &Cache<(Id, String, PathBuf, Vec<i8>, [u16; 2]), String> = borrowed::cache();
    let _: &Cache<(Option<Id>, Option<String>, Option<u8>), String> = optional::cache();
    let _: &Cache<(BTreeMap<String, u8>, String, fn(&str) -> usize), usize> = map::cache();

    for _ in 0..2 {
        assert_eq!(owned(Id(1), "a".into(), (2, true), vec![3], [4, 5]), r#"Id(1) a (2, true) [3] [4, 5]"#);
        assert_eq!(borrowed(&Id(1), "a", Path::new("p"), &[3], &[4, 5]), r#"Id(1) a "p" [3] [4, 5]"#);
    }
    assert_eq!((owned::cache_info().hits, borrowed::cache_info().hits), (1, 1));
    assert_eq!(map(&BTreeMap::new(), "abc", str::len), 3);
}

#[test]
fn each_argument_counts() {
    let calls = [
        (None, None, None),
        (Some(1), None, None),
        (Some(2), None, None),
        (None, Some("1"), None),
        (None, None, Some(1)),
    ];
    for _ in 0..2 {
        for (id, name, number) in calls {
            let id = id.map(Id);
            assert_eq!(optional(id.as_ref(), name, number), format!("{id:?} {name:?} {number:?}"));
        }
    }
    let info = optional::cache_info();
    assert_eq!((info.hits, info.misses), (5, 5));
}

#[lru_cache]
fn patterns((a, b): (u8, u8), mut c: u8, _: u8, Id(d): Id, [e, ..]: &[u8; 2]) -> u64 {
    c += a + b + e;
    u64::from(c) + d
}

#[test]
fn patterns_take_arguments_apart() {
    assert_eq!(patterns((1, 2), 3, 4, Id(5), &[6, 7]), 17);
    assert_eq!(patterns((1, 2), 3, 4, Id(5), &[6, 7]), 17);
    assert_eq!(patterns((1, 2), 3, 99, Id(5), &[6, 7]), 17);
    let info = patterns::cache_info();
    assert_eq!((info.hits, info.misses), (1, 2), "what has no name is still an argument");
    assert_eq!(patterns::get((1, 2), 3, 4, Id(5), &[6, 7]), Some(17));
}

struct NoKey(f64);

#[lru_cache(skip(factor, log))]
fn skips(x: u32, factor: &NoKey, log: &mut_free::Log<'_>) -> f64 {
    log.note();
    f64::from(x) * factor.0
}

mod mut_free {
    pub(super) struct Log<'a>(pub(super) &'a std::cell::Cell<u32>);
    impl Log<'_> {
        pub(super) fn note(&self) {
            self.0.set(self.0.get() + 1);
        }
    }
}

#[test]
fn skipped_arguments_may_be_anything_and_do_not_count() {
    let notes = std::cell::Cell::new(0);
    let log = mut_free::Log(&notes);
    assert_eq!(skips(2, &NoKey(1.5), &log), 3.0);
    assert_eq!(skips(2, &NoKey(9.0), &log), 3.0);
    assert_eq!(notes.get(), 1);
    assert_eq!(skips::get(2), Some(3.0));
    assert!(skips::invalidate(2).is_ok_and(|was_there| was_there));
    assert_eq!(skips::uncached(2, &NoKey(9.0), &log), 18.0);
}

#[lru_cache(skip(x, y))]
fn skips_all(x: &[NoKey], y: &str) -> usize {
    x.len() + y.len()
}

#[test]
fn with_everything_skipped_there_is_one_result() {
    assert_eq!((skips_all(&[NoKey(1.0)], "ab"), skips_all(&[], "")), (3, 3));
    assert_eq!(skips_all::get(), Some(3));
}

#[lru_cache(key = x.to_bits())]
fn root(x: f64, _log: &NoKey) -> f64 {
    x.sqrt()
}

#[lru_cache(key = (name.to_lowercase(), *scores.first().unwrap_or(&0)))]
fn greeting(name: String, scores: &[u8]) -> String {
    format!("{name} {scores:?}")
}

#[lru_cache(key: u64 = id.0)]
fn typed(id: Id, note: &str) -> String {
    format!("{id:?} {note}")
}

#[test]
fn key_is_any_expression_over_the_arguments() {
    let _: &Cache<u64, String> = typed::cache();
    assert_eq!((root(4.0, &NoKey(0.0)), root(4.0, &NoKey(1.0))), (2.0, 2.0));
    assert_eq!((root::cache().len(), root::cache_info().hits), (1, 1));
    assert_eq!(root::get(4.0, &NoKey(0.0)), Some(2.0));
    assert!(root::invalidate(4.0, &NoKey(0.0)).is_ok_and(|was_there| was_there));
    assert!(root::cache_clear().is_ok());

    assert_eq!(greeting("Ann".into(), &[1, 2]), "Ann [1, 2]");
    assert_eq!(greeting("ANN".into(), &[1, 3]), "Ann [1, 2]");
    assert_eq!(greeting("Ann".into(), &[2]), "Ann [2]");
    assert_eq!(greeting::cache_info().currsize, 2);

    assert_eq!((typed(Id(1), "a"), typed(Id(1), "b")), ("Id(1) a".to_string(), "Id(1) a".to_string()));
    assert_eq!(typed::cache().get(&1), Some("Id(1) a".to_string()));
}

#[lru_cache(key = (a, c))]
fn from_patterns((a, _): (u8, u8), NoKey(_): NoKey, [c, ..]: [u8; 2]) -> u8 {
    a + c
}

#[test]
fn key_may_name_what_patterns_bind() {
    assert_eq!(from_patterns((1, 2), NoKey(3.0), [4, 5]), 5);
    assert_eq!(from_patterns((1, 9), NoKey(9.0), [4, 9]), 5);
    let info = from_patterns::cache_info();
    assert_eq!((info.hits, info.misses), (1, 1));
}
