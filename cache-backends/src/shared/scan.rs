//! Showing all entries of a space, without a lock.

use super::entry;
use super::large;
use super::name::Name;
use super::read::{self, Verify};
use super::region::Region;
use super::spaces::Space;
use memolith_core::{Record, Result, Timestamp, Visit};

impl Region {
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
        let mut room = [0; 16];
        let name = Name::of(&self.map().layout, space, key, &mut room);
        self.locked(name.stripe, now, |stripe| {
            // Nobody can write to the stripe meanwhile.
            if self.found(space, key, now).is_some_and(|current| current == *record) {
                stripe.take(&name)?;
            }
            Ok(())
        })
    }
}
