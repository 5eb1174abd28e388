//! Objects that are not plain data: those of known classes, and those that say what they are.

use super::depth::Depth;
use super::kinds::{Kind, kind};
use super::place::{class_path, own_path, path};
use super::rules::Rule;
use super::write::{write as write_any, write_bytes, write_dict, write_list, write_set, write_tuple};
use super::{dates, grammar, number, numpy, records, refuse, text};
use pyo3::exceptions::PyAttributeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyCFunction, PyFunction, PyMemoryView, PyModule, PyRange, PySlice, PyType};

/// Appends an object of a class for which there is no fast path.
pub(super) fn write(object: Borrowed<'_, '_, PyAny>, depth: Depth, out: &mut Vec<u8>) -> PyResult<()> {
    if write_builtin(object, depth, out)? {
        return Ok(());
    }
    match kind(&object.get_type())? {
        Kind::Says => {
            let says = object.get_type().call_method1(intern!(object.py(), "__memolith_key__"), (object,))?;
            grammar::extension(out, &class_path(object)?);
            write_any(says.as_borrowed(), depth.deeper()?, out)
        }
        Kind::Known(rule) => write_known(object, rule, depth, out),
        Kind::Dataclass => records::write_dataclass(object, depth, out),
        // A decorated function, such as a cached one.
        Kind::Other if optional(&object, intern!(object.py(), "__wrapped__"))?.is_some() => {
            grammar::extension(out, "function");
            grammar::text(out, &own_path(object)?);
            Ok(())
        }
        Kind::Other => Err(refuse(object)),
    }
}

