use super::Codec;
use crate::error::Result;

/// Makes an entry the same for programs in other languages: they share a space, and find what the others have computed.
///
/// Within it goes a codec that others read: `MessagePack`, `Json` or `Cbor`. Keys are written in a form that does not
/// depend on types, so that `("a", 3)` is one key whatever the `3` is, in Python too; `docs/portable.md` says how. The
/// space is named `{name}#portable`.
///
/// What is given up: types are not told apart by their fingerprint. A value of another shape is refused by the decoder,
/// counted as a fault and computed anew; one that decodes into the type is served. So a field that changes its meaning
/// and keeps its name needs another version: give a function `name = ".."` and `version = ".."`, whose space is then
/// `name@v:version#portable`, and agree on both with the others.
/// A key with a `Some` around `None` or `()` inside has no form and stays in memory, and so does one that does not come
/// back as itself. [`Cache::remove_if`](crate::Cache::remove_if) removes entries of other types unseen.
///
/// Of `Postcard` and `Bincode`, whose bytes do not say what they are, only keys become portable: values of another type
/// are told apart as ever.
///
/// ```
/// # #[cfg(feature = "messagepack")] {
/// use memolith_core::{Codec, MessagePack, Portable};
///
/// let codec = Portable(MessagePack);
/// let mut bytes = Vec::new();
/// codec.encode(&vec![1_u8, 2], &mut bytes)?;
/// // Another program means something wider by it.
/// let wide: Vec<Option<i64>> = codec.decode(&bytes)?;
/// assert_eq!(wide, [Some(1), Some(2)]);
/// assert_eq!(Codec::<Vec<u8>>::shape(&codec), Codec::<Vec<Option<i64>>>::shape(&codec));
/// # }
/// # Ok::<(), memolith_core::Error>(())
/// ```
///
/// With a function: `#[lru_cache(backend = "sqlite:cache.db", name = "prices", version = "1", codec = Portable(Json))]`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Portable<C>(pub C);

/// The shape of all values in portable spaces: their types are not told apart.
pub const PORTABLE_SHAPE: u64 = u64::from_le_bytes(*b"portable");

/// `Postcard` and `Bincode`.
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
