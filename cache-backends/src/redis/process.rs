//! What a process has for itself, and a forked child of it does not inherit.
//!
//! A child has its parent's memory and none of its threads but one. A lock that another thread held stays held for ever,
//! and a connection is the parent's as well. So what holds locks, threads and connections is made anew in a child, and what
//! was its parent's is neither used nor dropped there. Finding it takes no lock.

use memolith_core::__private::forks;
use std::sync::OnceLock;

/// A `T` for each process, from a fork to the next.
#[derive(Debug)]
pub(crate) struct PerProcess<T>(Chain<Own<T>>);

#[derive(Debug)]
struct Own<T> {
    /// How often there had been a fork when it was made.
    forks: u32,
    it: T,
}

/// Things that are added and never leave, found without a lock.
#[derive(Debug)]
pub(crate) struct Chain<T>(OnceLock<Box<Link<T>>>);

#[derive(Debug)]
struct Link<T> {
    it: T,
    next: Chain<T>,
}

impl<T> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        PerProcess(Chain::new())
    }

    /// That of this process, which `make` makes if there is none. Of several that threads make at once one is used.
    pub(crate) fn get(&self, make: impl Fn() -> T) -> &T {
        let forks = forks();
        loop {
            if let Some(own) = self.0.iter().find(|own| own.forks == forks) {
                return &own.it;
            }
            self.0.add(Own { forks, it: make() });
        }
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        let forks = forks();
        while let Some(own) = self.0.pop() {
            if own.forks != forks {
                // To end a connection would be to speak for the parent, and its locks may be held.
                std::mem::forget(own.it);
            }
        }
    }
}

impl<T> Chain<T> {
    pub(crate) const fn new() -> Self {
        Chain(OnceLock::new())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::successors(self.0.get(), |link| link.next.0.get()).map(|link| &link.it)
    }

    /// Adds it as the last.
    pub(crate) fn add(&self, it: T) {
        // Made before it is put in place: a thread that a child does not have is hardly ever lost in between.
        let mut link = Box::new(Link { it, next: Chain::new() });
        let mut end = self;
        while let Err(late) = end.0.set(link) {
            link = late;
            while let Some(other) = end.0.get() {
                end = &other.next;
            }
        }
    }

    fn pop(&mut self) -> Option<T> {
        let Link { it, next } = *self.0.take()?;
        *self = next;
        Some(it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_add_at_once_is_all_there() {
        let chain = Chain::new();
        std::thread::scope(|scope| {
            let add = |from: u32| (from..from + 100).for_each(|number| chain.add(number));
            (0..4).for_each(|thread| _ = scope.spawn(move || add(thread * 100)));
        });
        let mut there: Vec<_> = chain.iter().copied().collect();
        there.sort_unstable();
        assert!(there.into_iter().eq(0..400));
    }

    #[test]
    fn threads_of_a_process_have_the_same() {
        let own = PerProcess::new();
        let first = std::thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(|| own.get(|| std::thread::current().id())));
            threads.map(|thread| *thread.join().expect("it does not panic"))
        });
        assert!(first.iter().all(|id| *id == first[0] && id == own.get(|| std::thread::current().id())));
    }
}
