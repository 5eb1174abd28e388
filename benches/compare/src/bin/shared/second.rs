//! The second process: it reads or writes what the first one has filled.

use crate::losses::Losses;
use crate::values::{Act, work};
use compare::stores::{Bare, Lmdb, Region, Shape, Store};
use compare::{Beside, serve};
use std::path::Path;

/// A store that several processes may use at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bare,
    Region,
    Lmdb,
}

impl Kind {
    const ALL: [(&'static str, Kind); 3] = [("bare", Kind::Bare), ("region", Kind::Region), ("lmdb", Kind::Lmdb)];

    /// A process that does `act` on the store at `place` while it is told to.
    pub(crate) fn beside(self, place: &Path, act: Act, shape: Shape) -> Beside {
        let kind = Kind::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word);
        let place = place.to_str().expect("the directory has a name in UTF-8");
        let act = if act == Act::Put { "put" } else { "get" };
        Beside::start(&[kind, place, act, &shape.entries.to_string(), &shape.bytes.to_string()])
    }
}

/// Serves, as the words say; they are those of [`Kind::beside`].
pub(crate) fn run(words: &[String]) -> ! {
    let [kind, place, act, entries, bytes] = words else { panic!("these words are for this program alone") };
    let number = |word: &String| word.parse().expect("the first process writes numbers");
    let shape = Shape { entries: number(entries), bytes: number(bytes) };
    let act = if act == "put" { Act::Put } else { Act::Get };
    let place = Path::new(place);
    match (Kind::ALL.iter().find(|(word, _)| word == kind).map(|(_, kind)| kind), shape.bytes) {
        (Some(Kind::Region), _) => busy::<Region>(place, act, shape),
        (Some(Kind::Lmdb), _) => busy::<Lmdb>(place, act, shape),
        (_, 64) => busy::<Bare<8>>(place, act, shape),
        _ => busy::<Bare<512>>(place, act, shape),
    }
}

fn busy<S: Store>(place: &Path, act: Act, shape: Shape) -> ! {
    let (store, losses) = (S::open(place, shape), Losses::default());
    let mut work = work(&store, act, (shape, 2), &losses);
    serve(|| work(16))
}
