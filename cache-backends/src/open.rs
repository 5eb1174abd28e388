//! From a URL to a backend.

use crate::Memory;
use memolith_core::{Backend, Error, ErrorKind, Result};
use std::sync::Arc;

/// The backend that `url` names.
///
/// | URL | backend |
/// |---|---|
/// | `memory:` | [`Memory`], a new one at each call |
/// | `sqlite:PATH`, `sqlite:///absolute/path` | a file; a relative path starts at the working directory |
/// | `sqlite:` | the file `memolith/cache.db` in the user's cache directory |
/// | `sqlite::memory:` | a database in memory, a new one at each call |
/// | `shm:NAME`, `shm:PATH` | a memory-mapped file for all processes of this machine; a path holds a `/` |
/// | `shm:` | the region called `cache` |
/// | `redis://HOST:PORT`, `redis+unix://`, `redis+cluster://`, `redis+sentinel://` | servers of Redis or Valkey, see `Redis` |
/// | `rediss` for `redis`, `valkey` for `redis` | the same with TLS, the same |
///
/// `?max_bytes=256MiB` after a region says how large it is to be made, in bytes or with `KiB`, `MiB`, `GiB`.
/// A file or a region that is named twice by one path is opened once within a process.
///
/// # Errors
/// [`Config`](ErrorKind::Config) when the scheme is unknown or its feature is off, when the path is refused,
/// and for whatever else will not heal by itself. A file of SQLite that cannot be reached now is no error: it is tried at
/// each use. A region is opened here, and what keeps it from being opened is one: see `Shared::open`.
/// Servers are connected to when they are needed.
pub fn open(url: &str) -> Result<Arc<dyn Backend>> {
    let Some((scheme, rest)) = url.split_once(':') else {
        // Nothing of the text is repeated: it may be a secret in the wrong place.
        return Err(config("a backend url starts with a scheme, write `sqlite:cache.db` or `memory:`".into()));
    };
    match scheme {
        "memory" if rest.is_empty() => Ok(Arc::new(Memory::new())),
        "memory" => Err(config("nothing can follow `memory:`, write the scheme alone".into())),
        "sqlite" => sqlite(rest),
        "shm" => shared(rest),
        "unix" => redis(url),
        _ if ["redis", "rediss", "valkey", "valkeys"].contains(&scheme.split('+').next().unwrap_or("")) => redis(url),
        _ if scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) => {
            let schemes = "the schemes are `memory:`, `sqlite:`, `shm:` and `redis:`";
            Err(config(format!("there is no backend for `{scheme}:`, {schemes}")))
        }
        _ => Err(config("a backend url starts with a scheme, write `sqlite:cache.db` or `memory:`".into())),
    }
}

#[cfg(feature = "sqlite")]
fn sqlite(rest: &str) -> Result<Arc<dyn Backend>> {
    use crate::Sqlite;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    match path {
        "" => Ok(Arc::new(Sqlite::open(Sqlite::default_place("memolith")?)?)),
        _ if path.len() < rest.len() && !path.starts_with('/') => {
            Err(config("`sqlite://` is followed by an absolute path, write `sqlite:` before a relative one".into()))
        }
        _ => Ok(Arc::new(Sqlite::open(path)?)),
    }
}

#[cfg(not(feature = "sqlite"))]
fn sqlite(_: &str) -> Result<Arc<dyn Backend>> {
    Err(config("`sqlite:` needs the feature `sqlite` of memolith, enable it in Cargo.toml".into()))
}

#[cfg(all(feature = "shared", target_os = "linux", not(loom)))]
fn shared(rest: &str) -> Result<Arc<dyn Backend>> {
    use crate::Shared;
    let (place, options) = rest.split_once('?').map_or((rest, None), |(place, options)| (place, Some(options)));
    let place = if place.is_empty() { "cache" } else { place };
    let Some(options) = options else { return Ok(Arc::new(Shared::open(place)?)) };
    let bytes = options.strip_prefix("max_bytes=").and_then(bytes);
    let bytes =
        bytes.ok_or_else(|| config("only `?max_bytes=64MiB` or the like can follow the name of a region".into()))?;
    Ok(Arc::new(Shared::sized(place, bytes)?))
}

/// A number of bytes, with or without a binary unit.
#[cfg(all(feature = "shared", target_os = "linux", not(loom)))]
fn bytes(text: &str) -> Option<u64> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let unit = units.iter().find_map(|(unit, bits)| Some((text.strip_suffix(unit)?, *bits)));
    let (number, bits) = unit.unwrap_or((text, 0));
    number.parse::<u64>().ok()?.checked_mul(1 << bits)
}

#[cfg(not(all(feature = "shared", target_os = "linux", not(loom))))]
fn shared(_: &str) -> Result<Arc<dyn Backend>> {
    Err(config(match cfg!(target_os = "linux") {
        true => "`shm:` needs the feature `shared` of memolith, enable it in Cargo.toml".into(),
        false => "`shm:` needs Linux, use `sqlite:` here".into(),
    }))
}

#[cfg(feature = "redis")]
fn redis(url: &str) -> Result<Arc<dyn Backend>> {
    Ok(Arc::new(crate::Redis::open(url)?))
}

#[cfg(not(feature = "redis"))]
fn redis(_: &str) -> Result<Arc<dyn Backend>> {
    Err(config("`redis:` needs the feature `redis` of memolith, enable it in Cargo.toml".into()))
}

fn config(message: String) -> Error {
    Error::new(ErrorKind::Config, message)
}
