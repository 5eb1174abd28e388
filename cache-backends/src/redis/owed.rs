//! What is to be taken back from servers that are away.

use crate::redis::fleet::join;
use crate::redis::lock::Mutex;
use crate::redis::news::puts::{Put, Puts};
use crate::redis::news::subscription::Subscriptions;
use crate::redis::news::watched::News;
use crate::redis::server::wait::wait;
use crate::redis::spaces::removal::Told;
use crate::redis::spaces::store::Store;
use memolith_core::{Error, ErrorKind, Record, Space};
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// Between two attempts. A server that is known to be away is not asked by them.
const PAUSE: Duration = Duration::from_millis(250);
/// How many are taken back in one go: a server serves others in between.
const TOGETHER: usize = 100;

/// Takes back what was put from here, now or when the servers are there again, as long as this is there.
pub(crate) struct Owed {
    me: Weak<Owed>,
    store: Arc<Store>,
    news: Arc<News>,
    subscriptions: Arc<Subscriptions>,
    /// By their names. Somebody will try again as long as there are any.
    spaces: Mutex<HashMap<Arc<str>, (Space, Puts)>>,
}

impl Owed {
    pub(crate) fn new(store: &Arc<Store>, news: &Arc<News>, subscriptions: Arc<Subscriptions>) -> Arc<Self> {
        Arc::new_cyclic(|me| Owed {
            me: Weak::clone(me),
            store: Arc::clone(store),
            news: Arc::clone(news),
            subscriptions,
            spaces: Mutex::default(),
        })
    }

    /// Takes `puts` back from `space`; what cannot be now is tried again later.
    pub(crate) async fn take_back(&self, space: &Space, puts: Puts) {
        match puts.known() {
            Some(puts) => self.owe((space, self.take_each_back(space, puts).await), PAUSE),
            None => self.owe((space, Puts::too_many()), Duration::ZERO),
        }
    }

    /// What is left of them.
    async fn take_each_back(&self, space: &Space, puts: Vec<Put>) -> Puts {
        let (mut left, mut rest) = (Puts::default(), &puts[..]);
        // After a failure what follows would be in vain, and late.
        while left.is_empty() && !rest.is_empty() {
            let (part, later) = rest.split_at(TOGETHER.min(rest.len()));
            let take = part.iter().map(|put| self.store.take_record_back(space, &put.key, put.record.as_ref()));
            let taken = join::all(take).await;
            let failed = part.iter().zip(taken).filter(|(_, taken)| taken.as_ref().is_err_and(is_passing));
            failed.for_each(|(put, _)| left.add(&put.key, put.record.as_ref()));
            rest = later;
        }
        rest.iter().for_each(|put| left.add(&put.key, put.record.as_ref()));
        left
    }

    /// `record` could not be taken back from `space` because of `error`: it is tried again, if that can help.
    pub(crate) fn owe_one(&self, space: &Space, (key, record): (&[u8], Option<&Record>), error: &Error) {
        if is_passing(error) {
            self.owe((space, Puts::one(key, record)), PAUSE);
        }
    }

    fn owe(&self, (space, puts): (&Space, Puts), pause: Duration) {
        if puts.is_empty() {
            return;
        }
        let is_first = {
            let mut spaces = self.spaces.lock();
            let is_first = spaces.is_empty();
            let (_, owed) = spaces.entry(Arc::clone(&space.name)).or_insert_with(|| (space.clone(), Puts::default()));
            owed.append(puts);
            is_first
        };
        if is_first {
            self.try_again_after(pause);
        }
    }

    /// On a thread of its own, as to look through a space takes its time.
    fn try_again_after(&self, pause: Duration) {
        let this = Weak::clone(&self.me);
        self.subscriptions.at(Instant::now() + pause, move || {
            let Some(this) = this.upgrade() else { return };
            let owed = Arc::clone(&this);
            let thread = thread::Builder::new().name("memolith-redis".into()).spawn(move || wait(owed.try_again()));
            if thread.is_err() {
                this.try_again_after(PAUSE);
            }
        });
    }

    async fn try_again(&self) {
        let spaces = std::mem::take(&mut *self.spaces.lock());
        for (space, puts) in spaces.into_values() {
            let (left, is_vain) = match puts.known() {
                Some(puts) => {
                    let owed = puts.len();
                    let left = self.take_each_back(&space, puts).await;
                    let is_vain = left.len() == owed;
                    (left, is_vain)
                }
                // If nothing stays, none of them does. Readers are told: who writes takes back what needs it.
                None => match self.store.clear_space(&space, Told::Readers).await {
                    Err(error) if is_passing(&error) => (Puts::too_many(), true),
                    _ => (Puts::default(), false),
                },
            };
            self.owe((&space, left), PAUSE);
            // Whoever here has read them: our own messages tell others alone. While the server is away nothing goes, and
            // memory stays, which is all there is then.
            if !is_vain {
                self.news.taken_back(&self.store.layout.channels(&space));
            }
        }
    }
}

/// Whether it may go better later.
fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Busy)
}
