//! For tests: servers that answer as they please, and tasks.

use super::Node;
use crate::redis::settings::target::{Address, Login};
use crate::redis::wire::reply::Reply;
use crate::redis::wire::request::{Request, Route};
use memolith_core::Result;
use std::future::Future;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

/// What a server does with a command.
pub(super) type Answer = dyn Fn(&[Vec<u8>], &mut TcpStream) -> io::Result<()> + Send + Sync;

/// A server on a port of its own, for as long as the process lives.
pub(super) struct Fake {
    pub(super) port: u16,
    connections: Arc<AtomicU32>,
}

impl Fake {
    /// Answers each command by `answer`, but the login.
    pub(super) fn start(answer: impl Fn(&[Vec<u8>], &mut TcpStream) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Fake::start_at(0, answer)
    }

    /// One that takes so long for whatever it is asked.
    pub(super) fn far(
        pause: Duration,
        answer: impl Fn(&[Vec<u8>], &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Fake::listen((0, pause), answer)
    }

    pub(super) fn start_at(
        port: u16,
        answer: impl Fn(&[Vec<u8>], &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Fake::listen((port, Duration::ZERO), answer)
    }

    fn listen(
        (port, pause): (u16, Duration),
        answer: impl Fn(&[Vec<u8>], &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("there are ports");
        let port = listener.local_addr().expect("it is bound").port();
        let connections = Arc::new(AtomicU32::new(0));
        let (answer, count): (Arc<Answer>, _) = (Arc::new(answer), Arc::clone(&connections));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::Relaxed);
                let answer = Arc::clone(&answer);
                // It ends when the client hangs up.
                thread::spawn(move || serve(stream, pause, &*answer));
            }
        });
        Fake { port, connections }
    }

    /// How many have connected so far.
    pub(super) fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }

    pub(super) fn node(&self, timeout: Duration) -> Node {
        node(self.port, timeout)
    }
}

pub(super) fn node(port: u16, timeout: Duration) -> Node {
    Node::new(Address::Tcp("127.0.0.1".into(), port), &Login::default(), timeout)
}

/// A command that [`echo`] answers with its number.
pub(super) fn numbered(number: i64) -> Request {
    Request::new("ECHO", Route::Any).int(number)
}

/// Gives the number back.
pub(super) fn echo(command: &[Vec<u8>]) -> Vec<u8> {
    [b":", &command[1][..], b"\r\n"].concat()
}

/// Sends as many numbers as `numbers` holds, and says whether just these came back.
pub(super) async fn comes_back(node: &Node, numbers: &[i64]) -> Result<bool> {
    let requests: Vec<_> = numbers.iter().map(|number| numbered(*number)).collect();
    let replies = node.exchange(&requests).await?;
    Ok(replies.into_iter().eq(numbers.iter().map(|number| Reply::Int(*number))))
}

fn serve(stream: TcpStream, pause: Duration, answer: &Answer) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut input = BufReader::new(stream);
    loop {
        let command = (0..count(&mut input)?).map(|_| argument(&mut input)).collect::<io::Result<Vec<_>>>()?;
        if !pause.is_zero() {
            thread::sleep(pause);
        }
        match &command[0][..] {
            b"HELLO" => out.write_all(b"%1\r\n+proto\r\n:3\r\n")?,
            b"CLIENT" | b"INFO" => out.write_all(b"-ERR unknown command\r\n")?,
            b"PING" => out.write_all(b"+PONG\r\n")?,
            _ => answer(&command, &mut out)?,
        }
    }
}

fn argument(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count(input)? + 2];
    input.read_exact(&mut bytes)?;
    bytes.truncate(bytes.len() - 2);
    Ok(bytes)
}

fn count(input: &mut impl BufRead) -> io::Result<usize> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    line.get(1..).and_then(|rest| rest.trim().parse().ok()).ok_or(io::ErrorKind::UnexpectedEof.into())
}

/// Runs tasks on this thread, as an executor would.
pub(super) fn run<T>(tasks: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut tasks: Vec<_> = tasks.into_iter().map(|task| (Box::pin(task), None)).collect();
    loop {
        let mut open = 0;
        for (task, output) in tasks.iter_mut().filter(|(_, output)| output.is_none()) {
            match task.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(done) => *output = Some(done),
                Poll::Pending => open += 1,
            }
        }
        if open == 0 {
            return tasks.into_iter().filter_map(|(_, output)| output).collect();
        }
        thread::park();
    }
}

/// Both, side by side.
pub(super) async fn both<T>(first: impl Future<Output = T>, second: impl Future<Output = T>) -> (T, T) {
    let (mut first, mut second) = (Box::pin(first), Box::pin(second));
    let (mut one, mut two) = (None, None);
    std::future::poll_fn(move |context| {
        poll_into(first.as_mut(), &mut one, context);
        poll_into(second.as_mut(), &mut two, context);
        match (one.take(), two.take()) {
            (Some(one), Some(two)) => Poll::Ready((one, two)),
            (a, b) => {
                (one, two) = (a, b);
                Poll::Pending
            }
        }
    })
    .await
}

fn poll_into<T>(future: Pin<&mut impl Future<Output = T>>, output: &mut Option<T>, context: &mut Context<'_>) {
    if output.is_none()
        && let Poll::Ready(done) = future.poll(context)
    {
        *output = Some(done);
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
