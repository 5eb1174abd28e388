//! Servers that say what a test has them say.

use crate::redis::lock::Mutex;
use crate::redis::settings::target::Address;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// What comes back, as bytes of the protocol; nothing at all; or the end of the connection.
#[derive(Clone, Debug)]
pub(super) enum Say {
    Bytes(String),
    Nothing,
    HangUp,
}

type Script = Box<dyn FnMut(&str) -> Say + Send>;

/// A server on a port of its own.
pub(super) struct Fake {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    script: Mutex<Script>,
    heard: Mutex<Vec<String>>,
    streams: Mutex<Vec<TcpStream>>,
    dead: AtomicBool,
}

impl Fake {
    /// One that has nothing to say yet.
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let script: Script = Box::new(|_| Say::Nothing);
        let shared = Arc::new(Shared {
            script: Mutex::new(script),
            heard: Mutex::default(),
            streams: Mutex::default(),
            dead: AtomicBool::new(false),
        });
        let theirs = Arc::clone(&shared);
        thread::spawn(move || theirs.accept(&listener));
        Fake { port, shared }
    }

    /// From now on `script` answers each command, whose words it gets with blanks between; ASKING is put before what
    /// follows it. What introduces a connection is answered already.
    pub(super) fn say(&self, script: impl FnMut(&str) -> Say + Send + 'static) {
        *self.shared.script.lock() = Box::new(script);
    }

    pub(super) fn address(&self) -> Address {
        Address::Tcp("127.0.0.1".to_owned(), self.port)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// How often it heard a command that begins so.
    pub(super) fn heard(&self, command: &str) -> usize {
        self.shared.heard.lock().iter().filter(|heard| heard.starts_with(command)).count()
    }

    /// Dies, as a process does.
    pub(super) fn die(&self) {
        self.shared.dead.store(true, Ordering::SeqCst);
        // The listener looks up, and is gone.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        for stream in self.shared.streams.lock().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.die();
    }
}

impl Shared {
    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            if self.dead.load(Ordering::SeqCst) {
                return;
            }
            self.streams.lock().push(stream.try_clone().expect("a socket has another handle"));
            let shared = Arc::clone(&self);
            thread::spawn(move || shared.serve(stream));
        }
    }

    fn serve(&self, stream: TcpStream) -> Option<()> {
        stream.set_nodelay(true).ok()?;
        let mut writer = stream.try_clone().ok()?;
        let mut reader = BufReader::new(stream);
        let mut asking = "";
        loop {
            let command = [asking, &command(&mut reader)?].concat();
            asking = "";
            let say = match command.split(' ').next() {
                Some("HELLO" | "INFO") => Say::Bytes("-ERR unknown command\r\n".to_owned()),
                Some("CLIENT" | "SELECT" | "AUTH") => ok(),
                Some("ASKING") if command == "ASKING" => {
                    asking = "ASKING ";
                    ok()
                }
                _ => {
                    self.heard.lock().push(command.clone());
                    (self.script.lock())(&command)
                }
            };
            match say {
                Say::Bytes(bytes) => writer.write_all(bytes.as_bytes()).ok()?,
                Say::Nothing => {}
                Say::HangUp => return writer.shutdown(Shutdown::Both).ok(),
            }
        }
    }
}

pub(super) fn ok() -> Say {
    Say::Bytes("+OK\r\n".to_owned())
}

pub(super) fn text(text: &str) -> Say {
    Say::Bytes(format!("${}\r\n{text}\r\n", text.len()))
}

pub(super) fn error(text: impl std::fmt::Display) -> Say {
    Say::Bytes(format!("-{text}\r\n"))
}

fn command(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let count = header(reader, '*')?;
    let words: Option<Vec<String>> = (0..count).map(|_| word(reader)).collect();
    words.map(|words| words.join(" "))
}

fn word(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut bytes = vec![0; header(reader, '$')? + 2];
    reader.read_exact(&mut bytes).ok()?;
    bytes.truncate(bytes.len() - 2);
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn header(reader: &mut BufReader<TcpStream>, kind: char) -> Option<usize> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    line.strip_prefix(kind)?.trim_end().parse().ok()
}
