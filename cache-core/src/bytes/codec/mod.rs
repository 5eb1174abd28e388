//! How values become bytes.

#[cfg(feature = "bincode")]
mod bincode;
#[cfg(feature = "cbor")]
mod cbor;
#[cfg(feature = "json")]
mod json;
#[cfg(any(feature = "json", feature = "messagepack", feature = "cbor"))]
mod lossless;
#[cfg(feature = "messagepack")]
mod messagepack;
mod portable;
#[cfg(feature = "postcard")]
mod postcard;
#[cfg(all(
    test,
    feature = "postcard",
    feature = "bincode",
    feature = "json",
    feature = "messagepack",
    feature = "cbor"
))]
mod tests;

#[cfg(feature = "bincode")]
pub use bincode::Bincode;
#[cfg(feature = "cbor")]
pub use cbor::Cbor;
#[cfg(feature = "json")]
pub use json::Json;
#[cfg(feature = "messagepack")]
pub use messagepack::MessagePack;
pub use portable::{PORTABLE_SHAPE, Portable};
#[cfg(feature = "postcard")]
pub use postcard::Postcard;

use crate::error::Result;
use std::any::type_name;
use xxhash_rust::xxh3::xxh3_64;

/// How values of type `T` become bytes and come back.
///
/// The cache keeps a checksum over what `encode` wrote, so `decode` sees those bytes or is not called. A value that does
/// not encode is returned to the caller and not persisted; one that does not decode is computed anew. What a value leaves
/// out when it is serialized (`#[serde(skip)]`) is not in what comes back.
///
/// A codec of one's own:
///
/// ```
/// use memolith_core::{Codec, Error, ErrorKind, Result};
///
/// /// Prices in cents, four bytes each.
/// struct Cents;
///
/// impl Codec<Vec<u32>> for Cents {
///     fn id(&self) -> u8 {
///         200
///     }
///
///     fn encode(&self, prices: &Vec<u32>, out: &mut Vec<u8>) -> Result<()> {
///         out.extend(prices.iter().flat_map(|price| price.to_le_bytes()));
///         Ok(())
///     }
///
///     fn decode(&self, bytes: &[u8]) -> Result<Vec<u32>> {
///         let (prices, []) = bytes.as_chunks() else {
///             return Err(Error::new(ErrorKind::Codec, "a price is cut short, clear the cache"));
///         };
///         Ok(prices.iter().map(|price| u32::from_le_bytes(*price)).collect())
///     }
/// }
///
/// let mut bytes = Vec::new();
/// Cents.encode(&vec![100, 250], &mut bytes)?;
/// assert_eq!(bytes.len(), 8);
/// assert_eq!(Cents.decode(&bytes)?, [100, 250]);
/// # Ok::<(), Error>(())
/// ```
pub trait Codec<T>: Send + Sync + 'static {
    /// Names the codec in every record, so that the bytes of one are never decoded by another.
    ///
    /// Numbers from 128 on are free for codecs outside this library. A codec that changes its bytes takes another number.
    fn id(&self) -> u8;

    /// Appends the bytes of `value` to `out`, and leaves alone what is there.
    ///
    /// # Errors
    /// [`ErrorKind::Codec`](crate::ErrorKind::Codec) when `value` has no form in bytes. What was appended is thrown away.
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<()>;

    /// The value that `bytes` are, all of them.
    ///
    /// # Errors
    /// [`ErrorKind::Codec`](crate::ErrorKind::Codec) when `bytes` are not those of a `T`, or more than those. Any input
    /// must end in a value or an error, in memory and time that grow with its length.
    fn decode(&self, bytes: &[u8]) -> Result<T>;

    /// A number that changes when the form of `T` in bytes does: values stored under another number are computed anew.
    ///
    /// The default knows the name, size and alignment of `T`, and so does not notice two fields that change places. The
    /// codecs of this library look at the fields themselves; one of your own that goes through serde can return theirs,
    /// as in `Codec::<T>::shape(&Postcard)`.
    fn shape(&self) -> u64 {
        let mut bytes = type_name::<T>().as_bytes().to_vec();
        bytes.extend_from_slice(&(size_of::<T>() as u64).to_le_bytes());
        bytes.extend_from_slice(&(align_of::<T>() as u64).to_le_bytes());
        xxh3_64(&bytes)
    }

    /// Whether programs in other languages, or with other types, write and read the same entries: then the space is named
    /// `{name}#portable`, and keys have the form of `docs/portable.md`, in place of one that depends on their type.
    ///
    /// A codec that says so answers [`decode`](Self::decode) of what others may have written with an error or a right value,
    /// and says nothing about its type in [`shape`](Self::shape). [`Portable`](crate::Portable) makes one of another codec.
    fn is_portable(&self) -> bool {
        false
    }
}
