//! How others are told of removals.

use super::script::{Call, TELL};
use crate::redis::wire::request::Route;
use xxhash_rust::xxh3::xxh3_128;

/// The id of a [`Redis`](crate::redis::Redis), which its messages carry.
pub(crate) type Sender = [u8; 16];

/// What was removed, as a message says it after the id of who has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Any key.
    Removed,
    /// The key of this [`digest`].
    RemovedKey([u8; 16]),
    /// A value by who had put it.
    TakenBack,
}

/// The byte of a value taken back.
const TAKEN_BACK: u8 = b't';

impl Said {
    pub(crate) fn message(self, sender: Sender) -> Vec<u8> {
        let mut message = sender.to_vec();
        match self {
            Said::Removed => {}
            Said::RemovedKey(digest) => message.extend(digest),
            Said::TakenBack => message.push(TAKEN_BACK),
        }
        message
    }

    /// What `message` says; whatever is not understood may be any removal.
    pub(crate) fn of(message: &[u8]) -> Said {
        match message.get(size_of::<Sender>()..) {
            Some([TAKEN_BACK]) => Said::TakenBack,
            Some(rest) => rest.try_into().map_or(Said::Removed, Said::RemovedKey),
            None => Said::Removed,
        }
    }
}

/// What messages have of a key.
pub(crate) fn digest(key: &[u8]) -> [u8; 16] {
    xxh3_128(key).to_le_bytes()
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_was_removed() {
        for said in [Said::Removed, Said::RemovedKey(digest(b"key")), Said::TakenBack] {
            let message = said.message([7; 16]);
            assert!(message.starts_with(&[7; 16]));
            assert_eq!(Said::of(&message), said);
        }
        for strange in [&b"short"[..], &[7; 18], &[7; 33]] {
            assert_eq!(Said::of(strange), Said::Removed);
        }
    }
}
