//! The `#[lru_cache]` attribute of [memolith](https://docs.rs/memolith). Depend on `memolith` instead.
//!
//! Three stages: `attr` and `function` read what was written, `model` applies every rule and reports all errors at
//! once, `expand` writes the model out and cannot fail. After an error `fallback` keeps callers compiling.

mod attr;
mod expand;
mod fallback;
mod function;
mod model;
#[cfg(test)]
mod tests;
mod tokens;

use proc_macro::TokenStream;

/// Caches the results of a function: a call with arguments that were seen before is answered without running the body.
///
/// The function keeps its signature, docs and visibility; `?`, `return`, `.await`, recursion and panics keep their
/// meaning. Concurrent calls with equal arguments compute once, threads and tasks alike.
///
/// ```
/// use memolith::lru_cache;
///
/// #[lru_cache]
/// fn fib(n: u64) -> u64 {
///     if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
/// }
///
/// assert_eq!(fib(80), 23_416_728_348_467_685);
/// assert_eq!(fib::cache_info().misses, 81);
/// ```
///
/// # Companions
///
/// Beside `fn area` stands a type of the same name, so that one `use` brings both:
///
/// | | |
/// |---|---|
/// | `area::cache()` | the `&'static Cache<K, V>` itself |
/// | `area::cache_info()` | its counters |
/// | `area::cache_clear()` | removes every entry and resets the counters |
/// | `area::invalidate(args)` | removes the result for these arguments, and says whether there was one |
/// | `area::get(args)` | the result for these arguments if it is there; never computes |
/// | `area::uncached(args)` | the original function |
///
/// For methods they are associated functions of the same `impl`: `area_cache()`, `area_cache_info()`,
/// `area_cache_clear()`, `area_invalidate(..)`, `area_get(..)`, `area_uncached(..)`.
/// `invalidate` and `get` take the arguments that belong to the key; with `key = ..` they take all.
/// Of an `async fn`, `uncached` is async, and `cache_info`, `cache_clear`, `invalidate` and `get` have a second form that
/// is, for tasks: `area::get_async(args).await` waits for a backend without blocking the executor.
/// In documentation, ``[`area()`]`` with its parentheses is the function and not the type.
/// In the implementation of a trait there is no place for companions: cache an inherent method, and call it from there.
///
/// # The key
///
/// All arguments together, compared by `Eq`. References and options of references are looked up as they are, so a hit
/// on `&str` or `&[T]` allocates nothing; deeper borrows need `skip` or `key`. Generic functions have one cache for each
/// set of type and const arguments, and the type arguments must be `'static`, as must be the type of a method.
/// `self` is part of the key too, unless it is skipped or replaced:
///
/// ```
/// use memolith::lru_cache;
///
/// struct Shop {
///     id: u64,
///     prices: Vec<f64>,
/// }
///
/// impl Shop {
///     #[lru_cache(key = (self.id, item))]
///     fn price(&self, item: usize) -> f64 {
///         self.prices[item]
///     }
/// }
///
/// let shop = Shop { id: 7, prices: vec![1.5, 2.5] };
/// assert_eq!(shop.price(1), 2.5);
/// assert_eq!(Shop::price_cache_info().currsize, 1);
/// ```
///
/// # Arguments
///
/// Of the cache:
///
/// - `maxsize = N` or `maxsize = None`: entries at most, 128 by default; `None` is unbounded, and 0 keeps nothing.
/// - `policy = Lru`: who leaves when it is full, a variant of `memolith::Policy`: `Lru`, `Mru`, `Fifo`, `Lfu`, `Random`, `Sieve`, `S3Fifo`, `TinyLfu`, `Tenure`,
///   `Auto`.
/// - `ttl = "5m"`: time to live since written. Text with the units `ms s m h d`, as in `"1h30m"`, or a `Duration`.
/// - `tti = "30s"`: time to live since last used.
/// - `jitter = 0.1`: shortens the `ttl` of each result by up to this share of it, drawn evenly, so that what was computed
///   together does not expire together. A number above 0 and 1 at most, or an expression that gives an `f64`.
/// - `early_refresh`: computes a result anew a little before its `ttl` is over, the earlier the longer it took: the first
///   caller computes, and all others get the old result meanwhile. `early_refresh = 2.0` is twice as early.
///   `CacheBuilder::early_refresh` says how early.
/// - `stale = "30s"`: serves a result for that long after its `ttl`, to others while one caller computes it anew, and to
///   that one where it fails: an `Err` that is not kept is answered with the old result as `Ok`, and the function is
///   called again a second later, or a tenth of `stale` if that is shorter. Text as for `ttl`, or a `Duration`.
///   `CacheBuilder::stale` says the rest. These three need a `ttl`, and do not go with a `tti`.
/// - `max_bytes = "64MiB"` with `weigh = |value| ..`: a bound on weight. Text with `B KB MB GB TB` or `KiB MiB GiB TiB`,
///   or a number. `weigh` takes a reference to the value and returns a `u64`.
/// - `on_evict = |key, value, cause| ..`: called, outside of all locks, with each result that leaves memory, and why
///   (`memolith::Cause`). The key is a tuple of the arguments that count, owned: `&(u64,)` of one `u64`,
///   `&(String, usize)` of a `&str` and a `usize`; or what `key: T = ..` gives. The value is what is kept, so of a
///   `Result` what is in `Ok`. `CacheBuilder::on_evict` says what it hears of, and when.
///
/// - `tags = |a, b, value| [..]`: what the result was made from. Called once for each result that is kept, with each
///   argument of the function in turn, `self` among them, and the value, all by reference; gives anything that iterates
///   over text or bytes. `memolith::invalidate_tag("..")` ends every result that carries the tag, of every function, in
///   memory and in the backends, for everybody. An argument that is taken by value is cloned before the function runs,
///   unless the closure calls it `_`. The path of a function does as well. A result put in place by hand, by `insert` on
///   the cache, carries no tags: there are no arguments to ask.
///
/// Of the key:
///
/// - `skip(a, b)`: arguments, `self` among them, that do not decide the result.
/// - `key = expr`: an expression over the arguments, evaluated at each call by the ordinary rules: what is `Copy` is
///   copied, what is not must be cloned. Its type is inferred; `key: T = expr` names it.
///
/// Of the value:
///
/// - `cache_if = |value| ..`: keeps only values that this holds for.
/// - `cache_err`: keeps errors too. By default a function that returns `Result` keeps what is in `Ok`, and errors go to
///   the caller alone. A `Result` under another name is cloned whole, so its error must be `Clone`, and is not kept.
/// - `cache_none = false`: does not keep `None`.
///
/// Of what outlives the process:
///
/// - `backend = ".."`: a URL such as `"sqlite:cache.db"` or `"shm:NAME"` (`memolith::open` lists them), or an expression
///   that gives text, a backend, or a `Result` of one. Evaluated once, at the first call.
/// - `memory = N`: entries kept in memory as well; `min(maxsize, 1024)` by default, 0 for none.
/// - `writes = Through`: stored before the call returns; `Behind`: soon after.
/// - `wait = "2s"`: a result is computed once among all processes that share the backend: who misses waits that long for
///   another process that computes it, then computes too. Text as for `ttl`, or a `Duration`. Not by default;
///   `CacheBuilder::wait` says what it costs.
/// - `codec = Postcard`: how values become bytes: `Postcard`, `Bincode`, `Json`, `MessagePack` or `Cbor`, each behind its
///   feature, one of the last three within `Portable(..)` for a space that programs in other languages share, or an
///   expression that gives one's own.
/// - `name = ".."`: the function's name in the backend; its path by default. For methods the type of `self` and for
///   generic functions the type arguments are part of it too. Within one process it belongs to one function: the second
///   one of a name, such as a function of the same path and text in another block, is kept in memory alone and reported
///   through `on_error`. So is a function with a closure among its type arguments, whatever its name, because all
///   closures of a function are called the same: pass a `fn` by its name, or a type of your own.
/// - `version = ".."`: the version of the function. Without it a fingerprint of its tokens tells results of changed code
///   apart; functions that it calls are not seen by that.
/// - `on_error = |error| ..`: told every fault of the backend. Calls never fail because of one.
///
/// Of the generated code:
///
/// - `handle = name`: names the companions; for methods their prefix.
/// - `associated`: says that the function stands in an `impl`, where neither `self` nor `Self` shows it. Without it the
///   compiler says that an enum is not supported there.
/// - `crate = path`: where `memolith` is found, when it was renamed.
#[proc_macro_attribute]
pub fn lru_cache(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expansion(arguments.into(), item.into()).into()
}

fn expansion(arguments: proc_macro2::TokenStream, item: proc_macro2::TokenStream) -> proc_macro2::TokenStream {
    let (read, unread) = attr::Arguments::parse(arguments.clone());
    let function = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(error) => return fallback::bare(error, unread, item),
    };
    match model::Model::new(read, function, unread) {
        Ok(model) => expand::expand(&model),
        Err(error) => fallback::expand(&error, arguments, item),
    }
}
