//! The counters of a cache for whoever collects metrics.

use crate::info::CacheInfo;

impl CacheInfo {
    /// Hands the counters to the recorder of the [`metrics`](https://docs.rs/metrics) crate, labelled `cache = name`.
    ///
    /// Counters: `memolith_hits_total`, `memolith_misses_total`, `memolith_coalesced_total`, `memolith_evictions_total`,
    /// `memolith_expired_total`, `memolith_backend_hits_total`, `memolith_stale_total`, `memolith_errors_total`. Gauge: `memolith_entries`.
    /// Call it as often as metrics are collected; a hit costs nothing more for it.
    ///
    /// ```
    /// use memolith_core::Cache;
    ///
    /// let cache = Cache::<u64, u64>::builder().build();
    /// cache.info().publish("squares");
    /// ```
    pub fn publish(&self, name: &str) {
        let counters = [
            ("memolith_hits_total", self.hits),
            ("memolith_misses_total", self.misses),
            ("memolith_coalesced_total", self.coalesced),
            ("memolith_evictions_total", self.evictions),
            ("memolith_expired_total", self.expired),
            ("memolith_backend_hits_total", self.backend_hits),
            ("memolith_stale_total", self.stale),
            ("memolith_errors_total", self.errors),
        ];
        for (counter, value) in counters {
            metrics::counter!(counter, "cache" => name.to_owned()).absolute(value);
        }
        metrics::gauge!("memolith_entries", "cache" => name.to_owned()).set(self.currsize as f64);
    }
}
