//! All that a [`Redis`](crate::redis::Redis) has in a process, and who watches in all of them.

use crate::redis::beside::Beside;
use crate::redis::fleet::client::Client;
use crate::redis::keys::id::Id;
use crate::redis::keys::layout::Layout;
use crate::redis::keys::tell::Tell;
use crate::redis::lock::Mutex;
use crate::redis::process::{Chain, PerProcess};
use crate::redis::settings::options::Options;
use crate::redis::settings::target::{Target, Topology};
use crate::redis::spaces::store::Store;
use memolith_core::{Result, Space, Watch};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};

/// What a [`Redis`](crate::redis::Redis) and its tools have in common, in every process that was forked.
pub(crate) struct Processes {
    target: Target,
    options: Options,
    id: Id,
    here: PerProcess<Here>,
    /// A place for each, with a lock of its own: what a child finds locked was just being put there by a thread that it
    /// does not have, for a cache that it does not have.
    watching: Chain<Mutex<Option<Watching>>>,
}

type Watching = (Space, Weak<dyn Watch>);

/// That of one process: its connections, threads and locks.
pub(crate) struct Here {
    pub(crate) store: Arc<Store>,
    pub(crate) beside: Beside,
    /// Whether those are told here who watched before the process was forked.
    told: AtomicBool,
}

impl Processes {
    pub(crate) fn new(target: Target, options: Options) -> Result<Self> {
        Ok(Processes { target, options, id: Id::new()?, here: PerProcess::new(), watching: Chain::new() })
    }

    /// That of this process. A child of a fork learns here that it is one, and begins without connections.
    pub(crate) fn here(&self) -> &Here {
        let here = self.here.get(|| Here::new(self));
        if !here.told.load(Relaxed) && !here.told.swap(true, Relaxed) {
            let watching = self.watching.iter().filter_map(|place| place.try_lock()?.clone());
            watching.for_each(|(space, watch)| here.beside.watch(&space, watch));
        }
        here
    }

    /// See [`Backend::watch`](memolith_core::Backend::watch).
    pub(crate) fn watch(&self, space: &Space, watch: Weak<dyn Watch>) {
        self.here().beside.watch(space, Weak::clone(&watch));
        let watching = Some((space.clone(), watch));
        // Where somebody has gone there is room.
        for place in self.watching.iter() {
            let Some(mut place) = place.try_lock() else { continue };
            if place.as_ref().is_none_or(|(_, watch)| watch.strong_count() == 0) {
                *place = watching;
                return;
            }
        }
        self.watching.add(Mutex::new(watching));
    }
}

impl Here {
    fn new(of: &Processes) -> Self {
        let (options, id) = (of.options.clone(), of.id);
        let tell = if matches!(of.target.topology, Topology::Cluster(_)) { Tell::Slot } else { Tell::All };
        let (client, layout) = (Arc::new(Client::new(of.target.clone(), &options)), Arc::new(Layout::new(&options)));
        let store = Arc::new(Store {
            id,
            client,
            options,
            layout,
            tell,
            forgets: OnceLock::new(),
            #[cfg(feature = "tracing")]
            advised: AtomicBool::new(false),
        });
        Here { beside: Beside::new(&store), store, told: AtomicBool::new(false) }
    }
}

impl fmt::Debug for Processes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Processes").field("client", &self.here().store.client).finish_non_exhaustive()
    }
}
