//! A region: what all its processes share, and what this one knows of it.

use super::claims;
use super::entry;
use super::index::Slot;
use super::large::{self, Manifest};
use super::layout::{LANES, PAGE, SESSIONS, SPACES_LOCK};
use super::lock::{PATIENCE, lock};
use super::map::Map;
use super::name::Name;
use super::read::{self, Verify};
use super::session::{Region as Ground, Session};
use super::spaces::{self, Bounds, Former, Space, Spaces};
use super::stripe::{Sound, Stripe, Total};
use super::write::{New, Put};
use memolith_core::{Claim, Error, ErrorKind, Record, Result, Timestamp, Visit};
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// An open region.
#[derive(Debug)]
pub(super) struct Region {
    ground: Arc<Ground>,
    spaces: Spaces,
}

/// Bytes of a copy that is kept for the next call.
const KEPT: usize = 1 << 16;
/// How often a put follows a space that moves.
const MOVES: usize = 4;

impl Region {
    pub(super) fn new(map: Map) -> Self {
        let session = Session::new(&map);
        Region { ground: Arc::new(Ground { session, map }), spaces: Spaces::new() }
    }

    #[inline(always)]
    pub(super) fn map(&self) -> &Map {
        &self.ground.map
    }

    /// The word that is raised when entries of the space called `name` are removed.
    pub(super) fn word(&self, name: &str) -> &'static AtomicU64 {
        let words = PAGE as u64;
        self.map().word_forever(self.map().layout.board() + (xxh3_64(name.as_bytes()) % words) as usize)
    }

    /// Announces that `key` is computed. `None`: somebody else had, and has ended or died, or has not within `wait`.
    pub(super) fn claim(&self, space: &memolith_core::Space, key: &[u8], wait: Duration) -> Option<Claim> {
        let Some(space) = self.find(space) else { return Some(Claim::default()) };
        claims::claim(&self.ground, Name::new(&self.map().layout, &space, key).hash, wait).map(Claim::new)
    }

    /// The space as the region knows it.
    fn find(&self, space: &memolith_core::Space) -> Option<Space> {
        self.spaces.find(self.map(), &space.name)
    }

    /// The space, which gets a row if it has none.
    fn find_or_open(&self, space: &memolith_core::Space, now: Timestamp) -> Result<Space> {
        match self.find(space) {
            Some(space) => Ok(space),
            None => self.open(space, now),
        }
    }

    /// Gives `space` a row and its bounds. What has to leave for them has left when this returns.
    pub(super) fn open(&self, space: &memolith_core::Space, now: Timestamp) -> Result<Space> {
        let layout = &self.map().layout;
        let bounds = Bounds::of(space, layout.stripes);
        if let Some(found) = self.find(space)
            && spaces::bounds(self.map(), found.row) == bounds
        {
            spaces::touch(self.map(), &found, now);
            return Ok(found);
        }
        // Nothing is repaired after a dead owner: a row that was being given away is free, bounds are compared anew.
        let guard = lock(&self.ground.session, self.map(), SPACES_LOCK, PATIENCE).map_err(|_| self.busy())?;
        let (opened, before) = match self.find(space) {
            Some(found) => {
                let before = spaces::bounds(self.map(), found.row);
                spaces::set_bounds(self.map(), found.row, bounds);
                (found, Some(before))
            }
            None => {
                let (claimed, former) = spaces::claim(self.map(), &space.name, bounds, now);
                if former == Former::Nobody {
                    return Ok(claimed);
                }
                (claimed, None)
            }
        };
        drop(guard);
        let (row, opened) = (opened.row, self.find(space).unwrap_or(opened));
        // A row that was given away has left its entries behind, and so has one that moves.
        let Some(before) = before.filter(|before| before.spread == bounds.spread) else {
            self.sweep(row, now);
            return Ok(opened);
        };
        let counts_otherwise = before.policy != bounds.policy;
        for stripe in opened.stripes(layout.stripes) {
            self.locked(stripe, now, |stripe| {
                if counts_otherwise {
                    stripe.renew_scores(row)?;
                }
                stripe.make_room(&opened, bounds, (0, 0))
            })?;
        }
        Ok(opened)
    }

    pub(super) fn get(&self, space: &memolith_core::Space, key: &[u8], now: Timestamp) -> Option<Record> {
        let mut value = vec![];
        let expires = self.read(space, key, (now, Verify::Here), &mut value)?;
        Some(Record { value, expires })
    }

    /// As `get`, in a copy that the next call of the thread uses again.
    pub(super) fn get_with(
        &self,
        space: &memolith_core::Space,
        key: &[u8],
        now: Timestamp,
        show: &mut dyn FnMut(&[u8], Timestamp),
    ) {
        thread_local! {
            static COPY: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
        }
        // Taken away, so that `show` may come back here.
        let mut value = COPY.try_with(Cell::take).unwrap_or_default();
        value.clear();
        if let Some(expires) = self.read(space, key, (now, Verify::Later), &mut value) {
            show(&value, expires);
        }
        if value.capacity() <= KEPT {
            let _ = COPY.try_with(|copy| copy.set(value));
        }
    }

    /// Reads a value, counts, and notes the hit.
    #[inline(always)]
    fn read(
        &self,
        space: &memolith_core::Space,
        key: &[u8],
        (now, verify): (Timestamp, Verify),
        value: &mut Vec<u8>,
    ) -> Option<Timestamp> {
        let space = self.find(space)?;
        let found = self.look(&space, key, (now, verify), value);
        self.count(&space, found.is_some());
        let (expires, (stripe, slot)) = found?;
        read::note((self.map(), stripe), slot, &space, now);
        Some(expires)
    }

    /// Appends the value of a key to an empty vector; when it expires, and the stripe and the slot where it is.
    #[inline(always)]
    fn look(
        &self,
        space: &Space,
        key: &[u8],
        (now, verify): (Timestamp, Verify),
        value: &mut Vec<u8>,
    ) -> Option<(Timestamp, (usize, Slot))> {
        let digest;
        let name = match key.len() > entry::LONGEST_KEY {
            false => Name::new(&self.map().layout, space, key),
            true => {
                digest = xxh3_128(key).to_le_bytes();
                Name::of_digest(&self.map().layout, space, &digest)
            }
        };
        let copied = read::get(self.map(), &name, (now, verify), value)?;
        if copied.manifest {
            let (whole, gathered) = large::gather(self.map(), value, now)?;
            if key.len() > entry::LONGEST_KEY && whole != key {
                return None;
            }
            *value = gathered;
        }
        Some((copied.expires, (name.stripe, copied.slot)))
    }

    /// As `look`, as a record.
    fn found(&self, space: &Space, key: &[u8], now: Timestamp) -> Option<Record> {
        let mut value = vec![];
        let (expires, _) = self.look(space, key, (now, Verify::Here), &mut value)?;
        Some(Record { value, expires })
    }

    pub(super) fn put(
        &self,
        space: &memolith_core::Space,
        (key, record): (&[u8], &Record),
        now: Timestamp,
    ) -> Result<()> {
        for _ in 0..MOVES {
            let found = self.find_or_open(space, now)?;
            spaces::touch(self.map(), &found, now);
            let put = match large::is_large(&self.map().layout, key, &record.value) {
                true => self.put_large(&found, (key, record), now)?,
                false => {
                    let name = Name::new(&self.map().layout, &found, key);
                    let new = New { value: &record.value, expires: record.expires, manifest: None };
                    self.locked(name.stripe, now, |stripe| stripe.put(&found, &name, new))?
                }
            };
            match put {
                Put::Done => return Ok(()),
                Put::Moved => {}
                Put::Full => {
                    return Err(Error::new(
                        ErrorKind::Unavailable,
                        "the place of the shared region is full, the value was not stored; make room there",
                    ));
                }
            }
        }
        Err(self.busy())
    }

    fn put_large(&self, space: &Space, (key, record): (&[u8], &Record), now: Timestamp) -> Result<Put> {
        let layout = &self.map().layout;
        let (manifest, bytes) = Manifest::new(key, &record.value);
        let digest = xxh3_128(key).to_le_bytes();
        let name = match key.len() > entry::LONGEST_KEY {
            true => Name::of_digest(layout, space, &digest),
            false => Name::new(layout, space, key),
        };
        if manifest.weight() > large::most(layout) {
            self.locked(name.stripe, now, |stripe| {
                stripe.raise(Total::Oversize);
                stripe.take(&name)
            })?;
            return Err(oversize(manifest.weight(), large::most(layout)));
        }
        // A value that its space would not keep takes nobody's room.
        let bounds = spaces::bounds(self.map(), space.row);
        let keeps = manifest.weight() <= bounds.shares(space, (name.stripe, layout.stripes)).1;
        let (pieces, numbers) = manifest.pieces(layout);
        for (number, bytes) in numbers.zip(Manifest::cut(layout, &bytes)).filter(|_| keeps) {
            let name = Name::new(layout, &pieces, &number);
            let new = New { value: bytes, expires: record.expires, manifest: None };
            if self.locked(name.stripe, now, |stripe| stripe.put(&pieces, &name, new))? == Put::Full {
                return Ok(Put::Full);
            }
        }
        let new = New { value: &manifest.to_bytes(), expires: record.expires, manifest: Some(manifest.weight()) };
        self.locked(name.stripe, now, |stripe| stripe.put(space, &name, new))
    }

    pub(super) fn remove(&self, space: &memolith_core::Space, key: &[u8]) -> Result<bool> {
        // A space that moves meanwhile is emptied, and so the key is gone in any case.
        let Some(space) = self.find(space) else { return Ok(false) };
        let digest = xxh3_128(key).to_le_bytes();
        let name = match key.len() > entry::LONGEST_KEY {
            true => Name::of_digest(&self.map().layout, &space, &digest),
            false => Name::new(&self.map().layout, &space, key),
        };
        let now = Timestamp::from_micros(0);
        self.locked(name.stripe, now, |stripe| stripe.take(&name)).or_else(|_| {
            // What is invalidated must not be served, even while a stopped process holds the lock: then all goes.
            spaces::renounce(self.map(), space.row);
            Ok(true)
        })
    }

    pub(super) fn clear(&self, space: &memolith_core::Space) {
        if let Some(space) = self.find(space) {
            spaces::renounce(self.map(), space.row);
            self.sweep(space.row, Timestamp::from_micros(0));
        }
    }

    /// Removes what is left of former epochs of the space in `row`, where that can be done now.
    fn sweep(&self, row: usize, now: Timestamp) {
        for stripe in 0..self.map().layout.stripes {
            // Elsewhere it is evicted in its time.
            let _ = self.locked(stripe, now, |stripe| stripe.sweep(row));
        }
    }

    pub(super) fn len(&self, space: &memolith_core::Space) -> u64 {
        let Some(space) = self.find(space) else { return 0 };
        let books = (0..self.map().layout.stripes).map(|stripe| super::stripe::book(self.map(), stripe, space.row));
        books.map(|book| u64::from(book.entries)).sum()
    }

    /// Shows the entries of `space`, one by one, without a lock.
    pub(super) fn scan(
        &self,
        space: &memolith_core::Space,
        now: Timestamp,
        visit: &mut dyn FnMut(&[u8], &Record) -> Visit,
    ) -> Result<()> {
        let Some(space) = self.find(space) else { return Ok(()) };
        for stripe in space.stripes(self.map().layout.stripes) {
            let index = super::index::Index::new(self.map(), stripe);
            for (_, pointer) in index.iter() {
                let Some((key, record)) = self.shown(&space, (stripe, pointer), now) else { continue };
                match visit(&key, &record) {
                    Visit::Keep => {}
                    Visit::Stop => return Ok(()),
                    Visit::Remove => self.remove_shown(&space, (&key, &record), now)?,
                }
            }
        }
        Ok(())
    }

    /// The entry behind a pointer, if it is one of `space` and alive.
    fn shown(&self, space: &Space, (stripe, pointer): (usize, u32), now: Timestamp) -> Option<(Vec<u8>, Record)> {
        let found = read::follow(self.map(), stripe, pointer)
            .filter(|found| (found.lens.space, found.lens.epoch) == (space.row, space.epoch()))?;
        let mut key = vec![];
        let words = self.map().words(found.at + entry::HEAD, found.lens.key.div_ceil(8))?;
        entry::read(words, found.lens.key, &mut key);
        // What was read may be anything by now: it is asked for by its key, and verified.
        if found.lens.digest {
            let mut manifest = vec![];
            let name = Name::of_digest(&self.map().layout, space, key.as_slice().try_into().ok()?);
            let copied = read::get(self.map(), &name, (now, Verify::Here), &mut manifest)?;
            let (key, value) = large::gather(self.map(), &manifest, now)?;
            return Some((key, Record { value, expires: copied.expires }));
        }
        let record = self.found(space, &key, now)?;
        Some((key, record))
    }

    /// Removes what was shown, unless it was replaced meanwhile.
    fn remove_shown(&self, space: &Space, (key, record): (&[u8], &Record), now: Timestamp) -> Result<()> {
        let digest = xxh3_128(key).to_le_bytes();
        let name = match key.len() > entry::LONGEST_KEY {
            true => Name::of_digest(&self.map().layout, space, &digest),
            false => Name::new(&self.map().layout, space, key),
        };
        self.locked(name.stripe, now, |stripe| {
            // Nobody can write to the stripe meanwhile.
            if self.found(space, key, now).is_some_and(|current| current == *record) {
                stripe.take(&name)?;
            }
            Ok(())
        })
    }

    /// Runs `work` under the lock of a stripe, whose books are written again before if their last owner died, and after if
    /// they turn out not to fit together.
    pub(super) fn locked<T>(&self, stripe: usize, now: Timestamp, work: impl Fn(&Stripe<'_>) -> Sound<T>) -> Result<T> {
        let orphans = RefCell::default();
        let guard = lock(&self.ground.session, self.map(), self.map().layout.stripe(stripe), PATIENCE)
            .map_err(|_| self.busy())?;
        if self.map().is_cut() {
            return Err(Error::new(ErrorKind::Unavailable, "the file of the shared region was cut short, delete it"));
        }
        let stripe = Stripe::new((self.map(), stripe), now, &orphans);
        if guard.repair {
            stripe.repair();
        }
        let done = work(&stripe).or_else(|_| {
            stripe.repair();
            work(&stripe)
        });
        match done {
            Ok(done) => {
                drop(guard);
                self.bury(orphans.into_inner(), now);
                Ok(done)
            }
            Err(_) => {
                guard.poison();
                Err(Error::new(ErrorKind::Damaged, "a part of the shared region is damaged, delete its file"))
            }
        }
    }

    /// Why nothing could be written.
    #[cold]
    fn busy(&self) -> Error {
        let millis = PATIENCE.as_millis();
        let message = match self.ground.session.me(self.map()) {
            Some(_) => format!(
                "a lock of the shared region was not free for {millis} ms, its owner may be stopped; it is tried again"
            ),
            None => format!(
                "the shared region is written by {SESSIONS} processes already, or cannot be opened once more; end some of \
                 them, it is tried again"
            ),
        };
        Error::new(ErrorKind::Busy, message)
    }

    /// Removes the pieces of values that have left. Those that are not found will be evicted in their time.
    fn bury(&self, orphans: Vec<Manifest>, now: Timestamp) {
        for orphan in orphans {
            let (pieces, numbers) = orphan.pieces(&self.map().layout);
            for number in numbers {
                let name = Name::new(&self.map().layout, &pieces, &number);
                let _ = self.locked(name.stripe, now, |stripe| stripe.take(&name));
            }
        }
    }

    /// Counts a hit or a miss, in a line of the thread's own with a plain load and store: a locked instruction would keep
    /// the next lookup's loads from starting. Threads beyond the lanes share the last.
    #[inline(always)]
    fn count(&self, space: &Space, hit: bool) {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            /// One more than the number of its lane; zero until it has one.
            static LANE: Cell<u8> = const { Cell::new(0) };
        }
        let Some(me) = self.ground.session.me(self.map()) else { return };
        let lane = LANE.with(|lane| {
            if lane.get() == 0 {
                lane.set(THREADS.fetch_add(1, Relaxed).min(LANES - 1) as u8 + 1);
            }
            usize::from(lane.get()) - 1
        });
        let word = self.map().word(self.map().layout.lane(me.row(), lane) + space.row * 2 + usize::from(!hit));
        if lane < LANES - 1 {
            word.store(word.load(Relaxed).wrapping_add(1), Relaxed);
        } else {
            word.fetch_add(1, Relaxed);
        }
    }
}

#[cold]
fn oversize(bytes: u64, most: u64) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("{bytes} bytes of key and value are more than the {most} that the shared region takes, make it larger"),
    )
}
