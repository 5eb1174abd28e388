//! Keys that are the same in every language.

mod key;

pub use key::{PortableKey, PortableKeyRef};
pub(crate) use key::{ready, shown};
