//! That no two functions of a process share a space: each would be answered with the other's results.

use memolith::{Error, ErrorKind, Result};
use pyo3::prelude::*;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, PoisonError};

/// Who owns which space.
static OWNERS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

/// Claims `space` for the function called `owner`, as [`owner`] names it. The same one may claim it again: a module that is
/// loaded once more, a function that is decorated twice.
///
/// # Errors
/// When another function has it.
pub(crate) fn claim(space: &str, owner: &str) -> Result<()> {
    let mut owners = OWNERS.lock().unwrap_or_else(PoisonError::into_inner);
    let taken = match owners.entry(space.to_owned()) {
        Entry::Vacant(free) => {
            free.insert(owner.to_owned());
            return Ok(());
        }
        Entry::Occupied(taken) => taken,
    };
    if taken.get() == owner {
        return Ok(());
    }
    let message = format!(
        "the results of `{owner}` are kept in memory alone, as those of `{}` are called `{space}` in a backend; give one of \
         them another `name`",
        taken.get()
    );
    Err(Error::new(ErrorKind::Config, message))
}

/// What tells a function from others: its path, which a new edition of it keeps; and what it closes over for one that is
/// made anew again and again by another function.
pub(crate) fn owner(function: &Bound<'_, PyAny>) -> String {
    let part = |name| function.getattr(name).and_then(|part| part.extract::<String>()).unwrap_or_default();
    let path = format!("{}.{}", part("__module__"), part("__qualname__"));
    if !path.contains("<locals>") && !path.contains("<lambda>") && path.len() > 1 {
        return path;
    }
    // What cannot be told apart is taken for another function.
    crate::keys::space(function, None, None).unwrap_or_else(|_| format!("{path} at {:p}", function.as_ptr()))
}
