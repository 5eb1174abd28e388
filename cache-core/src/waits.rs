//! Who waits for whom: a wait that would close a circle is noticed before it begins.
//!
//! Every computation has a ticket, and waits for what is begun inside of it. A thread is inside of all computations that
//! it leads, and these can be told by their tickets alone, so that a miss which nobody follows keeps no books here. A task
//! goes from thread to thread: its computation is a node, entered at each poll, that knows what was around it when it
//! began. While somebody follows another caller's flight, that edge is in one list for the whole process.

use crate::sync::{AtomicBool, Mutex, global, planted};
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Set in the `thread` of a ticket that is a task's.
const TASK: u64 = 1 << 63;

/// The name of a computation, which no other of this process ever has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ticket {
    /// The number of the thread on which it began, which leads unless `TASK` is set.
    thread: NonZeroU64,
    serial: u64,
}

/// The computations begun by one thread, after one of its serials and until another.
#[derive(Clone, Copy, Debug)]
struct Span {
    thread: u64,
    after: u64,
    until: u64,
}

/// Where something begins or waits: what is around it cannot end before.
#[derive(Clone, Debug)]
struct Place {
    /// What this thread leads since it has entered `task`.
    span: Span,
    task: Option<Arc<Node>>,
}

/// A computation that is followed, or that a task leads.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) ticket: Ticket,
    around: Mutex<Place>,
    ended: AtomicBool,
}

/// `waiter`, and with it everything around it, waits for `target`.
#[derive(Debug)]
struct Edge {
    waiter: Place,
    target: Arc<Node>,
}

global!(EDGES: Vec<Arc<Edge>>);

/// Numbers given to threads. Zero is nobody's.
static THREADS: AtomicU64 = AtomicU64::new(0);

/// What a thread knows of itself. It needs no destructor, so that a miss pays for a plain access alone.
struct Me {
    number: Cell<u64>,
    /// Serials drawn.
    drawn: Cell<u64>,
    /// Tickets by this thread that have not ended; too high for ever where one ends on another thread.
    open: Cell<u64>,
}

crate::sync::thread_local! {
    static ME: Me = const { Me { number: Cell::new(0), drawn: Cell::new(0), open: Cell::new(0) } };
    /// The computations of tasks that this thread polls, the innermost last, and the serials drawn when it began to.
    static SCOPES: RefCell<Vec<(u64, Arc<Node>)>> = const { RefCell::new(Vec::new()) };
}

impl Me {
    fn number(&self) -> u64 {
        if self.number.get() == 0 {
            self.number.set(fresh());
        }
        self.number.get()
    }

    fn draw(&self) -> u64 {
        self.drawn.set(self.drawn.get() + 1);
        self.drawn.get()
    }
}

fn fresh() -> u64 {
    THREADS.fetch_add(1, Relaxed) + 1
}

/// The number of this thread, which no other thread of this process ever has.
#[inline]
pub(crate) fn thread() -> u64 {
    // A thread that is being torn down is a new one each time.
    ME.try_with(Me::number).unwrap_or_else(|_| fresh())
}

impl Ticket {
    /// A computation that this thread leads from now on, until [`end`](Self::end).
    #[inline]
    pub(crate) fn by_thread() -> Self {
        let ticket = |me: &Me| {
            me.open.set(me.open.get() + 1);
            Ticket::new(me.number(), me.draw())
        };
        ME.try_with(ticket).unwrap_or_else(|_| Ticket::new(fresh(), 0))
    }

    /// A computation that is a task's, or nobody's.
    pub(crate) fn by_task() -> Self {
        let (thread, serial) = ME.try_with(|me| (me.number(), me.draw())).unwrap_or_else(|_| (fresh(), 0));
        Ticket::new(thread | TASK, serial)
    }

    #[inline]
    fn new(thread: u64, serial: u64) -> Self {
        Ticket { thread: NonZeroU64::new(thread).unwrap_or(NonZeroU64::MAX), serial }
    }

    /// The number of the thread on which it began.
    #[inline]
    pub(crate) fn thread(self) -> u64 {
        self.thread.get() & !TASK
    }

    /// The computation is over.
    #[inline]
    pub(crate) fn end(self) {
        let _ = ME.try_with(|me| {
            if me.number.get() == self.thread.get() {
                me.open.set(me.open.get() - 1);
            }
        });
    }
}

impl Span {
    fn holds(&self, ticket: Ticket) -> bool {
        self.thread == ticket.thread.get() && self.after < ticket.serial && ticket.serial <= self.until
    }

    fn is_empty(&self) -> bool {
        self.after == self.until
    }
}

impl Place {
    const NOWHERE: Place = Place { span: Span { thread: 0, after: 0, until: 0 }, task: None };

    fn here() -> Self {
        let innermost = SCOPES.try_with(|scopes| scopes.borrow().last().cloned()).ok().flatten();
        let span = ME.try_with(|me| {
            let (number, drawn) = (me.number(), me.drawn.get());
            let after = match &innermost {
                Some((entered, _)) => *entered,
                None if me.open.get() > 0 => 0,
                None => drawn,
            };
            Span { thread: number, after, until: drawn }
        });
        Place { span: span.unwrap_or(Self::NOWHERE.span), task: innermost.map(|(_, task)| task) }
    }

