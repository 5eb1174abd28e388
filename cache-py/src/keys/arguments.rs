//! The arguments of a call, bound to a signature: as values, and as canonical bytes.

use super::binder::{Binder, Given, Parameter, Use};
use super::depth::Depth;
use super::write::{write, written};
use super::{grammar, other};
use crate::call::Call;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::ptr;

/// The class of a key that tells types apart.
pub(super) const TYPED: &str = "typed";

/// Whether a function takes the arguments of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Fit {
    /// It does: the key is complete.
    Bound,
    /// It does not: nothing was appended, and a call of the function says why.
    Mismatch,
}

/// Arguments in the order of the signature, defaults filled in, skipped parameters left out.
pub(crate) struct Arguments<'py> {
    /// Borrowed from the call or the binder. The items of `*args` follow the positional parameters, those of `**kwargs`
    /// come last.
    values: Vec<*mut PyObject>,
    /// The names of the last values, sorted.
    names: Option<Bound<'py, PyTuple>>,
}

impl Arguments<'_> {
    /// The arguments as those of a call: two that are equal are one call of the function.
    pub(crate) fn call(&self) -> Call<'_> {
        let names = self.names.as_ref();
        let nargs = self.values.len() - names.map_or(0, |names| names.len());
        Call::named(&self.values, nargs, names.map_or(ptr::null_mut(), |names| names.as_ptr()))
    }
}

impl Binder {
    /// Puts the arguments of a call in the order of the signature. `None` if the function would refuse them.
    ///
    /// # Errors
    /// `MemoryError`, and what the comparison of names raises.
    pub(crate) fn bind<'py>(&self, py: Python<'py>, call: Call<'_>) -> PyResult<Option<Arguments<'py>>> {
        let Some(given) = self.give(py, call)? else { return Ok(None) };
        let mut values = Vec::with_capacity(call.len());
        self.each(call, &given, |part| match part {
            Part::One(value, _) => values.push(value),
            Part::Many(items) => values.extend(items),
            Part::Named(pairs) => values.extend(pairs.iter().map(|pair| pair.1)),
        });
        let names = match given.more.as_slice() {
            [] => None,
            pairs => Some(PyTuple::new(py, pairs.iter().map(|pair| borrowed(py, &pair.0)))?),
        };
        Ok(Some(Arguments { values, names }))
    }

    /// Shows what is a part of the key, in the order of the signature.
    fn each<'a>(&'a self, call: Call<'a>, given: &'a Given, mut show: impl FnMut(Part<'a>)) {
        for (at, parameter) in self.named.iter().enumerate() {
            if at == self.positional {
                self.show_rest(call, &mut show);
            }
            let (value, is_default) = match (given.named[at], &parameter.default) {
                (value, Some(default)) if value.is_null() => (default.as_ptr(), Some(parameter)),
                (value, _) => (value, None),
            };
            if parameter.used == Use::Key {
                show(Part::One(value, is_default));
            }
        }
        if self.positional == self.named.len() {
            self.show_rest(call, &mut show);
        }
        if self.more == Some(Use::Key) {
            show(Part::Named(&given.more));
        }
    }

    fn show_rest<'a>(&'a self, call: Call<'a>, show: &mut impl FnMut(Part<'a>)) {
        if self.rest == Some(Use::Key) {
            show(Part::Many((self.positional..call.nargs()).map(|at| call.arg(at)).collect()));
        }
    }
}

