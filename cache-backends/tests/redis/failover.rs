//! Servers that take over for others, and slots that move, under load.

use crate::load::{Load, Memory, fresh, patient};
use crate::news::Ear;
use crate::servers::{Cluster, Sentinels, Server, eventually, slot_tag};
use memolith_backends::Redis;
use memolith_backends::redis::Lock;
use memolith_core::{Backend, ErrorKind, Policy, Record, Space, Timestamp, Visit};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// By when our writes must be accepted, after the servers accept some. Much more than what is measured: the machine may
/// have other things to do.
const LATE: Duration = Duration::from_secs(5);

/// How often servers are killed.
fn rounds() -> u64 {
    std::env::var("MEMOLITH_REDIS_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(2)
}

fn now() -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000)
}

fn record(value: &[u8]) -> Record {
    Record { value: value.to_vec(), expires: Timestamp::NEVER }
}

/// After `fault` waits until the servers accept writes, as a probe tells, and until ours are accepted in many spaces,
/// so that some lie on each server. Says and bounds the time between the two.
fn recovers(what: &str, redis: &Arc<Redis>, fault: impl FnOnce(), accepts: impl Fn() -> bool) {
    fault();
    let ours: Vec<_> = (0..16)
        .map(|_| {
            let redis = Arc::clone(redis);
            std::thread::spawn(move || {
                let space = Space::new(fresh("probe"));
                eventually("our write is accepted", || redis.put(&space, b"key", &record(b"value"), now()).is_ok());
                (Instant::now(), space)
            })
        })
        .collect();
    eventually("the servers accept writes", accepts);
    let theirs = Instant::now();
    let ours: Vec<_> = ours.into_iter().map(|thread| thread.join().expect("a probe has failed")).collect();
    let late = ours.iter().map(|(at, _)| at.saturating_duration_since(theirs)).max().unwrap_or_default();
    println!("{what}: our writes were accepted {late:?} after theirs");
    assert!(late < LATE, "{what}: our writes were accepted {late:?} after theirs");
    for (_, space) in ours {
        eventually("what was put is there", || match redis.get(&space, b"key", now()) {
            Ok(found) => found.is_none_or(|found| found == record(b"value")),
            Err(_) => false,
        });
    }
}

#[test]
fn a_master_that_is_killed_is_replaced() {
    let cluster = Cluster::start();
    let load = Load::with(&cluster.url(), None, Memory::Late);
    let redis = Arc::new(Redis::open(&cluster.url()).unwrap());
    for round in 0..rounds() {
        let slot = [100, 8_000, 16_000][round as usize % 3];
        recovers("killed", &redis, || cluster.owner(slot).kill(), || cluster.accepts(slot));
        load.go_on(100);
        load.felt().bounded("killed");
        cluster.restore();
    }
    load.until_used(LATE);
    load.end();
}

#[test]
fn a_master_that_is_stopped_is_replaced() {
    let cluster = Cluster::start();
    // With a bound all entries of a space lie on one master: that one.
    let load = Load::with(&cluster.url(), Some(10_000), Memory::Late);
    let redis = Arc::new(Redis::open(&cluster.url()).unwrap());
    let masters = cluster.masters();
    let fullest = masters.iter().max_by_key(|master| master.info("total_commands_processed"));
    let (victim, slot) = (fullest.expect("there are three"), cluster.slot_of(fullest.expect("there are three")));
    recovers("stopped", &redis, || victim.stop(), || cluster.accepts(slot));
    load.go_on(100);
    load.felt().bounded("stopped");
    load.until_used(LATE);
    victim.cont();
    load.go_on(100);
    cluster.settle();
    load.until_used(LATE);
    load.end();
}

#[test]
fn slots_move_and_nobody_notices() {
    let cluster = Cluster::start();
    let load = Load::with(&patient(&cluster.url()), None, Memory::Exact);
    let masters = cluster.masters();
    load.felt();
    cluster.reshard(masters[0], masters[1], 2_000);
    let felt = load.felt().bounded("resharded");
    assert!(felt.calls > 100 && felt.hits > 0, "{felt:?}");
    cluster.settle();
    load.until_used(LATE);
    assert_eq!(load.end().texts(), Vec::<String>::new(), "a slot that moves is no fault");
}

