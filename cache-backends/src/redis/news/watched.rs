//! News of what others have removed, for the memory of the caches of this process.
//!
//! Whoever removes from a space says so in its channel, in the script that removes. The caches of one process that share a
//! [`Redis`](crate::redis::Redis) also share a word, which they raise themselves: to them it is news before the removal returns.

use super::bell::Bell;
use super::puts::Puts;
use super::subscription::{Event, Listener, Subscribed, Subscriptions};
use super::unsure::{Next, Unsure};
use crate::redis::keys::id::Id;
use crate::redis::keys::layout::Channel;
use crate::redis::keys::tell::Said;
use crate::redis::lock::Mutex;
use crate::redis::process::PerProcess;
use crate::redis::server::timer::within;
use memolith_core::{BoxFuture, Record, Watch};
use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};
use std::time::Instant;

/// Words that nobody raises any more, to be used again: what they counted is of no interest.
static WORDS: PerProcess<Mutex<Vec<&'static AtomicU64>>> = PerProcess::new();

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
    /// One for each channel.
    ears: Vec<Arc<Ear>>,
    _subscribed: Vec<Subscribed>,
}

/// Hears what is said in a channel of a space, for those who watch it.
struct Ear {
    me: Weak<Ear>,
    channel: Vec<u8>,
    watchers: Arc<Watchers>,
    state: Mutex<Known>,
    unsure: Mutex<Unsure>,
    take_back: TakeBack,
    subscriptions: Weak<Subscriptions>,
}

/// How puts are taken back.
pub(crate) type TakeBack = Arc<dyn Fn(Puts) -> BoxFuture<'static, ()> + Send + Sync>;

/// What is known of a channel by those who watch it.
#[derive(Default)]
struct Known {
    /// Whether they were told that it stands, or that it does not and will not soon.
    settled: bool,
    /// Who waits for that.
    waiting: Vec<Weak<Bell>>,
}

/// Those who watch a space.
struct Watchers {
    id: Id,
    list: Mutex<Listed>,
}

#[derive(Default)]
struct Listed {
    watches: Vec<Weak<dyn Watch>>,
    /// Whether anything was told yet.
    told: bool,
}

impl News {
    pub(crate) fn new(id: Id, subscriptions: Arc<Subscriptions>) -> Self {
        News { id, subscriptions, spaces: Mutex::default() }
    }

    /// From now on `watch` is told of what others say in `channels`, those of a space, and handed the word of it.
    /// What is put meanwhile is taken back by `take_back`.
    pub(crate) fn watch(&self, channels: &[Channel], watch: Weak<dyn Watch>, take_back: TakeBack) {
        let Some(first) = channels.first() else { return };
        let (word, told) = {
            let mut spaces = self.spaces.lock();
            spaces.retain(|name, watched| *name == first.name || watched.watchers.any());
            let watched = spaces.entry(first.name.clone()).or_insert_with(|| self.listen(channels, &take_back));
            let mut list = watched.watchers.list.lock();
            list.watches.push(Weak::clone(&watch));
            (watched.word, list.told)
        };
        // No lock is held: it is foreign code.
        let Some(watch) = watch.upgrade() else { return };
        watch.follow(word);
        if told {
            // Perhaps before this one was there, although it is the first.
            tell_one(&*watch, Watch::invalidated);
        }
    }

    /// Waits until what is said in `channels` is heard, if anybody watches them; or until it is known not to be, or `end`.
    ///
    /// What a cache looks for after that is kept when it has been found or computed; what it looked for before is not, as
    /// it may have been removed unheard.
    ///
    /// Whether anybody watches them.
    pub(crate) async fn heard(&self, channels: &[Channel], end: Instant) -> bool {
        let ears = {
            let spaces = self.spaces.lock();
            let watched = channels.first().and_then(|first| spaces.get(&first.name));
            watched.map(|watched| watched.ears.clone()).unwrap_or_default()
        };
        for ear in &ears {
            ear.settled(end).await;
        }
        !ears.is_empty()
    }

    /// `record` was put just now into the space whose first channel is `space`; `channel` tells of its key.
    pub(crate) fn put(&self, (space, channel): (&[u8], &[u8]), key: &[u8], record: &Record) {
        let ear = {
            let spaces = self.spaces.lock();
            let ears = spaces.get(space).map(|watched| &watched.ears);
            ears.and_then(|ears| ears.iter().find(|ear| ear.channel == channel).cloned())
        };
        if let Some(ear) = ear {
            let next = ear.unsure.lock().note(key, record, Instant::now());
            ear.go_on(next);
        }
    }

    /// What was put from here into the space of `channels` was taken back.
    pub(crate) fn taken_back(&self, channels: &[Channel]) {
        let watchers = {
            let spaces = self.spaces.lock();
            channels.first().and_then(|first| spaces.get(&first.name)).map(|watched| Arc::clone(&watched.watchers))
        };
        watchers.into_iter().for_each(|watchers| watchers.tell(Watch::taken_back));
    }

