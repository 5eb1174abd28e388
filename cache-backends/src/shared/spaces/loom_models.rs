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

fn bounds(maxsize: u64, spread: u32) -> Bounds {
    Bounds { maxsize, max_bytes: NONE, policy: Policy::Lfu, spread }
}

#[test]
fn who_finds_a_space_finds_its_bounds() {
    check(
        || {
            let map = table();
            let looking = map.clone();
            let looking = thread::spawn(move || {
                let found = Spaces::new().find(&looking, &NAME.into())?;
                assert_eq!(super::bounds(&looking, found.row), bounds(7, 3));
                Some(found)
            });
            let (claimed, former) = claim(&map, NAME, bounds(7, 3), NOW);
            assert_eq!(former, Former::Nobody);
            let found = looking.join().expect("a panic ends the model");
            assert!(found.is_none_or(|found| found == claimed), "{found:?}");
        },
        &["identity before bounds"],
    );
}

#[test]
fn who_finds_where_a_space_has_moved_to_finds_its_bounds_there() {
    check(
        || {
            let map = table();
            let (before, _) = claim(&map, NAME, bounds(7, 0), NOW);
            let looking = map.clone();
            let looking = thread::spawn(move || {
                let found = Spaces::new().find(&looking, &NAME.into()).expect("it has a row");
                (found, super::bounds(&looking, found.row))
            });
            set_bounds(&map, before.row, bounds(9, 3));
            let (found, theirs) = looking.join().expect("a panic ends the model");
            assert_eq!(found.epoch() == before.epoch(), spread(found.state) == spread(before.state), "{found:?}");
            assert!(found == before || theirs == bounds(9, 3), "{found:?}, {theirs:?}");
            assert!(!is_current(&map, &before));
        },
        &["state before bounds"],
    );
}
