//! A model of two processes that ask for one key at the same time.

use super::super::layout::Layout;
use super::super::map::Map;
use super::super::model::{byte, check};
use super::super::session::Session;
use super::*;
use loom::thread;

const HASH: u64 = 0x1234_5678_0000_0000;
const LOOKS: Duration = Duration::from_millis(2);

/// The place of the value, in these models.
const VALUE: usize = 0;

/// Two processes and a region as large as it must be.
fn regions() -> [Arc<Region>; 2] {
    let layout = Layout::new(1, 2, 3, 64).expect("the smallest region");
    let at = layout.claim((HASH >> 8) as usize % CLAIMS);
    let map = Map::blank(layout, &[VALUE..VALUE + 1, at..at + 1], &[]);
    [(); 2].map(|()| Arc::new(Region { session: Session::new(&map), map: map.clone() }))
}

/// Computes the value unless it is there or somebody else does. Whether it did.
fn compute(region: &Arc<Region>) -> bool {
    let Some(_claim) = claim(region, HASH, LOOKS) else { return false };
    if region.map.load(VALUE) > 0 {
        return false;
    }
    region.map.store(VALUE, 1);
    true
}

#[test]
fn who_claims_after_another_finds_its_value() {
    check(
        || {
            let [one, two] = regions();
            let other = thread::spawn(move || compute(&one));
            let mine = compute(&two);
            let other = other.join().expect("a panic ends the model");
            assert!(mine != other, "computed twice, or by nobody");
        },
        &["ended too early"],
    );
}

#[test]
fn a_dead_claimant_holds_nobody_up() {
    check(
        || {
            let [one, two] = regions();
            let other = thread::spawn(move || {
                let claimed = claim(&one, HASH, LOOKS);
                std::mem::forget(claimed);
                let me = one.session.me(&one.map).expect("it has joined");
                byte::die(&one.map, me.row());
            });
            let mine = compute(&two);
            other.join().expect("a panic ends the model");
            assert!(mine || compute(&two), "a dead claimant is waited for");
        },
        &["believed for ever"],
    );
}
