//! The arguments of one call, where vectorcall has them.

use crate::standing;
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::marker::PhantomData;
use std::ptr;

/// The arguments of one call, borrowed: positional ones first, then the values of the keyword arguments.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    args: *const *mut PyObject,
    /// As vectorcall gives it: the number of positional arguments, and a flag.
    nargsf: usize,
    nargs: usize,
    /// Null, or a tuple of at least one name.
    kwnames: *mut PyObject,
    nkw: usize,
    lifetime: PhantomData<&'a PyObject>,
}

impl<'a> Call<'a> {
    /// # Safety
    /// The arguments are those that CPython gave to a function with vectorcall, which has not returned; the thread is
    /// attached to the interpreter.
    #[inline(always)]
    pub(crate) unsafe fn new(args: *const *mut PyObject, nargsf: usize, kwnames: *mut PyObject) -> Self {
        // SAFETY: vectorcall's `nargsf` is made of these two parts.
        let nargs = unsafe { ffi::PyVectorcall_NARGS(nargsf) } as usize;
        let nkw = if kwnames.is_null() {
            0
        } else {
            // SAFETY: a `kwnames` that is not null is a tuple.
            unsafe { ffi::PyTuple_GET_SIZE(kwnames) as usize }
        };
        let kwnames = if nkw == 0 { ptr::null_mut() } else { kwnames };
        Call { args, nargsf, nargs, kwnames, nkw, lifetime: PhantomData }
    }

    /// Of positional arguments alone.
    pub(crate) fn positional(args: &'a [*mut PyObject]) -> Self {
        let nargs = args.len();
        Call { args: args.as_ptr(), nargsf: nargs, nargs, kwnames: ptr::null_mut(), nkw: 0, lifetime: PhantomData }
    }

    /// Of `nargs` positional arguments and as many more as there are names.
    pub(crate) fn named(args: &'a [*mut PyObject], nargs: usize, kwnames: *mut PyObject) -> Self {
        let nkw = args.len() - nargs;
        let kwnames = if nkw == 0 { ptr::null_mut() } else { kwnames };
        Call { args: args.as_ptr(), nargsf: nargs, nargs, kwnames, nkw, lifetime: PhantomData }
    }

    /// Positional arguments.
    #[inline(always)]
    pub(crate) fn nargs(&self) -> usize {
        self.nargs
    }

    /// Keyword arguments.
    #[inline(always)]
    pub(crate) fn nkw(&self) -> usize {
        self.nkw
    }

    /// All arguments.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.nargs + self.nkw
    }

    /// The tuple of names; null if there are none.
    #[inline(always)]
    pub(crate) fn kwnames(&self) -> *mut PyObject {
        self.kwnames
    }

    /// Whether both are the same arguments, at the same place.
    pub(crate) fn is(&self, other: &Call<'_>) -> bool {
        let (mine, theirs) = ((self.args, self.nargs), (other.args, other.nargs));
        mine == theirs && self.kwnames == other.kwnames
    }

    /// Argument `at`, borrowed.
    #[inline(always)]
    pub(crate) fn arg(&self, at: usize) -> *mut PyObject {
        debug_assert!(at < self.len());
        // SAFETY: there are so many, see `new`; callers stay below `len`.
        unsafe { *self.args.add(at) }
    }

    /// The name of keyword argument `at`, counted from 0; borrowed.
    #[inline(always)]
    pub(crate) fn name(&self, at: usize) -> *mut PyObject {
        debug_assert!(at < self.nkw);
        // SAFETY: `kwnames` has `nkw` items.
        unsafe { ffi::PyTuple_GET_ITEM(self.kwnames, at as ffi::Py_ssize_t) }
    }

    /// Argument `at`.
    #[inline]
    pub(crate) fn argument<'py>(&self, py: Python<'py>, at: usize) -> Borrowed<'a, 'py, PyAny> {
        // SAFETY: arguments live as long as the call, and are not null.
        unsafe { Borrowed::from_ptr(py, self.arg(at)) }
    }

    /// Calls `function` with the same arguments. Null if it raised.
    ///
    /// # Safety
    /// `function` is a live object, and the thread is attached.
    #[inline]
    pub(crate) unsafe fn forward(&self, function: *mut PyObject) -> *mut PyObject {
        // SAFETY: the arguments are as vectorcall wants them, see `new`.
        unsafe { standing::call(function, self.args, self.nargsf, self.kwnames) }
    }

    /// As [`forward`](Self::forward), for a function in Python: without the questions that CPython has about others.
    ///
    /// # Safety
    /// As [`forward`](Self::forward); `function` is an exact Python function.
    #[inline(always)]
    pub(crate) unsafe fn forward_straight(&self, function: *mut PyObject) -> *mut PyObject {
        // SAFETY: the type says where its instances have the function that a vectorcall calls; null if it was taken
        // away.
        unsafe {
            let offset = (*ffi::Py_TYPE(function)).tp_vectorcall_offset;
            match *function.cast::<u8>().offset(offset).cast::<Option<ffi::vectorcallfunc>>() {
                Some(entry) => standing::enter(entry, function, self.args, (self.nargsf, self.kwnames)),
                None => self.forward(function),
            }
        }
    }

    /// As `forward`, for those who hold objects of PyO3.
    pub(crate) fn run<'py>(&self, function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: `function` is alive, and its token says that the thread is attached; a new reference or null returns.
        unsafe { Bound::from_owned_ptr_or_err(function.py(), self.forward(function.as_ptr())) }
    }

    /// As [`run`](Self::run), with `first` before all others.
    pub(crate) fn run_after<'py>(
        &self,
        function: &Bound<'py, PyAny>,
        first: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let rest = (0..self.len()).map(|at| self.arg(at));
        let args: Vec<*mut PyObject> = std::iter::once(first.as_ptr()).chain(rest).collect();
        Call::named(&args, self.nargs + 1, self.kwnames).run(function)
    }

    /// The same call with arguments of its own.
    pub(crate) fn keep(&self, py: Python<'_>) -> OwnedCall {
        let args = (0..self.len()).map(|at| self.argument(py, at).to_owned().unbind()).collect();
        // SAFETY: null, or a live tuple.
        let kwnames = unsafe { Bound::from_borrowed_ptr_or_opt(py, self.kwnames) };
        let kwnames = kwnames.map(|names| names.cast_into::<PyTuple>().expect("names come in a tuple").unbind());
        OwnedCall { args, nargs: self.nargs, kwnames }
    }
}

/// A call that outlives the one it was made from.
pub(crate) struct OwnedCall {
    args: Vec<Py<PyAny>>,
    nargs: usize,
    kwnames: Option<Py<PyTuple>>,
}

impl OwnedCall {
    /// Hands the call to `use_it`.
    pub(crate) fn with<T>(&self, use_it: impl FnOnce(Call<'_>) -> T) -> T {
        let args: Vec<*mut PyObject> = self.args.iter().map(Py::as_ptr).collect();
        let kwnames = self.kwnames.as_ref().map_or(ptr::null_mut(), Py::as_ptr);
        use_it(Call::named(&args, self.nargs, kwnames))
    }

    /// The objects it holds, for the garbage collector.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Py<PyAny>> {
        self.args.iter()
    }
}
