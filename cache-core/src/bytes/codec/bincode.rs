use super::Codec;
use crate::bytes::shape::{Reader, fingerprint};
use crate::error::{Error, ErrorKind, Result};
use ::bincode::config::{Configuration, Limit, LittleEndian, Varint, standard};
use ::bincode::serde::{decode_from_slice, encode_into_std_write};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// [bincode](https://docs.rs/bincode/2) 2: compact and fast, but no longer maintained upstream (RUSTSEC-2025-0141).
///
/// Prefer `Postcard` unless you must share bytes with bincode: it has the same limits as to types. Values of more than
/// 16 MiB are refused.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bincode;

const LONGEST: usize = 16 << 20;
/// What may be claimed while decoding: bincode counts numbers by their size in memory, up to 16 times that in bytes.
const CLAIMS: usize = 16 * LONGEST;

fn config() -> Configuration<LittleEndian, Varint, Limit<CLAIMS>> {
    standard().with_limit()
}

impl<T: Serialize + DeserializeOwned> Codec<T> for Bincode {
    fn id(&self) -> u8 {
        2
    }

    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<()> {
        let length = encode_into_std_write(value, out, config()).map_err(|error| {
            Error::new(ErrorKind::Codec, "bincode cannot encode the value, try another codec").with_source(error)
        })?;
        if length > LONGEST {
            return Err(Error::new(ErrorKind::Codec, "bincode is limited to values of 16 MiB, try another codec"));
        }
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<T> {
        let (value, length) = decode_from_slice(bytes, config()).map_err(|error| {
            Error::new(ErrorKind::Codec, "bincode cannot decode the value, try another codec").with_source(error)
        })?;
        if length != bytes.len() {
            return Err(Error::new(ErrorKind::Codec, "bytes are left over behind the value, clear the cache"));
        }
        Ok(value)
    }

    fn shape(&self) -> u64 {
        fingerprint::<T>(Reader::Machine)
    }
}
