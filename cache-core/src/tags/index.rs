//! From a tag to the keys of a cache whose values carry it.

use super::Tag;
use crate::key::Key;
use hashbrown::HashTable;
use std::collections::{HashMap, HashSet};

/// Keys listed without looking whether they are still there.
const FEW: usize = 1024;

/// Keys by tag. A key may be listed that has left memory: they are looked through when there are twice as many as were
/// found there the last time.
#[derive(Debug)]
pub(super) struct Index<K> {
    /// Numbers of `listed`, by the hash of the key.
    numbers: HashTable<usize>,
    listed: Vec<Option<Listed<K>>>,
    free: Vec<usize>,
    tags: HashMap<Tag, HashSet<usize>>,
    version: u64,
    /// How many may be listed before they are looked through.
    most: usize,
}

#[derive(Debug)]
struct Listed<K> {
    hash: u64,
    key: K,
    tags: Vec<Tag>,
    /// Changes whenever a value is put in place.
    version: u64,
    /// Values that are just being put in place.
    pending: usize,
}

/// A key that is looked for: its number, version and hash, and the key.
pub(super) type Suspect<K> = (usize, u64, u64, K);

/// What became of a value that was to be put in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    Kept,
    Refused,
}

impl<K> Default for Index<K> {
    fn default() -> Self {
        Index {
            numbers: HashTable::new(),
            listed: Vec::new(),
            free: Vec::new(),
            tags: HashMap::new(),
            version: 0,
            most: FEW,
        }
    }
}

impl<K: Key> Index<K> {
    /// A value with `tags` is put in place for `key`: until [`placed`](Self::placed) the key is listed under these, and
    /// those of the value that may be there.
    pub(super) fn place(&mut self, hash: u64, key: &K, tags: &[Tag]) {
        let number = match self.find(hash, key) {
            Some(number) => number,
            None if tags.is_empty() => return,
            None => self.list(hash, key),
        };
        let Some(listed) = self.listed[number].as_mut() else { return };
        listed.pending += 1;
        self.version += 1;
        listed.version = self.version;
        for tag in tags {
            if !listed.tags.contains(tag) {
                listed.tags.push(Tag::clone(tag));
                self.tags.entry(Tag::clone(tag)).or_default().insert(number);
            }
        }
    }

    /// The value is in place, or will not be.
    pub(super) fn placed(&mut self, hash: u64, key: &K, tags: &[Tag], placed: Placed) {
        let Some(number) = self.find(hash, key) else {
            // Its tag was invalidated meanwhile. What is in place is listed, however it came there.
            if placed == Placed::Kept && !tags.is_empty() {
                self.place(hash, key, tags);
                self.placed(hash, key, tags, placed);
            }
            return;
        };
        let Some(listed) = self.listed[number].as_mut() else { return };
        listed.pending = listed.pending.saturating_sub(1);
        if placed == Placed::Refused || listed.tags == tags {
            return;
        }
        let before = std::mem::replace(&mut listed.tags, tags.to_vec());
        before.iter().filter(|tag| !tags.contains(tag)).for_each(|tag| self.strike(tag, number));
        for tag in tags {
            self.tags.entry(Tag::clone(tag)).or_default().insert(number);
        }
        if tags.is_empty() {
            self.unlist(number);
        }
    }

    /// The keys listed under one of `tags`, which are not listed any more.
    pub(super) fn take(&mut self, tags: &[Tag]) -> Vec<(u64, K)> {
        let numbers: HashSet<usize> = tags.iter().filter_map(|tag| self.tags.remove(tag)).flatten().collect();
        numbers.into_iter().filter_map(|number| self.unlist(number)).collect()
    }

    /// Every key that nobody is just putting in place, if there are too many.
    pub(super) fn suspects(&self) -> Vec<Suspect<K>> {
        if self.numbers.len() <= self.most {
            return Vec::new();
        }
        let listed = self.listed.iter().enumerate().filter_map(|(number, listed)| Some((number, listed.as_ref()?)));
        listed
            .filter(|(_, listed)| listed.pending == 0)
            .map(|(number, listed)| (number, listed.version, listed.hash, listed.key.clone()))
            .collect()
    }

    /// Forgets those of the suspects that were not found, unless they have come back.
    pub(super) fn forget(&mut self, gone: &[Suspect<K>]) {
        for (number, version, ..) in gone {
            let listed = self.listed.get(*number).and_then(Option::as_ref);
            if listed.is_some_and(|listed| listed.version == *version && listed.pending == 0) {
                self.unlist(*number);
            }
        }
        self.most = FEW.max(self.numbers.len() * 2);
    }

