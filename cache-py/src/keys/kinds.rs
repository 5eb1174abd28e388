//! How the instances of a class are written, looked up once for each class and thread.

use super::other::optional;
use super::records::is_dataclass;
use super::rules::{Rule, rule};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyType;
use std::cell::Cell;

/// How the instances of a class are written.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// They say what they are.
    Says,
    /// As those of a known class.
    Known(Rule),
    /// By the fields that they are compared by.
    Dataclass,
    /// Not at all.
    Other,
}

/// A class as it is now: any change to it or its bases gives it another version, and no two classes have one.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Version(usize, u32);

const SLOTS: usize = 64;

thread_local! {
    // Invariant: a kind stands beside the version that it was found for.
    static KINDS: [Cell<(Version, Kind)>; SLOTS] = const { [const { Cell::new((Version(0, 0), Kind::Other)) }; SLOTS] };
}

/// The kind of the instances of `class`.
///
/// # Errors
/// What the class's own code raises.
pub(super) fn kind(class: &Bound<'_, PyType>) -> PyResult<Kind> {
    let place = (class.as_ptr() as usize >> 5) % SLOTS;
    let before = version(class);
    if let Some(before) = before {
        let (known, kind) = KINDS.with(|kinds| kinds[place].get());
        if known == before {
            return Ok(kind);
        }
    }
    let kind = find(class)?;
    // The search has given a version to a class without one. One that changed meanwhile is searched again.
    if let Some(now) = version(class)
        && before.is_none_or(|before| before == now)
    {
        KINDS.with(|kinds| kinds[place].set((now, kind)));
    }
    Ok(kind)
}

fn find(class: &Bound<'_, PyType>) -> PyResult<Kind> {
    if optional(class.as_any(), intern!(class.py(), "__memolith_key__"))?.is_some() {
        return Ok(Kind::Says);
    }
    if let Some(rule) = rule(class)? {
        return Ok(Kind::Known(rule));
    }
    Ok(if is_dataclass(class)? { Kind::Dataclass } else { Kind::Other })
}

fn version(class: &Bound<'_, PyType>) -> Option<Version> {
    let class = class.as_type_ptr();
    // SAFETY: a live class; a version that is about to change is as good as one read a moment earlier.
    let tag = unsafe { (&raw const (*class).tp_version_tag).read_volatile() };
    if tag == 0 || !is_valid(class) {
        return None;
    }
    Some(Version(class as usize, tag))
}

/// Whether the version still stands: 3.10 leaves it where it was when a class changes.
#[cfg(not(Py_3_11))]
fn is_valid(class: *mut ffi::PyTypeObject) -> bool {
    const VALID_VERSION_TAG: std::ffi::c_ulong = 1 << 19;
    // SAFETY: callers have a live class.
    unsafe { ffi::PyType_GetFlags(class) & VALID_VERSION_TAG != 0 }
}

#[cfg(Py_3_11)]
fn is_valid(_class: *mut ffi::PyTypeObject) -> bool {
    true
}
