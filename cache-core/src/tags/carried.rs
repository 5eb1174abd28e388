//! What an entry says of its tags, and how that is written behind its value.
//!
//! ```text
//!  value
//!  8  epoch
//!  8  clock
//!  for each tag: 4 its length, and its bytes
//!  4  length of all of this but the value
//! ```
//!
//! Numbers are little-endian.

use std::sync::Arc;

/// The bytes of a tag.
pub(crate) type Tag = Arc<[u8]>;

/// The tags of an entry, and how far those of the backend had come when its computation began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Carried {
    /// Zero when nothing was known: then the entry is never good.
    pub(crate) epoch: u64,
    pub(crate) clock: u64,
    pub(crate) tags: Vec<Tag>,
}

#[cfg(feature = "serde")]
impl Carried {
    /// Writes it behind the value that `record` ends with. A length that does not fit makes it unreadable, and the
    /// record is refused for its length.
    pub(crate) fn append(&self, record: &mut Vec<u8>) {
        let start = record.len();
        record.extend(self.epoch.to_le_bytes());
        record.extend(self.clock.to_le_bytes());
        for tag in &self.tags {
            record.extend(length(tag.len()));
            record.extend_from_slice(tag);
        }
        let all = record.len() - start + 4;
        record.extend(length(all));
    }

    /// Splits it off what [`append`](Self::append) has written; `None` if that is not what the bytes are.
    pub(crate) fn split(record: &[u8]) -> Option<(&[u8], Carried)> {
        let (before, all) = record.split_last_chunk::<4>()?;
        let start = record.len().checked_sub(u32::from_le_bytes(*all) as usize)?;
        let (value, carried) = before.split_at_checked(start)?;
        let (epoch, carried) = carried.split_first_chunk::<8>()?;
        let (clock, mut rest) = carried.split_first_chunk::<8>()?;
        let mut tags = Vec::new();
        while !rest.is_empty() {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let (tag, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            tags.push(Tag::from(tag));
            rest = after;
        }
        Some((value, Carried { epoch: u64::from_le_bytes(*epoch), clock: u64::from_le_bytes(*clock), tags }))
    }
}

#[cfg(feature = "serde")]
fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes()
}

#[cfg(all(test, feature = "serde"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_appended_is_split_off(
            value in prop::collection::vec(any::<u8>(), 0..40),
            tags in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..5),
            (epoch, clock) in any::<(u64, u64)>(),
        ) {
            let tags = tags.into_iter().map(Tag::from).collect();
            let carried = Carried { epoch, clock, tags };
            let mut record = value.clone();
            carried.append(&mut record);
            prop_assert_eq!(Carried::split(&record), Some((&value[..], carried)));
        }

        #[test]
        fn any_bytes_can_be_looked_at(record in prop::collection::vec(prop_oneof![Just(0), Just(24), any::<u8>()], 0..60)) {
            if let Some((value, carried)) = Carried::split(&record) {
                let mut again = value.to_vec();
                carried.append(&mut again);
                prop_assert_eq!(again, record);
            }
        }
    }
}
