//! How often something may happen, among machines.

use super::tool::Tool;
use crate::redis::Redis;
use crate::redis::keys::script::{BUCKET, Call, FIXED, SLIDING, Script};
use crate::redis::server::node::wait;
use crate::redis::wire::reply::{Reply, unexpected};
use crate::redis::wire::request::Route;
use memolith_core::Result;
use std::time::Duration;

/// Allows so many calls in so much time to each subject, counted for all machines together by the server's clock.
///
/// A subject is whoever is limited: a user, an address, a function. Each has a key of its own, which expires when it
/// counts for nothing any more. Asking is one round trip; what is refused counts for nothing. When a connection breaks
/// at that moment a call may count twice.
///
/// ```no_run
/// use memolith_backends::Redis;
/// use memolith_backends::redis::RateLimiter;
/// use std::time::Duration;
///
/// let redis = Redis::open("redis://localhost")?;
/// let logins = RateLimiter::sliding_window(&redis, "logins", 5, Duration::from_secs(60));
/// let decision = logins.check("jane")?;
/// if !decision.allowed {
///     println!("try again in {:?}", decision.retry_after);
/// }
/// # Ok::<_, memolith_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RateLimiter {
    tool: Tool,
    script: &'static Script,
    count: i64,
    time: i64,
}

/// What a [`RateLimiter`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// Whether the call may be made. It has been counted then.
    pub allowed: bool,
    /// How many more would be allowed now.
    pub remaining: u64,
    /// When the next one is allowed; zero if this one is.
    pub retry_after: Duration,
}

impl RateLimiter {
    /// At most `count` calls in a window, which begins with the first call, and after its end with the next.
    /// The cheapest; at the border of two windows there may be twice as many in a short time.
    pub fn fixed_window(redis: &Redis, name: &str, count: u32, window: Duration) -> Self {
        RateLimiter { tool: Tool::new(redis, "rate", name), script: &FIXED, count: count.into(), time: micros(window) }
    }

    /// At most `count` calls in any window, wherever it begins. Exact; keeps some 20 bytes on the server for each call
    /// that counts.
    pub fn sliding_window(redis: &Redis, name: &str, count: u32, window: Duration) -> Self {
        RateLimiter {
            tool: Tool::new(redis, "slide", name),
            script: &SLIDING,
            count: count.into(),
            time: micros(window),
        }
    }

    /// A bucket of `capacity` tokens, full at first, to which one is added `every` so often; each call takes one. For a
    /// steady rate with bursts. A number is all that is kept, as in the
    /// [generic cell rate algorithm](https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm).
    pub fn token_bucket(redis: &Redis, name: &str, capacity: u32, every: Duration) -> Self {
        // Numbers of scripts are exact below 2^53: a bucket is full again within a hundred years.
        let every = micros(every).min(CENTURY / i64::from(capacity.max(1)));
        let every = every.max(1);
        RateLimiter { tool: Tool::new(redis, "bucket", name), script: &BUCKET, count: capacity.into(), time: every }
    }

    /// Whether `subject`, any text, may do it once more, which then counts.
    ///
    /// # Errors
    /// When no server answers in time: it is for the caller to say what that means.
    pub fn check(&self, subject: &str) -> Result<Decision> {
        wait(self.check_async(subject))
    }

    /// As [`check`](Self::check), on any executor.
    ///
    /// # Errors
    /// As there.
    pub async fn check_async(&self, subject: &str) -> Result<Decision> {
        let (key, slot) = self.tool.key(subject);
        let call = Call::new(self.script, Route::Slot(slot)).key(key).text(self.count).text(self.time);
        let reply = call.run(self.tool.client()).await?.into_array()?;
        let [Reply::Int(allowed), Reply::Int(remaining), Reply::Int(micros)] = reply[..] else {
            return Err(unexpected());
        };
        let remaining = u64::try_from(remaining).unwrap_or(0);
        let retry_after = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
        Ok(Decision { allowed: allowed == 1, remaining, retry_after })
    }
}

/// A hundred years, in microseconds.
const CENTURY: i64 = 100 * 366 * 24 * 60 * 60 * 1_000_000;

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX).clamp(1, CENTURY)
}
