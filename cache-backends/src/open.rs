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
///
/// Two files with the same path share one backend within a process.
///
/// # Errors
/// [`Config`](ErrorKind::Config) when the scheme is unknown or its feature is off, when the path is refused,
/// and for whatever else will not heal by itself. A place that cannot be reached now is no error: it is tried at each use.
pub fn open(url: &str) -> Result<Arc<dyn Backend>> {
    let Some((scheme, rest)) = url.split_once(':') else {
        // Nothing of the text is repeated: it may be a secret in the wrong place.
        return Err(config("a backend url starts with a scheme, write `sqlite:cache.db` or `memory:`".into()));
    };
    match scheme {
        "memory" if rest.is_empty() => Ok(Arc::new(Memory::new())),
        "memory" => Err(config("nothing can follow `memory:`, write the scheme alone".into())),
        "sqlite" => sqlite(rest),
        _ if scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) => {
            Err(config(format!("there is no backend for `{scheme}:`, the schemes are `memory:` and `sqlite:`")))
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

fn config(message: String) -> Error {
    Error::new(ErrorKind::Config, message)
}
