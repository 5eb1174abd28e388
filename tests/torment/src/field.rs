//! What is stored: spaces of every kind, keys that say whose they are, values that say of themselves what they should be.

use crate::random::Random;
use memolith::{Policy, Record, Space, Timestamp};
use std::time::{SystemTime, UNIX_EPOCH};

/// Keys of each owner in each space.
pub(crate) const KEYS: usize = 512;
/// Spaces in which everybody has keys; after them comes each owner's own, which its owner alone clears.
pub(crate) const COMMON: usize = 7;
/// Keys of the owner in its own space.
pub(crate) const OWN_KEYS: usize = 64;

/// A key: which space, which owner, which of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// Below [`COMMON`], or that for the owner's own space.
    pub(crate) space: usize,
    pub(crate) owner: usize,
    pub(crate) index: usize,
}

/// The spaces everybody shares, one of each kind of bound and order.
pub(crate) fn common() -> Vec<Space> {
    let make = |name: &str, maxsize: Option<u64>, policy: Policy| {
        let mut space = Space::new(format!("torment::{name}"));
        (space.maxsize, space.policy) = (maxsize, policy);
        space
    };
    let mut weighed = make("weighed", None, Policy::Lru);
    weighed.max_bytes = Some(1 << 20);
    let spaces = vec![
        make("all", None, Policy::Fifo),
        make("lru", Some(500), Policy::Lru),
        make("sieve", Some(1500), Policy::Sieve),
        make("lfu", Some(300), Policy::Lfu),
        make("mru", Some(200), Policy::Mru),
        make("random", Some(1000), Policy::Random),
        weighed,
    ];
    debug_assert_eq!(spaces.len(), COMMON);
    spaces
}

/// The space that `owner` alone writes to and clears.
pub(crate) fn own(owner: usize) -> Space {
    Space::new(format!("torment::own{owner}"))
}

/// The time that records are compared with.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX - 1))
}

impl Key {
    /// Any key that an owner below `owners` may write.
    pub(crate) fn any(random: &mut Random, owners: usize) -> Key {
        let (space, owner) = (random.index(COMMON + 1), random.index(owners));
        // Of many owners each has fewer, so that something is found.
        let keys = if space == COMMON { OWN_KEYS } else { (KEYS * 4 / owners).clamp(OWN_KEYS, KEYS) };
        Key { space, owner, index: random.index(keys) }
    }

    /// Its bytes: between 8 and 200 of them.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{}.{}.", self.owner, self.index).into_bytes();
        let length = match self.index % 16 {
            0 => 200,
            rest => 8 + rest * 3,
        };
        bytes.resize(length.max(bytes.len()), b'x');
        bytes
    }

    /// The key in `space` whose bytes these are.
    pub(crate) fn of_bytes(space: usize, bytes: &[u8]) -> Option<Key> {
        let mut parts = str::from_utf8(bytes).ok()?.split('.');
        let owner = parts.next()?.parse().ok()?;
        let key = Key { space, owner, index: parts.next()?.parse().ok()? };
        (key.bytes() == bytes).then_some(key)
    }

    /// What `version` of it holds: from 16 bytes to 64 KiB, and at times 300 KiB.
    pub(crate) fn record(&self, version: u32, expires: Timestamp) -> Record {
        let seed = (self.space << 40 | self.owner << 32 | self.index) as u64;
        let mut random =
            Random::new(seed ^ Random::new(u64::from(version)).next() ^ expires.as_micros().rotate_left(7));
        let length = match random.below(200) {
            0 => 300 << 10,
            _ => {
                // Small ones are more frequent.
                let step = random.below(13).min(random.below(13));
                16 + random.index(16 << step)
            }
        };
        let mut value = Vec::with_capacity(length + 8);
        value.extend_from_slice(&version.to_le_bytes());
        while value.len() < length {
            value.extend_from_slice(&random.next().to_le_bytes());
        }
        value.truncate(length);
        Record { value, expires }
    }

    /// The version that a record found under this key is.
    ///
    /// # Errors
    /// Says what is wrong with it, when it was never written under this key or had expired at `now`.
    pub(crate) fn version(&self, record: &Record, now: Timestamp) -> Result<u32, String> {
        let Some(first) = record.value.first_chunk::<4>() else {
            return Err(format!("{self:?} holds {} bytes", record.value.len()));
        };
        let version = u32::from_le_bytes(*first);
        if record.expires <= now {
            return Err(format!("{self:?} holds version {version}, which expired at {:?}, at {now:?}", record.expires));
        }
        let expected = self.record(version, record.expires);
        if expected != *record {
            let same = expected.value.iter().zip(&record.value).take_while(|(left, right)| left == right).count();
            let lengths = (expected.value.len(), record.value.len());
            return Err(format!(
                "{self:?} holds what is not its version {version}: the first {same} bytes are, of {lengths:?}"
            ));
        }
        Ok(version)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_value_tells_its_version_and_whose_it_is() {
        let key = Key { space: 2, owner: 3, index: 16 };
        let record = key.record(70_000, Timestamp::NEVER);
        assert_eq!(key.version(&record, now()), Ok(70_000));
        for other in [Key { space: 1, ..key }, Key { owner: 2, ..key }, Key { index: 15, ..key }] {
            assert!(other.version(&record, now()).is_err(), "{other:?}");
        }
    }

    #[test]
    fn torn_and_expired_values_are_seen() {
        let key = Key { space: 0, owner: 0, index: 1 };
        let mut record = key.record(1, Timestamp::NEVER);
        *record.value.last_mut().unwrap() ^= 1;
        assert!(key.version(&record, now()).is_err());
        let record = key.record(1, Timestamp::from_micros(5));
        assert_eq!(key.version(&record, Timestamp::from_micros(4)), Ok(1));
        assert!(key.version(&record, Timestamp::from_micros(5)).is_err());
    }

    #[test]
    fn keys_are_read_back_from_their_bytes() {
        let mut random = Random::new(1);
        for _ in 0..1000 {
            let key = Key::any(&mut random, 64);
            assert_eq!(Key::of_bytes(key.space, &key.bytes()), Some(key));
        }
        assert_eq!(Key::of_bytes(0, b"1.2.y"), None);
    }
}
