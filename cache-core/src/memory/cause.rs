//! Why entries leave.

/// Why an entry has left the memory tier, as [`CacheBuilder::on_evict`](crate::CacheBuilder::on_evict) is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// A bound was reached, and the policy chose it. Counted in [`CacheInfo::evictions`](crate::CacheInfo::evictions).
    Evicted,
    /// Its time to live or to idle was over, be it that another value has taken its place since.
    /// Counted in [`CacheInfo::expired`](crate::CacheInfo::expired).
    Expired,
    /// A newer value of its key was stored, be it one that found no room.
    Replaced,
    /// It was removed by its key, by a condition or with all others, by this process or by another.
    Removed,
}
