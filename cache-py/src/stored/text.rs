//! Bytes that are copied once, in place if they are few.

use std::ops::Deref;
use std::sync::Arc;

/// Bytes up to this many need no allocation of their own: most numbers and short texts.
const SMALL: usize = 38;

/// Bytes that are cheap to clone.
#[derive(Clone)]
pub(crate) enum Text {
    Small(u8, [u8; SMALL]),
    Large(Arc<[u8]>),
}

impl From<&[u8]> for Text {
    #[inline]
    fn from(bytes: &[u8]) -> Self {
        if bytes.len() > SMALL {
            return Text::Large(bytes.into());
        }
        let mut room = [0; SMALL];
        room[..bytes.len()].copy_from_slice(bytes);
        Text::Small(bytes.len() as u8, room)
    }
}

impl Deref for Text {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Text::Small(length, bytes) => &bytes[..usize::from(*length)],
            Text::Large(bytes) => bytes,
        }
    }
}
