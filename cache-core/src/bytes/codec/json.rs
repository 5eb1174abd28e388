use super::Codec;
use super::lossless::{Floats, check};
use crate::bytes::shape::{Reader, fingerprint};
use crate::error::{Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// JSON: anything can read it, and it is the longest.
///
/// Keys of maps must be texts, numbers, bools or chars, and texts UTF-8. Floats come back with every bit. Values
/// with infinities, NaN, `Some(None)` or `Some(())` inside have no form and are refused. Values nested deeper than 128
/// levels do not come back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

impl<T: Serialize + DeserializeOwned> Codec<T> for Json {
    fn id(&self) -> u8 {
        3
    }

    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<()> {
        check(value, Floats::Finite)?;
        serde_json::to_writer(out, value).map_err(|error| {
            Error::new(ErrorKind::Codec, "JSON cannot hold the value, try another codec").with_source(error)
        })
    }

    fn decode(&self, bytes: &[u8]) -> Result<T> {
        serde_json::from_slice(bytes).map_err(|error| {
            Error::new(ErrorKind::Codec, "the value does not come back from JSON, try another codec").with_source(error)
        })
    }

    fn shape(&self) -> u64 {
        fingerprint::<T>(Reader::Human)
    }
}
