//! The hash of a call, from Python's hashes of its arguments.

use super::raw::{compact, is_exactly, is_hashed_by_identity, is_plain, kept_hash};
use crate::call::Call;
use crate::standing;
use pyo3::ffi::{self, PyObject};

/// An exception is set.
#[derive(Debug)]
pub(crate) struct Raised;

/// Python's hash of each argument, asked for once and in the order in which functools asks, made into 32 bits.
///
/// # Safety
/// The thread is attached; no reference into a table is alive, since hashes may be Python code.
#[inline(always)]
pub(super) unsafe fn of_call(call: &Call<'_>) -> Result<u32, Raised> {
    if call.len() == 1 && call.nkw() == 0 {
        // SAFETY: arguments are alive.
        let hash = unsafe { of_object(call.arg(0)) }?;
        // Ints in a row stay in a row, as in a dict: the processor has the next ones at hand.
        return Ok((hash as u32 & ((1 << ROW) - 1)).wrapping_add(mix(hash >> ROW) as u32));
    }
    let mut all = ((call.nargs() as u64) << 32 | call.nkw() as u64) ^ START;
    for at in 0..call.nargs() {
        // SAFETY: arguments are alive.
        let hash = unsafe { of_object(call.arg(at)) }?;
        all = mix(all ^ hash).wrapping_add(hash);
    }
    for at in 0..call.nkw() {
        // SAFETY: names and arguments are alive.
        let (name, hash) = unsafe { (of_object(call.name(at))?, of_object(call.arg(call.nargs() + at))?) };
        all = mix(all ^ hash).wrapping_add(name);
    }
    Ok(mix(all) as u32)
}

/// Whether nobody can tell that an argument's hash was not asked for, because its type is one of CPython's own or
/// hashes by identity. Those that can are asked at every call, as functools asks them.
///
/// # Safety
/// Arguments are alive.
#[inline]
pub(super) unsafe fn is_quiet(call: &Call<'_>) -> bool {
    // SAFETY: passed on.
    (0..call.len()).all(|at| unsafe { is_quiet_object(call.arg(at)) })
}

/// # Safety
/// `object` is alive.
#[inline]
unsafe fn is_quiet_object(object: *mut PyObject) -> bool {
    // SAFETY: a live tuple has as many items as it says.
    unsafe {
        if is_exactly(object, &raw mut ffi::PyTuple_Type) {
            return (0..ffi::PyTuple_GET_SIZE(object)).all(|at| is_quiet_item(ffi::PyTuple_GET_ITEM(object, at)));
        }
        is_quiet_item(object)
    }
}

/// # Safety
/// `object` is alive.
#[inline]
unsafe fn is_quiet_item(object: *mut PyObject) -> bool {
    // SAFETY: the caller vouches for the object.
    unsafe {
        is_plain(object)
            || is_exactly(object, &raw mut ffi::PyFloat_Type)
            || is_exactly(object, &raw mut ffi::PyBool_Type)
            || is_exactly(object, &raw mut ffi::PyBytes_Type)
            || is_hashed_by_identity(object)
            || object == ffi::Py_None()
    }
}

/// How many bits of an int alone are kept as they are: rows of so many ints are in order.
const ROW: u32 = 24;

const START: u64 = 0x1234_5678_9abc_def1;

/// # Safety
/// `object` is alive and the thread attached.
#[inline(always)]
unsafe fn of_object(object: *mut PyObject) -> Result<u64, Raised> {
    // SAFETY: the types are looked at before what depends on them.
    let hash =
        unsafe { if is_exactly(object, &raw mut ffi::PyTuple_Type) { of_tuple(object) } else { of_item(object) } };
    if hash == -1 { Err(Raised) } else { Ok(hash as u64) }
}

/// -1 if it raised.
///
/// # Safety
/// As [`of_object`].
#[inline(always)]
unsafe fn of_item(object: *mut PyObject) -> isize {
    // SAFETY: the types are looked at before what depends on them.
    unsafe {
        if is_exactly(object, &raw mut ffi::PyUnicode_Type) {
            let kept = kept_hash(object);
            if kept != -1 {
                return kept;
            }
        } else if is_exactly(object, &raw mut ffi::PyLong_Type) {
            match compact(object) {
                Some(-1) => return -2,
                Some(value) => return value as isize,
                None => {}
            }
        }
        standing::hash(object)
    }
}

/// The hash that the tuple itself would give: lanes of xxHash since CPython 3.8. Items may hash alike here and there,
/// so it has to be the same number.
///
/// # Safety
/// As [`of_object`]; `tuple` is an exact tuple.
#[inline(never)]
unsafe fn of_tuple(tuple: *mut PyObject) -> isize {
    if cfg!(not(target_pointer_width = "64")) {
        // SAFETY: the caller vouches for the object.
        return unsafe { standing::hash(tuple) };
    }
    const PRIMES: [u64; 3] = [11_400_714_785_074_694_791, 14_029_467_366_897_019_727, 2_870_177_450_012_600_261];
    // SAFETY: a live tuple has as many items as it says.
    let length = unsafe { ffi::PyTuple_GET_SIZE(tuple) };
    let mut lanes = PRIMES[2];
    for at in 0..length {
        // SAFETY: as above; the tuple keeps its items alive.
        let hash = unsafe { of_item(ffi::PyTuple_GET_ITEM(tuple, at)) };
        if hash == -1 {
            return -1;
        }
        lanes = lanes.wrapping_add((hash as u64).wrapping_mul(PRIMES[1])).rotate_left(31).wrapping_mul(PRIMES[0]);
    }
    match lanes.wrapping_add(length as u64 ^ (PRIMES[2] ^ 3_527_539)) {
        u64::MAX => 1_546_275_796,
        hash => hash as isize,
    }
}

/// Spreads all bits over all bits: the halves of a product (folded multiplication).
#[inline(always)]
fn mix(bits: u64) -> u64 {
    let product = u128::from(bits) * 0x9E37_79B9_7F4A_7C15;
    product as u64 ^ (product >> 64) as u64
}
