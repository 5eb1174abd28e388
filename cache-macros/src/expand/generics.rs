//! The function's type parameters on its companions: one cache for each set of type and const arguments.

use super::key::bounds;
use crate::model::{Model, Place};
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{GenericParam, Generics, TypeParamBound, WherePredicate};

/// The generics of what knows no lifetimes: of the cache itself.
pub(super) struct Erased {
    /// `T: Key, const N: usize`.
    pub(super) declared: Vec<TokenStream>,
    /// `T, N`.
    pub(super) names: Vec<Ident>,
    pub(super) bounds: TokenStream,
}

impl Erased {
    pub(super) fn new(model: &Model) -> Self {
        let generics = &model.signature.generics;
        let lifetimes: Vec<String> = generics.lifetimes().map(|each| each.lifetime.ident.to_string()).collect();
        let names = names(generics);
        let declared = generics.params.iter().filter_map(|param| declared(param, &lifetimes)).collect();
        let predicates: Vec<TokenStream> = generics
            .where_clause
            .iter()
            .flat_map(|clause| &clause.predicates)
            .filter_map(|predicate| bounded(predicate, &lifetimes))
            .chain(bounds(model))
            .collect();
        Erased { declared, names, bounds: where_clause(&predicates) }
    }

    /// `<T: Key, const N: usize>`.
    pub(super) fn declaration(&self) -> TokenStream {
        let declared = &self.declared;
        if declared.is_empty() { TokenStream::new() } else { quote!(<#(#declared),*>) }
    }
}

/// `::<T, N>`.
pub(super) fn turbofish(generics: &Generics) -> TokenStream {
    let names = names(generics);
    if names.is_empty() { TokenStream::new() } else { quote!(::<#(#names),*>) }
}

/// The where clause of a companion that takes arguments of the key.
pub(super) fn all_bounds(model: &Model) -> TokenStream {
    let clause = model.signature.generics.where_clause.iter();
    let predicates = clause.flat_map(|clause| &clause.predicates).map(ToTokens::to_token_stream);
    where_clause(&predicates.chain(bounds(model)).collect::<Vec<_>>())
}

fn where_clause(predicates: &[TokenStream]) -> TokenStream {
    if predicates.is_empty() { TokenStream::new() } else { quote!(where #(#predicates,)*) }
}

fn names(generics: &Generics) -> Vec<Ident> {
    let name = |param: &GenericParam| match param {
        GenericParam::Type(ty) => Some(ty.ident.clone()),
        GenericParam::Const(constant) => Some(constant.ident.clone()),
        GenericParam::Lifetime(_) => None,
    };
    generics.params.iter().filter_map(name).collect()
}

fn declared(param: &GenericParam, lifetimes: &[String]) -> Option<TokenStream> {
    match param {
        GenericParam::Lifetime(_) => None,
        GenericParam::Type(ty) => {
            let (name, bounds) = (&ty.ident, free(&ty.bounds, lifetimes));
            Some(quote!(#name: #(#bounds)+*))
        }
        GenericParam::Const(constant) => {
            let (name, ty) = (&constant.ident, &constant.ty);
            Some(quote!(const #name: #ty))
        }
    }
}

fn bounded(predicate: &WherePredicate, lifetimes: &[String]) -> Option<TokenStream> {
    let WherePredicate::Type(predicate) = predicate else { return None };
    let (quantified, ty) = (&predicate.lifetimes, &predicate.bounded_ty);
    if mentions(ty.to_token_stream(), lifetimes) {
        return None;
    }
    let bounds = free(&predicate.bounds, lifetimes);
    Some(quote!(#quantified #ty: #(#bounds)+*))
}

/// The bounds that mention none of the function's lifetimes.
fn free<'a>(bounds: impl IntoIterator<Item = &'a TypeParamBound>, lifetimes: &[String]) -> Vec<&'a TypeParamBound> {
    bounds.into_iter().filter(|bound| !mentions(bound.to_token_stream(), lifetimes)).collect()
}

fn mentions(stream: TokenStream, lifetimes: &[String]) -> bool {
    let mut quoted = false;
    for tree in stream {
        match &tree {
            TokenTree::Ident(name) if quoted && lifetimes.iter().any(|lifetime| name == lifetime) => return true,
            TokenTree::Group(group) if mentions(group.stream(), lifetimes) => return true,
            _ => {}
        }
        quoted = matches!(&tree, TokenTree::Punct(punct) if punct.as_char() == '\'');
    }
    false
}

/// A type that differs for each set of arguments, with the item it needs; `None` where a function has one cache.
pub(super) fn instance(model: &Model) -> Option<(TokenStream, TokenStream)> {
    let root = &model.root;
    let generics = &model.signature.generics;
    let types = generics.type_params().map(|param| &param.ident);
    let mut parts: Vec<TokenStream> = types.map(|name| quote!(#root::PhantomData<#name>)).collect();
    if matches!(model.place, Place::Associated(_)) {
        parts.push(quote!(#root::PhantomData<Self>));
    }
    let constants: Vec<TokenStream> =
        generics.const_params().map(|c| (&c.ident, &c.ty)).map(|(name, ty)| quote!(const #name: #ty)).collect();
    let mut item = TokenStream::new();
    if !constants.is_empty() {
        let names = generics.const_params().map(|param| &param.ident);
        item = quote!(enum Constants<#(#constants),*> {});
        parts.push(quote!(Constants<#(#names),*>));
    }
    if parts.is_empty() { None } else { Some((item, quote!((#(#parts,)*)))) }
}
