//! From an address to a connection on which commands are understood.

use super::fault::Fault;
use super::ghosts::Trace;
use super::login::log_in;
use super::parse::Parser;
use super::reply::Reply;
use super::request::Request;
use super::stream::{Stream, is_silence};
use crate::redis::lock::Mutex;
use crate::redis::settings::target::{Address, Login};
use memolith_core::Result;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Opens connections to one server.
pub(crate) struct Dialler {
    address: Address,
    login: Login,
    /// What the name stood for last, whoever answered first.
    known: Mutex<Vec<SocketAddr>>,
    #[cfg(feature = "tls")]
    settings: Mutex<Option<Arc<rustls::ClientConfig>>>,
}

/// A connection of one thread, which is logged in.
#[derive(Debug)]
pub(crate) struct Dialled {
    stream: Arc<Stream>,
    parser: Parser,
    /// How long a command may take to be taken.
    timeout: Duration,
    /// How the server knows it, if it tells.
    trace: Option<Trace>,
    /// The least that an answer has taken.
    round_trip: Duration,
}

/// Sends on a connection whose replies another thread reads.
#[derive(Debug)]
pub(crate) struct Sender {
    stream: Arc<Stream>,
    timeout: Duration,
}

impl Dialler {
    pub(crate) fn new(address: Address, login: Login) -> Self {
        Dialler {
            address,
            login,
            known: Mutex::new(Vec::new()),
            #[cfg(feature = "tls")]
            settings: Mutex::default(),
        }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Connects and logs in, within `timeout` for all of it.
    pub(crate) fn dial(&self, timeout: Duration) -> Result<Dialled, Fault> {
        let deadline = Instant::now() + timeout;
        let stream = match &self.address {
            Address::Tcp(host, port) => self.secured(self.first(host, *port, deadline)?, host, deadline)?,
            Address::Unix(path) => unix(path, deadline)?,
        };
        let (stream, parser) = (Arc::new(stream), Parser::new());
        let mut dialled = Dialled { stream, parser, timeout, trace: None, round_trip: Duration::MAX };
        dialled.trace = log_in(&mut dialled, &self.login, deadline)?;
        Ok(dialled)
    }

    /// The stream, encrypted if the user wants that.
    #[cfg(feature = "tls")]
    fn secured(&self, stream: Stream, host: &str, deadline: Instant) -> Result<Stream, Fault> {
        let Some(trust) = &self.login.tls else { return Ok(stream) };
        let known = self.settings.lock().clone();
        let settings = match known {
            Some(settings) => settings,
            None => {
                let settings = crate::redis::wire::tls::settings(trust)?;
                Arc::clone(self.settings.lock().insert(settings))
            }
        };
        stream.secure(host, settings, deadline)
    }

    /// The stream; a URL that asks for more was refused.
    #[cfg(not(feature = "tls"))]
    fn secured(&self, stream: Stream, _: &str, _: Instant) -> Result<Stream, Fault> {
        if self.login.tls.is_some() {
            return Err(Fault::config("`rediss:` needs the feature `tls` of memolith, enable it in Cargo.toml"));
        }
        Ok(stream)
    }

    /// A connection to the first address that answers, of those that the name stands for; each has an equal part of the
    /// time that is left.
    fn first(&self, host: &str, port: u16, deadline: Instant) -> Result<Stream, Fault> {
        let addresses = self.addresses(host, port, deadline)?;
        let mut fault = Fault::unavailable("the name of the server stands for no address, check it");
        for (index, address) in addresses.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
            match Stream::tcp(*address, Instant::now() + share) {
                Ok(stream) => {
                    let rest = addresses.iter().filter(|other| *other != address);
                    *self.known.lock() = [address].into_iter().chain(rest).copied().collect();
                    return Ok(stream);
                }
                Err(error) => fault = error,
            }
        }
        Err(fault)
    }

    /// What the name stands for now, whoever answered last first. Without an answer of those who know names in half of
    /// the time, what it stood for before.
    fn addresses(&self, host: &str, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>, Fault> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        let known = self.known.lock().clone();
        let half = Instant::now() + deadline.saturating_duration_since(Instant::now()) / 2;
        let owned = host.to_owned();
        let found = apart(half, move || (owned.as_str(), port).to_socket_addrs().map(Vec::from_iter));
        match found.and_then(|found| Ok(found?)) {
            Ok(mut found) if !found.is_empty() => {
                // What it did not stand for before comes last.
                found.sort_by_key(|address| known.iter().position(|old| old == address).unwrap_or(usize::MAX));
                Ok(found)
            }
            _ if !known.is_empty() => Ok(known),
            Ok(_) => Err(Fault::unavailable("the name of the server stands for no address, check it")),
            Err(fault) => Err(fault),
        }
    }
}

