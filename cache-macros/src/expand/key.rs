//! The key of a call: its type, and the expression that looks it up.

use super::generics::Erased;
use crate::model::{Form, Key, Model, Parameter, Part, plain};
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::visit::{self, Visit};
use syn::{Expr, FnArg, Pat, PatIdent, spanned::Spanned};

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
    let owned = match model.parameters[part.parameter].is_self() {
        true => quote!(OwnedSelf),
        false => quote!(Owned),
    };
    match &part.form {
        Form::Reference(ty) | Form::Value(ty) => quote_spanned!(ty.span()=> #root::#owned<#ty>),
        Form::OptionalReference(ty) => quote_spanned!(ty.span()=> #root::Option<#root::#owned<#ty>>),
    }
}

/// The parameters that belong to the key, in order.
pub(super) fn key_parameters(model: &Model) -> Vec<&Parameter> {
    match &model.key {
        Key::Arguments(parts) => parts.iter().map(|part| &model.parameters[part.parameter]).collect(),
        Key::Typed(..) | Key::Inferred(_) => model.parameters.iter().collect(),
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
    let erased = Erased::new(&model.signature.generics);
    let turbofish = erased.turbofish();
    let path = model.place.path("cache");
    let cache = quote!(#path #turbofish());
    match &model.key {
        Key::Arguments(parts) => {
            let borrowed = parts.iter().map(|part| {
                let name = &model.parameters[part.parameter].name;
                match part.form {
                    Form::Reference(_) | Form::OptionalReference(_) => quote!(#name),
                    Form::Value(_) => quote!(&#name),
                }
            });
            Query { prepare: TokenStream::new(), cache, key: quote!(&#root::Args((#(#borrowed,)*))) }
        }
        Key::Typed(ty, expr) => {
            let (key, bindings) = (key_name(), bindings(model, expr));
            Query { prepare: quote!(let #key: #ty = { #bindings #expr };), cache, key: quote!(&#key) }
        }
        Key::Inferred(expr) => {
            let (key, bindings) = (key_name(), bindings(model, expr));
            let (path, names) = (model.place.path("cache_of"), &erased.names);
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
        .map(|(name, pat)| quote!(let #pat = #name;))
        .collect()
}

/// A closure that is never run, whose type tells the type of the key expression.
pub(super) fn witness(model: &Model, expr: &Expr) -> TokenStream {
    let root = &model.root;
    let this = Ident::new("memolith_self", Span::mixed_site());
    let lifetimes: Vec<String> =
        model.signature.generics.lifetimes().map(|each| each.lifetime.ident.to_string()).collect();
    let lets = model.parameters.iter().map(|parameter| {
        let ty = anonymous(parameter.ty.to_token_stream(), &lifetimes);
        let pat = match &parameter.declared {
            FnArg::Receiver(_) => quote!(#this),
            FnArg::Typed(_) if parameter.named => parameter.name.to_token_stream(),
            FnArg::Typed(typed) => typed.pat.to_token_stream(),
        };
        quote!(let #pat: #ty = #root::argument();)
    });
    let expr = without_self(expr.to_token_stream(), &this);
    quote!(|| { #(#lets)* #expr })
}

/// The expression with `self` renamed: a companion that takes no `self` cannot name it. `self::path` stays.
fn without_self(stream: TokenStream, this: &Ident) -> TokenStream {
    let trees: Vec<TokenTree> = stream.into_iter().collect();
    let is_path = |at: usize| match (trees.get(at + 1), trees.get(at + 2)) {
        (Some(TokenTree::Punct(one)), Some(TokenTree::Punct(two))) => one.as_char() == ':' && two.as_char() == ':',
        _ => false,
    };
    trees
        .iter()
        .enumerate()
        .map(|(at, tree)| match tree {
            TokenTree::Ident(word) if word == "self" && !is_path(at) => TokenTree::Ident(this.clone()),
            TokenTree::Group(group) => {
                let mut renamed = proc_macro2::Group::new(group.delimiter(), without_self(group.stream(), this));
                renamed.set_span(group.span());
                TokenTree::Group(renamed)
            }
            tree => tree.clone(),
        })
        .collect()
}

/// The type with each of the function's own lifetimes left to inference.
fn anonymous(stream: TokenStream, lifetimes: &[String]) -> TokenStream {
    let mut quoted = false;
    stream
        .into_iter()
        .map(|tree| {
            let renamed = match &tree {
                TokenTree::Ident(name) if quoted && lifetimes.iter().any(|lifetime| name == lifetime) => {
                    TokenTree::Ident(Ident::new("_", name.span()))
                }
                TokenTree::Group(group) => {
                    TokenTree::Group(proc_macro2::Group::new(group.delimiter(), anonymous(group.stream(), lifetimes)))
                }
                tree => tree.clone(),
            };
            quoted = matches!(&tree, TokenTree::Punct(punct) if punct.as_char() == '\'');
            renamed
        })
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
