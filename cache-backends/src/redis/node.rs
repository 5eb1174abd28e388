//! One server, and the connection to it that all threads and tasks share.

use super::dial::{Dialled, Dialler};
use super::fault::Fault;
use super::reply::{Reply, ServerError};
use super::request::Request;
use super::target::{Address, Login};
use memolith_core::{Error, ErrorKind, Result};
use parking_lot::Mutex;
use std::future::Future;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A server, connected to when it is needed. Making one does no I/O.
#[derive(Debug)]
pub(crate) struct Node {
    address: Address,
    timeout: Duration,
    dialler: Dialler,
    connection: Mutex<Option<BufReader<TcpStream>>>,
}

impl Node {
    pub(crate) fn new(address: Address, login: &Login, timeout: Duration) -> Self {
        let dialler = Dialler::new(address.clone(), login.clone());
        Node { address, timeout, dialler, connection: Mutex::new(None) }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// A connection beside the shared one, for a thread that waits for news. It blocks, for the time-out at most.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) when the server was not reached in time; [`Config`](ErrorKind::Config) when
    /// it refuses the login.
    pub(crate) fn dial(&self) -> Result<Dialled> {
        self.dialler.dial(self.timeout).map_err(Fault::into_error)
    }

    /// Sends all in one go, and gives the replies in the same order, errors of the server among them.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) when the server was not reached, or has not answered in time: the commands
    /// may have been executed or not.
    pub(crate) async fn exchange(&self, requests: &[Request]) -> Result<Vec<Reply>> {
        let mut connection = self.connection.lock();
        self.write_and_read(&mut connection, requests).map_err(|error| {
            *connection = None;
            Error::new(ErrorKind::Unavailable, format!("no answer from the server: {error}"))
        })
    }

    fn write_and_read(
        &self,
        connection: &mut Option<BufReader<TcpStream>>,
        requests: &[Request],
    ) -> std::io::Result<Vec<Reply>> {
        let stream = match connection {
            Some(stream) => stream,
            None => connection.insert(BufReader::new(self.connect()?)),
        };
        let mut out = Vec::new();
        requests.iter().for_each(|request| request.write(&mut out));
        stream.get_mut().write_all(&out)?;
        requests.iter().map(|_| read(stream)).collect()
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        let Address::Tcp(host, port) = &self.address else {
            return Err(std::io::Error::other("not yet"));
        };
        let address = (host.as_str(), *port).to_socket_addrs()?.next().ok_or(std::io::ErrorKind::NotFound)?;
        let stream = TcpStream::connect_timeout(&address, self.timeout)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(self.timeout))?;
        stream.set_write_timeout(Some(self.timeout))?;
        Ok(stream)
    }
}

/// Runs `future`, which awaits nothing but a [`Client`], on this thread.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<Reply> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let broken = || std::io::Error::from(std::io::ErrorKind::InvalidData);
    let line = line.strip_suffix("\r\n").ok_or_else(broken)?;
    let (kind, rest) = line.split_at_checked(1).ok_or_else(broken)?;
    let number = || rest.parse::<i64>().map_err(|_| broken());
    Ok(match kind {
        "+" => Reply::Bytes(rest.as_bytes().to_vec()),
        ":" => Reply::Int(number()?),
        "-" => {
            let (code, message) = rest.split_once(' ').unwrap_or((rest, ""));
            Reply::Error(ServerError { code: code.to_owned(), message: message.to_owned() })
        }
        "$" | "*" if number()? < 0 => Reply::Nil,
        "$" => {
            let mut bytes = vec![0; number()? as usize + 2];
            stream.read_exact(&mut bytes)?;
            bytes.truncate(bytes.len() - 2);
            Reply::Bytes(bytes)
        }
        "*" => Reply::Array((0..number()?).map(|_| read(stream)).collect::<std::io::Result<_>>()?),
        _ => return Err(broken()),
    })
}
