//! What `codec=` and `sign=` say.

use super::native::Native;
use super::plain::Format;
use super::signature::Signature;
use super::user::User;
use crate::errors::wrong;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

/// How the values of one cache become bytes. Made from `codec=` and `sign=`.
pub(crate) struct Codec {
    form: Form,
    signature: Option<Signature>,
}

enum Form {
    Native(Native),
    Plain(Format),
    User(User),
}

impl Codec {
    /// # Errors
    /// `ValueError` for a codec that there is not, for a secret that is too short, and for pickle without one;
    /// `TypeError` for an object without `encode` and `decode`.
    pub(crate) fn new(codec: Option<&Bound<'_, PyAny>>, sign: Option<&[u8]>) -> PyResult<Self> {
        let signature = sign.map(Signature::new).transpose()?;
        let form = form(codec)?;
        if let Form::Native(native) = &form
            && native.is_unsafe()
            && signature.is_none()
        {
            return Err(wrong(
                "whoever can write the store could run code through pickle: pass `sign=` with a secret of at least 16 \
                 bytes, or choose `codec=\"unsigned-pickle\"` for a store that nobody else can write",
            ));
        }
        Ok(Codec { form, signature })
    }

    /// What names the codec in every record; see `memolith::Codec::id`.
    pub(crate) fn id(&self) -> u8 {
        match &self.form {
            Form::Native(_) => Native::ID,
            Form::Plain(format) => format.id(),
            Form::User(user) => user.id(),
        }
    }

    /// The Python object it holds, for the garbage collector.
    pub(crate) fn object(&self) -> Option<&Py<PyAny>> {
        match &self.form {
            Form::Native(native) => native.object(),
            Form::Plain(_) => None,
            Form::User(user) => Some(user.object()),
        }
    }

    /// Whether other languages read it: the bytes are those of the value and nothing else.
    pub(crate) fn is_interoperable(&self) -> bool {
        matches!(self.form, Form::Plain(_)) && self.signature.is_none()
    }

    /// Appends the bytes of `value`. `place`, the space and the key, goes into the signature if there is one, so that
    /// no value can be moved under another key.
    ///
    /// # Errors
    /// `TypeError` for a value without a form in bytes, `ValueError` for one that is nested too deeply; what handlers
    /// raise. What was appended is gone again.
    pub(crate) fn encode(&self, value: &Bound<'_, PyAny>, place: &[&[u8]], out: &mut Vec<u8>) -> PyResult<()> {
        let start = out.len();
        let encoded = match &self.form {
            Form::Native(native) => native.encode(value, out),
            Form::Plain(format) => format.encode(value, out),
            Form::User(user) => user.encode(value, out),
        };
        if let Err(error) = encoded {
            out.truncate(start);
            return Err(error);
        }
        if let Some(signature) = &self.signature {
            let written = signature.of(self.id(), place, &out[start..]);
            out.extend_from_slice(&written);
        }
        Ok(())
    }

    /// The value that `bytes` are.
    ///
    /// # Errors
    /// `ValueError` for bytes that are not those of a value, or whose signature is wrong; what handlers raise.
    pub(crate) fn decode<'py>(&self, py: Python<'py>, bytes: &[u8], place: &[&[u8]]) -> PyResult<Bound<'py, PyAny>> {
        let bytes = match &self.signature {
            Some(signature) => signature.verified(self.id(), place, bytes)?,
            None => bytes,
        };
        match &self.form {
            Form::Native(native) => native.decode(py, bytes),
            Form::Plain(format) => format.decode(py, bytes),
            Form::User(user) => user.decode(py, bytes),
        }
    }
}

fn form(codec: Option<&Bound<'_, PyAny>>) -> PyResult<Form> {
    let Some(codec) = codec else {
        return Ok(Form::Native(Native::default()));
    };
    if let Ok(name) = codec.cast::<PyString>() {
        return named(&name.to_string_lossy());
    }
    if let Some(native) = Native::read(codec)? {
        return Ok(Form::Native(native));
    }
    if codec.is_instance_of::<PyType>() || !codec.hasattr("encode")? || !codec.hasattr("decode")? {
        let message = format!("`codec` is a name or an object with `encode` and `decode`, not {}", codec.repr()?);
        return Err(PyTypeError::new_err(message));
    }
    Ok(Form::User(User::new(codec)?))
}

fn named(name: &str) -> PyResult<Form> {
    Ok(match name {
        "native" => Form::Native(Native::default()),
        "pickle" => Form::Native(Native::signed_pickle()),
        "unsigned-pickle" => Form::Native(Native::unsigned_pickle()),
        "json" => Form::Plain(Format::Json),
        "messagepack" => Form::Plain(Format::MessagePack),
        "cbor" => Form::Plain(Format::Cbor),
        _ => {
            return Err(wrong(format!(
                "there is no codec {name:?}, choose one of native, pickle, unsigned-pickle, messagepack, json, cbor, \
                 or pass an object with `encode` and `decode`"
            )));
        }
    })
}
