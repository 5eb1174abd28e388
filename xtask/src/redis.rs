//! The tests of the backends, for which there must be a server of Redis or Valkey to start; and one for the examples.

use crate::debian::{install_idle, told};
use crate::tally::Tally;
use crate::{Outcome, process, workspace};
use std::env;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

const PACKAGE: &str = "redis-server";
const ITS_OWN: &str = "MEMOLITH_VALKEY_SERVER";

/// A server on this machine that keeps nothing on disk, and ends with this.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    port: u16,
}

impl Server {
    /// Starts one on a free port, and waits until it can be connected to.
    ///
    /// # Errors
    /// When there is no program to start and none can be installed, or it ends at once.
    pub(crate) fn start() -> Result<Self, String> {
        server()?;
        let failed = |error| format!("the server cannot be started: {error}");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).map_err(failed)?.port();
        let mut command = Command::new(env::var_os(ITS_OWN).unwrap_or(PACKAGE.into()));
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"]).arg(port.to_string());
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().map_err(failed)?;
        let mut server = Server { process, port };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Ok(Some(status)) = server.process.try_wait() {
                return Err(format!("the server at port {port} ended with {status}"));
            }
            sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has nothing to lose. What fails because it has ended already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs them, with a server that is installed if there is none.
pub(crate) fn backends() -> Result<Tally, String> {
    server()?;
    let mut tally = Tally::default();
    let mut command = workspace::cargo();
    command.args(["test", "--no-fail-fast", "-p", "memolith-backends", "--all-features"]);
    let outcome = process::lines(&mut command, |line| tally.read(line));
    // A failing test is in the tally, whose report names the step; without one they have not been built.
    if tally.failed == 0 {
        outcome?;
    }
    Ok(tally)
}

/// Sees to it that the tests have a program to start; they never use a server that is running already.
pub(crate) fn server() -> Outcome {
    if let Some(program) = env::var_os(ITS_OWN) {
        return match is_there(Command::new(&program)) {
            true => Ok(()),
            false => Err(format!("{} does not run, set {ITS_OWN} to a `valkey-server`", program.display())),
        };
    }
    if !is_there(Command::new(PACKAGE)) {
        install_idle(PACKAGE);
    }
    match is_there(Command::new(PACKAGE)) {
        true => Ok(()),
        false => Err(format!("{PACKAGE} is missing, {}", told(PACKAGE))),
    }
}

fn is_there(mut program: Command) -> bool {
    process::output(program.arg("--version")).is_some()
}
