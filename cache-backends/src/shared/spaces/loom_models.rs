//! Models of a process that looks a space up while another gives it a row, or moves it.

use super::super::layout::Layout;
use super::super::model::check;
use super::*;
use loom::thread;

const NAME: &str = "f";
const NOW: Timestamp = Timestamp::from_micros(1);

/// A region of which only the table is there.
fn table() -> Map {
    let layout = Layout::new(1, 2, 3, 64).expect("the smallest region");
    Map::blank(layout, &[layout.space(0)..layout.space(SPACES)], &[])
}

fn bounds(policy: Policy, home: bool) -> Bounds {
    Bounds { maxsize: 7, max_bytes: NONE, policy, home }
}

#[test]
fn who_finds_a_space_finds_its_bounds() {
    check(
        || {
            let map = table();
            let theirs = bounds(Policy::Lfu, true);
            let looking = map.clone();
            let looking = thread::spawn(move || {
                let found = Spaces::new().find(&looking, NAME)?;
                assert_eq!((found.policy, found.home, found.scored), (Policy::Lfu, true, true));
                assert_eq!(super::bounds(&looking, found.row), theirs);
                Some(found)
            });
            let claimed = claim(&map, NAME, theirs, NOW);
            let found = looking.join().expect("a panic ends the model");
            assert!(found.is_none_or(|found| found == claimed), "{found:?}");
        },
        &["identity before bounds"],
    );
}

#[test]
fn a_new_epoch_never_comes_with_the_old_placement() {
    check(
        || {
            let map = table();
            let before = claim(&map, NAME, bounds(Policy::Lru, true), NOW);
            let looking = map.clone();
            let looking = thread::spawn(move || Spaces::new().find(&looking, NAME).expect("it has a row"));
            set_bounds(&map, before.row, bounds(Policy::Lru, false));
            renounce(&map, before.row);
            let found = looking.join().expect("a panic ends the model");
            assert!(found.epoch == before.epoch || !found.home, "{found:?}");
            assert!(!is_current(&map, &before));
        },
        &["epoch before placement"],
    );
}
