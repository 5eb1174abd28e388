//! The parameters of the function, each with a name that generated code can use.

use super::borrow::Loans;
use proc_macro2::{Ident, Span};
use quote::{format_ident, quote};
use syn::{Error, FnArg, Pat, PatType, Receiver, ReceiverKind, Signature, Type, spanned::Spanned};

/// One parameter, `self` among them.
pub(crate) struct Parameter {
    /// `self`, the user's name, or one of ours for a pattern.
    pub(crate) name: Ident,
    /// Whether the user named it, so that arguments of the attribute can.
    pub(crate) named: bool,
    pub(crate) ty: Type,
    /// As the original function declares it.
    pub(crate) declared: FnArg,
}

impl Parameter {
    pub(crate) fn is_self(&self) -> bool {
        matches!(self.declared, FnArg::Receiver(_))
    }
}

/// All parameters in order; those that cannot be part of any call's key are errors.
pub(crate) fn parameters(signature: &Signature, errors: &mut Vec<Error>) -> Vec<Parameter> {
    let parameters: Vec<Parameter> = signature
        .inputs
        .iter()
        .enumerate()
        .map(|(at, declared)| match declared {
            FnArg::Receiver(receiver) => receiver_parameter(receiver),
            FnArg::Typed(typed) => typed_parameter(at, typed),
        })
        .collect();
    for parameter in &parameters {
        check(parameter, errors);
    }
    parameters
}

fn receiver_parameter(receiver: &Receiver) -> Parameter {
    let span = receiver.self_token.span;
    let this = Type::Path(syn::TypePath { attrs: Vec::new(), qself: None, path: Ident::new("Self", span).into() });
    let ty = match &receiver.kind {
        ReceiverKind::Reference(and_token, lifetime, mutability) => Type::Reference(syn::TypeReference {
            attrs: Vec::new(),
            and_token: *and_token,
            lifetime: lifetime.clone(),
            mutability: *mutability,
            elem: Box::new(this),
        }),
        ReceiverKind::Typed(_, ty) => (**ty).clone(),
        _ => this,
    };
    Parameter { name: Ident::new("self", span), named: true, ty, declared: FnArg::Receiver(receiver.clone()) }
}

fn typed_parameter(at: usize, typed: &PatType) -> Parameter {
    let user_name = match &*typed.pat {
        Pat::Ident(ident) if ident.by_ref.is_none() && ident.subpat.is_none() => Some(ident.ident.clone()),
        _ => None,
    };
    let named = user_name.is_some();
    let name = user_name.unwrap_or_else(|| format_ident!("argument_{at}", span = Span::mixed_site()));
    Parameter { name, named, ty: (*typed.ty).clone(), declared: FnArg::Typed(typed.clone()) }
}

fn check(parameter: &Parameter, errors: &mut Vec<Error>) {
    let attrs = match &parameter.declared {
        FnArg::Receiver(receiver) => &receiver.attrs,
        FnArg::Typed(typed) => &typed.attrs,
    };
    if let Some(attr) = attrs.iter().find(|attr| attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr")) {
        let message = "a parameter of a cached function cannot be conditional: put the condition on the function";
        errors.push(Error::new_spanned(attr, message));
    }
    let loans = Loans::of(&parameter.ty);
    if let Some(span) = loans.exclusive {
        let what = if parameter.is_self() { "`&mut self`" } else { "`&mut`" };
        let message = format!(
            "{what} changes its caller's data, which a cached call would not: take it by `&` or return what is new"
        );
        let place = if parameter.is_self() { parameter.declared.span() } else { span };
        errors.push(Error::new(place, message));
    }
    if let Some(span) = loans.unnamed {
        let message = "`impl Trait` has no name that a cache could be kept under: write a type parameter instead";
        errors.push(Error::new(span, message));
    }
}

/// The parameter as the outer function declares it: patterns are for the original.
pub(crate) fn plain(parameter: &Parameter) -> proc_macro2::TokenStream {
    match &parameter.declared {
        FnArg::Receiver(receiver) => {
            let Receiver { self_token, kind, .. } = receiver;
            match kind {
                ReceiverKind::Reference(and_token, lifetime, mutability) => {
                    quote!(#and_token #lifetime #mutability #self_token)
                }
                ReceiverKind::Typed(colon, ty) => quote!(#self_token #colon #ty),
                _ => quote!(#self_token),
            }
        }
        FnArg::Typed(typed) => {
            let (name, ty) = (&parameter.name, &typed.ty);
            quote!(#name: #ty)
        }
    }
}
