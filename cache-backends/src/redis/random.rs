//! Numbers that nobody can guess, and ids that nobody else has.

use memolith_core::{Error, ErrorKind, Result};

/// Tells one [`Redis`](super::Redis) from all others, also in a process that was forked from its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Id([u8; 12]);

impl Id {
    pub(crate) fn new() -> Result<Self> {
        let mut bytes = [0; 12];
        bytes.copy_from_slice(&random()?[..12]);
        Ok(Id(bytes))
    }

    /// The id in this process.
    pub(crate) fn bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..12].copy_from_slice(&self.0);
        bytes[12..].copy_from_slice(&std::process::id().to_le_bytes());
        bytes
    }
}

/// 128 random bits of the operating system, as good as the keys of a cipher.
///
/// # Errors
/// [`Unavailable`](ErrorKind::Unavailable) when the system has none, which no ordinary one admits to.
pub(crate) fn random() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    match getrandom::fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(Error::new(ErrorKind::Unavailable, "the system gives no random numbers, is it still starting?")),
    }
}

/// `bytes` as text of lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}
