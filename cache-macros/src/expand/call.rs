//! The function as its callers see it: look, and only at a miss run the original.

use super::companions::quiet;
use super::generics::{all_bounds, turbofish};
use super::key::{Query, bounds, declarations, query};
use super::tags::{kept_for, tagged};
use crate::model::{Keep, Model, Outcome};
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::quote;

/// The names of the locals, out of reach of the user's own.
struct Locals {
    value: Ident,
    lease: Ident,
    error: Ident,
    place: Ident,
    asked: Ident,
    hash: Ident,
}

impl Locals {
    fn new() -> Self {
        let names = ["value", "lease", "error", "place", "asked", "hash"];
        let [value, lease, error, place, asked, hash] =
            names.map(|name| Ident::new(&format!("memolith_{name}"), Span::mixed_site()));
        Locals { value, lease, error, place, asked, hash }
    }
}

/// The function under the user's name. Where the compiler has to say whether an argument is a key, it is one call of a
/// companion that asks for it, so that it says it once.
pub(super) fn function(model: &Model) -> TokenStream {
    let body = match bounds(model).is_empty() {
        true => look(model),
        false => {
            let call = call(model, "lru_cached");
            let wait = model.signature.asyncness.map(|_| quote!(.await));
            quote!(#call #wait)
        }
    };
    let (attributes, vis, name) = (&model.attributes.function, &model.vis, &model.signature.ident);
    let clause = &model.signature.generics.where_clause;
    // `_x` is passed on; a lint about the uses that its author makes of it would point there.
    let lint = quote!(#[allow(clippy::used_underscore_binding, clippy::allow_attributes)]);
    let lint = model.parameters.iter().any(|parameter| parameter.name.to_string().starts_with('_')).then_some(lint);
    declared(model, quote!(#(#attributes)* #lint #vis), name, quote!(#clause), body)
}

/// `cached(..)`, where the function needs it.
pub(super) fn cached(model: &Model) -> TokenStream {
    if bounds(model).is_empty() {
        return TokenStream::new();
    }
    let (quiet, name) = (quiet(model), model.place.companion("lru_cached"));
    declared(model, quote!(#quiet #[inline]), &name, all_bounds(model), look(model))
}

/// A function of the user's signature with plain names for parameters.
fn declared(model: &Model, before: TokenStream, name: &Ident, clause: TokenStream, body: TokenStream) -> TokenStream {
    let all: Vec<_> = model.parameters.iter().collect();
    let parameters = declarations(&all);
    let signature = &model.signature;
    let (asyncness, output) = (&signature.asyncness, &signature.output);
    let (generics, _, _) = signature.generics.split_for_impl();
    // With the user's span, so that what the compiler says of the whole function (never used, say) is about their code.
    let mut block = Group::new(Delimiter::Brace, body);
    block.set_span(model.body.span());
    let fn_token = &signature.fn_token;
    quote!(#before #asyncness #fn_token #name #generics (#(#parameters),*) #output #clause #block)
}

/// A hit, or the original's result on its way into the cache.
fn look(model: &Model) -> TokenStream {
    let root = &model.root;
    let locals = Locals::new();
    let Locals { value, lease, place, asked, hash, .. } = &locals;
    let Query { prepare, cache, key } = query(model);
    let original = call(model, "uncached");
    let (look, compute) = match model.signature.asyncness {
        Some(_) => (quote!(#cache.lookup_async(#key).await), quote!(#lease.drive(#original).await)),
        None => (quote!(#root::look_on(#place, #hash, #asked)), original),
    };
    let hit = |value| match model.outcome {
        Outcome::Whole => value,
        Outcome::Ok => quote!(#root::Ok(#value)),
    };
    // The copy of the value is made where it is returned.
    let (found, at_hand) = (hit(quote!(#value)), hit(quote!(#value.value())));
    let at_once = model.signature.asyncness.is_none().then(|| {
        quote! {
            let #place = #cache;
            let #asked = #key;
            let #hash = match #root::look(#place, #asked) {
                #root::Ok(#value) => return #at_hand,
                #root::Err(#hash) => #hash,
            };
        }
    });
    let finish = finish(model, &locals);
    let kept = kept_for(model);
    quote! {
        #prepare
        #at_once
        let #lease = match #look {
            #root::Lookup::Hit(#value) => return #found,
            #root::Lookup::Miss(#lease) => #lease,
        };
        #kept
        let #value = #compute;
        #finish
    }
}

/// A call of a companion with the arguments of this call.
fn call(model: &Model, companion: &str) -> TokenStream {
    let turbofish = turbofish(&model.signature.generics);
    let path = model.place.path(companion);
    let arguments = model.parameters.iter().map(|parameter| &parameter.name);
    quote!(#path #turbofish(#(#arguments),*))
}

/// What becomes of the computed value. An `Err` drops the lease, which hands the duty to compute to the next caller; where
/// old values are served, it may give one instead.
fn finish(model: &Model, locals: &Locals) -> TokenStream {
    let root = &model.root;
    let Locals { value, lease, error, .. } = locals;
    let fill = match model.signature.asyncness {
        Some(_) => quote!(#lease.fill_async(#value).await),
        None => quote!(#lease.fill(#value)),
    };
    let fill = tagged(model, (lease, value), fill);
    let serves_old = model.settings.aging.serves_old();
    let ok = is_ok(model, value);
    let (failed, ok) = if serves_old { (ok, None) } else { (None, ok) };
    let fill = match ok.into_iter().chain(conditions(model, value)).reduce(|one, other| quote!(#one && #other)) {
        Some(kept) => quote!(if #kept { #fill } else { #lease.answer(#value) }),
        None => fill,
    };
    match (&model.outcome, failed) {
        (Outcome::Whole, None) => fill,
        (Outcome::Whole, Some(ok)) => quote!(if #ok { #fill } else { #root::fail_with(#lease, #value) }),
        (Outcome::Ok, _) => {
            let failed = match serves_old {
                false => quote!(#root::Err(#error)),
                true => quote!(#lease.fail().ok_or(#error)),
            };
            quote! {
                match #value {
                    #root::Ok(#value) => #root::Ok(#fill),
                    #root::Err(#error) => #failed,
                }
            }
        }
    }
}

/// Whether the value is no error, where its type may be a `Result` under another name.
fn is_ok(model: &Model, value: &Ident) -> Option<TokenStream> {
    let root = &model.root;
    model.keep.only_ok.then(|| {
        quote!({
            #[allow(unused_imports, clippy::allow_attributes)]
            use #root::Whole as _;
            #root::Returned(&#value).is_kept()
        })
    })
}

/// What else the value is kept on.
fn conditions(model: &Model, value: &Ident) -> impl Iterator<Item = TokenStream> {
    let root = &model.root;
    let Keep { condition, only_some, .. } = &model.keep;
    let some = only_some.then(|| quote!(#root::is_some(&#value)));
    let condition = condition.as_ref().map(|condition| quote!(#root::holds(&#value, #condition)));
    some.into_iter().chain(condition)
}
