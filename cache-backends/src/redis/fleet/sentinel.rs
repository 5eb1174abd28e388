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
/// heard yet, and a server may have been told otherwise since. `meet` is told which further sentinels each knows.
pub(crate) async fn fetch(
    name: &str,
    sentinels: &[Arc<Node>],
    node: &(dyn Fn(Address) -> Arc<Node> + Send + Sync),
    meet: &(dyn Fn(Vec<Address>) + Send + Sync),
) -> Result<Map> {
    let mut refused: Vec<Address> = Vec::new();
    let mut last = None;
    for sentinel in sentinels {
        let address = match ask(name, sentinel).await {
            Ok((address, mut others)) => {
                // It does not name itself.
                others.push(sentinel.address().clone());
                meet(others);
                address
            }
            Err(error) => {
                last = Some(graver(last, error));
                continue;
            }
        };
        if refused.contains(&address) {
            continue;
        }
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

/// Where the primary is, and other sentinels.
async fn ask(name: &str, sentinel: &Arc<Node>) -> Result<(Address, Vec<Address>)> {
    let request = |what: &str| Request::new("SENTINEL", Route::Any).arg(what).arg(name);
    let requests = [request("get-master-addr-by-name"), request("sentinels")];
    let [place, others] = <[Reply; 2]>::try_from(sentinel.exchange(&requests).await?).map_err(|_| unexpected())?;
    let mut place = match place.checked()? {
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
    let primary = Address::Tcp(host, port.parse().map_err(|_| unexpected())?);
    // A sentinel that does not let us know others is one all the same.
    let others = others.into_array().unwrap_or_default();
    Ok((primary, others.into_iter().filter_map(address).collect()))
}

/// Where a sentinel is that another describes, by names and values in turn.
fn address(about: Reply) -> Option<Address> {
    let about: Vec<Vec<u8>> =
        about.into_array().ok()?.into_iter().map(Reply::into_bytes).collect::<Result<Option<_>>>().ok()??;
    let value = |name: &[u8]| {
        let value = about.chunks_exact(2).find(|pair| pair[0] == name).map(|pair| &pair[1])?;
        std::str::from_utf8(value).ok()
    };
    let port = value(b"port")?.parse().ok().filter(|&port| port != 0)?;
    Some(Address::Tcp(value(b"ip").filter(|ip| !ip.is_empty())?.to_owned(), port))
}

async fn is_primary(server: &Arc<Node>) -> Result<bool> {
    let role = only(server.exchange(&[Request::new("ROLE", Route::Any)]).await?)?.into_array()?;
    Ok(matches!(role.first(), Some(Reply::Bytes(name)) if name == b"master"))
}

fn only(mut replies: Vec<Reply>) -> Result<Reply> {
    replies.pop().ok_or_else(unexpected)
}