#[test]
fn a_space_moves_key_by_key() {
    let cluster = Cluster::start();
    let load = Load::with(&cluster.url(), Some(1_000), Memory::Exact);
    // Whatever the keys are called, the server knows their slots.
    let slots = || -> Vec<u16> {
        let keys = |node: &&Server| node.connect().unwrap().items(&["KEYS", "*"]).unwrap();
        let slot = |key: &Vec<u8>| cluster.nodes()[0].cli(&[b"CLUSTER", &b"KEYSLOT"[..], key]).parse().unwrap();
        let keys = cluster.masters().iter().flat_map(keys).filter(|key| !key.is_empty()).collect::<Vec<_>>();
        let mut slots: Vec<u16> = keys.iter().map(slot).collect();
        slots.sort();
        slots.dedup();
        slots
    };
    let move_all = |each: &dyn Fn()| {
        for slot in slots() {
            let owner = cluster.owner(slot).port();
            let other = cluster.masters().into_iter().find(|master| master.port() != owner);
            cluster.move_slot(slot, other.expect("there are three"), each);
            load.go_on(100);
        }
    };
    move_all(&|| {});
    assert_eq!(load.faults.texts(), Vec::<String>::new(), "a space that moves is no fault");
    // As long as half of a space is here and half there, no server can do what concerns both.
    move_all(&|| load.go_on(20));
    load.felt().bounded("moved");
    load.until_used(LATE);
    let texts = load.end().texts();
    let late = |text: &String| text.contains("TRYAGAIN") || text.contains("time-out");
    assert!(texts.iter().all(late), "{texts:#?}");
}

#[test]
fn many_are_asked_for_while_they_move() {
    let cluster = Cluster::start();
    let redis = Redis::open(&patient(&cluster.url())).unwrap();
    let space = Space::new(fresh("many"));
    for key in 0..10_u8 {
        Backend::put(&redis, &space, &[key], &record(&[key]), now()).unwrap();
    }
    // The last five are at neither node.
    let keys: Vec<Vec<u8>> = (0..15).map(|key| vec![key]).collect();
    let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
    let owner = |node: &&Server| !node.cli(&["KEYS", "*"]).is_empty();
    let from = cluster.masters().into_iter().find(owner).expect("the keys are somewhere");
    let any = from.connect().unwrap().items(&["KEYS", "*"]).unwrap().remove(0);
    let slot = from.cli(&[b"CLUSTER", &b"KEYSLOT"[..], &any]).parse().unwrap();
    let to = cluster.masters().into_iter().find(|master| master.port() != from.port()).expect("there are three");
    let mut turns = 0;
    cluster.move_slot(slot, to, || {
        turns += 1;
        let start = Instant::now();
        let found = Backend::get_many(&redis, &space, &keys, now()).unwrap();
        for (key, found) in keys.iter().zip(found) {
            let there = (key[0] < 10).then(|| record(key));
            assert_eq!(found, there, "key {key:?} after {turns} moves");
        }
        // Much less than the time-out of ten seconds.
        assert!(start.elapsed() < LATE, "it was waited for the end of the move");
    });
    assert_eq!(turns, 10);
}

#[test]
fn a_plain_space_is_whole_while_it_moves() {
    let cluster = Cluster::start();
    let [redis, other] = [(), ()].map(|()| Redis::open(&patient(&cluster.url())).unwrap());
    let space = Space::new("moves");
    let ear = Ear::at(&redis, &space);
    // What is put before that is taken back.
    ear.after(0, "the subscription stands");
    let entries: Vec<_> = (0..60_u8).map(|key| (vec![key], record(&[key]))).collect();
    let keys: Vec<&[u8]> = entries.iter().map(|(key, _)| &key[..]).collect();
    let slot = cluster.nodes()[0].cli(&["CLUSTER", "KEYSLOT", "memolith:{moves}:k:0"]).parse().unwrap();
    let elsewhere = || {
        let owner = cluster.owner(slot).port();
        cluster.masters().into_iter().find(|master| master.port() != owner).expect("there are three")
    };
    redis.put_many(&space, &entries, now()).unwrap();
    let mut moved = 0;
    cluster.move_slot(slot, elsewhere(), || {
        moved += 1;
        if moved % 20 == 0 {
            let found = redis.get_many(&space, &keys, now()).unwrap();
            assert!(found.into_iter().eq(entries.iter().map(|(_, record)| Some(record.clone()))), "after {moved} keys");
            let mut shown = 0;
            redis
                .scan(&space, now(), &mut |_, _| {
                    shown += 1;
                    Visit::Keep
                })
                .unwrap();
            assert_eq!(shown, entries.len(), "after {moved} keys");
        }
    });
    assert!(moved >= entries.len());
    let mut moved = 0;
    cluster.move_slot(slot, elsewhere(), || {
        moved += 1;
        if moved == 20 {
            let there = |key: &[u8]| redis.get(&space, key, now()).unwrap().is_some();
            // Some have moved, some have not.
            for key in &keys[..10] {
                assert!(there(key) && redis.remove(&space, key).unwrap() && !there(key));
                assert!(!redis.remove(&space, key).unwrap());
            }
            let stood = ear.after(0, "the subscription stands");
            other.clear(&space).unwrap();
            ear.after(stood, "others hear of it");
            assert_eq!(redis.get_many(&space, &keys, now()).unwrap(), vec![None; keys.len()]);
        }
    });
}

#[test]
fn a_primary_that_is_killed_is_replaced_by_its_replica() {
    let sentinels = Sentinels::start();
    let load = Load::with(&sentinels.url(), None, Memory::Late);
    let redis = Arc::new(Redis::open(&sentinels.url()).unwrap());
    for _ in 0..rounds().min(3) {
        recovers("killed", &redis, || sentinels.primary().kill(), || sentinels.accepts());
        load.go_on(100);
        load.felt().bounded("killed");
        sentinels.restore();
        load.until_used(LATE);
    }
    // Not all sentinels are needed.
    sentinels.sentinels()[0].kill();
    load.go_on(100);
    load.until_used(LATE);
    load.end();
}

