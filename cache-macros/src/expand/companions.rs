//! What stands beside the function: its cache, its counters, its original.

use super::build::build;
use super::call::cached;
use super::generics::{Erased, all_bounds, instance, turbofish};
use super::key::{INFERRED, Query, bounds, declarations, is_used, key_parameters, key_type, query};
use super::value_type;
use crate::model::{Key, Model};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::Expr;

pub(super) fn companions(model: &Model) -> TokenStream {
    let (cache, about, entries) = (cache(model), about(model), entries(model));
    let (original, cached) = (original(model), cached(model));
    quote!(#cache #about #entries #original #cached)
}

/// On what is generated and not the user's: their lints are about their own code.
pub(super) fn quiet(model: &Model) -> TokenStream {
    let attributes = &model.attributes.original;
    quote! {
        #(#attributes)*
        #[allow(
            dead_code,
            unused,
            unreachable_pub,
            single_use_lifetimes,
            private_interfaces,
            private_bounds,
            trivial_bounds,
            clippy::all,
            clippy::pedantic,
            clippy::nursery,
            clippy::allow_attributes
        )]
    }
}

/// `cache()`, and where its type is inferred `cache_of()` that both it and the function call.
fn cache(model: &Model) -> TokenStream {
    let (root, vis, quiet) = (&model.root, &model.vis, quiet(model));
    let erased = Erased::new(model);
    let (generics, bounds) = (erased.declaration(), &erased.bounds);
    let (key, value) = (key_type(model), value_type(model));
    let name = model.place.companion("cache");
    let doc = format!("The cache of `{}`.", model.signature.ident);
    let Key::Inferred(expr) = &model.key else {
        let place = place(model);
        return quote! {
            #[doc = #doc]
            #quiet
            #[inline]
            #vis fn #name #generics () -> &'static #root::Cache<#key, #value> #bounds { #place }
        };
    };
    let of = model.place.companion("lru_cache_of");
    let (path, key_path, place) = (model.place.path("lru_cache_of"), model.place.path("lru_key"), place(model));
    let (declared, names, turbofish) = (&erased.declared, &erased.names, turbofish(&model.signature.generics));
    let inferred = Ident::new(INFERRED, Span::mixed_site());
    let needs = needs(model);
    let arguments = model.parameters.iter().map(|_| quote!(#root::argument()));
    let witness = witness(model, expr);
    quote! {
        #[doc = #doc]
        #quiet
        #vis fn #name #generics () -> &'static #root::Cache<impl #needs, #value> #bounds {
            #path::<_, #(#names),*>(#root::KeyType::returned_by(|| #key_path #turbofish(#(#arguments),*)))
        }
        #quiet
        #[inline]
        fn #of<#inferred: #needs, #(#declared),*>(_: #root::KeyType<#inferred>) -> &'static #root::Cache<#inferred, #value> #bounds {
            #place
        }
        #witness
    }
}

/// `key(..)`, which is never run: its result is what tells the type of the key to those who have no arguments.
fn witness(model: &Model, expr: &Expr) -> TokenStream {
    let (name, quiet, needs) = (model.place.companion("lru_key"), quiet(model), needs(model));
    let parameters = model.parameters.iter().map(|parameter| &parameter.declared);
    let (generics, _, bounds) = model.signature.generics.split_for_impl();
    quote! {
        #quiet
        fn #name #generics (#(#parameters),*) -> impl #needs #bounds { #expr }
    }
}

