//! Functions that call each other through caches, from many threads at once: no call graph hangs.

use crate::watchdog::within;
use memolith::Cache;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

/// A small generator of repeatable choices (Marsaglia's xorshift).
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Which node calls which, each node a key of one of two functions.
struct Graph {
    calls: Vec<Vec<usize>>,
    even: Cache<usize, u64>,
    odd: Cache<usize, u64>,
    computed: Vec<AtomicU64>,
    /// Whether a node may call one that calls it.
    circles: bool,
}

impl Graph {
    fn new(seed: u64, circles: bool) -> Self {
        let mut choices = Choices(seed * 2 + 1);
        (0..8).for_each(|_| _ = choices.below(2));
        let nodes = 4 + choices.below(12) as usize;
        let calls = (0..nodes).map(|node| {
            let reach = if circles { nodes } else { node };
            (0..choices.below(4)).filter(|_| reach > 0).map(|_| choices.below(reach.max(1) as u64) as usize).collect()
        });
        let calls = calls.collect();
        let cache = || Cache::builder().maxsize(None).build();
        let computed = (0..nodes).map(|_| AtomicU64::new(0)).collect();
        Graph { calls, even: cache(), odd: cache(), computed, circles }
    }

    /// The value of a node: its own number, and the values of those it calls. In a graph with circles, where that has
    /// no end, the number alone, and a call deeper than any path calls nobody.
    fn value(&self, node: usize, depth: usize) -> u64 {
        let cache = if node.is_multiple_of(2) { &self.even } else { &self.odd };
        cache.get_or_insert_with(&node, || {
            self.computed[node].fetch_add(1, Relaxed);
            if depth > 3 && self.circles {
                return node as u64;
            }
            thread::yield_now();
            let sum = self.calls[node].iter().map(|called| self.value(*called, depth + 1)).fold(0, u64::wrapping_add);
            if self.circles { node as u64 } else { sum.wrapping_add(node as u64 + 1) }
        })
    }

    /// The same without any cache.
    fn expected(&self) -> Vec<u64> {
        let mut values: Vec<u64> = Vec::new();
        for (node, calls) in self.calls.iter().enumerate() {
            let value = match self.circles {
                true => node as u64,
                false => calls.iter().map(|called| values[*called]).fold(node as u64 + 1, u64::wrapping_add),
            };
            values.push(value);
        }
        values
    }
}

/// Four threads that live on ask every graph for all of its nodes, each in an order of its own.
fn walk(graphs: u64, circles: bool) {
    let graphs: Arc<Vec<Graph>> = Arc::new((1..=graphs).map(|seed| Graph::new(seed, circles)).collect());
    let start = std::sync::Barrier::new(4);
    thread::scope(|scope| {
        for thread in 1..=4u64 {
            let (graphs, start) = (&graphs, &start);
            scope.spawn(move || {
                for graph in graphs.iter() {
                    start.wait();
                    let mut choices = Choices(thread * 977);
                    for _ in 0..graph.calls.len() {
                        let node = choices.below(graph.calls.len() as u64) as usize;
                        graph.value(node, 0);
                    }
                }
            });
        }
    });
    for graph in graphs.iter() {
        let expected = graph.expected();
        for (node, expected) in expected.into_iter().enumerate() {
            assert_eq!(graph.value(node, 0), expected);
            let computed = graph.computed[node].load(Relaxed);
            assert!(computed == 1 || circles && computed > 0, "node {node} was computed {computed} times");
        }
    }
}

#[test]
fn ten_thousand_call_graphs_end_with_one_call_per_key() {
    within(50, || walk(5_000, false));
    within(50, || walk(5_000, true));
}

#[test]
fn a_panic_deep_in_a_graph_frees_all_who_wait() {
    within(30, || {
        for seed in 1..300 {
            let graph = Graph::new(seed, false);
            let victim = seed as usize % graph.calls.len();
            let failures = AtomicU64::new(0);
            let value = |node: usize| fragile(&graph, node, victim, &failures);
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        for node in (0..graph.calls.len()).rev() {
                            let _ = catch_unwind(AssertUnwindSafe(|| value(node)));
                        }
                    });
                }
            });
            let expected = graph.expected();
            assert!((0..graph.calls.len()).all(|node| value(node) == expected[node]));
        }
    });
}

/// As [`Graph::value`], but the first two computations of `victim` panic.
fn fragile(graph: &Graph, node: usize, victim: usize, failures: &AtomicU64) -> u64 {
    graph.even.get_or_insert_with(&node, || {
        if node == victim && failures.fetch_add(1, Relaxed) < 2 {
            panic!("planned");
        }
        let called = graph.calls[node].iter().map(|called| fragile(graph, *called, victim, failures));
        called.fold(node as u64 + 1, u64::wrapping_add)
    })
}
