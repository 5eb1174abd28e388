//! A socket of one kind or another, read and written at once by two threads, each for a bounded time.

use super::fault::Fault;
#[cfg(feature = "tls")]
use super::tls::Secure;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A connection whose reads and writes end in time.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: Socket,
    reading: Patience,
    writing: Patience,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    #[cfg(feature = "tls")]
    Secure(Box<Secure>),
}

/// How long the system was told to wait, in nanoseconds; 0 until it was.
#[derive(Debug, Default)]
struct Patience(AtomicU64);

impl Stream {
    /// Connects to one of the addresses.
    ///
    /// # Errors
    /// When that is refused, or has not come about before `deadline`.
    pub(crate) fn tcp(address: SocketAddr, deadline: Instant) -> Result<Self, Fault> {
        let socket = TcpStream::connect_timeout(&address, left(deadline).ok_or_else(Fault::late)?)?;
        socket.set_nodelay(true)?;
        Ok(Stream::over(Socket::Tcp(socket)))
    }

    #[cfg(unix)]
    pub(crate) fn unix(path: &std::path::Path) -> Result<Self, Fault> {
        // A socket of this machine answers at once, or refuses.
        Ok(Stream::over(Socket::Unix(UnixStream::connect(path)?)))
    }

    /// The same, encrypted, with who is `host` by its certificate.
    #[cfg(feature = "tls")]
    pub(crate) fn secure(
        self,
        host: &str,
        settings: std::sync::Arc<rustls::ClientConfig>,
        deadline: Instant,
    ) -> Result<Self, Fault> {
        match self.socket {
            Socket::Tcp(socket) => {
                Ok(Stream::over(Socket::Secure(Box::new(Secure::open(socket, host, settings, deadline)?))))
            }
            socket => Ok(Stream::over(socket)),
        }
    }

    fn over(socket: Socket) -> Self {
        Stream { socket, reading: Patience::default(), writing: Patience::default() }
    }

    /// Reads what has come, also when `deadline` has passed. Before anything has, it waits until then, or somewhat less or
    /// longer: see [`Patience`].
    ///
    /// # Errors
    /// `WouldBlock` or `TimedOut` when nothing has come.
    pub(crate) fn read(&self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        let left = left(deadline).unwrap_or(LEAST);
        self.reading.set(left, |patience| match &self.socket {
            Socket::Tcp(socket) => socket.set_read_timeout(Some(patience)),
            #[cfg(unix)]
            Socket::Unix(socket) => socket.set_read_timeout(Some(patience)),
            #[cfg(feature = "tls")]
            Socket::Secure(secure) => secure.socket().set_read_timeout(Some(patience)),
        })?;
        uninterrupted(|| match &self.socket {
            Socket::Tcp(socket) => (&mut &*socket).read(buffer),
            #[cfg(unix)]
            Socket::Unix(socket) => (&mut &*socket).read(buffer),
            #[cfg(feature = "tls")]
            Socket::Secure(secure) => secure.read(buffer),
        })
    }

    /// Writes all.
    ///
    /// # Errors
    /// Those of the socket, and `TimedOut` when it cannot be done before `deadline`.
    pub(crate) fn write_all(&self, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
        // Who comes late may still write what the socket takes at once.
        let mut patience = left(deadline).unwrap_or(LEAST);
        while !bytes.is_empty() {
            match self.write(bytes, patience) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) if count == bytes.len() => break,
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            patience = left(deadline).ok_or(io::ErrorKind::TimedOut)?;
        }
        Ok(())
    }

    fn write(&self, bytes: &[u8], left: Duration) -> io::Result<usize> {
        self.writing.set(left, |patience| match &self.socket {
            Socket::Tcp(socket) => socket.set_write_timeout(Some(patience)),
            #[cfg(unix)]
            Socket::Unix(socket) => socket.set_write_timeout(Some(patience)),
            #[cfg(feature = "tls")]
            Socket::Secure(secure) => secure.socket().set_write_timeout(Some(patience)),
        })?;
        uninterrupted(|| match &self.socket {
            Socket::Tcp(socket) => (&mut &*socket).write(bytes),
            #[cfg(unix)]
            Socket::Unix(socket) => (&mut &*socket).write(bytes),
            #[cfg(feature = "tls")]
            Socket::Secure(secure) => secure.write(bytes),
        })
    }

    /// Ends whatever anybody does with it.
    pub(crate) fn close(&self) {
        // It may be closed already, by the other side.
        let _ = match &self.socket {
            Socket::Tcp(socket) => socket.shutdown(Shutdown::Both),
            #[cfg(unix)]
            Socket::Unix(socket) => socket.shutdown(Shutdown::Both),
            #[cfg(feature = "tls")]
            Socket::Secure(secure) => secure.close(),
        };
    }
}

impl Patience {
    /// Sees to it that the system waits for about as long as is left. A system call is spent on that only when it would
    /// wait longer by more than an eighth, or by less than half: who asks again and again for the same time never does.
    fn set(&self, left: Duration, set: impl FnOnce(Duration) -> io::Result<()>) -> io::Result<()> {
        let told = Duration::from_nanos(self.0.load(Ordering::Relaxed));
        if (left / 2..=left + left / 8).contains(&told) {
            return Ok(());
        }
        set(left)?;
        self.0.store(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        Ok(())
    }
}

/// What systems wait at least.
const LEAST: Duration = Duration::from_millis(1);

/// What is left until `deadline`, at least [`LEAST`]; `None` when it has passed.
fn left(deadline: Instant) -> Option<Duration> {
    let left = deadline.checked_duration_since(Instant::now())?;
    (!left.is_zero()).then(|| left.max(LEAST))
}

fn uninterrupted(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// Whether nothing has come, and nothing is wrong.
pub(crate) fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
