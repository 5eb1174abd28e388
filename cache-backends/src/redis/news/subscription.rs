//! Channels that are listened to, each at the server that has its slot.

use super::keeper::Keeper;
use super::line::Line;
use crate::redis::fleet::client::Client;
use crate::redis::keys::layout;
use crate::redis::keys::tell::Tell;
use crate::redis::lock::Mutex;
use crate::redis::server::node::{Node, wait};
use crate::redis::settings::target::Address;
use crate::redis::wire::request::{Request, Route};
use memolith_core::ErrorKind;
use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How soon it is tried again to find out who has a slot.
const AGAIN: Duration = Duration::from_millis(100);

/// Whoever wants to know of a channel. Called under no lock, on a thread of the subscriptions; it must not block.
pub(crate) trait Listener: Send + Sync {
    fn hear(&self, event: Event<'_>);
}

/// What can be heard of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// From now on messages are heard. Those of before may have been missed.
    Standing,
    /// It stood, and no messages are heard until it does again.
    Lost,
    /// It did not stand, and was tried in vain.
    Failed,
    /// The same, because the server does not let us listen, and will not before somebody allows it.
    Refused,
    Message(&'a [u8]),
    /// All that was said before the server was last [asked](Subscriptions::ask) has been heard.
    Answered,
}

/// The channels of a [`Redis`](crate::redis::Redis) and a connection for each server that has some of them.
pub(crate) struct Subscriptions {
    pub(crate) client: Arc<Client>,
    pub(crate) timeout: Duration,
    pub(crate) how: Tell,
    keeper: Keeper,
    /// Whether it will be tried again to settle what has no line.
    again: AtomicBool,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    channels: HashMap<Arc<[u8]>, Channel>,
    lines: HashMap<Address, Arc<Line>>,
}

struct Channel {
    slot: u16,
    listeners: Vec<Weak<dyn Listener>>,
    /// The server whose line it is on; none until that is known.
    home: Option<Address>,
    state: State,
}

/// What is known of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It was not tried yet, or is again since it was lost.
    Tried,
    Standing,
    /// It was tried in vain, and goes on being tried.
    Failing,
}

/// A listener's place at a channel, which it leaves when dropped.
#[must_use = "a listener leaves when it is dropped"]
pub(crate) struct Subscribed {
    subscriptions: Weak<Subscriptions>,
    channel: Arc<[u8]>,
    listener: Weak<dyn Listener>,
}

impl Subscriptions {
    pub(crate) fn new(client: Arc<Client>, timeout: Duration, how: Tell) -> Arc<Self> {
        let (keeper, again, table) = (Keeper::new(), AtomicBool::new(false), Mutex::default());
        Arc::new(Subscriptions { client, timeout, how, keeper, again, table })
    }

    /// Tells `listener` of what is said in `channel`. Returns at once: it hears when the subscription stands, or that it
    /// does not.
    pub(crate) fn subscribe(self: &Arc<Self>, channel: &layout::Channel, listener: Weak<dyn Listener>) -> Subscribed {
        let (channel, slot): (Arc<[u8]>, u16) = (channel.name[..].into(), channel.slot);
        let (state, settled) = {
            let mut table = self.table.lock();
            let new = || Channel { slot, listeners: vec![], home: None, state: State::Tried };
            let entry = table.channels.entry(Arc::clone(&channel)).or_insert_with(new);
            entry.listeners.push(Weak::clone(&listener));
            (entry.state, entry.home.is_some())
        };
        if !settled {
            self.settle_soon();
        }
        let event = match state {
            State::Tried => None,
            State::Standing => Some(Event::Standing),
            // Who comes now is not to wait for what others wait for in vain.
            State::Failing => Some(Event::Failed),
        };
        if let Some((event, listener)) = event.zip(listener.upgrade()) {
            listener.hear(event);
        }
        Subscribed { subscriptions: Arc::downgrade(self), channel, listener }
    }

    /// Has the server answer, if it tells of the channel: see [`Event::Answered`].
    pub(crate) fn ask(&self, name: &[u8]) {
        let line = {
            let table = self.table.lock();
            let standing = table.channels.get(name).filter(|channel| channel.state == State::Standing);
            standing.and_then(|channel| table.lines.get(channel.home.as_ref()?).cloned())
        };
        line.into_iter().for_each(|line| line.ask(name));
    }

