//! What a [`Redis`](crate::redis::Redis) does beside keeping bytes: it tells and hears what was removed, and holds claims.

use crate::redis::claims::claim;
use crate::redis::claims::holds::{Holds, Place};
use crate::redis::fleet::client::LeftAlone;
use crate::redis::keys::layout::Channel;
use crate::redis::news::subscription::Subscriptions;
use crate::redis::news::watched::{News, TakeBack};
use crate::redis::owed::Owed;
use crate::redis::spaces::store::Store;
use memolith_core::{Claim, Record, Result, Space, Watch};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use xxhash_rust::xxh3::xxh3_128;

/// Its threads begin when there is something to hear or to let go of, and end when it is dropped.
pub(crate) struct Beside {
    store: Arc<Store>,
    pub(crate) holds: Arc<Holds>,
    pub(crate) owed: Arc<Owed>,
    news: Arc<News>,
    /// Whether somebody has waited for news of tags.
    heard_of_tags: AtomicBool,
    claim_ttl: Duration,
    timeout: Duration,
}

/// Which servers are left alone, by the stripes of a space.
pub(crate) type Away = Vec<Option<LeftAlone>>;

impl Beside {
    pub(crate) fn new(store: &Arc<Store>) -> Self {
        let (options, id) = (&store.options, store.id);
        let subscriptions = Subscriptions::new(Arc::clone(&store.client), options.timeout, store.tell);
        let news = Arc::new(News::new(id, Arc::clone(&subscriptions)));
        Beside {
            store: Arc::clone(store),
            holds: Holds::new(id, Arc::clone(&subscriptions)),
            owed: Owed::new(store, &news, subscriptions),
            news,
            heard_of_tags: AtomicBool::new(false),
            claim_ttl: options.claim_ttl,
            timeout: options.timeout,
        }
    }

    /// See [`Backend::watch`](memolith_core::Backend::watch).
    pub(crate) fn watch(&self, space: &Space, watch: Weak<dyn Watch>) {
        let (owed, of) = (Arc::downgrade(&self.owed), space.clone());
        let take_back: TakeBack = Arc::new(move |puts| {
            let (owed, space) = (owed.upgrade(), of.clone());
            Box::pin(async move {
                if let Some(owed) = owed {
                    owed.take_back(&space, puts).await;
                }
            })
        });
        self.news.watch(&self.store.layout.channels(space), watch, take_back);
    }

    /// For each stripe of `space` whether its server is left alone now, for [`put`](Self::put); nothing where none is.
    pub(crate) fn away(&self, space: &Space) -> Away {
        let area = self.store.layout.area(space);
        let away = || area.stripes.iter().map(|stripe| self.store.client.left_alone(stripe.route));
        if away().all(|stripe| stripe.is_none()) { Vec::new() } else { away().collect() }
    }

    /// `entries` were put into `space` just now, or may have been: see [`News::put`]. They were not where a server has been
    /// left alone ever since `away` was asked for.
    pub(crate) fn put<'a>(
        &self,
        (space, away): (&Space, &Away),
        entries: impl Iterator<Item = (&'a [u8], &'a Record)>,
    ) {
        let area = self.store.layout.area(space);
        let still = if away.is_empty() { Vec::new() } else { self.away(space) };
        let may_be_there = |key: &[u8]| {
            let place = area.place(key);
            away.get(place).copied().flatten().is_none_or(|away| still.get(place) != Some(&Some(away)))
        };
        let channels = |key: &[u8]| (&area.stripes[0].channel[..], &area.stripe(key).channel[..]);
        let put = entries.filter(|(key, _)| may_be_there(key));
        put.for_each(|(key, record)| self.news.put(channels(key), key, record));
    }

    /// Waits until the removals of others from `space` are heard, no longer than the time-out. Whether anybody watches it.
    pub(crate) async fn heard(&self, space: &Space) -> bool {
        self.news.heard(&self.store.layout.channels(space), Instant::now() + self.timeout).await
    }

    /// The same for invalidations of tags, for whoever asks first: what is tagged after that is kept.
    pub(crate) async fn heard_of_tags(&self) {
        if !self.heard_of_tags.load(Relaxed) {
            let watched = self.heard(&Space::of_tags()).await;
            self.heard_of_tags.store(watched, Relaxed);
        }
    }

    /// See [`Backend::claim`](memolith_core::Backend::claim).
    pub(crate) async fn claim(&self, space: &Space, key: &[u8], wait: Duration) -> Result<Option<Claim>> {
        let digest = xxh3_128(key).to_le_bytes();
        // Two keys that share one wait for each other at worst.
        let key = if key.len() > 64 { &digest } else { key };
        let (numbers, (key, slot)) =
            (self.store.layout.beside_all(space, "f", key), self.store.layout.beside(space, "c", key));
        let place = Place { channel: Channel { name: key.clone(), slot }, key, numbers };
        claim::claim(&self.holds, &place, self.claim_ttl, wait).await
    }
}
