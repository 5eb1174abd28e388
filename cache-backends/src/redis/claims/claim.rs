//! Who computes what, among all machines.

use super::holds::{Holds, LONGEST, Place, Taken, Term};
use crate::redis::server::timer::within;
use memolith_core::{Claim, Result};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How soon a claim is asked for again whose end nobody tells of here.
const UNTOLD: Duration = Duration::from_millis(250);

/// Takes `place` for a computation, which may take longer than `ttl`: as long as this process lives, it is renewed.
///
/// Whoever gives time to wait has learned without it that another computes. They listen, and ask again when the server says
/// that the other has ended, or when the other has died, whose claim ends with its time. Where nobody tells, it is asked
/// again a few times a second.
pub(crate) async fn claim(holds: &Arc<Holds>, place: &Place, ttl: Duration, wait: Duration) -> Result<Option<Claim>> {
    let term = Term::Renewed(ttl);
    if wait.is_zero() {
        return match holds.take(place, term).await? {
            Taken::Ours(held) => Ok(Some(Claim::new(held))),
            Taken::Others(_) => Ok(None),
        };
    }
    let end = Instant::now() + wait.min(LONGEST);
    let (bell, _subscribed) = holds.bell(place);
    if within(end, bell.rung()).await.is_none() {
        return Ok(None);
    }
    while Instant::now() < end {
        // Listened first, then looked once more: whoever ended before was not heard, and whoever ends after it is.
        let left = match holds.take(place, term).await? {
            Taken::Ours(held) => return Ok(Some(Claim::new(held))),
            Taken::Others(left) => left.unwrap_or(wait).clamp(Duration::from_millis(1), LONGEST),
        };
        let pause = if bell.is_heard() { left } else { left.min(UNTOLD) };
        // What they have ended with may be there.
        if within(end.min(Instant::now() + pause), bell.rung()).await.is_some() {
            return Ok(None);
        }
    }
    Ok(None)
}
