//! A region: what all its processes share, and what this one knows of it.

use super::claims;
use super::entry;
use super::index::Slot;
use super::large::{self, Manifest};
use super::layout::{PAGE, SESSIONS, SPACES_LOCK};
use super::lock::{PATIENCE, lock};
use super::map::Map;
use super::name::Name;
use super::read::{self, Verify};
use super::session::{Region as Ground, Session};
use super::spaces::{self, Bounds, Former, Space, Spaces};
use super::stripe::{Sound, Stripe, Total};
use super::tags;
use super::write::{New, Put};
use memolith_core::{Claim, Error, ErrorKind, Record, Result, TagState, Timestamp};
use parking_lot::Mutex;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;
use std::time::{Duration, Instant};
use xxhash_rust::xxh3::xxh3_64;

/// An open region.
#[derive(Debug)]
pub(super) struct Region {
    pub(super) ground: Arc<Ground>,
    spaces: Spaces,
    /// Spaces that were renounced because the lock of a stripe was not to be had: in which turn, and their epoch then.
    gone: Mutex<HashMap<(usize, usize), (u32, u64)>>,
}

/// Bytes of a copy that is kept for the next call.
const KEPT: usize = 1 << 16;
/// How long a lock is waited for to do what can be left undone.
const BRIEFLY: Duration = Duration::from_millis(1);
/// How often a put follows a space that moves.
const MOVES: usize = 4;

