//! Names on the server: of keys, and of the channels on which removals are told.
//!
//! | key | what it is |
//! |---|---|
//! | `PREFIX:{SPACE}:k:KEY` | an entry of a plain space |
//! | `PREFIX:{SPACE}:s` | scores of a tracked space, a sorted set |
//! | `PREFIX:{SPACE}:v` | its values, a hash |
//! | `PREFIX:{SPACE}:l` | how many places of it are lent, a hash |
//! | `PREFIX:{SPACE}:p` | says that the space was plain once |
//! | `PREFIX:{SPACE}:n` | no key, but the channel of the space |
//! | `PREFIX:{SPACE}:c:..` | who computes a key, and the channel that tells when that has ended |
//! | `PREFIX:{SPACE}:f` | the number of the last claim |
//! | `PREFIX:tags` | the tags of all spaces, a hash, and their channel |
//! | `PREFIX:TOOL:{NAMES}` | what a lock, a limit or a session keeps |
//!
//! `SPACE` ends in `~I.N` where a space is split over N stripes, and is `~all` where all functions share one.
//! Prefixes and names are escaped: what stands in them is never a brace, a character of a pattern, or `~`. So the hash
//! tag is ours, no key of a space begins like one of another, and names can stand in patterns as they are.

use super::clock::Clock;
use super::counted::Counted;
use super::lent::Lent;
use super::noted::Noted;
use super::sizes::Sizes;
use crate::redis::fleet::slots::slot_of;
use crate::redis::lock::RwLock;
use crate::redis::settings::options::{Options, Scope};
use crate::redis::wire::request::Route;
use memolith_core::Space;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Beyond that a name is cut, and its hash stands for the rest.
const LONGEST: usize = 160;

/// Where everything of one prefix is.
#[derive(Debug)]
pub(crate) struct Layout {
    prefix: String,
    stripes: u16,
    scope: Scope,
    /// Those met so far: a program has as many as it has functions.
    areas: RwLock<HashMap<Arc<str>, Arc<Area>>>,
}

/// Where everything of one space is.
#[derive(Debug)]
pub(crate) struct Area {
    pub(crate) stripes: Vec<Stripe>,
    /// What the fields of its entries begin with in a hash of values.
    field: Vec<u8>,
    pub(crate) sizes: Sizes,
}

/// Keys that share a slot.
#[derive(Debug)]
pub(crate) struct Stripe {
    pub(crate) route: Route,
    /// What the keys of plain entries begin with.
    pub(crate) plain: Vec<u8>,
    pub(crate) scores: Vec<u8>,
    pub(crate) values: Vec<u8>,
    pub(crate) loans: Vec<u8>,
    pub(crate) was_plain: Vec<u8>,
    /// Whether that key is known not to be there.
    pub(crate) is_pure: AtomicBool,
    pub(crate) channel: Vec<u8>,
    /// That of its server.
    pub(crate) clock: Clock,
    pub(crate) noted: Noted,
    pub(crate) counted: Counted,
    pub(crate) lent: Lent,
}

/// Where removals from a space are told: by SPUBLISH on a cluster whose servers have it, else by PUBLISH. A message is
/// the id of the [`Redis`](crate::redis::Redis) that has removed, and what `tell` says may follow it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Channel {
    pub(crate) name: Vec<u8>,
    pub(crate) slot: u16,
}

impl Layout {
    pub(crate) fn new(options: &Options) -> Self {
        let prefix = escaped(&options.prefix);
        Layout { prefix, stripes: options.stripes, scope: options.scope, areas: RwLock::default() }
    }

    /// Where `space` is.
    pub(crate) fn area(&self, space: &Space) -> Arc<Area> {
        if let Some(area) = self.areas.read().get(&space.name) {
            return Arc::clone(area);
        }
        let area = Arc::new(self.lay_out(&space.name));
        Arc::clone(self.areas.write().entry(Arc::clone(&space.name)).or_insert(area))
    }

    /// The channels of `space`, one for each stripe.
    pub(crate) fn channels(&self, space: &Space) -> Vec<Channel> {
        if *space == Space::of_tags() {
            return vec![Channel { slot: slot_of(&self.tags()), name: self.tags() }];
        }
        let channel = |stripe: &Stripe| Channel { slot: slot_of(&stripe.channel), name: stripe.channel.clone() };
        self.area(space).stripes.iter().map(channel).collect()
    }

    /// The key of the tags of all spaces, which is the name of their channel too.
    pub(crate) fn tags(&self) -> Vec<u8> {
        format!("{}:tags", self.prefix).into_bytes()
    }

