//! Processes that never outlive this one, and free ports.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

/// The program: `redis-server`, or what `MEMOLITH_VALKEY_SERVER` names.
pub(super) fn server_program() -> String {
    std::env::var("MEMOLITH_VALKEY_SERVER").unwrap_or_else(|_| "redis-server".into())
}

/// The command line that belongs to it, by default the one beside it.
pub(super) fn cli_program() -> String {
    let server = server_program();
    match server.strip_suffix("-server") {
        Some(stem) => format!("{stem}-cli"),
        None => "redis-cli".into(),
    }
}

/// Starts the server with `arguments`; it is killed when this process ends, however it ends.
pub(super) fn server(arguments: Vec<String>, output: std::fs::File) -> Child {
    // The kernel kills the child when the thread ends that has started it: so that is one that never ends.
    type Job = (Command, Sender<std::io::Result<Child>>);
    static SPAWNER: LazyLock<Mutex<Sender<Job>>> = LazyLock::new(|| {
        let (send, jobs) = channel::<Job>();
        std::thread::spawn(move || jobs.iter().for_each(|(mut command, reply)| _ = reply.send(command.spawn())));
        Mutex::new(send)
    });
    let program = server_program();
    let mut command = if cfg!(target_os = "linux") {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", &program]);
        command
    } else {
        Command::new(&program)
    };
    command.args(arguments).stdin(Stdio::null()).stdout(output).stderr(Stdio::null());
    let (send, child) = channel();
    SPAWNER.lock().unwrap().send((command, send)).unwrap();
    let child = child.recv().unwrap();
    child.unwrap_or_else(|error| panic!("{program} cannot be started: {error}; {HOW}"))
}

pub(super) const HOW: &str = "these tests need a server: `apt-get install redis-server`, or set \
    MEMOLITH_VALKEY_SERVER to the path of a `valkey-server`";

/// A port for a server, and the one ten thousand higher for its cluster bus. Somebody else may take them yet.
pub(crate) fn free_port() -> u16 {
    static STATE: LazyLock<AtomicU64> = LazyLock::new(|| {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        AtomicU64::new(nanos ^ u64::from(std::process::id()) << 32)
    });
    loop {
        let step = STATE.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed);
        let mixed = (step ^ step >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        // Below the ports that the system gives to clients.
        let port = 10_000 + (mixed >> 33) as u16 % 12_000;
        let free = |port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok();
        if free(port) && free(port + 10_000) {
            return port;
        }
    }
}
