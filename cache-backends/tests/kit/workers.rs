//! Processes that are this program again, with a job.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What this process is to do when it is a worker: the words after the test's name.
pub(crate) fn job() -> Option<Vec<String>> {
    let text = std::env::var("MEMOLITH_JOB").ok()?;
    Some(text.split('\n').map(String::from).collect())
}

/// A process that runs one test of this program with a job, and never outlives it.
pub(crate) struct Worker {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It has ended already unless the test failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Worker {
    pub(crate) fn start(test: &str, job: &[&str]) -> Worker {
        Worker::spawn(Command::new(std::env::current_exe().unwrap()), test, job)
    }

    /// Started by `command`, which ends with this program.
    pub(crate) fn spawn(mut command: Command, test: &str, job: &[&str]) -> Worker {
        command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env("MEMOLITH_JOB", job.join("\n"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Worker { process, input: Some(input), output: BufReader::new(output) }
    }

    /// Waits until the worker says `word`, and gives what follows; none when it ends without.
    pub(crate) fn try_hear(&mut self, word: &str) -> Option<String> {
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap() > 0 {
            if let Some((_, rest)) = line.split_once(word) {
                return Some(rest.trim().into());
            }
            line.clear();
        }
        None
    }

    #[track_caller]
    pub(crate) fn hear(&mut self, word: &str) -> String {
        self.try_hear(word).unwrap_or_else(|| panic!("the worker ended without saying {word}"))
    }

    pub(crate) fn tell(&mut self, word: &str) {
        writeln!(self.input.as_mut().unwrap(), "{word}").unwrap();
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) -> String {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        let mut rest = Vec::new();
        std::io::Read::read_to_end(&mut self.output, &mut rest).unwrap();
        String::from_utf8_lossy(&rest).into_owned()
    }

    #[track_caller]
    pub(crate) fn end(mut self) {
        drop(self.input.take());
        assert!(self.process.wait().unwrap().success(), "the worker failed");
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
