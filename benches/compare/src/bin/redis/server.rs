//! A server of one's own, gone when the program ends.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// One that keeps everything in memory.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    port: u16,
}

impl Server {
    /// Starts it and waits until it answers.
    pub(crate) fn start() -> Self {
        let program = std::env::var("MEMOLITH_VALKEY_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = port.expect("there is a free port").port();
        let mut command = if cfg!(target_os = "linux") {
            // It ends with this program, however that ends.
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "KILL", &program]);
            command
        } else {
            Command::new(&program)
        };
        let port_text = port.to_string();
        command.args(["--port", &port_text, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let process = process.unwrap_or_else(|error| panic!("`{program}` cannot be started, install it: {error}"));
        let server = Server { process, port };
        let end = Instant::now() + Duration::from_secs(30);
        while server.client().get_connection().is_err() {
            assert!(Instant::now() < end, "the server at port {port} does not answer");
            std::thread::sleep(Duration::from_millis(5));
        }
        server
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// As ours is told where it is.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// As the others are.
    pub(crate) fn client(&self) -> redis::Client {
        redis::Client::open(self.url()).expect("the url is one")
    }

    /// A connection of theirs.
    pub(crate) fn bare(&self) -> redis::Connection {
        self.client().get_connection().expect("the server answers")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
