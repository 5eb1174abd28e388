//! What is to be taken back while no server is there goes when there is one.

use crate::load::fresh;
use crate::news::Ear;
use crate::proxy::{Proxy, Weather};
use crate::servers::{Server, eventually};
use memolith_backends::Redis;
use memolith_core::{Backend, ErrorKind, Record, Space, Timestamp};
use std::sync::Arc;
use std::time::{Duration, Instant};

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
/// More than are remembered one by one.
const MANY: u32 = 70_000;

/// Somebody behind a network, and somebody else who has a way of their own to the server.
struct Scene {
    proxy: Proxy,
    ours: Redis,
    theirs: Redis,
    space: Space,
    _server: Server,
}

impl Scene {
    fn new(maxsize: Option<u64>) -> Self {
        let server = Server::start();
        let proxy = Proxy::to(server.port());
        let [ours, theirs] = [proxy.url(), server.url()].map(|url| Redis::open(&format!("{url}?timeout=5s")).unwrap());
        let mut space = Space::new(fresh("owed"));
        space.maxsize = maxsize;
        ours.open(&space).unwrap();
        Scene { proxy, ours, theirs, space, _server: server }
    }

    /// Somebody of ours who has heard of the others.
    fn ear(&self) -> Arc<Ear> {
        let ear = Ear::at(&self.ours, &self.space);
        ear.after(0, "the subscription stands");
        ear
    }

    fn is_there(&self, key: &[u8]) -> bool {
        self.theirs.get(&self.space, key, NOW).unwrap().is_some()
    }
}

fn record(value: &str) -> Record {
    Record { value: value.as_bytes().to_vec(), expires: Timestamp::NEVER }
}

fn put(redis: &Redis, space: &Space, key: &[u8], value: &str) {
    redis.put(space, key, &record(value), NOW).unwrap();
}

#[test]
fn what_could_not_be_taken_back_is_when_the_server_can_be_reached() {
    for maxsize in [None, Some(10)] {
        let scene = Scene::new(maxsize);
        for key in [b"known", b"other", b"any  "] {
            put(&scene.ours, &scene.space, key, "old");
        }
        scene.proxy.set(Weather::HangUp);
        let own = record("old");
        for (key, record) in [(b"known", Some(&own)), (b"other", Some(&own)), (b"any  ", None)] {
            assert!(scene.ours.take_back(&scene.space, key, record).is_err(), "nothing passes");
        }
        put(&scene.theirs, &scene.space, b"other", "later");
        assert!(scene.is_there(b"known") && scene.is_there(b"any  "));
        scene.proxy.set(Weather::Clear);
        eventually("they are gone", || !scene.is_there(b"known") && !scene.is_there(b"any  "));
        assert!(scene.is_there(b"other"), "what others have put in its place stays");
    }
}

/// The connections are lost between a put and the news of a removal before it.
#[test]
fn what_was_put_when_news_was_lost_goes_when_the_server_can_be_reached() {
    let scene = Scene::new(None);
    let (ear, reader) = (scene.ear(), Ear::at(&scene.theirs, &scene.space));
    reader.after(0, "the subscription stands");
    // The question whether all was heard is not answered so soon.
    scene.proxy.set(Weather::Delay(Duration::from_millis(500)));
    put(&scene.ours, &scene.space, b"key", "old");
    scene.proxy.set(Weather::HangUp);
    eventually("it is tried to take it back", || ear.taken_back() > 0);
    let struck = scene.proxy.struck();
    eventually("it is tried again and again", || scene.proxy.struck() > struck + 5);
    assert!(scene.is_there(b"key"), "nothing passes");
    assert_eq!(ear.taken_back(), 1, "memory is dropped once, and not whenever it is tried");
    let before = reader.taken_back();
    scene.proxy.set(Weather::Clear);
    eventually("it is gone", || !scene.is_there(b"key"));
    eventually("others hear of it", || reader.taken_back() > before);
    eventually("so do those here who may have read it", || ear.taken_back() > 1);
}

#[test]
fn when_it_is_too_much_to_be_remembered_nothing_stays() {
    for maxsize in [None, Some(10)] {
        let scene = Scene::new(maxsize);
        put(&scene.ours, &scene.space, b"key", "old");
        let other = Space::new(fresh("owed"));
        put(&scene.ours, &other, b"key", "other");
        scene.proxy.set(Weather::HangUp);
        for number in 0..MANY {
            assert!(scene.ours.take_back(&scene.space, &number.to_le_bytes(), None).is_err(), "nothing passes");
        }
        scene.proxy.set(Weather::Clear);
        eventually("it is gone", || !scene.is_there(b"key"));
        assert!(scene.theirs.get(&other, b"key", NOW).unwrap().is_some(), "another space is not concerned");
    }
}

#[test]
fn what_was_never_sent_is_not_taken_back() {
    let scene = Scene::new(None);
    let ear = scene.ear();
    scene.proxy.set(Weather::HangUp);
    for number in 0..MANY {
        assert!(scene.ours.put(&scene.space, &number.to_le_bytes(), &record("lost"), NOW).is_err(), "nothing passes");
    }
    put(&scene.theirs, &scene.space, b"kept", "theirs");
    scene.proxy.set(Weather::Clear);
    let before = ear.taken_back();
    eventually("news is heard again", || {
        let _ = scene.ours.put(&scene.space, b"key", &record("ours"), NOW);
        scene.theirs.remove(&scene.space, b"key").unwrap();
        ear.taken_back() > before
    });
    assert!(scene.is_there(b"kept"), "the whole space went for what was never there");
}

/// The entry goes, and others cannot be told of it: that will not go better later, and must not take what is put then.
#[test]
fn what_a_user_may_not_tell_others_is_taken_back_once() {
    let server = Server::start();
    assert_eq!(server.cli(&["ACL", "SETUSER", "mute", "on", ">x", "~*", "+@all", "resetchannels"]), "OK");
    let ours = Redis::open(&format!("redis://mute:x@{}?timeout=5s", server.address())).unwrap();
    for maxsize in [None, Some(10)] {
        let mut space = Space::new(fresh("owed"));
        space.maxsize = maxsize;
        ours.open(&space).unwrap();
        put(&ours, &space, b"key", "same");
        let error = ours.take_back(&space, b"key", Some(&record("same"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        put(&ours, &space, b"key", "same");
        // What is owed is tried four times a second.
        let end = Instant::now() + Duration::from_secs(1);
        while Instant::now() < end {
            assert!(ours.get(&space, b"key", NOW).unwrap().is_some(), "it was taken back again");
        }
    }
}
