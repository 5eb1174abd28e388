//! The signature of a function, to put arguments in its order.

use crate::call::Call;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi::{self, PyObject};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

/// How the arguments of a function are put in the order of its signature.
pub(crate) struct Binder {
    /// All parameters that take one argument, in the order of the signature.
    pub(super) named: Vec<Parameter>,
    /// How many of them take positional arguments; `*args` follows them.
    pub(super) positional: usize,
    /// `*args`, if there is one.
    pub(super) rest: Option<Use>,
    /// `**kwargs`, if there is one.
    pub(super) more: Option<Use>,
    /// Names in `**kwargs` that are left out.
    pub(super) skipped: Vec<Py<PyString>>,
    /// Whether as many positional arguments as there are parameters are the values already.
    pub(super) is_plain: bool,
}

/// One parameter that takes one argument.
pub(super) struct Parameter {
    pub(super) name: Py<PyString>,
    /// Whether an argument can name it.
    takes_name: bool,
    pub(super) default: Option<Py<PyAny>>,
    pub(super) used: Use,
}

/// Whether a parameter is a part of the key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Key,
    Skip,
}

/// What the named parameters and the collecting ones are given; pointers are borrowed from the call.
pub(super) struct Given {
    /// One for each named parameter; null stands for its default.
    pub(super) named: Vec<*mut PyObject>,
    /// What `**kwargs` takes: names and values, sorted by name.
    pub(super) more: Vec<(*mut PyObject, *mut PyObject)>,
}

impl Binder {
    /// Looks at the signature of `function`. `None` for one that cannot tell it (some built-in functions).
    ///
    /// # Errors
    /// `TypeError` where `skip` names a parameter that there is not, or there is no signature to look for it.
    pub(crate) fn new(function: &Bound<'_, PyAny>, skip: &[String]) -> PyResult<Option<Self>> {
        let py = function.py();
        let signature = match signature(function) {
            Ok(signature) => signature,
            Err(error) if error.is_instance_of::<PyValueError>(py) || error.is_instance_of::<PyTypeError>(py) => {
                return match skip.first() {
                    None => Ok(None),
                    Some(name) => Err(PyTypeError::new_err(format!(
                        "cannot skip `{name}` of a function without a signature, cache by key=.."
                    ))),
                };
            }
            Err(error) => return Err(error),
        };
        let parameters = signature.getattr("parameters")?.call_method0("values")?;
        Binder::of(&parameters, skip).map(Some)
    }

    fn of(parameters: &Bound<'_, PyAny>, skip: &[String]) -> PyResult<Self> {
        let py = parameters.py();
        let mut binder =
            Binder { named: Vec::new(), positional: 0, rest: None, more: None, skipped: Vec::new(), is_plain: false };
        let mut seen = Vec::new();
        for parameter in parameters.try_iter()? {
            seen.push(binder.add(&parameter?, skip)?);
        }
        for name in skip.iter().filter(|name| !seen.contains(*name)) {
            if binder.more.is_none() {
                return Err(PyTypeError::new_err(format!("there is no parameter `{name}` to skip")));
            }
            binder.skipped.push(PyString::intern(py, name).unbind());
        }
        binder.is_plain = binder.positional == binder.named.len()
            && binder.rest.is_none()
            && binder.more.is_none()
            && binder.named.iter().all(|parameter| parameter.used == Use::Key);
        Ok(binder)
    }

    /// Takes in one `inspect.Parameter`, and returns its name.
    fn add(&mut self, parameter: &Bound<'_, PyAny>, skip: &[String]) -> PyResult<String> {
        let py = parameter.py();
        let name: String = parameter.getattr(intern!(py, "name"))?.extract()?;
        let used = if skip.contains(&name) { Use::Skip } else { Use::Key };
        let empty = parameter.getattr(intern!(py, "empty"))?;
        let default = parameter.getattr(intern!(py, "default"))?;
        // In the order of `inspect.Parameter`'s kinds, which is the order of parameters.
        let kind: u8 = parameter.getattr(intern!(py, "kind"))?.extract()?;
        match kind {
            2 => self.rest = Some(used),
            4 => self.more = Some(used),
            _ => {
                self.positional += usize::from(kind < 2);
                self.named.push(Parameter {
                    name: PyString::intern(py, &name).unbind(),
                    takes_name: kind != 0,
                    default: (!default.is(&empty)).then(|| default.unbind()),
                    used,
                });
            }
        }
        Ok(name)
    }

