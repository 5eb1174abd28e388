//! A hash over tokens: what the compiler reads, not how it is laid out.
//!
//! Results kept under one fingerprint are never served under another, so this is a format:
//! every change to a rule below empties every persisted cache that has no `version`.

mod cfg;
#[cfg(test)]
mod tests;

pub(crate) use cfg::predicates;

use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, TokenStream, TokenTree};

/// FNV-1a with 64 bits over tagged tokens, mixed once more at the end.
pub(crate) struct Fingerprint(u64);

/// What a token is. The numbers are part of the format.
#[derive(Clone, Copy)]
enum Tag {
    Ident = 1,
    Literal = 2,
    Operator = 3,
    Parenthesis = 4,
    Brace = 6,
    Bracket = 8,
    Invisible = 10,
    Label = 12,
}

impl Fingerprint {
    pub(crate) fn new() -> Self {
        Fingerprint(0xcbf2_9ce4_8422_2325)
    }

    /// Separates what follows from what came before: the same tokens under another label are other tokens.
    pub(crate) fn label(&mut self, name: &str) {
        self.item(Tag::Label as u8, name);
    }

    pub(crate) fn tokens(&mut self, stream: TokenStream) {
        self.walk(&trees(stream), Within::Code);
    }

    pub(crate) fn finish(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        mixed ^ (mixed >> 32)
    }

    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }

    fn item(&mut self, tag: u8, text: &str) {
        self.byte(tag);
        text.bytes().for_each(|byte| self.byte(byte));
        // 0xff is no byte of UTF-8, so it can only be the end of the text.
        self.byte(0xff);
    }

    fn walk(&mut self, trees: &[TokenTree], within: Within) {
        let mut at = 0;
        let mut in_where = false;
        while let Some(tree) = trees.get(at) {
            let rest = &trees[at..];
            in_where |= matches!(tree, TokenTree::Ident(word) if word == "where");
            if in_where && ends_where_clause(rest) {
                at += 1;
                continue;
            }
            if let Some(length) = silent_attribute(rest) {
                at += length;
                continue;
            }
            at += match tree {
                TokenTree::Ident(ident) => self.ident(ident),
                TokenTree::Literal(literal) => self.literal(literal),
                TokenTree::Punct(_) => self.operators(rest),
                TokenTree::Group(group) => self.group(group, &trees[..at], within),
            };
        }
    }

    fn ident(&mut self, ident: &Ident) -> usize {
        self.item(Tag::Ident as u8, &ident.to_string());
        1
    }

    fn literal(&mut self, literal: &Literal) -> usize {
        self.item(Tag::Literal as u8, &literal.to_string());
        1
    }

    /// A run of punctuation is cut again as the lexer cuts it: spacing alone would tell `x=-1` from `x = -1`.
    fn operators(&mut self, rest: &[TokenTree]) -> usize {
        let run = run_of_punctuation(rest);
        let mut text = &run[..];
        while let Some(first) = text.chars().next() {
            let length = OPERATORS.iter().find(|o| text.starts_with(**o)).map_or(first.len_utf8(), |o| o.len());
            let (operator, after) = text.split_at(length);
            self.item(Tag::Operator as u8, operator);
            text = after;
        }
        run.chars().count()
    }

    fn group(&mut self, group: &Group, before: &[TokenTree], within: Within) -> usize {
        let tag = match group.delimiter() {
            Delimiter::Parenthesis => Tag::Parenthesis,
            Delimiter::Brace => Tag::Brace,
            Delimiter::Bracket => Tag::Bracket,
            Delimiter::None => Tag::Invisible,
        } as u8;
        let within = if is_macro_call(before) { Within::MacroInput } else { within };
        let mut inner = trees(group.stream());
        if matches!(within, Within::Code) && has_idle_comma(&inner, group.delimiter(), before) {
            inner.pop();
        }
        self.item(tag, "");
        self.walk(&inner, within);
        self.item(tag + 1, "");
        1
    }
}

/// Whether a macro sees the tokens: to a macro every comma may mean something.
#[derive(Clone, Copy)]
enum Within {
    Code,
    MacroInput,
}

/// What the lexer glues together, longest first. Any other two marks mean the same with and without a space between.
const OPERATORS: [&str; 24] = [
    "<<=", ">>=", "...", "..=", "<<", ">>", "&&", "||", "==", "!=", "<=", ">=", "+=", "-=", "*=", "/=", "%=", "^=",
    "&=", "|=", "->", "=>", "::", "..",
];

