use super::Codec;
use crate::error::Result;

/// Makes a space of another codec portable: programs in other languages, and with other types, write and read its entries.
#[derive(Clone, Copy, Debug, Default)]
pub struct Portable<C>(pub C);

/// The shape of all values in portable spaces: their types are not told apart.
pub const PORTABLE_SHAPE: u64 = u64::from_le_bytes(*b"portable");

/// `Postcard` and `Bincode`, whose bytes do not say what they are.
const MUTE: [u8; 2] = [1, 2];

impl<T, C: Codec<T>> Codec<T> for Portable<C> {
    fn id(&self) -> u8 {
        self.0.id()
    }

    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<()> {
        self.0.encode(value, out)
    }

    fn decode(&self, bytes: &[u8]) -> Result<T> {
        self.0.decode(bytes)
    }

    fn shape(&self) -> u64 {
        if MUTE.contains(&self.0.id()) { self.0.shape() } else { PORTABLE_SHAPE }
    }

    fn is_portable(&self) -> bool {
        true
    }
}