/// What one parameter holds.
enum Part<'a> {
    /// One value, with the parameter if it is its default.
    One(*mut PyObject, Option<&'a Parameter>),
    /// The items of `*args`.
    Many(Vec<*mut PyObject>),
    /// The names and values of `**kwargs`.
    Named(&'a [(*mut PyObject, *mut PyObject)]),
}

/// Appends the canonical bytes of a call's arguments: a tuple of them, in the order of the signature where there is
/// one, with `*args` as a tuple and `**kwargs` as a dict. `typed`: with their classes.
///
/// # Errors
/// `TypeError` for an argument that has no canonical form, `ValueError` for one that holds itself; what the arguments'
/// own code raises.
pub(crate) fn write_call(
    py: Python<'_>,
    binder: Option<&Binder>,
    call: Call<'_>,
    typed: bool,
    out: &mut Vec<u8>,
) -> PyResult<Fit> {
    let Some(binder) = binder else {
        return write_unbound(py, call, typed, out).map(|()| Fit::Bound);
    };
    if binder.is_bound(call) && !typed {
        grammar::tuple(out, call.nargs());
        (0..call.nargs()).try_for_each(|at| write(call.argument(py, at), Depth::TOP, out))?;
        return Ok(Fit::Bound);
    }
    let Some(given) = binder.give(py, call)? else { return Ok(Fit::Mismatch) };
    let mut parts = Vec::new();
    binder.each(call, &given, |part| parts.push(part));
    start(typed, out);
    grammar::tuple(out, parts.len());
    parts.iter().try_for_each(|part| write_part(py, part, out))?;
    if typed {
        write_types(py, parts.iter().flat_map(values), out)?;
    }
    Ok(Fit::Bound)
}

/// The arguments of a function without a signature, as they were given.
fn write_unbound(py: Python<'_>, call: Call<'_>, typed: bool, out: &mut Vec<u8>) -> PyResult<()> {
    start(typed, out);
    grammar::tuple(out, call.nargs() + usize::from(call.nkw() > 0));
    (0..call.nargs()).try_for_each(|at| write(call.argument(py, at), Depth::TOP, out))?;
    let mut named: Vec<_> = (0..call.nkw()).map(|at| (call.name(at), call.arg(call.nargs() + at))).collect();
    // As a dict does; types go by the order of names, too.
    named.sort_by_cached_key(|pair| written(borrowed(py, &pair.0), Depth::TOP).unwrap_or_default());
    if !named.is_empty() {
        // No dict that is an argument itself.
        grammar::extension(out, "keywords");
        write_named(py, &named, out)?;
    }
    if typed {
        let values = (0..call.nargs()).map(|at| call.arg(at)).chain(named.iter().map(|pair| pair.1));
        write_types(py, values, out)?;
    }
    Ok(())
}

fn start(typed: bool, out: &mut Vec<u8>) {
    if typed {
        grammar::extension(out, TYPED);
        grammar::tuple(out, 2);
    }
}

fn write_part(py: Python<'_>, part: &Part<'_>, out: &mut Vec<u8>) -> PyResult<()> {
    match part {
        Part::One(value, None) => write(borrowed(py, value), Depth::TOP, out),
        Part::One(value, Some(parameter)) => write_default(borrowed(py, value), parameter, out),
        Part::Many(items) => {
            grammar::tuple(out, items.len());
            items.iter().try_for_each(|item| write(borrowed(py, item), Depth::TOP.deeper()?, out))
        }
        Part::Named(pairs) => write_named(py, pairs, out),
    }
}

/// A default that was not overruled. It may be anything, such as a sentinel that is known by its name then.
fn write_default(value: Borrowed<'_, '_, PyAny>, parameter: &Parameter, out: &mut Vec<u8>) -> PyResult<()> {
    let len = out.len();
    match write(value, Depth::TOP, out) {
        Err(error) if error.is_instance_of::<PyTypeError>(value.py()) => {
            out.truncate(len);
            grammar::extension(out, "default");
            write(parameter.name.bind(value.py()).as_any().as_borrowed(), Depth::TOP, out)
        }
        other => other,
    }
}

fn write_named(py: Python<'_>, pairs: &[(*mut PyObject, *mut PyObject)], out: &mut Vec<u8>) -> PyResult<()> {
    let depth = Depth::TOP.deeper()?;
    let entry = |pair: &(*mut PyObject, *mut PyObject)| {
        Ok((written(borrowed(py, &pair.0), depth)?, written(borrowed(py, &pair.1), depth)?))
    };
    let entries: PyResult<Vec<_>> = pairs.iter().map(entry).collect();
    grammar::dict(out, entries?);
    Ok(())
}

fn write_types(py: Python<'_>, values: impl Iterator<Item = *mut PyObject>, out: &mut Vec<u8>) -> PyResult<()> {
    let values: Vec<*mut PyObject> = values.collect();
    grammar::tuple(out, values.len());
    values.iter().try_for_each(|value| other::write_type(borrowed(py, value), out))
}

fn values(part: &Part<'_>) -> Vec<*mut PyObject> {
    match part {
        Part::One(value, _) => vec![*value],
        Part::Many(items) => items.clone(),
        Part::Named(pairs) => pairs.iter().map(|pair| pair.1).collect(),
    }
}

/// An object of the call or the binder, which outlive what is made of them here.
fn borrowed<'a, 'py>(py: Python<'py>, object: &'a *mut PyObject) -> Borrowed<'a, 'py, PyAny> {
    // SAFETY: pointers of calls and binders are live objects, as long as those are borrowed.
    unsafe { Borrowed::from_ptr(py, *object) }
}
