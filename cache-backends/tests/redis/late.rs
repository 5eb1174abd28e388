//! Commands that a network holds back until long after they were given up: they change nothing any more.

use crate::load::fresh;
use crate::proxy::{Proxy, Weather};
use crate::servers::{Cluster, Connection, Server, eventually};
use memolith_backends::Redis;
use memolith_core::{AsyncBackend, Backend, Record, Space, Timestamp};

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const KEY: &[u8] = b"key";

/// A server, a network before it, and a space with a value in it.
struct Scene {
    server: Server,
    proxy: Proxy,
    redis: Redis,
    space: Space,
}

impl Scene {
    fn new(arguments: &[&str], maxsize: Option<u64>) -> Self {
        let server = Server::with(arguments);
        let proxy = Proxy::to(server.port());
        let redis = Redis::open(&proxy.url()).unwrap();
        let mut space = Space::new(fresh("late"));
        space.maxsize = maxsize;
        let scene = Scene { server, proxy, redis, space };
        eventually("a value is there", || scene.put("old") && scene.value().as_deref() == Some("old"));
        scene
    }

    fn put(&self, value: &str) -> bool {
        Backend::put(&self.redis, &self.space, KEY, &record(value), NOW).is_ok()
    }

    fn remove(&self) -> bool {
        Backend::remove(&self.redis, &self.space, KEY).is_ok()
    }

    fn value(&self) -> Option<String> {
        let record = Backend::get(&self.redis, &self.space, KEY, NOW).ok()??;
        Some(String::from_utf8(record.value).unwrap())
    }

    /// What was held back arrives, and nothing has become of it.
    #[track_caller]
    fn stays_removed(&self) {
        assert!(self.proxy.deliver() > 0, "nothing was held back");
        // The server's own word, whatever the client remembers.
        eventually("the server is used", || self.redis.len(&self.space).is_ok());
        assert_eq!(self.value(), None, "a value that was removed came back");
        assert_eq!(self.redis.len(&self.space).unwrap(), 0);
    }
}

fn record(value: &str) -> Record {
    Record { value: value.as_bytes().to_vec(), expires: Timestamp::NEVER }
}

/// As servers speak today, and as they did before Redis 6.
const MANNERS: [&[&str]; 2] = [&[], &["--rename-command", "HELLO", ""]];

#[test]
fn a_put_that_was_given_up_stays_away() {
    for arguments in MANNERS {
        for maxsize in [None, Some(10)] {
            let scene = Scene::new(arguments, maxsize);
            scene.proxy.hold();
            assert!(!scene.put("late"), "nothing has passed");
            eventually("the value is removed", || scene.remove());
            scene.stays_removed();
        }
    }
}

#[test]
fn a_put_of_a_task_stays_away() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    for maxsize in [None, Some(10)] {
        let scene = Scene::new(&[], maxsize);
        scene.proxy.hold();
        let late = record("late");
        let put = AsyncBackend::put(&scene.redis, &scene.space, KEY, &late, NOW);
        assert!(runtime.block_on(put).is_err(), "nothing has passed");
        eventually("the value is removed", || {
            runtime.block_on(AsyncBackend::remove(&scene.redis, &scene.space, KEY)).is_ok()
        });
        scene.stays_removed();
    }
}

#[test]
fn a_removal_that_was_given_up_takes_nothing_that_came_later() {
    let scene = Scene::new(&[], None);
    // The server knows the script, and would carry it out.
    assert!(scene.remove() && scene.put("old"));
    scene.proxy.hold();
    assert!(!scene.remove(), "nothing has passed");
    eventually("there is a new value", || scene.put("new"));
    assert!(scene.proxy.deliver() > 0, "nothing was held back");
    eventually("it is still there", || scene.value().as_deref() == Some("new"));
}

#[test]
fn attempts_that_fail_between_do_not_forget_it() {
    let scene = Scene::new(&[], None);
    scene.proxy.hold();
    assert!(!scene.put("late"), "nothing has passed");
    scene.proxy.set(Weather::Hole);
    for _ in 0..5 {
        assert!(!scene.remove());
    }
    scene.proxy.set(Weather::Clear);
    eventually("the value is removed", || scene.remove());
    scene.stays_removed();
}

