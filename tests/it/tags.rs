//! Values that say what they were made from, and the call that ends them all.

#[cfg(feature = "postcard")]
mod edges;
#[cfg(all(feature = "sqlite", feature = "postcard"))]
mod model;
#[cfg(all(feature = "sqlite", feature = "postcard"))]
mod stores;
#[cfg(all(feature = "sqlite", feature = "postcard"))]
mod together;
#[cfg(all(feature = "sqlite", feature = "postcard"))]
mod truth;

use memolith::{Cache, Lookup, invalidate_tag, invalidate_tags, lru_cache};
#[cfg(all(feature = "sqlite", feature = "postcard"))]
use std::sync::RwLockWriteGuard;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// A tag that no other test uses: tags are the process's.
fn fresh(name: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{name}:{}", COUNT.fetch_add(1, Relaxed))
}

/// An invalidation reaches every backend of the process: where one is to fail, others must not be asked to succeed.
static BACKENDS: RwLock<()> = RwLock::new(());

/// While it is held no backend fails.
fn sound() -> RwLockReadGuard<'static, ()> {
    BACKENDS.read().unwrap_or_else(PoisonError::into_inner)
}

/// For a test whose backends fail, or lose their files at its end.
#[cfg(all(feature = "sqlite", feature = "postcard"))]
fn alone() -> RwLockWriteGuard<'static, ()> {
    BACKENDS.write().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn a_tag_ends_the_values_that_carry_it_and_no_others() -> memolith::Result<()> {
    let _sound = sound();
    static CALLS: AtomicU64 = AtomicU64::new(0);
    #[lru_cache(tags = |user, page, value| [format!("page-user:{user}"), format!("page:{page}"), value.clone()])]
    fn page_of(user: u64, page: &str) -> String {
        CALLS.fetch_add(1, Relaxed);
        format!("{user} on {page}")
    }
    let all = || [(1, "a"), (1, "b"), (2, "a")].map(|(user, page)| page_of(user, page));
    let first = all();
    assert_eq!((all(), CALLS.load(Relaxed)), (first.clone(), 3));
    invalidate_tag("page-user:1")?;
    assert_eq!(page_of::cache_info().currsize, 1);
    assert_eq!((all(), CALLS.load(Relaxed)), (first.clone(), 5));
    invalidate_tag("page:a")?;
    assert_eq!((all(), CALLS.load(Relaxed)), (first.clone(), 7));
    invalidate_tags(["2 on a", "never seen"])?;
    assert_eq!((all(), CALLS.load(Relaxed)), (first, 8));
    Ok(())
}

#[test]
fn arguments_are_seen_as_the_function_has_them() -> memolith::Result<()> {
    let _sound = sound();
    struct Shop(u64);
    impl Shop {
        #[lru_cache(key = (self.0, name.clone()), tags = |shop, name, many, _, price| {
            let shop: &Shop = shop;
            let name: &String = name;
            let many: &Option<u8> = many;
            vec![format!("shop:{}", shop.0), format!("{name}:{many:?}:{price}")]
        })]
        fn price(&self, name: String, many: Option<u8>, _hint: std::rc::Rc<()>) -> Result<u64, String> {
            if name.is_empty() { Err(name) } else { Ok(u64::from(many.unwrap_or(1)) * self.0) }
        }
    }
    let price = |shop: u64, name: &str| Shop(shop).price(name.into(), Some(2), std::rc::Rc::new(()));
    assert_eq!((price(3, "ink"), price(4, "ink"), price(4, "")), (Ok(6), Ok(8), Err(String::new())));
    invalidate_tag("ink:Some(2):8")?;
    assert_eq!(Shop::price_cache_info().currsize, 1);
    invalidate_tag(b"shop:3")?;
    assert_eq!(Shop::price_cache_info().currsize, 0);
    Ok(())
}

#[test]
fn a_path_is_a_rule_too_and_generic_functions_have_tags() -> memolith::Result<()> {
    let _sound = sound();
    fn of(items: &[u64], _: &usize) -> Vec<[u8; 8]> {
        items.iter().map(|item| item.to_le_bytes()).collect()
    }
    #[lru_cache(tags = of)]
    fn count(items: &[u64]) -> usize {
        items.len()
    }
    #[lru_cache(tags = |_, value| [format!("generic:{value}")])]
    fn text<T: ToString + std::hash::Hash + Eq + Clone + Send + Sync + 'static>(of: T) -> String {
        of.to_string()
    }
    assert_eq!(
        (count(&[7_000_001]), count(&[7_000_001, 7_000_002]), text(5_u8), text('5')),
        (1, 2, "5".into(), "5".into())
    );
    invalidate_tag(7_000_002_u64.to_le_bytes())?;
    invalidate_tag("generic:5")?;
    assert_eq!(count::cache_info().currsize, 1);
    assert_eq!((text::cache_info::<u8>().currsize, text::cache_info::<char>().currsize), (0, 0));
    Ok(())
}

#[test]
fn what_is_computed_meanwhile_is_returned_and_not_kept() -> memolith::Result<()> {
    let _sound = sound();
    let tag = fresh("meanwhile");
    let rule = tag.clone();
    let cache = Cache::<u64, u64>::builder().tags(move |key, _| [format!("{rule}:{key}")]).build();
    let Lookup::Miss(lease) = cache.lookup(&1) else { panic!("nothing is there") };
    let Lookup::Miss(other) = cache.lookup(&2) else { panic!("nothing is there") };
    invalidate_tag(format!("{tag}:1"))?;
    assert_eq!((lease.fill(10), other.fill(20)), (10, 20));
    assert_eq!((cache.get(&1), cache.get(&2)), (None, Some(20)));
    Ok(())
}

#[test]
fn who_comes_after_an_invalidation_does_not_get_what_was_begun_before() -> memolith::Result<()> {
    let _sound = sound();
    let tag = fresh("follower");
    let rule = tag.clone();
    let cache = Cache::<u64, u64>::builder().tags(move |_, _| [rule.clone()]).build();
    let Lookup::Miss(lease) = cache.lookup(&1) else { panic!("nothing is there") };
    invalidate_tag(&tag)?;
    std::thread::scope(|scope| {
        let late = scope.spawn(|| cache.get_or_insert_with(&1, || 2));
        // It waits for us: there is no event to tell that it does.
        while cache.info().misses < 1 && !late.is_finished() {
            std::thread::yield_now();
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert_eq!(lease.fill(1), 1);
        assert_eq!(late.join().expect("it does not panic"), 2);
    });
    assert_eq!(cache.get(&1), Some(2));
    Ok(())
}

#[test]
fn a_value_that_takes_the_place_of_another_has_its_own_tags() -> memolith::Result<()> {
    let _sound = sound();
    let base = fresh("place");
    let rule = base.clone();
    let cache = Cache::<u64, u64>::builder().tags(move |_, value| [format!("{rule}:{value}")]).build();
    cache.insert(1, 10);
    cache.insert(1, 20);
    invalidate_tag(format!("{base}:10"))?;
    assert_eq!(cache.get(&1), Some(20));
    invalidate_tag(format!("{base}:20"))?;
    assert_eq!(cache.get(&1), None);
    Ok(())
}
