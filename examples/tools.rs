//! What stands beside a cache on the same servers: a lock, a limit, and sessions, for all machines together.
//!
//! `cargo run --example tools --features redis -- redis://localhost`

use memolith::backends::Redis;
use memolith::redis::{Lock, RateLimiter, Sessions};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or("redis://localhost".to_owned());
    let redis = Redis::open(&url)?;

    let report = Lock::new(&redis, "nightly report");
    if let Some(guard) = report.acquire(Duration::from_secs(5))? {
        println!("the only one at it, with number {}", guard.fence());
        assert!(report.try_acquire()?.is_none(), "a lock has one holder");
        assert!(guard.release()?);
    }

    let logins = RateLimiter::sliding_window(&redis, "logins", 3, Duration::from_secs(2));
    while logins.check("jane")?.allowed {}
    println!("jane may try again in {:?}", logins.check("jane")?.retry_after);

    let sessions = Sessions::new(&redis, "shop", Duration::from_secs(1800));
    let guest = sessions.create(b"an empty cart")?;
    let jane = sessions.rotate(&guest)?.ok_or("the session has ended")?;
    assert_eq!((sessions.get(&guest)?, sessions.get(&jane)?), (None, Some(b"an empty cart".to_vec())));
    sessions.delete(&jane)?;

    // Each of these has a form for tasks.
    tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
        if let Some(guard) = report.acquire_async(Duration::from_secs(5)).await? {
            let guest = sessions.create_async(b"reads the report").await?;
            println!("jane may come in: {}", logins.check_async("jane").await?.allowed);
            sessions.delete_async(&guest).await?;
            guard.release_async().await?;
        }
        Ok(())
    })
}
