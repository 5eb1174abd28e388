use super::super::bound;
use crate::bytes::KeyBytes;
use crate::key::KeyRef;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};
use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};

/// A key that is in the portable form already, made by the functions of this module.
///
/// A backend has its bytes as they are. Memory compares and hashes them: equal keys have equal bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortableKey(Box<[u8]>);

/// A borrowed [`PortableKey`]: a lookup with it allocates nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortableKeyRef<'a>(pub &'a [u8]);

impl PortableKey {
    /// The key of these bytes, which are taken for what they should be.
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        PortableKey(bytes.into())
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The bytes of `key` in the vector `room`, if it is a [`PortableKey`].
pub(crate) fn ready<K: 'static>(key: &K, room: &mut Vec<u8>) -> Option<KeyBytes> {
    let key: &PortableKey = (key as &dyn Any).downcast_ref()?;
    let mut bytes = std::mem::take(room);
    bytes.clear();
    bytes.extend_from_slice(&key.0);
    Some(bound(bytes))
}

/// The key of these full bytes, if `K` is [`PortableKey`].
pub(crate) fn shown<K: 'static>(bytes: &[u8]) -> Option<K> {
    let mut key = None;
    let place: &mut Option<PortableKey> = (&mut key as &mut dyn Any).downcast_mut()?;
    *place = Some(PortableKey::new(bytes));
    key
}

impl Hash for PortableKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        PortableKeyRef(&self.0).hash(state);
    }
}

impl Hash for PortableKeyRef<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        // No key is the beginning of another, so that its length says nothing more.
        state.write(self.0);
    }
}

impl KeyRef<PortableKey> for PortableKeyRef<'_> {
    #[inline]
    fn is(&self, key: &PortableKey) -> bool {
        *self.0 == *key.0
    }

    fn to_key(&self) -> PortableKey {
        PortableKey::new(self.0)
    }
}

/// As bytes, where it is a part of something else.
impl Serialize for PortableKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for PortableKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(Bytes)
    }
}

struct Bytes;

impl Visitor<'_> for Bytes {
    type Value = PortableKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of a portable key")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<PortableKey, E> {
        Ok(PortableKey::new(bytes))
    }
}
