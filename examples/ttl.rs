//! Results that are good for a while: a time to live, and a clock that a test can move.

use memolith::{Cache, ManualClock, lru_cache};
use std::sync::Arc;
use std::time::Duration;

#[lru_cache(ttl = "15m")]
fn exchange_rate(from: &str, to: &str) -> f64 {
    println!("asking for {from}/{to}");
    1.0842
}

fn main() {
    assert_eq!(exchange_rate("EUR", "USD"), exchange_rate("EUR", "USD"));
    assert_eq!(exchange_rate::cache_info().misses, 1);

    let clock = Arc::new(ManualClock::default());
    let rates = Cache::<String, f64>::builder().ttl(Duration::from_secs(900)).clock(clock.clone()).build();
    rates.insert("EUR/USD".to_owned(), 1.0842);
    clock.advance(Duration::from_secs(899));
    assert_eq!(rates.get("EUR/USD"), Some(1.0842));
    clock.advance(Duration::from_secs(1));
    assert_eq!(rates.get("EUR/USD"), None);
    println!("after a quarter of an hour: {:?}", rates.info());
}
