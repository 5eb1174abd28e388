//! A mapping with a backend.

use super::entry::{self, Entry};
use super::{Extra, Turns};
use crate::errors::{exception, wrong};
use crate::keys;
use crate::options::Options;
use crate::scope;
use crate::stored::{Content, Faults, Held, Label, Plan, Room, Tagged, Tags, Tier, invalidate, place, told, within};
use crate::values::Codec;
use memolith::{CacheInfo, ErrorKind, Lookup};
use memolith_core::__private::{PortableKey, PortableKeyRef, fill_with_ttl, visit};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use std::sync::Arc;
use std::time::Duration;

/// Its values stand in entries, unless a codec was chosen that other languages read: then bare.
pub(crate) struct Backed {
    pub(super) tier: Tier,
    pub(super) faults: Arc<Faults>,
    ttl: Option<Duration>,
    is_signed: bool,
    is_single_flight: bool,
    /// Its name in the backend, where its tags are invalidated by name.
    served: Option<String>,
    pub(super) turns: Turns,
}

impl Backed {
    /// # Errors
    /// As `Stored::new`.
    pub(crate) fn new(py: Python<'_>, maxsize: Option<usize>, options: &mut Options) -> PyResult<Self> {
        let given = options.codec.as_ref().map(|codec| codec.bind(py));
        let codec = Arc::new(Codec::new(given, options.sign.as_deref())?);
        let Some(place) = place(py, options)? else { return Err(wrong("no backend was given")) };
        let content =
            if codec.is_interoperable() { Content::Value } else { Content::Entry(entry::label, entry::value) };
        let mut space = options.name.clone().unwrap_or_else(|| "cache".to_owned());
        if let Some(version) = &options.version {
            space.push_str("@v:");
            space.push_str(version);
        }
        let faults = Arc::new(Faults(options.on_error.take()));
        let served = place.is_served().then(|| space.clone());
        let tagged = if served.is_some() { Tagged::Here } else { Tagged::Everywhere };
        let plan = Plan { space, backend: place.backend(py), codec: &codec, content, tagged };
        let tier = Tier::new(py, plan, (maxsize, options), &faults);
        let is_single_flight = options.single_flight.unwrap_or(true);
        Ok(Backed {
            tier,
            faults,
            ttl: options.ttl,
            is_signed: options.sign.is_some(),
            is_single_flight,
            served,
            turns: Turns::new(),
        })
    }

