//! `maxsize`, `policy`, `ttl`, `tti`, `max_bytes`, `weigh`.

use memolith::lru_cache;
use std::sync::Arc;
use std::time::Duration;

#[lru_cache]
fn by_default(x: u32) -> u32 {
    x
}

const ROOM: usize = 2 * 16;

#[lru_cache(maxsize = ROOM)]
fn by_constant(x: u32) -> u32 {
    x
}

#[lru_cache(maxsize = None)]
fn unbounded(x: u32) -> u32 {
    x
}

#[lru_cache(maxsize = 0)]
fn disabled(x: u32) -> u32 {
    x
}

#[test]
fn maxsize_bounds_the_entries() {
    assert_eq!(by_default::cache_info().maxsize, Some(128));
    assert_eq!(by_constant::cache_info().maxsize, Some(32));
    for x in 0..1_000 {
        assert_eq!(by_default(x) + by_constant(x) + unbounded(x) + disabled(x), 4 * x);
    }
    assert_eq!(by_default::cache_info().currsize, 128);
    assert_eq!(by_constant::cache_info().currsize, 32);
    assert_eq!(unbounded::cache_info().currsize, 1_000);
    assert_eq!(unbounded::cache_info().maxsize, None);
}

#[test]
fn a_maxsize_of_zero_computes_every_time() {
    #[lru_cache(maxsize = 0)]
    fn none(x: u32) -> u32 {
        x
    }
    for _ in 0..3 {
        assert_eq!(none(1), 1);
    }
    let info = none::cache_info();
    assert_eq!((info.hits, info.misses, info.currsize), (0, 3, 0));
}

#[lru_cache(maxsize = 2)]
fn lru(x: u32) -> u32 {
    x
}

#[lru_cache(maxsize = 2, policy = Fifo)]
fn fifo(x: u32) -> u32 {
    x
}

#[lru_cache(maxsize = 2, policy = Mru)]
fn mru(x: u32) -> u32 {
    x
}

#[test]
fn policy_says_who_leaves() {
    // One and two are there, one is used again, three comes.
    for x in [1, 2, 1, 3] {
        assert_eq!((lru(x), fifo(x), mru(x)), (x, x, x));
    }
    assert_eq!((lru::get(1), lru::get(2), lru::get(3)), (Some(1), None, Some(3)));
    assert_eq!((fifo::get(1), fifo::get(2), fifo::get(3)), (None, Some(2), Some(3)));
    assert_eq!((mru::get(1), mru::get(2), mru::get(3)), (None, Some(2), Some(3)));
}

#[lru_cache(ttl = Duration::from_nanos(1))]
fn brief(x: u32) -> u32 {
    x
}

#[lru_cache(tti = Duration::from_nanos(1))]
fn unused(x: u32) -> u32 {
    x
}

#[lru_cache(ttl = "1d12h30m", tti = "500ms 2h")]
fn lasting(x: u32) -> u32 {
    x
}

/// Waits until the clock that expiry is read from has moved on.
fn a_moment() {
    let start = std::time::Instant::now();
    while start.elapsed() < Duration::from_micros(50) {
        std::hint::spin_loop();
    }
}

#[test]
fn ttl_and_tti_end_an_entry() {
    for _ in 0..3 {
        assert_eq!((brief(1), unused(1), lasting(1)), (1, 1, 1));
        a_moment();
    }
    assert_eq!(brief::cache_info().hits, 0);
    assert_eq!(unused::cache_info().hits, 0);
    assert_eq!(lasting::cache_info().hits, 2);
}

#[lru_cache(maxsize = None, max_bytes = "1KiB", weigh = |text| text.len() as u64)]
fn text(length: usize, letter: char) -> String {
    letter.to_string().repeat(length)
}

fn weight(bytes: &Arc<[u8]>) -> u64 {
    bytes.len() as u64
}

#[lru_cache(maxsize = None, max_bytes = 4 * 100, weigh = weight)]
fn bytes(length: usize, byte: u8) -> Arc<[u8]> {
    vec![byte; length].into()
}

#[test]
fn max_bytes_bounds_what_the_values_weigh() {
    for letter in 'a'..='z' {
        assert_eq!(text(100, letter).len(), 100);
        assert_eq!(bytes(100, letter as u8).len(), 100);
    }
    assert_eq!(text::cache_info().currsize, 10, "ten times 100 bytes fit into 1,024");
    assert_eq!(bytes::cache_info().currsize, 4);
    assert_eq!(text(2_000, 'x').len(), 2_000);
    assert_eq!(text::get(2_000, 'x'), None, "what is heavier than the bound is not kept");
}
