//! Who computes what, among all machines.

use super::holds::{Held, Holds, Place, Taken, Term};
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
        return Ok(Some(claimed(held)));
    }
    if wait.is_zero() {
        return Ok(None);
    }
    let begun = Instant::now();
    let (bell, _subscribed) = holds.bell(place, begun.checked_add(wait).unwrap_or(begun + LONGEST));
    bell.rung().await;
    // Listened first, then looked once more: whoever ended before was not heard, and whoever ends after it is.
    match holds.take(place, term).await? {
        Taken::Ours(held) => return Ok(Some(claimed(held))),
        Taken::Others(Some(left)) => holds.ring_at(&bell, Instant::now() + left),
        Taken::Others(None) => {}
    }
    if begun.elapsed() < wait {
        bell.rung().await;
    }
    Ok(None)
}

/// Longer than anybody waits.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

fn claimed(held: Held) -> Claim {
    Claim::new(held)
}
