//! Who wrote a value: a keyed hash over its bytes and its place.

use crate::errors::wrong;
use pyo3::PyResult;

/// The secret of one cache. Its signatures are 32 bytes behind those of the value.
pub(super) struct Signature {
    key: [u8; 32],
}

const LENGTH: usize = 32;
/// A secret that is shorter could be guessed.
const SHORTEST: usize = 16;

impl Signature {
    /// # Errors
    /// `ValueError` for a secret of less than 16 bytes.
    pub(super) fn new(secret: &[u8]) -> PyResult<Self> {
        if secret.len() < SHORTEST {
            return Err(wrong(format!(
                "`sign` needs a secret of at least {SHORTEST} bytes, as of `secrets.token_bytes(32)`"
            )));
        }
        Ok(Signature { key: blake3::derive_key("memolith 2026-11 signatures of stored values", secret) })
    }

    /// The signature of `bytes`, written by the codec `id` for `place`.
    pub(super) fn of(&self, id: u8, place: &[&[u8]], bytes: &[u8]) -> [u8; LENGTH] {
        *self.hash(id, place, bytes).as_bytes()
    }

    /// `signed` without its signature.
    ///
    /// # Errors
    /// `ValueError` if it has none, or that of other bytes, another place, codec or secret.
    pub(super) fn verified<'a>(&self, id: u8, place: &[&[u8]], signed: &'a [u8]) -> PyResult<&'a [u8]> {
        let Some((bytes, signature)) = signed.split_last_chunk::<LENGTH>() else {
            return Err(wrong("the stored value has no signature, clear the cache"));
        };
        // `blake3::Hash` compares in constant time, so that no signature can be found byte by byte.
        if self.hash(id, place, bytes) != blake3::Hash::from_bytes(*signature) {
            return Err(wrong("the signature of the stored value is wrong, clear the cache if the secret has changed"));
        }
        Ok(bytes)
    }

    /// Every part but the last goes in with its length, so that no two places look alike.
    fn hash(&self, id: u8, place: &[&[u8]], bytes: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&[id]).update(&(place.len() as u64).to_le_bytes());
        for part in place {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        hasher.update(bytes).finalize()
    }
}
