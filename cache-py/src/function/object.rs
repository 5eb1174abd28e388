//! What a decorated function holds, and how it begins and ends.

use super::{attached, hot, route};
use crate::awaiting::{Flights, Waiting};
use crate::keys::Binder;
use crate::memory::Memory;
use crate::options::Options;
use crate::stored::Stored;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi::{self, PyObject, PyTypeObject};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFunction, PyTuple};
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::Arc;

/// One decorated function. CPython allocates it, so it has CPython's layout.
#[repr(C)]
pub(super) struct CachedFunction {
    header: PyObject,
    pub(super) vectorcall: Option<ffi::vectorcallfunc>,
    /// Invariant: this and the other references are null only after the garbage collector has cleared the instance,
    /// when nobody calls it any more, unless they say that they may be.
    pub(super) function: *mut PyObject,
    /// Null until somebody asks for `__dict__`.
    pub(super) dict: *mut PyObject,
    pub(super) weakrefs: *mut PyObject,
    /// What `cache_info` returns an instance of.
    pub(super) info: *mut PyObject,
    /// Whether a result is kept; null for always.
    pub(super) cache_if: *mut PyObject,
    /// As it was given.
    pub(super) typed: *mut PyObject,
    pub(super) parts: Parts,
}

/// What of an instance is Rust's own.
pub(super) struct Parts {
    /// Without entries where there is a backend.
    pub(super) memory: Memory,
    pub(super) stored: Option<Arc<Stored>>,
    pub(super) maxsize: Option<usize>,
    pub(super) kind: Kind,
    pub(super) key: Key,
    /// Where simultaneous callers meet; `None` where they do not.
    pub(super) flights: Option<Flights>,
}

/// What a call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    /// An awaitable.
    Async(Waiting),
}

/// What the results are known by.
pub(super) enum Key {
    Arguments,
    /// What this makes of them.
    Made(Py<PyAny>),
    /// Those that are not skipped.
    Bound(Binder),
}

/// `CachedFunction(function, maxsize, typed, cache_info_type, options)`.
///
/// # Safety
/// Called by CPython as `tp_new`.
pub(super) unsafe extern "C" fn new(
    class: *mut PyTypeObject,
    args: *mut PyObject,
    kwargs: *mut PyObject,
) -> *mut PyObject {
    let construct = |py: Python<'_>| {
        // SAFETY: `tp_new` is given a tuple, and a dict or null.
        let (args, kwargs) = unsafe {
            let args = Bound::from_borrowed_ptr(py, args).cast_into::<PyTuple>();
            (args, Bound::from_borrowed_ptr_or_opt(py, kwargs))
        };
        let made = match (args, kwargs) {
            (Ok(args), None) => args.extract().and_then(|given: Given<'_>| make(class, given)),
            _ => Err(PyTypeError::new_err("CachedFunction takes five positional arguments")),
        };
        made.unwrap_or_else(|error: PyErr| {
            error.restore(py);
            ptr::null_mut()
        })
    };
    // SAFETY: CPython calls.
    unsafe { attached(construct) }
}

type Given<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyDict>);

fn make(class: *mut PyTypeObject, given: Given<'_>) -> PyResult<*mut PyObject> {
    let (function, maxsize, typed, info, options) = given;
    let py = function.py();
    if !function.is_callable() {
        return Err(PyTypeError::new_err("the first argument must be callable"));
    }
    let (maxsize, is_typed) = (size(&maxsize)?, typed.is_truthy()?);
    let mut options = Options::read(&options)?;
    let parts = Parts::new(&function, maxsize, is_typed, &mut options)?;
    let cache_if = options.cache_if.take();
    let vectorcall = parts.vectorcall(cache_if.is_none());
    // From here on no Python code runs until the instance is whole: the garbage collector may look at it.
    // SAFETY: `class` is ours or derived from it, alive, and the thread attached.
    let instance = unsafe { ffi::PyType_GenericAlloc(class, 0) }.cast::<CachedFunction>();
    if instance.is_null() {
        return Err(PyErr::fetch(py));
    }
    // SAFETY: fresh memory of the right size and alignment, zeroed behind the header.
    unsafe {
        (&raw mut (*instance).vectorcall).write(Some(vectorcall));
        (&raw mut (*instance).parts).write(parts);
        (*instance).function = function.into_ptr();
        (*instance).info = info.into_ptr();
        (*instance).typed = typed.into_ptr();
        (*instance).cache_if = cache_if.map_or(ptr::null_mut(), Py::into_ptr);
    }
    Ok(instance.cast())
}

/// A number of entries; a negative one is 0, as in functools.
fn size(maxsize: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
    if maxsize.is_none() {
        return Ok(None);
    }
    // SAFETY: the object is alive and the thread attached.
    if unsafe { ffi::PyIndex_Check(maxsize.as_ptr()) } == 0 {
        return Err(PyTypeError::new_err("maxsize should be integer or None"));
    }
    // SAFETY: as above.
    let size = unsafe { ffi::PyNumber_AsSsize_t(maxsize.as_ptr(), ffi::PyExc_OverflowError) };
    if let Some(error) = (size == -1).then(|| PyErr::take(maxsize.py())).flatten() {
        return Err(error);
    }
    Ok(Some(usize::try_from(size).unwrap_or(0)))
}

