//! Who waits for whom: a wait that would close a circle is noticed before it begins.
//!
//! Every computation is a node. It waits for the computations begun inside it, and, while it follows another
//! caller's flight, for that flight's node. Only the second kind of edge can close a circle, so only those are
//! kept in one list for the whole process; the first kind is the chain of parents.

use crate::sync::{AtomicBool, Mutex, global, planted};
use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Release};

/// One computation under way.
#[derive(Debug)]
pub(crate) struct Node {
    /// The computation inside which this one began: it cannot end before.
    parent: Mutex<Option<Arc<Node>>>,
    ended: AtomicBool,
}

/// `waiter`, and with it everything around it, waits for `target`.
#[derive(Clone, Debug)]
struct Edge {
    waiter: Arc<Node>,
    target: Arc<Node>,
}

impl Edge {
    fn is(&self, other: &Edge) -> bool {
        Arc::ptr_eq(&self.waiter, &other.waiter) && Arc::ptr_eq(&self.target, &other.target)
    }
}

global!(EDGES: Vec<Edge>);

crate::sync::thread_local! {
    /// The computations this thread is inside of, the innermost last. A lease may end on another thread,
    /// so ended ones are dropped when they are met.
    static INSIDE: RefCell<Vec<Arc<Node>>> = const { RefCell::new(Vec::new()) };
}

impl Node {
    /// A computation that begins inside the current one.
    pub(crate) fn begin() -> Arc<Node> {
        let parent = current();
        parent.iter().for_each(|parent| parent.shorten());
        Arc::new(Node { parent: Mutex::new(parent), ended: AtomicBool::new(false) })
    }

    /// This thread is inside `self` from now on, until [`end`](Self::end).
    pub(crate) fn enter(self: &Arc<Self>) {
        // A thread that is being torn down is not inside of anything that could wait.
        let _ = INSIDE.try_with(|inside| {
            let mut inside = inside.borrow_mut();
            if inside.len() == inside.capacity() {
                // Leases that overlap, each begun before the last has ended, never leave an ended one on top.
                inside.retain(|node| !node.has_ended());
                let room = inside.len() + 1;
                inside.reserve(room);
            }
            inside.push(Arc::clone(self));
        });
    }

    /// This thread is inside `self` until the guard is dropped: one poll of a task.
    pub(crate) fn scope(self: &Arc<Self>) -> Scope<'_> {
        self.enter();
        Scope(self)
    }

    /// The computation is over; nobody waits for it any more.
    pub(crate) fn end(&self) {
        // Pairs with the Acquire in `current`, on whichever thread entered.
        self.ended.store(true, Release);
        let _ = current();
    }

    fn has_ended(&self) -> bool {
        // Pairs with the Release in `end`.
        self.ended.load(Acquire)
    }

    fn parent(&self) -> Option<Arc<Node>> {
        self.parent.lock().clone()
    }

    /// Lets go of parents that have ended, or a pipeline of overlapping leases would keep all there ever were.
    fn shorten(&self) {
        while let Some(ended) = self.parent().filter(|parent| parent.has_ended()) {
            let next = ended.parent();
            *self.parent.lock() = next;
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // One after the other: a batch of leases is a chain longer than the stack is deep.
        let mut next = self.parent.get_mut().take();
        while let Some(node) = next {
            next = Arc::into_inner(node).and_then(|mut node| node.parent.get_mut().take());
        }
    }
}

/// See [`Node::scope`].
#[derive(Debug)]
pub(crate) struct Scope<'a>(&'a Arc<Node>);

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        let _ = INSIDE.try_with(|inside| {
            let mut inside = inside.borrow_mut();
            // The last entry is ours unless a lease was begun during the poll and is still open.
            if let Some(at) = inside.iter().rposition(|node| Arc::ptr_eq(node, self.0)) {
                inside.remove(at);
            }
        });
    }
}

/// The innermost computation of this thread that has not ended.
fn current() -> Option<Arc<Node>> {
    let mut ended = Vec::new();
    let found = INSIDE.try_with(|inside| {
        let mut inside = inside.borrow_mut();
        while let Some(last) = inside.pop_if(|node| node.has_ended()) {
            ended.push(last);
        }
        inside.last().cloned()
    });
    found.ok().flatten()
}

/// A wait that is known to be safe; it ends when this is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct Wait(Option<Edge>);

impl Drop for Wait {
    fn drop(&mut self) {
        let Some(mine) = self.0.take() else { return };
        let mut edges = EDGES.lock();
        if let Some(at) = edges.iter().position(|edge| edge.is(&mine)) {
            let removed = edges.swap_remove(at);
            drop(edges);
            drop(removed);
        }
    }
}

/// Waiting would never end: what is waited for waits, through others perhaps, for the one who would wait.
#[derive(Debug)]
pub(crate) struct Circle;

/// Declares that the current computation will wait for `target`.
pub(crate) fn wait_for(target: &Arc<Node>) -> Result<Wait, Circle> {
    // Outside of any computation nobody can be waiting for us.
    let Some(waiter) = current() else { return Ok(Wait(None)) };
    let edge = Edge { waiter, target: Arc::clone(target) };
    // Check and entry are one step, so that of two waits that close a circle together the second sees the first.
    let mut edges = EDGES.lock();
    if !planted("unseen circle") && would_close(&edges, &edge) {
        return Err(Circle);
    }
    edges.push(edge.clone());
    Ok(Wait(Some(edge)))
}

/// Whether the target of `new` waits for its waiter already: grows the set of all who wait for the waiter.
fn would_close(edges: &[Edge], new: &Edge) -> bool {
    let mut known = HashSet::new();
    let mut waiting: Vec<Arc<Node>> = Vec::new();
    let mut next = Some(Arc::clone(&new.waiter));
    let mut at = 0;
    while let Some(waiter) = next {
        // Lineages share their far ends: what is known has brought its parents along.
        waiting.extend(lineage(waiter).take_while(|node| known.insert(Arc::as_ptr(node))));
        next = loop {
            let Some(node) = waiting.get(at) else { break None };
            if Arc::ptr_eq(node, &new.target) {
                return true;
            }
            let unknown = |edge: &&Edge| Arc::ptr_eq(&edge.target, node) && !known.contains(&Arc::as_ptr(&edge.waiter));
            match edges.iter().find(unknown) {
                Some(edge) => break Some(Arc::clone(&edge.waiter)),
                None => at += 1,
            }
        };
    }
    false
}

/// A node and everything around it.
fn lineage(node: Arc<Node>) -> impl Iterator<Item = Arc<Node>> {
    std::iter::successors(Some(node), |node| node.parent())
}
