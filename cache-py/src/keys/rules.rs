//! Which classes of the standard library and of numpy are known, by the first of an object's bases that is.

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

/// How the instances of a class are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Int,
    Float,
    Complex,
    Text,
    Bytes,
    ByteArray,
    Tuple,
    List,
    Set,
    Dict,
    OrderedDict,
    Decimal,
    Fraction,
    Date,
    DateTime,
    Time,
    TimeDelta,
    Uuid,
    PosixPath,
    WindowsPath,
    Flag,
    Enum,
    NumpyArray,
    NumpyScalar,
}

/// The rule of the nearest known base of `class` whose instances are equal when those of `class` are.
pub(super) fn rule(class: &Bound<'_, PyType>) -> PyResult<Option<Rule>> {
    for base in class.mro().iter() {
        let Ok(base) = base.cast_into::<PyType>() else { continue };
        if let Some(rule) = known(&base)?
            && inherits(class, &base, rule)?
        {
            return Ok(Some(rule));
        }
    }
    Ok(None)
}

fn known(class: &Bound<'_, PyType>) -> PyResult<Option<Rule>> {
    let rule = built_in(class.as_type_ptr());
    if rule.is_some() {
        return Ok(rule);
    }
    let py = class.py();
    let name = class.getattr(intern!(py, "__name__"))?;
    let module = class.getattr(intern!(py, "__module__"))?;
    let (Ok(name), Ok(module)) = (name.cast::<PyString>(), module.cast::<PyString>()) else { return Ok(None) };
    // Names with lone surrogates are no names of these.
    let (Ok(name), Ok(module)) = (name.to_cow(), module.to_cow()) else { return Ok(None) };
    Ok(named(&module, &name))
}

fn built_in(class: *mut ffi::PyTypeObject) -> Option<Rule> {
    let rules = [
        (&raw mut ffi::PyLong_Type, Rule::Int),
        (&raw mut ffi::PyUnicode_Type, Rule::Text),
        (&raw mut ffi::PyTuple_Type, Rule::Tuple),
        (&raw mut ffi::PyFloat_Type, Rule::Float),
        (&raw mut ffi::PyComplex_Type, Rule::Complex),
        (&raw mut ffi::PyBytes_Type, Rule::Bytes),
        (&raw mut ffi::PyByteArray_Type, Rule::ByteArray),
        (&raw mut ffi::PyList_Type, Rule::List),
        (&raw mut ffi::PyFrozenSet_Type, Rule::Set),
        (&raw mut ffi::PySet_Type, Rule::Set),
        (&raw mut ffi::PyDict_Type, Rule::Dict),
    ];
    rules.into_iter().find_map(|(known, rule)| (known == class).then_some(rule))
}

fn named(module: &str, name: &str) -> Option<Rule> {
    Some(match (module, name) {
        ("collections", "OrderedDict") => Rule::OrderedDict,
        ("decimal" | "_decimal" | "_pydecimal", "Decimal") => Rule::Decimal,
        ("fractions", "Fraction") => Rule::Fraction,
        ("datetime", "datetime") => Rule::DateTime,
        ("datetime", "date") => Rule::Date,
        ("datetime", "time") => Rule::Time,
        ("datetime", "timedelta") => Rule::TimeDelta,
        ("uuid", "UUID") => Rule::Uuid,
        ("pathlib" | "pathlib._local", "PurePosixPath") => Rule::PosixPath,
        ("pathlib" | "pathlib._local", "PureWindowsPath") => Rule::WindowsPath,
        ("enum", "Flag") => Rule::Flag,
        ("enum", "Enum") => Rule::Enum,
        ("numpy", "ndarray") => Rule::NumpyArray,
        ("numpy", "generic") => Rule::NumpyScalar,
        _ => return None,
    })
}

/// Whether `class` compares, and hashes if that says anything, as `base` does.
fn inherits(class: &Bound<'_, PyType>, base: &Bound<'_, PyType>, rule: Rule) -> PyResult<bool> {
    if class.is(base) {
        return Ok(true);
    }
    let py = class.py();
    let same = |method: &Bound<'_, PyString>| PyResult::Ok(class.getattr(method)?.is(&base.getattr(method)?));
    match rule {
        // Each of numpy's scalar classes compares in its own way; of arrays, only numpy's own are known.
        Rule::NumpyScalar => Ok(true),
        Rule::NumpyArray => Ok(false),
        // What has no hash may be given one, which changes nothing about what it equals.
        Rule::ByteArray | Rule::List | Rule::Set | Rule::Dict | Rule::OrderedDict => same(intern!(py, "__eq__")),
        _ => Ok(same(intern!(py, "__eq__"))? && same(intern!(py, "__hash__"))?),
    }
}