    /// Does `job` at `time`.
    pub(crate) fn at(&self, time: Instant, job: impl FnOnce() + Send + 'static) {
        self.keeper.at(time, job);
    }

    /// Goes on with `work` whenever that can go on.
    pub(crate) fn begin(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.keeper.begin(work);
    }

    fn settle_soon(self: &Arc<Self>) {
        let this = Arc::downgrade(self);
        self.keeper.soon(move || this.upgrade().into_iter().for_each(|this| this.settle()));
    }

    /// Finds a line for each channel that has none. Asks servers, if it is not known who has the slots.
    pub(crate) fn settle(self: &Arc<Self>) {
        let homeless: Vec<_> = {
            let table = self.table.lock();
            let homeless = table.channels.iter().filter(|(_, channel)| channel.home.is_none());
            homeless.map(|(name, channel)| (Arc::clone(name), channel.slot)).collect()
        };
        let mut unsettled = vec![];
        for (name, slot) in homeless {
            let settled = wait(self.client.owner(slot)).is_ok_and(|node| self.move_in(&name, node));
            if !settled {
                unsettled.push(name);
            }
        }
        if unsettled.is_empty() {
            return;
        }
        {
            let mut table = self.table.lock();
            for name in &unsettled {
                table.channels.get_mut(name).into_iter().for_each(|channel| channel.state = State::Failing);
            }
        }
        // One who tries again is enough for all that come meanwhile.
        if !self.again.swap(true, Relaxed) {
            let this = Arc::downgrade(self);
            self.keeper.at(Instant::now() + AGAIN, move || {
                let Some(this) = this.upgrade() else { return };
                this.again.store(false, Relaxed);
                this.settle();
            });
        }
        self.tell(&unsettled, Event::Failed);
    }

    /// Puts a channel on the line to `node`. If that stands already, it is told; else it will tell the server itself.
    fn move_in(self: &Arc<Self>, name: &Arc<[u8]>, node: Arc<Node>) -> bool {
        let address = node.address().clone();
        let line = {
            let mut table = self.table.lock();
            let Some(channel) = table.channels.get_mut(name) else { return true };
            if channel.home.is_some() {
                return true;
            }
            channel.home = Some(address.clone());
            match table.lines.get(&address) {
                Some(line) => Arc::clone(line),
                None => {
                    let line = Arc::new(Line::new(node, self.how));
                    if !line.start(Arc::downgrade(self)) {
                        table.channels.get_mut(name).into_iter().for_each(|channel| channel.home = None);
                        return false;
                    }
                    table.lines.insert(address, Arc::clone(&line));
                    line
                }
            }
        };
        line.subscribe(name);
        true
    }

    fn leave(&self, name: &Arc<[u8]>, listener: &Weak<dyn Listener>) {
        let line = {
            let mut table = self.table.lock();
            let Some(channel) = table.channels.get_mut(name) else { return };
            channel.listeners.retain(|other| other.strong_count() > 0 && !other.ptr_eq(listener));
            if !channel.listeners.is_empty() {
                return;
            }
            let home = table.channels.remove(name).and_then(|channel| channel.home);
            home.and_then(|home| table.lines.get(&home).cloned())
        };
        line.into_iter().for_each(|line| line.unsubscribe(name));
    }

    /// The channels on the line to `address`, with their slots.
    pub(crate) fn channels_of(&self, address: &Address) -> Vec<(Arc<[u8]>, u16)> {
        let table = self.table.lock();
        let those = table.channels.iter().filter(|(_, channel)| channel.home.as_ref() == Some(address));
        those.map(|(name, channel)| (Arc::clone(name), channel.slot)).collect()
    }

    /// Forgets the line to `address` if it has no channels.
    pub(crate) fn retire(&self, address: &Address) -> bool {
        let mut table = self.table.lock();
        let used = table.channels.values().any(|channel| channel.home.as_ref() == Some(address));
        if !used {
            table.lines.remove(address);
        }
        !used
    }

