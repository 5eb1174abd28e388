//! Scans, page by page, and the sharing out of replies.

use crate::redis::fleet::client::Client;
use crate::redis::keys::layout::{Area, Stripe};
use crate::redis::server::node::Node;
use crate::redis::wire::fault::again;
use crate::redis::wire::reply::{Reply, unexpected};
use crate::redis::wire::request::{Request, Route};
use memolith_core::Result;

/// How many keys a page looks at.
const PAGE: i64 = 1_000;
/// How many fields, whose values come with them.
const FIELDS: usize = 100;

/// Where a scan begins, and where it is again when it has ended.
pub(crate) fn start() -> Vec<u8> {
    b"0".to_vec()
}

/// The keys of `node` that match, and where to go on.
pub(crate) async fn of_keys(node: &Node, pattern: &[u8], cursor: &[u8]) -> Result<(Vec<u8>, Vec<Vec<u8>>)> {
    let request = Request::new("SCAN", Route::Any).arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").int(PAGE);
    let reply = node.exchange(&[request]).await?.pop().ok_or_else(unexpected)?;
    page(reply)
}

/// The fields of a stripe that are those of `area`, and their values in turn, and where to go on.
pub(crate) async fn of_fields(
    client: &Client,
    (area, stripe): (&Area, &Stripe),
    cursor: &[u8],
) -> Result<(Vec<u8>, Vec<Vec<u8>>)> {
    // Plain text, as no pattern is.
    let (pattern, count) = ([area.field_start(), b"*"].concat(), area.sizes.fit(FIELDS));
    let request = Request::new("HSCAN", stripe.route).arg(&stripe.values).arg(cursor);
    let reply = client.call(request.arg("MATCH").arg(pattern).arg("COUNT").int(count as i64)).await;
    let (next, pairs) = page(reply.inspect_err(|_| area.sizes.failed(count))?)?;
    area.sizes.learn(count, pairs.iter().skip(1).step_by(2).map(Vec::len));
    Ok((next, pairs))
}

fn page(reply: Reply) -> Result<(Vec<u8>, Vec<Vec<u8>>)> {
    let [cursor, items] = <[Reply; 2]>::try_from(reply.into_array()?).map_err(|_| unexpected())?;
    let cursor = cursor.into_bytes()?.ok_or_else(unexpected)?;
    let items: Result<Option<Vec<Vec<u8>>>> = items.into_array()?.into_iter().map(Reply::into_bytes).collect();
    Ok((cursor, items?.ok_or_else(unexpected)?))
}

/// Puts the items of one reply to their places in `found`; its error to all of them.
pub(crate) fn hand_out(items: Result<Vec<Reply>>, places: &[usize], found: &mut [Result<Option<Vec<u8>>>]) {
    let items = items.and_then(|items| if items.len() == places.len() { Ok(items) } else { Err(unexpected()) });
    match items {
        Ok(items) => places.iter().zip(items).for_each(|(place, item)| found[*place] = item.into_bytes()),
        Err(error) => places.iter().for_each(|place| found[*place] = Err(again(&error))),
    }
}
