//! The function as its callers see it: look, and only on a miss run the original.

use super::generics::Erased;
use super::key::{Query, declarations, query};
use crate::model::{Keep, Model, Outcome};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

/// The names of the locals, out of reach of the user's own.
struct Locals {
    value: Ident,
    lease: Ident,
    error: Ident,
}

impl Locals {
    fn new() -> Self {
        let [value, lease, error] =
            ["memolith_value", "memolith_lease", "memolith_error"].map(|name| Ident::new(name, Span::mixed_site()));
        Locals { value, lease, error }
    }
}

pub(super) fn function(model: &Model) -> TokenStream {
    let root = &model.root;
    let locals = Locals::new();
    let Locals { value, lease, .. } = &locals;
    let is_async = model.signature.asyncness.is_some();
    let Query { prepare, cache, key } = query(model);
    let look = match is_async {
        true => quote!(#cache.lookup_async(#key).await),
        false => quote!(#cache.lookup(#key)),
    };
    let hit = match model.outcome {
        Outcome::Whole => quote!(#value),
        Outcome::Ok => quote!(#root::Ok(#value)),
    };
    let compute = match is_async {
        true => {
            let original = original(model);
            quote!(#lease.drive(#original).await)
        }
        false => original(model),
    };
    let finish = finish(model, &locals);
    let all: Vec<_> = model.parameters.iter().collect();
    let parameters = declarations(&all);
    let (attributes, vis, signature) = (&model.attributes.function, &model.vis, &model.signature);
    let (asyncness, name, output) = (&signature.asyncness, &signature.ident, &signature.output);
    let (generics, _, bounds) = signature.generics.split_for_impl();
    quote! {
        #(#attributes)*
        #vis #asyncness fn #name #generics (#(#parameters),*) #output #bounds {
            #prepare
            let #lease = match #look {
                #root::Lookup::Hit(#value) => return #hit,
                #root::Lookup::Miss(#lease) => #lease,
            };
            let #value = #compute;
            #finish
        }
    }
}

/// The call of the original.
fn original(model: &Model) -> TokenStream {
    let turbofish = Erased::new(&model.signature.generics).turbofish();
    let path = model.place.path("uncached");
    let arguments = model.parameters.iter().map(|parameter| &parameter.name);
    quote!(#path #turbofish(#(#arguments),*))
}

/// What becomes of the computed value. An `Err` drops the lease, which hands the duty to compute to the next caller.
fn finish(model: &Model, locals: &Locals) -> TokenStream {
    let root = &model.root;
    let Locals { value, lease, error } = locals;
    let fill = match model.signature.asyncness {
        Some(_) => quote!(#lease.fill_async(#value).await),
        None => quote!(#lease.fill(#value)),
    };
    let fill = match kept(model, value) {
        Some(kept) => quote!(if #kept { #fill } else { #lease.answer(#value) }),
        None => fill,
    };
    match model.outcome {
        Outcome::Whole => fill,
        Outcome::Ok => quote! {
            match #value {
                #root::Ok(#value) => #root::Ok(#fill),
                #root::Err(#error) => #root::Err(#error),
            }
        },
    }
}

/// Whether the value is to be kept, where that depends on it.
fn kept(model: &Model, value: &Ident) -> Option<TokenStream> {
    let root = &model.root;
    let Keep { condition, only_some } = &model.keep;
    let some = only_some.then(|| quote!(#root::is_some(&#value)));
    let condition = condition.as_ref().map(|condition| quote!(#root::holds(&#value, #condition)));
    match (some, condition) {
        (Some(some), Some(condition)) => Some(quote!(#some && #condition)),
        (some, condition) => some.or(condition),
    }
}
