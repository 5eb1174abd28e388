//! The code of a function: what it does, and not where it stands.

use super::exact::write_exact;
use super::fingerprint::Seen;
use super::grammar;
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;

/// Names of attributes of code objects. File names and line numbers are not among them.
const PARTS: [&str; 10] = [
    // As compiled: what the running interpreter has made of it is undone.
    "co_code",
    "co_names",
    "co_varnames",
    "co_freevars",
    "co_cellvars",
    "co_flags",
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    // From 3.11 on.
    "co_exceptiontable",
];

/// Appends a code object, with the code of the functions in it.
pub(super) fn write_code(code: &Bound<'_, PyAny>, seen: &mut Seen, out: &mut Vec<u8>) -> PyResult<()> {
    let depth = seen.depth;
    seen.depth = depth.deeper()?;
    grammar::extension(out, "code");
    grammar::tuple(out, PARTS.len() + 1);
    for part in PARTS {
        match code.getattr(part) {
            Ok(value) => write_exact(&value, seen, out)?,
            Err(error) if error.is_instance_of::<PyAttributeError>(code.py()) => grammar::none(out),
            Err(error) => return Err(error),
        }
    }
    write_exact(&code.getattr("co_consts")?, seen, out)?;
    seen.depth = depth;
    Ok(())
}