    /// Whether the arguments of `call` are those of the signature, in its order, with nothing to fill in.
    #[inline]
    pub(super) fn is_bound(&self, call: Call<'_>) -> bool {
        self.is_plain && call.nkw() == 0 && call.nargs() == self.named.len()
    }

    /// Gives each parameter its argument. `None` if the function would refuse them.
    ///
    /// # Errors
    /// What the comparison of names raises.
    pub(super) fn give(&self, py: Python<'_>, call: Call<'_>) -> PyResult<Option<Given>> {
        let direct = call.nargs().min(self.positional);
        if call.nargs() > direct && self.rest.is_none() {
            return Ok(None);
        }
        let mut named: Vec<*mut PyObject> = (0..direct).map(|at| call.arg(at)).collect();
        named.resize(self.named.len(), std::ptr::null_mut());
        let mut more = Vec::new();
        for at in 0..call.nkw() {
            let (name, value) = (call.name(at), call.arg(call.nargs() + at));
            match self.find(py, name)? {
                Some(found) if named[found].is_null() => named[found] = value,
                Some(_) => return Ok(None),
                None if self.more.is_some() => more.push((name, value)),
                None => return Ok(None),
            }
        }
        let complete = self.named.iter().zip(&named).all(|(takes, given)| !given.is_null() || takes.default.is_some());
        if !complete {
            return Ok(None);
        }
        self.arrange(py, &mut more)?;
        Ok(Some(Given { named, more }))
    }

    /// The parameter that is called so. A name in a call is nearly always the very object.
    fn find(&self, py: Python<'_>, name: *mut PyObject) -> PyResult<Option<usize>> {
        let named = || self.named.iter().enumerate().filter(|(_, parameter)| parameter.takes_name);
        if let Some((at, _)) = named().find(|(_, parameter)| parameter.name.as_ptr() == name) {
            return Ok(Some(at));
        }
        for (at, parameter) in named() {
            if same_text(py, parameter.name.as_ptr(), name)? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// Sorts what `**kwargs` takes, and drops what is skipped.
    fn arrange(&self, py: Python<'_>, more: &mut Vec<(*mut PyObject, *mut PyObject)>) -> PyResult<()> {
        for skipped in &self.skipped {
            let mut kept = Vec::with_capacity(more.len());
            for pair in more.drain(..) {
                if !same_text(py, skipped.as_ptr(), pair.0)? {
                    kept.push(pair);
                }
            }
            *more = kept;
        }
        if self.more == Some(Use::Skip) {
            more.clear();
        }
        // SAFETY: names of arguments are text, alive as long as the call; two such compare without other code.
        more.sort_by(|one, other| unsafe { ffi::PyUnicode_Compare(one.0, other.0) }.cmp(&0));
        match PyErr::take(py) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// The objects it holds, for the garbage collector.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Py<PyAny>> {
        self.named.iter().filter_map(|parameter| parameter.default.as_ref())
    }
}

/// What `inspect` says of the function itself, and not of one that it wraps.
fn signature<'py>(function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = function.py();
    let kwargs = PyDict::new(py);
    kwargs.set_item("follow_wrapped", false)?;
    if py.version_info() >= (3, 14) {
        // Annotations may name what there is not yet; as text they run no code.
        kwargs.set_item("annotation_format", py.import("annotationlib")?.getattr("Format")?.getattr("STRING")?)?;
    }
    let is_static = function.is_instance(&py.import("builtins")?.getattr("staticmethod")?)?;
    let function = if is_static { &function.getattr(intern!(py, "__func__"))? } else { function };
    py.import("inspect")?.call_method("signature", (function,), Some(&kwargs))
}

fn same_text(py: Python<'_>, one: *mut PyObject, other: *mut PyObject) -> PyResult<bool> {
    if one == other {
        return Ok(true);
    }
    // SAFETY: both are text and alive, as names of parameters and arguments are.
    let order = unsafe { ffi::PyUnicode_Compare(one, other) };
    // -1 is also how it says that it failed.
    if order != -1 {
        return Ok(order == 0);
    }
    match PyErr::take(py) {
        Some(error) => Err(error),
        None => Ok(false),
    }
}
