//! The slot table of a cluster, as its nodes tell it.
//!
//! <https://redis.io/docs/latest/commands/cluster-slots/>

use super::answer::address;
use super::map::Map;
use super::slots::SLOTS;
use crate::redis::server::node::Node;
use crate::redis::settings::target::Address;
use crate::redis::wire::fault::graver;
use crate::redis::wire::reply::{Reply, unexpected};
use crate::redis::wire::request::{Request, Route};
use memolith_core::{Error, ErrorKind, Result};
use std::collections::HashMap;
use std::sync::Arc;

/// How many nodes beyond the first are asked for a table that does not name the dead.
const OPINIONS: usize = 4;

/// The table of whoever answers first. While it gives slots to nodes in `lost`, others are asked too, and the table that
/// gives them the fewest is taken: who was cut off tells an old one.
pub(crate) async fn fetch(
    asked: &[Arc<Node>],
    lost: &[Arc<Node>],
    node: &(dyn Fn(Address) -> Arc<Node> + Send + Sync),
) -> Result<Map> {
    let is_lost = |node: &Arc<Node>| lost.iter().any(|lost| lost.address() == node.address());
    let mut best: Option<(usize, Map)> = None;
    let (mut silent, mut opinions) = (None, 0);
    for candidate in asked {
        let map = match ask(candidate, node).await {
            Ok(map) => map,
            Err(error) => {
                silent = Some(graver(silent, error));
                continue;
            }
        };
        let dead = map.share(is_lost);
        if best.as_ref().is_none_or(|&(least, _)| dead < least) {
            best = Some((dead, map));
        }
        if dead == 0 || opinions == OPINIONS {
            break;
        }
        opinions += 1;
    }
    match best {
        Some((_, map)) => Ok(map),
        None => Err(silent.unwrap_or_else(nowhere)),
    }
}

async fn ask(candidate: &Arc<Node>, node: &(dyn Fn(Address) -> Arc<Node> + Send + Sync)) -> Result<Map> {
    let requests = ["SLOTS", "NODES"].map(|what| Request::new("CLUSTER", Route::Any).arg(what));
    let [reply, nodes] = <[Reply; 2]>::try_from(candidate.exchange(&requests).await?).map_err(|_| unexpected())?;
    if let Reply::Error(error) = &reply
        && error.message.contains("cluster support disabled")
    {
        return Err(Error::new(
            ErrorKind::Config,
            "the server is not part of a cluster, write `redis://` instead of `redis+cluster://`",
        ));
    }
    let map = table((reply, &epochs(nodes)), candidate.address(), node)?;
    // So says a node that was told to forget the others.
    if map.is_empty() { Err(nowhere()) } else { Ok(map) }
}

fn nowhere() -> Error {
    Error::new(ErrorKind::Unavailable, "no node of the cluster knows who has the slots, is `cluster info` fine?")
}

/// The epoch of each node by its id, as far as it is told: a user may have been given the table alone.
fn epochs(nodes: Reply) -> HashMap<Vec<u8>, u64> {
    let text = nodes.into_bytes().ok().flatten().unwrap_or_default();
    let epoch = |line: &[u8]| {
        let mut words = line.split(|&byte| byte == b' ');
        let id = words.next()?.to_vec();
        Some((id, std::str::from_utf8(words.nth(5)?).ok()?.parse().ok()?))
    };
    text.split(|&byte| byte == b'\n').filter_map(epoch).collect()
}

fn table(
    (reply, epochs): (Reply, &HashMap<Vec<u8>, u64>),
    asked: &Address,
    node: &dyn Fn(Address) -> Arc<Node>,
) -> Result<Map> {
    let mut map = Map::of_cluster();
    for range in reply.into_array()? {
        let mut range = range.into_array()?.into_iter();
        let (first, last) = (slot(range.next())?, slot(range.next())?);
        let epoch = range.as_slice().first().and_then(id).and_then(|id| epochs.get(id).copied());
        let mut places = range.map(|place| named(place, asked));
        if let Some(primary) = places.next().transpose()?.flatten() {
            let primary = node(primary);
            map.assign(first, last, &primary);
            map.date(&primary, epoch);
        }
        for replica in places {
            let Some(replica) = replica? else { continue };
            if map.at(&replica).is_none() {
                map.replicas.push(node(replica));
            }
        }
    }
    Ok(map)
}

fn slot(reply: Option<Reply>) -> Result<u16> {
    let number = reply.ok_or_else(unexpected)?.into_int()?;
    u16::try_from(number).ok().filter(|&slot| slot < SLOTS).ok_or_else(unexpected)
}

/// The id in `[host, port, id, ..]`.
fn id(place: &Reply) -> Option<&[u8]> {
    let Reply::Array(fields) = place else { return None };
    match fields.get(2) {
        Some(Reply::Bytes(id)) => Some(id),
        _ => None,
    }
}

/// The address in `[host, port, id, [name, value, ..]]`; none where the server does not know it itself.
fn named(place: Reply, asked: &Address) -> Result<Option<Address>> {
    let mut fields = place.into_array()?.into_iter();
    let host = text(fields.next())?;
    let port = fields.next().ok_or_else(unexpected)?.into_int()?;
    let Ok(port) = u16::try_from(port) else { return Err(unexpected()) };
    if host == "?" {
        let more = fields.nth(1).map(Reply::into_array).transpose()?.unwrap_or_default();
        return Ok(ip(more)?.and_then(|ip| address(&ip, port, asked)));
    }
    Ok(address(&host, port, asked))
}

