//! What one at a time may hold among all machines: taken with a token, renewed while it is held, released by its token.
//!
//! The form of it is that of <https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/> for one server,
//! with a number for each holder that later ones exceed, as in
//! <https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html>.

use crate::redis::fleet::client::Client;
use crate::redis::keys::id::Id;
use crate::redis::keys::layout::Channel;
use crate::redis::keys::script::{Call, RELEASE, RENEW, Script, TAKE};
use crate::redis::lock::Mutex;
use crate::redis::news::bell::Bell;
use crate::redis::news::keeper::Keeper;
use crate::redis::news::subscription::{Subscribed, Subscriptions};
use crate::redis::server::timer::within;
use crate::redis::wire::reply::{Reply, unexpected};
use crate::redis::wire::request::Route;
use memolith_core::__private::forks;
use memolith_core::{Error, ErrorKind, Result};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

/// Longer than anything is held or waited for: a hundred years. Moments further away do not exist on every system.
pub(crate) const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// All that is held by way of a [`Redis`](crate::redis::Redis).
pub(crate) struct Holds {
    pub(crate) client: Arc<Client>,
    subscriptions: Arc<Subscriptions>,
    /// For this alone: who is renewed late has lost what they hold.
    keeper: Keeper,
    id: Id,
    taken: AtomicU64,
}

/// What can be held, by the names of it on the server, which share a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) key: Vec<u8>,
    /// Where the last number is.
    pub(crate) numbers: Vec<u8>,
    /// Where it is said that the place was let go.
    pub(crate) channel: Channel,
}

/// For how long something is held, unless it is renewed, and whether it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Term {
    /// Until it is released or the process dies, and for this long after that.
    Renewed(Duration),
    /// For this long at most.
    Fixed(Duration),
}

/// What came of a wish.
#[derive(Debug)]
pub(crate) enum Taken {
    Ours(Held),
    /// Somebody else has it, for this long if it is not renewed; none: nobody can say.
    Others(Option<Duration>),
}

/// A place that is held until this is dropped, which does not block.
pub(crate) struct Held {
    grip: Arc<Grip>,
    holds: Arc<Holds>,
}

struct Grip {
    place: Place,
    token: [u8; 24],
    /// Where it was taken. What a forked child has is a copy, which is not its to let go of.
    forks: u32,
    term: Term,
    /// Once it is taken.
    number: OnceLock<u64>,
    /// Not to be looked at in a forked child: it may be locked by a thread that the child does not have.
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    /// Until when nobody else can have it; none when somebody may.
    until: Option<Instant>,
    /// Whether there may be something on the server to let go of.
    taken: bool,
}

impl Holds {
    pub(crate) fn new(id: Id, subscriptions: Arc<Subscriptions>) -> Arc<Self> {
        let (client, keeper, taken) = (Arc::clone(&subscriptions.client), Keeper::new(), AtomicU64::new(0));
        Arc::new(Holds { client, subscriptions, keeper, id, taken })
    }

    /// Takes `place` if nobody has it.
    ///
    /// Cancelled, or without an answer, it is let go of, as it may have been taken all the same.
    pub(crate) async fn take(self: &Arc<Self>, place: &Place, term: Term) -> Result<Taken> {
        let mut token = [0; 24];
        token[..16].copy_from_slice(&self.id.bytes());
        token[16..].copy_from_slice(&self.taken.fetch_add(1, Relaxed).to_le_bytes());
        let state = Mutex::new(State { until: None, taken: true });
        let grip = Grip { place: place.clone(), token, forks: forks(), term, number: OnceLock::new(), state };
        let held = Held { grip: Arc::new(grip), holds: Arc::clone(self) };
        let asked = Instant::now();
        let call = place.call(&TAKE).key(&place.numbers[..]).arg(token.to_vec()).text(term.millis());
        let [Reply::Int(ours), Reply::Int(number)] = call.run(&self.client).await?.into_array()?[..] else {
            return Err(unexpected());
        };
        if ours == 0 {
            held.grip.state.lock().taken = false;
            return Ok(Taken::Others(u64::try_from(number).ok().map(Duration::from_millis)));
        }
        let number = u64::try_from(number).map_err(|_| unexpected())?;
        let _ = held.grip.number.set(number);
        held.grip.prolong(asked + term.time());
        self.renew_later(&held.grip, asked + term.time() / 3);
        Ok(Taken::Ours(held))
    }

    /// Something that rings when others have let go of `place`; also when the connection that tells has just come, or
    /// was lost: then look.
    pub(crate) fn bell(&self, place: &Place) -> (Arc<Bell>, Subscribed) {
        let bell = Arc::new(Bell::default());
        let listener: Weak<Bell> = Arc::downgrade(&bell);
        let subscribed = self.subscriptions.subscribe(&place.channel, listener);
        (bell, subscribed)
    }

