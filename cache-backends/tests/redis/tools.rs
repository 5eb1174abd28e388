//! Locks, limits and sessions on a real server.

use crate::load::fresh;
use crate::servers::{Server, eventually};
use crate::workers::{Worker, heard, job, say};
use memolith_backends::Redis;
use memolith_backends::redis::{Lock, RateLimiter, SessionId, Sessions};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(20);
const HOUR: Duration = Duration::from_secs(3600);

/// With time enough also where the machine does much else.
fn redis() -> Redis {
    Redis::open(&format!("{}?timeout=10s", Server::shared().url())).unwrap()
}

#[test]
fn a_lock_has_one_holder_at_a_time_and_numbers_that_grow() {
    let (name, holders, last) = (fresh("lock"), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let lock = Lock::new(&redis(), &name);
                for _ in 0..15 {
                    let guard = lock.acquire(LONG).unwrap().expect("nobody holds it for long");
                    assert_eq!(holders.fetch_add(1, SeqCst), 0, "two hold the lock");
                    assert!(guard.is_held());
                    assert!(guard.fence() > last.swap(guard.fence(), SeqCst), "a later holder has a greater number");
                    std::thread::yield_now();
                    holders.fetch_sub(1, SeqCst);
                    drop(guard);
                }
            });
        }
    });
}

/// Who may not listen asks again and again.
#[test]
fn a_lock_that_is_released_unheard_is_not_waited_for_until_its_time_is_over() {
    let server = Server::start();
    assert_eq!(server.cli(&["ACL", "SETUSER", "deaf", "on", ">x", "~*", "+@all", "resetchannels"]), "OK");
    let deaf = format!("redis://deaf:x@{}?timeout=10s", server.address());
    let [holder, waiter] = [server.url(), deaf].map(|url| Lock::new(&Redis::open(&url).unwrap(), "lock").ttl(HOUR));
    let guard = holder.try_acquire().unwrap().unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| waiter.acquire(LONG).unwrap().is_some());
        eventually("it is asked for again and again", || server.calls(&["evalsha"]) > 6);
        assert!(guard.release().unwrap());
        assert!(waiter.join().unwrap(), "it has waited in vain");
    });
}

#[test]
fn a_lock_that_is_held_is_renewed_and_told_of_when_released() {
    let (name, redis) = (fresh("lock"), redis());
    let lock = Lock::new(&redis, &name).ttl(Duration::from_millis(500));
    let guard = lock.try_acquire().unwrap().unwrap();
    let start = Instant::now();
    assert!(lock.acquire(Duration::from_millis(1_500)).unwrap().is_none(), "it is renewed");
    assert!((Duration::from_millis(1_400)..LONG / 2).contains(&start.elapsed()), "{:?}", start.elapsed());
    assert!(guard.is_held());
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| lock.acquire(LONG).unwrap().map(|guard| (guard.fence(), Instant::now())));
        std::thread::sleep(Duration::from_millis(50));
        let (fence, released) = (guard.fence(), Instant::now());
        assert!(guard.release().unwrap());
        let (later, acquired) = waiter.join().unwrap().unwrap();
        println!("passed on after {:?}", acquired.saturating_duration_since(released));
        assert!(later > fence);
    });
}

#[test]
fn tasks_take_turns() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
    let (redis, name) = (redis(), fresh("lock"));
    let lock = Lock::new(&redis, &name);
    let holders = std::sync::Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..30)
        .map(|_| {
            let (lock, holders) = (lock.clone(), std::sync::Arc::clone(&holders));
            runtime.spawn(async move {
                let guard = lock.acquire_async(LONG * 3).await.unwrap().expect("nobody holds it for long");
                assert_eq!(holders.fetch_add(1, SeqCst), 0, "two hold the lock");
                tokio::task::yield_now().await;
                holders.fetch_sub(1, SeqCst);
                guard.release_async().await.unwrap()
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            assert!(task.await.unwrap(), "it was held until it was released");
        }
    });
}

#[test]
fn a_lock_that_is_not_renewed_is_lost() {
    let (name, redis) = (fresh("lock"), redis());
    let lock = Lock::new(&redis, &name).ttl(Duration::from_millis(100)).without_renewal();
    let first = lock.try_acquire().unwrap().unwrap();
    assert!(first.renew().unwrap());
    let second = lock.acquire(LONG).unwrap().expect("the first has had its time");
    assert!(second.fence() > first.fence());
    assert!(!first.is_held());
    assert!(!first.renew().unwrap());
    assert!(!first.release().unwrap(), "it was not held any more");
    let third = lock.try_acquire().unwrap();
    assert!(third.is_none() || !second.is_held(), "whoever lost it released nobody else's");
}

