//! What two calls must share to share a result.

use super::borrow::Loans;
use super::known::{float, is_certain};
use super::parameter::Parameter;
use crate::attr::Arguments;
use proc_macro2::Ident;
use syn::{Error, Expr, GenericArgument, Lifetime, PathArguments, Type};

/// The key of a call.
pub(crate) enum Key {
    /// The arguments themselves, borrowed for a lookup.
    Arguments(Vec<Part>),
    /// The user's expression, of a type that they named.
    Typed(Box<Type>, Expr),
    /// The user's expression, of a type that the compiler infers.
    Inferred(Expr),
}

/// One argument in the key.
pub(crate) struct Part {
    /// Its place among the parameters.
    pub(crate) parameter: usize,
    pub(crate) form: Form,
    /// Whether the name of its type tells that it is a key; of other types the compiler has to say it.
    pub(crate) certain: bool,
}

/// How an argument is borrowed for a lookup.
pub(crate) enum Form {
    /// `&T`: the owned form of `T` is kept.
    Reference(Type),
    /// `Option<&T>`.
    OptionalReference(Type),
    /// `T`.
    Value(Type),
}

/// As many elements as a tuple can have and still be hashed and compared.
const LONGEST: usize = 12;

impl Key {
    pub(crate) fn new(arguments: &Arguments, parameters: &[Parameter], errors: &mut Vec<Error>) -> Self {
        let skipped: &[Ident] = arguments.skip.as_ref().map_or(&[], |skip| &skip.value);
        check_skipped(skipped, parameters, errors);
        if let Some(key) = &arguments.key {
            if let Some(skip) = &arguments.skip {
                errors.push(Error::new(skip.span(), "`key` already says all of the key: remove `skip`"));
            }
            let expr = key.value.expr.clone();
            check_expr(&expr, parameters, errors);
            return match key.value.ty.clone() {
                Some(ty) => Key::Typed(Box::new(ty), expr),
                None => Key::Inferred(expr),
            };
        }
        let in_key = |parameter: &Parameter| !(parameter.named && skipped.contains(&parameter.name));
        let parts: Vec<Part> = parameters
            .iter()
            .enumerate()
            .filter(|(_, parameter)| in_key(parameter))
            .map(|(at, parameter)| part(at, parameter, errors))
            .collect();
        if let Some(over) = parts.get(LONGEST) {
            let message =
                format!("a key has at most {LONGEST} arguments: skip some, group them in a struct, or give `key = ..`");
            errors.push(Error::new(parameters[over.parameter].name.span(), message));
        }
        Key::Arguments(parts)
    }
}

fn check_skipped(skipped: &[Ident], parameters: &[Parameter], errors: &mut Vec<Error>) {
    for (at, name) in skipped.iter().enumerate() {
        if skipped[..at].contains(name) {
            errors.push(Error::new(name.span(), format!("`{name}` is skipped twice")));
        }
        if parameters.iter().any(|parameter| parameter.named && parameter.name == *name) {
            continue;
        }
        let names: Vec<String> = parameters
            .iter()
            .filter(|parameter| parameter.named)
            .map(|parameter| format!("`{}`", parameter.name))
            .collect();
        let known = match names.is_empty() {
            true => "it has none with a name".to_string(),
            false => format!("it has {}", names.join(", ")),
        };
        errors.push(Error::new(name.span(), format!("the function has no parameter `{name}`: {known}")));
    }
}

/// What stands in the key as it is, alone or in a tuple, must be able to: the compiler's words for it are about lifetimes.
fn check_expr(expr: &Expr, parameters: &[Parameter], errors: &mut Vec<Error>) {
    match expr {
        Expr::Tuple(tuple) => tuple.elems.iter().for_each(|element| check_expr(element, parameters, errors)),
        Expr::Paren(paren) => check_expr(&paren.expr, parameters, errors),
        Expr::Group(group) => check_expr(&group.expr, parameters, errors),
        Expr::Path(path) => {
            let named = |parameter: &&Parameter| path.path.is_ident(&parameter.name);
            let Some(parameter) = parameters.iter().find(named) else { return };
            let name = &parameter.name;
            let is_static = |lifetime: &Lifetime| lifetime.ident == "static";
            if let Type::Reference(reference) = peeled(&parameter.ty) {
                if reference.lifetime.as_ref().is_some_and(is_static) {
                    return;
                }
                let message = format!("`{name}` is borrowed, and a key outlives the call: write `{name}.to_owned()`");
                errors.push(Error::new_spanned(path, message));
            } else if let Some(float) = float(&parameter.ty) {
                errors.push(Error::new_spanned(path, no_key(float, name)));
            }
        }
        _ => {}
    }
}

fn no_key(float: &Ident, name: &Ident) -> String {
    format!(
        "`{float}` is no key, since NaN does not equal itself: give `key = {name}.to_bits()` or the like, or skip it"
    )
}

fn part(at: usize, parameter: &Parameter, errors: &mut Vec<Error>) -> Part {
    let form = form(&parameter.ty);
    let (Form::Reference(kept) | Form::OptionalReference(kept) | Form::Value(kept)) = &form;
    let loans = Loans::of(kept);
    if let Some(span) = loans.borrow.filter(|_| loans.exclusive.is_none()) {
        let message =
            "this borrow lies too deep to be kept in a key: skip the argument, take it owned, or give `key = ..`";
        errors.push(Error::new(span, message));
    }
    if let Some(float) = float(kept) {
        errors.push(Error::new(float.span(), no_key(float, &parameter.name)));
    }
    let certain = is_certain(kept);
    Part { parameter: at, form, certain }
}

fn form(ty: &Type) -> Form {
    let ty = peeled(ty);
    match ty {
        Type::Reference(reference) => Form::Reference((*reference.elem).clone()),
        ty => match optional_reference(ty) {
            Some(inner) => Form::OptionalReference(inner.clone()),
            None => Form::Value(ty.clone()),
        },
    }
}

/// The `T` of an `Option<&T>`.
fn optional_reference(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Option")?;
    let PathArguments::AngleBracketed(generics) = &last.arguments else { return None };
    match generics.args.first() {
        Some(GenericArgument::Type(inner)) => match peeled(inner) {
            Type::Reference(reference) if reference.mutability.is_none() => Some(&reference.elem),
            _ => None,
        },
        _ => None,
    }
}

/// The type without the invisible groups that `macro_rules` leaves, and without parentheses.
pub(crate) fn peeled(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => peeled(&group.elem),
        Type::Paren(paren) => peeled(&paren.elem),
        ty => ty,
    }
}
