//! That no two functions of a process share a space: each would be answered with the other's results.

use crate::sync::global;
use crate::{Backend, Error, ErrorKind, Result};
use std::any::TypeId;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

global!(OWNERS: BTreeMap<String, TypeId>);

/// Opens the backend for `space`, whose owner is the closure's type: every place in a program has one of its own,
/// and so has every set of type arguments.
///
/// # Errors
/// When the name does not tell the space from that of another function or another type, or as `open` does.
pub fn claim<F>(space: &str, open: F) -> Result<Arc<dyn Backend>>
where
    F: FnOnce() -> Result<Arc<dyn Backend>> + 'static,
{
    let owner = TypeId::of::<F>();
    let first = match OWNERS.lock().entry(space.to_owned()) {
        Entry::Vacant(free) => *free.insert(owner),
        Entry::Occupied(taken) => *taken.get(),
    };
    if first == owner {
        return open();
    }
    Err(Error::new(
        ErrorKind::Config,
        format!(
            "`{space}` is kept in memory alone, as another cached function has that name in its backend; give one of them another `name = \"..\"`"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::claim;
    use crate::{Error, ErrorKind};

    fn kind(claimed: crate::Result<std::sync::Arc<dyn crate::Backend>>) -> Option<ErrorKind> {
        claimed.err().map(|error| error.kind())
    }

    #[test]
    fn a_space_has_one_owner() {
        let opened = || Err(Error::new(ErrorKind::Busy, "opened"));
        let other = || Err(Error::new(ErrorKind::Busy, "opened"));
        for _ in 0..2 {
            assert_eq!(kind(claim("claim::one", opened)), Some(ErrorKind::Busy), "its owner may open it again");
            assert_eq!(kind(claim("claim::one", other)), Some(ErrorKind::Config));
        }
        assert_eq!(kind(claim("claim::other", other)), Some(ErrorKind::Busy));
    }
}
