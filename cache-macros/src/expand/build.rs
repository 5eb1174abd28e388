//! The chain of builder calls that makes the cache, at the first call of the function.

use super::key::key_type;
use super::value_type;
use crate::model::{Aging, Bound, Bytes, Codec, Model, Place, Store, Time, Version};
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;

pub(super) fn build(model: &Model) -> TokenStream {
    let root = &model.root;
    let (key, value) = (key_type(model), value_type(model));
    let settings = &model.settings;
    let mut calls = Vec::new();
    match &settings.maxsize {
        Bound::Default => {}
        Bound::Unbounded => calls.push(quote!(.maxsize(#root::unbounded()))),
        Bound::Given(bound) => calls.push(quote!(.maxsize(#root::bound(#bound)))),
    }
    if let Some(policy) = &settings.policy {
        calls.push(quote!(.policy(#root::Policy::#policy)));
    }
    if let Some(ttl) = &settings.ttl {
        let ttl = duration(root, ttl);
        calls.push(quote!(.ttl(#ttl)));
    }
    if let Some(tti) = &settings.tti {
        let tti = duration(root, tti);
        calls.push(quote!(.tti(#tti)));
    }
    calls.extend(aging(root, &settings.aging));
    match &settings.max_bytes {
        None => {}
        Some(Bytes::Count(count)) => calls.push(quote!(.max_bytes(#count))),
        Some(Bytes::Given(count)) => calls.push(quote!(.max_bytes(#count))),
    }
    if let Some(weigh) = &settings.weigh {
        calls.push(quote!(.weigher(#root::weigher::<#key, #value>(#weigh))));
    }
    if let Some(on_evict) = &settings.on_evict {
        calls.push(quote!(.on_evict(#root::listener::<#key, #value>(#on_evict))));
    }
    if let Some(store) = &settings.store {
        calls.extend(persistent(model, store));
    }
    let builder = quote!(#root::Cache::<#key, #value>::builder() #(#calls)*);
    let builder = if model.tags.is_some() { quote!(#root::tagged(#builder)) } else { builder };
    match &settings.store {
        None => quote!(#builder.build()),
        Some(store) => {
            let (name, space) = (space_name(), space(model, store));
            quote!({
                let #name = #space;
                #builder.build()
            })
        }
    }
}

fn aging(root: &TokenStream, aging: &Aging) -> Vec<TokenStream> {
    let Aging { jitter, early_refresh, stale } = aging;
    let jitter = jitter.iter().map(|share| quote!(.jitter(#share)));
    let early_refresh = early_refresh.iter().map(|beta| quote!(.early_refresh(#beta)));
    let stale = stale.iter().map(|time| duration(root, time)).map(|time| quote!(.stale(#time)));
    jitter.chain(early_refresh).chain(stale).collect()
}

/// The local that holds the name of the space, out of reach of the user's expressions.
fn space_name() -> Ident {
    Ident::new("memolith_space", Span::mixed_site())
}

fn duration(root: &TokenStream, time: &Time) -> TokenStream {
    match time {
        Time::Millis(millis) => quote!(#root::Duration::from_millis(#millis)),
        Time::Given(expr) => quote!(#expr),
    }
}

fn persistent(model: &Model, store: &Store) -> Vec<TokenStream> {
    let root = &model.root;
    let Store { backend, memory, writes, wait, codec, on_error, .. } = store;
    let codec = match codec {
        Codec::Ours(name) => quote!(#root::codec::#name),
        Codec::Portable(name) => quote!(#root::codec::Portable(#root::codec::#name)),
        Codec::Given(expr) => quote!(#expr),
    };
    let space = space_name();
    // Before the backend, so that it hears when that cannot be opened.
    let on_error = on_error.iter().map(|f| quote!(.on_error(#f)));
    let memory = memory.iter().map(|entries| quote!(.memory(#entries)));
    let writes = writes.iter().map(|mode| quote!(.writes(#root::Writes::#mode)));
    let wait = wait.iter().map(|time| duration(root, time)).map(|time| quote!(.wait(#time)));
    let place = quote! {
        .backend(
            #root::claim(&#space, || {
                #[allow(unused_imports, clippy::allow_attributes)]
                use #root::{OpenBackend as _, OpenUrl as _};
                #root::Place(#backend, #root::open_url).open()
            }),
            #space,
            #codec,
        )
    };
    on_error.chain(memory).chain(writes).chain(wait).chain([place]).collect()
}

/// The name of the function's space, as an expression: `path@16hex` or `path@v:VERSION`.
fn space(model: &Model, store: &Store) -> TokenStream {
    let root = &model.root;
    let name = match (&store.name, &model.place) {
        (Some(name), _) => quote!(#name),
        (None, Place::Free(companion)) => quote!(#root::type_name::<#companion>()),
        (None, Place::Associated(_)) => {
            let function = model.signature.ident.unraw().to_string();
            quote!(&#root::member(#root::type_name::<Self>(), #function))
        }
    };
    let version = match &store.version {
        Version::Given(version) => quote!(#root::Version::Given(#version)),
        Version::Tokens(fingerprint, conditions) => {
            let fingerprint = Literal::u64_suffixed(*fingerprint);
            quote!(#root::Version::Tokens(#fingerprint, &[#(#root::cfg!(#conditions)),*]))
        }
    };
    let instance = instance(model, store);
    quote!(#root::space(#name, &[#(#instance),*], #version))
}

/// What tells the space of one set of type arguments from another's, where the name does not.
fn instance(model: &Model, store: &Store) -> Vec<TokenStream> {
    let root = &model.root;
    let generics = &model.signature.generics;
    let owner = matches!((&store.name, &model.place), (Some(_), Place::Associated(_)));
    let owner = owner.then(|| quote!(#root::type_name::<Self>()));
    let types = generics.type_params().map(|param| &param.ident).map(|name| quote!(#root::type_name::<#name>()));
    let constants = generics.const_params().map(|param| &param.ident).map(|name| quote!(#name));
    owner.into_iter().chain(types).chain(constants).map(|part| quote!(&#part)).collect()
}
