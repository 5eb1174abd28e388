//! A connection on which a server tells what is said in channels, and the thread that listens.

use super::subscription::{Event, Subscriptions};
use crate::redis::keys::tell::Tell;
use crate::redis::lock::Mutex;
use crate::redis::server::node::{Node, wait};
use crate::redis::wire::dial::{Dialled, Sender};
use crate::redis::wire::reply::{Reply, ServerError, unexpected};
use crate::redis::wire::request::{Request, Route};
use memolith_core::{Error, ErrorKind, Result};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How long a server may be silent before it is asked whether it is there.
const PROBE: Duration = Duration::from_millis(200);
/// How long a line without channels stays.
const IDLE: Duration = Duration::from_secs(10);
/// The pauses before it is dialled again: the first and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(400));
/// The pause after a refusal that somebody has to do something about, such as a user who may not listen.
const FORBIDDEN: Duration = Duration::from_secs(5);

/// A line to one server.
pub(crate) struct Line {
    node: Arc<Node>,
    state: Mutex<State>,
}

struct State {
    /// None while it is cut.
    sender: Option<Arc<Sender>>,
    how: Tell,
}

impl Line {
    pub(crate) fn new(node: Arc<Node>, how: Tell) -> Self {
        Line { node, state: Mutex::new(State { sender: None, how }) }
    }

    /// Begins to listen, on a thread that ends with the subscriptions, or when it has had no channel for a while. Says
    /// whether there is a thread.
    pub(crate) fn start(self: &Arc<Self>, subscriptions: Weak<Subscriptions>) -> bool {
        let this = Arc::clone(self);
        let thread = std::thread::Builder::new().name("memolith-news".into());
        thread.spawn(move || this.run(&subscriptions)).is_ok()
    }

    /// Asks the server to tell of `channel`, if the line is not cut. What does not arrive is found out by who listens.
    pub(crate) fn subscribe(&self, channel: &[u8]) {
        self.send(|how| how.subscribe(channel));
    }

    /// Asks it not to.
    pub(crate) fn unsubscribe(&self, channel: &[u8]) {
        self.send(|how| how.unsubscribe(channel));
    }

    /// Asks the server for an answer that names `channel`: what was said there until now is heard before it.
    pub(crate) fn ask(&self, channel: &[u8]) {
        self.send(|_| Request::new("PING", Route::Any).arg(channel));
    }

    fn send(&self, request: impl FnOnce(Tell) -> Request) {
        let (sender, how) = {
            let state = self.state.lock();
            (state.sender.clone(), state.how)
        };
        if let Some(sender) = sender {
            let _ = sender.send(&request(how));
        }
    }

    fn run(&self, subscriptions: &Weak<Subscriptions>) {
        let mut pause = PAUSES.0;
        loop {
            let begun = Instant::now();
            let ended = self.node.dial().and_then(|connection| self.listen(connection, subscriptions));
            self.state.lock().sender = None;
            let Some(this) = subscriptions.upgrade() else { return };
            this.lose(self.node.address(), ended.as_ref().err().map(Error::kind));
            if let Err(error) = ended {
                // Nobody else may ask anything, and notice that another server has taken its place.
                this.client.doubt(&self.node);
                drop(this);
                pause = match error.kind() {
                    ErrorKind::Config => FORBIDDEN,
                    _ if begun.elapsed() > PAUSES.1 => PAUSES.0,
                    _ => (pause * 2).min(PAUSES.1),
                };
                std::thread::sleep(pause);
            }
            let Some(this) = subscriptions.upgrade() else { return };
            this.settle();
            if this.retire(self.node.address()) {
                return;
            }
        }
    }