/// What an inferred key must be.
fn needs(model: &Model) -> TokenStream {
    let root = &model.root;
    match model.settings.store {
        Some(_) => quote!(#root::StoredKey),
        None => quote!(#root::Key),
    }
}

/// The static that holds the cache, made at the first call. Where making it panics, the next call tries again.
fn place(model: &Model) -> TokenStream {
    let root = &model.root;
    let (key, value, build) = (key_type(model), value_type(model), build(model));
    let (item, instance) = match (instance(model), &model.key) {
        (Some(generic), _) => generic,
        // A static cannot name a type that is inferred, nor lean on the bounds of the function around it.
        (None, Key::Inferred(_)) => (TokenStream::new(), quote!(())),
        (None, _) if !bounds(model).is_empty() => (TokenStream::new(), quote!(())),
        (None, _) => {
            return quote! {
                static CACHE: #root::OnceLock<#root::Cache<#key, #value>> = #root::OnceLock::new();
                CACHE.get_or_init(|| #build)
            };
        }
    };
    quote! {
        #item
        static CACHES: #root::Instances = #root::Instances::new();
        CACHES.get::<#instance, #root::Cache<#key, #value>>(|| #build)
    }
}

/// `cache_info()` and `cache_clear()`.
fn about(model: &Model) -> TokenStream {
    let (root, vis, quiet) = (&model.root, &model.vis, quiet(model));
    let erased = Erased::new(model);
    let (generics, bounds, turbofish) = (erased.declaration(), &erased.bounds, turbofish(&model.signature.generics));
    let cache = model.place.path("cache");
    let [info, clear] = ["cache_info", "cache_clear"].map(|name| model.place.companion(name));
    let function = &model.signature.ident;
    let info_doc = format!("What the cache of `{function}` has counted.");
    let clear_doc = format!(
        "Removes every result of `{function}` and resets its counters.\n\n# Errors\nWhen the backend could not be cleared."
    );
    let for_tasks = for_tasks(model, ["cache_info", "cache_clear"], |[info, clear]| {
        quote! {
            #[doc = #info_doc]
            #quiet
            #vis async fn #info #generics () -> #root::CacheInfo #bounds { #cache #turbofish().info_async().await }
            #[doc = #clear_doc]
            #quiet
            #vis async fn #clear #generics () -> #root::Result<()> #bounds { #cache #turbofish().clear_async().await }
        }
    });
    quote! {
        #[doc = #info_doc]
        #quiet
        #vis fn #info #generics () -> #root::CacheInfo #bounds { #cache #turbofish().info() }
        #[doc = #clear_doc]
        #quiet
        #vis fn #clear #generics () -> #root::Result<()> #bounds { #cache #turbofish().clear() }
        #for_tasks
    }
}

/// The forms of companions for those who call an `async fn`: the same names with `_async` behind them.
fn for_tasks<const N: usize>(
    model: &Model,
    names: [&str; N],
    forms: impl FnOnce([Ident; N]) -> TokenStream,
) -> Option<TokenStream> {
    let names = names.map(|name| model.place.companion(&format!("{name}_async")));
    model.signature.asyncness.map(|_| forms(names))
}

/// `invalidate(..)` and `get(..)`, which take what belongs to the key.
fn entries(model: &Model) -> TokenStream {
    let (root, vis, quiet) = (&model.root, &model.vis, quiet(model));
    let value = value_type(model);
    let Query { prepare, cache, key } = query(model);
    let parameters = declarations(&key_parameters(model));
    let (generics, _, _) = model.signature.generics.split_for_impl();
    let bounds = all_bounds(model);
    let [invalidate, get] = ["invalidate", "get"].map(|name| model.place.companion(name));
    let function = &model.signature.ident;
    let invalidate_doc = format!(
        "Forgets the result of `{function}` for these arguments, and says whether there was one.\n\n# Errors\nWhen the backend could not remove it."
    );
    let get_doc = format!("The kept result of `{function}` for these arguments, if there is one; never computes.");
    let for_tasks = for_tasks(model, ["invalidate", "get"], |[invalidate, get]| {
        quote! {
            #[doc = #invalidate_doc]
            #quiet
            #vis async fn #invalidate #generics (#(#parameters),*) -> #root::Result<bool> #bounds {
                #prepare
                #cache.remove_async(#key).await
            }
            #[doc = #get_doc]
            #quiet
            #vis async fn #get #generics (#(#parameters),*) -> #root::Option<#value> #bounds {
                #prepare
                #cache.get_async(#key).await
            }
        }
    });
    quote! {
        #[doc = #invalidate_doc]
        #quiet
        #vis fn #invalidate #generics (#(#parameters),*) -> #root::Result<bool> #bounds {
            #prepare
            #cache.remove(#key)
        }
        #[doc = #get_doc]
        #quiet
        #vis fn #get #generics (#(#parameters),*) -> #root::Option<#value> #bounds {
            #prepare
            #cache.get(#key)
        }
        #for_tasks
    }
}

/// `uncached(..)`: the function as it was written.
fn original(model: &Model) -> TokenStream {
    let (vis, body, signature) = (&model.vis, &model.body, &model.signature);
    let name = model.place.companion("uncached");
    let attributes = &model.attributes.original;
    let doc = format!("`{}` without its cache: computes always, keeps nothing.", signature.ident);
    let parameters = model.parameters.iter().enumerate().map(|(at, parameter)| {
        // An argument may be there for the key alone, and then it is used all the same.
        let used = is_used(model, at).then(|| quote!(#[allow(unused_variables, clippy::allow_attributes)]));
        let declared = &parameter.declared;
        quote!(#used #declared)
    });
    let (asyncness, output) = (&signature.asyncness, &signature.output);
    let (generics, _, bounds) = signature.generics.split_for_impl();
    quote! {
        #[doc = #doc]
        #(#attributes)*
        #[allow(
            clippy::must_use_candidate,
            clippy::missing_const_for_fn,
            clippy::missing_errors_doc,
            clippy::missing_inline_in_public_items,
            clippy::missing_panics_doc,
            clippy::allow_attributes
        )]
        #vis #asyncness fn #name #generics (#(#parameters),*) #output #bounds #body
    }
}
