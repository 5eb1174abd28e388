//! What is to be asked for the tags of a value.

use super::Parameter;
use crate::attr::Argument;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Error, Expr, ExprClosure, Pat};

/// A rule that gives the tags of a value.
pub(crate) enum Tags {
    /// The patterns for the arguments and the value, and what stands after them.
    Closure {
        inputs: Vec<Pat>,
        body: TokenStream,
    },
    Given(Expr),
}

impl Tags {
    pub(crate) fn new(tags: &Argument<Expr>, parameters: &[Parameter], errors: &mut Vec<Error>) -> Option<Self> {
        let example = || {
            let names = parameters.iter().map(|parameter| match parameter.named {
                true if parameter.is_self() => "this, ".to_string(),
                true => format!("{}, ", parameter.name),
                false => "_, ".to_string(),
            });
            format!("write `|{}value| [..]`", names.collect::<String>())
        };
        let message = match &tags.value {
            Expr::Lit(_) | Expr::Array(_) => format!("`tags` is a function: {}, or its path", example()),
            Expr::Closure(closure) if closure.asyncness.is_some() => "`tags` cannot wait: remove `async`".into(),
            Expr::Closure(closure) if closure.inputs.len() != parameters.len() + 1 => {
                format!("`tags` is called with every argument of the function and the value: {}", example())
            }
            Expr::Closure(closure) => return Some(Tags::of(closure)),
            given => return Some(Tags::Given(given.clone())),
        };
        errors.push(Error::new_spanned(&tags.value, message));
        None
    }

    fn of(closure: &ExprClosure) -> Self {
        let (output, body) = (&closure.output, &closure.body);
        let body = match output {
            syn::ReturnType::Default => quote!(|| #body),
            typed => quote!(|| #typed #body),
        };
        Tags::Closure { inputs: closure.inputs.iter().cloned().collect(), body: body.into_token_stream() }
    }

    /// Whether the argument at this place is asked for.
    pub(crate) fn asks(&self, at: usize) -> bool {
        match self {
            Tags::Closure { inputs, .. } => !matches!(inputs.get(at), Some(Pat::Wild(_))),
            Tags::Given(_) => true,
        }
    }
}
