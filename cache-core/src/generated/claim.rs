//! That no two functions of a process share a space: each would be answered with the other's results.

use crate::sync::global;
use crate::{Backend, Error, ErrorKind, Result};
use std::any::TypeId;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

global!(OWNERS: BTreeMap<String, TypeId>);

/// How `type_name` ends for every closure and every future of one function.
const ANONYMOUS: &str = "{{closure}}";

/// Opens the backend for `space`, whose owner is the closure's type: every place in a program has one of its own,
/// and so has every set of type arguments.
///
/// # Errors
/// When the name does not tell the space from that of another function or another type, or as `open` does.
pub fn claim<F>(space: &str, open: F) -> Result<Arc<dyn Backend>>
where
    F: FnOnce() -> Result<Arc<dyn Backend>> + 'static,
{
    if is_anonymous(space) {
        return Err(Error::new(
            ErrorKind::Config,
            format!(
                "`{space}` is kept in memory alone, as all closures of a function have one name in a backend; pass a function by name or a type of your own"
            ),
        ));
    }
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

/// Whether the name of a type in it is that of a closure. What stands inside of a closure has a name that goes on.
fn is_anonymous(space: &str) -> bool {
    space.split(ANONYMOUS).skip(1).any(|rest| !rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::{claim, is_anonymous};
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

    #[test]
    fn closures_have_no_name_and_what_they_hold_has() {
        assert!(is_anonymous("a::f<u8, a::main::{{closure}}>@v:1"));
        assert!(is_anonymous("a::f<b::Wrapper<a::main::{{closure}}>>@v:1"));
        assert!(is_anonymous("a::f<a::main::{{closure}}::{{closure}}>@v:1"));
        assert!(!is_anonymous("a::main::{{closure}}::f@v:1"));
        assert!(!is_anonymous("a::f<a::main::{{closure}}::Local>@v:1"));
        assert!(!is_anonymous("a::f<u8>@v:1"));
    }
}
