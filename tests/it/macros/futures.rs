//! `async fn`: the same meaning, and futures that stay `Send`.
#![expect(clippy::unwrap_used, reason = "tests")]

use crate::turns::{comes_again, turn};
use memolith::{Cache, lru_cache};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
}

static RUNS: AtomicU32 = AtomicU32::new(0);

#[derive(Debug, PartialEq)]
struct Missing(u64);

#[lru_cache(skip(names))]
async fn user(names: &[&str], id: u64) -> Result<String, Missing> {
    RUNS.fetch_add(1, SeqCst);
    yield_now().await;
    let name = names.get(usize::try_from(id).map_err(|_| Missing(id))?);
    Ok(name.ok_or(Missing(id))?.to_string())
}

#[test]
fn a_future_is_cached_by_what_it_gives() {
    runtime().block_on(async {
        let _: &Cache<(u64,), String> = user::cache();
        assert_eq!(user(&["ann"], 0).await, Ok("ann".to_string()));
        assert_eq!(user(&[], 0).await, Ok("ann".to_string()));
        assert_eq!(user(&[], 1).await, Err(Missing(1)));
        assert_eq!(user(&[], 1).await, Err(Missing(1)));
        assert_eq!(RUNS.load(SeqCst), 3);
        assert_eq!(user::get(0), Some("ann".to_string()));
        assert_eq!(user::uncached(&["bob"], 0).await, Ok("bob".to_string()));
        assert!(user::invalidate(0).unwrap());
    });
}

#[test]
fn tasks_compute_once() {
    static RUNS: AtomicU32 = AtomicU32::new(0);

    #[lru_cache(cache_if = |x| *x < 50)]
    async fn slow(x: u32) -> u32 {
        RUNS.fetch_add(1, SeqCst);
        for _ in 0..10 {
            turn().await;
        }
        x
    }
    let runtime = runtime();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..16).map(|_| runtime.spawn(comes_again(slow(7)))).collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), 7);
        }
        assert_eq!(RUNS.load(SeqCst), 1);
        assert_eq!((comes_again(slow(50)).await, comes_again(slow(50)).await), (50, 50));
        assert_eq!(RUNS.load(SeqCst), 3);
    });
    let info = slow::cache_info();
    assert_eq!(info.hits + info.misses, 18);
}

#[lru_cache]
async fn countdown(n: u32) -> u32 {
    if n == 0 { 0 } else { Box::pin(countdown(n - 1)).await + 1 }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Client {
    id: u8,
}

impl Client {
    #[lru_cache]
    async fn whole(&self, path: &str) -> usize {
        yield_now().await;
        path.len() + usize::from(self.id)
    }

    #[lru_cache(key = (self.id, path.to_string()))]
    async fn keyed(&self, path: &str) -> usize {
        yield_now().await;
        path.len() + usize::from(self.id)
    }

    #[lru_cache(skip(self), maxsize = 3)]
    async fn generic<T: memolith::Key + ToString>(&self, value: T) -> String {
        yield_now().await;
        value.to_string()
    }
}

#[test]
fn methods_and_recursion() {
    runtime().block_on(async {
        assert_eq!(countdown(5).await, 5);
        assert_eq!(countdown::cache_info().misses, 6);
        let client = Client { id: 1 };
        assert_eq!((client.whole("ab").await, client.whole("ab").await), (3, 3));
        assert_eq!((client.keyed("ab").await, client.keyed("ab").await), (3, 3));
        assert_eq!((client.generic(1).await, client.generic('1').await), ("1".to_string(), "1".to_string()));
        assert_eq!(Client::whole_cache_info().hits, 1);
        assert_eq!(Client::keyed_cache_info().hits, 1);
        assert_eq!(Client::generic_cache_info::<char>().misses, 1);
        assert_eq!(client.whole_uncached("abc").await, 4);
    });
}

#[test]
fn futures_stay_send() {
    fn send<T: Send>(value: T) -> T {
        value
    }
    let client = Client { id: 2 };
    let all = send(async {
        let sum = send(countdown(1)).await as usize + send(client.whole("a")).await + send(client.keyed("a")).await;
        (sum, send(user(&["ann"], 3)).await.is_err())
    });
    assert_eq!(runtime().block_on(all), (7, true));
}

#[test]
fn a_cancelled_computation_is_passed_on() {
    static RUNS: AtomicU32 = AtomicU32::new(0);

    #[lru_cache]
    async fn patient(x: u32) -> u32 {
        RUNS.fetch_add(1, SeqCst);
        yield_now().await;
        x
    }
    runtime().block_on(async {
        let mut first = Box::pin(patient(1));
        let polled = std::future::poll_fn(|task| std::task::Poll::Ready(first.as_mut().poll(task).is_pending())).await;
        assert!(polled, "the body yields once");
        drop(first);
        assert_eq!(patient(1).await, 1);
    });
    assert_eq!(RUNS.load(SeqCst), 2);
}

#[test]
fn companions_have_a_form_for_tasks() {
    #[lru_cache]
    async fn length(text: &str) -> usize {
        yield_now().await;
        text.len()
    }

    struct Shop {
        id: u64,
    }
    impl Shop {
        #[lru_cache(key = (self.id, item))]
        async fn price(&self, item: u64) -> u64 {
            self.id * item
        }
    }

    let runtime = runtime();
    runtime.block_on(async {
        let task = runtime.spawn(async {
            let text = "four".to_owned();
            assert_eq!((length::get_async(&text).await, length(&text).await), (None, 4));
            assert_eq!(length::get_async(&text).await, Some(4));
            assert!(length::invalidate_async(&text).await.unwrap());
            assert!(!length::invalidate_async(&text).await.unwrap());
            assert_eq!((length::cache_info_async().await.misses, length(&text).await), (2, 4));
            length::cache_clear_async().await.unwrap();
            assert_eq!(length::cache_info_async().await, length::cache_info());
        });
        task.await.unwrap();
        let shop = Shop { id: 6 };
        assert_eq!((shop.price(7).await, shop.price_get_async(7).await), (42, Some(42)));
        assert!(shop.price_invalidate_async(7).await.unwrap());
        Shop::price_cache_clear_async().await.unwrap();
        assert_eq!(Shop::price_cache_info_async().await.misses, 0);
    });
}
