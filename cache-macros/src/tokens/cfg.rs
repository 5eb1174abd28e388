//! The configuration a function asks for: its tokens stay the same when a feature is switched, its results may not.

use super::{is_punct, trees};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The `X` of every `cfg!(X)`, `#[cfg(X)]` and `#[cfg_attr(X, ..)]` in `stream`, in order.
pub(crate) fn predicates(stream: TokenStream) -> Vec<TokenStream> {
    let mut found = Vec::new();
    collect(&trees(stream), &mut found);
    found
}

fn collect(trees: &[TokenTree], found: &mut Vec<TokenStream>) {
    for (at, tree) in trees.iter().enumerate() {
        match &trees[at..] {
            [TokenTree::Ident(name), bang, TokenTree::Group(group), ..] if name == "cfg" && is_punct(bang, '!') => {
                found.push(first_argument(group));
            }
            [hash, TokenTree::Group(attribute), ..] if is_punct(hash, '#') => found.extend(of_attribute(attribute)),
            [hash, bang, TokenTree::Group(attribute), ..] if is_punct(hash, '#') && is_punct(bang, '!') => {
                found.extend(of_attribute(attribute));
            }
            _ => {}
        }
        if let TokenTree::Group(group) = tree {
            collect(&self::trees(group.stream()), found);
        }
    }
}

fn of_attribute(attribute: &Group) -> Option<TokenStream> {
    if attribute.delimiter() != Delimiter::Bracket {
        return None;
    }
    match &trees(attribute.stream())[..] {
        [TokenTree::Ident(name), TokenTree::Group(group)] if name == "cfg" || name == "cfg_attr" => {
            Some(first_argument(group))
        }
        _ => None,
    }
}

fn first_argument(group: &Group) -> TokenStream {
    group.stream().into_iter().take_while(|tree| !is_punct(tree, ',')).collect()
}
