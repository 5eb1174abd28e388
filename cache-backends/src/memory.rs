//! A backend in the memory of this process: for tests, and as the shortest example of what a backend is.

mod claims;
mod tags;

use claims::Claims;
use memolith_core::{
    Backend, Claim, End, Error, ErrorKind, OnHit, Record, Result, Space, TagState, Timestamp, Visit, Watch,
};
use parking_lot::{Mutex, MutexGuard};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tags::Tags;

/// Keeps bytes in the memory of this process, exactly by every policy's rule.
///
/// Nothing outlives the value, so it is of use in tests, and where functions share one bounded place within a process.
/// Every operation takes one lock; eviction costs the logarithm of the space's size.
#[derive(Debug, Default)]
pub struct Memory {
    areas: Mutex<HashMap<Arc<str>, Area>>,
    /// The caches of each space: of several, one hears what another has removed.
    watchers: Mutex<Vec<Watcher>>,
    claims: Claims,
    tags: Mutex<Tags>,
}

/// A cache, and the name of its space.
type Watcher = (Arc<str>, Weak<dyn Watch>);

/// Where an entry stands in the order of its space: its score, and a counter that settles ties by age.
type Rank = (u64, u64);

#[derive(Debug, Default)]
struct Area {
    entries: HashMap<Arc<[u8]>, Entry>,
    // Invariant: one rank for each entry, the one the entry holds.
    order: BTreeMap<Rank, Arc<[u8]>>,
    // Invariant: the lengths of all keys and values.
    bytes: u64,
    writes: u64,
    random: u64,
}

#[derive(Debug)]
struct Entry {
    record: Record,
    rank: Rank,
}

