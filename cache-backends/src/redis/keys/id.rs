//! Ids that nobody else has.

use super::secret::secret;
use memolith_core::Result;

/// Tells one [`Redis`](crate::redis::Redis) from all others, also in a process that was forked from its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Id([u8; 12]);

impl Id {
    pub(crate) fn new() -> Result<Self> {
        let mut bytes = [0; 12];
        bytes.copy_from_slice(&secret()?[..12]);
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