    fn find(&self, hash: u64, key: &K) -> Option<usize> {
        let is = |number: &usize| self.listed[*number].as_ref().is_some_and(|it| it.hash == hash && it.key == *key);
        self.numbers.find(hash, is).copied()
    }

    fn list(&mut self, hash: u64, key: &K) -> usize {
        let listed = Some(Listed { hash, key: key.clone(), tags: Vec::new(), version: 0, pending: 0 });
        let number = match self.free.pop() {
            Some(number) => {
                self.listed[number] = listed;
                number
            }
            None => {
                self.listed.push(listed);
                self.listed.len() - 1
            }
        };
        let listed = &self.listed;
        let hash_of = |number: &usize| listed[*number].as_ref().map_or(0, |listed| listed.hash);
        self.numbers.insert_unique(hash, number, hash_of);
        number
    }

    fn unlist(&mut self, number: usize) -> Option<(u64, K)> {
        let listed = self.listed[number].take()?;
        listed.tags.iter().for_each(|tag| self.strike(tag, number));
        if let Ok(found) = self.numbers.find_entry(listed.hash, |other| *other == number) {
            found.remove();
        }
        self.free.push(number);
        Some((listed.hash, listed.key))
    }

    fn strike(&mut self, tag: &Tag, number: usize) {
        if let Some(numbers) = self.tags.get_mut(tag) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.tags.remove(tag);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn tags(of: &[u8]) -> Vec<Tag> {
        of.iter().map(|tag| Tag::from(&[*tag][..])).collect()
    }

    proptest! {
        /// Steps of one thread: what is kept under a tag is what is taken with it.
        #[test]
        fn a_tag_leads_to_the_keys_that_carry_it(
            steps in prop::collection::vec((0..3_u8, 0..6_u8, prop::collection::btree_set(0..4_u8, 0..3)), 0..60)
        ) {
            let (mut index, mut model) = (Index::default(), BTreeMap::<u8, Vec<u8>>::new());
            for (kind, key, of) in steps {
                let of: Vec<u8> = of.into_iter().collect();
                match kind {
                    0 => {
                        index.place(0, &key, &tags(&of));
                        index.placed(0, &key, &tags(&of), Placed::Kept);
                        model.insert(key, of);
                    }
                    1 => {
                        let mut taken: Vec<u8> = index.take(&tags(&of)).into_iter().map(|(_, key)| key).collect();
                        taken.sort_unstable();
                        let hit = |tags: &Vec<u8>| tags.iter().any(|tag| of.contains(tag));
                        let wanted: Vec<u8> = model.iter().filter(|(_, tags)| hit(tags)).map(|(key, _)| *key).collect();
                        model.retain(|_, tags| !hit(tags));
                        prop_assert_eq!(taken, wanted);
                    }
                    _ => {
                        index.most = 0;
                        let gone: Vec<_> = index.suspects().into_iter().filter(|suspect| suspect.3 == key).collect();
                        index.forget(&gone);
                        model.remove(&key);
                    }
                }
                let listed = model.values().filter(|tags| !tags.is_empty()).count();
                prop_assert_eq!(index.numbers.len(), listed);
                prop_assert_eq!(index.tags.values().map(HashSet::len).sum::<usize>(), model.values().map(Vec::len).sum::<usize>());
            }
        }
    }

    #[test]
    fn a_refused_value_leaves_what_may_be_there_listed() {
        let mut index = Index::default();
        index.place(1, &"key", &tags(b"a"));
        index.placed(1, &"key", &tags(b"a"), Placed::Kept);
        index.place(1, &"key", &tags(b"b"));
        index.most = 0;
        assert!(index.suspects().is_empty(), "it is just being put in place");
        index.placed(1, &"key", &tags(b"b"), Placed::Refused);
        assert_eq!(index.take(&tags(b"a")), [(1, "key")]);
    }

    #[test]
    fn a_key_that_comes_back_is_not_forgotten() {
        let mut index = Index::default();
        index.place(1, &"key", &tags(b"a"));
        index.placed(1, &"key", &tags(b"a"), Placed::Kept);
        index.most = 0;
        let gone = index.suspects();
        index.place(1, &"key", &tags(b"a"));
        index.placed(1, &"key", &tags(b"a"), Placed::Kept);
        index.forget(&gone);
        assert_eq!(index.take(&tags(b"a")).len(), 1);
    }
}
