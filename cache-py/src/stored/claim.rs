//! That no two functions of a process share a space: each would be answered with the other's results.

use crate::keys::Said;
use memolith::{Error, ErrorKind, Result};
use pyo3::prelude::*;
use pyo3::types::PyFunction;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, PoisonError};

/// Who owns which space of which place.
static OWNERS: Mutex<BTreeMap<(String, String), Owner>> = Mutex::new(BTreeMap::new());

/// What tells a function from others.
pub(crate) struct Owner {
    /// Module and name, which a new edition of the function keeps.
    path: String,
    /// For one that is made anew again and again by another function: what it does, if that can be told, and the
    /// addresses of what it closes over.
    made: Option<(Option<String>, Vec<usize>)>,
}

impl Owner {
    pub(crate) fn of(function: &Bound<'_, PyAny>) -> Self {
        let part = |name| function.getattr(name).and_then(|part| part.extract::<String>()).unwrap_or_default();
        let (module, name) = (part("__module__"), part("__qualname__"));
        // A method of an object has the name of its function, whatever the object.
        let is_made =
            !function.is_instance_of::<PyFunction>() || name.contains("<locals>") || name.contains("<lambda>");
        let made = is_made.then(|| (crate::keys::space(function, Said::default()).ok(), around(function)));
        let path = if name.is_empty() { function.get_type().to_string() } else { format!("{module}.{name}") };
        Owner { path, made }
    }

    /// The same function, decorated twice or loaded anew.
    fn is(&self, other: &Self) -> bool {
        if self.path != other.path {
            return false;
        }
        match (&self.made, &other.made) {
            (Some((one, here)), Some((another, there))) => (one.is_some() && one == another) || here == there,
            _ => true,
        }
    }
}

/// Claims `space`, which is in `place`, for `owner`, who may claim it again.
///
/// # Errors
/// When another function has it.
pub(crate) fn claim(place: &str, space: &str, owner: Owner) -> Result<()> {
    let mut owners = OWNERS.lock().unwrap_or_else(PoisonError::into_inner);
    let taken = match owners.entry((place.to_owned(), space.to_owned())) {
        Entry::Vacant(free) => {
            free.insert(owner);
            return Ok(());
        }
        Entry::Occupied(taken) => taken,
    };
    if taken.get().is(&owner) {
        return Ok(());
    }
    let message = format!(
        "the results of `{}` are kept in memory alone, as those of `{}` are called `{space}` in a backend; give one of \
         them another `name`",
        owner.path,
        taken.get().path
    );
    Err(Error::new(ErrorKind::Config, message))
}

/// The addresses of what a function closes over; of the object of a method; its own, if it is another object.
fn around(function: &Bound<'_, PyAny>) -> Vec<usize> {
    let address = |object: &Bound<'_, PyAny>| object.as_ptr() as usize;
    if let Ok(of) = function.getattr("__self__") {
        return vec![address(&of)];
    }
    let Ok(cells) = function.getattr("__closure__") else { return vec![address(function)] };
    let Ok(cells) = cells.try_iter() else { return vec![] };
    cells.flatten().map(|cell| cell.getattr("cell_contents").map_or(0, |content| address(&content))).collect()
}
