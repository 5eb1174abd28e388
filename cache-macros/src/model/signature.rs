//! Rules about the function as a whole.

use super::borrow::Loans;
use syn::{Error, ReturnType, Safety, Signature, Type, spanned::Spanned};

pub(crate) fn check(signature: &Signature, errors: &mut Vec<Error>) {
    if let Some(constness) = &signature.constness {
        errors.push(Error::new(constness.span, "a `const fn` cannot look into a cache: remove `const`"));
    }
    if let Safety::Unsafe(unsafety) = &signature.safety {
        let message =
            "an `unsafe fn` asks its caller for more than equal arguments can show: cache a safe function around it";
        errors.push(Error::new(unsafety.span, message));
    }
    if let Some(abi) = &signature.abi {
        let message = "an `extern fn` is called by foreign code: cache a Rust function and call it from this one";
        errors.push(Error::new_spanned(abi, message));
    }
    if let Some(variadic) = &signature.variadic {
        let message = "variadic arguments have no number and no types, so they make no key: take a slice";
        errors.push(Error::new_spanned(variadic, message));
    }
    if let ReturnType::Type(_, ty) = &signature.output {
        check_return(ty, signature.asyncness.is_some(), errors);
    }
}

fn check_return(ty: &Type, is_async: bool, errors: &mut Vec<Error>) {
    if let Type::Never(never) = ty {
        errors.push(Error::new_spanned(never, "a function that never returns has no result to keep"));
        return;
    }
    let loans = Loans::of(ty);
    if let Some(span) = loans.unnamed {
        let message = match is_async {
            true => "`impl Trait` has no name that results could be kept under: return a type with a name",
            false => {
                "`impl Trait` has no name that results could be kept under: return a type with a name, and write `async fn` for a future"
            }
        };
        errors.push(Error::new(span, message));
        return;
    }
    if let Some(span) = loans.borrow.or(loans.exclusive) {
        let message = "a kept result outlives the call, so it cannot borrow: return an owned value, or an `Arc`";
        let span = if loans.borrow.is_some() { span } else { ty.span() };
        errors.push(Error::new(span, message));
    }
}
