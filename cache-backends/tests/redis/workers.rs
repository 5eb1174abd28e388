//! Processes that are this program again, with a job.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What this process is to do when it is a worker.
pub(crate) fn job() -> Option<String> {
    std::env::var("MEMOLITH_JOB").ok()
}

/// A process that runs one test of this program with a job, and never outlives it.
pub(crate) struct Worker {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Worker {
    pub(crate) fn start(test: &str, job: &str) -> Worker {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env("MEMOLITH_JOB", job);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Worker { process, input: Some(input), output: BufReader::new(output) }
    }

    /// Waits until the worker says `word`, and gives what follows.
    #[track_caller]
    pub(crate) fn hear(&mut self, word: &str) -> String {
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap() > 0 {
            if let Some((_, rest)) = line.split_once(word) {
                return rest.trim().into();
            }
            line.clear();
        }
        panic!("the worker ended without saying {word}");
    }

    pub(crate) fn tell(&mut self, word: &str) {
        writeln!(self.input.as_mut().expect("it is open until the end"), "{word}").unwrap();
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Lets it end by itself.
    #[track_caller]
    pub(crate) fn end(mut self) {
        drop(self.input.take());
        assert!(self.process.wait().unwrap().success(), "the worker failed");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It has ended already unless the test failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// As a worker: says `word` to the test.
pub(crate) fn say(word: &str) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "\n{word}").and_then(|()| out.flush()).is_err() {
        // The test is gone, and nobody else would end this process.
        std::process::exit(0);
    }
}

/// As a worker: waits for a word of the test; none when it is gone.
pub(crate) fn heard() -> Option<String> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).ok().filter(|read| *read > 0).map(|_| line.trim().into())
}