#[test]
fn the_lock_of_a_dead_process_ends() {
    if let Some(job) = job() {
        let lock = Lock::new(&Redis::open(&job[0]).unwrap(), &job[1]).ttl(Duration::from_secs(1));
        let _guard = lock.acquire(LONG).unwrap().unwrap();
        say("holds");
        let _ = heard();
        return;
    }
    let name = fresh("lock");
    let mut worker = Worker::start("tools::the_lock_of_a_dead_process_ends", &[&Server::shared().url(), &name]);
    worker.hear("holds");
    let lock = Lock::new(&redis(), &name);
    assert!(lock.acquire(Duration::from_secs(2)).unwrap().is_none(), "it is renewed");
    worker.kill();
    let start = Instant::now();
    assert!(lock.acquire(LONG).unwrap().is_some());
    assert!(start.elapsed() < LONG / 4, "after {:?}", start.elapsed());
}

#[test]
fn the_keys_of_a_lock_are_gone_with_it() {
    let name = fresh("lock");
    let guard = Lock::new(&redis(), &name).try_acquire().unwrap().unwrap();
    let key = format!("memolith:lock:{{{name}}}");
    assert_eq!(Server::shared().cli(&["EXISTS", &key]), "1");
    drop(guard);
    eventually("a guard that was dropped released", || Server::shared().cli(&["EXISTS", &key]) == "0");
}

#[test]
fn a_window_has_so_many_calls() {
    let redis = redis();
    let fixed = RateLimiter::fixed_window(&redis, &fresh("rate"), 3, HOUR);
    let sliding = RateLimiter::sliding_window(&redis, &fresh("rate"), 3, HOUR);
    let bucket = RateLimiter::token_bucket(&redis, &fresh("rate"), 3, HOUR);
    for limiter in [fixed, sliding, bucket] {
        for left in [2, 1, 0] {
            let decision = limiter.check("jane").unwrap();
            assert!(decision.allowed && decision.remaining == left && decision.retry_after.is_zero(), "{decision:?}");
        }
        for _ in 0..2 {
            let decision = limiter.check("jane").unwrap();
            assert!(!decision.allowed && decision.remaining == 0, "{decision:?}");
            assert!((HOUR * 9 / 10..=HOUR).contains(&decision.retry_after), "{decision:?}");
        }
        assert!(limiter.check("joe").unwrap().allowed, "another subject");
        assert!(limiter.check("").unwrap().allowed, "any text");
    }
}

#[test]
fn of_many_threads_exactly_so_many_are_allowed() {
    let name = fresh("rate");
    for limiter in [RateLimiter::fixed_window, RateLimiter::sliding_window] {
        let allowed = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let limiter = limiter(&redis(), &name, 37, HOUR);
                    (0..25)
                        .filter(|_| limiter.check("all").unwrap().allowed)
                        .for_each(|_| _ = allowed.fetch_add(1, SeqCst));
                });
            }
        });
        assert_eq!(allowed.into_inner(), 37);
    }
}

/// Calls for a while, and gives when each that was allowed was asked for and answered.
fn calls(limiter: &RateLimiter, time: Duration) -> Vec<(Instant, Instant)> {
    let start = Instant::now();
    let mut allowed = vec![];
    while start.elapsed() < time {
        let asked = Instant::now();
        let decision = limiter.check("jane").unwrap();
        if decision.allowed {
            allowed.push((asked, Instant::now()));
        } else {
            assert!(!decision.retry_after.is_zero(), "{decision:?}");
        }
    }
    allowed
}

#[test]
fn no_window_has_more_calls_wherever_it_begins() {
    let (count, window) = (5, Duration::from_millis(100));
    let limiter = RateLimiter::sliding_window(&redis(), &fresh("rate"), count, window);
    let allowed = calls(&limiter, window * 5);
    assert!(allowed.len() > 5, "no more than in one window");
    for pair in allowed.windows(count as usize + 1) {
        assert!(pair[count as usize].1 - pair[0].0 >= window, "{pair:?}");
    }
}

