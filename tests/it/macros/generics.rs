//! One cache for each set of type and const arguments.

use memolith::{Key, Value, lru_cache};
use std::fmt::Debug;
use std::hash::Hash;

#[lru_cache]
fn show<T: Key + Debug>(value: T) -> String {
    format!("{value:?}")
}

#[lru_cache]
fn name<T: 'static>() -> &'static str {
    std::any::type_name::<T>()
}

#[lru_cache(skip(f))]
fn apply<T, F>(value: &T, f: F) -> T
where
    T: Key,
    F: Fn(&T) -> T + 'static,
{
    f(value)
}

#[lru_cache]
fn longest<'a, 'b: 'a, T>(one: &'a [T], other: &'b [T]) -> usize
where
    T: Clone + Eq + Hash + Send + Sync + 'static,
    &'a T: Debug,
{
    one.len().max(other.len())
}

#[lru_cache]
fn array<T: Key + Default + Copy, const N: usize, const UP: bool>(value: T) -> [T; N] {
    if UP { [value; N] } else { [T::default(); N] }
}

#[lru_cache(key = format!("{value:?}"))]
fn keyed<T: Debug + 'static, V: Value + Default>(value: &T) -> V {
    let _ = value;
    V::default()
}

#[lru_cache]
fn unsized_argument<T: ?Sized + ToOwned + Hash + Eq + AsRef<str> + 'static>(value: &T) -> usize
where
    T::Owned: Key,
{
    value.as_ref().len()
}

#[test]
fn type_arguments_have_caches_of_their_own() {
    assert_eq!((show(1_u8), show(1_u64), show("1".to_string())), ("1".into(), "1".into(), "\"1\"".into()));
    assert_eq!(show::cache::<u8>().len(), 1);
    assert_eq!(show::cache_info::<u64>().misses, 1);
    assert_eq!(show::cache_info::<i8>().misses, 0);
    assert_eq!(show::get(1_u8), Some("1".to_string()));
    assert!(show::cache_clear::<u8>().is_ok());
    assert_eq!((show::cache::<u8>().len(), show::cache::<u64>().len()), (0, 1));
}

#[test]
fn a_type_argument_that_is_in_no_argument_counts() {
    assert_eq!((name::<u8>(), name::<u16>(), name::<u8>()), ("u8", "u16", "u8"));
    assert_eq!((name::cache_info::<u8>().hits, name::cache_info::<u16>().hits), (1, 0));
}

#[test]
fn closures_are_types() {
    assert_eq!(apply(&1, |x| x + 1), 2);
    assert_eq!(apply(&1, |x| x + 2), 3, "another closure, another cache");
}

#[test]
fn lifetimes_are_erased() {
    let one = vec![1_u8, 2];
    {
        let other = vec![3_u8];
        assert_eq!(longest(&one, &other), 2);
    }
    assert_eq!(longest(&one, &[3]), 2);
    assert_eq!(longest::cache_info::<u8>().hits, 1);
}

#[test]
fn const_arguments_count() {
    assert_eq!(array::<u8, 2, true>(7), [7, 7]);
    assert_eq!(array::<u8, 3, true>(7), [7, 7, 7]);
    assert_eq!(array::<u8, 3, false>(7), [0, 0, 0]);
    assert_eq!(array::cache_info::<u8, 3, true>().misses, 1);
}

#[test]
fn an_inferred_key_of_a_generic_function() {
    assert_eq!((keyed::<f64, u8>(&1.5), keyed::<f64, String>(&1.5)), (0, String::new()));
    assert_eq!(keyed::cache::<f64, u8>().len(), 1);
    assert_eq!(keyed::cache::<f32, u8>().len(), 0);
    assert_eq!(unsized_argument("abc"), 3);
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pair<T>(T, T);

impl<T: Key + Debug> Pair<T> {
    #[lru_cache]
    fn text(&self, extra: u8) -> String {
        format!("{self:?} {extra}")
    }

    #[lru_cache(associated)]
    fn size() -> usize {
        size_of::<T>()
    }

    #[lru_cache(key = format!("{self:?}"))]
    fn both<U: Key + Default>(&self, other: &U) -> (T, U) {
        (self.0.clone(), other.clone())
    }
}

#[test]
fn methods_of_generic_types_have_a_cache_for_each_self() {
    assert_eq!(Pair(1_u8, 2).text(3), "Pair(1, 2) 3");
    assert_eq!(Pair('a', 'b').text(3), "Pair('a', 'b') 3");
    assert_eq!(Pair::<u8>::text_cache_info().misses, 1);
    assert_eq!(Pair::<u16>::text_cache_info().misses, 0);
    assert_eq!((Pair::<u8>::size(), Pair::<u64>::size()), (1, 8));
    assert_eq!(Pair(1_u8, 2).both(&'x'), (1, 'x'));
    assert_eq!(Pair::<u8>::both_cache::<char>().len(), 1);
    assert_eq!(Pair::<u8>::both_cache::<u8>().len(), 0);
}
