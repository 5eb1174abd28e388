//! When results are computed anew before they have to be.

use super::Time;
use super::literal::number;
use super::settings::kept;
use crate::attr::{Argument, Arguments};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::{Error, Expr, ExprLit, Lit};

/// How entries age, as far as it was said.
#[derive(Default)]
pub(crate) struct Aging {
    /// A share, as an `f64`.
    pub(crate) jitter: Option<TokenStream>,
    /// The factor of early refreshes, as an `f64`.
    pub(crate) early_refresh: Option<TokenStream>,
    pub(crate) stale: Option<Time>,
}

impl Aging {
    pub(crate) fn new(arguments: &Arguments, errors: &mut Vec<Error>) -> Self {
        let Arguments { jitter, early_refresh, stale, .. } = arguments;
        let names = [
            jitter.as_ref().map(|given| &given.name),
            early_refresh.as_ref().map(|given| &given.name),
            stale.as_ref().map(|given| &given.name),
        ];
        names.into_iter().flatten().for_each(|name| check_lives(name, arguments, errors));
        let beta = early_refresh.as_ref().map(|given| match &given.value {
            Some(factor) => checked(factor, is_factor, || {
                "`early_refresh` is a number above 0, 1 for most: write `early_refresh` alone for that".into()
            }),
            None => Ok(quote!(1.0)),
        });
        Aging {
            jitter: jitter.as_ref().and_then(|given| kept(share(given), errors)),
            early_refresh: beta.and_then(|beta| kept(beta, errors)),
            stale: stale.as_ref().and_then(|given| kept(Time::stale(given.value.clone()), errors)),
        }
    }

    /// Whether a call that fails may be answered with an old value.
    pub(crate) fn serves_old(&self) -> bool {
        self.early_refresh.is_some() || self.stale.is_some()
    }
}

/// Only what has a time to live ages, and what can be idle ends when it is.
fn check_lives(name: &Ident, arguments: &Arguments, errors: &mut Vec<Error>) {
    if arguments.tti.is_some() {
        let message = format!("`{name}` is about the end of a `ttl`, which a `tti` moves: remove one of the two");
        errors.push(Error::new(name.span(), message));
    } else if arguments.ttl.is_none() {
        let message = format!("`{name}` is about the end of a `ttl`, and there is none: add `ttl = \"5m\"`");
        errors.push(Error::new(name.span(), message));
    }
}

fn share(jitter: &Argument<Expr>) -> Result<TokenStream, Error> {
    checked(
        &jitter.value,
        |share| share > 0.0 && share <= 1.0,
        || "`jitter` is a share of the `ttl`, above 0 and 1 at most: write one like `jitter = 0.1`".into(),
    )
}

fn is_factor(factor: f64) -> bool {
    factor > 0.0 && factor.is_finite()
}

/// A number as an `f64`, checked where it can be seen.
fn checked(expr: &Expr, holds: impl Fn(f64) -> bool, message: impl Fn() -> String) -> Result<TokenStream, Error> {
    match number(expr) {
        Some(number) if holds(number) => Ok(quote!(#number)),
        None if !matches!(expr, Expr::Lit(ExprLit { lit, .. }) if !matches!(lit, Lit::Verbatim(_))) => {
            Ok(expr.to_token_stream())
        }
        _ => Err(Error::new_spanned(expr, message())),
    }
}
