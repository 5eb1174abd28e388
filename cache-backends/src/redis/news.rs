//! News of what others have removed, for the memory of the caches of this process.
//!
//! Whoever removes from a space says so in its channel, in the script that removes. The caches of one process that share a
//! [`Redis`](super::Redis) also share a word, which they raise themselves: to them it is news before the removal returns.

use super::subscription::{Event, Listener, Subscribed, Subscriptions};
use memolith_core::Watch;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};

/// Words that nobody raises any more, to be used again: what they counted is of no interest.
static WORDS: Mutex<Vec<&'static AtomicU64>> = Mutex::new(vec![]);

/// Who wants to know what others have removed from which space.
pub(crate) struct News {
    /// What messages of this `Redis` hold.
    id: [u8; 16],
    subscriptions: Arc<Subscriptions>,
    /// By their channels.
    spaces: Mutex<HashMap<Vec<u8>, Watched>>,
}

struct Watched {
    watchers: Arc<Watchers>,
    word: &'static AtomicU64,
    _subscribed: Subscribed,
}

/// Those who watch a space.
struct Watchers {
    id: [u8; 16],
    list: Mutex<List>,
}

#[derive(Default)]
struct List {
    watchers: Vec<Weak<dyn Watch>>,
    standing: bool,
}

impl News {
    pub(crate) fn new(id: [u8; 16], subscriptions: Arc<Subscriptions>) -> Self {
        News { id, subscriptions, spaces: Mutex::default() }
    }

    /// From now on `watch` is told of what others say in `channel`, which belongs to `slot`, and handed the word of it.
    pub(crate) fn watch(&self, channel: Vec<u8>, slot: u16, watch: Weak<dyn Watch>) {
        let word = {
            let mut spaces = self.spaces.lock();
            spaces.retain(|other, watched| *other == channel || watched.watchers.any());
            let watched = spaces.entry(channel).or_insert_with_key(|channel| self.listen(channel, slot));
            watched.watchers.list.lock().watchers.push(Weak::clone(&watch));
            watched.word
        };
        // No lock is held: it is foreign code.
        watch.upgrade().into_iter().for_each(|watch| watch.follow(word));
    }

    fn listen(&self, channel: &[u8], slot: u16) -> Watched {
        let watchers = Arc::new(Watchers { id: self.id, list: Mutex::default() });
        let listener: Weak<Watchers> = Arc::downgrade(&watchers);
        let word = WORDS.lock().pop().unwrap_or_else(|| Box::leak(Box::default()));
        Watched { watchers, word, _subscribed: self.subscriptions.subscribe(channel, slot, listener) }
    }
}

impl Watchers {
    /// Whether somebody listens.
    fn any(&self) -> bool {
        let mut list = self.list.lock();
        list.watchers.retain(|watch| watch.strong_count() > 0);
        !list.watchers.is_empty()
    }
}

impl Listener for Watchers {
    fn hear(&self, event: Event<'_>) {
        let watching: Vec<_> = {
            let mut list = self.list.lock();
            let stood = std::mem::replace(&mut list.standing, event != Event::Lost);
            match event {
                // It has raised the word.
                Event::Message(sender) if sender == self.id => return,
                // They were told when it was lost.
                Event::Lost if !stood => return,
                // What is in memory since may be what was removed meanwhile, as messages may be lost.
                Event::Standing | Event::Lost | Event::Message(_) => {
                    list.watchers.iter().filter_map(Weak::upgrade).collect()
                }
            }
        };
        // No lock is held: they are foreign code.
        watching.iter().for_each(|watch| watch.invalidated());
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
