//! The bounds of the cache and the backend behind it.

use super::Aging;
use super::literal::{Bytes, Time, text};
use crate::attr::{Argument, Arguments, KeyExpr, nearest};
use crate::tokens::{Fingerprint, predicates};
use proc_macro2::{Group, Ident, Span, TokenStream};
use quote::ToTokens;
use syn::{Attribute, Error, Expr, ExprLit, Lit, Pat, Signature};

/// How the cache is built.
pub(crate) struct Settings {
    pub(crate) maxsize: Bound,
    pub(crate) policy: Option<Ident>,
    pub(crate) ttl: Option<Time>,
    pub(crate) tti: Option<Time>,
    pub(crate) aging: Aging,
    pub(crate) max_bytes: Option<Bytes>,
    pub(crate) weigh: Option<Expr>,
    pub(crate) on_evict: Option<Expr>,
    pub(crate) store: Option<Store>,
}

/// A bound on entries.
pub(crate) enum Bound {
    /// The builder's own.
    Default,
    Unbounded,
    Given(Expr),
}

/// A backend and what only matters with one.
pub(crate) struct Store {
    pub(crate) backend: Expr,
    pub(crate) memory: Option<Expr>,
    pub(crate) writes: Option<Ident>,
    pub(crate) wait: Option<Time>,
    pub(crate) codec: Codec,
    pub(crate) name: Option<Expr>,
    pub(crate) version: Version,
    pub(crate) on_error: Option<Expr>,
}

/// How values become bytes.
pub(crate) enum Codec {
    /// One of ours, by name.
    Ours(Ident),
    /// `Portable` around one of ours.
    Portable(Ident),
    Given(Expr),
}

/// What tells results of one version of the function from those of another.
pub(crate) enum Version {
    Given(Expr),
    /// The function's tokens, and the conditions it asks about.
    Tokens(u64, Vec<TokenStream>),
}

const POLICIES: [&str; 10] = ["Lru", "Mru", "Fifo", "Lfu", "Random", "Sieve", "S3Fifo", "TinyLfu", "Tenure", "Auto"];
const WRITES: [&str; 2] = ["Through", "Behind"];
const CODECS: [&str; 5] = ["Postcard", "Bincode", "Json", "MessagePack", "Cbor"];

impl Settings {
    pub(crate) fn new(arguments: Arguments, tokens: Version, errors: &mut Vec<Error>) -> Self {
        if let Some(weigh) = &arguments.weigh
            && arguments.max_bytes.is_none()
        {
            let message = "`weigh` counts towards `max_bytes`, and there is none: add `max_bytes = \"64MiB\"`";
            errors.push(Error::new(weigh.span(), message));
        }
        if let Some(max_bytes) = &arguments.max_bytes
            && arguments.weigh.is_none()
            && arguments.backend.is_none()
        {
            let message = "`max_bytes` needs to know what a value weighs: add `weigh = |value| ..`";
            errors.push(Error::new(max_bytes.span(), message));
        }
        let aging = Aging::new(&arguments, errors);
        Settings {
            aging,
            maxsize: bound(arguments.maxsize, errors),
            policy: arguments.policy.and_then(|given| kept(word(given, &POLICIES), errors)),
            ttl: arguments.ttl.and_then(|given| kept(Time::life(given.value, "ttl"), errors)),
            tti: arguments.tti.and_then(|given| kept(Time::life(given.value, "tti"), errors)),
            max_bytes: arguments.max_bytes.and_then(|given| kept(Bytes::new(given.value), errors)),
            weigh: arguments.weigh.map(|given| given.value),
            on_evict: arguments.on_evict.and_then(|given| kept(listener(given, &arguments.key), errors)),
            store: store(
                arguments.backend,
                Persistence {
                    memory: arguments.memory,
                    writes: arguments.writes,
                    wait: arguments.wait,
                    codec: arguments.codec,
                    name: arguments.name,
                    version: arguments.version,
                    on_error: arguments.on_error,
                },
                tokens,
                errors,
            ),
        }
    }
}

/// The arguments that mean nothing without a backend.
struct Persistence {
    memory: Option<Argument<Expr>>,
    writes: Option<Argument<Expr>>,
    wait: Option<Argument<Expr>>,
    codec: Option<Argument<Expr>>,
    name: Option<Argument<Expr>>,
    version: Option<Argument<Expr>>,
    on_error: Option<Argument<Expr>>,
}

fn store(
    backend: Option<Argument<Expr>>,
    persistence: Persistence,
    tokens: Version,
    errors: &mut Vec<Error>,
) -> Option<Store> {
    let Persistence { memory, writes, wait, codec, name, version, on_error } = persistence;
    let Some(backend) = backend else {
        for idle in [memory, writes, wait, codec, name, version, on_error].into_iter().flatten() {
            let message =
                format!("`{}` means something only with a backend: add `backend = ..`, or remove it", idle.name);
            errors.push(Error::new(idle.span(), message));
        }
        return None;
    };
    for argument in [&name, &version].into_iter().flatten() {
        check_text(argument, errors);
    }
    Some(Store {
        backend: backend.value,
        memory: memory.map(|given| given.value),
        writes: writes.and_then(|given| kept(word(given, &WRITES), errors)),
        wait: wait.and_then(|given| kept(Time::wait(given.value), errors)),
        codec: codec
            .map_or_else(|| Codec::Ours(Ident::new("Postcard", Span::mixed_site())), |given| self::codec(given.value)),
        name: name.map(|given| given.value),
        version: version.map_or(tokens, |given| Version::Given(given.value)),
        on_error: on_error.map(|given| given.value),
    })
}

