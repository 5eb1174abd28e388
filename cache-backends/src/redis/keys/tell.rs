//! How others are told of removals.

use super::script::{Call, TELL};
use crate::redis::wire::request::Route;

/// The id of a [`Redis`](crate::redis::Redis), which its messages carry.
pub(crate) type Sender = [u8; 16];

/// What follows it in a message that is for readers alone.
pub(crate) const TAKEN_BACK: [u8; 1] = *b"t";

/// By which command others are told of removals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tell {
    /// SPUBLISH where the server has it, to those who have subscribed at the owner of the slot.
    Slot,
    /// PUBLISH, to all.
    All,
}

impl Tell {
    /// As scripts are told it.
    pub(crate) fn letter(self) -> &'static str {
        match self {
            Tell::Slot => "s",
            Tell::All => "p",
        }
    }
}

/// The script that says `message` on `channel`, which is in the slot of `route`.
pub(crate) fn told(tell: Tell, route: Route, (channel, message): (&[u8], &[u8])) -> Call<'static> {
    let call = Call::new(&TELL, route).key(channel.to_vec()).arg(channel.to_vec());
    call.arg(message.to_vec()).text(tell.letter())
}