/// As long as any backend waits for a lock before it says so.
const PATIENCE: Duration = Duration::from_millis(250);

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Memory::default()
    }

    fn lock(&self) -> Result<MutexGuard<'_, HashMap<Arc<str>, Area>>> {
        let busy = || Error::new(ErrorKind::Busy, "the memory backend is held by another thread, try again");
        self.areas.try_lock_for(PATIENCE).ok_or_else(busy)
    }

    /// Tells the caches of `space` by `news`, unless there is one alone, which is who did it.
    fn tell(&self, space: &Space, news: fn(&(dyn Watch + 'static))) {
        let mut watchers = self.watchers.lock();
        watchers.retain(|(_, watch)| watch.strong_count() > 0);
        let of_space = watchers.iter().filter(|(name, _)| *name == space.name);
        let told: Vec<_> = of_space.filter_map(|(_, watch)| watch.upgrade()).collect();
        // They are foreign code, so the lock is let go.
        drop(watchers);
        if told.len() > 1 {
            told.iter().for_each(|watch| news(&**watch));
        }
    }
}

impl Backend for Memory {
    fn open(&self, space: &Space) -> Result<()> {
        let mut areas = self.lock()?;
        areas.entry(space.name.clone()).or_default().make_room(space, (0, 0));
        Ok(())
    }

    fn get(&self, space: &Space, key: &[u8], now: Timestamp) -> Result<Option<Record>> {
        let mut areas = self.lock()?;
        let Some(area) = areas.get_mut(&space.name) else { return Ok(None) };
        let Some(entry) = area.entries.get(key) else { return Ok(None) };
        if entry.record.expires <= now {
            area.remove(key);
            return Ok(None);
        }
        let record = entry.record.clone();
        area.touch(space, key, now);
        Ok(Some(record))
    }

    fn put(&self, space: &Space, key: &[u8], record: &Record, now: Timestamp) -> Result<()> {
        let mut areas = self.lock()?;
        if !areas.contains_key(&space.name) {
            areas.insert(space.name.clone(), Area::default());
        }
        let area = areas.get_mut(&space.name).expect("inserted above under the same lock");
        area.remove(key);
        let size = weight(key, record);
        if space.maxsize == Some(0) || space.max_bytes.is_some_and(|most| size > most) {
            return Ok(());
        }
        area.make_room(space, (1, size));
        area.insert(space, key, (record, now));
        Ok(())
    }

    fn remove(&self, space: &Space, key: &[u8]) -> Result<bool> {
        let removed = self.lock()?.get_mut(&space.name).is_some_and(|area| area.remove(key));
        self.tell(space, <dyn Watch>::invalidated);
        Ok(removed)
    }

    fn take_back(&self, space: &Space, key: &[u8], record: Option<&Record>) -> Result<bool> {
        let mut areas = self.lock()?;
        let area = areas.get_mut(&space.name);
        let is_there = |area: &Area| {
            let entry = area.entries.get(key);
            record.is_none_or(|record| entry.is_some_and(|entry| entry.record == *record))
        };
        let taken = area.filter(|area| is_there(area)).is_some_and(|area| area.remove(key));
        drop(areas);
        self.tell(space, <dyn Watch>::taken_back);
        Ok(taken)
    }

    fn clear(&self, space: &Space) -> Result<()> {
        self.lock()?.remove(&space.name);
        self.tell(space, <dyn Watch>::invalidated);
        Ok(())
    }

    fn len(&self, space: &Space) -> Result<u64> {
        Ok(self.lock()?.get(&space.name).map_or(0, |area| area.entries.len() as u64))
    }

    fn scan(&self, space: &Space, now: Timestamp, visit: &mut dyn FnMut(&[u8], &Record) -> Visit) -> Result<()> {
        // Copied first: the visitor is foreign code, and no lock is held while it runs.
        let copy = |area: &Area| area.entries.iter().map(|(key, entry)| (key.clone(), entry.record.clone())).collect();
        let entries: Vec<(Arc<[u8]>, Record)> = self.lock()?.get(&space.name).map(copy).unwrap_or_default();
        for (key, record) in entries.iter().filter(|(_, record)| now < record.expires) {
            match visit(key, record) {
                Visit::Keep => {}
                Visit::Stop => return Ok(()),
                Visit::Remove => {
                    let mut areas = self.lock()?;
                    let Some(area) = areas.get_mut(&space.name) else { continue };
                    if area.entries.get(key).is_some_and(|entry| entry.record == *record) {
                        area.remove(key);
                    }
                    drop(areas);
                    self.tell(space, <dyn Watch>::invalidated);
                }
            }
        }
        Ok(())
    }

    /// For the caches of this process.
    fn claim(&self, space: &Space, key: &[u8], wait: Duration) -> Result<Option<Claim>> {
        Ok(self.claims.claim(space, key, wait))
    }

    fn tags(&self, tags: &[&[u8]]) -> Result<TagState> {
        Ok(self.tags.lock().state(tags))
    }

    fn invalidate_tags(&self, tags: &[&[u8]]) -> Result<TagState> {
        let state = self.tags.lock().invalidate(tags);
        self.tell(&Space::of_tags(), <dyn Watch>::invalidated);
        Ok(state)
    }

    /// The news is told before the call that removes returns.
    fn watch(&self, space: &Space, watch: Weak<dyn Watch>) {
        self.watchers.lock().push((space.name.clone(), watch));
    }
}

impl Area {
    fn insert(&mut self, space: &Space, key: &[u8], (record, now): (&Record, Timestamp)) {
        let score = match space.policy.score().on_hit {
            OnHit::Count => 1,
            OnHit::Random => self.draw(),
            _ => now.as_micros(),
        };
        let (key, rank): (Arc<[u8]>, Rank) = (key.into(), (score, self.next()));
        self.bytes += weight(&key, record);
        self.order.insert(rank, key.clone());
        self.entries.insert(key, Entry { record: record.clone(), rank });
    }

    fn touch(&mut self, space: &Space, key: &[u8], now: Timestamp) {
        let next = self.next();
        let Some(entry) = self.entries.get_mut(key) else { return };
        let score = match space.policy.score().on_hit {
            OnHit::Now => now.as_micros(),
            OnHit::Count => entry.rank.0.saturating_add(1),
            _ => return,
        };
        let key = self.order.remove(&entry.rank).expect("every entry has its rank in the order");
        entry.rank = (score, next);
        self.order.insert(entry.rank, key);
    }

    fn remove(&mut self, key: &[u8]) -> bool {
        let Some((key, entry)) = self.entries.remove_entry(key) else { return false };
        self.order.remove(&entry.rank);
        self.bytes -= weight(&key, &entry.record);
        true
    }

    /// Evicts until `entries` and `bytes` more would keep the bounds of `space`.
    fn make_room(&mut self, space: &Space, (entries, bytes): (u64, u64)) {
        let fits = |area: &Area| {
            space.maxsize.is_none_or(|most| area.entries.len() as u64 + entries <= most)
                && space.max_bytes.is_none_or(|most| area.bytes.saturating_add(bytes) <= most)
        };
        while !fits(self) {
            let leaver = match space.policy.score().leaves {
                End::Lowest => self.order.first_key_value(),
                End::Highest => self.order.last_key_value(),
            };
            let Some(key) = leaver.map(|(_, key)| key.clone()) else { return };
            self.remove(&key);
        }
    }

    fn next(&mut self) -> u64 {
        self.writes += 1;
        self.writes
    }

    /// SplitMix64, so that the order of random scores is unrelated to the order of writes.
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn weight(key: &[u8], record: &Record) -> u64 {
    (key.len() + record.value.len()) as u64
}