/// Appends an object of a class that cannot be inherited from, or an exact one. Whether it was one.
fn write_builtin(object: Borrowed<'_, '_, PyAny>, depth: Depth, out: &mut Vec<u8>) -> PyResult<bool> {
    let py = object.py();
    if object.is_instance_of::<PyType>() {
        grammar::extension(out, "type");
        grammar::text(out, &own_path(object)?);
    } else if object.is_instance_of::<PyFunction>() || is_loose(object)? {
        grammar::extension(out, "function");
        grammar::text(out, &own_path(object)?);
    } else if let Ok(range) = object.cast::<PyRange>() {
        write_range(range, depth, out)?;
    } else if let Ok(slice) = object.cast::<PySlice>() {
        grammar::extension(out, "slice");
        grammar::tuple(out, 3);
        for part in ["start", "stop", "step"] {
            write_any(slice.getattr(part)?.as_borrowed(), depth.deeper()?, out)?;
        }
    } else if let Ok(view) = object.cast::<PyMemoryView>() {
        write_view(view, out)?;
    } else if object.is(py.Ellipsis()) {
        grammar::extension(out, "Ellipsis");
        grammar::none(out);
    } else if object.is(py.NotImplemented()) {
        grammar::extension(out, "NotImplemented");
        grammar::none(out);
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// Whether this is a built-in function, and no method of an object.
fn is_loose(object: Borrowed<'_, '_, PyAny>) -> PyResult<bool> {
    if !object.is_instance_of::<PyCFunction>() {
        return Ok(false);
    }
    let of = object.getattr(intern!(object.py(), "__self__"))?;
    Ok(of.is_none() || of.is_instance_of::<PyModule>())
}

fn write_known(object: Borrowed<'_, '_, PyAny>, rule: Rule, depth: Depth, out: &mut Vec<u8>) -> PyResult<()> {
    match rule {
        Rule::Int => number::write_int(object, out)?,
        Rule::Float => grammar::float(out, number::float(object)),
        Rule::Complex => number::write_complex(object, out),
        Rule::Text => text::write(object, out)?,
        Rule::Bytes => write_bytes(object, out),
        Rule::ByteArray => grammar::bytes(out, &object.cast::<PyByteArray>()?.to_vec()),
        Rule::Tuple => write_tuple(object, depth, out)?,
        Rule::List => write_list(object, depth, out)?,
        Rule::Set => write_set(object, depth, out)?,
        Rule::Dict => write_dict(object, depth, out)?,
        Rule::OrderedDict => write_ordered(object, depth, out)?,
        Rule::Decimal => number::write_decimal(object, out)?,
        Rule::Fraction => number::write_fraction(object, out)?,
        Rule::Date => dates::write_date(object, out)?,
        Rule::DateTime => dates::write_datetime(object, out)?,
        Rule::Time => dates::write_time(object, out)?,
        Rule::TimeDelta => dates::write_delta(object, out)?,
        Rule::Uuid => {
            grammar::extension(out, "uuid.UUID");
            write_any(object.getattr("bytes")?.as_borrowed(), depth.deeper()?, out)?;
        }
        Rule::PosixPath => write_path(object, "pathlib.PurePosixPath", out)?,
        Rule::WindowsPath => write_path(object, "pathlib.PureWindowsPath", out)?,
        Rule::Flag => records::write_flag(object, depth, out)?,
        Rule::Enum => records::write_member(object, out)?,
        Rule::NumpyArray => numpy::write_array(object, depth, out)?,
        Rule::NumpyScalar => numpy::write_scalar(object, depth, out)?,
    }
    Ok(())
}

/// An `OrderedDict`, which differs from another one by its order.
fn write_ordered(object: Borrowed<'_, '_, PyAny>, depth: Depth, out: &mut Vec<u8>) -> PyResult<()> {
    let class = object.py().import("collections")?.getattr("OrderedDict")?;
    let entries: PyResult<Vec<_>> = class.call_method1("items", (object,))?.try_iter()?.collect();
    let entries = entries?;
    grammar::extension(out, "collections.OrderedDict");
    grammar::list(out, entries.len());
    entries.iter().try_for_each(|entry| write_any(entry.as_borrowed(), depth.deeper()?, out))
}

/// A range is the numbers that it runs through.
fn write_range(range: Borrowed<'_, '_, PyRange>, depth: Depth, out: &mut Vec<u8>) -> PyResult<()> {
    let depth = depth.deeper()?;
    grammar::extension(out, "range");
    grammar::tuple(out, 3);
    let py = range.py();
    let first = range.getattr("start")?;
    let step = range.getattr("step")?;
    let empty = !range.is_truthy()?;
    let last = if empty { py.None().into_bound(py) } else { range.get_item(-1)? };
    let single = !empty && first.eq(&last)?;
    let none = py.None().into_bound(py);
    write_any(if empty { &none } else { &first }.as_borrowed(), depth, out)?;
    write_any(last.as_borrowed(), depth, out)?;
    write_any(if empty || single { &none } else { &step }.as_borrowed(), depth, out)
}

/// A view of plain bytes is those bytes.
fn write_view(view: Borrowed<'_, '_, PyMemoryView>, out: &mut Vec<u8>) -> PyResult<()> {
    let format: String = view.getattr("format")?.extract()?;
    let dimensions: usize = view.getattr("ndim")?.extract()?;
    if format != "B" || dimensions != 1 {
        return Err(refuse(view.as_any().as_borrowed()));
    }
    let bytes: Vec<u8> = view.call_method0("tobytes")?.extract()?;
    grammar::bytes(out, &bytes);
    Ok(())
}

/// Paths are equal by their text, whether they touch files or not; on Windows in any case.
fn write_path(object: Borrowed<'_, '_, PyAny>, class: &str, out: &mut Vec<u8>) -> PyResult<()> {
    let mut shown = object.str()?.into_any();
    if class.ends_with("PureWindowsPath") {
        shown = shown.call_method0("lower")?;
    }
    grammar::extension(out, class);
    text::write(shown.cast::<pyo3::types::PyString>()?.as_any().as_borrowed(), out)
}

/// The path of an object's class, as the key of a call has it that tells types apart.
pub(super) fn write_type(object: Borrowed<'_, '_, PyAny>, out: &mut Vec<u8>) -> PyResult<()> {
    grammar::text(out, &path(object.get_type().as_any())?);
    Ok(())
}

/// An attribute that need not be there.
pub(super) fn optional<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, pyo3::types::PyString>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    match object.getattr(name) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_instance_of::<PyAttributeError>(object.py()) => Ok(None),
        Err(error) => Err(error),
    }
}
