//! The model written out. Nothing here can fail.
//!
//! Generated code names nothing but the model's root and the user's own tokens, so nothing that the user calls
//! `Option`, `Ok` or `Cache` gets in its way.

mod build;
mod call;
mod companions;
mod generics;
mod key;
mod tags;

use crate::model::{Model, Outcome, Place};
use proc_macro2::TokenStream;
use quote::quote;
use syn::ReturnType;

pub(crate) fn expand(model: &Model) -> TokenStream {
    let function = call::function(model);
    let companions = companions::companions(model);
    match &model.place {
        Place::Associated(_) => quote!(#function #companions),
        Place::Free(name) => {
            let (vis, conditions) = (&model.vis, &model.attributes.conditions);
            let doc = format!("The companions of the cached function `{}`.", model.signature.ident);
            quote! {
                #function
                #[doc = #doc]
                #(#conditions)*
                #[allow(non_camel_case_types, dead_code, unreachable_pub, missing_debug_implementations, clippy::all, clippy::pedantic, clippy::allow_attributes)]
                #vis enum #name {}
                #(#conditions)*
                #[allow(clippy::allow_attributes)]
                impl #name { #companions }
            }
        }
    }
}

/// The type of the cached value.
fn value_type(model: &Model) -> TokenStream {
    let root = &model.root;
    let returned = match &model.signature.output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, ty) => quote!(#ty),
    };
    match model.outcome {
        Outcome::Whole => returned,
        Outcome::Ok => quote!(#root::OkOf<#returned>),
    }
}
