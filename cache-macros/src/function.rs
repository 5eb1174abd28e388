//! The item under the attribute, as far as the macro has to understand it: the body stays tokens.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Result, Signature, Token, Visibility};

/// A function with its body. That the body is not parsed keeps the macro quick, and open to syntax that is yet to come.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: Group,
}

impl Function {
    pub(crate) fn name(&self) -> &Ident {
        &self.signature.ident
    }
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        if is_no_function(input) {
            return Err(input.error("`#[lru_cache]` caches a function: put it on a `fn`"));
        }
        let signature: Signature = input.parse()?;
        if input.peek(Token![;]) {
            let message = "a function without a body has nothing to cache: put `#[lru_cache]` on the implementation";
            return Err(Error::new(signature.ident.span(), message));
        }
        let Some(body) = body(input.parse()?) else {
            return Err(Error::new(signature.ident.span(), "expected the body of the function in braces"));
        };
        Ok(Function { attrs, vis, signature, body })
    }
}

/// The block, taken out of the invisible groups that a `$body:block` of a `macro_rules` puts around it.
fn body(tokens: TokenStream) -> Option<Group> {
    let mut trees = tokens.into_iter();
    let (Some(TokenTree::Group(group)), None) = (trees.next(), trees.next()) else { return None };
    match group.delimiter() {
        Delimiter::Brace => Some(group),
        Delimiter::None => body(group.stream()),
        _ => None,
    }
}

/// Whether what follows is some other item, so that the message need not speak of missing tokens.
fn is_no_function(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    let words = ["const", "async", "unsafe", "extern", "safe", "default"];
    while let Ok(word) = ahead.call(syn::ext::IdentExt::parse_any as fn(ParseStream<'_>) -> Result<Ident>) {
        if word == "fn" {
            return false;
        }
        if !words.iter().any(|known| word == known) {
            return true;
        }
        // The name of an ABI.
        let _ = ahead.parse::<Option<syn::LitStr>>();
    }
    true
}

/// The words of a stream that mean the surrounding `impl`: `self`, or `Self` outside of items nested in the body.
pub(crate) fn mentions_self(stream: TokenStream) -> bool {
    // The definition after one of these words has a `Self` of its own; it ends with its braces or a semicolon.
    const OPENERS: [&str; 5] = ["impl", "trait", "struct", "enum", "union"];
    let mut nested = false;
    for tree in stream {
        match tree {
            TokenTree::Ident(word) if OPENERS.iter().any(|opener| word == opener) => nested = true,
            TokenTree::Ident(word) if !nested && word == "Self" => return true,
            TokenTree::Punct(punct) if punct.as_char() == ';' => nested = false,
            TokenTree::Group(group) if nested && group.delimiter() == Delimiter::Brace => nested = false,
            TokenTree::Group(group) if !nested && mentions_self(group.stream()) => return true,
            _ => {}
        }
    }
    false
}
