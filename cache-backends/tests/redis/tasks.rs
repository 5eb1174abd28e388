//! Tasks that insert, remove and clear: what they do others see, and a server that stands still holds up no other task.

use crate::load::fresh;
use crate::servers::{Server, eventually};
use memolith_backends::Redis;
use memolith_core::{Cache, Postcard, invalidate_tag_async};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

/// One thread, which polls nothing else while it is blocked.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn cache(url: &str, name: &str) -> Cache<u64, u64> {
    let builder = Cache::builder().maxsize(1_000).tags(|key, _| [format!("tasks:{}", key % 2)]);
    builder.backend(Redis::open(url), name, Postcard).memory(0).build()
}

/// A tag is invalidated for every cache of a process, and what is put meanwhile does not stay; nor what is put while a
/// backend that is new hears of what was invalidated just before.
static TAGS: Mutex<()> = Mutex::new(());

#[test]
fn what_a_task_does_is_there_for_others() {
    let server = Server::start();
    let _alone = TAGS.lock();
    let (url, name) = (format!("{}?timeout=10s", server.url()), fresh("tasks"));
    let (mine, theirs) = (cache(&url, &name), cache(&url, &name));
    runtime().block_on(async {
        mine.insert_async(99, 0).await;
        mine.remove_async(&99).await.unwrap();
        for key in 0..10 {
            mine.insert_async(key, key * 2).await;
        }
        mine.insert_with_ttl_async(10, 20, Duration::from_secs(3600)).await;
        assert_eq!((theirs.get(&3), theirs.get_async(&10).await), (Some(6), Some(20)));
        assert_eq!((theirs.len(), mine.len_async().await), (11, 11));
        assert_eq!(mine.get_many_async(&[1, 99]).await, [Some(2), None]);
        assert!(mine.remove_async(&3).await.unwrap());
        assert!(!mine.remove_async(&3).await.unwrap());
        assert_eq!((theirs.get(&3), theirs.contains_async(&4).await), (None, true));
        // An error would be of another test's server: it is told in every backend of the process.
        let _ = invalidate_tag_async("tasks:0").await;
        assert_eq!((theirs.get(&4), theirs.get(&5)), (None, Some(10)));
        mine.flush_async().await.unwrap();
        mine.clear_async().await.unwrap();
        assert_eq!((theirs.get(&5), theirs.info_async().await.currsize, mine.info().errors), (None, 0, 0));
    });
}

#[test]
fn a_server_that_stands_still_holds_up_no_other_task() {
    let _alone = TAGS.lock();
    let server = Server::start();
    let cache = Arc::new(cache(&format!("{}?timeout=500ms", server.url()), "stands"));
    cache.insert(1, 2);
    let (done, turns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    server.stop();
    runtime().block_on(async {
        let (ended, taken) = (Arc::clone(&done), Arc::clone(&turns));
        let other = tokio::spawn(async move {
            while !ended.load(SeqCst) {
                taken.fetch_add(1, SeqCst);
                yield_now().await;
            }
        });
        // The first to fail; those that come later are refused at once.
        cache.insert_async(1, 3).await;
        assert!(cache.remove_async(&1).await.is_err());
        assert_eq!(cache.get_async(&1).await, None);
        assert!(cache.clear_async().await.is_err());
        assert!(invalidate_tag_async("stands").await.is_err());
        done.store(true, SeqCst);
        other.await.unwrap();
    });
    // Half a second of an executor that is free.
    assert!(turns.load(SeqCst) > 1_000, "{turns:?}");
    server.cont();
    eventually("the server is back", || {
        cache.insert(2, 3);
        cache.get(&2) == Some(3)
    });
    assert_eq!(cache.get(&1), None);
}
