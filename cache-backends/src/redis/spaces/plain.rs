//! Spaces without bounds: one key for each entry.

use super::pages;
use super::record::{life, packed};
use super::store::Store;
use crate::redis::fleet::answer::is_split;
use crate::redis::keys::layout::{Area, Stripe};
use crate::redis::keys::tell::Tell;
use crate::redis::wire::reply::Reply;
use crate::redis::wire::request::Request;
use memolith_core::{Record, Result, Timestamp};
use std::collections::HashSet;
use xxhash_rust::xxh3::xxh3_128;

/// How many keys one MGET asks for: a server serves nobody else meanwhile.
const TOGETHER: usize = 256;

impl Store {
    /// How many keys one command of a clear names. On a cluster none names two: while their slot moves they may be apart,
    /// and no node takes it then.
    pub(crate) fn together(&self) -> usize {
        match self.tell {
            Tell::Slot => 1,
            Tell::All => TOGETHER,
        }
    }

    pub(crate) async fn plain_get(&self, area: &Area, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let stripe = area.stripe(key);
        let request = Request::new("GET", stripe.route).arg(stripe.entry(key));
        self.client.call(request).await?.into_bytes()
    }

    /// What is there for each of `keys`, stripe by stripe in one go.
    pub(crate) async fn plain_get_many(&self, area: &Area, keys: &[&[u8]]) -> Vec<Result<Option<Vec<u8>>>> {
        let split = area.split(keys.iter().copied());
        let parts: Vec<(&Stripe, &[usize])> =
            split.iter().flat_map(|(stripe, numbers)| numbers.chunks(TOGETHER).map(|part| (*stripe, part))).collect();
        let request = |(stripe, part): &(&Stripe, &[usize])| {
            let request = Request::new("MGET", stripe.route).apart();
            part.iter().fold(request, |request, number| request.arg(stripe.entry(keys[*number])))
        };
        let replies = self.client.call_all(parts.iter().map(request).collect()).await;
        let mut found: Vec<Result<Option<Vec<u8>>>> = keys.iter().map(|_| Ok(None)).collect();
        let mut split = Vec::new();
        for ((_, part), reply) in parts.iter().zip(replies) {
            match reply {
                Ok(reply) if is_split(&reply) => split.extend_from_slice(part),
                reply => pages::hand_out(reply.and_then(Reply::into_array), part, &mut found),
            }
        }
        if !split.is_empty() {
            self.plain_get_each(area, keys, &split, &mut found).await;
        }
        found
    }

    /// As many commands as keys, for those of a slot on the move: a key is at one node or the other.
    async fn plain_get_each(
        &self,
        area: &Area,
        keys: &[&[u8]],
        places: &[usize],
        found: &mut [Result<Option<Vec<u8>>>],
    ) {
        let request = |place: &usize| {
            let stripe = area.stripe(keys[*place]);
            Request::new("GET", stripe.route).arg(stripe.entry(keys[*place]))
        };
        let replies = self.client.call_all(places.iter().map(request).collect()).await;
        for (place, reply) in places.iter().zip(replies) {
            found[*place] = reply.and_then(Reply::into_bytes);
        }
    }

    /// Stores all in one go, and gives the first error.
    pub(crate) async fn plain_put(&self, area: &Area, entries: &[(&[u8], &Record)], now: Timestamp) -> Result<()> {
        let request = |(key, record): &(&[u8], &Record)| {
            let stripe = area.stripe(key);
            match life(record, now) {
                // Expired before it came: as if it had been there and gone.
                Some(0) => Request::new("UNLINK", stripe.route).arg(stripe.entry(key)),
                life => {
                    let set = Request::new("SET", stripe.route).arg(stripe.entry(key)).arg(packed(record));
                    match life {
                        Some(millis) => set.arg("PX").arg(millis.to_string()),
                        None => set,
                    }
                }
            }
        };
        let replies = self.client.call_all(entries.iter().map(request).collect()).await;
        // What was to be replaced and is refused, for want of memory, must not stay as if it were the latest.
        let refused = entries.iter().zip(&replies).filter(|(_, reply)| matches!(reply, Ok(Reply::Error(_))));
        let unlink = |((key, _), _): (&(&[u8], &Record), _)| {
            let stripe = area.stripe(key);
            Request::new("UNLINK", stripe.route).arg(stripe.entry(key))
        };
        let unlinks: Vec<Request> = refused.map(unlink).collect();
        if !unlinks.is_empty() {
            // The error of the put says enough.
            let _ = self.client.call_all(unlinks).await;
        }
        replies.into_iter().try_for_each(|reply| reply?.checked().map(drop))
    }

    /// Looks at the keys of the whole server.
    pub(crate) async fn plain_len(&self, area: &Area) -> Result<u64> {
        // A scan may show a key twice.
        let mut seen = HashSet::new();
        self.plain_pages(area, async |_, keys| {
            seen.extend(keys.iter().map(|key| xxh3_128(key)));
            Ok(())
        })
        .await?;
        Ok(seen.len() as u64)
    }

    /// Removes what was there when this began; what is put meanwhile may stay.
    pub(crate) async fn plain_clear(&self, area: &Area) -> Result<()> {
        // What moves from a node that is looked at later to one that was looked at is found by looking again.
        for _ in 0..if self.tell == Tell::Slot { 2 } else { 1 } {
            self.plain_pages(area, async |stripe, keys| {
                let unlink = |keys: &[Vec<u8>]| keys.iter().fold(Request::new("UNLINK", stripe.route), Request::arg);
                let replies = self.client.call_all(keys.chunks(self.together()).map(unlink).collect()).await;
                replies.into_iter().try_for_each(|reply| reply?.checked().map(drop))
            })
            .await?;
        }
        Ok(())
    }

    /// Shows the keys of a space page by page, some more than once.
    async fn plain_pages(
        &self,
        area: &Area,
        mut show: impl AsyncFnMut(&Stripe, Vec<Vec<u8>>) -> Result<()>,
    ) -> Result<()> {
        for node in self.client.primaries().await? {
            for stripe in &area.stripes {
                let mut cursor = pages::start();
                loop {
                    let page = pages::of_keys(&node, &stripe.pattern(), &cursor).await;
                    // It was asked without the client, which would notice by itself.
                    let (next, keys) = page.inspect_err(|_| self.client.doubt(&node))?;
                    if !keys.is_empty() {
                        show(stripe, keys).await?;
                    }
                    cursor = next;
                    if cursor == pages::start() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}