    /// A key beside the entries of `space`, in the slot of `key`: `kind` tells what for, and is none of the letters above.
    pub(crate) fn beside(&self, space: &Space, kind: &str, key: &[u8]) -> (Vec<u8>, u16) {
        let name = [&self.base(space, key)[..], kind.as_bytes(), b":", &self.area(space).field(key)].concat();
        let slot = slot_of(&name);
        (name, slot)
    }

    /// A key that all keys of `space` in the slot of `key` share; `kind` as there.
    pub(crate) fn beside_all(&self, space: &Space, kind: &str, key: &[u8]) -> Vec<u8> {
        [&self.base(space, key)[..], kind.as_bytes()].concat()
    }

    /// What the names of a stripe begin with.
    fn base(&self, space: &Space, key: &[u8]) -> Vec<u8> {
        let area = self.area(space);
        let name = &area.stripe(key).was_plain;
        name.strip_suffix(b"p").unwrap_or(name).to_vec()
    }

    /// A key of no cache, with names of users in its hash tag, and its slot. What follows it stays in the slot.
    pub(crate) fn tool(&self, kind: &str, names: &[&str]) -> (Vec<u8>, u16) {
        // Escaped names have no `~`.
        let tags: Vec<String> = names.iter().map(|name| tag(name)).collect();
        let key = format!("{}:{kind}:{{{}}}", self.prefix, tags.join("~")).into_bytes();
        let slot = slot_of(&key);
        (key, slot)
    }

    fn lay_out(&self, name: &str) -> Area {
        let id = format!("{:016x}", xxh3_64(name.as_bytes()));
        let (tag, own, field) = match self.scope {
            Scope::Function => (tag(name), String::new(), "k".to_owned()),
            Scope::Shared => ("~all".to_owned(), format!(":{id}"), format!("k{id}")),
        };
        let base = |stripe| match self.stripes {
            1 => format!("{}:{{{tag}}}", self.prefix),
            stripes => format!("{}:{{{tag}~{stripe}.{stripes}}}", self.prefix),
        };
        let stripe = |number| {
            let base = base(number);
            Stripe {
                route: Route::Slot(slot_of(base.as_bytes())),
                plain: format!("{base}:k{own}:").into_bytes(),
                scores: format!("{base}:s").into_bytes(),
                values: format!("{base}:v").into_bytes(),
                loans: format!("{base}:l").into_bytes(),
                was_plain: format!("{base}:p").into_bytes(),
                is_pure: AtomicBool::new(false),
                channel: format!("{base}:n{own}").into_bytes(),
                clock: Clock::default(),
                noted: Noted::default(),
                counted: Counted::default(),
                lent: Lent::default(),
            }
        };
        Area { stripes: (0..self.stripes).map(stripe).collect(), field: field.into_bytes(), sizes: Sizes::default() }
    }
}

impl Area {
    /// Which stripe `key` belongs to.
    pub(crate) fn place(&self, key: &[u8]) -> usize {
        match self.stripes.len() {
            1 => 0,
            many => (xxh3_64(key) % many as u64) as usize,
        }
    }

    pub(crate) fn stripe(&self, key: &[u8]) -> &Stripe {
        &self.stripes[self.place(key)]
    }

    /// The field of `key` in a hash of values.
    pub(crate) fn field(&self, key: &[u8]) -> Vec<u8> {
        [&self.field, key].concat()
    }

    /// The key that `field` was made of, if it is of this space.
    pub(crate) fn key<'a>(&self, field: &'a [u8]) -> Option<&'a [u8]> {
        field.strip_prefix(&self.field[..])
    }

    /// What each of its fields begins with; the key follows.
    pub(crate) fn field_start(&self) -> &[u8] {
        &self.field
    }

    /// Its channels and where they are.
    pub(crate) fn channels(&self) -> Vec<(&[u8], Route)> {
        self.stripes.iter().map(|stripe| (&stripe.channel[..], stripe.route)).collect()
    }

    /// How the keys of a batch lie, as places in the batch for each stripe that has any.
    pub(crate) fn split<'a>(&self, keys: impl Iterator<Item = &'a [u8]>) -> Vec<(&Stripe, Vec<usize>)> {
        let mut places: Vec<(&Stripe, Vec<usize>)> = self.stripes.iter().map(|stripe| (stripe, vec![])).collect();
        keys.enumerate().for_each(|(number, key)| places[self.place(key)].1.push(number));
        places.retain(|(_, numbers)| !numbers.is_empty());
        places
    }
}

impl Stripe {
    /// The key of a plain entry.
    pub(crate) fn entry(&self, key: &[u8]) -> Vec<u8> {
        [&self.plain, key].concat()
    }

    /// What the keys of all plain entries match, and no others.
    pub(crate) fn pattern(&self) -> Vec<u8> {
        [&self.plain[..], b"*"].concat()
    }
}

