//! One store for Rust and Python: run it, and the function of the same name in Python finds what this one has stored.
//!
//! `cargo run --example interop --features messagepack,json,cbor,shared -- sqlite:target/counts.db messagepack "to be or not to be" 2`

use memolith::lru_cache;
use std::collections::BTreeMap;
use std::env::args;

type Counts = BTreeMap<String, u64>;

macro_rules! count_in {
    ($function:ident, $codec:expr) => {
        /// How often each word of at least `least` letters occurs.
        #[lru_cache(maxsize = None, backend = url(), name = "count", version = "1", codec = Portable($codec))]
        fn $function(text: &str, least: u32) -> Counts {
            println!("computing");
            let mut counts = Counts::new();
            let words = text.split_whitespace().filter(|word| word.chars().count() >= least as usize);
            words.for_each(|word| *counts.entry(word.to_owned()).or_default() += 1);
            counts
        }
    };
}

// One function would do: the programs only have to name the same codec.
count_in!(in_messagepack, MessagePack);
count_in!(in_json, Json);
count_in!(in_cbor, Cbor);

fn url() -> String {
    args().nth(1).unwrap_or("sqlite:target/counts.db".to_owned())
}

fn main() {
    let codec = args().nth(2).unwrap_or("messagepack".to_owned());
    let text = args().nth(3).unwrap_or("to be or not to be".to_owned());
    let least = args().nth(4).and_then(|least| least.parse().ok()).unwrap_or(2);
    let count = [("messagepack", in_messagepack as fn(&str, u32) -> Counts), ("json", in_json), ("cbor", in_cbor)];
    let Some((_, count)) = count.into_iter().find(|(name, _)| *name == codec) else { panic!("there is no {codec}") };
    println!("{:?}", count(&text, least));
}
