#![expect(clippy::unwrap_used, reason = "tests")]

use crate::expansion;
use proc_macro2::{Group, TokenStream, TokenTree};

/// Attributes and functions that between them take every way through the expansion.
const SAMPLES: [(&str, &str); 9] = [
    ("", "pub fn area(kind: &str, r: u64) -> u64 { r }"),
    (
        "maxsize = 10_000, policy = Sieve, ttl = \"1h\", tti = T, max_bytes = \"64MiB\", weigh = |v| v.len(), on_evict = told, cache_if = |v| true",
        "fn f((a, b): (u8, u8), _: Option<&Id>, mut c: Id) -> X { #[cfg(unix)] a }",
    ),
    (
        "backend = url(), memory = 0, writes = Behind, wait = \"2s\", codec = Json, name = \"n\", on_error = log, maxsize = None",
        "pub(crate) async fn f<'a, T: Key + 'a, const N: usize>(x: &'a T) -> io::Result<Option<T>> where T: Debug + 'a { cfg!(windows) }",
    ),
    ("key = (self.id, x), backend = e, version = \"2\", cache_none = false", "fn f(&self, x: u8) -> Option<u8> { x }"),
    ("key: u64 = x, crate = other::place, cache_err", "fn f(x: u64) -> Result<u8, E> { x }"),
    (
        "skip(self, y), handle = other",
        "#[inline] #[allow(unused)] #[doc = \"d\"] async fn r#type(&self, y: Y) { self }",
    ),
    ("associated", "#[cfg(unix)] fn f<T>() -> T { Default::default() }"),
    ("backend = e, name = \"n\", version = \"2\", codec = Portable(Cbor)", "fn f(x: u8) -> u8 { x }"),
    ("maxsize = 0", "fn f(mut self, x: Self) -> Self { self }"),
];

fn expand(attribute: &str, item: &str) -> TokenStream {
    expansion(attribute.parse().unwrap(), item.parse().unwrap())
}

/// All tokens in order, groups opened.
fn flat(stream: TokenStream) -> Vec<String> {
    stream
        .into_iter()
        .flat_map(|tree| match tree {
            TokenTree::Group(group) => flat(group.stream()),
            tree => vec![tree.to_string()],
        })
        .collect()
}

#[test]
fn samples_expand_without_errors() {
    for (attribute, item) in SAMPLES {
        let words = flat(expand(attribute, item));
        assert!(!words.contains(&"compile_error".to_string()), "{attribute} {item}");
        assert!(words.iter().any(|word| word.ends_with("cache_info")), "{attribute} {item}");
    }
}

#[test]
fn generated_code_names_nothing_outside_of_its_root() {
    const FOREIGN: [&str; 16] = [
        "std",
        "core",
        "alloc",
        "memolith_core",
        "memolith_backends",
        "Result",
        "Ok",
        "Err",
        "Some",
        "None",
        "Vec",
        "String",
        "Box",
        "Arc",
        "Clone",
        "Default",
    ];
    for (attribute, item) in SAMPLES {
        let users = [flat(attribute.parse().unwrap()), flat(item.parse().unwrap())].concat();
        let words = flat(expand(attribute, item));
        for (at, word) in words.iter().enumerate() {
            let from_root = at >= 3 && words[at - 3] == "__private";
            let foreign = FOREIGN.contains(&word.as_str()) && !users.contains(word);
            assert!(!foreign || from_root, "`{word}` in {attribute} {item}");
            let lifetime = at > 0 && words[at - 1] == "'";
            if word == "memolith" && !lifetime {
                assert_eq!(words[at + 3], "__private", "{attribute} {item}");
            }
        }
        let root = if attribute.contains("crate") { "place" } else { "memolith" };
        let roots = words.windows(4).filter(|four| four[3] == "__private").map(|four| &four[0]);
        assert!(roots.into_iter().all(|name| name == root), "{attribute} {item}");
    }
}

/// The stream without its `skip`th token, counted through groups.
fn without(stream: TokenStream, skip: &mut usize) -> TokenStream {
    stream
        .into_iter()
        .filter_map(|tree| {
            let here = *skip == 0;
            *skip = skip.wrapping_sub(1);
            match tree {
                _ if here => None,
                TokenTree::Group(group) => {
                    Some(TokenTree::Group(Group::new(group.delimiter(), without(group.stream(), skip))))
                }
                tree => Some(tree),
            }
        })
        .collect()
}

/// What was mistyped is an error, never a panic, and the function stays.
#[test]
fn no_input_makes_it_panic() {
    for (attribute, item) in SAMPLES {
        for at in 0..flat(attribute.parse().unwrap()).len() + 8 {
            expansion(without(attribute.parse().unwrap(), &mut { at }), item.parse().unwrap());
        }
        for at in 0..flat(item.parse().unwrap()).len() + 8 {
            expansion(attribute.parse().unwrap(), without(item.parse().unwrap(), &mut { at }));
        }
        for (other, _) in SAMPLES {
            let both = expand(&format!("{attribute}, {other}"), item);
            assert!(flat(both).contains(&"fn".to_string()), "{attribute} {other}");
        }
    }
}
