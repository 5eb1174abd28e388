//! After an error: the user's function as it is, and companions that can be named, so that callers are not errors as well.

use crate::attr::Arguments;
use crate::function::Function;
use crate::model::{Loans, Parameter, Place, is_ours, parameters, plain, root};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, ReturnType, Type};

/// The item is no function that could be read: only the errors can be told.
pub(crate) fn bare(error: Error, unread: Vec<Error>, item: TokenStream) -> TokenStream {
    let errors = unread.into_iter().chain([error]).map(Error::into_compile_error);
    quote!(#item #(#errors)*)
}

pub(crate) fn expand(error: &Error, arguments: TokenStream, item: TokenStream) -> TokenStream {
    let errors = error.to_compile_error();
    let (arguments, _) = Arguments::parse(arguments);
    let Ok(function) = syn::parse2::<Function>(item.clone()) else { return quote!(#item #errors) };
    let place = Place::new(&arguments, &function);
    let companions = companions(&arguments, &function, &place);
    let Function { attrs, signature, body, .. } = &function;
    // A second `#[lru_cache]` would expand to the same companions again.
    let attrs = attrs.iter().filter(|attr| !is_ours(attr));
    let vis = &function.vis;
    let item = quote!(#(#attrs)* #vis #signature #body);
    let conditions: Vec<_> = function.attrs.iter().filter(|attr| attr.path().is_ident("cfg")).collect();
    match &place {
        Place::Free(name) => quote! {
            #item
            #(#conditions)*
            #[allow(non_camel_case_types, dead_code, missing_docs, missing_debug_implementations)]
            #vis enum #name {}
            #(#conditions)*
            impl #name { #companions }
            #errors
        },
        Place::Associated(_) => quote!(#item #companions #errors),
    }
}

/// Companions of about the right types that are never run.
fn companions(arguments: &Arguments, function: &Function, place: &Place) -> TokenStream {
    let root = root(arguments.krate.as_ref().map(|krate| &krate.value));
    let (vis, signature) = (&function.vis, &function.signature);
    let all = parameters(signature, &mut Vec::new());
    let skipped = |parameter: &Parameter| {
        arguments.skip.as_ref().is_some_and(|skip| parameter.named && skip.value.contains(&parameter.name))
    };
    let declared: Vec<TokenStream> = all.iter().map(plain).collect();
    let in_key: Vec<TokenStream> = all.iter().filter(|parameter| !skipped(parameter)).map(plain).collect();
    let [cache, info, clear, invalidate, uncached, get] =
        ["cache", "cache_info", "cache_clear", "invalidate", "uncached", "get"].map(|name| place.companion(name));
    let for_tasks = |name: &str| place.companion(&format!("{name}_async"));
    let [info_async, clear_async, invalidate_async, get_async] =
        ["cache_info", "cache_clear", "invalidate", "get"].map(for_tasks);
    let (generics, _, bounds) = signature.generics.split_for_impl();
    // A type that has no name cannot be promised by what never returns.
    let value = match &signature.output {
        ReturnType::Type(_, ty) if !matches!(**ty, Type::Never(_)) && Loans::of(ty).unnamed.is_none() => quote!(#ty),
        _ => quote!(()),
    };
    let asyncness = &signature.asyncness;
    let for_tasks = asyncness.map(|_| {
        quote! {
            #[allow(dead_code, missing_docs)]
            #vis async fn #info_async() -> #root::CacheInfo { loop {} }
            #[allow(dead_code, missing_docs)]
            #vis async fn #clear_async() -> #root::Result<()> { loop {} }
            #[allow(dead_code, missing_docs, unused_variables)]
            #vis async fn #invalidate_async #generics (#(#in_key),*) -> #root::Result<bool> #bounds { loop {} }
            #[allow(dead_code, missing_docs, unused_variables)]
            #vis async fn #get_async #generics (#(#in_key),*) -> #root::Option<#value> #bounds { loop {} }
        }
    });
    quote! {
        #[allow(dead_code, missing_docs)]
        #vis fn #cache() -> &'static #root::Cache<(), ()> { loop {} }
        #[allow(dead_code, missing_docs)]
        #vis fn #info() -> #root::CacheInfo { loop {} }
        #[allow(dead_code, missing_docs)]
        #vis fn #clear() -> #root::Result<()> { loop {} }
        #[allow(dead_code, missing_docs, unused_variables)]
        #vis fn #invalidate #generics (#(#in_key),*) -> #root::Result<bool> #bounds { loop {} }
        #[allow(dead_code, missing_docs, unused_variables)]
        #vis #asyncness fn #uncached #generics (#(#declared),*) -> #value #bounds { loop {} }
        #[allow(dead_code, missing_docs, unused_variables)]
        #vis fn #get #generics (#(#in_key),*) -> #root::Option<#value> #bounds { loop {} }
        #for_tasks
    }
}
