//! What stands beside the function: its cache, its counters, its original.

use super::build::build;
use super::generics::{Erased, instance};
use super::key::{INFERRED, Query, declarations, key_parameters, key_type, query, witness};
use super::value_type;
use crate::model::{Key, Model};
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

pub(super) fn companions(model: &Model) -> TokenStream {
    let (cache, about, entries, original) = (cache(model), about(model), entries(model), original(model));
    quote!(#cache #about #entries #original)
}

/// On what is generated and not the user's: their lints are about their own code.
fn quiet(model: &Model) -> TokenStream {
    let conditions = &model.attributes.conditions;
    quote! {
        #(#conditions)*
        #[allow(
            dead_code,
            unused,
            unreachable_pub,
            single_use_lifetimes,
            private_interfaces,
            private_bounds,
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
    let erased = Erased::new(&model.signature.generics);
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
    let (of, path, place) = (model.place.companion("cache_of"), model.place.path("cache_of"), place(model));
    let witness = witness(model, expr);
    let (declared, names) = (&erased.declared, &erased.names);
    let inferred = Ident::new(INFERRED, Span::mixed_site());
    let needs = match model.settings.store {
        Some(_) => quote!(#root::StoredKey),
        None => quote!(#root::Key),
    };
    quote! {
        #[doc = #doc]
        #quiet
        #vis fn #name #generics () -> &'static #root::Cache<impl #needs, #value> #bounds {
            #path::<_, #(#names),*>(#root::KeyType::returned_by(#witness))
        }
        #quiet
        #[inline]
        fn #of<#inferred: #needs, #(#declared),*>(_: #root::KeyType<#inferred>) -> &'static #root::Cache<#inferred, #value> #bounds {
            #place
        }
    }
}

/// The static that holds the cache, made at the first call.
fn place(model: &Model) -> TokenStream {
    let root = &model.root;
    let (key, value, build) = (key_type(model), value_type(model), build(model));
    let (item, instance) = match (instance(model), &model.key) {
        (Some(generic), _) => generic,
        // One static for a type that it cannot name.
        (None, Key::Inferred(_)) => (TokenStream::new(), quote!(())),
        (None, _) => {
            return quote! {
                static CACHE: #root::LazyLock<#root::Cache<#key, #value>> = #root::LazyLock::new(|| #build);
                &CACHE
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
    let erased = Erased::new(&model.signature.generics);
    let (generics, bounds, turbofish) = (erased.declaration(), &erased.bounds, erased.turbofish());
    let cache = model.place.path("cache");
    let [info, clear] = ["cache_info", "cache_clear"].map(|name| model.place.companion(name));
    let function = &model.signature.ident;
    let info_doc = format!("What the cache of `{function}` has counted.");
    let clear_doc = format!(
        "Removes every result of `{function}` and resets its counters.\n\n# Errors\nWhen the backend could not be cleared."
    );
    quote! {
        #[doc = #info_doc]
        #quiet
        #vis fn #info #generics () -> #root::CacheInfo #bounds { #cache #turbofish().info() }
        #[doc = #clear_doc]
        #quiet
        #vis fn #clear #generics () -> #root::Result<()> #bounds { #cache #turbofish().clear() }
    }
}

/// `invalidate(..)` and `get(..)`, which take what belongs to the key.
fn entries(model: &Model) -> TokenStream {
    let (root, vis, quiet) = (&model.root, &model.vis, quiet(model));
    let value = value_type(model);
    let Query { prepare, cache, key } = query(model);
    let parameters = declarations(&key_parameters(model));
    let (generics, _, bounds) = model.signature.generics.split_for_impl();
    let [invalidate, get] = ["invalidate", "get"].map(|name| model.place.companion(name));
    let function = &model.signature.ident;
    let invalidate_doc = format!(
        "Forgets the result of `{function}` for these arguments, and says whether there was one.\n\n# Errors\nWhen the backend could not remove it."
    );
    let get_doc = format!("The kept result of `{function}` for these arguments, if there is one; never computes.");
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
    }
}

/// `uncached(..)`: the function as it was written.
fn original(model: &Model) -> TokenStream {
    let (vis, body, signature) = (&model.vis, &model.body, &model.signature);
    let name = model.place.companion("uncached");
    let attributes = &model.attributes.original;
    let doc = format!("`{}` without its cache: computes always, keeps nothing.", signature.ident);
    let parameters = model.parameters.iter().map(|parameter| &parameter.declared);
    let (asyncness, output) = (&signature.asyncness, &signature.output);
    let (generics, _, bounds) = signature.generics.split_for_impl();
    quote! {
        #[doc = #doc]
        #(#attributes)*
        #vis #asyncness fn #name #generics (#(#parameters),*) #output #bounds #body
    }
}