#[test]
fn another_backend_of_the_process_does_not_forget_it() {
    let mut scene = Scene::new(&[], None);
    scene.proxy.hold();
    assert!(!scene.put("late"), "nothing has passed");
    scene.redis = Redis::open(&scene.proxy.url()).unwrap();
    eventually("the value is removed", || scene.remove());
    scene.stays_removed();
}

#[test]
fn on_a_cluster_neither() {
    let cluster = Cluster::start();
    let proxies: Vec<Proxy> = cluster.masters().iter().map(|master| Proxy::to(master.port())).collect();
    for (master, proxy) in cluster.masters().iter().zip(&proxies) {
        let port = proxy.port().to_string();
        assert_eq!(master.cli(&["CONFIG", "SET", "cluster-announce-port", &port]), "OK");
    }
    let urls: Vec<String> = proxies.iter().map(|proxy| format!("127.0.0.1:{}", proxy.port())).collect();
    eventually("all nodes name the proxies", || {
        let names = |node: &Server| {
            let said = node.cli(&["CLUSTER", "NODES"]);
            urls.iter().all(|url| said.contains(&format!(" {url}@")))
        };
        cluster.nodes().iter().all(names)
    });
    let redis = Redis::open(&format!("redis+cluster://{}", urls.join(","))).unwrap();
    for maxsize in [None, Some(10)] {
        let mut space = Space::new(fresh("late"));
        space.maxsize = maxsize;
        let put = |value| Backend::put(&redis, &space, KEY, &record(value), NOW);
        eventually("a value is there", || put("old").is_ok());
        proxies.iter().for_each(Proxy::hold);
        assert!(put("late").is_err(), "nothing has passed");
        eventually("the value is removed", || Backend::remove(&redis, &space, KEY).is_ok());
        assert!(proxies.iter().map(Proxy::deliver).sum::<usize>() > 0, "nothing was held back");
        let found = || Backend::get(&redis, &space, KEY, NOW);
        eventually("the servers are used", || found().is_ok());
        assert_eq!(found().unwrap(), None, "a value that was removed came back");
    }
}

/// The number of a connection, as the server counts.
fn number(connection: &mut Connection) -> u64 {
    connection.call(&["CLIENT", "ID"]).unwrap().parse().unwrap()
}

/// A server that starts again counts from the beginning, and gives the number of who was given up to somebody else.
#[test]
fn nobody_else_is_cut_off() {
    let scene = Scene::new(&[], None);
    // A number that the server does not give while it starts.
    (0..20).for_each(|_| _ = scene.server.cli(&["PING"]));
    scene.proxy.set(Weather::HangUp);
    scene.proxy.set(Weather::Clear);
    eventually("there is another connection", || scene.put("old"));
    let newest = number(&mut scene.server.connect().unwrap());
    scene.proxy.hold();
    assert!(!scene.put("late"), "nothing has passed");
    scene.server.restart();
    let mut others: Vec<Connection> = Vec::new();
    while others.last_mut().map_or(0, number) < newest {
        others.push(scene.server.connect().unwrap());
    }
    eventually("the server is used", || scene.put("new"));
    for other in &mut others {
        assert_eq!(other.call(&["PING"]).unwrap(), "PONG", "an other's connection was ended");
    }
}

/// Who may not end connections is served, as far as a server can that is not told.
#[test]
fn a_user_without_the_right_is_served() {
    for denied in ["-client|kill", "-client|id", "-info", "-@dangerous"] {
        let mut scene = Scene::new(&[], None);
        let rules = ["ACL", "SETUSER", "some", "on", ">secret", "~*", "&*", "+@all", denied];
        assert_eq!(scene.server.cli(&rules), "OK");
        scene.redis = Redis::open(&scene.proxy.url().replace("redis://", "redis://some:secret@")).unwrap();
        eventually("the server is used", || scene.put("old"));
        scene.proxy.hold();
        assert!(!scene.put("late"), "nothing has passed");
        eventually("the server is used again", || scene.put("new"));
        eventually("and answers", || scene.value().as_deref() == Some("new"));
    }
}