fn bound(maxsize: Option<Argument<Expr>>, errors: &mut Vec<Error>) -> Bound {
    let Some(maxsize) = maxsize else { return Bound::Default };
    if single(&maxsize.value).is_some_and(|word| word == "None") {
        return Bound::Unbounded;
    }
    if let Expr::Lit(ExprLit { lit, .. }) = &maxsize.value
        && !matches!(lit, Lit::Int(_) | Lit::Verbatim(_))
    {
        errors.push(Error::new_spanned(lit, "`maxsize` is a number of entries, or `None`"));
    }
    Bound::Given(maxsize.value)
}

/// What is called with each entry that leaves; as far as it can be seen, with as many arguments as it takes.
fn listener(on_evict: Argument<Expr>, key: &Option<Argument<KeyExpr>>) -> Result<Expr, Error> {
    let inferred = key.as_ref().is_some_and(|key| key.value.ty.is_none());
    let message = match &on_evict.value {
        Expr::Lit(_) => "`on_evict` is a function: write `|key, value, cause| ..`, or its path",
        Expr::Closure(closure) if closure.inputs.len() != 3 => {
            "`on_evict` is called with three arguments: write `|key, value, cause| ..`"
        }
        // The cache is built where the type of an inferred key has no name.
        Expr::Closure(closure) if matches!(closure.inputs[0], Pat::Wild(_)) => return Ok(on_evict.value),
        _ if inferred => "`on_evict` is called with the key, whose type must be said: write `key: T = ..`",
        _ => return Ok(on_evict.value),
    };
    Err(Error::new_spanned(&on_evict.value, message))
}

fn codec(expr: Expr) -> Codec {
    let ours = |expr: &Expr| single(expr).filter(|word| CODECS.iter().any(|codec| word == codec)).cloned();
    if let Some(word) = ours(&expr) {
        return Codec::Ours(word);
    }
    match &expr {
        Expr::Call(call) if call.args.len() == 1 && single(&call.func).is_some_and(|word| word == "Portable") => {
            ours(&call.args[0]).map(Codec::Portable).unwrap_or(Codec::Given(expr))
        }
        _ => Codec::Given(expr),
    }
}

/// An argument whose value is one of a few words.
fn word(argument: Argument<Expr>, known: &[&str]) -> Result<Ident, Error> {
    let all = || known.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let name = &argument.name;
    let Some(word) = single(&argument.value) else {
        return Err(Error::new_spanned(&argument.value, format!("`{name}` is one of {}", all())));
    };
    if known.iter().any(|one| word == one) {
        return Ok(word.clone());
    }
    let message = match nearest(&word.to_string(), known) {
        Some(near) => format!("unknown `{name}` `{word}`: did you mean `{near}`?"),
        None => format!("unknown `{name}` `{word}`: there are {}", all()),
    };
    Err(Error::new(word.span(), message))
}

/// The single word that an expression is.
fn single(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Path(path) if path.qself.is_none() => path.path.get_ident(),
        Expr::Group(group) => single(&group.expr),
        _ => None,
    }
}

fn check_text(argument: &Argument<Expr>, errors: &mut Vec<Error>) {
    let name = &argument.name;
    let message = match (text(&argument.value), &argument.value) {
        (Some(text), _) if text.value().is_empty() => {
            format!("an empty `{name}` tells nothing apart: give it some text")
        }
        (None, Expr::Lit(_)) => format!("`{name}` is text: write it in quotes"),
        _ => return,
    };
    errors.push(Error::new_spanned(&argument.value, message));
}

pub(super) fn kept<T>(result: Result<T, Error>, errors: &mut Vec<Error>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            errors.push(error);
            None
        }
    }
}

/// The version a function has by its tokens: its signature and body, and the arguments that decide what is kept under which key.
pub(crate) fn fingerprint(arguments: &Arguments, attrs: &[Attribute], signature: &Signature, body: &Group) -> Version {
    let mut code = TokenStream::new();
    attrs.iter().for_each(|attr| attr.to_tokens(&mut code));
    signature.to_tokens(&mut code);
    body.to_tokens(&mut code);
    let mut fingerprint = Fingerprint::new();
    fingerprint.tokens(code.clone());
    for (label, tokens) in deciding(arguments) {
        fingerprint.label(label);
        fingerprint.tokens(tokens.clone());
        code.extend(tokens);
    }
    Version::Tokens(fingerprint.finish(), predicates(code))
}

/// The arguments that change what a call returns or stores, in an order that does not depend on how they were written.
fn deciding(arguments: &Arguments) -> Vec<(&'static str, TokenStream)> {
    let of = |argument: &Option<Argument<Expr>>| argument.as_ref().map(|given| given.value.to_token_stream());
    let key = arguments.key.as_ref().map(|key| {
        let mut tokens = key.value.ty.to_token_stream();
        key.value.expr.to_tokens(&mut tokens);
        tokens
    });
    let skip = arguments.skip.as_ref().map(|skip| skip.value.iter().map(ToTokens::to_token_stream).collect());
    let cache_err = arguments.cache_err.as_ref().map(|_| TokenStream::new());
    [
        ("key", key),
        ("skip", skip),
        ("codec", of(&arguments.codec)),
        ("cache_if", of(&arguments.cache_if)),
        ("cache_err", cache_err),
        ("cache_none", of(&arguments.cache_none)),
        // They are stored with results, which those of another rule would not end.
        ("tags", of(&arguments.tags)),
    ]
    .into_iter()
    .filter_map(|(label, tokens)| Some((label, tokens?)))
    .collect()
}
