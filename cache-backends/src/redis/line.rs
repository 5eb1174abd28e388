//! A connection on which a server tells what is said in channels, and the thread that listens.

use super::dial::{Dialled, Sender};
use super::node::{Node, wait};
use super::reply::{Reply, unexpected};
use super::request::{Request, Route};
use super::subscription::{Event, Subscriptions};
use memolith_core::{Error, ErrorKind, Result};
use parking_lot::Mutex;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How long a server may be silent before it is asked whether it is there.
const PROBE: Duration = Duration::from_millis(200);
/// How long a line without channels stays.
const IDLE: Duration = Duration::from_secs(10);
/// The pauses before it is dialled again: the first and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(400));

/// A line to one server.
pub(super) struct Line {
    node: Arc<Node>,
    /// None while it is cut.
    sender: Mutex<Option<Arc<Sender>>>,
}

impl Line {
    pub(super) fn new(node: Arc<Node>) -> Self {
        Line { node, sender: Mutex::new(None) }
    }

    /// Begins to listen, on a thread that ends with the subscriptions, or when it has had no channel for a while. Says
    /// whether there is a thread.
    pub(super) fn start(self: &Arc<Self>, subscriptions: Weak<Subscriptions>) -> bool {
        let this = Arc::clone(self);
        let thread = std::thread::Builder::new().name("memolith-news".into());
        thread.spawn(move || this.run(&subscriptions)).is_ok()
    }

    /// Sends `request` if the line is not cut. What has not arrived is found out by who listens.
    pub(super) fn send(&self, request: Request) {
        let sender = self.sender.lock().clone();
        sender.into_iter().for_each(|sender| drop(sender.send(&request)));
    }

    fn run(&self, subscriptions: &Weak<Subscriptions>) {
        let mut pause = PAUSES.0;
        loop {
            if let Ok(mut connection) = self.node.dial() {
                *self.sender.lock() = Some(Arc::new(connection.sender()));
                let begun = Instant::now();
                // Whatever the reason is: nothing is heard any more.
                let _ = self.listen(&mut connection, subscriptions);
                *self.sender.lock() = None;
                if begun.elapsed() > PAUSES.1 {
                    pause = PAUSES.0;
                }
            }
            let Some(this) = subscriptions.upgrade() else { return };
            let channels = this.channels_of(self.node.address());
            this.lose(self.node.address());
            ask_anew(&this, &channels);
            drop(this);
            std::thread::sleep(pause);
            pause = (pause * 2).min(PAUSES.1);
            let Some(this) = subscriptions.upgrade() else { return };
            this.settle();
            if this.retire(self.node.address()) {
                return;
            }
        }
    }

    /// Listens until the connection is lost, or nobody wants to know any more.
    fn listen(&self, connection: &mut Dialled, subscriptions: &Weak<Subscriptions>) -> Result<()> {
        let over = || Error::new(ErrorKind::Unavailable, "the server was silent for too long");
        {
            let this = subscriptions.upgrade().ok_or_else(over)?;
            // After the connection can be seen: a channel that comes now is told to the server twice, and not never.
            for (channel, _) in this.channels_of(self.node.address()) {
                connection.send(&this.flavour.subscribe(&channel))?;
            }
        }
        let (mut used, mut next, mut asked) = (Instant::now(), Instant::now() + PROBE, None);
        loop {
            let now = Instant::now();
            let this = subscriptions.upgrade().ok_or_else(over)?;
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
            let reply = connection.read(due.saturating_duration_since(now).max(Duration::from_millis(1)))?;
            match reply {
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

    /// Lets go of channels that another server has by now, and says how many there are.
    fn check(&self, subscriptions: &Arc<Subscriptions>) -> usize {
        let channels = subscriptions.channels_of(self.node.address());
        let mut moved = false;
        for (name, slot) in &channels {
            let elsewhere = |node: Arc<Node>| node.address() != self.node.address();
            if wait(subscriptions.client.owner(*slot)).is_ok_and(elsewhere) {
                moved = true;
                subscriptions.uproot(name, self.node.address());
                self.send(subscriptions.flavour.unsubscribe(name));
            }
        }
        if moved {
            subscriptions.settle();
        }
        channels.len()
    }

    /// Takes what the server tells; whether it answers a probe.
    fn is_pong(&self, reply: Reply, subscriptions: &Arc<Subscriptions>) -> Result<bool> {
        let address = self.node.address();
        let items = match reply {
            Reply::Push(items) | Reply::Array(items) => items,
            Reply::Error(error) => return Err(error.into_error()),
            _ => return Ok(true),
        };
        let mut parts = items.iter().map(|item| if let Reply::Bytes(bytes) = item { &bytes[..] } else { b"" });
        let (kind, channel) = (parts.next().ok_or_else(unexpected)?, parts.next().unwrap_or_default());
        match kind {
            b"message" | b"smessage" => {
                subscriptions.tell(&[channel], Event::Message(parts.next().unwrap_or_default()))
            }
            b"subscribe" | b"ssubscribe" => subscriptions.stands(channel, address),
            // Not by our wish, of which the table knows first: the slot has moved.
            b"unsubscribe" | b"sunsubscribe" if subscriptions.is_standing(channel, address) => {
                let mut channels = subscriptions.channels_of(address);
                channels.retain(|(name, _)| &name[..] == channel);
                subscriptions.uproot(channel, address);
                ask_anew(subscriptions, &channels);
                subscriptions.settle();
            }
            b"pong" => return Ok(true),
            _ => {}
        }
        Ok(false)
    }
}

/// Asks for something in the slot of each of `channels`, so that whoever looks after the servers notices that it has
/// moved, or that its server is gone, although nobody else may ask anything.
fn ask_anew(subscriptions: &Subscriptions, channels: &[(Arc<[u8]>, u16)]) {
    for (channel, slot) in channels {
        let request = Request::new("EXISTS", Route::Slot(*slot)).arg(channel);
        if wait(subscriptions.client.call(request)).is_err() {
            return;
        }
    }
}
