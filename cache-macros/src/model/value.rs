//! What of a result is kept, and when.

use super::key::peeled;
use crate::attr::Arguments;
use syn::{Error, Expr, GenericArgument, Lit, PathArguments, PathSegment, ReturnType, Type};

/// How the function's result becomes the cached value.
pub(crate) enum Outcome {
    /// The value is the result.
    Whole,
    /// The value is what `Ok` holds; an `Err` goes to the caller alone.
    Ok,
}

impl Outcome {
    pub(crate) fn new(arguments: &Arguments, output: &ReturnType) -> Self {
        match is_called(output, "Result") && arguments.cache_err.is_none() {
            true => Outcome::Ok,
            false => Outcome::Whole,
        }
    }
}

/// Which values are kept.
pub(crate) struct Keep {
    /// The user's condition over a reference to the value.
    pub(crate) condition: Option<Expr>,
    /// Whether a `None` is passed on without being kept.
    pub(crate) only_some: bool,
    /// Whether the result may be a `Result` under another name, of which only `Ok` is kept.
    pub(crate) only_ok: bool,
}

impl Keep {
    pub(crate) fn new(arguments: &Arguments, output: &ReturnType, errors: &mut Vec<Error>) -> Self {
        if let Some(cache_err) = &arguments.cache_err
            && !is_called(output, "Result")
        {
            let message = "`cache_err` keeps errors, and this function returns no `Result`: remove it";
            errors.push(Error::new(cache_err.span(), message));
        }
        let mut only_some = false;
        if let Some(cache_none) = &arguments.cache_none {
            match boolean(&cache_none.value) {
                Some(kept) => only_some = !kept,
                None => errors.push(Error::new_spanned(&cache_none.value, "write `cache_none = false`")),
            }
            if !gives_option(arguments, output) {
                let message = "`cache_none` is about `None`, and this function keeps no `Option`: remove it";
                errors.push(Error::new(cache_none.span(), message));
            }
        }
        let condition = arguments.cache_if.as_ref().map(|given| given.value.clone());
        let only_ok = last_segment(output).is_some_and(|last| last.ident != "Result");
        Keep { condition, only_some, only_ok }
    }
}

fn boolean(expr: &Expr) -> Option<bool> {
    match expr {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Bool(value) => Some(value.value),
            _ => None,
        },
        _ => None,
    }
}

/// Whether the value that is kept is an `Option`, as far as its name tells.
fn gives_option(arguments: &Arguments, output: &ReturnType) -> bool {
    if is_called(output, "Option") {
        return true;
    }
    let Some(result) = last_segment(output).filter(|last| last.ident == "Result") else { return false };
    let PathArguments::AngleBracketed(generics) = &result.arguments else { return false };
    match generics.args.first() {
        Some(GenericArgument::Type(ty)) => {
            arguments.cache_err.is_none() && segment(ty).is_some_and(|s| s.ident == "Option")
        }
        _ => false,
    }
}

/// Names are all a macro sees of types: `io::Result<T>` counts, as does any other path that ends so.
fn is_called(output: &ReturnType, name: &str) -> bool {
    last_segment(output).is_some_and(|last| last.ident == name)
}

fn last_segment(output: &ReturnType) -> Option<&PathSegment> {
    match output {
        ReturnType::Type(_, ty) => segment(ty),
        ReturnType::Default => None,
    }
}

fn segment(ty: &Type) -> Option<&PathSegment> {
    match peeled(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}
