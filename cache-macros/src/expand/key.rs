//! The key of a call: its type, and the expression that looks it up.

use super::generics::{Erased, turbofish};
use crate::model::{Form, Key, Model, Parameter, Part, plain};
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::visit::{self, Visit};
use syn::{Expr, FnArg, Pat, PatIdent};

/// The name of the key's type where only the compiler knows it.
pub(super) const INFERRED: &str = "MemolithKey";

/// The type of the key, as far as it can be written down.
pub(super) fn key_type(model: &Model) -> TokenStream {
    match &model.key {
        Key::Arguments(parts) => {
            let types = parts.iter().map(|part| part_type(model, part));
            quote!((#(#types,)*))
        }
        Key::Typed(ty, _) => quote!(#ty),
        Key::Inferred(_) => Ident::new(INFERRED, Span::mixed_site()).into_token_stream(),
    }
}

fn part_type(model: &Model, part: &Part) -> TokenStream {
    let root = &model.root;
    let owned = match (part.certain, model.parameters[part.parameter].is_self()) {
        (true, _) => quote!(Owned),
        (false, true) => quote!(OwnedSelf),
        (false, false) => quote!(OwnedArgument),
    };
    match &part.form {
        Form::Reference(ty) | Form::Value(ty) => quote!(#root::#owned<#ty>),
        Form::OptionalReference(ty) => quote!(#root::Option<#root::#owned<#ty>>),
    }
}

/// What the companions ask of argument types that the macro does not know; empty where it knows all.
pub(super) fn bounds(model: &Model) -> Vec<TokenStream> {
    let root = &model.root;
    let Key::Arguments(parts) = &model.key else { return Vec::new() };
    let stored = model.settings.store.as_ref().map(|_| quote!(, Kept: #root::StoredKey));
    let uncertain = parts.iter().filter(|part| !part.certain);
    uncertain
        .map(|part| {
            let (Form::Reference(ty) | Form::OptionalReference(ty) | Form::Value(ty)) = &part.form;
            let check = match model.parameters[part.parameter].is_self() {
                true => quote!(KeyReceiver),
                false => quote!(KeyArgument),
            };
            quote!(for<'memolith> #ty: #root::#check<'memolith #stored>)
        })
        .collect()
}

fn part_view(model: &Model, part: &Part) -> TokenStream {
    let root = &model.root;
    let parameter = &model.parameters[part.parameter];
    let name = &parameter.name;
    let borrowed = match part.form {
        Form::Reference(_) | Form::OptionalReference(_) => quote!(#name),
        Form::Value(_) => quote!(&#name),
    };
    match (&part.form, part.certain, parameter.is_self()) {
        (_, true, _) => borrowed,
        (_, false, true) => quote!(#root::This(#borrowed)),
        (Form::OptionalReference(_), false, false) => quote!(#root::given(#borrowed)),
        (_, false, false) => quote!(#root::Given(#borrowed)),
    }
}

/// The parameters that belong to the key, in order.
pub(super) fn key_parameters(model: &Model) -> Vec<&Parameter> {
    match &model.key {
        Key::Arguments(parts) => parts.iter().map(|part| &model.parameters[part.parameter]).collect(),
        Key::Typed(..) | Key::Inferred(_) => model.parameters.iter().collect(),
    }
}

/// Whether the key names the parameter.
pub(super) fn is_used(model: &Model, at: usize) -> bool {
    match &model.key {
        Key::Arguments(parts) => parts.iter().any(|part| part.parameter == at),
        Key::Typed(_, expr) | Key::Inferred(expr) => {
            let used = words(expr.to_token_stream());
            let names = match &model.parameters[at].declared {
                FnArg::Receiver(_) => return false,
                FnArg::Typed(typed) => names(&typed.pat),
            };
            names.iter().any(|name| used.contains(&name.to_string()))
        }
    }
}

/// How a call finds its cache and its key there.
pub(super) struct Query {
    /// Evaluates the key, where it is an expression.
    pub(super) prepare: TokenStream,
    pub(super) cache: TokenStream,
    /// A reference to the key.
    pub(super) key: TokenStream,
}

pub(super) fn query(model: &Model) -> Query {
    let root = &model.root;
    let turbofish = turbofish(&model.signature.generics);
    let path = model.place.path("cache");
    let cache = quote!(#path #turbofish());
    match &model.key {
        Key::Arguments(parts) => {
            let borrowed = parts.iter().map(|part| part_view(model, part));
            Query { prepare: TokenStream::new(), cache, key: quote!(&#root::Args((#(#borrowed,)*))) }
        }
        Key::Typed(ty, expr) => {
            let (key, bindings) = (key_name(), bindings(model, expr));
            Query { prepare: quote!(let #key: #ty = { #bindings #expr };), cache, key: quote!(&#key) }
        }
        Key::Inferred(expr) => {
            let (key, bindings) = (key_name(), bindings(model, expr));
            let (path, names) = (model.place.path("lru_cache_of"), Erased::new(model).names);
            Query {
                prepare: quote!(let #key = { #bindings #expr };),
                cache: quote!(#path::<_, #(#names),*>(#root::KeyType::of(&#key))),
                key: quote!(&#key),
            }
        }
    }
}

fn key_name() -> Ident {
    Ident::new("memolith_key", Span::mixed_site())
}

/// The names inside the patterns of parameters, where the key uses them.
fn bindings(model: &Model, expr: &Expr) -> TokenStream {
    let used = words(expr.to_token_stream());
    model
        .parameters
        .iter()
        .filter_map(|parameter| match &parameter.declared {
            FnArg::Typed(typed) if !parameter.named => Some((&parameter.name, &*typed.pat)),
            _ => None,
        })
        .filter(|(_, pat)| names(pat).iter().any(|name| used.contains(&name.to_string())))
        .map(|(name, pat)| quote!(#[allow(unused, clippy::allow_attributes)] let #pat = #name;))
        .collect()
}

fn words(stream: TokenStream) -> Vec<String> {
    stream
        .into_iter()
        .flat_map(|tree| match tree {
            TokenTree::Ident(word) => vec![word.to_string()],
            TokenTree::Group(group) => words(group.stream()),
            _ => Vec::new(),
        })
        .collect()
}

fn names(pat: &Pat) -> Vec<&Ident> {
    #[derive(Default)]
    struct Names<'a>(Vec<&'a Ident>);
    impl<'a> Visit<'a> for Names<'a> {
        fn visit_pat_ident(&mut self, pat: &'a PatIdent) {
            self.0.push(&pat.ident);
            visit::visit_pat_ident(self, pat);
        }
    }
    let mut names = Names::default();
    names.visit_pat(pat);
    names.0
}

/// The declarations of `parameters`, patterns replaced by names.
pub(super) fn declarations(parameters: &[&Parameter]) -> Vec<TokenStream> {
    parameters.iter().map(|parameter| plain(parameter)).collect()
}