impl std::fmt::Debug for Dialler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialler").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Dialled {
    /// For another thread, that sends what this one reads the replies of.
    pub(crate) fn sender(&self) -> Sender {
        Sender { stream: Arc::clone(&self.stream), timeout: self.timeout }
    }

    /// Sends a command, within the time-out.
    pub(crate) fn send(&mut self, request: &Request) -> Result<()> {
        self.sender().send(request)
    }

    /// The next reply. `None` when it has not come in time; what has come of it is kept, and the next call goes on there.
    pub(crate) fn read(&mut self, timeout: Duration) -> Result<Option<Reply>> {
        match self.read_until(Instant::now() + timeout) {
            Ok(reply) => Ok(Some(reply)),
            Err(Unread::Late) => Ok(None),
            Err(Unread::Fault(fault)) => Err(fault.into_error()),
        }
    }

    pub(crate) fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    /// How long the way to the server and back is, at most: longer than that if both were busy.
    pub(crate) fn round_trip(&self) -> Duration {
        self.round_trip
    }

    pub(crate) fn into_parts(self) -> (Arc<Stream>, Parser, Duration, Option<Trace>) {
        (self.stream, self.parser, self.timeout, self.trace)
    }

    /// Sends all, and gives the answers, without what nobody asked for.
    pub(crate) fn ask(
        &mut self,
        requests: impl IntoIterator<Item = Request>,
        deadline: Instant,
    ) -> Result<Vec<Reply>, Fault> {
        let (mut out, mut count) = (Vec::new(), 0);
        for request in requests {
            request.write(&mut out);
            count += 1;
        }
        let begun = Instant::now();
        self.stream.write_all(&out, deadline)?;
        let mut replies = Vec::with_capacity(count);
        while replies.len() < count {
            match self.read_until(deadline)? {
                Reply::Push(_) => {}
                reply => replies.push(reply),
            }
        }
        self.round_trip = self.round_trip.min(begun.elapsed());
        Ok(replies)
    }

    fn read_until(&mut self, deadline: Instant) -> Result<Reply, Unread> {
        loop {
            if let Some(reply) = self.parser.next().map_err(|garbled| Unread::Fault(garbled.into()))? {
                return Ok(reply);
            }
            match self.stream.read(self.parser.room(), deadline) {
                Ok(0) => return Err(Unread::Fault(Fault::closed())),
                Ok(count) => self.parser.filled(count),
                Err(error) if !is_silence(&error) => return Err(Unread::Fault(error.into())),
                Err(_) => {}
            }
            if Instant::now() >= deadline {
                return match self.parser.next() {
                    Ok(reply) => reply.ok_or(Unread::Late),
                    Err(garbled) => Err(Unread::Fault(garbled.into())),
                };
            }
        }
    }
}

impl Sender {
    /// Sends a command, within the time-out.
    pub(crate) fn send(&self, request: &Request) -> Result<()> {
        let mut out = Vec::new();
        request.write(&mut out);
        let sent = self.stream.write_all(&out, Instant::now() + self.timeout);
        sent.map_err(|error| Fault::from(error).into_error())
    }
}

/// Why there is no reply.
enum Unread {
    /// There may still be one.
    Late,
    Fault(Fault),
}

impl From<Unread> for Fault {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Late => Fault::late(),
            Unread::Fault(fault) => fault,
        }
    }
}

#[cfg(unix)]
fn unix(path: &std::path::Path, deadline: Instant) -> Result<Stream, Fault> {
    let path = path.to_owned();
    apart(deadline, move || Stream::unix(&path))?
}

#[cfg(not(unix))]
fn unix(_: &std::path::Path, _: Instant) -> Result<Stream, Fault> {
    Err(Fault::config("sockets with a path need Unix, write `redis://host:port`"))
}

/// Does on a thread of its own what the system gives no time limit for, and waits for it until `deadline`.
fn apart<T: Send + 'static>(deadline: Instant, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    let (give, take) = sync_channel(1);
    thread::Builder::new().name("memolith-dial".into()).spawn(move || give.send(work()))?;
    take.recv_timeout(deadline.saturating_duration_since(Instant::now())).map_err(|error| match error {
        RecvTimeoutError::Timeout => Fault::late(),
        RecvTimeoutError::Disconnected => Fault::unavailable("the server could not be looked up"),
    })
}