    /// Listens until the connection is lost, which is an error, or has not been needed for a while.
    fn listen(&self, mut connection: Dialled, subscriptions: &Weak<Subscriptions>) -> Result<()> {
        let over = || Error::new(ErrorKind::Unavailable, "the server was silent for too long");
        self.state.lock().sender = Some(Arc::new(connection.sender()));
        // After the line can be seen: the server is told of a channel that comes now twice, and not never.
        self.subscribe_all(&*subscriptions.upgrade().ok_or_else(over)?);
        let (mut used, mut next, mut asked) = (Instant::now(), Instant::now() + PROBE, None);
        loop {
            let this = subscriptions.upgrade().ok_or_else(over)?;
            let now = Instant::now();
            if asked.is_none() && now >= next {
                connection.send(&Request::new("PING", Route::Any))?;
                asked = Some(now + this.timeout);
                match self.check(&this) {
                    0 if used.elapsed() > IDLE => return Ok(()),
                    0 => {}
                    _ => used = now,
                }
            }
            drop(this);
            let due = asked.unwrap_or(next);
            match connection.read(due.saturating_duration_since(now).max(Duration::from_millis(1)))? {
                Some(reply) => {
                    let this = subscriptions.upgrade().ok_or_else(over)?;
                    if self.is_pong(reply, &this)? {
                        (asked, next) = (None, Instant::now() + PROBE);
                    }
                }
                None if asked.is_some_and(|due| due <= Instant::now()) => return Err(over()),
                None => {}
            }
        }
    }

    fn subscribe_all(&self, subscriptions: &Subscriptions) {
        subscriptions.channels_of(self.node.address()).iter().for_each(|(channel, _)| self.subscribe(channel));
    }

    /// Lets go of channels that another server has by now, and says how many there are.
    fn check(&self, subscriptions: &Arc<Subscriptions>) -> usize {
        let channels = subscriptions.channels_of(self.node.address());
        let elsewhere = |node: Arc<Node>| node.address() != self.node.address();
        let is_moved = |slot| wait(subscriptions.client.owner(slot)).is_ok_and(elsewhere);
        let moved: Vec<_> = channels.iter().filter(|(_, slot)| is_moved(*slot)).collect();
        for (channel, _) in &moved {
            subscriptions.uproot(channel, self.node.address());
            self.unsubscribe(channel);
        }
        if !moved.is_empty() {
            subscriptions.settle();
        }
        channels.len()
    }

    /// Takes what the server tells; whether it answers a probe.
    fn is_pong(&self, reply: Reply, subscriptions: &Arc<Subscriptions>) -> Result<bool> {
        let address = self.node.address();
        let items = match reply {
            Reply::Push(items) | Reply::Array(items) => items,
            Reply::Error(error) => return self.refused(error, subscriptions).map(|()| false),
            // An answer that names a channel, or only one.
            Reply::Bytes(channel) => {
                subscriptions.tell(&[channel], Event::Answered);
                return Ok(true);
            }
            _ => return Ok(true),
        };
        let mut parts = items.iter().map(|item| if let Reply::Bytes(bytes) = item { &bytes[..] } else { b"" });
        let (kind, channel) = (parts.next().ok_or_else(unexpected)?, parts.next().unwrap_or_default());
        match kind {
            b"message" | b"smessage" => {
                subscriptions.tell(&[channel], Event::Message(parts.next().unwrap_or_default()));
            }
            b"subscribe" | b"ssubscribe" => subscriptions.stands(channel, address),
            // Not by our wish, of which the table knows first: the slot has moved.
            b"unsubscribe" | b"sunsubscribe" if subscriptions.is_standing(channel, address) => {
                subscriptions.uproot(channel, address);
                subscriptions.client.doubt(&self.node);
                subscriptions.settle();
            }
            b"pong" => {
                subscriptions.tell(&[channel], Event::Answered);
                return Ok(true);
            }
            _ => {}
        }
        Ok(false)
    }

    /// Servers before 7.0 know no other channels than those of all. Whatever else is refused, such as a slot that has
    /// moved, begins anew.
    fn refused(&self, error: ServerError, subscriptions: &Subscriptions) -> Result<()> {
        let is_old = error.message.to_ascii_lowercase().contains("unknown command");
        if !is_old {
            return Err(error.into_error());
        }
        if std::mem::replace(&mut self.state.lock().how, Tell::All) == Tell::Slot {
            self.subscribe_all(subscriptions);
        }
        Ok(())
    }
}
