//! Which node has which slot.

use super::slots::SLOTS;
use crate::redis::server::node::Node;
use crate::redis::settings::target::Address;
use crate::redis::wire::request::Route;
use std::sync::Arc;

/// Who has what, as the servers told it. It never changes: who learns better replaces it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Map {
    /// In the order of their first slots.
    pub(crate) primaries: Vec<Arc<Node>>,
    /// They are asked about the cluster when the primaries are silent.
    pub(crate) replicas: Vec<Arc<Node>>,
    /// Which primary has each slot. Empty where slots are not shared out.
    owners: Vec<u16>,
}

const NOBODY: u16 = u16::MAX;

impl Map {
    /// One node that has everything.
    pub(crate) fn of(node: Arc<Node>) -> Self {
        Map { primaries: vec![node], ..Map::default() }
    }

    /// A cluster where nobody has anything yet.
    pub(crate) fn of_cluster() -> Self {
        Map { owners: vec![NOBODY; usize::from(SLOTS)], ..Map::default() }
    }

    /// Gives the slots from `first` to `last` to `node`. Those beyond the last one there is are nobody's.
    pub(crate) fn assign(&mut self, first: u16, last: u16, node: &Arc<Node>) {
        let known = self.primaries.iter().position(|primary| Arc::ptr_eq(primary, node));
        let index = known.unwrap_or(self.primaries.len());
        let Some(owner) = u16::try_from(index).ok().filter(|&owner| owner != NOBODY) else { return };
        if known.is_none() {
            self.primaries.push(Arc::clone(node));
            self.replicas.retain(|replica| !Arc::ptr_eq(replica, node));
        }
        let owners = self.owners.iter_mut().take(usize::from(last).saturating_add(1)).skip(usize::from(first));
        owners.for_each(|slot| *slot = owner);
    }

    /// Who has the slot; elsewhere than on a cluster whoever there is.
    pub(crate) fn owner(&self, slot: u16) -> Option<&Arc<Node>> {
        match self.owners.get(usize::from(slot)) {
            Some(&owner) => self.primaries.get(usize::from(owner)),
            None => self.primaries.first(),
        }
    }

    /// Who is asked first, or, after `silent` others did not answer, next.
    pub(crate) fn node(&self, route: Route, silent: usize) -> Option<&Arc<Node>> {
        match route {
            Route::Slot(slot) => self.owner(slot),
            Route::Any => self.nodes().nth(silent % self.len().max(1)),
        }
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.primaries.iter().chain(&self.replicas)
    }

    pub(crate) fn at(&self, address: &Address) -> Option<&Arc<Node>> {
        self.nodes().find(|node| node.address() == address)
    }

    fn len(&self) -> usize {
        self.primaries.len() + self.replicas.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.primaries.is_empty()
    }

    /// Whether the slots are shared out among nodes.
    pub(crate) fn has_slots(&self) -> bool {
        !self.owners.is_empty()
    }

    /// How many slots the nodes that `are` have.
    pub(crate) fn share(&self, are: impl Fn(&Arc<Node>) -> bool) -> usize {
        let of: Vec<bool> = self.primaries.iter().map(are).collect();
        self.owners.iter().filter(|&&owner| of.get(usize::from(owner)) == Some(&true)).count()
    }
}
