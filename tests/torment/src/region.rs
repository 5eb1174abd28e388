//! The region under torment.

use crate::{Outcome, because};
use memolith::{Backend, backends};
use std::path::Path;
use std::sync::Arc;

/// One opened region.
#[derive(Clone, Debug)]
pub(crate) struct Region(Arc<backends::Sqlite>);

/// What a region counts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stats {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    pub(crate) evictions: u64,
    pub(crate) oversize: u64,
    pub(crate) repairs: u64,
    pub(crate) capacity: u64,
}

impl Region {
    /// The region at `place`; one of `bytes` is made if there is none.
    pub(crate) fn open(place: &Path, bytes: u64) -> Outcome<Region> {
        let _ = bytes;
        let opened = backends::Sqlite::open(place);
        Ok(Region(Arc::new(opened.map_err(because("the region cannot be opened"))?)))
    }

    pub(crate) fn backend(&self) -> &dyn Backend {
        &*self.0
    }

    /// The same, to be kept.
    pub(crate) fn shared(&self) -> Arc<dyn Backend> {
        self.0.clone()
    }

    pub(crate) fn stats(&self) -> Outcome<Stats> {
        Ok(Stats::default())
    }
}