impl Parts {
    fn new(function: &Bound<'_, PyAny>, maxsize: Option<usize>, typed: bool, options: &mut Options) -> PyResult<Self> {
        let py = function.py();
        let kind = match (is_async(function)?, options.single_flight) {
            (false, _) => Kind::Plain,
            (true, Some(false)) => Kind::Async(Waiting::Alone),
            (true, _) => Kind::Async(Waiting::Shared),
        };
        if options.backend.is_some() {
            let memory = Memory::new(Some(0), typed, &Options::default());
            let stored = Some(Arc::new(Stored::new(function, maxsize, typed, std::mem::take(options))?));
            return Ok(Parts { memory, stored, maxsize, kind, key: Key::Arguments, flights: None });
        }
        options.without_backend()?;
        let memory = Memory::new(maxsize, typed, options);
        let key = match (options.key.take(), options.skip.as_slice()) {
            (None, []) => Key::Arguments,
            (Some(key), []) => Key::Made(key),
            (None, skip) => Binder::new(function, skip)?.map_or(Key::Arguments, Key::Bound),
            (Some(_), _) => return Err(PyTypeError::new_err("`key` and `skip` exclude each other")),
        };
        let is_shared = options.single_flight == Some(true) || kind != Kind::Plain;
        let flights = is_shared.then(|| Flights::new(py, typed));
        Ok(Parts { memory, stored: None, maxsize, kind, key, flights })
    }

    /// The function that answers calls.
    fn vectorcall(&self, is_unconditional: bool) -> ffi::vectorcallfunc {
        let is_plain = self.stored.is_none() && self.flights.is_none() && is_unconditional;
        match (&self.key, is_plain) {
            (Key::Arguments, true) => hot::vectorcall(self.memory.mode()),
            _ => route::vectorcall,
        }
    }

    /// What the garbage collector has to see besides the instance's own references.
    fn objects(&self) -> Vec<*mut PyObject> {
        let mut objects: Vec<&Py<PyAny>> = Vec::new();
        match &self.key {
            Key::Arguments => {}
            Key::Made(key) => objects.push(key),
            Key::Bound(binder) => objects.extend(binder.objects()),
        }
        objects.extend(self.flights.iter().flat_map(Flights::objects));
        objects.extend(self.stored.iter().flat_map(|stored| stored.objects()));
        objects.into_iter().map(Py::as_ptr).collect()
    }
}

/// Whether calls return coroutines. `inspect` is not imported for those that are seen not to.
fn is_async(function: &Bound<'_, PyAny>) -> PyResult<bool> {
    const COROUTINE: u32 = 0x80;
    let py = function.py();
    if function.is_exact_instance_of::<PyFunction>() {
        let flags: u32 = function.getattr("__code__")?.getattr("co_flags")?.extract()?;
        if flags & COROUTINE != 0 {
            return Ok(true);
        }
    }
    // SAFETY: the object is alive.
    if unsafe { ffi::Py_TYPE(function.as_ptr()) } == &raw mut ffi::PyStaticMethod_Type {
        return is_async(&function.getattr("__func__")?);
    }
    // As asyncio marks them: a mock has an attribute of any name.
    if let Some(mark) = function.getattr_opt("_is_coroutine")?
        && let Some(of_asyncio) = py.import("asyncio.coroutines")?.getattr_opt("_is_coroutine")?
        && mark.is(&of_asyncio)
    {
        return Ok(true);
    }
    if function.is_exact_instance_of::<PyFunction>() && !function.hasattr("_is_coroutine_marker")? {
        return Ok(false);
    }
    py.import("inspect")?.call_method1("iscoroutinefunction", (function,))?.is_truthy()
}

/// # Safety
/// Called by CPython as `tp_traverse`.
pub(super) unsafe extern "C" fn traverse(this: *mut PyObject, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
    // SAFETY: an instance is whole when the collector first sees it, see `make`.
    let instance = unsafe { &*this.cast::<CachedFunction>() };
    // SAFETY: the object is alive.
    let class = unsafe { ffi::Py_TYPE(this) }.cast();
    let own = [class, instance.function, instance.dict, instance.info, instance.cache_if, instance.typed];
    for object in own.into_iter().chain(instance.parts.objects()).filter(|object| !object.is_null()) {
        // SAFETY: the instance keeps it alive.
        let stop = unsafe { visit(object, arg) };
        if stop != 0 {
            return stop;
        }
    }
    // SAFETY: this is `tp_traverse`.
    unsafe { instance.parts.memory.traverse(visit, arg) }
}

/// # Safety
/// Called by CPython as `tp_clear`, and by [`dealloc`].
pub(super) unsafe extern "C" fn clear(this: *mut PyObject) -> c_int {
    let instance = this.cast::<CachedFunction>();
    // SAFETY: whoever calls this keeps the instance alive meanwhile. Each field is null before its object is dropped,
    // so that code which is run thereby finds it so. The dict comes last: chains of wrappers end one after the other
    // then.
    unsafe {
        Memory::clear(&raw mut (*instance).parts.memory);
        for field in [
            &raw mut (*instance).cache_if,
            &raw mut (*instance).typed,
            &raw mut (*instance).info,
            &raw mut (*instance).function,
            &raw mut (*instance).dict,
        ] {
            ffi::Py_XDECREF(ptr::replace(field, ptr::null_mut()));
        }
    }
    0
}

/// # Safety
/// Called by CPython as `tp_dealloc`.
pub(super) unsafe extern "C" fn dealloc(this: *mut PyObject) {
    let instance = this.cast::<CachedFunction>();
    let destroy = |_: Python<'_>| {
        // SAFETY: nobody else has a reference. The instance is whole: `make` cannot fail once there is one.
        unsafe {
            let class = ffi::Py_TYPE(this);
            ffi::PyObject_GC_UnTrack(this.cast());
            if !(*instance).weakrefs.is_null() {
                ffi::PyObject_ClearWeakRefs(this);
            }
            clear(this);
            ptr::drop_in_place(&raw mut (*instance).parts);
            if let Some(free) = (*class).tp_free {
                free(this.cast());
            }
            ffi::Py_DECREF(class.cast());
        }
    };
    // SAFETY: CPython calls.
    unsafe { attached(destroy) }
}
