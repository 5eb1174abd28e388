//! Keys of one's own: floats by their bits, text without its case, arguments that do not count.

use memolith::lru_cache;

struct Log;

impl Log {
    fn note(&self, what: &str) {
        println!("log: {what}");
    }
}

#[lru_cache(key = x.to_bits())]
fn root(x: f64, log: &Log) -> f64 {
    log.note("taking a root");
    x.sqrt()
}

#[lru_cache(key = word.to_lowercase())]
fn length(word: &str) -> usize {
    word.chars().count()
}

#[lru_cache(skip(log))]
fn area(width: u32, height: u32, log: &Log) -> u32 {
    log.note("multiplying");
    width * height
}

fn main() {
    assert_eq!((root(2.0, &Log), root(2.0, &Log)), (2_f64.sqrt(), 2_f64.sqrt()));
    assert_eq!((length("Stone"), length("STONE")), (5, 5));
    assert_eq!((area(3, 4, &Log), area(3, 4, &Log)), (12, 12));
    for info in [root::cache_info(), length::cache_info(), area::cache_info()] {
        assert_eq!((info.hits, info.misses), (1, 1));
    }
}
