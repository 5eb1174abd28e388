//! What was asked for, checked: every rule is applied here, so that expansion cannot fail.

mod aging;
mod attributes;
mod borrow;
mod key;
mod known;
mod literal;
mod parameter;
mod settings;
mod signature;
mod tags;
mod value;

pub(crate) use aging::Aging;
pub(crate) use attributes::{Attributes, is_ours};
pub(crate) use borrow::Loans;
pub(crate) use key::{Form, Key, Part};
pub(crate) use literal::{Bytes, Time};
pub(crate) use parameter::{Parameter, parameters, plain};
pub(crate) use settings::{Bound, Codec, Settings, Store, Version};
pub(crate) use tags::Tags;
pub(crate) use value::{Keep, Outcome};

use crate::attr::Arguments;
use crate::function::{Function, mentions_self};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::{Error, Path, Signature, Visibility};

/// A function to cache, and how.
pub(crate) struct Model {
    /// Where everything that generated code names is found.
    pub(crate) root: TokenStream,
    pub(crate) place: Place,
    pub(crate) attributes: Attributes,
    pub(crate) vis: Visibility,
    pub(crate) signature: Signature,
    pub(crate) body: proc_macro2::Group,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) key: Key,
    pub(crate) outcome: Outcome,
    pub(crate) keep: Keep,
    pub(crate) settings: Settings,
    pub(crate) tags: Option<Tags>,
}

/// Where the companions stand.
pub(crate) enum Place {
    /// On an uninhabited type of this name.
    Free(Ident),
    /// Beside the function in its `impl`, with this prefix.
    Associated(String),
}

impl Place {
    pub(crate) fn new(arguments: &Arguments, function: &Function) -> Self {
        let name = function.name();
        let handle = arguments.handle.as_ref().map(|handle| &handle.value);
        let sees_self =
            || mentions_self(function.signature.to_token_stream()) || mentions_self(function.body.to_token_stream());
        if arguments.associated.is_some() || function.signature.receiver().is_some() || sees_self() {
            return Place::Associated(handle.unwrap_or(name).unraw().to_string());
        }
        Place::Free(handle.unwrap_or(name).clone())
    }

    /// The name of a companion, as it is declared.
    pub(crate) fn companion(&self, name: &str) -> Ident {
        match self {
            Place::Free(_) => Ident::new(name, Span::mixed_site()),
            Place::Associated(prefix) => format_ident!("{prefix}_{name}", span = Span::mixed_site()),
        }
    }

    /// The path to a companion, as the function calls it.
    pub(crate) fn path(&self, name: &str) -> TokenStream {
        let companion = self.companion(name);
        match self {
            Place::Free(ty) => quote!(#ty::#companion),
            Place::Associated(_) => quote!(Self::#companion),
        }
    }
}

impl Model {
    /// The model, or every reason why there is none in one error.
    pub(crate) fn new(arguments: Arguments, function: Function, unread: Vec<Error>) -> Result<Self, Error> {
        let mut errors = unread;
        let place = Place::new(&arguments, &function);
        let Function { attrs, vis, signature, body } = function;
        signature::check(&signature, &mut errors);
        let parameters = parameter::parameters(&signature, &mut errors);
        let keep = Keep::new(&arguments, &signature.output, &mut errors);
        let outcome = Outcome::new(&arguments, &signature.output);
        let fingerprint = settings::fingerprint(&arguments, &attrs, &signature, &body);
        let root = root(arguments.krate.as_ref().map(|krate| &krate.value));
        let attributes = Attributes::new(attrs, &mut errors);
        let key = Key::new(&arguments, &parameters, &mut errors);
        let tags = arguments.tags.as_ref().and_then(|given| Tags::new(given, &parameters, &mut errors));
        let settings = Settings::new(arguments, fingerprint, &mut errors);
        match errors.into_iter().reduce(combined) {
            Some(error) => Err(error),
            None => Ok(Model {
                root,
                place,
                attributes,
                vis,
                signature,
                body,
                parameters,
                key,
                outcome,
                keep,
                settings,
                tags,
            }),
        }
    }
}

fn combined(mut all: Error, another: Error) -> Error {
    all.combine(another);
    all
}

/// The path to the facade's `__private` module.
pub(crate) fn root(krate: Option<&Path>) -> TokenStream {
    match krate {
        Some(path) => quote!(#path::__private),
        None => quote!(::memolith::__private),
    }
}
