//! News of what others have removed, for the memory of the caches of this process.
//!
//! Whoever removes from a space says so in its channel, in the script that removes. The caches of one process that share a
//! [`Redis`](crate::redis::Redis) also share a word, which they raise themselves: to them it is news before the removal returns.

use super::bell::Bell;
use super::subscription::{Event, Listener, Subscribed, Subscriptions};
use crate::redis::keys::id::Id;
use crate::redis::keys::layout::Channel;
use crate::redis::keys::tell::{Sender, TAKEN_BACK};
use crate::redis::server::timer::within;
use memolith_core::Watch;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};
use std::time::Instant;

/// The bytes of the id that a message begins with.
const ID: usize = size_of::<Sender>();

/// Words that nobody raises any more, to be used again: what they counted is of no interest.
static WORDS: Mutex<Vec<&'static AtomicU64>> = Mutex::new(vec![]);

/// Who wants to know what others have removed from which space.
pub(crate) struct News {
    /// What messages of this `Redis` hold.
    id: Id,
    subscriptions: Arc<Subscriptions>,
    /// By their first channels.
    spaces: Mutex<HashMap<Vec<u8>, Watched>>,
}

struct Watched {
    watchers: Arc<Watchers>,
    word: &'static AtomicU64,
    _subscribed: Vec<Subscribed>,
}

/// Those who watch a space.
struct Watchers {
    id: Id,
    list: Mutex<Vec<Weak<dyn Watch>>>,
}

impl News {
    pub(crate) fn new(id: Id, subscriptions: Arc<Subscriptions>) -> Self {
        News { id, subscriptions, spaces: Mutex::default() }
    }

    /// From now on `watch` is told of what others say in `channels`, those of a space, and handed the word of it.
    pub(crate) fn watch(&self, channels: &[Channel], watch: Weak<dyn Watch>) {
        let Some(first) = channels.first() else { return };
        let word = {
            let mut spaces = self.spaces.lock();
            spaces.retain(|name, watched| *name == first.name || watched.watchers.any());
            let watched = spaces.entry(first.name.clone()).or_insert_with(|| self.listen(channels));
            watched.watchers.list.lock().push(Weak::clone(&watch));
            watched.word
        };
        // No lock is held: it is foreign code.
        watch.upgrade().into_iter().for_each(|watch| watch.follow(word));
    }

    /// Waits until what is said in `channels` is heard, if anybody watches them; or until it is known not to be, or `end`.
    ///
    /// What a cache looks for after that is kept when it has been found or computed; what it looked for before is not, as
    /// it may have been removed unheard.
    pub(crate) async fn heard(&self, channels: &[Channel], end: Instant) {
        let is_watched = |channel: &Channel| self.spaces.lock().contains_key(&channel.name);
        if !channels.first().is_some_and(is_watched) {
            return;
        }
        for channel in channels {
            let bell = Arc::new(Bell::default());
            let listener: Weak<Bell> = Arc::downgrade(&bell);
            let _subscribed = self.subscriptions.subscribe(channel, listener);
            within(end, bell.rung()).await;
        }
    }

    /// To be called now and then: see [`Subscriptions::attend`].
    pub(crate) fn attend(&self) {
        self.subscriptions.attend();
    }

    fn listen(&self, channels: &[Channel]) -> Watched {
        let watchers = Arc::new(Watchers { id: self.id, list: Mutex::default() });
        let word = WORDS.lock().pop().unwrap_or_else(|| Box::leak(Box::default()));
        let subscribe = |channel: &Channel| {
            let listener: Weak<Watchers> = Arc::downgrade(&watchers);
            self.subscriptions.subscribe(channel, listener)
        };
        let subscribed = channels.iter().map(subscribe).collect();
        Watched { watchers, word, _subscribed: subscribed }
    }
}

impl Watchers {
    /// Whether somebody listens.
    fn any(&self) -> bool {
        let mut list = self.list.lock();
        list.retain(|watch| watch.strong_count() > 0);
        !list.is_empty()
    }
}

impl Listener for Watchers {
    fn hear(&self, event: Event<'_>) {
        let mut news: fn(&(dyn Watch + 'static)) = <dyn Watch>::invalidated;
        match event {
            // It has raised the word.
            Event::Message(message) if message.starts_with(&self.id.bytes()) => return,
            Event::Message(message) if message.len() == ID + TAKEN_BACK.len() && message.ends_with(&TAKEN_BACK) => {
                news = <dyn Watch>::taken_back;
            }
            // Nobody has relied on it.
            Event::Failed => return,
            // What is in memory may be what others have removed while nothing was heard. Who may not listen is told now
            // and then, so that nothing stays for ever.
            Event::Standing | Event::Refused | Event::Lost | Event::Message(_) => {}
        }
        let watching: Vec<_> = self.list.lock().iter().filter_map(Weak::upgrade).collect();
        for watch in watching {
            // No lock is held: it is foreign code, and if it panics others want to hear all the same.
            let _ = catch_unwind(AssertUnwindSafe(|| news(&*watch)));
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        WORDS.lock().push(self.word);
    }
}

impl fmt::Debug for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("News").field("subscriptions", &self.subscriptions).finish_non_exhaustive()
    }
}
