//! Many threads, and many tasks, on one connection.

use crate::server::Server;
use crate::{Rows, bare_key, fill, fill_bare, opened, rows};
use compare::{Contender, Measure, Options, Race, Report, Role, Standings, Table, Uniform, Work, ratio};
use memolith::Policy;
use parking_lot::{Condvar, Mutex};
use redis::Connection;
use redis::aio::MultiplexedConnection;
use tokio::runtime::{Builder, Runtime};

const KEYS: usize = 10_000;
const THREADS: usize = 64;
const TASKS: u64 = 1_000;
const POOLED: usize = 10;
const SHARED: &str = "redis crate, multiplexed, one connection";

pub(crate) fn of_threads(report: &mut Report, options: &Options, server: &Server) {
    let (runtime, caches) = (runtime(), filled(server));
    let shared = multiplexed(&runtime, server);
    let pool = Pool::new(server);
    let own = (0..THREADS).map(|thread| bare(server, thread)).collect();
    let pooled = (0..THREADS).map(|thread| from_pool(&pool, thread)).collect();
    let blocked = (0..THREADS).map(|thread| blocking(&runtime, &shared, thread)).collect();
    let mut contenders = vec![
        Contender::new(SHARED, Role::Floor, blocked),
        Contender::new(format!("redis crate, {THREADS} connections"), Role::Other, own),
        Contender::new(format!("redis crate, a pool of {POOLED}"), Role::Other, pooled),
    ];
    for (name, cache) in &caches {
        let works = (0..THREADS).map(|thread| gets(cache, thread)).collect();
        contenders.push(Contender::new(format!("memolith, {name}, one connection"), Role::Ours, works));
    }
    let standings = Race::new(Measure::Together, options).run(contenders);
    said(report, "get, 64 threads", &standings);
}

pub(crate) fn of_tasks(report: &mut Report, options: &Options, server: &Server) {
    let (runtime, caches) = (runtime(), filled(server));
    let shared = multiplexed(&runtime, server);
    let theirs = |times: u64| {
        let task = |task: u64| {
            let (mut connection, mut keys) = (shared.clone(), Uniform::new(KEYS, task));
            async move {
                for key in keys.by_ref().take(share(times, task)) {
                    let found: Option<Vec<u8>> =
                        redis::cmd("GET").arg(bare_key(key)).query_async(&mut connection).await.expect("it answers");
                    assert!(found.is_some());
                }
            }
        };
        finish(&runtime, (0..TASKS).map(task));
    };
    let mut contenders = vec![Contender::single(SHARED, Role::Floor, theirs)];
    for (name, cache) in &caches {
        let (runtime, cache) = (&runtime, *cache);
        contenders.push(Contender::single(format!("memolith, {name}, one connection"), Role::Ours, move |times| {
            let task = |task: u64| {
                let mut keys = Uniform::new(KEYS, task);
                async move {
                    for key in keys.by_ref().take(share(times, task)) {
                        let found = cache.get_or_insert_async(&key, || async { panic!("it is there") }).await;
                        assert_eq!(found.len(), 64);
                    }
                }
            };
            finish(runtime, (0..TASKS).map(task));
        }));
    }
    let standings = Race::new(Measure::Together, options).run(contenders);
    said(report, "get, 1,000 tasks on 2 threads", &standings);
}

/// How many of `times` calls are those of one of the tasks.
fn share(times: u64, task: u64) -> usize {
    ((times + task) / TASKS) as usize
}

/// Runs all tasks until the last has ended.
fn finish(runtime: &Runtime, tasks: impl Iterator<Item = impl Future<Output = ()> + Send + 'static>) {
    runtime.block_on(async {
        let running: Vec<_> = tasks.map(tokio::spawn).collect();
        for task in running {
            task.await.expect("tasks do not panic");
        }
    });
}

fn said(report: &mut Report, title: &str, standings: &Standings) {
    let mut table = Table::new(["", "calls per second", "throughput over multiplexed"]);
    for (name, role) in standings.names() {
        let median = standings.median_of(name).unwrap_or(f64::NAN);
        let cells = [format!("{:.0}", 1e9 / median), ratio(standings.ratio_of(name, SHARED).map(f64::recip))];
        table.row(name, role, cells);
    }
    let note = "Goal: at least the throughput of the bare multiplexed client.";
    report.plotted(title, note, (&table, &standings.chart("ns per get")));
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads can be started")
}

/// Both forms of a space, with all rows; they live as long as tasks may. The others' rows too.
fn filled(server: &Server) -> [(&'static str, &'static Rows); 2] {
    fill_bare(server, 0..KEYS as u64);
    let redis = opened(server);
    [("plain", None), ("Lru", Some((2 * KEYS, Policy::Lru)))].map(|(name, bound)| {
        let cache = rows(&redis, &format!("crowd {name}"), bound);
        fill(&cache, 0..KEYS as u64);
        (name, &*Box::leak(Box::new(cache)))
    })
}

fn multiplexed(runtime: &Runtime, server: &Server) -> MultiplexedConnection {
    runtime.block_on(server.client().get_multiplexed_async_connection()).expect("the server answers")
}

fn gets(cache: &Rows, thread: usize) -> Work<'_> {
    let mut keys = Uniform::new(KEYS, thread as u64);
    Box::new(move |times| keys.by_ref().take(times as usize).for_each(|key| assert!(cache.get(&key).is_some())))
}

fn bare(server: &Server, thread: usize) -> Work<'static> {
    let (mut connection, mut keys) = (server.bare(), Uniform::new(KEYS, thread as u64));
    Box::new(move |times| keys.by_ref().take(times as usize).for_each(|key| get(&mut connection, key)))
}

/// Each thread waits for the one connection, whose work is done by the threads of the runtime.
fn blocking<'a>(runtime: &'a Runtime, shared: &MultiplexedConnection, thread: usize) -> Work<'a> {
    let (mut connection, mut keys) = (shared.clone(), Uniform::new(KEYS, thread as u64));
    Box::new(move |times| {
        for key in keys.by_ref().take(times as usize) {
            let mut get = redis::cmd("GET");
            let get = get.arg(bare_key(key)).query_async(&mut connection);
            let found: Option<Vec<u8>> = runtime.block_on(get).expect("the server answers");
            assert!(found.is_some());
        }
    })
}

fn from_pool(pool: &Pool, thread: usize) -> Work<'_> {
    let mut keys = Uniform::new(KEYS, thread as u64);
    Box::new(move |times| {
        for key in keys.by_ref().take(times as usize) {
            let mut connection = pool.take();
            get(&mut connection, key);
            pool.give(connection);
        }
    })
}

fn get(connection: &mut Connection, key: u64) {
    let found: Option<Vec<u8>> = redis::cmd("GET").arg(bare_key(key)).query(connection).expect("the server answers");
    assert!(found.is_some());
}

/// Connections of which each belongs to one thread at a time, as pools have it.
struct Pool {
    free: Mutex<Vec<Connection>>,
    given: Condvar,
}

impl Pool {
    fn new(server: &Server) -> Self {
        Pool { free: Mutex::new((0..POOLED).map(|_| server.bare()).collect()), given: Condvar::new() }
    }

    fn take(&self) -> Connection {
        let mut free = self.free.lock();
        loop {
            match free.pop() {
                Some(connection) => return connection,
                None => self.given.wait(&mut free),
            }
        }
    }

    fn give(&self, connection: Connection) {
        self.free.lock().push(connection);
        self.given.notify_one();
    }
}
