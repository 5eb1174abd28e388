//! All records of a space, page by page. No call to the server is under way while a record is shown.

use super::pages;
use super::record::unpacked;
use super::removal::Told;
use super::store::{Form, Store};
use crate::redis::keys::layout::{Area, Stripe};
use crate::redis::server::node::{Node, wait};
use memolith_core::{ErrorKind, Record, Result, Space, Timestamp, Visit};
use std::collections::HashSet;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// Where the entries of a space are looked for.
enum Source<'a> {
    /// Keys of a node.
    Keys(Arc<Node>, &'a Stripe),
    /// Fields of a hash.
    Fields(&'a Stripe),
}

/// Keys of entries with all their bytes.
type Page = Vec<(Vec<u8>, Vec<u8>)>;

impl Store {
    /// Shows every live record once.
    pub(crate) fn show_all(
        &self,
        space: &Space,
        now: Timestamp,
        visit: &mut dyn FnMut(&[u8], &Record) -> Visit,
    ) -> Result<()> {
        // A scan may show a key twice.
        let (area, form) = (&*self.layout.area(space), self.form(space));
        let mut seen = HashSet::new();
        for source in self.sources(area, form)? {
            let mut cursor = pages::start();
            loop {
                let (next, page) = wait(self.page((space, now), &source, &cursor))?;
                for (key, bytes) in page {
                    if !seen.insert(xxh3_128(&key)) {
                        continue;
                    }
                    // What is no record is nobody's to see.
                    let Ok(record) = unpacked(bytes.clone()) else { continue };
                    if record.expires <= now {
                        continue;
                    }
                    match visit(&key, &record) {
                        Visit::Keep => {}
                        Visit::Stop => return Ok(()),
                        Visit::Remove => {
                            wait(self.remove_entry(area, (&key, Some(bytes)), Told::Everybody))?;
                        }
                    }
                }
                cursor = next;
                if cursor == pages::start() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn sources<'a>(&self, area: &'a Area, form: Form) -> Result<Vec<Source<'a>>> {
        if form == Form::Tracked {
            return Ok(area.stripes.iter().map(Source::Fields).collect());
        }
        let nodes = wait(self.client.primaries())?;
        let keys = |node: &Arc<Node>| {
            let node = Arc::clone(node);
            area.stripes.iter().map(move |stripe| Source::Keys(Arc::clone(&node), stripe))
        };
        Ok(nodes.iter().flat_map(keys).collect())
    }

    async fn page(
        &self,
        (space, now): (&Space, Timestamp),
        source: &Source<'_>,
        cursor: &[u8],
    ) -> Result<(Vec<u8>, Page)> {
        match source {
            Source::Fields(stripe) => {
                let area = self.layout.area(space);
                let (next, items) = pages::of_fields(&self.client, (&area, stripe), cursor).await?;
                let pairs =
                    items.chunks_exact(2).filter_map(|pair| Some((area.key(&pair[0])?.to_vec(), pair[1].clone())));
                Ok((next, pairs.collect()))
            }
            Source::Keys(node, stripe) => {
                let (next, names) = pages::of_keys(node, &stripe.pattern(), cursor).await?;
                let keys = names.iter().filter_map(|name| name.strip_prefix(&stripe.plain[..])).collect::<Vec<_>>();
                let values = self.get_bytes(space, &keys, now).await?;
                let pair = |(key, value): (&&[u8], Result<Option<Vec<u8>>>)| match value {
                    // What is of a foreign type is no entry.
                    Err(error) if error.kind() == ErrorKind::Damaged => None,
                    value => value.transpose().map(|value| Ok((key.to_vec(), value?))),
                };
                Ok((next, keys.iter().zip(values).filter_map(pair).collect::<Result<_>>()?))
            }
        }
    }
}
