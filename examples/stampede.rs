//! A result whose time is over: nobody waits for the next one but whoever computes it, and a source that is away is not felt.

use memolith::lru_cache;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

static ASKED: AtomicU64 = AtomicU64::new(0);
static AWAY: AtomicBool = AtomicBool::new(false);

#[lru_cache(ttl = "300ms", jitter = 0.1, early_refresh, stale = "1h")]
fn headline(section: &str) -> Result<String, String> {
    if AWAY.load(Relaxed) {
        return Err("nobody answers".to_owned());
    }
    std::thread::sleep(Duration::from_millis(100));
    Ok(format!("{section}, number {}", ASKED.fetch_add(1, Relaxed)))
}

/// How many of sixteen who ask at once have waited.
fn waited() -> usize {
    let ask = || {
        let start = Instant::now();
        assert!(headline("world").is_ok());
        start.elapsed() > Duration::from_millis(90)
    };
    let threads: Vec<_> = (0..16).map(|_| std::thread::spawn(ask)).collect();
    threads.into_iter().filter_map(|thread| thread.join().ok()).filter(|waited| *waited).count()
}

fn main() {
    println!("{} of 16 wait for the first result, {} asked for it", waited(), ASKED.load(Relaxed));
    std::thread::sleep(Duration::from_millis(400));
    println!("{} of 16 for the second", waited());
    AWAY.store(true, Relaxed);
    std::thread::sleep(Duration::from_millis(400));
    println!("{:?} while the source is away, {:?}", headline("world"), headline::cache_info());
    assert_eq!(ASKED.load(Relaxed), 2);
}