/// Attributes that never change what a function returns.
const SILENT: [&str; 10] =
    ["doc", "allow", "warn", "deny", "forbid", "expect", "inline", "cold", "must_use", "deprecated"];

/// Words after which parentheses are an expression of their own, so that `(x,)` there is a tuple.
const KEYWORDS: [&str; 17] = [
    "in", "return", "match", "if", "else", "while", "let", "mut", "ref", "as", "break", "yield", "move", "await",
    "box", "dyn", "for",
];

/// The trees of a stream, without the invisible group around one token: some compiler releases make it, some do not.
fn trees(stream: TokenStream) -> Vec<TokenTree> {
    stream.into_iter().flat_map(unwrap_single).collect()
}

fn unwrap_single(tree: TokenTree) -> Vec<TokenTree> {
    let TokenTree::Group(group) = &tree else { return vec![tree] };
    if group.delimiter() != Delimiter::None {
        return vec![tree];
    }
    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
    match inner.len() {
        1 => inner.into_iter().flat_map(unwrap_single).collect(),
        _ => vec![tree],
    }
}

fn run_of_punctuation(rest: &[TokenTree]) -> String {
    let glues = |punct: &Punct| "<>=.&|!+-*/%^:".contains(punct.as_char());
    let mut run = String::new();
    for (at, tree) in rest.iter().enumerate() {
        let TokenTree::Punct(punct) = tree else { break };
        run.push(punct.as_char());
        // Only marks of operators glue: `>,` and `,#` are two tokens wherever they stand.
        let next = matches!(rest.get(at + 1), Some(TokenTree::Punct(next)) if glues(next));
        if punct.spacing() == Spacing::Alone || !glues(punct) || !next {
            break;
        }
    }
    run
}

/// rustfmt ends a where clause with a comma when it breaks the line.
fn ends_where_clause(rest: &[TokenTree]) -> bool {
    match rest {
        [comma, TokenTree::Group(body), ..] => is_punct(comma, ',') && body.delimiter() == Delimiter::Brace,
        _ => false,
    }
}

fn is_macro_call(before: &[TokenTree]) -> bool {
    match before {
        [.., TokenTree::Ident(rules), bang, TokenTree::Ident(_)] if rules == "macro_rules" => is_punct(bang, '!'),
        [.., TokenTree::Ident(_), bang] => is_punct(bang, '!'),
        _ => false,
    }
}

/// Whether the group ends in a comma that is layout. The comma of `(x,)` is not: it makes a tuple.
fn has_idle_comma(inner: &[TokenTree], delimiter: Delimiter, before: &[TokenTree]) -> bool {
    if !inner.last().is_some_and(|last| is_punct(last, ',')) {
        return false;
    }
    if delimiter != Delimiter::Parenthesis {
        return true;
    }
    is_applied(before) || inner.iter().filter(|tree| is_punct(tree, ',')).count() > 1
}

/// Whether parentheses after `before` are the arguments of a call or a pattern.
fn is_applied(before: &[TokenTree]) -> bool {
    match before.last() {
        Some(TokenTree::Ident(word)) => !KEYWORDS.iter().any(|keyword| word == keyword),
        Some(TokenTree::Group(group)) => matches!(group.delimiter(), Delimiter::Parenthesis | Delimiter::Bracket),
        Some(TokenTree::Punct(punct)) => punct.as_char() == '?',
        _ => false,
    }
}

/// How many tokens `#[doc = ".."]`, `#![allow(..)]` and the like take at the start of `rest`.
fn silent_attribute(rest: &[TokenTree]) -> Option<usize> {
    let (hash, after) = rest.split_first()?;
    if !is_punct(hash, '#') {
        return None;
    }
    let (length, group) = match after {
        [bang, TokenTree::Group(group), ..] if is_punct(bang, '!') => (3, group),
        [TokenTree::Group(group), ..] => (2, group),
        _ => return None,
    };
    let Some(TokenTree::Ident(name)) = group.stream().into_iter().next() else { return None };
    let silent = group.delimiter() == Delimiter::Bracket && SILENT.iter().any(|word| name == word);
    silent.then_some(length)
}

fn is_punct(tree: &TokenTree, mark: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == mark)
}