    fn listen(&self, channels: &[Channel], take_back: &TakeBack) -> Watched {
        let watchers = Arc::new(Watchers { id: self.id, list: Mutex::default() });
        let word = WORDS.get(Mutex::default).lock().pop().unwrap_or_else(|| Box::leak(Box::default()));
        let ear = |channel: &Channel| {
            Arc::new_cyclic(|me| Ear {
                me: Weak::clone(me),
                channel: channel.name.clone(),
                watchers: Arc::clone(&watchers),
                state: Mutex::default(),
                unsure: Mutex::default(),
                take_back: Arc::clone(take_back),
                subscriptions: Arc::downgrade(&self.subscriptions),
            })
        };
        let ears: Vec<Arc<Ear>> = channels.iter().map(ear).collect();
        let subscribe = |(channel, ear): (&Channel, &Arc<Ear>)| {
            let listener: Weak<Ear> = Arc::downgrade(ear);
            self.subscriptions.subscribe(channel, listener)
        };
        let subscribed = channels.iter().zip(&ears).map(subscribe).collect();
        Watched { watchers, word, ears, _subscribed: subscribed }
    }
}

impl Watchers {
    /// Whether somebody listens.
    fn any(&self) -> bool {
        let mut list = self.list.lock();
        list.watches.retain(|watch| watch.strong_count() > 0);
        !list.watches.is_empty()
    }

    /// What they have in memory may have been removed, or taken back, by others.
    fn tell(&self, news: impl Fn(&(dyn Watch + 'static))) {
        let watching: Vec<_> = {
            let mut list = self.list.lock();
            list.told = true;
            list.watches.iter().filter_map(Weak::upgrade).collect()
        };
        watching.iter().for_each(|watch| tell_one(&**watch, &news));
    }
}

/// Called under no lock: it is foreign code, and if it panics others want to hear all the same.
fn tell_one(watch: &(dyn Watch + 'static), news: impl Fn(&(dyn Watch + 'static))) {
    let _ = catch_unwind(AssertUnwindSafe(|| news(watch)));
}

impl Ear {
    /// Waits until those who watch were told whether the channel is heard, or until `end`.
    async fn settled(&self, end: Instant) {
        let bell = {
            let mut state = self.state.lock();
            if state.settled {
                return;
            }
            let bell = Arc::new(Bell::default());
            state.waiting.retain(|waiting| waiting.strong_count() > 0);
            state.waiting.push(Arc::downgrade(&bell));
            bell
        };
        within(end, bell.rung()).await;
    }

    /// What was put and may have been removed before unheard is taken back.
    fn take_back(&self, puts: Puts) {
        if let Some(subscriptions) = self.subscriptions.upgrade().filter(|_| !puts.is_empty()) {
            let (taking, watchers) = ((self.take_back)(puts), Arc::clone(&self.watchers));
            subscriptions.begin(async move {
                taking.await;
                // Whoever here has read it since the removal was heard: our own message tells others alone.
                watchers.tell(Watch::taken_back);
            });
        }
    }

    /// Asks whether all was heard, now or when it is time.
    fn go_on(&self, next: Next) {
        let Some(subscriptions) = self.subscriptions.upgrade() else { return };
        match next {
            Next::Ask => subscriptions.ask(&self.channel),
            Next::Wait(time) => {
                let this = Weak::clone(&self.me);
                subscriptions.at(time, move || {
                    let Some(this) = this.upgrade() else { return };
                    let next = this.unsure.lock().time(Instant::now());
                    this.go_on(next);
                });
            }
            Next::Nothing => {}
        }
    }

    fn settle(&self) {
        let waiting = {
            let mut state = self.state.lock();
            state.settled = true;
            std::mem::take(&mut state.waiting)
        };
        waiting.iter().filter_map(Weak::upgrade).for_each(|bell| bell.ring());
    }
}

impl Listener for Ear {
    fn hear(&self, event: Event<'_>) {
        match event {
            // It has raised the word.
            Event::Message(message) if message.starts_with(&self.watchers.id.bytes()) => {}
            Event::Message(message) => match Said::of(message) {
                Said::TakenBack => self.watchers.tell(Watch::taken_back),
                // First those who watch: whose put ends from now on finds out by itself.
                said => {
                    self.watchers.tell(Watch::invalidated);
                    let puts = self.unsure.lock().take(said);
                    self.take_back(puts);
                }
            },
            Event::Lost => {
                self.state.lock().settled = false;
                self.watchers.tell(Watch::invalidated);
                let puts = self.unsure.lock().cut();
                self.take_back(puts);
            }
            // What is in memory may be what others have removed while nothing was heard. First those who watch: who has
            // waited begins after that.
            Event::Standing => {
                self.watchers.tell(Watch::invalidated);
                let puts = self.unsure.lock().cut();
                self.take_back(puts);
                self.settle();
            }
            // Who may not listen is told now and then, so that nothing stays in memory for ever.
            Event::Refused => {
                self.watchers.tell(Watch::invalidated);
                drop(self.unsure.lock().cut());
                self.settle();
            }
            Event::Answered => {
                let next = self.unsure.lock().answered(Instant::now());
                self.go_on(next);
            }
            // Nobody has relied on it.
            Event::Failed => self.settle(),
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        WORDS.get(Mutex::default).lock().push(self.word);
    }
}

impl fmt::Debug for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("News").field("subscriptions", &self.subscriptions).finish_non_exhaustive()
    }
}
