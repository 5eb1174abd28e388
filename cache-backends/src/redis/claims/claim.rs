//! Who computes what, among all machines.

use super::holds::{Holds, LONGEST, Place, Taken, Term};
use crate::redis::server::timer::within;
use memolith_core::{Claim, Result};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Takes `place` for a computation, which may take longer than `ttl`: as long as this process lives, it is renewed.
///
/// If another computes it waits until they have ended, which is told by the server, or `wait` is over; then, or if it
/// cannot be told, the caller looks what there is, and asks again.
pub(crate) async fn claim(holds: &Arc<Holds>, place: &Place, ttl: Duration, wait: Duration) -> Result<Option<Claim>> {
    let term = Term::Renewed(ttl);
    if let Taken::Ours(held) = holds.take(place, term).await? {
        return Ok(Some(Claim::new(held)));
    }
    if wait.is_zero() {
        return Ok(None);
    }
    let end = Instant::now() + wait.min(LONGEST);
    let (bell, _subscribed) = holds.bell(place);
    if within(end, bell.rung()).await.is_none() {
        return Ok(None);
    }
    // Listened first, then looked once more: whoever ended before was not heard, and whoever ends after it is.
    let left = match holds.take(place, term).await? {
        Taken::Ours(held) => return Ok(Some(Claim::new(held))),
        Taken::Others(left) => left.unwrap_or(wait),
    };
    // A dead claimant does not say that it has ended.
    let expires = Instant::now() + left.min(LONGEST);
    within(end.min(expires), bell.rung()).await;
    Ok(None)
}
