//! Which of the user's attributes go where.

use syn::{Attribute, Error, Meta, Token, punctuated::Punctuated};

/// The attributes of the function, sorted by what they act on.
pub(crate) struct Attributes {
    /// On the function the user sees: all of them.
    pub(crate) function: Vec<Attribute>,
    /// On the original and the companions as well: lints, and conditions of existence.
    pub(crate) original: Vec<Attribute>,
    /// On the type that holds companions as well: conditions of existence.
    pub(crate) conditions: Vec<Attribute>,
}

impl Attributes {
    pub(crate) fn new(attrs: Vec<Attribute>, errors: &mut Vec<Error>) -> Self {
        for attr in &attrs {
            if is_ours(attr) {
                errors.push(Error::new_spanned(attr, "a function has one cache: remove the second `#[lru_cache]`"));
            }
        }
        let function: Vec<Attribute> = attrs.into_iter().map(allowed).collect();
        let conditions: Vec<Attribute> = function.iter().filter(|attr| attr.path().is_ident("cfg")).cloned().collect();
        let lints = function.iter().filter(|attr| is_lint(&attr.meta)).cloned();
        Attributes { original: conditions.iter().cloned().chain(lints).collect(), conditions, function }
    }
}

/// Whether an attribute is another `#[lru_cache]`.
pub(crate) fn is_ours(attr: &Attribute) -> bool {
    attr.path().segments.last().is_some_and(|last| last.ident == "lru_cache")
}

const LINTS: [&str; 4] = ["allow", "warn", "deny", "forbid"];

/// Whether an attribute says nothing but levels of lints; under a `cfg_attr` too.
fn is_lint(meta: &Meta) -> bool {
    if LINTS.iter().any(|level| meta.path().is_ident(level)) {
        return true;
    }
    let Meta::List(list) = meta else { return false };
    if !list.path.is_ident("cfg_attr") {
        return false;
    }
    let Ok(metas) = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated) else { return false };
    metas.len() > 1 && metas.iter().skip(1).all(is_lint)
}

/// `expect` becomes `allow`: what it expects happens in one of the copies, and not in the others.
fn allowed(mut attr: Attribute) -> Attribute {
    if let Meta::List(list) = &mut attr.meta
        && list.path.is_ident("expect")
    {
        list.path = syn::Ident::new("allow", list.path.segments[0].ident.span()).into();
    }
    attr
}
