//! Waiting for what others hold.

use super::holds::{Held, Holds, LONGEST, Place, Taken, Term};
use crate::redis::server::timer::within;
use memolith_core::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To have the place, also while a server is there and cannot.
    Place,
    /// The same, or that another lets go of it: what they had it for may be done then.
    End,
}

/// How soon a place is asked for again where nobody tells here that it was let go of.
const UNTOLD: Duration = Duration::from_millis(250);
/// Between two attempts while a server is there and cannot.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);

/// Whether a server has said that it cannot now: keys are on their way to another, it runs a long script, or it loads its
/// data.
pub(crate) fn passes(error: &Error) -> bool {
    error.kind() == ErrorKind::Busy
}

/// Waits for `place`, which others have, until `end`.
///
/// It is asked for once it is known whether their letting go will be heard of, and at `first` at the latest; then again
/// when the server says that they have let go, or when they have died, as what they hold ends with its time. Where nobody
/// tells, it is asked for a few times a second.
pub(crate) async fn wait_for(
    holds: &Arc<Holds>,
    (place, term): (&Place, Term),
    (wish, first, end): (Wish, Instant, Instant),
) -> Result<Option<Held>> {
    let (bell, _subscribed) = holds.bell(place);
    // Listened first, then looked once more: whoever let go before was not heard, and whoever does after it is.
    let mut rung = within(first, bell.rung()).await.is_some();
    while rung || Instant::now() < end {
        let pause = match holds.take(place, term).await {
            Ok(Taken::Ours(held)) => return Ok(Some(held)),
            Ok(Taken::Others(left)) => {
                let left = left.unwrap_or(LONGEST).clamp(Duration::from_millis(1), LONGEST);
                if bell.is_heard() { left } else { left.min(UNTOLD) }
            }
            Err(error) if wish == Wish::Place && passes(&error) && Instant::now() < end => PAUSE,
            Err(error) => return Err(error),
        };
        rung = within(end.min(Instant::now() + pause), bell.rung()).await.is_some();
        if rung && wish == Wish::End {
            return Ok(None);
        }
    }
    Ok(None)
}