    /// Outside of any computation nobody can be waiting for us.
    fn is_nowhere(&self) -> bool {
        self.span.is_empty() && self.task.is_none()
    }

    fn is_inside(&self, ticket: Ticket) -> bool {
        let mut inside = self.span.holds(ticket);
        let mut next = self.task.clone();
        while let Some(task) = next.filter(|_| !inside) {
            let around = task.around.lock();
            inside = task.ticket == ticket || around.span.holds(ticket);
            next = around.task.clone();
        }
        inside
    }
}

impl Node {
    /// A computation of a task, which begins here.
    pub(crate) fn by_task() -> Arc<Node> {
        let around = Place::here();
        around.task.iter().for_each(|task| task.shorten());
        Self::new(Ticket::by_task(), around)
    }

    /// A computation that a thread leads.
    pub(crate) fn by_thread(ticket: Ticket) -> Arc<Node> {
        Self::new(ticket, Place::NOWHERE)
    }

    fn new(ticket: Ticket, around: Place) -> Arc<Node> {
        Arc::new(Node { ticket, around: Mutex::new(around), ended: AtomicBool::new(false) })
    }

    /// What a thread leads becomes a task's, here.
    pub(crate) fn hand_over(&self) {
        let here = Place::here();
        let before = std::mem::replace(&mut *self.around.lock(), here);
        drop(before);
    }

    /// This thread is inside `self` until the guard is dropped: one poll of a task.
    pub(crate) fn scope(self: &Arc<Self>) -> Scope<'_> {
        // A thread that is being torn down is not inside of anything that could wait.
        let drawn = ME.try_with(|me| me.drawn.get()).unwrap_or(0);
        let _ = SCOPES.try_with(|scopes| scopes.borrow_mut().push((drawn, Arc::clone(self))));
        Scope(self)
    }

    /// The computation is over; nobody waits for it any more.
    pub(crate) fn end(&self) {
        // Pairs with the Acquire in `has_ended`, on whichever thread looks.
        self.ended.store(true, Release);
    }

    fn has_ended(&self) -> bool {
        // Pairs with the Release in `end`.
        self.ended.load(Acquire)
    }

    /// Lets go of tasks around that have ended, or a pipeline of overlapping leases would keep all there ever were.
    fn shorten(&self) {
        loop {
            let Some(ended) = self.around.lock().task.clone().filter(|task| task.has_ended()) else { return };
            let further = ended.around.lock().clone();
            if !further.span.is_empty() {
                return;
            }
            let before = std::mem::replace(&mut self.around.lock().task, further.task);
            drop(before);
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // One after the other: a batch of leases is a chain longer than the stack is deep.
        let mut next = self.around.get_mut().task.take();
        while let Some(node) = next {
            next = Arc::into_inner(node).and_then(|mut node| node.around.get_mut().task.take());
        }
    }
}

/// See [`Node::scope`].
#[derive(Debug)]
pub(crate) struct Scope<'a>(&'a Arc<Node>);

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        let left = SCOPES.try_with(|scopes| {
            let mut scopes = scopes.borrow_mut();
            let at = scopes.iter().rposition(|(_, node)| Arc::ptr_eq(node, self.0));
            at.map(|at| scopes.remove(at))
        });
        drop(left);
    }
}

/// A wait that is known to be safe; it ends when this is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct Wait(Option<Arc<Edge>>);

impl Drop for Wait {
    fn drop(&mut self) {
        let Some(mine) = self.0.take() else { return };
        let mut edges = EDGES.lock();
        if let Some(at) = edges.iter().position(|edge| Arc::ptr_eq(edge, &mine)) {
            let removed = edges.swap_remove(at);
            drop(edges);
            drop(removed);
        }
    }
}

/// Waiting would never end: what is waited for waits, through others perhaps, for the one who would wait.
#[derive(Debug)]
pub(crate) struct Circle;

/// Declares that who is here will wait for `target`.
pub(crate) fn wait_for(target: &Arc<Node>) -> Result<Wait, Circle> {
    let waiter = Place::here();
    if waiter.is_nowhere() {
        return Ok(Wait(None));
    }
    let edge = Arc::new(Edge { waiter, target: Arc::clone(target) });
    // Check and entry are one step, so that of two waits that close a circle together the second sees the first.
    let mut edges = EDGES.lock();
    // Asked under the lock: who has ended it may be in the list by now, with a wait that it does not need.
    if !planted("unseen end") && target.has_ended() {
        drop(edges);
        return Ok(Wait(None));
    }
    if !planted("unseen circle") && would_close(&edges, &edge) {
        drop(edges);
        return Err(Circle);
    }
    edges.push(Arc::clone(&edge));
    Ok(Wait(Some(edge)))
}

/// Whether the target of `new` waits for its waiter already: grows the set of all that the target waits for.
fn would_close(edges: &[Arc<Edge>], new: &Edge) -> bool {
    let mut known = HashSet::from([new.target.ticket]);
    let mut targets = vec![new.target.ticket];
    while let Some(target) = targets.pop() {
        if new.waiter.is_inside(target) {
            return true;
        }
        // Who was waiting for what has ended is about to go on.
        let onward = edges.iter().filter(|edge| !edge.target.has_ended() && edge.waiter.is_inside(target));
        targets.extend(onward.map(|edge| edge.target.ticket).filter(|ticket| known.insert(*ticket)));
    }
    false
}