impl Region {
    pub(super) fn new(map: Map) -> Self {
        let session = Session::new(&map);
        Region { ground: Arc::new(Ground { session, map }), spaces: Spaces::new(), gone: Mutex::default() }
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

    /// How far the tags have come.
    pub(super) fn tags(&self, tags: &[&[u8]]) -> Result<TagState> {
        self.uncut(tags::state(self.map(), tags))
    }

    /// Invalidates tags.
    pub(super) fn invalidate_tags(&self, tags: &[&[u8]]) -> Result<TagState> {
        self.uncut(tags::invalidate(self.map(), tags))
    }

    /// What was done in a file that was cut meanwhile was done nowhere.
    fn uncut<T>(&self, done: T) -> Result<T> {
        match self.map().is_cut() {
            true => Err(Error::new(ErrorKind::Unavailable, "the file of the shared region was cut short, delete it")),
            false => Ok(done),
        }
    }

    /// The space as the region knows it.
    pub(super) fn find(&self, space: &memolith_core::Space) -> Option<Space> {
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
            // Whoever has given them may not have come to the end.
            return self.shrink(&found, bounds, now).map(|()| found);
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
        if before.policy != bounds.policy {
            for stripe in opened.stripes(layout.stripes) {
                self.locked(stripe, now, |stripe| stripe.renew_scores(row))?;
            }
        }
        self.shrink(&opened, bounds, now).map(|()| opened)
    }

    /// Evicts what is beyond the bounds of `space`, where there is anything.
    fn shrink(&self, space: &Space, bounds: Bounds, now: Timestamp) -> Result<()> {
        let stripes = self.map().layout.stripes;
        for stripe in space.stripes(stripes) {
            let book = super::stripe::book(self.map(), stripe, space.row);
            let (entries, bytes) = bounds.shares(space, (stripe, stripes));
            if u64::from(book.entries) > entries || book.bytes > bytes {
                self.locked(stripe, now, |stripe| stripe.make_room(space, bounds, (0, 0)))?;
            }
        }
        Ok(())
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
        let mut room = [0; 16];
        let name = Name::of(&self.map().layout, space, key, &mut room);
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
    pub(super) fn found(&self, space: &Space, key: &[u8], now: Timestamp) -> Option<Record> {
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
        let mut room = [0; 16];
        let name = Name::of(layout, space, key, &mut room);
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

    pub(super) fn remove(&self, space: &memolith_core::Space, key: &[u8], now: Timestamp) -> Result<bool> {
        self.take_back(space, (key, None), now)
    }

    /// Removes a key if it has this record, or whatever it has.
    pub(super) fn take_back(
        &self,
        space: &memolith_core::Space,
        (key, record): (&[u8], Option<&Record>),
        now: Timestamp,
    ) -> Result<bool> {
        // A space that moves meanwhile is emptied, and so the key is gone in any case.
        let Some(space) = self.find(space) else { return Ok(false) };
        let mut room = [0; 16];
        let name = Name::of(&self.map().layout, &space, key, &mut room);
        let removed = self.locked(name.stripe, now, |stripe| {
            if record.is_some_and(|record| !self.holds(&name, (key, record), now)) {
                return Ok(false);
            }
            let lives = stripe.find(&name).is_some_and(|(_, found)| stripe.expires(&found) > now);
            Ok(stripe.take(&name)? && lives)
        });
        // Who cannot write at all says so; whoever else cannot get the lock has another way.
        match removed {
            Err(error) if self.ground.session.me(self.map()).is_none() => Err(error),
            Err(_) => {
                self.remove_with_all(&space, name.stripe, now);
                Ok(true)
            }
            removed => removed,
        }
    }

    /// Whether `name` has this record now.
    fn holds(&self, name: &Name<'_>, (key, record): (&[u8], &Record), now: Timestamp) -> bool {
        let mut value = vec![];
        let Some(copied) = read::get(self.map(), name, (now, Verify::Later), &mut value) else { return false };
        let is_same = match copied.manifest {
            // But for its number, which is drawn.
            true => value.get(8..) == Some(&Manifest::new(key, &record.value).0.to_bytes()[8..]),
            false => value == record.value,
        };
        is_same && copied.expires == record.expires
    }

    /// What is invalidated must not be served, even while a stopped process holds the lock of its stripe: then all goes.
    /// Once for each turn of the lock, since nothing can come to the stripe until the next: epochs are many, not endless.
    fn remove_with_all(&self, space: &Space, stripe: usize, now: Timestamp) {
        let turn = || self.map().half(self.map().layout.stripe(stripe) * 2 + 1).load(Acquire);
        let place = (space.row, stripe);
        let before = turn();
        let Some(mut gone) = self.gone.try_lock_for(PATIENCE) else { return self.renounce(space, now) };
        if gone.get(&place) == Some(&(before, spaces::epoch(self.map(), space.row))) {
            return;
        }
        spaces::renounce(self.map(), space.row);
        gone.insert(place, (before, spaces::epoch(self.map(), space.row)));
        drop(gone);
        self.sweep(space.row, now);
    }

    pub(super) fn clear(&self, space: &memolith_core::Space, now: Timestamp) {
        if let Some(space) = self.find(space) {
            self.renounce(&space, now);
        }
    }

    fn renounce(&self, space: &Space, now: Timestamp) {
        spaces::renounce(self.map(), space.row);
        self.sweep(space.row, now);
    }

    /// Notes that this process uses the spaces that it has met.
    pub(super) fn touch(&self, now: Timestamp) {
        self.spaces.met(self.map()).for_each(|space| spaces::touch(self.map(), &space, now));
    }

    /// Removes what is left of former epochs of the space in `row`, where that can be done now.
    fn sweep(&self, row: usize, now: Timestamp) {
        let start = Instant::now();
        for stripe in 0..self.map().layout.stripes {
            // However many locks others stand on. Elsewhere it is evicted in its time.
            let patience = PATIENCE.saturating_sub(start.elapsed());
            let book = super::stripe::book(self.map(), stripe, row);
            if book.entries > 0 {
                let _ = self.locked_within((stripe, patience), now, |stripe| stripe.sweep(row));
            }
        }
    }

    pub(super) fn len(&self, space: &memolith_core::Space) -> u64 {
        let Some(space) = self.find(space) else { return 0 };
        let books = (0..self.map().layout.stripes).map(|stripe| super::stripe::book(self.map(), stripe, space.row));
        books.map(|book| u64::from(book.entries)).sum()
    }

    /// Runs `work` under the lock of a stripe, whose books are written again before if their last owner died, and after if
    /// they turn out not to fit together.
    pub(super) fn locked<T>(&self, stripe: usize, now: Timestamp, work: impl Fn(&Stripe<'_>) -> Sound<T>) -> Result<T> {
        self.locked_within((stripe, PATIENCE), now, work)
    }

    fn locked_within<T>(
        &self,
        (stripe, patience): (usize, Duration),
        now: Timestamp,
        work: impl Fn(&Stripe<'_>) -> Sound<T>,
    ) -> Result<T> {
        let orphans = RefCell::default();
        let guard = lock(&self.ground.session, self.map(), self.map().layout.stripe(stripe), patience)
            .map_err(|_| self.busy())?;
        self.uncut(())?;
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
                let _ = self.locked_within((name.stripe, BRIEFLY), now, |stripe| stripe.take(&name));
            }
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