    /// The server at `address` has said that it listens. Of a channel that came when the line had just begun it says so
    /// twice, which is no news: nothing was missed in between.
    pub(crate) fn stands(&self, name: &[u8], address: &Address) {
        let listeners = {
            let mut table = self.table.lock();
            let Some(channel) = table.channels.get_mut(name) else { return };
            if channel.home.as_ref() != Some(address) || channel.state == State::Standing {
                return;
            }
            channel.state = State::Standing;
            // In the same step: who comes from now on is told by `subscribe`, and nobody by both.
            channel.listening()
        };
        tell_each(&listeners, Event::Standing);
    }

    /// Whether the server at `address` has said that it listens, and not taken that back.
    pub(crate) fn is_standing(&self, name: &[u8], address: &Address) -> bool {
        let table = self.table.lock();
        table
            .channels
            .get(name)
            .is_some_and(|channel| channel.state == State::Standing && channel.home.as_ref() == Some(address))
    }

    /// The server at `address` does not have the channel any more: another must.
    pub(crate) fn uproot(&self, name: &[u8], address: &Address) {
        let uprooted = {
            let mut table = self.table.lock();
            let channel = table.channels.get_mut(name).filter(|channel| channel.home.as_ref() == Some(address));
            channel.map(Channel::uproot)
        };
        uprooted.into_iter().for_each(|event| self.tell(&[name], event));
    }

    /// The line to `address` is cut, because of a fault if there was one.
    pub(crate) fn lose(&self, address: &Address, fault: Option<ErrorKind>) {
        let mut lost = vec![];
        for (name, channel) in &mut self.table.lock().channels {
            if channel.home.as_ref() == Some(address) {
                let event = match channel.uproot() {
                    Event::Failed if fault == Some(ErrorKind::Config) => Event::Refused,
                    event => event,
                };
                lost.push((Arc::clone(name), event));
            }
        }
        lost.iter().for_each(|(name, event)| self.tell(&[name], *event));
    }

    pub(crate) fn tell(&self, names: &[impl AsRef<[u8]>], event: Event<'_>) {
        for name in names {
            let listeners = {
                let table = self.table.lock();
                table.channels.get(name.as_ref()).map(Channel::listening).unwrap_or_default()
            };
            tell_each(&listeners, event);
        }
    }
}

/// Called under no lock: they are foreign code, and if one panics others want to hear all the same.
fn tell_each(listeners: &[Arc<dyn Listener>], event: Event<'_>) {
    for listener in listeners {
        let _ = catch_unwind(AssertUnwindSafe(|| listener.hear(event)));
    }
}

impl Channel {
    fn listening(&self) -> Vec<Arc<dyn Listener>> {
        self.listeners.iter().filter_map(Weak::upgrade).collect()
    }

    /// Takes it off its line; what that is to the listeners.
    fn uproot(&mut self) -> Event<'static> {
        self.home = None;
        let (state, event) = match self.state {
            State::Standing => (State::Tried, Event::Lost),
            State::Tried | State::Failing => (State::Failing, Event::Failed),
        };
        self.state = state;
        event
    }
}

impl Tell {
    pub(crate) fn subscribe(self, channel: &[u8]) -> Request {
        Request::new(if self == Tell::Slot { "SSUBSCRIBE" } else { "SUBSCRIBE" }, Route::Any).arg(channel)
    }

    pub(crate) fn unsubscribe(self, channel: &[u8]) -> Request {
        Request::new(if self == Tell::Slot { "SUNSUBSCRIBE" } else { "UNSUBSCRIBE" }, Route::Any).arg(channel)
    }
}

impl Drop for Subscribed {
    fn drop(&mut self) {
        let Some(subscriptions) = self.subscriptions.upgrade() else { return };
        let (this, channel, listener) =
            (Arc::downgrade(&subscriptions), Arc::clone(&self.channel), self.listener.clone());
        let leave = move || this.upgrade().into_iter().for_each(|this| this.leave(&channel, &listener));
        subscriptions.keeper.soon(leave);
    }
}

impl fmt::Debug for Subscriptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriptions").field("how", &self.how).finish_non_exhaustive()
    }
}

impl fmt::Debug for Subscribed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribed").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
