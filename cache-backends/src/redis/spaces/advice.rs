//! What a user should know of a server and cannot be told as an error, for nothing has failed yet.

use super::store::Store;
use crate::redis::wire::reply::Reply;
use crate::redis::wire::request::{Request, Route};
use memolith_core::Space;
use std::sync::atomic::Ordering::Relaxed;

impl Store {
    /// Says once that a space without bounds fills a server that evicts nothing. A server that does not tell, or not this
    /// user, is taken for one that does.
    pub(crate) async fn advise(&self, space: &Space, route: Route) {
        if space.ttl.is_some() || self.advised.load(Relaxed) {
            return;
        }
        let told = self.client.call(Request::new("INFO", route).arg("memory")).await;
        let is_full_one_day = matches!(told, Ok(Reply::Bytes(info)) if refuses_when_full(&info));
        if is_full_one_day && !self.advised.swap(true, Relaxed) {
            tracing::warn!(
                space = %space.name,
                "the server refuses writes once its memory is full (`maxmemory-policy noeviction`), and nothing bounds this \
                 space, give it `maxsize` or `ttl`, or have the server evict"
            );
        }
    }
}

/// Whether a server says that it has a bound on memory, and evicts nothing for it.
fn refuses_when_full(info: &[u8]) -> bool {
    let value = |name: &[u8]| {
        let line = info.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(name))?;
        Some(line.trim_ascii())
    };
    value(b"maxmemory_policy:") == Some(b"noeviction") && value(b"maxmemory:").is_some_and(|bytes| bytes != b"0")
}

#[cfg(test)]
mod tests {
    use super::refuses_when_full;

    #[test]
    fn only_a_bound_without_eviction_fills() {
        let says = |most: &str, policy: &str| {
            let info = format!("# Memory\r\nused_memory:1\r\nmaxmemory:{most}\r\nmaxmemory_human:1M\r\n{policy}");
            refuses_when_full(info.as_bytes())
        };
        assert!(says("1048576", "maxmemory_policy:noeviction\r\n"));
        assert!(!says("0", "maxmemory_policy:noeviction\r\n"));
        assert!(!says("1048576", "maxmemory_policy:allkeys-lru\r\n"));
        assert!(!says("1048576", ""));
    }
}
