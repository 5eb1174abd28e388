//! The region under torment.

use crate::{Outcome, because};
use memolith::Backend;
use memolith::backends::{Shared, SharedInfo};
use std::path::Path;
use std::sync::Arc;

/// One opened region.
#[derive(Clone, Debug)]
pub(crate) struct Region(Arc<Shared>);

impl Region {
    /// The region at `place`; one of `bytes` is made if there is none.
    pub(crate) fn open(place: &Path, bytes: u64) -> Outcome<Region> {
        let opened = Shared::sized(place, bytes);
        Ok(Region(Arc::new(opened.map_err(because("the region cannot be opened"))?)))
    }

    pub(crate) fn backend(&self) -> &dyn Backend {
        &*self.0
    }

    /// The same, to be kept.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        self.0.clone()
    }

    /// What the region counts.
    pub(crate) fn info(&self) -> SharedInfo {
        self.0.info()
    }
}
