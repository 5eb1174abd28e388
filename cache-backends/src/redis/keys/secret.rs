//! Numbers that nobody can guess.

use memolith_core::{Error, ErrorKind, Result};

/// 128 random bits of the operating system, as good as the keys of a cipher.
///
/// # Errors
/// [`Unavailable`](ErrorKind::Unavailable) when the system has none, which no ordinary one admits to.
pub(crate) fn secret() -> Result<[u8; 16]> {
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
