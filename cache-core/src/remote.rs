//! The typed view of the byte tier: keys and values on this side, bytes on the other.

use crate::backend::{Record, Visit};
use crate::bytes::{KeyBytes, Stamp, Wire};
use crate::error::Result;
use crate::fault::{BACKEND, CODEC, unpanicked};
use crate::store::Store;
use crate::tags::{Carried, Verdict};
use crate::time::{Clock, Timestamp};
use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// More than the coarse clock is ever late.
const COARSE: Duration = Duration::from_millis(20);

/// What the backend has for a key, if that can be read.
pub(crate) type Opened<V> = Result<Option<(V, Stamp)>>;

/// A space of a backend, as a cache of `K` and `V` sees it.
pub(crate) struct Remote<K, V> {
    pub(crate) store: Arc<Store>,
    /// What stands for the name of the space under every checksum.
    label: u64,
    wire: Box<dyn Wire<K, V>>,
    /// The time that the cache gives a value at most.
    ttl: Option<Duration>,
}

impl<K, V> fmt::Debug for Remote<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

impl<K, V> Remote<K, V> {
    pub(crate) fn new(store: Store, wire: Box<dyn Wire<K, V>>) -> Self {
        let space = store.space();
        Remote { label: wire.label(&space.name), store: Arc::new(store), wire, ttl: space.ttl }
    }

    pub(crate) fn key(&self, key: &K) -> Result<KeyBytes> {
        unpanicked(CODEC, || self.wire.key(key, Vec::new()))
    }

    pub(crate) fn get(&self, key: &KeyBytes, now: Timestamp) -> Result<Option<(V, Stamp)>> {
        let record = self.store.get(&key.bytes, now)?;
        let Some((value, stamp)) = self.open(key, record, now)? else { return Ok(None) };
        let good = stamp.tags.as_ref().map_or(Ok(true), |tags| self.store.is_good(tags))?;
        Ok(good.then_some((value, stamp)))
    }

    /// As [`get`](Self::get) from a backend that is near, by the coarse clock where that is enough.
    pub(crate) fn get_near(&self, key: &K, clock: &dyn Clock) -> Result<Option<(V, Stamp)>> {
        thread_local! {
            /// Used again by the next call of the thread.
            static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
        }
        // One net for all: what falls into it falls again, and is told, when the call goes the usual way.
        unpanicked(BACKEND, || {
            let room = ROOM.try_with(Cell::take).unwrap_or_default();
            let key = self.wire.key(key, room)?;
            let now = clock.now_coarse();
            let mut opened = Ok(None);
            let got = self.store.get_with(&key.bytes, now, &mut |record| {
                opened = self.wire.open(self.label, &key, record, now);
            });
            let _ = ROOM.try_with(|room| room.set(key.bytes));
            got?;
            let Some((value, stamp)) = opened? else { return Ok(None) };
            if stamp.tags.as_ref().is_some_and(|tags| !self.is_known_good(tags)) {
                return Ok(None);
            }
            let stamp = self.limit(stamp);
            let is_alive = now.until(stamp.expires) > COARSE || stamp.expires > clock.now();
            Ok(is_alive.then_some((value, stamp)))
        })
    }

    /// As [`get`](Self::get) for each of `keys`, in their order.
    pub(crate) fn get_many(&self, keys: &[&KeyBytes], now: Timestamp) -> Result<Vec<Opened<V>>> {
        let records = self.store.get_many(&bytes(keys), now)?;
        let opened = self.open_all(keys, records, now);
        let answer = self.store.are_good(&carried(&opened));
        Ok(sifted(opened, answer))
    }

    pub(crate) async fn get_many_async(&self, keys: &[&KeyBytes], now: Timestamp) -> Result<Vec<Opened<V>>> {
        let records = self.store.get_many_async(&bytes(keys), now).await?;
        let opened = self.open_all(keys, records, now);
        let answer = self.store.are_good_async(carried(&opened)).await;
        Ok(sifted(opened, answer))
    }

    fn open_all(&self, keys: &[&KeyBytes], records: Vec<Option<Record>>, now: Timestamp) -> Vec<Opened<V>> {
        keys.iter().zip(records).map(|(key, record)| self.open(key, record, now)).collect()
    }

    pub(crate) async fn get_async(&self, key: &KeyBytes, now: Timestamp) -> Result<Option<(V, Stamp)>> {
        let record = self.store.get_async(&key.bytes, now).await?;
        let Some((value, stamp)) = self.open(key, record, now)? else { return Ok(None) };
        let good = match &stamp.tags {
            None => true,
            Some(tags) => self.store.is_good_async(tags).await?,
        };
        Ok(good.then_some((value, stamp)))
    }

