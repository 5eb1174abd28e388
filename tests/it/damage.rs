//! A damaged file through the whole stack: a miss, and never a value that was not computed.

#![expect(clippy::unwrap_used, reason = "tests")]

use memolith::backends::Sqlite;
use memolith::{Cache, Postcard};
use std::path::{Path, PathBuf};

type Rows = Cache<(u64,), (u64, String)>;

const ROWS: u64 = 300;

/// A directory that goes with the test.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("memolith-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Dir(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn cache(path: &Path) -> Rows {
    Cache::builder().maxsize(None).memory(0).backend(Sqlite::open(path), "rows", Postcard).build()
}

/// Plain data, without anything by which damage could be noticed but the envelope's sum.
fn value(key: u64) -> (u64, String) {
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15), format!("{key:040}"))
}

fn damage(bytes: &mut Vec<u8>, kind: u64, draw: &mut impl FnMut(usize) -> usize) {
    let length = bytes.len();
    match kind {
        // Flipped bits.
        0 => (0..16).for_each(|_| bytes[draw(length)] ^= 1 << draw(8)),
        // A lost sector.
        1 => {
            let at = draw(length) / 512 * 512;
            bytes[at..(at + 512).min(length)].fill(0);
        }
        // A cut end.
        2 => bytes.truncate(draw(length)),
        // Two pages in each other's place.
        3 => {
            let (one, other) = (draw(length / 4096) * 4096, draw(length / 4096) * 4096);
            (0..4096).for_each(|at| bytes.swap(one + at, other + at));
        }
        // Digits of stored values made others, as a failing memory would.
        _ => (0..length).filter(|at| at % 97 == 0).for_each(|at| bytes[at] = bytes[at].wrapping_add(1)),
    }
}

#[test]
fn a_damaged_file_gives_misses_and_never_another_value() {
    let copies = std::env::var("MEMOLITH_DAMAGE").map_or(100, |copies| copies.parse().unwrap());
    let dir = Dir::new("damaged");
    let path = dir.0.join("whole.db");
    let whole = cache(&path);
    (0..ROWS).for_each(|key| whole.insert((key,), value(key)));
    whole.flush().unwrap();
    assert_eq!(whole.info().errors, 0);
    drop(whole);
    let file = std::fs::read(&path).unwrap();
    let mut random = 0x5eed_u64;
    let mut draw = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % below
    };
    let (mut right, mut missed, mut noticed) = (0, 0, 0);
    for copy in 0..copies {
        let place = Dir::new(&format!("damaged-{copy}"));
        let path = place.0.join("copy.db");
        let mut bytes = file.clone();
        damage(&mut bytes, copy % 5, &mut draw);
        std::fs::write(&path, &bytes).unwrap();
        let cache = cache(&path);
        for key in 0..ROWS {
            match cache.get(&(key,)) {
                Some(found) => {
                    assert_eq!(found, value(key), "copy {copy}");
                    right += 1;
                }
                None => missed += 1,
            }
        }
        noticed += cache.info().errors;
        // What was lost is computed and stored again. The first attempts may meet the damage, and set the file aside.
        (0..4).for_each(|_| cache.insert((1,), value(1)));
        assert_eq!(cache.get_or_insert_with(&(1,), || value(1)), value(1), "copy {copy}");
    }
    assert!(right > 0 && missed > 0 && noticed > 0, "{right} right, {missed} missed, {noticed} noticed");
}
