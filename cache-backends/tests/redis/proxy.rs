//! What stands between a client and a server, and does what networks do on bad days.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// What becomes of the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Weather {
    /// They pass.
    Clear,
    /// Replies come later.
    Delay(Duration),
    /// Nothing passes and nobody is told, until the weather changes: then the connections caught in it end. What was on
    /// its way is lost, as no client could tell whether it overtakes what is sent later.
    Hole,
    /// Of the next reply the first half, then the end of the connection.
    Cut,
    /// As soon as something is sent the connection is reset.
    Reset,
    /// Replies come byte by byte.
    Trickle(Duration),
    /// Connections end, new ones as soon as they are made.
    #[default]
    HangUp,
}

/// A way to the server at a port.
pub(crate) struct Proxy {
    port: u16,
    sky: Arc<Sky>,
}

#[derive(Default)]
struct Sky {
    weather: Mutex<(Weather, Vec<TcpStream>)>,
    changed: Condvar,
    /// How often it was not clear when something passed.
    struck: AtomicU64,
    jam: Mutex<Jam>,
    moved: Condvar,
}

/// Connections whose bytes for the server neither pass nor are lost. Others are not held up.
#[derive(Default)]
struct Jam {
    /// How many connections there were so far; those below `held` are in it.
    count: u64,
    held: u64,
    /// Directions that have not ended, of connections that are in it.
    waiting: u64,
    /// What they were given meanwhile.
    bytes: usize,
    is_over: bool,
}

impl Proxy {
    pub(crate) fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let weather = Mutex::new((Weather::Clear, Vec::new()));
        let sky = Arc::new(Sky { weather, ..Sky::default() });
        let above = Arc::downgrade(&sky);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let Some(sky) = above.upgrade() else { return };
                let Ok(client) = client else { continue };
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                sky.join(client, server);
            }
        });
        Proxy { port, sky }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn set(&self, weather: Weather) {
        let mut now = self.sky.weather.lock().unwrap();
        now.0 = weather;
        if weather == Weather::HangUp {
            now.1.drain(..).for_each(|stream| _ = stream.shutdown(Shutdown::Both));
        }
        self.sky.changed.notify_all();
    }

    /// Holds back what is sent on the connections that there are, whatever becomes of the clients, and of new connections.
    pub(crate) fn hold(&self) {
        let mut jam = self.sky.jam.lock().unwrap();
        (jam.held, jam.is_over, jam.bytes) = (jam.count, false, 0);
    }

    /// Lets it pass now, in so far as the server still takes it, and waits for the server's answers. How many bytes they were.
    pub(crate) fn deliver(&self) -> usize {
        let end = Instant::now() + Duration::from_secs(30);
        let mut jam = self.sky.jam.lock().unwrap();
        jam.is_over = true;
        self.sky.moved.notify_all();
        while jam.waiting > 0 {
            assert!(Instant::now() < end, "what was held back has not arrived within 30 s");
            jam = self.sky.moved.wait_timeout(jam, Duration::from_secs(1)).unwrap().0;
        }
        jam.bytes
    }

    /// How often the weather had its way, so that a test can tell that it tested something.
    pub(crate) fn struck(&self) -> u64 {
        self.sky.struck.load(SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Weather::HangUp);
        // The listener notices when it is asked.
        let port = self.port;
        self.sky = Arc::default();
        let _ = TcpStream::connect(("127.0.0.1", port));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    ForServer,
    ForClient,
}

