//! Who computes what, among all machines.

use super::holds::{Holds, LONGEST, Place, Taken, Term};
use super::waiting::{Wish, wait_for};
use memolith_core::{Claim, Result};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Takes `place` for a computation, which may take longer than `ttl`: as long as this process lives, it is renewed.
///
/// Whoever gives time to wait has learned without it that another computes: they wait until the other has ended.
pub(crate) async fn claim(holds: &Arc<Holds>, place: &Place, ttl: Duration, wait: Duration) -> Result<Option<Claim>> {
    let term = Term::Renewed(ttl);
    if wait.is_zero() {
        return match holds.take(place, term).await? {
            Taken::Ours(held) => Ok(Some(Claim::new(held))),
            Taken::Others(_) => Ok(None),
        };
    }
    let end = Instant::now() + wait.min(LONGEST);
    Ok(wait_for(holds, (place, term), (Wish::End, end, end)).await?.map(Claim::new))
}
