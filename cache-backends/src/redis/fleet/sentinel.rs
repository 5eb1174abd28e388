//! The primary that sentinels watch over.
//!
//! <https://redis.io/docs/latest/develop/reference/sentinel-clients/>

use super::map::Map;
use crate::redis::server::node::Node;
use crate::redis::settings::target::Address;
use crate::redis::wire::fault::graver;
use crate::redis::wire::reply::{Reply, unexpected};
use crate::redis::wire::request::{Request, Route};
use memolith_core::{Error, ErrorKind, Result};
use std::sync::Arc;

/// The primary called `name`: whom a sentinel names, once that server says itself that it is one. A sentinel may not have
/// heard yet, and a server may have been told otherwise since.
pub(crate) async fn fetch(
    name: &str,
    sentinels: &[Arc<Node>],
    node: &(dyn Fn(Address) -> Arc<Node> + Send + Sync),
) -> Result<Map> {
    let mut refused: Vec<Address> = Vec::new();
    let mut last = None;
    for sentinel in sentinels {
        let address = match ask(name, sentinel).await {
            Ok(address) if refused.contains(&address) => continue,
            Ok(address) => address,
            Err(error) => {
                last = Some(graver(last, error));
                continue;
            }
        };
        let server = node(address.clone());
        match is_primary(&server).await {
            Ok(true) => return Ok(Map::of(server)),
            Ok(false) => {
                let message = "the server that a sentinel names is no primary yet";
                last = Some(graver(last, Error::new(ErrorKind::Unavailable, message)));
            }
            Err(error) => last = Some(graver(last, error)),
        }
        refused.push(address);
    }
    let nobody = || Error::new(ErrorKind::Unavailable, "no sentinel answers, are any of them running?");
    Err(last.unwrap_or_else(nobody))
}

async fn ask(name: &str, sentinel: &Arc<Node>) -> Result<Address> {
    let request = Request::new("SENTINEL", Route::Any).arg("get-master-addr-by-name").arg(name);
    let mut place = match only(sentinel.exchange(&[request]).await?)?.checked()? {
        Reply::Nil => {
            return Err(Error::new(
                ErrorKind::Config,
                "the sentinels know no primary of this name, write `redis+sentinel://host:port/name`",
            ));
        }
        place => place.into_array()?.into_iter(),
    };
    let mut word = || -> Result<String> {
        let bytes = place.next().ok_or_else(unexpected)?.into_bytes()?.ok_or_else(unexpected)?;
        String::from_utf8(bytes).map_err(|_| unexpected())
    };
    let (host, port) = (word()?, word()?);
    Ok(Address::Tcp(host, port.parse().map_err(|_| unexpected())?))
}

async fn is_primary(server: &Arc<Node>) -> Result<bool> {
    let role = only(server.exchange(&[Request::new("ROLE", Route::Any)]).await?)?.into_array()?;
    Ok(matches!(role.first(), Some(Reply::Bytes(name)) if name == b"master"))
}

fn only(mut replies: Vec<Reply>) -> Result<Reply> {
    replies.pop().ok_or_else(unexpected)
}
