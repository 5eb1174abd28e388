use super::Codec;
use super::lossless::{Floats, check};
use crate::bytes::shape::{Reader, fingerprint};
use crate::error::{Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// [CBOR](https://www.rfc-editor.org/rfc/rfc8949), RFC 8949: readable by other languages, and a standard.
///
/// Values with `Some(None)` or `Some(())` inside have no form and are refused. Values nested deeper than
/// 256 levels do not come back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cbor;

impl<T: Serialize + DeserializeOwned> Codec<T> for Cbor {
    fn id(&self) -> u8 {
        5
    }

    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<()> {
        check(value, Floats::All)?;
        ciborium::into_writer(value, out).map_err(|error| {
            Error::new(ErrorKind::Codec, "CBOR cannot hold the value, try another codec").with_source(error)
        })
    }

    fn decode(&self, bytes: &[u8]) -> Result<T> {
        let mut rest = bytes;
        let value = ciborium::from_reader(&mut rest).map_err(|error| {
            Error::new(ErrorKind::Codec, "the value does not come back from CBOR, try another codec").with_source(error)
        })?;
        if !rest.is_empty() {
            return Err(Error::new(ErrorKind::Codec, "bytes are left over behind the value, clear the cache"));
        }
        Ok(value)
    }

    fn shape(&self) -> u64 {
        fingerprint::<T>(Reader::Machine)
    }
}