/// While its two keys are apart no server can give the lock to anybody.
#[test]
fn a_lock_is_waited_for_while_it_moves() {
    let cluster = Cluster::start();
    let redis = Redis::open(&format!("{}?timeout=1s", cluster.url())).unwrap();
    let lock = Lock::new(&redis, "moves");
    let number = lock.acquire(LATE).unwrap().map(|guard| (guard.fence(), guard.release().unwrap()));
    assert!(number.is_some_and(|(_, held)| held));
    let slot = cluster.nodes()[0].cli(&["CLUSTER", "KEYSLOT", "memolith:lock:{moves}"]).parse().unwrap();
    let owner = cluster.owner(slot).port();
    let to = cluster.masters().into_iter().find(|master| master.port() != owner).expect("there are three");
    std::thread::scope(|scope| {
        let mut waiter = None;
        cluster.move_slot(slot, to, || {
            waiter = Some(scope.spawn(|| lock.acquire(LATE * 4).map(|guard| guard.map(|guard| guard.fence()))));
            // So long as to be refused more often than a call asks again.
            for _ in 0..5 {
                assert!(Lock::new(&redis, "moves").try_acquire().is_err());
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let fence = waiter.expect("a key has moved").join().unwrap().unwrap().expect("nobody else has it");
        assert!(number.is_some_and(|(before, _)| fence > before));
    });
}

#[test]
fn a_sentinel_that_nobody_named_tells_who_took_over() {
    let sentinels = Sentinels::start();
    let redis = Arc::new(Redis::open(&sentinels.url_of_one()).unwrap());
    redis.put(&Space::new(fresh("first")), b"key", &record(b"value"), now()).unwrap();
    sentinels.sentinels()[0].kill();
    recovers("killed", &redis, || sentinels.primary().kill(), || sentinels.accepts());
}

/// Whatever is done to a space, with whatever options, finds its keys together.
#[test]
fn operations_of_a_space_never_cross_slots() {
    let cluster = Cluster::start();
    for options in ["", "?stripes=5"] {
        for maxsize in [None, Some(50)] {
            let redis = Redis::open(&format!("{}{options}", cluster.url())).unwrap();
            let mut space = Space::new(fresh("a {strange} name"));
            space.maxsize = maxsize;
            space.policy = Policy::Lru;
            redis.open(&space).unwrap();
            let keys: Vec<Vec<u8>> = (0..200_u64).map(|key| format!("{{{key}}}").into_bytes()).collect();
            for key in &keys[..100] {
                redis.put(&space, key, &record(key), now()).unwrap();
            }
            let batch: Vec<_> = keys[100..].iter().map(|key| (key.clone(), record(key))).collect();
            redis.put_many(&space, &batch, now()).unwrap();
            let names: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
            let found = redis.get_many(&space, &names, now()).unwrap();
            let there = found
                .iter()
                .zip(&keys)
                .filter(|(found, key)| found.as_ref().inspect(|found| assert_eq!(found.value, **key)).is_some());
            let there = there.count() as u64;
            assert_eq!(redis.len(&space).unwrap(), there, "{options} {maxsize:?}");
            assert!(maxsize.map_or(there == 200, |most| there <= most && there >= 25), "{there}, {maxsize:?}");
            let mut shown = 0;
            let shows = redis.scan(&space, now(), &mut |_, _| {
                shown += 1;
                Visit::Keep
            });
            assert!(shows.is_ok_and(|()| shown == there) || shown == 0);
            assert!(redis.remove(&space, &keys[199]).unwrap());
            match redis.invalidate_tags(&[b"one", b"two", b"three"]) {
                Ok(state) => assert_eq!(redis.tags(&[b"one", b"none"]).unwrap().invalidated, [state.clock, 0]),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported),
            }
            redis.clear(&space).unwrap();
            assert_eq!(redis.len(&space).unwrap(), 0);
        }
    }
}

#[test]
fn stripes_use_all_masters() {
    let cluster = Cluster::start();
    let redis = Redis::open(&format!("{}?stripes=12", cluster.url())).unwrap();
    let mut space = Space::new("striped");
    space.maxsize = Some(1_200);
    redis.open(&space).unwrap();
    for key in 0..2_000_u64 {
        redis.put(&space, &key.to_le_bytes(), &record(b"value"), now()).unwrap();
    }
    let len = redis.len(&space).unwrap();
    assert!((600..=1_200).contains(&len), "{len} entries");
    for master in cluster.masters() {
        assert_ne!(master.cli(&["DBSIZE"]), "0", "a master is idle");
    }
    // A key in a slot of one's choice, for the probe of these tests.
    assert_eq!(cluster.nodes()[0].cli(&["CLUSTER", "KEYSLOT", &slot_tag(4_711)]), "4711");
}