#[test]
fn a_bucket_fills_at_its_rate() {
    let (capacity, every) = (4, Duration::from_millis(20));
    let limiter = RateLimiter::token_bucket(&redis(), &fresh("rate"), capacity, every);
    let allowed = calls(&limiter, every * 20);
    for (n, (_, answered)) in allowed.iter().enumerate().skip(capacity as usize) {
        let filled = every * (n as u32 + 1 - capacity);
        assert!(*answered - allowed[0].0 >= filled, "the {n}th after {:?}", *answered - allowed[0].0);
    }
    assert!(allowed.len() > 4, "nothing came after the first");
    while limiter.check("jane").unwrap().allowed {}
    let refused = limiter.check("jane").unwrap();
    assert!(refused.allowed || refused.retry_after <= every, "{refused:?}");
    std::thread::sleep(refused.retry_after);
    assert!(limiter.check("jane").unwrap().allowed || refused.allowed, "when it was said to be");
}

#[test]
fn a_window_ends_when_it_is_said_to() {
    let limiter = RateLimiter::fixed_window(&redis(), &fresh("rate"), 1, Duration::from_millis(80));
    assert!(limiter.check("jane").unwrap().allowed);
    // Between two calls of ours there may be the end of a window.
    let refused = loop {
        let decision = limiter.check("jane").unwrap();
        if !decision.allowed {
            break decision;
        }
    };
    assert!(refused.retry_after <= Duration::from_millis(80), "{refused:?}");
    std::thread::sleep(refused.retry_after + Duration::from_millis(2));
    assert!(limiter.check("jane").unwrap().allowed);
}

#[test]
fn a_session_lives_as_long_as_it_is_used() {
    let ttl = Duration::from_millis(400);
    let (sessions, others) = (Sessions::new(&redis(), &fresh("web"), ttl), Sessions::new(&redis(), &fresh("web"), ttl));
    // False where this machine stood still for as long as a session lives.
    let lives = |id: &SessionId| {
        let (start, mut used) = (Instant::now(), Instant::now());
        while start.elapsed() < ttl * 3 {
            let asked = Instant::now();
            if sessions.get(id).unwrap().as_deref() != Some(&b"guest"[..]) {
                assert!(
                    used.elapsed() >= ttl,
                    "it ended after {:?}, {:?} after a use",
                    start.elapsed(),
                    used.elapsed()
                );
                return false;
            }
            used = asked;
        }
        true
    };
    let id = loop {
        let id = sessions.create(b"guest").unwrap();
        assert_eq!(SessionId::parse(id.as_str()).as_ref(), Some(&id));
        assert_eq!(others.get(&id).unwrap(), None, "sessions of another name");
        if lives(&id) {
            break id;
        }
    };
    assert!(sessions.update(&id, b"jane").unwrap());
    assert_eq!(sessions.get(&id).unwrap().as_deref(), Some(&b"jane"[..]));
    eventually("it ends", || {
        std::thread::sleep(ttl + Duration::from_millis(20));
        sessions.get(&id).unwrap().is_none()
    });
    assert!(!sessions.update(&id, b"late").unwrap(), "an ended session is not made again");
    assert_eq!(sessions.rotate(&id).unwrap(), None);
    assert!(!sessions.delete(&id).unwrap());
}

#[test]
fn a_rotated_id_is_worth_nothing() {
    let sessions = Sessions::new(&redis(), &fresh("web"), HOUR);
    let mut id = sessions.create(b"jane").unwrap();
    for _ in 0..10 {
        let new = sessions.rotate(&id).unwrap().unwrap();
        assert_ne!(new, id);
        assert_eq!(sessions.get(&id).unwrap(), None);
        assert_eq!(sessions.get(&new).unwrap().as_deref(), Some(&b"jane"[..]));
        id = new;
    }
    assert!(sessions.delete(&id).unwrap());
    assert_eq!(sessions.get(&id).unwrap(), None);
}

#[test]
fn ids_are_not_guessed_shown_or_made_of_anything() {
    let sessions = Sessions::new(&redis(), &fresh("web"), HOUR);
    let ids: std::collections::HashSet<_> = (0..100).map(|_| sessions.create(b"").unwrap()).collect();
    assert_eq!(ids.len(), 100);
    for id in &ids {
        assert!(!format!("{id:?}").contains(id.as_str()));
    }
    for text in ["", "x", "0", &"g".repeat(34), &"A".repeat(34), &"0".repeat(33), &"0".repeat(35), &"\u{e9}".repeat(17)]
    {
        assert_eq!(SessionId::parse(text), None, "{text}");
    }
    assert_eq!(sessions.get(&SessionId::parse(&"0".repeat(34)).unwrap()).unwrap(), None);
}
