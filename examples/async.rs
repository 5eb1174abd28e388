//! An `async fn` that may fail: a hundred tasks ask for the same user, one fetches, an error is not kept.

use memolith::lru_cache;
use std::time::Duration;

#[lru_cache(maxsize = 10_000, ttl = "1h")]
async fn user(id: u64) -> Result<String, String> {
    println!("fetching user {id}");
    tokio::time::sleep(Duration::from_millis(20)).await;
    if id == 0 { Err("nobody has the number 0".to_owned()) } else { Ok(format!("user {id}")) }
}

#[expect(clippy::unwrap_used, reason = "a task that panics ends the example")]
fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build()?;
    runtime.block_on(async {
        let tasks: Vec<_> = (0..100).map(|_| tokio::spawn(user(7))).collect();
        for task in tasks {
            assert_eq!(task.await.unwrap().as_deref(), Ok("user 7"));
        }
        assert_eq!(user::cache_info().misses, 1);
        assert!(user(0).await.is_err() && user(0).await.is_err());
    });
    println!("{:?}", user::cache_info());
    Ok(())
}
