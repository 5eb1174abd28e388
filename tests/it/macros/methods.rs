//! Methods and associated functions: companions in the same `impl`, and what `self` counts for.

use memolith::{Cache, lru_cache};
use std::sync::Arc;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Point {
    x: i32,
}

impl Point {
    #[lru_cache]
    fn plus(&self, dx: i32) -> Self {
        Point { x: self.x + dx }
    }

    #[lru_cache]
    fn into_plus(mut self, dx: i32) -> i32 {
        self.x += dx;
        self.x
    }

    #[lru_cache]
    fn shared(self: Arc<Self>, dx: i32) -> i32 {
        self.x + dx
    }

    #[lru_cache]
    fn origin() -> Self {
        Point { x: 0 }
    }

    #[lru_cache(associated)]
    fn distance(a: i32, b: i32) -> i32 {
        (a - b).abs()
    }

    #[lru_cache(handle = renamed)]
    fn r#type(&self) -> i32 {
        self.x
    }

    #[lru_cache]
    fn countdown(&self) -> i32 {
        if self.x <= 0 { 0 } else { 1 + Point { x: self.x - 1 }.countdown() }
    }
}

#[test]
fn self_is_part_of_the_key() {
    let _: &Cache<(Point, i32), Point> = Point::plus_cache();
    let (one, two) = (Point { x: 1 }, Point { x: 2 });
    assert_eq!((one.plus(1).x, one.plus(1).x, two.plus(1).x), (2, 2, 3));
    let info = Point::plus_cache_info();
    assert_eq!((info.hits, info.misses), (1, 2));
    assert_eq!(one.plus_get(1), Some(Point { x: 2 }));
    assert_eq!(one.plus_uncached(5), Point { x: 6 });
    assert!(one.plus_invalidate(1).is_ok_and(|was_there| was_there));
    assert!(Point::plus_cache_clear().is_ok());
    assert_eq!(Point::plus_cache_info().currsize, 0);
}

#[test]
fn self_may_be_taken_by_value_or_shared() {
    assert_eq!((Point { x: 1 }.into_plus(2), Point { x: 1 }.into_plus(2)), (3, 3));
    assert_eq!(Point::into_plus_cache_info().hits, 1);
    let shared = Arc::new(Point { x: 1 });
    assert_eq!((Arc::clone(&shared).shared(2), shared.shared(2)), (3, 3));
    assert_eq!(Point::shared_cache_info().hits, 1);
}

#[test]
fn associated_functions_need_no_self() {
    assert_eq!((Point::origin().x, Point::origin().x), (0, 0));
    assert_eq!(Point::origin_cache_info().hits, 1);
    assert_eq!((Point::distance(1, 4), Point::distance_get(1, 4)), (3, Some(3)));
}

#[test]
fn handle_is_the_prefix() {
    let point = Point { x: 3 };
    assert_eq!((point.r#type(), point.renamed_get()), (3, Some(3)));
}

#[test]
fn methods_recurse_through_the_cache() {
    assert_eq!(Point { x: 5 }.countdown(), 5);
    assert_eq!(Point::countdown_cache_info().misses, 6);
}

/// No key: neither `Clone` nor `Eq`.
struct Model {
    id: u64,
    weights: Vec<f64>,
}

impl Model {
    #[lru_cache(key = (self.id, x))]
    fn predict(&self, x: usize) -> f64 {
        self.weights[x]
    }

    #[lru_cache(skip(self))]
    fn constant(&self, x: u32) -> u32 {
        x + 1
    }

    #[lru_cache(key: u64 = self::twice(self.id))]
    fn path_of_self(&self) -> u64 {
        self.id
    }

    #[lru_cache(key = format!("{}-{note}", self.id))]
    fn in_a_macro(&self, note: &str) -> usize {
        note.len() + self.weights.len()
    }
}

fn twice(x: u64) -> u64 {
    2 * x
}

#[test]
fn key_may_replace_self() {
    let one = Model { id: 1, weights: vec![0.5, 1.5] };
    let same = Model { id: 1, weights: vec![9.0, 9.0] };
    let other = Model { id: 2, weights: vec![2.5, 3.5] };
    assert_eq!((one.predict(1), same.predict(1), other.predict(1)), (1.5, 1.5, 3.5));
    assert_eq!(Model::predict_cache().len(), 2);
    assert_eq!(same.predict_get(1), Some(1.5));
    assert_eq!((one.path_of_self(), Model::path_of_self_cache().get(&2)), (1, Some(1)));
    assert_eq!((one.in_a_macro("ab"), Model::in_a_macro_cache().len()), (4, 1));
}

#[test]
fn skip_leaves_self_out() {
    let one = Model { id: 1, weights: Vec::new() };
    assert_eq!((one.constant(1), Model::constant_get(1)), (2, Some(2)));
    assert!(Model::constant_invalidate(1).is_ok_and(|was_there| was_there));
}

struct Other;

impl Other {
    #[lru_cache]
    fn origin() -> i32 {
        let _: Option<Self> = None;
        7
    }
}

#[test]
fn the_same_name_in_another_impl_is_another_function() {
    assert_eq!((Other::origin(), Point::origin().x), (7, 0));
}

/// A free function may hold items that speak of `Self`.
#[lru_cache]
fn with_items(x: u8) -> u8 {
    struct Inner(u8);
    impl Inner {
        fn new(x: u8) -> Self {
            Self(x)
        }
    }
    #[derive(Clone)]
    struct List {
        next: Option<Box<Self>>,
    }
    let list = List { next: Some(Box::new(List { next: None })) };
    Inner::new(x).0 + list.next.map_or(0, |next| u8::from(next.next.is_none()))
}

#[test]
fn items_in_a_body_do_not_make_a_method() {
    assert_eq!((with_items(1), with_items::get(1)), (2, Some(2)));
}
