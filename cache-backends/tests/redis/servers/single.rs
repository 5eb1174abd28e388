//! One server.

use super::dir::Dir;
use super::spawn::{self, HOW};
use super::{Connection, eventually};
use std::io::{Read, Seek};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

/// A server that dies with it.
pub(crate) struct Server {
    /// None while it is dead.
    process: Mutex<Option<Child>>,
    stopped: AtomicBool,
    port: u16,
    arguments: Vec<String>,
    password: Option<String>,
    dir: Option<Dir>,
}

impl Server {
    /// One without anything special.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// The one that all tests of this program share which leave it as it is: nothing is flushed, killed or set.
    pub(crate) fn shared() -> &'static Server {
        static SHARED: LazyLock<Server> = LazyLock::new(Server::start);
        &SHARED
    }

    /// With arguments of its own, such as `["--maxmemory", "2mb"]`. With `--requirepass` [`cli`](Self::cli) and
    /// [`url`](Self::url) know the password.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        Self::placed(arguments, None)
    }

    /// With a directory, for what needs files, and a socket in it.
    pub(crate) fn in_a_directory(arguments: &[&str]) -> Self {
        Self::placed(arguments, Some(Dir::new("redis")))
    }

    fn placed(arguments: &[&str], dir: Option<Dir>) -> Self {
        let password =
            arguments.iter().position(|word| *word == "--requirepass").map(|at| arguments[at + 1].to_owned());
        let mut server = Server {
            process: Mutex::new(None),
            stopped: AtomicBool::new(false),
            port: 0,
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            password,
            dir,
        };
        for _ in 0..5 {
            server.port = spawn::free_port();
            match server.launch() {
                Ok(()) => return server,
                // Somebody was faster to take the port.
                Err(output) if output.contains("already in use") || output.contains("Failed listening") => {}
                Err(output) => panic!("the server ended at once: {output}\n{HOW}"),
            }
        }
        panic!("no port was free in five attempts");
    }

    /// Starts the process and waits until it answers; what it printed if it ended instead.
    fn launch(&self) -> Result<(), String> {
        let port = self.port.to_string();
        let mut arguments: Vec<String> =
            ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]
                .map(str::to_owned)
                .to_vec();
        if let Some(Dir(path)) = &self.dir {
            let socket = path.join("socket");
            arguments.extend(["--dir".into(), path.display().to_string()]);
            arguments.extend(["--unixsocket".into(), socket.display().to_string()]);
        }
        // What names a file of configuration comes first, as the program wants it.
        let (first, rest) = match self.arguments.split_first() {
            Some((file, rest)) if !file.starts_with("--") => (vec![file.clone()], rest),
            _ => (Vec::new(), &self.arguments[..]),
        };
        let all = first.into_iter().chain(arguments).chain(rest.iter().cloned()).collect();
        let mut output = scratch();
        let mut child = spawn::server(all, output.try_clone().unwrap());
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            // Another's server may have the port: it must be this process that answers.
            let pid = format!("process_id:{}\r", child.id());
            if self.try_cli(&["INFO", "server"]).is_ok_and(|info| info.contains(&pid)) {
                break;
            }
            if let Some(status) = child.try_wait().unwrap() {
                let mut text = format!("{status}\n");
                output.rewind().unwrap();
                output.read_to_string(&mut text).unwrap();
                return Err(text);
            }
            assert!(Instant::now() < end, "the server at port {port} did not answer within 30 s");
            std::thread::sleep(Duration::from_millis(5));
        }
        *self.process.lock().unwrap() = Some(child);
        Ok(())
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// With the password, if there is one.
    pub(crate) fn url(&self) -> String {
        let login = self.password.as_ref().map(|password| format!(":{password}@")).unwrap_or_default();
        format!("redis://{login}{}", self.address())
    }

    /// Of the socket in the directory.
    pub(crate) fn socket_url(&self) -> String {
        let Dir(path) = self.dir.as_ref().expect("the server was started in a directory");
        format!("redis+unix://{}", path.join("socket").display())
    }

    /// A connection, logged in.
    pub(crate) fn connect(&self) -> std::io::Result<Connection> {
        let mut connection = Connection::new(self.port)?;
        if let Some(password) = &self.password {
            connection.call(&["AUTH", password])?;
        }
        Ok(connection)
    }

    /// What the server says to a command, an error of its own as text.
    #[track_caller]
    pub(crate) fn cli<A: AsRef<[u8]>>(&self, command: &[A]) -> String {
        self.try_cli(command).unwrap_or_else(|error| panic!("the server at port {} is silent: {error}", self.port))
    }

    pub(crate) fn try_cli<A: AsRef<[u8]>>(&self, command: &[A]) -> std::io::Result<String> {
        self.connect()?.call(command)
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.process.lock().unwrap().is_some()
    }

    /// Neither dead nor stopped.
    pub(crate) fn is_running(&self) -> bool {
        self.is_alive() && !self.stopped.load(SeqCst)
    }

    /// SIGKILL.
    pub(crate) fn kill(&self) {
        if let Some(mut child) = self.process.lock().unwrap().take() {
            child.kill().unwrap();
            child.wait().unwrap();
            self.stopped.store(false, SeqCst);
        }
    }

    /// SIGSTOP: connections stay, and nothing answers.
    pub(crate) fn stop(&self) {
        self.signal("-STOP");
        self.stopped.store(true, SeqCst);
    }

    /// SIGCONT.
    pub(crate) fn cont(&self) {
        self.signal("-CONT");
        self.stopped.store(false, SeqCst);
    }

    fn signal(&self, signal: &str) {
        let process = self.process.lock().unwrap();
        let pid = process.as_ref().expect("it was not killed").id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// On the same port, with nothing in it.
    pub(crate) fn restart(&self) {
        self.kill();
        eventually("the server starts on its port again", || match self.launch() {
            Ok(()) => true,
            Err(output) if output.contains("already in use") || output.contains("Failed listening") => false,
            Err(output) => panic!("the server ended at once: {output}"),
        });
    }

    /// How often the server was asked to do any of `commands`, since it started or `CONFIG RESETSTAT`.
    pub(crate) fn calls(&self, commands: &[&str]) -> u64 {
        let stats = self.cli(&["INFO", "commandstats"]);
        let calls = |line: &str| {
            let (command, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            if commands.contains(&command) { rest.split(',').next()?.parse::<u64>().ok() } else { None }
        };
        stats.lines().filter_map(calls).sum()
    }

    /// A number that `INFO` tells, such as `total_commands_processed`.
    pub(crate) fn info(&self, name: &str) -> u64 {
        let info = self.cli(&["INFO", "everything"]);
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|number| number.trim().parse().ok()).unwrap_or_else(|| panic!("INFO has no number {name}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A file without a name.
fn scratch() -> std::fs::File {
    let dir = Dir::new("redis");
    std::fs::File::options().read(true).write(true).create_new(true).open(dir.0.join("output")).unwrap()
}