/// What a node that has no name yet is found by.
fn ip(more: Vec<Reply>) -> Result<Option<String>> {
    let mut more = more.into_iter();
    while let (Some(name), Some(value)) = (more.next(), more.next()) {
        if text(Some(name))? == "ip" {
            return text(Some(value)).map(Some);
        }
    }
    Ok(None)
}

/// A string; what is nil stands for the host that was asked, as an empty one does.
fn text(reply: Option<Reply>) -> Result<String> {
    let bytes = reply.ok_or_else(unexpected)?.into_bytes()?.unwrap_or_default();
    String::from_utf8(bytes).map_err(|_| unexpected())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::redis::settings::target::Login;
    use std::time::Duration;

    fn bytes(text: &str) -> Reply {
        Reply::Bytes(text.as_bytes().to_vec())
    }

    fn place(host: &str, port: i64) -> Reply {
        Reply::Array(vec![bytes(host), Reply::Int(port), bytes("id")])
    }

    fn range(first: i64, last: i64, places: &[Reply]) -> Reply {
        Reply::Array([&[Reply::Int(first), Reply::Int(last)], places].concat())
    }

    fn read(ranges: Vec<Reply>) -> Result<Map> {
        let node = |address| Arc::new(Node::new(address, &Login::default(), Duration::from_millis(1)));
        let epochs = HashMap::new();
        table((Reply::Array(ranges), &epochs), &Address::Tcp("asked".to_owned(), 1), &node)
    }

    fn owner(map: &Map, slot: u16) -> Option<&Address> {
        map.owner(slot).map(|node| node.address())
    }

    fn at(host: &str, port: u16) -> Address {
        Address::Tcp(host.to_owned(), port)
    }

    #[test]
    fn ranges_become_owners() {
        let map =
            read(vec![range(0, 99, &[place("a", 1), place("c", 3)]), range(200, 16_383, &[place("", 2)])]).unwrap();
        assert_eq!(owner(&map, 0), Some(&at("a", 1)));
        assert_eq!(owner(&map, 99), Some(&at("a", 1)));
        assert_eq!(owner(&map, 100), None);
        assert_eq!(owner(&map, 200), Some(&at("asked", 2)));
        assert_eq!(owner(&map, 16_383), Some(&at("asked", 2)));
        assert_eq!(map.replicas.iter().map(|node| node.address()).collect::<Vec<_>>(), [&at("c", 3)]);
    }

    #[test]
    fn a_node_without_a_name_is_found_by_its_address() {
        let more = Reply::Array(vec![bytes("ip"), bytes("10.0.0.1")]);
        let unnamed = Reply::Array(vec![bytes("?"), Reply::Int(7), bytes("id"), more]);
        let unknown = Reply::Array(vec![Reply::Nil, Reply::Int(8), bytes("id")]);
        let map = read(vec![range(0, 0, &[unnamed]), range(1, 1, &[unknown]), range(2, 2, &[place("?", 9)])]).unwrap();
        assert_eq!(owner(&map, 0), Some(&at("10.0.0.1", 7)));
        assert_eq!(owner(&map, 1), Some(&at("asked", 8)));
        assert_eq!(owner(&map, 2), None);
    }

    #[test]
    fn epochs_are_told_by_id() {
        let told = "07c3 127.0.0.1:30004@31004,host slave e7d1 0 1426238317239 4 connected\n\
                    67ed 127.0.0.1:30002@31002 master - 0 1426238316232 2 connected 5461-10922\n\
                    e7d1 127.0.0.1:30001@31001 myself,master - 0 0 17 connected 0-5460 [93-<-292f]\n";
        let found = epochs(bytes(told));
        assert_eq!(["07c3", "67ed", "e7d1"].map(|id| found[id.as_bytes()]), [4, 2, 17]);
        let error =
            Reply::Error(crate::redis::wire::reply::ServerError { code: "NOPERM".into(), message: told.into() });
        for garbage in [bytes(""), bytes("a b c\nd e f g h i j k"), Reply::Nil, Reply::Int(1), error] {
            assert!(epochs(garbage).is_empty());
        }
    }

    #[test]
    fn what_is_no_table_is_an_error() {
        for ranges in [
            vec![Reply::Int(1)],
            vec![Reply::Array(vec![])],
            vec![range(0, 16_384, &[place("a", 1)])],
            vec![range(-1, 1, &[place("a", 1)])],
            vec![range(0, 1, &[place("a", 70_000)])],
            vec![range(0, 1, &[Reply::Array(vec![bytes("a")])])],
            vec![range(0, 1, &[Reply::Int(1)])],
        ] {
            assert!(read(ranges).is_err());
        }
        // Backwards, and nobody named: neither gives a slot to anyone.
        assert_eq!(owner(&read(vec![range(5, 1, &[place("a", 1)])]).unwrap(), 3), None);
        assert!(read(vec![range(0, 1, &[])]).unwrap().is_empty());
    }
}
