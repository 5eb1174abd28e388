//! A lock among machines.

use crate::redis::Redis;
use crate::redis::claims::holds::{Held, Holds, LONGEST, Place, Taken, Term};
use crate::redis::claims::waiting::{PAUSE, Wish, passes, wait_for};
use crate::redis::here::Processes;
use crate::redis::server::node::wait;
use memolith_core::Result;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A lock that one holder at a time has, of all machines that use the same servers, prefix and name.
///
/// Whoever has it renews it in the background, at a third of its [`ttl`](Self::ttl), until the [guard](LockGuard) is
/// dropped. A holder that dies loses it after at most that time; so does one that is stopped, or cut off from the
/// servers, and may go on believing in it. For what must not be done by two even then, hand the number
/// [`fence`](LockGuard::fence) on to where it is done, and refuse there what comes with a smaller one than was seen.
/// A server that fails before its replica has heard of a lock loses it too.
///
/// Taking it is one round trip. Whoever waits is told by the server when it is released, and asks nothing meanwhile, or
/// four times a second where they cannot be told; it is not handed out in any order.
///
/// ```no_run
/// use memolith_backends::Redis;
/// use memolith_backends::redis::Lock;
/// use std::time::Duration;
///
/// let redis = Redis::open("redis://localhost")?;
/// let lock = Lock::new(&redis, "nightly report");
/// match lock.acquire(Duration::from_secs(5))? {
///     Some(guard) => println!("the only one, with number {}", guard.fence()),
///     None => println!("another machine is at it"),
/// }
/// # Ok::<_, memolith_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Lock {
    processes: Arc<Processes>,
    place: Place,
    term: Term,
}

/// That the lock is held, until this is dropped or [released](Self::release).
///
/// Dropping does not block: the lock is released in the background. A process that ends at once after that may be too
/// early, and the lock then ends with its time.
///
/// The lock is that of the process that has taken it. What a forked child has of a guard is a copy: it says that the lock
/// is not held, dropping it does nothing, and to [renew](Self::renew) or to [release](Self::release) it is an error of kind
/// [`Unsupported`](memolith_core::ErrorKind::Unsupported).
#[must_use = "the lock is released when the guard is dropped"]
#[derive(Debug)]
pub struct LockGuard(Held);

impl Lock {
    /// The lock called `name`, of any text. Nothing is asked of the servers yet.
    pub fn new(redis: &Redis, name: &str) -> Self {
        let processes = Arc::clone(redis.processes());
        let place = Place::of(processes.here().store.layout.tool("lock", &[name]));
        Lock { processes, place, term: Term::Renewed(Duration::from_secs(10)) }
    }

    /// How long the lock outlives a holder that has died: 10 s if this is not called. At least some round trips.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.term = match self.term {
            Term::Renewed(_) => Term::Renewed(ttl),
            Term::Fixed(_) => Term::Fixed(ttl),
        };
        self
    }

    /// A holder that takes longer than the [`ttl`](Self::ttl) loses the lock, unless it [renews](LockGuard::renew) it.
    #[must_use]
    pub fn without_renewal(mut self) -> Self {
        self.term = Term::Fixed(self.term.time());
        self
    }

    /// The lock if nobody has it.
    ///
    /// # Errors
    /// When no server answers in time. The lock was not taken, or ends with its time.
    pub fn try_acquire(&self) -> Result<Option<LockGuard>> {
        wait(self.try_acquire_async())
    }

    /// As [`try_acquire`](Self::try_acquire), on any executor.
    ///
    /// # Errors
    /// As there.
    pub async fn try_acquire_async(&self) -> Result<Option<LockGuard>> {
        Ok(match self.holds().take(&self.place, self.term).await? {
            Taken::Ours(held) => Some(LockGuard(held)),
            Taken::Others(_) => None,
        })
    }

    /// The lock, for which it waits until `timeout` is over; `None` then. It also waits while keys move between the nodes
    /// of a cluster, and while a server is busy or loads its data.
    ///
    /// # Errors
    /// As for [`try_acquire`](Self::try_acquire), also while it waits.
    pub fn acquire(&self, timeout: Duration) -> Result<Option<LockGuard>> {
        wait(self.acquire_async(timeout))
    }

    /// As [`acquire`](Self::acquire), on any executor. Cancelled, it leaves no lock behind.
    ///
    /// # Errors
    /// As there.
    pub async fn acquire_async(&self, timeout: Duration) -> Result<Option<LockGuard>> {
        let end = Instant::now() + timeout.min(LONGEST);
        let first = match self.try_acquire_async().await {
            Ok(None) if !timeout.is_zero() => end,
            Err(error) if passes(&error) && Instant::now() < end => end.min(Instant::now() + PAUSE),
            acquired => return acquired,
        };
        let held = wait_for(self.holds(), (&self.place, self.term), (Wish::Place, first, end)).await?;
        Ok(held.map(LockGuard))
    }

    fn holds(&self) -> &Arc<Holds> {
        &self.processes.here().beside.holds
    }
}

impl LockGuard {
    /// A number that is greater than those of all who held the lock before.
    pub fn fence(&self) -> u64 {
        self.0.number()
    }

    /// Whether nobody else can have the lock, as far as this machine knows without asking: it was taken or renewed less
    /// than its time ago. What it says may be over a moment later.
    pub fn is_held(&self) -> bool {
        self.0.is_ours()
    }

    /// Begins the time of the lock anew; whether it is still held. Needed [without renewal](Lock::without_renewal) only.
    ///
    /// # Errors
    /// When no server answers in time: the lock may have been renewed or not. In a forked child.
    pub fn renew(&self) -> Result<bool> {
        wait(self.renew_async())
    }

    /// As [`renew`](Self::renew), on any executor.
    ///
    /// # Errors
    /// As there.
    pub async fn renew_async(&self) -> Result<bool> {
        self.0.renew().await
    }

    /// Releases the lock, and says whether it was held until then: if not, another may have held it too. When a connection
    /// breaks at that moment it may say no although it was held.
    ///
    /// # Errors
    /// When no server answers in time: the lock is released in the background, or ends with its time. In a forked child.
    pub fn release(self) -> Result<bool> {
        wait(self.release_async())
    }

    /// As [`release`](Self::release), on any executor.
    ///
    /// # Errors
    /// As there.
    pub async fn release_async(self) -> Result<bool> {
        self.0.release().await
    }
}
