#![expect(clippy::unwrap_used, reason = "tests")]

use super::{Fingerprint, predicates};
use proc_macro2::{TokenStream, TokenTree};

fn fingerprint(source: &str) -> u64 {
    let mut fingerprint = Fingerprint::new();
    fingerprint.tokens(source.parse().unwrap());
    fingerprint.finish()
}

#[test]
fn layout_means_nothing() {
    let pairs = [
        ("fn f(x: u8) -> u8 { x + 1 }", "/// doc\nfn f( x : u8 )->u8{ // c\n x+1 /* c */ }"),
        ("let x = -1;", "let x=-1;"),
        ("a = &&b", "a=&&b"),
        ("|x| -> u8 { x }", "|x|->u8{x}"),
        ("0..=-1", "0 ..= -1"),
        ("a < -b", "a<-b"),
        ("x == !y", "x==!y"),
        ("f(a, b)", "f(\n a,\n b,\n)"),
        ("f(a)", "f(a,)"),
        ("S { a, b }", "S { a, b, }"),
        ("[1, 2]", "[1, 2,]"),
        ("g(a)(b)", "g(a)(b,)"),
        ("m.f::<u8>(a, b)", "m.f::<u8>(a, b,)"),
        ("fn f() {}", "#[inline] #[must_use] #[doc(hidden)] fn f() { #![allow(unused)] }"),
        ("&'a str", "& 'a str"),
        ("where T: A { x }", "where T: A, { x }"),
        ("where T: A<B> { x }", "where T: A<B>, { x }"),
        ("f(a,#[allow(x)] b)", "f(a, b)"),
        ("S { a: Vec<u8>, }", "S { a: Vec<u8> }"),
        ("Vec<Vec<u8>>=x", "Vec<Vec<u8>>= x"),
    ];
    for (one, other) in pairs {
        assert_eq!(fingerprint(one), fingerprint(other), "{one} | {other}");
    }
}

#[test]
fn everything_else_counts() {
    let pairs = [
        ("a && b", "a & &b"),
        ("a || b", "a | |b"),
        ("x <<= 1", "x << = 1"),
        ("(x,)", "(x)"),
        ("return (x,)", "return (x)"),
        ("m!(x,)", "m!(x)"),
        ("m![x,]", "m![x]"),
        ("m!{x,}", "m!{x}"),
        ("1", "2"),
        ("1", "1u8"),
        ("1.0", "1."),
        ("\"a b\"", "\"a  b\""),
        ("\"a\"", "b\"a\""),
        ("'a'", "'b'"),
        ("r\"a\"", "\"a\""),
        ("ab", "a b"),
        ("a", "r#a"),
        ("{ }", "( )"),
        ("[ ]", "{ }"),
        ("{ a } b", "{ a b }"),
        ("fn f(a: u8, b: u8)", "fn f(b: u8, a: u8)"),
        ("a - b", "b - a"),
        ("fn f() -> u8", "fn f() -> i8"),
        ("#[cfg(x)] a", "a"),
        ("#[cfg(x)] a", "#[cfg(y)] a"),
        ("a.b", "a::b"),
        ("a..b", "a...b"),
        ("a..b", "a..=b"),
        ("x as u8", "x as u16"),
        ("m!(#[doc = \"x\"])", "m!(y)"),
        ("f(a, {b})", "f(a {b})"),
        ("\"ab\" \"c\"", "\"a\" \"bc\""),
    ];
    for (one, other) in pairs {
        assert_ne!(fingerprint(one), fingerprint(other), "{one} | {other}");
    }
}

#[test]
fn it_is_a_format() {
    let source = "fn area(kind: &str, r: f64) -> f64 { if kind == \"disc\" { 3.14 * r * r } else { r * r } }";
    assert_eq!(fingerprint(source), 4_942_903_868_492_222_775);
}

#[test]
fn a_label_separates() {
    let of = |label: &str, tokens: &str| {
        let mut fingerprint = Fingerprint::new();
        fingerprint.label(label);
        fingerprint.tokens(tokens.parse().unwrap());
        fingerprint.finish()
    };
    assert_ne!(of("key", "x"), of("codec", "x"));
    assert_ne!(of("key", "x"), fingerprint("key x"));
    assert_eq!(of("key", "x"), of("key", "x"));
}

/// Each digit of a real source, changed in place, is seen in code and not seen in comments.
#[test]
fn every_digit_counts() {
    let source = include_str!("../tokens.rs");
    let base = fingerprint(source);
    let mut tried = 0;
    for (at, digit) in source.char_indices().filter(|(_, c)| c.is_ascii_digit()) {
        let mut changed = source.to_string();
        changed.replace_range(at..=at, if digit == '7' { "8" } else { "7" });
        let Ok(tokens) = changed.parse::<TokenStream>() else { continue };
        let mut fingerprint = Fingerprint::new();
        fingerprint.tokens(tokens);
        let line = source[..at].rfind('\n').map_or(0, |end| end);
        let comment = source[line..at].contains("//");
        assert_eq!(fingerprint.finish() == base, comment, "digit at {at}");
        tried += 1;
    }
    assert!(tried > 40, "only {tried} digits were tried");
}

/// Each word of a real source, replaced by another, is seen: no part of a function is skipped by accident.
#[test]
fn every_word_counts() {
    let source = "fn f<'a, T: Ord>(x: &'a [T], y: Option<u8>) -> usize where T: Clone, { match y { Some(n) => x.len() + n as usize, None => { let z = [one, two]; z.iter().map(|q| q.go(x)).sum() } } }";
    let words: Vec<String> = flatten(source.parse().unwrap());
    let base = fingerprint(source);
    assert!(words.len() > 30);
    for (at, _) in words.iter().enumerate() {
        let changed = replace_word(source.parse().unwrap(), &mut { at });
        let mut fingerprint = Fingerprint::new();
        fingerprint.tokens(changed);
        assert_ne!(fingerprint.finish(), base, "word {at}: {}", words[at]);
    }
}

fn flatten(stream: TokenStream) -> Vec<String> {
    stream
        .into_iter()
        .flat_map(|tree| match tree {
            TokenTree::Group(group) => flatten(group.stream()),
            TokenTree::Ident(ident) => vec![ident.to_string()],
            _ => Vec::new(),
        })
        .collect()
}

/// The stream with its `skip`th word replaced.
fn replace_word(stream: TokenStream, skip: &mut usize) -> TokenStream {
    stream
        .into_iter()
        .map(|tree| match tree {
            TokenTree::Group(group) => {
                TokenTree::Group(proc_macro2::Group::new(group.delimiter(), replace_word(group.stream(), skip)))
            }
            TokenTree::Ident(ident) => {
                let hit = *skip == 0;
                *skip = skip.wrapping_sub(1);
                if hit { TokenTree::Ident(proc_macro2::Ident::new("another", ident.span())) } else { ident.into() }
            }
            tree => tree,
        })
        .collect()
}

#[test]
fn predicates_are_found_wherever_they_stand() {
    let source = r#"{
        #![cfg(inner)]
        #[cfg(feature = "a")]
        let x = if cfg!(all(unix, b)) { 1 } else { 2 };
        #[cfg_attr(c, inline, cold)]
        fn g() { vec![cfg!(d)]; }
        cfg.run(); other!(e); #[cfg] y
    }"#;
    let found: Vec<String> =
        predicates(source.parse().unwrap()).iter().map(|x| x.to_string().replace(' ', "")).collect();
    assert_eq!(found, ["inner", "feature=\"a\"", "all(unix,b)", "c", "d"]);
}
