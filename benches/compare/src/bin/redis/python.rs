//! The cache for Python that keeps two keys per space as ours does, in a process of its own.

use crate::server::Server;
use crate::{fill, opened, rows, value};
use compare::{Contender, Fresh, Measure, Options, Race, Report, Role, Uniform, workspace};
use memolith::Policy;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

const KEYS: usize = 10_000;

/// The process, told through a pipe how often to do what.
struct Rival {
    process: Child,
    pipes: Option<(ChildStdin, BufReader<ChildStdout>)>,
}

pub(crate) fn race(report: &mut Report, options: &Options, server: &Server) {
    let Some(rival) = Rival::start(server) else {
        let message = "No figures: redis_func_cache is not installed. `cargo xtask bench python` does that, or \
                       `MEMOLITH_PYTHON` names an interpreter that has it.";
        return report.say(&format!("### redis_func_cache\n\n{message}\n"));
    };
    let (rival, redis) = (Mutex::new(rival), opened(server));
    let cache = |name: &str, maxsize| rows(&redis, &format!("python {name}"), Some((maxsize, Policy::Lru)));
    let (found, full) = (cache("hits", 2 * KEYS), cache("puts", KEYS));
    [&found, &full].iter().for_each(|cache| fill(cache, 0..KEYS as u64));
    let (mut keys, mut fresh) = (Uniform::new(KEYS, 1), Fresh::new(7));
    let tell = |what: &'static str| {
        let rival = &rival;
        move |times: u64| rival.lock().expect("no turn panics").work(what, times)
    };
    let standings = Race::new(Measure::Together, options).run(vec![
        Contender::single("redis_func_cache LruT, hit", Role::Peer, tell("hit")),
        Contender::single("memolith Lru, hit", Role::Ours, |times| {
            keys.by_ref().take(times as usize).for_each(|key| assert!(found.get(&key).is_some()));
        }),
        Contender::single("redis_func_cache LruT, put", Role::Peer, tell("put")),
        Contender::single("memolith Lru, put", Role::Ours, |times| {
            fresh.by_ref().take(times as usize).for_each(|key| full.insert(key, value(key)));
        }),
    ]);
    let times = |what: &str| {
        let ratio = standings.ratio_of(&format!("redis_func_cache LruT, {what}"), &format!("memolith Lru, {what}"));
        ratio.map_or_else(String::new, |ratio| format!("{ratio:.1}"))
    };
    let note = format!(
        "Goal: twice as fast. A hit is {} times as fast, a put of a new key where there is no room left {} times.",
        times("hit"),
        times("put"),
    );
    report.plotted("next to redis_func_cache", &note, (&standings.table(), &standings.chart("ns per call")));
}

impl Rival {
    /// None if there is no such package.
    fn start(server: &Server) -> Option<Self> {
        let place = |path: &str| workspace().join(path).join("python/venv/bin/python");
        let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
        let program = std::env::var_os("MEMOLITH_PYTHON").map_or_else(|| place(&target), PathBuf::from);
        let mut command = Command::new(program);
        command.args(["-c", include_str!("rival.py"), &server.port().to_string(), &KEYS.to_string()]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let pipes = process.stdin.take().zip(process.stdout.take().map(BufReader::new));
        let mut rival = Rival { process, pipes };
        (rival.hear()? == "ready").then_some(rival)
    }

    fn hear(&mut self) -> Option<String> {
        let (_, output) = self.pipes.as_mut()?;
        let mut line = String::new();
        output.read_line(&mut line).ok().filter(|read| *read > 0)?;
        Some(line.trim_end().to_owned())
    }

    fn work(&mut self, what: &str, times: u64) {
        let told = self.pipes.as_mut().is_some_and(|(input, _)| writeln!(input, "{what} {times}").is_ok());
        assert!(told && self.hear().as_deref() == Some("done"), "the other process has ended");
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        // The end of its input is the end of it.
        drop(self.pipes.take());
        let _ = self.process.wait();
    }
}
