//! Several processes, which are this program again with a job.

use crate::said::{Said, permille, time};
use crate::servers::Server;
use memolith_backends::Redis;
use memolith_core::{Cache, Postcard, Writes};
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

type Numbers = Cache<u64, u64>;

const JOB: &str = "MEMOLITH_JOB";

pub(crate) fn job() -> Option<String> {
    std::env::var(JOB).ok()
}

/// What a process does that was started with a job.
pub(crate) fn work(job: &str) {
    let (what, url) = job.split_once(' ').unwrap();
    match what {
        "watch" => watch(&cache(url, "coherence", Writes::Through)),
        "compute" => compute(&cache(url, "claims", Writes::Through)),
        _ => write(&cache(url, "behind", Writes::Behind)),
    }
}

pub(crate) fn measure(said: &mut Said) {
    let server = Server::start();
    coherence(said, &server);
    claims(said, &server);
    behind(said, &server);
}

fn cache(url: &str, name: &str, writes: Writes) -> Numbers {
    let redis = Redis::open(&format!("{url}?timeout=5s")).unwrap();
    let memory = if name == "coherence" { 1_000 } else { 0 };
    let builder = Cache::builder().maxsize(None).memory(memory).writes(writes).wait(Duration::from_secs(10));
    builder.backend(redis, name, Postcard).build()
}

/// A process with a job.
struct Other {
    process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Other {
    fn start(job: &str) -> Other {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut process = command.env(JOB, job).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Other { process, input, output: BufReader::new(output).lines() }
    }

    fn hear(&mut self) -> u64 {
        self.output.next().unwrap().unwrap().parse().unwrap()
    }

    fn tell(&mut self, number: u64) {
        writeln!(self.input, "{number}").unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn say(number: u64) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{number}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

fn heard() -> u64 {
    let mut line = String::new();
    match std::io::stdin().read_line(&mut line) {
        Ok(1..) => line.trim().parse().unwrap(),
        _ => std::process::exit(0),
    }
}

/// Of the clock that all processes share.
fn nanos() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

/// Has a key in memory, says so, and says when it is gone.
fn watch(cache: &Numbers) {
    loop {
        let key = heard();
        loop {
            cache.get_or_insert_with(&key, || key);
            let before = cache.info().backend_hits + cache.info().misses;
            if cache.get(&key).is_some() && cache.info().backend_hits + cache.info().misses == before {
                break;
            }
        }
        say(nanos());
        while cache.get(&key).is_some() {
            std::hint::spin_loop();
        }
        say(nanos());
    }
}

fn coherence(said: &mut Said, server: &Server) {
    let mut other = Other::start(&format!("watch {}", server.url()));
    let ours = cache(&server.url(), "coherence", Writes::Through);
    let rounds = if said.quick { 20 } else { 500 };
    let mut late: Vec<Duration> = (0..rounds)
        .map(|key| {
            other.tell(key);
            other.hear();
            ours.remove(&key).unwrap();
            let removed = nanos();
            Duration::from_nanos(other.hear().saturating_sub(removed))
        })
        .collect();
    said.row("a removal is seen by another process after it has returned, median", time(permille(&mut late, 500)), "");
    said.row("the same, longest", time(permille(&mut late, 1_000)), "");
}

/// Computes a key as often as it is told to, and says whether it was computed here.
fn compute(cache: &Numbers) {
    loop {
        let (key, mut bodies) = (heard(), 0);
        let found = cache.get_or_insert_with(&key, || {
            bodies += 1;
            std::thread::sleep(Duration::from_millis(200));
            key
        });
        assert_eq!(found, key);
        say(bodies);
    }
}

fn claims(said: &mut Said, server: &Server) {
    let mut others = [(); 3].map(|()| Other::start(&format!("compute {}", server.url())));
    let rounds = if said.quick { 3 } else { 20 };
    let start = Instant::now();
    let mut bodies = 0;
    for key in 0..rounds {
        others.iter_mut().for_each(|other| other.tell(key));
        bodies += others.iter_mut().map(Other::hear).sum::<u64>();
    }
    let each = start.elapsed() / rounds as u32;
    said.row(
        &format!("3 processes, {rounds} keys, a body of 200 ms: bodies run"),
        bodies.to_string(),
        &rounds.to_string(),
    );
    said.row("until all three have the value", time(each), "");
}

/// Stores numbers, and says each with its time, until it is killed.
fn write(cache: &Numbers) {
    heard();
    for key in 0.. {
        cache.insert(key, key);
        say(nanos());
        std::thread::sleep(Duration::from_micros(100));
    }
}

fn behind(said: &mut Said, server: &Server) {
    let (rounds, mut lost, mut windows) = (if said.quick { 2 } else { 20 }, 0, Vec::new());
    for _ in 0..rounds {
        server.cli(&["FLUSHALL"]);
        let mut other = Other::start(&format!("write {}", server.url()));
        other.tell(0);
        let mut times = vec![other.hear()];
        // The first write opens the connection.
        let end = times[0] + 400_000_000;
        while times.last().is_some_and(|last| *last < end) {
            times.push(other.hear());
        }
        let killed = nanos();
        other.process.kill().unwrap();
        other.process.wait().unwrap();
        times.extend(other.output.by_ref().map_while(|line| line.ok()?.parse::<u64>().ok()));
        let ours = cache(&server.url(), "behind", Writes::Through);
        let keys: Vec<u64> = (0..times.len() as u64).collect();
        let found = ours.get_many(&keys);
        let missing = found.iter().filter(|value| value.is_none()).count();
        lost += missing;
        // Not from the newest that was stored: a process that was given no core before its last put has lost nothing by that.
        let oldest = found.iter().position(Option::is_none).map_or(killed, |at| times[at]);
        windows.push(Duration::from_nanos(killed.saturating_sub(oldest)));
    }
    let each = lost as f64 / f64::from(rounds);
    said.row("write-behind and kill -9, one put in 100 us: entries lost", format!("{each:.1}"), "");
    said.row("the oldest of them was put before the kill, median", time(permille(&mut windows, 500)), "");
    said.row("the same, longest", time(permille(&mut windows, 1_000)), "");
}
