//! From a URL to servers and options.

use super::options::Options;
use super::target::{Address, Login, Target, Topology, Trust};
use memolith_core::{Error, ErrorKind, Result};
use std::path::PathBuf;

/// Where servers listen unless told otherwise.
const PORT: u16 = 6379;
/// Where sentinels do.
const SENTINEL_PORT: u16 = 26379;

/// What stands before `://`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Single,
    Unix,
    Cluster,
    Sentinel,
}

impl Target {
    /// What `url` names; the parameters that say nothing about servers go to `options`.
    ///
    /// ```text
    /// redis://[user[:password]@]host[:port][/database]
    /// redis+unix:///path/to/socket
    /// redis+cluster://[user[:password]@]host[:port],..
    /// redis+sentinel://[user[:password]@]sentinel[:port],../name[/database]
    /// ```
    ///
    /// `rediss` speaks TLS, `valkey` stands for `redis` everywhere. What follows `?`: `db`, `ca` (a file with the
    /// certificates to trust), `sentinel_user`, `sentinel_password`, and the names of the options. `%` and two digits stand
    /// for a byte.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config), with nothing of the URL in it: anything may be a secret in the wrong place.
    pub(crate) fn parse(url: &str, options: &mut Options) -> Result<Self> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| config(FORMS))?;
        let (scheme, secure) = schemes(scheme).ok_or_else(|| config(FORMS))?;
        if secure && cfg!(not(feature = "tls")) {
            return Err(config("`rediss:` needs the feature `tls` of memolith, enable it in Cargo.toml"));
        }
        if rest.contains('#') || rest.contains(char::is_whitespace) {
            return Err(config("a `#` or a space in the url means something else, write `%23` or `%20`"));
        }
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = place.split_at(place.find('/').unwrap_or(place.len()));
        let (user, hosts) = authority.rsplit_once('@').map_or((None, authority), |(user, hosts)| (Some(user), hosts));
        let mut login = user.map_or_else(|| Ok(Login::default()), credentials)?;
        login.tls = secure.then(Trust::default);
        let mut sentinel_login = Login { tls: login.tls.clone(), ..Login::default() };
        let (topology, database) = match scheme {
            Scheme::Unix => (unix(hosts, decoded(path)?, secure)?, ""),
            _ => addressed(scheme, hosts, path)?,
        };
        if !database.is_empty() {
            login.database = number(database)?;
        }
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = decoded(value)?;
            match name {
                "db" => login.database = number(&value)?,
                "ca" => {
                    let trust = login
                        .tls
                        .as_mut()
                        .ok_or_else(|| config("`ca` needs TLS, write `rediss` instead of `redis`"))?;
                    trust.authority = Some(PathBuf::from(value));
                }
                "sentinel_user" => sentinel_login.username = Some(value),
                "sentinel_password" => sentinel_login.password = Some(value),
                _ => options.set(name, &value)?,
            }
        }
        sentinel_login.tls.clone_from(&login.tls);
        let complete =
            [&login, &sentinel_login].iter().all(|login| login.username.is_none() || login.password.is_some());
        if !complete {
            return Err(config("a user without a password cannot log in, write `redis://user:password@host`"));
        }
        Ok(Target { topology, login, sentinel_login })
    }
}

const FORMS: &str = "write `redis://host:port`, `redis+unix:///path`, `redis+cluster://host:port,host:port` or \
                     `redis+sentinel://host:port,host:port/name`, `rediss` for TLS, or the same with `valkey`";

/// The scheme, and whether it speaks TLS.
fn schemes(scheme: &str) -> Option<(Scheme, bool)> {
    let (base, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
    let kind = match (base, kind) {
        ("unix", "") => Scheme::Unix,
        ("unix", _) => return None,
        (_, "") => Scheme::Single,
        (_, "unix") => Scheme::Unix,
        (_, "cluster") => Scheme::Cluster,
        (_, "sentinel") => Scheme::Sentinel,
        _ => return None,
    };
    match base {
        "redis" | "valkey" | "unix" => Some((kind, false)),
        "rediss" | "valkeys" => Some((kind, true)),
        _ => None,
    }
}

fn credentials(text: &str) -> Result<Login> {
    let (username, password) = text.split_once(':').map_or((text, None), |(user, password)| (user, Some(password)));
    let present = |text: &str| Ok((!text.is_empty()).then_some(decoded(text)?));
    Ok(Login { username: present(username)?, password: password.map_or(Ok(None), present)?, ..Login::default() })
}

fn unix(host: &str, path: String, secure: bool) -> Result<Topology> {
    if secure {
        return Err(config("a socket with a path needs no TLS, write `redis+unix:///path`"));
    }
    if !host.is_empty() || path.len() < 2 {
        return Err(config("a path begins with a slash, write `redis+unix:///path/to/socket`"));
    }
    Ok(Topology::Single(Address::Unix(PathBuf::from(path))))
}

/// The servers, and the database that the path names.
fn addressed<'a>(scheme: Scheme, hosts: &str, path: &'a str) -> Result<(Topology, &'a str)> {
    let port = if scheme == Scheme::Sentinel { SENTINEL_PORT } else { PORT };
    let mut addresses = hosts.split(',').map(|host| address(host, port)).collect::<Result<Vec<_>>>()?;
    let path = path.strip_prefix('/').unwrap_or(path);
    match scheme {
        Scheme::Sentinel => {
            let (name, database) = path.split_once('/').unwrap_or((path, ""));
            if name.is_empty() {
                return Err(config("sentinels know servers by name, write `redis+sentinel://host:port/name`"));
            }
            Ok((Topology::Sentinel { name: decoded(name)?, sentinels: addresses }, database))
        }
        Scheme::Cluster => Ok((Topology::Cluster(addresses), path)),
        Scheme::Single | Scheme::Unix => match addresses.pop() {
            Some(address) if addresses.is_empty() => Ok((Topology::Single(address), path)),
            _ => Err(config("several servers are a cluster, write `redis+cluster://host:port,host:port`")),
        },
    }
}

fn address(text: &str, port: u16) -> Result<Address> {
    let wrong = || config("a server is `host`, `host:port` or `[ipv6]:port`");
    let (host, rest) = match text.strip_prefix('[') {
        Some(bracketed) => {
            let (host, rest) = bracketed.split_once(']').ok_or_else(wrong)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| wrong())?;
            (host, rest)
        }
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match rest.strip_prefix(':') {
        Some(digits) => digits.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?,
        None if rest.is_empty() => port,
        None => return Err(wrong()),
    };
    if host.is_empty() || host.contains(['%', '@', '[', ']', '\\']) {
        return Err(wrong());
    }
    Ok(Address::Tcp(host.to_owned(), port))
}

fn number(text: &str) -> Result<u32> {
    text.parse().map_err(|_| config("a database is a number, write `redis://host:port/0`"))
}

/// The text with bytes for `%` and two digits.
fn decoded(text: &str) -> Result<String> {
    let wrong = || config("a `%` in the url begins two hexadecimal digits, write `%25` for itself");
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((byte, after)) = rest.split_first() {
        let (byte, after) = match (byte, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                (digit(high).zip(digit(low)).map(|(high, low)| high << 4 | low).ok_or_else(wrong)?, after)
            }
            (b'%', _) => return Err(wrong()),
            _ => (*byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| config("what `%` stands for in the url has to be UTF-8"))
}

fn config(message: &str) -> Error {
    Error::new(ErrorKind::Config, message)
}

#[cfg(test)]
#[path = "url/tests.rs"]
mod tests;