    pub(crate) fn get<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let room = canonical(key)?;
        let py = key.py();
        self.tier.get(py, &room).map_or(Ok(None), |held| self.tier.object(py, &room, held))
    }

    pub(crate) fn contains(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        let room = canonical(key)?;
        let (cache, view) = (self.tier.cache(), PortableKeyRef(&room));
        let inside = scope::enter(key.py());
        let found = key.py().detach(|| cache.contains(&view));
        drop(inside);
        // What was signed with another secret is not there. To see that it has to be looked up.
        Ok(found && (!self.is_signed || self.get(key)?.is_some()))
    }

    pub(crate) fn set(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>, extra: Extra) -> PyResult<()> {
        let room = canonical(key)?;
        let (ttl, held) = (extra.ttl, self.held((key, &room), value, extra)?);
        self.changing(key.py(), || self.turns.change(&room, || self.insert(&room, held, ttl)));
        Ok(())
    }

    /// Stores a value, or removes the one that is there, if nobody has changed it since [`entry`](Self::entry) gave
    /// `seen`. Whether it did; if not, somebody else has succeeded.
    pub(crate) fn exchange(
        &self,
        key: &Bound<'_, PyAny>,
        seen: u64,
        new: Option<(&Bound<'_, PyAny>, Extra)>,
    ) -> PyResult<bool> {
        let room = canonical(key)?;
        let new = match new {
            Some((value, extra)) => Some((extra.ttl, self.held((key, &room), value, extra)?)),
            None => None,
        };
        let (cache, view) = (self.tier.cache(), PortableKeyRef(&room));
        let exchange = || match new {
            Some((ttl, held)) => {
                self.insert(&room, held, ttl);
                Ok(true)
            }
            None => cache.remove(&view),
        };
        let exchanged = self.changing(key.py(), || self.turns.change_if(&room, seen, exchange));
        exchanged.unwrap_or(Ok(false)).map_err(|error| exception(key.py(), &error))
    }

    pub(crate) fn remove(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = key.py();
        let room = canonical(key)?;
        let (cache, view) = (self.tier.cache(), PortableKeyRef(&room));
        self.changing(py, || self.turns.change(&room, || cache.remove(&view))).map_err(|error| exception(py, &error))
    }

    /// The value, computed if there is none. Callers who ask for it meanwhile wait.
    pub(crate) fn compute<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        compute: &Bound<'py, PyAny>,
        extra: Extra,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = key.py();
        let room = canonical(key)?;
        let lease = if !self.is_single_flight {
            let found = self.tier.seek(py, &room)?;
            match found.map_or(Ok(None), |held| self.tier.object(py, &room, held))? {
                Some(value) => return Ok(value),
                None => None,
            }
        } else {
            match self.tier.lookup(py, &room)? {
                Lookup::Miss(lease) => Some(lease),
                Lookup::Hit(held) => match self.tier.object(py, &room, held)? {
                    Some(value) => return Ok(value),
                    None => None,
                },
            }
        };
        // Of what was found, and is of no use, the core does not know that it is computed.
        scope::allow(py, self.tier.mark())?;
        let (value, lease) = match (compute.call0(), lease) {
            (Ok(value), lease) => (value, lease),
            (Err(raised), Some(lease)) => return self.tier.old((py, &room), lease, raised),
            (Err(raised), None) => return Err(raised),
        };
        let (ttl, held) = (extra.ttl, self.held((key, &room), &value, extra)?);
        let fill = || match (lease, ttl) {
            (Some(lease), None) => lease.fill(held).release(),
            (Some(lease), Some(ttl)) => fill_with_ttl(lease, held, ttl).release(),
            (None, ttl) => self.insert(&room, held, ttl),
        };
        self.changing(py, || self.turns.change(&room, fill));
        Ok(value)
    }

    /// What [`exchange`](Self::exchange) takes; the value, how long it lives on if that is known, and its tags. Counts
    /// as a look-up.
    #[expect(clippy::type_complexity, reason = "a tuple for one caller")]
    pub(crate) fn entry<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<(u64, Option<(Bound<'py, PyAny>, Extra)>)> {
        let py = key.py();
        let room = canonical(key)?;
        // Asked first: what changes while this looks makes another number of it.
        let seen = self.turns.ended(&room);
        let Some(held) = self.tier.get(py, &room) else { return Ok((seen, None)) };
        let Label { ends, tags } = held.label().clone();
        let extra = Extra { ttl: entry::left(ends), tags };
        Ok((seen, self.tier.object(py, &room, held)?.map(|value| (value, extra))))
    }

    /// All keys, and their values where these are wanted.
    pub(crate) fn entries<'py>(&self, py: Python<'py>) -> PyResult<Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
        let mut found = Vec::new();
        let cache = self.tier.cache();
        py.detach(|| {
            cache.flush()?;
            visit(cache, &mut |key, held| found.extend(held.text().map(|text| (key.cloned(), text))))
        })
        .map_err(|error| exception(py, &error))?;
        let mut entries = Vec::with_capacity(found.len());
        for (key, bytes) in found {
            let entry = if self.tier.is_bare() { self.read_bare(py, key, &bytes) } else { self.read(py, &bytes) };
            match told(py, entry)? {
                Ok(entry) => entries.push(entry),
                Err(reason) => self.tier.fault(py, reason),
            }
        }
        Ok(entries)
    }

    /// Removes the entries with a tag, and returns how many; none where they are on servers, which are told of the tag
    /// alone.
    pub(crate) fn evict(&self, py: Python<'_>, tag: &str) -> PyResult<Option<usize>> {
        self.bare_has_no_tags()?;
        if let Some(space) = &self.served {
            return invalidate(py, &within(space, tag)).map(|()| None);
        }
        let cache = self.tier.cache();
        let has_tag = |_: &PortableKey, held: &Held| held.label().tags.iter().any(|own| **own == *tag);
        let removed = self.changing(py, || self.turns.change_all(|| cache.remove_if(has_tag)));
        removed.map(Some).map_err(|error| exception(py, &error))
    }

    /// How many entries have expired. A backend takes their room back by itself.
    pub(crate) fn expire(&self, py: Python<'_>) -> PyResult<usize> {
        let cache = self.tier.cache();
        py.detach(|| {
            let (all, mut live) = (cache.len(), 0usize);
            match visit(cache, &mut |_, _| live += 1) {
                Err(error) if error.kind() == ErrorKind::Unsupported => Ok(0),
                visited => visited.map(|()| all.saturating_sub(live)),
            }
        })
        .map_err(|error| exception(py, &error))
    }

    pub(crate) fn len(&self, py: Python<'_>) -> usize {
        py.detach(|| self.tier.cache().len())
    }

    pub(crate) fn info(&self, py: Python<'_>) -> CacheInfo {
        py.detach(|| self.tier.cache().info())
    }

    pub(crate) fn clear(&self, py: Python<'_>) -> PyResult<()> {
        let cleared = self.changing(py, || self.turns.change_all(|| self.tier.cache().clear()));
        cleared.map_err(|error| exception(py, &error))
    }

    pub(crate) fn set_maxsize(&self, py: Python<'_>, maxsize: Option<usize>) {
        py.detach(|| self.tier.cache().set_maxsize(maxsize));
    }

    pub(crate) fn flush(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.tier.cache().flush()).map_err(|error| exception(py, &error))
    }

    /// The Python objects it holds besides values, for the garbage collector.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Py<PyAny>> {
        self.faults.0.iter().chain(self.tier.codec_object())
    }

    /// Has a child of the process wait for nobody that it has not got.
    pub(crate) fn renew(&self) {
        self.turns.renew();
    }

    /// Changes the core's cache, detached, since it may wait for its turn and for files. What goes wrong is told when
    /// the turn is over, as that runs Python code.
    fn changing<R: Send>(&self, py: Python<'_>, change: impl FnOnce() -> R + Send) -> R {
        let _inside = scope::enter(py);
        py.detach(|| self.faults.after(change))
    }

    fn insert(&self, key: &[u8], held: Held, ttl: Option<Duration>) {
        let (cache, key) = (self.tier.cache(), PortableKey::new(key));
        match ttl {
            Some(ttl) => cache.insert_with_ttl(key, held.clone(), ttl),
            None => cache.insert(key, held.clone()),
        }
        held.release();
    }

    pub(super) fn held(
        &self,
        key: (&Bound<'_, PyAny>, &[u8]),
        value: &Bound<'_, PyAny>,
        extra: Extra,
    ) -> PyResult<Held> {
        let (object, canonical) = key;
        if self.tier.is_bare() {
            if !extra.tags.is_empty() {
                self.bare_has_no_tags()?;
            }
            return self.tier.held(canonical, value, Tags::default());
        }
        let mut key = Vec::new();
        if told(object.py(), self.tier.encode(object, None, &mut key))?.is_err() {
            // Such a key is not shown by those who go through all of them.
            key.clear();
        }
        let label = Label { ends: entry::ends(extra.ttl.or(self.ttl)), tags: extra.tags };
        let mut bytes = Vec::new();
        Entry { label: label.clone(), key: &key, value: &[] }.write_head(&mut bytes);
        let encoded = told(value.py(), self.tier.encode(value, Some(canonical), &mut bytes))?;
        Ok(Held::computed(value.clone().unbind(), encoded.map(|()| bytes.as_slice().into()), label))
    }

    /// The key and the value of an entry that was met on the way through all of them.
    fn read<'py>(&self, py: Python<'py>, bytes: &[u8]) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let entry = Entry::read(bytes).map_err(|error| exception(py, &error))?;
        if entry.key.is_empty() {
            return Err(PyTypeError::new_err("the key of an entry has no form in bytes, so it is left out"));
        }
        let key = self.tier.decode(py, entry.key, None)?;
        let room = canonical(&key)?;
        let value = self.tier.decode(py, entry.value, Some(&room))?;
        Ok((key, value))
    }

    /// The same where only the value is stored, and the key is known by what names it.
    fn read_bare<'py>(
        &self,
        py: Python<'py>,
        key: Option<PortableKey>,
        value: &[u8],
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let Some(key) = key else {
            return Err(PyTypeError::new_err(
                "of a key of more than 128 bytes only a hash is stored, so it is left out",
            ));
        };
        let value = self.tier.decode(py, value, Some(key.bytes()))?;
        Ok((keys::read_object(py, key.bytes())?, value))
    }

    fn bare_has_no_tags(&self) -> PyResult<()> {
        if !self.tier.is_bare() {
            return Ok(());
        }
        Err(PyTypeError::new_err("a codec that other languages read has no room for tags, leave out `codec`"))
    }
}

pub(super) fn canonical(key: &Bound<'_, PyAny>) -> PyResult<Room> {
    let mut room = Room::take();
    keys::write_object(key, false, &mut room)?;
    Ok(room)
}
