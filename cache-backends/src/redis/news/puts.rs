//! Puts that are remembered, as they may have to be taken back.

use crate::redis::keys::tell::digest;
use memolith_core::Record;

/// So many are remembered at most, of one space.
const MOST: usize = 1 << 16;
/// Bytes of their keys and values at most; above half of that no more values are remembered.
const MOST_BYTES: usize = 8 << 20;

/// A value that was put under a key.
#[derive(Debug)]
pub(crate) struct Put {
    pub(crate) key: Box<[u8]>,
    /// None where it is not known: then whatever is there counts as it.
    pub(crate) record: Option<Record>,
}

/// Puts into one space, in their order.
#[derive(Debug, Default)]
pub(crate) struct Puts {
    list: Vec<Put>,
    bytes: usize,
    /// Whether there were more than are remembered: any entry of the space may be one of them then.
    too_many: bool,
}

impl Puts {
    /// Of which it is not known what they were.
    pub(crate) fn too_many() -> Self {
        Puts { too_many: true, ..Puts::default() }
    }

    pub(crate) fn one(key: &[u8], record: Option<&Record>) -> Self {
        let mut puts = Puts::default();
        puts.add(key, record);
        puts
    }

    pub(crate) fn add(&mut self, key: &[u8], record: Option<&Record>) {
        let bytes = self.bytes + key.len();
        if self.too_many || self.list.len() >= MOST || bytes > MOST_BYTES {
            *self = Puts::too_many();
            return;
        }
        let record = record.filter(|record| bytes + record.value.len() <= MOST_BYTES / 2).cloned();
        self.bytes = bytes + record.as_ref().map_or(0, |record| record.value.len());
        self.list.push(Put { key: key.into(), record });
    }

    pub(crate) fn append(&mut self, later: Puts) {
        if self.is_empty() {
            *self = later;
            return;
        }
        match later.known() {
            Some(puts) => puts.iter().for_each(|put| self.add(&put.key, put.record.as_ref())),
            None => *self = Puts::too_many(),
        }
    }

    /// Takes out those of the key of this [`digest`]; all if they are not known.
    pub(crate) fn extract(&mut self, of: [u8; 16]) -> Puts {
        if self.too_many {
            return std::mem::take(self);
        }
        let mut puts = Puts::default();
        for put in self.list.extract_if(.., |put| digest(&put.key) == of) {
            self.bytes -= put.bytes();
            puts.bytes += put.bytes();
            puts.list.push(put);
        }
        puts
    }

    /// How many are known.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty() && !self.too_many
    }

    /// Each of them; none if they are not known.
    pub(crate) fn known(self) -> Option<Vec<Put>> {
        (!self.too_many).then_some(self.list)
    }
}

impl Put {
    fn bytes(&self) -> usize {
        self.key.len() + self.record.as_ref().map_or(0, |record| record.value.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use memolith_core::Timestamp;

    fn record(size: usize) -> Record {
        Record { value: vec![0; size], expires: Timestamp::NEVER }
    }

    fn keys(puts: Puts) -> Vec<Vec<u8>> {
        puts.known().expect("they are known").into_iter().map(|put| put.key.into_vec()).collect()
    }

    #[test]
    fn those_of_a_key_are_taken_out() {
        let mut puts = Puts::default();
        ["one", "two", "one"].iter().for_each(|key| puts.add(key.as_bytes(), Some(&record(9))));
        assert_eq!(keys(puts.extract(digest(b"one"))), [b"one", b"one"]);
        assert!(puts.extract(digest(b"three")).is_empty());
        assert_eq!(puts.bytes, 12);
        assert_eq!(keys(puts), [b"two"]);
    }

    #[test]
    fn too_many_are_any() {
        let mut puts = Puts::default();
        (0..MOST).for_each(|number| puts.add(&number.to_le_bytes(), None));
        let mut more = Puts::one(b"one", None);
        more.append(puts);
        assert!(more.extract(digest(b"one")).known().is_none(), "one more than there is room for");
        assert!(more.is_empty());
        more.append(Puts::too_many());
        assert!(!more.is_empty() && more.known().is_none());
    }

    #[test]
    fn where_values_are_large_they_are_not_remembered() {
        let mut puts = Puts::default();
        (0..10).for_each(|number: u8| puts.add(&[number], Some(&record(1 << 20))));
        assert!(puts.bytes <= MOST_BYTES);
        let known = puts.known().expect("there are few");
        assert_eq!(known.iter().filter(|put| put.record.is_some()).count(), 3);
        assert_eq!(known.len(), 10);
        let mut puts = Puts::default();
        (0..10).for_each(|_| puts.add(&[0; 1 << 20], None));
        assert!(puts.known().is_none(), "so are keys");
    }
}
