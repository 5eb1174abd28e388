//! The bytes of one cache: canonical keys, values through a codec, envelopes around them.

#[cfg(all(test, feature = "postcard"))]
mod tests;

use super::codec::Codec;
use super::envelope::{self, HEADER, Label};
use super::keys::{self, Fidelity, portable};
use super::shape::{Reader, fingerprint};
use super::{KeyBytes, Scanned, Stamp, Wire};
use crate::error::{Error, ErrorKind, Result};
use crate::key::{Key, Value};
use crate::time::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;
use xxhash_rust::xxh3::xxh3_64;

/// Room for a small value, so that most records are allocated once.
const SMALL: usize = 72;
/// What the header is filled with until it is sealed, so that a codec that does not append is noticed.
const UNSEALED: u8 = 0xa5;

/// How keys of type `K` and values of type `V` are stored. Made once per cache: it looks at both types.
pub(crate) struct Format<K, V, C> {
    codec: C,
    codec_id: u8,
    keys: Keys,
    value_shape: u64,
    fidelity: Fidelity,
    types: PhantomData<fn() -> (K, V)>,
}

/// How keys are written.
enum Keys {
    /// By their type, of which this is the shape.
    Typed(u64),
    Portable,
}

impl<K: DeserializeOwned, V, C: Codec<V>> Format<K, V, C> {
    pub(crate) fn new(codec: C) -> Self {
        Format {
            codec_id: codec.id(),
            keys: if codec.is_portable() { Keys::Portable } else { Keys::Typed(fingerprint::<K>(Reader::Machine)) },
            value_shape: codec.shape(),
            fidelity: Fidelity::of::<K>(),
            codec,
            types: PhantomData,
        }
    }

    /// The key that `bytes` are in full.
    fn shown(&self, bytes: &[u8]) -> Option<K>
    where
        K: 'static + Serialize,
    {
        portable::shown(bytes).or_else(|| match self.keys {
            Keys::Typed(_) => keys::decode(bytes),
            Keys::Portable => portable::decode(bytes),
        })
    }

    /// The label of a key that is stored in full.
    fn labelled<'k>(&self, space: u64, key: &'k [u8]) -> Label<'k> {
        Label { seed: space, key, hashed: false, codec: self.codec_id, shape: self.value_shape }
    }
}

impl<K, V, C> Wire<K, V> for Format<K, V, C>
where
    K: Key + Serialize + DeserializeOwned,
    V: Value,
    C: Codec<V>,
{
    fn space(&self, name: &str) -> String {
        match self.keys {
            Keys::Typed(shape) => format!("{name}#{shape:016x}"),
            Keys::Portable => format!("{name}#portable"),
        }
    }

    fn label(&self, space: &str) -> u64 {
        xxh3_64(space.as_bytes())
    }

    fn key(&self, key: &K, mut room: Vec<u8>) -> Result<KeyBytes> {
        if let Some(bytes) = portable::ready(key, &mut room) {
            return Ok(bytes);
        }
        match self.keys {
            Keys::Typed(_) => keys::encode(key, self.fidelity, room),
            Keys::Portable => portable::encode(key, self.fidelity, room),
        }
    }

    fn seal(&self, space: u64, key: &KeyBytes, value: &V, stamp: Stamp) -> Result<Vec<u8>> {
        let mut record = Vec::with_capacity(HEADER + SMALL);
        record.resize(HEADER, UNSEALED);
        self.codec.encode(value, &mut record)?;
        if record.get(..HEADER) != Some(&[UNSEALED; HEADER]) {
            let message = "the codec changed bytes that are not of its value, let it append to what is there";
            return Err(Error::new(ErrorKind::Codec, message));
        }
        let label = Label { hashed: key.hashed, ..self.labelled(space, &key.bytes) };
        envelope::seal(&label, &stamp, &mut record)?;
        Ok(record)
    }

    fn open(&self, space: u64, key: &KeyBytes, record: &[u8], now: Timestamp) -> Result<Option<(V, Stamp)>> {
        let label = Label { hashed: key.hashed, ..self.labelled(space, &key.bytes) };
        let Some((value, stamp)) = envelope::open(&label, record, now)? else { return Ok(None) };
        Ok(Some((self.codec.decode(value)?, stamp)))
    }

    fn open_scanned(&self, space: u64, key: &[u8], record: &[u8], now: Timestamp) -> Result<Option<Scanned<K, V>>> {
        let hashed = envelope::hashed(record);
        let label = Label { hashed, ..self.labelled(space, key) };
        let Some((value, stamp)) = envelope::open(&label, record, now)? else { return Ok(None) };
        let key = if hashed { None } else { self.shown(key) };
        Ok(Some((key, self.codec.decode(value)?, stamp)))
    }
}