impl Sky {
    fn join(self: Arc<Self>, client: TcpStream, server: TcpStream) {
        let mut now = self.weather.lock().unwrap();
        if now.0 == Weather::HangUp {
            self.struck.fetch_add(1, SeqCst);
            return;
        }
        let (client, server) = (Arc::new(client), Arc::new(server));
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
            now.1.push(stream.try_clone().unwrap());
        }
        drop(now);
        let number = {
            let mut jam = self.jam.lock().unwrap();
            jam.count += 1;
            jam.count - 1
        };
        for bound in [Bound::ForServer, Bound::ForClient] {
            let (sky, client, server) = (Arc::clone(&self), Arc::clone(&client), Arc::clone(&server));
            std::thread::spawn(move || {
                let (from, to) = if bound == Bound::ForServer { (&client, &server) } else { (&server, &client) };
                sky.pass(number, bound, from, to);
                // Both directions end together; a socket that is closed before it was read sends a reset.
                let _ = server.shutdown(Shutdown::Both);
                if sky.now() != Weather::Reset {
                    let _ = client.shutdown(Shutdown::Both);
                } else {
                    sky.weather.lock().unwrap().1.clear();
                }
            });
        }
    }

    fn now(&self) -> Weather {
        self.weather.lock().unwrap().0
    }

    fn pass(&self, number: u64, bound: Bound, mut from: &TcpStream, mut to: &TcpStream) {
        let mut bytes = vec![0; 1 << 16];
        // What comes later does so side by side, as on a long way. What follows it must not overtake it.
        let mut later: Option<Sender<(Instant, Vec<u8>)>> = None;
        loop {
            let Ok(1..) = from.peek(&mut bytes[..1]) else { return };
            if number < self.jam.lock().unwrap().held {
                return match bound {
                    Bound::ForServer => self.hold_back(from, to),
                    Bound::ForClient => self.wait_for_the_held(),
                };
            }
            let weather = self.now();
            if weather != Weather::Clear {
                self.struck.fetch_add(1, SeqCst);
            }
            match weather {
                Weather::Hole => return self.wait_for_change(),
                Weather::Reset => return,
                _ => {}
            }
            let Ok(read @ 1..) = from.read(&mut bytes) else { return };
            let passed = match (weather, bound) {
                (Weather::Cut, Bound::ForClient) => {
                    let _ = to.write_all(&bytes[..read.div_ceil(2).min(read - 1)]);
                    return;
                }
                (Weather::Trickle(pause), Bound::ForClient) => bytes[..read].iter().try_for_each(|byte| {
                    if matches!(self.now(), Weather::Trickle(_)) {
                        std::thread::sleep(pause);
                    }
                    to.write_all(&[*byte])
                }),
                (_, Bound::ForClient) if later.is_some() || matches!(weather, Weather::Delay(_)) => {
                    let time = if let Weather::Delay(time) = weather { time } else { Duration::ZERO };
                    let later = later.get_or_insert_with(|| deliver_later(to));
                    later.send((Instant::now() + time, bytes[..read].to_vec())).map_err(std::io::Error::other)
                }
                _ => to.write_all(&bytes[..read]),
            };
            if passed.is_err() {
                return;
            }
        }
    }

    /// Takes what a client sends until it has gone, and gives it to the server when the jam is over. Who is still there then
    /// has to connect anew.
    fn hold_back(&self, mut from: &TcpStream, mut to: &TcpStream) {
        from.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        self.jam.lock().unwrap().waiting += 1;
        let (mut bytes, mut is_gone) = (Vec::new(), false);
        while !is_gone && !self.jam.lock().unwrap().is_over {
            let silent = |kind| matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut);
            is_gone = from.read_to_end(&mut bytes).map_or_else(|error| !silent(error.kind()), |_| true);
        }
        let mut jam = self.jam.lock().unwrap();
        while !jam.is_over {
            jam = self.moved.wait(jam).unwrap();
        }
        drop(jam);
        let is_sent = is_gone && !bytes.is_empty() && to.write_all(&bytes).is_ok();
        if is_sent {
            // Until it has answered, or hung up.
            let _ = to.peek(&mut [0]);
        }
        let mut jam = self.jam.lock().unwrap();
        jam.bytes += if is_gone { bytes.len() } else { 0 };
        jam.waiting -= 1;
        self.moved.notify_all();
    }

    /// Leaves what the server has sent to who waits for it.
    fn wait_for_the_held(&self) {
        let mut jam = self.jam.lock().unwrap();
        while !jam.is_over || jam.waiting > 0 {
            jam = self.moved.wait(jam).unwrap();
        }
    }

    fn wait_for_change(&self) {
        let mut now = self.weather.lock().unwrap();
        while now.0 == Weather::Hole {
            now = self.changed.wait(now).unwrap();
        }
    }
}

/// Writes to `to` what is due, in the order in which it came.
fn deliver_later(to: &TcpStream) -> Sender<(Instant, Vec<u8>)> {
    let (later, due) = channel::<(Instant, Vec<u8>)>();
    let mut to = to.try_clone().unwrap();
    std::thread::spawn(move || {
        for (moment, bytes) in due {
            std::thread::sleep(moment.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                return;
            }
        }
    });
    later
}
