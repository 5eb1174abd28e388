//! Bounds of large spaces, of the region, and what happens when they change.

use crate::support::{Dir, at, has, open, put, space};
use memolith_core::{Backend, Policy, Space};

#[test]
fn a_large_space_never_exceeds_its_bound_and_reaches_it() {
    let dir = Dir::new("large-space");
    let region = dir.region(16);
    for policy in [Policy::Lru, Policy::Fifo, Policy::Lfu, Policy::Mru, Policy::Random, Policy::Sieve] {
        let space = space(&format!("{policy:?}"), Some(5_003), policy);
        open(&region, &space);
        for key in 0..12_000 {
            put(&region, &space, key, 24, key / 100);
            assert!(has(&region, &space, key, 24, key / 100), "the entry just put");
            if key % 500 == 0 {
                assert!(region.len(&space).unwrap() <= 5_003);
            }
        }
        assert_eq!(region.len(&space).unwrap(), 5_003, "{policy:?}");
        region.clear(&space).unwrap();
    }
}

#[test]
fn a_bound_in_bytes_holds_for_a_large_space() {
    let dir = Dir::new("large-bytes");
    let region = dir.region(32);
    let mut space = space("bytes", None, Policy::Lru);
    space.max_bytes = Some(4 << 20);
    open(&region, &space);
    for key in 0..30_000 {
        put(&region, &space, key, 300, 0);
    }
    let held: usize = (0..30_000).filter(|key| has(&region, &space, *key, 300, 1)).count();
    assert!(held * 308 <= 4 << 20, "{held} entries");
    assert!(held * 308 > 3 << 20, "{held} entries");
    assert_eq!(region.info().bytes, held as u64 * 308);
}

#[test]
fn who_was_used_stays() {
    let dir = Dir::new("used");
    let region = dir.region(16);
    for policy in [Policy::Lru, Policy::Sieve, Policy::Lfu] {
        let space = space(&format!("{policy:?}"), Some(4_000), policy);
        open(&region, &space);
        for key in 0..4_000 {
            put(&region, &space, key, 24, 0);
        }
        for round in 0..4 {
            (0..1_000).for_each(|key| _ = has(&region, &space, key, 24, 1 + round));
        }
        for key in 10_000..12_000 {
            put(&region, &space, key, 24, 10);
        }
        let kept = (0..1_000).filter(|key| has(&region, &space, *key, 24, 11)).count();
        let others = (1_000..4_000).filter(|key| has(&region, &space, *key, 24, 11)).count();
        assert!(kept > 900, "{kept} of 1000 that were used are there, and {others} of 3000 others, {policy:?}");
        region.clear(&space).unwrap();
    }
}

#[test]
fn a_space_that_grows_or_shrinks_serves_nothing_from_before_it_moved() {
    let dir = Dir::new("moves");
    let region = dir.region(16);
    let of = |maxsize| space("moves", maxsize, Policy::Lru);
    open(&region, &of(Some(100)));
    put(&region, &of(Some(100)), 1, 10, 0);
    open(&region, &of(None));
    assert_eq!(region.len(&of(None)).unwrap(), 0);
    region.put(&of(None), &1_u64.to_le_bytes(), &crate::support::record(*b"newer"), at(1)).unwrap();
    open(&region, &of(Some(100)));
    let found = region.get(&of(Some(100)), &1_u64.to_le_bytes(), at(2)).unwrap();
    assert_eq!(found, None, "what was there before it moved would be older than what was put since");
}

#[test]
fn a_full_region_keeps_what_was_used_and_takes_more() {
    let dir = Dir::new("full");
    let region = dir.region(4);
    let space = space("full", None, Policy::Lru);
    open(&region, &space);
    let mut second = 0;
    for key in 0..40_000 {
        put(&region, &space, key, 500, second);
        if key % 50 == 0 {
            second += 1;
            (0..50).for_each(|hot| {
                if !has(&region, &space, hot, 500, second) {
                    put(&region, &space, hot, 500, second);
                }
            });
        }
    }
    let info = region.info();
    assert!((0..50).filter(|hot| has(&region, &space, *hot, 500, second)).count() > 45);
    assert!(info.evictions > 20_000, "{info:?}");
    assert!(info.live * 10 > info.capacity * 7, "{info:?}");
    assert_eq!(info.oversize, 0);
}

#[test]
fn more_functions_than_rows_take_turns() {
    let dir = Dir::new("rows");
    let region = dir.region(4);
    let spaces: Vec<Space> = (0..300).map(|i| space(&format!("function {i}"), Some(50), Policy::Lru)).collect();
    for (i, space) in (0..).zip(&spaces) {
        open(&region, space);
        for key in 0..10 {
            put(&region, space, key * 1_000 + i, 30, i);
        }
        assert_eq!(region.len(space).unwrap(), 10, "a row that was another's starts empty");
        (0..10).for_each(|key| assert!(has(&region, space, key * 1_000 + i, 30, i)));
        for before in spaces.iter().take(i as usize) {
            let foreign = (0..10).filter(|key| has(&region, before, key * 1_000 + i, 30, i)).count();
            assert_eq!(foreign, 0, "an entry of one function is found under another");
        }
    }
    let info = region.info();
    assert!(info.spaces.len() <= 127);
    let last = info.spaces.iter().find(|space| space.name == "function 299").expect("it came last");
    assert_eq!((last.hits, last.misses), (10, 0), "what its row had counted for others is not its own");
    assert!(info.hits > last.hits * 200, "the region counts for all: {}", info.hits);
}