    fn renew_later(self: &Arc<Self>, grip: &Arc<Grip>, time: Instant) {
        if let Term::Fixed(_) = grip.term {
            return;
        }
        let (this, grip) = (Arc::downgrade(self), Arc::downgrade(grip));
        // Most are let go of before that.
        self.keeper.at(time, move || {
            if let (Some(this), Some(grip)) = (this.upgrade(), grip.upgrade()) {
                Arc::clone(&this).keeper.begin(async move { this.renew(grip).await });
            }
        });
    }

    /// Another term for `grip`, asked for so that it can be asked for once more before the last is over.
    async fn renew(self: Arc<Self>, grip: Arc<Grip>) {
        let (asked, time) = (Instant::now(), grip.term.time());
        match within(asked + time / 3, grip.renewal().run(&self.client)).await {
            Some(Ok(Reply::Int(1))) => {
                grip.prolong(asked + time);
                self.renew_later(&grip, asked + time / 3);
            }
            Some(Ok(Reply::Int(_))) => grip.state.lock().until = None,
            // Perhaps the next time, as long as it can still be ours.
            _ if grip.is_ours() => self.renew_later(&grip, Instant::now() + time / 10),
            _ => {}
        }
    }

    /// Lets go of what nobody here holds any more. It is done also if this was the last of us.
    fn release_soon(self: &Arc<Self>, grip: Arc<Grip>) {
        let this = Arc::clone(self);
        self.keeper.begin(async move {
            let _ = this.release(&grip).run(&this.client).await;
        });
    }

    fn release<'a>(&self, grip: &'a Grip) -> Call<'a> {
        let call = grip.place.call(&RELEASE).arg(&grip.token[..]).arg(&grip.place.channel.name[..]);
        call.text(self.subscriptions.how.letter())
    }
}

impl Held {
    /// Greater than that of everybody who held the place before.
    pub(crate) fn number(&self) -> u64 {
        self.grip.number.get().copied().unwrap_or(0)
    }

    /// Whether nobody else can have it, as far as is known without asking.
    pub(crate) fn is_ours(&self) -> bool {
        self.grip.is_ours()
    }

    /// Lets go, and says whether it was held until then.
    pub(crate) async fn release(self) -> Result<bool> {
        self.grip.check()?;
        let released = self.holds.release(&self.grip).run(&self.holds.client).await?.into_int()?;
        self.grip.state.lock().taken = false;
        Ok(released > 0)
    }

    /// Another term for it, from now on; whether it is still held.
    pub(crate) async fn renew(&self) -> Result<bool> {
        self.grip.check()?;
        let asked = Instant::now();
        let renewed = self.grip.renewal().run(&self.holds.client).await?.into_int()? > 0;
        if renewed {
            self.grip.prolong(asked + self.grip.term.time());
        } else {
            self.grip.state.lock().until = None;
        }
        Ok(renewed)
    }
}

impl Grip {
    fn is_ours(&self) -> bool {
        self.check().is_ok() && self.state.lock().until.is_some_and(|until| Instant::now() < until)
    }

    /// That it is not a copy.
    fn check(&self) -> Result<()> {
        if self.forks == forks() {
            return Ok(());
        }
        let message = "it is held by the process that this one was forked from, take it here to hold it here";
        Err(Error::new(ErrorKind::Unsupported, message))
    }

    fn renewal(&self) -> Call<'_> {
        self.place.call(&RENEW).arg(&self.token[..]).text(self.term.millis())
    }

    fn prolong(&self, until: Instant) {
        self.state.lock().until = Some(until);
    }
}

impl Place {
    /// The place at `key`, with what belongs to it beside.
    pub(crate) fn of((key, slot): (Vec<u8>, u16)) -> Self {
        let numbers = [&key, &b":f"[..]].concat();
        Place { channel: Channel { name: key.clone(), slot }, key, numbers }
    }

    fn call(&self, script: &'static Script) -> Call<'_> {
        Call::new(script, Route::Slot(self.channel.slot)).key(&self.key[..])
    }
}

impl Term {
    pub(crate) fn time(self) -> Duration {
        let (Term::Renewed(time) | Term::Fixed(time)) = self;
        time.clamp(Duration::from_millis(1), LONGEST)
    }

    fn millis(self) -> i64 {
        i64::try_from(self.time().as_millis()).unwrap_or(i64::MAX)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.grip.check().is_ok() && self.grip.state.lock().taken {
            self.holds.release_soon(Arc::clone(&self.grip));
        }
    }
}

impl fmt::Debug for Holds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Holds").field("client", &self.client).finish_non_exhaustive()
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("number", &self.number()).field("is_ours", &self.is_ours()).finish_non_exhaustive()
    }
}
