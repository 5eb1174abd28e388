//! The formats that other languages read: MessagePack, JSON and CBOR.
//!
//! They are those of the Rust side, byte by byte: a struct there is a dict here. What would come back as another type
//! is refused.

mod read;
mod write;

use super::damaged;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use read::{Object, Objects};
use serde::de::{DeserializeSeed, Error as _};
use std::cell::RefCell;
use write::Plain;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Format {
    Json,
    MessagePack,
    Cbor,
}

/// As the Rust side reads them.
const MESSAGEPACK_DEPTH: usize = 128;

impl Format {
    /// As in `memolith::Codec::id` of the Rust side.
    pub(super) fn id(self) -> u8 {
        match self {
            Format::Json => 3,
            Format::MessagePack => 4,
            Format::Cbor => 5,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Format::Json => "JSON",
            Format::MessagePack => "MessagePack",
            Format::Cbor => "CBOR",
        }
    }

    /// Containers within each other that come back.
    fn depth(self) -> usize {
        match self {
            Format::Json | Format::MessagePack => 127,
            Format::Cbor => 255,
        }
    }

    /// # Errors
    /// `TypeError` or `ValueError` for a value that would come back as another one.
    pub(super) fn encode(self, value: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> PyResult<()> {
        let refusal = RefCell::new(None);
        let plain = Plain::new(value, self, &refusal);
        let written = match self {
            Format::Json => serde_json::to_writer(out, &plain).map_err(|error| error.to_string()),
            Format::MessagePack => rmp_serde::encode::write_named(out, &plain).map_err(|error| error.to_string()),
            Format::Cbor => ciborium::into_writer(&plain, out).map_err(|error| error.to_string()),
        };
        written.map_err(|error| {
            let refusal = refusal.take();
            refusal.unwrap_or_else(|| PyValueError::new_err(format!("{} cannot hold the value: {error}", self.name())))
        })
    }

    /// # Errors
    /// `ValueError` for other bytes than those of one value.
    pub(super) fn decode<'py>(self, py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        let mut rest = bytes;
        let read = match self {
            Format::Json => json(py, bytes).map_err(|error| error.to_string()),
            Format::MessagePack => messagepack(py, &mut rest).map_err(|error| error.to_string()),
            Format::Cbor => {
                let object = ciborium::from_reader::<Object, _>(&mut rest);
                object.map(|Object(object)| object.into_bound(py)).map_err(|error| error.to_string())
            }
        };
        let value = read.map_err(|error| {
            PyValueError::new_err(format!("the bytes are no {} of ours, clear the cache: {error}", self.name()))
        })?;
        if self != Format::Json && !rest.is_empty() {
            return Err(damaged());
        }
        Ok(value)
    }
}

fn json<'py>(py: Python<'py>, bytes: &[u8]) -> serde_json::Result<Bound<'py, PyAny>> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Objects(py).deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

fn messagepack<'py>(py: Python<'py>, rest: &mut &[u8]) -> Result<Bound<'py, PyAny>, rmp_serde::decode::Error> {
    if rest.is_empty() {
        return Err(rmp_serde::decode::Error::custom("there are none"));
    }
    let mut reader = rmp_serde::Deserializer::new(rest);
    reader.set_max_depth(MESSAGEPACK_DEPTH);
    Objects(py).deserialize(&mut reader)
}
