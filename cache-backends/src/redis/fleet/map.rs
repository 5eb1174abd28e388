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
    /// In which epoch of the cluster each primary has won its slots, if that was told. Of two who claim a slot it belongs to
    /// the later.
    epochs: Vec<Option<u64>>,
    /// Which primary has each slot. Empty where slots are not shared out.
    owners: Vec<u16>,
}

const NOBODY: u16 = u16::MAX;

impl Map {
    /// One node that has everything.
    pub(crate) fn of(node: Arc<Node>) -> Self {
        Map { primaries: vec![node], epochs: vec![None], ..Map::default() }
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
            self.epochs.push(None);
            self.replicas.retain(|replica| !Arc::ptr_eq(replica, node));
        }
        let owners = self.owners.iter_mut().take(usize::from(last).saturating_add(1)).skip(usize::from(first));
        owners.for_each(|slot| *slot = owner);
    }

    /// Notes the epoch of a primary.
    pub(crate) fn date(&mut self, node: &Arc<Node>, epoch: Option<u64>) {
        if let Some(index) = self.primaries.iter().position(|primary| Arc::ptr_eq(primary, node)) {
            self.epochs[index] = epoch;
        }
    }

    /// Leaves each slot with its owner in `known` that another has by an older epoch only; whether there is any. So says who
    /// was cut off or stopped and has not heard yet.
    pub(crate) fn keep_newer(&mut self, known: &Map) -> bool {
        let index = |owner: Option<&u16>| owner.map(|&owner| usize::from(owner));
        let epoch = |of: &Map, owner: Option<usize>| of.epochs.get(owner?).copied().flatten();
        let mut kept = false;
        for slot in 0..SLOTS {
            let at = usize::from(slot);
            let (ours, theirs) = (index(self.owners.get(at)), index(known.owners.get(at)));
            let (Some(new), Some(old)) = (epoch(self, ours), epoch(known, theirs)) else { continue };
            let Some(owner) = theirs.and_then(|owner| known.primaries.get(owner)) else { continue };
            if new < old && !self.owner(slot).is_some_and(|told| Arc::ptr_eq(told, owner)) {
                let is_told = self.primaries.iter().any(|primary| Arc::ptr_eq(primary, owner));
                self.assign(slot, slot, owner);
                if !is_told {
                    self.date(owner, Some(old));
                }
                kept = true;
            }
        }
        kept
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