    /// The record of `value` under `key`.
    pub(crate) fn seal(&self, key: &KeyBytes, value: &V, stamp: Stamp) -> Result<Record> {
        let expires = stamp.expires;
        let value = unpanicked(CODEC, || self.wire.seal(self.label, key, value, stamp))?;
        Ok(Record { value, expires })
    }

    /// Removes the entries that `doomed` picks, and those that cannot be shown to it. Returns how many.
    pub(crate) fn remove_if(&self, now: Timestamp, mut doomed: impl FnMut(&K, &V) -> bool) -> Result<usize> {
        let mut removed = 0;
        self.store.scan(now, &mut |key, record| {
            let shown = || self.wire.open_scanned(self.label, key, &record.value, now);
            let keep = match unpanicked(CODEC, shown) {
                Ok(Some((Some(key), value, _))) => !doomed(&key, &value),
                // Of a long key only the hash is stored, and what is damaged has no value: to remove too much is a miss.
                Ok(Some((None, ..)) | None) | Err(_) => false,
            };
            removed += usize::from(!keep);
            if keep { Visit::Keep } else { Visit::Remove }
        })?;
        Ok(removed)
    }

    /// Shows every live entry; the key only where it is stored in full. What cannot be read is nobody's to see.
    pub(crate) fn visit(&self, now: Timestamp, show: &mut dyn FnMut(Option<&K>, &V)) -> Result<()> {
        self.store.list(now, &mut |key, record| {
            let shown = unpanicked(CODEC, || self.wire.open_scanned(self.label, key, &record.value, now));
            if let Ok(Some((key, value, stamp))) = shown
                && stamp.tags.as_ref().is_none_or(|tags| self.is_known_good(tags))
                && self.limit(stamp).expires > now
            {
                show(key.as_ref(), &value);
            }
            Visit::Keep
        })
    }

    fn open(&self, key: &KeyBytes, record: Option<Record>, now: Timestamp) -> Result<Option<(V, Stamp)>> {
        let Some(record) = record else { return Ok(None) };
        let opened = unpanicked(CODEC, || self.wire.open(self.label, key, &record.value, now))?;
        // The time to live may be another than it was when the record was written.
        let limited = opened.map(|(value, stamp)| (value, self.limit(stamp)));
        Ok(limited.filter(|(_, stamp)| stamp.expires > now))
    }

    /// Whether the tags of an entry are good without asking for them.
    fn is_known_good(&self, tags: &Carried) -> bool {
        self.store.tags().verdict(tags) == Verdict::Good
    }

    fn limit(&self, stamp: Stamp) -> Stamp {
        match self.ttl {
            Some(ttl) if !stamp.own_life => Stamp { expires: stamp.expires.min(stamp.created.after(ttl)), ..stamp },
            _ => stamp,
        }
    }
}

fn bytes<'k>(keys: &[&'k KeyBytes]) -> Vec<&'k [u8]> {
    keys.iter().map(|key| key.bytes.as_slice()).collect()
}

/// What the tags of each say, if there are any.
fn carried<V>(opened: &[Opened<V>]) -> Vec<Arc<Carried>> {
    let stamps = opened.iter().flatten().flatten().map(|(_, stamp)| stamp);
    stamps.filter_map(|stamp| stamp.tags.clone()).collect()
}

/// Without what `answer`, one for each that carries tags, says is not good. If it is not known, none of them is; the first
/// says why.
fn sifted<V>(opened: Vec<Opened<V>>, answer: Result<Vec<bool>>) -> Vec<Opened<V>> {
    let (mut good, mut error) = match answer {
        Ok(good) => (good.into_iter(), None),
        Err(error) => (Vec::new().into_iter(), Some(error)),
    };
    let sift = |opened: Opened<V>| match opened? {
        Some((_, stamp)) if stamp.tags.is_some() && !good.next().unwrap_or(false) => match error.take() {
            None => Ok(None),
            Some(error) => Err(error),
        },
        opened => Ok(opened),
    };
    opened.into_iter().map(sift).collect()
}

/// When a value made now expires, and what it cost.
pub(crate) fn stamp(now: Timestamp, life: Option<Duration>, cost: Duration) -> Stamp {
    let expires = life.map_or(Timestamp::NEVER, |life| now.after(life));
    Stamp { created: now, expires, cost, own_life: false, tags: None }
}