/// A name as it stands in a hash tag: never empty, or the tag would be the whole key.
fn tag(name: &str) -> String {
    let mut text = escaped(name);
    if text.is_empty() {
        return "%".to_owned();
    }
    if text.len() > LONGEST {
        text.truncate(LONGEST);
        let _ = write!(text, "~h{:032x}", xxh3_128(name.as_bytes()));
    }
    text
}

/// `text` in ASCII without what means something in keys and patterns.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => escaped.push(char::from(byte)),
            b'_' | b'-' | b'.' | b':' | b'#' | b'/' | b'@' | b'+' | b'=' | b',' | b'<' | b'>' | b'(' | b')' | b'&' => {
                escaped.push(char::from(byte));
            }
            _ => _ = write!(escaped, "%{byte:02x}"),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(set: &[(&str, &str)]) -> Layout {
        let mut options = Options::default();
        set.iter().for_each(|(name, value)| options.set(name, value).expect("it is a parameter"));
        Layout::new(&options)
    }

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).expect("names are ascii")
    }

    #[test]
    fn names_can_be_read() {
        let area = layout(&[]).area(&Space::new("crate::area#a1b2"));
        assert_eq!(text(&area.stripes[0].entry(b"7")), "memolith:{crate::area#a1b2}:k:7");
        assert_eq!(text(&area.stripes[0].scores), "memolith:{crate::area#a1b2}:s");
        assert_eq!(text(&area.stripes[0].channel), "memolith:{crate::area#a1b2}:n");
        let area = layout(&[("prefix", "app"), ("stripes", "3")]).area(&Space::new("f"));
        assert_eq!(text(&area.stripes[2].values), "app:{f~2.3}:v");
        let area = layout(&[("scope", "shared")]).area(&Space::new("f"));
        assert_eq!(text(&area.stripes[0].values), "memolith:{~all}:v");
        assert_eq!(area.key(&area.field(b"7")), Some(&b"7"[..]));
    }

    #[test]
    fn no_name_is_a_prefix_or_a_pattern_of_another() {
        let long = "x".repeat(400);
        let hostile = [
            "",
            "%",
            "%25",
            "a",
            "a:b",
            "a}:k:",
            "a{",
            "{a}",
            "a*",
            "*",
            "?",
            "[ab]",
            "\\a",
            "a~0.3",
            "~all",
            "\u{e9}",
            "\n",
            "a%",
            "A",
            "a:k",
            "a:k:b",
            &long,
            &long[1..],
        ];
        let all = [
            layout(&[]),
            layout(&[("stripes", "3")]),
            layout(&[("prefix", "memolith:{a}")]),
            layout(&[("prefix", "m*")]),
        ];
        let mut seen = Vec::new();
        for layout in &all {
            for name in hostile {
                for stripe in &layout.area(&Space::new(name)).stripes {
                    let start = text(&stripe.plain).to_owned();
                    assert!(!start.contains(['*', '?', '[', ']', '\\', '^']), "{start}");
                    let (before, rest) = start.split_once('{').expect("there is a tag");
                    assert!(!before.contains('}') && rest.ends_with("}:k:"), "{start}");
                    let keys = [
                        &stripe.scores,
                        &stripe.values,
                        &stripe.loans,
                        &stripe.was_plain,
                        &stripe.channel,
                        &stripe.plain,
                    ];
                    assert!(keys.iter().all(|key| Route::Slot(slot_of(key)) == stripe.route), "{start}");
                    seen.push(start);
                }
            }
        }
        for (i, one) in seen.iter().enumerate() {
            let clash = seen.iter().enumerate().find(|(k, other)| i != *k && other.starts_with(one.as_str()));
            assert_eq!(clash, None, "{one}");
        }
    }

    #[test]
    fn what_lies_beside_is_in_the_slot_of_the_key() {
        let layout = layout(&[("stripes", "5")]);
        let space = Space::new("f");
        for key in [&b"a"[..], b"b", b"{c}", b""] {
            let (name, slot) = layout.beside(&space, "c", key);
            assert_eq!(Route::Slot(slot), layout.area(&space).stripe(key).route);
            assert!(name.starts_with(b"memolith:{f~"));
        }
    }

    #[test]
    fn a_batch_is_split_by_stripes() {
        let area = layout(&[("stripes", "4")]).area(&Space::new("f"));
        let keys: Vec<[u8; 2]> = (0..500u16).map(u16::to_le_bytes).collect();
        let split = area.split(keys.iter().map(|key| &key[..]));
        assert_eq!(split.len(), 4);
        let mut numbers: Vec<usize> = split.iter().flat_map(|(_, numbers)| numbers.clone()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..500).collect::<Vec<_>>());
        for (stripe, numbers) in split {
            assert!(numbers.iter().all(|number| area.stripe(&keys[*number]).scores == stripe.scores));
        }
    }
}
