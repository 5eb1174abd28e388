//! The type of decorated functions, made when the module is imported.

use super::methods;
use super::object::{self, CachedFunction};
use pyo3::ffi::{self, PyGetSetDef, PyMemberDef, PyMethodDef, PyMethodDefPointer, PyType_Slot};
use pyo3::prelude::*;
use std::ffi::{CStr, c_int, c_void};
use std::mem::offset_of;
use std::ptr;

/// Makes the type.
///
/// # Errors
/// `MemoryError`.
pub(super) fn make<'py>(module: &Bound<'py, PyModule>) -> PyResult<Bound<'py, PyAny>> {
    let flags = ffi::Py_TPFLAGS_DEFAULT
        | ffi::Py_TPFLAGS_BASETYPE
        | ffi::Py_TPFLAGS_HAVE_GC
        | ffi::Py_TPFLAGS_HAVE_VECTORCALL
        | ffi::Py_TPFLAGS_IMMUTABLETYPE
        // Methods are called without an object for each call.
        | ffi::Py_TPFLAGS_METHOD_DESCRIPTOR;
    let mut spec = ffi::PyType_Spec {
        name: c"memolith.CachedFunction".as_ptr(),
        basicsize: size_of::<CachedFunction>() as c_int,
        itemsize: 0,
        flags: flags as _,
        slots: slots(),
    };
    // SAFETY: the tables that the specification leads to are never freed, each ends as CPython expects, and the
    // functions have the signatures of their slots.
    unsafe { Bound::from_owned_ptr_or_err(module.py(), ffi::PyType_FromSpec(&raw mut spec)) }
}

fn slots() -> *mut PyType_Slot {
    let slot = |slot, pfunc| PyType_Slot { slot, pfunc };
    forever(vec![
        slot(ffi::Py_tp_doc, DOC.as_ptr().cast_mut().cast()),
        slot(ffi::Py_tp_new, object::new as *mut c_void),
        slot(ffi::Py_tp_dealloc, object::dealloc as *mut c_void),
        slot(ffi::Py_tp_traverse, object::traverse as *mut c_void),
        slot(ffi::Py_tp_clear, object::clear as *mut c_void),
        slot(ffi::Py_tp_call, ffi::PyVectorcall_Call as *mut c_void),
        slot(ffi::Py_tp_descr_get, methods::bind as *mut c_void),
        slot(ffi::Py_tp_methods, methods().cast()),
        slot(ffi::Py_tp_members, members().cast()),
        slot(ffi::Py_tp_getset, attributes().cast()),
        PyType_Slot::default(),
    ])
}

const DOC: &CStr = c"A function whose results are kept, made by memolith.lru_cache.";

fn methods() -> *mut PyMethodDef {
    let simple = |name, function, flags, doc| method(name, PyMethodDefPointer { PyCFunction: function }, flags, doc);
    let like_call = |name, function, doc| {
        let pointer = PyMethodDefPointer { PyCFunctionFastWithKeywords: function };
        method(name, pointer, ffi::METH_FASTCALL | ffi::METH_KEYWORDS, doc)
    };
    forever(vec![
        simple(c"cache_info", methods::cache_info, ffi::METH_NOARGS, c"cache_info($self, /)\n--\n\nReport statistics."),
        simple(
            c"cache_clear",
            methods::cache_clear,
            ffi::METH_NOARGS,
            c"cache_clear($self, /)\n--\n\nForget results and statistics.",
        ),
        simple(
            c"flush",
            methods::flush,
            ffi::METH_NOARGS,
            c"flush($self, /)\n--\n\nWrite out what writes=\"behind\" has queued.",
        ),
        simple(
            c"cache_parameters",
            methods::cache_parameters,
            ffi::METH_NOARGS,
            c"cache_parameters($self, /)\n--\n\nWhat maxsize and typed were given as, in a new dict.",
        ),
        like_call(
            c"invalidate",
            methods::invalidate,
            c"invalidate($self, /, *args, **kwargs)\n--\n\nForget the result of one call. True if there was one.",
        ),
        like_call(
            c"get",
            methods::get,
            c"get($self, /, *args, **kwargs)\n--\n\nThe kept result of a call, None if there is none. Never computes.",
        ),
        simple(c"__reduce__", methods::reduce, ffi::METH_NOARGS, c"Pickled by name."),
        simple(c"__copy__", methods::itself, ffi::METH_NOARGS, c"The function itself."),
        simple(c"__deepcopy__", methods::itself, ffi::METH_O, c"The function itself."),
        simple(
            c"__class_getitem__",
            methods::generic,
            ffi::METH_O | ffi::METH_CLASS,
            c"The type with parameters, for annotations.",
        ),
        PyMethodDef::zeroed(),
    ])
}

fn method(name: &'static CStr, pointer: PyMethodDefPointer, flags: c_int, doc: &'static CStr) -> PyMethodDef {
    PyMethodDef { ml_name: name.as_ptr(), ml_meth: pointer, ml_flags: flags, ml_doc: doc.as_ptr() }
}

fn members() -> *mut PyMemberDef {
    let member = |name: &'static CStr, offset: usize| PyMemberDef {
        name: name.as_ptr(),
        type_code: ffi::Py_T_PYSSIZET,
        offset: offset as ffi::Py_ssize_t,
        flags: ffi::Py_READONLY,
        doc: ptr::null(),
    };
    forever(vec![
        member(c"__vectorcalloffset__", offset_of!(CachedFunction, vectorcall)),
        member(c"__dictoffset__", offset_of!(CachedFunction, dict)),
        member(c"__weaklistoffset__", offset_of!(CachedFunction, weakrefs)),
        PyMemberDef::default(),
    ])
}

fn attributes() -> *mut PyGetSetDef {
    forever(vec![
        PyGetSetDef {
            name: c"__dict__".as_ptr(),
            get: Some(ffi::PyObject_GenericGetDict),
            set: Some(ffi::PyObject_GenericSetDict),
            ..PyGetSetDef::default()
        },
        attribute(c"uncached", methods::uncached, c"The function without its cache."),
        attribute(c"is_async", methods::is_async, c"Whether calls return awaitables."),
        attribute(c"_mark", methods::mark, c"By this a scope knows the function."),
        PyGetSetDef::default(),
    ])
}

fn attribute(name: &'static CStr, get: ffi::getter, doc: &'static CStr) -> PyGetSetDef {
    PyGetSetDef { name: name.as_ptr(), get: Some(get), doc: doc.as_ptr(), ..PyGetSetDef::default() }
}

/// The type lives as long as the process, and reads its tables all the time.
fn forever<T>(table: Vec<T>) -> *mut T {
    Box::leak(table.into_boxed_slice()).as_mut_ptr()
}
