//! Where spaces are kept: each operation written once, for threads and tasks.

use super::record::{packed, unpacked};
use super::removal::Told;
use crate::redis::fleet::client::Client;
use crate::redis::keys::id::Id;
use crate::redis::keys::layout::Layout;
use crate::redis::keys::sizes::ENOUGH;
use crate::redis::keys::tell::{Sender, Tell};
use crate::redis::settings::options::{Options, Scope};
use crate::redis::wire::reply::Reply;
use crate::redis::wire::request::{Request, Route};
use memolith_core::{Record, Result, Space, Timestamp};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};

/// How many entries of a batch go to the servers at once: each part has the time of a call.
const AT_ONCE: usize = 1_000;

/// What is there for each key of a batch.
pub(crate) type Found = Vec<Result<Option<Vec<u8>>>>;

/// What is kept on the servers, and how.
pub(crate) struct Store {
    pub(crate) client: Arc<Client>,
    pub(crate) options: Options,
    pub(crate) layout: Arc<Layout>,
    pub(crate) tell: Tell,
    pub(crate) id: Id,
    /// Whether the server forgets fields of hashes by itself, once that was asked.
    pub(crate) forgets: OnceLock<bool>,
    /// Whether its user was told that it may fill up.
    #[cfg(feature = "tracing")]
    pub(crate) advised: std::sync::atomic::AtomicBool,
}

/// How the entries of a space are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A key for each.
    Plain,
    /// Two keys for all.
    Tracked,
}

impl Store {
    /// By which others know whose messages are ours.
    pub(crate) fn id(&self) -> Sender {
        self.id.bytes()
    }

    /// In which form the entries of `space` are kept.
    pub(crate) fn form(&self, space: &Space) -> Form {
        match space.maxsize.is_some() || space.max_bytes.is_some() || self.options.has_pairs() {
            true => Form::Tracked,
            false => Form::Plain,
        }
    }

    pub(crate) async fn open_space(&self, space: &Space) -> Result<()> {
        let area = self.layout.area(space);
        if self.form(space) == Form::Plain {
            // What it kept while it had bounds would come back when it has some again.
            let commands = area.stripes.iter().flat_map(|stripe| {
                let mark =
                    Request::new("SET", stripe.route).arg(&stripe.was_plain).arg("each entry has a key of its own");
                [mark, Request::new("UNLINK", stripe.route).arg(&stripe.scores).arg(&stripe.values)]
            });
            area.stripes.iter().for_each(|stripe| stripe.is_pure.store(false, Relaxed));
            let replies = self.client.call_all(commands.collect()).await;
            #[cfg(feature = "tracing")]
            self.advise(space, area.stripes[0].route).await;
            return replies.into_iter().try_for_each(|reply| reply?.checked().map(drop));
        }
        if self.forgets.get().is_none() {
            // An array of one description, or of nothing.
            let about = Request::new("COMMAND", Route::Any).arg("INFO").arg("HPEXPIRE");
            let known = self.client.call(about).await?.into_array().unwrap_or_default();
            let _ = self.forgets.set(known.iter().any(|about| matches!(about, Reply::Array(_))));
        }
        self.tracked_open(&area, space).await
    }

    pub(crate) async fn get_record(&self, space: &Space, key: &[u8], now: Timestamp) -> Result<Option<Record>> {
        let area = self.layout.area(space);
        if self.form(space) == Form::Plain {
            let record = self.plain_get(&area, key).await?.map(unpacked).transpose()?;
            return Ok(record.filter(|record| record.expires > now));
        }
        let Some(bytes) = self.tracked_get_one(&area, space, (key, now)).await? else { return Ok(None) };
        let record = unpacked(bytes)?;
        if record.expires > now {
            return Ok(Some(record));
        }
        // It has no place among the living, and was just noted as used. If it cannot leave now, it leaves later.
        let _ = self.remove_exactly(&area, (key, packed(&record)), Told::Nobody).await;
        Ok(None)
    }

    /// The bytes of each in its order, in parts that are not too large for a reply; an error when a part is nothing but
    /// errors.
    pub(crate) async fn get_bytes(&self, space: &Space, keys: &[&[u8]], now: Timestamp) -> Result<Found> {
        let (area, form) = (self.layout.area(space), self.form(space));
        let (mut found, mut rest) = (Vec::with_capacity(keys.len()), keys);
        while !rest.is_empty() {
            let (part, later) = rest.split_at(area.sizes.fit(AT_ONCE).min(rest.len()));
            let come = match form {
                Form::Plain => self.plain_get_many(&area, part).await,
                Form::Tracked => self.tracked_get(&area, space, (part, now)).await,
            };
            if let Some(Err(_)) = come.first()
                && come.iter().all(Result::is_err)
            {
                area.sizes.failed(part.len());
                return come.into_iter().collect::<Result<Vec<_>>>().map(|_| vec![]);
            }
            area.sizes.learn(part.len(), come.iter().filter_map(|bytes| Some(bytes.as_ref().ok()?.as_ref()?.len())));
            found.extend(come);
            rest = later;
        }
        Ok(found)
    }

    async fn put_records(&self, space: &Space, entries: &[(&[u8], &Record)], now: Timestamp) -> Result<()> {
        let area = self.layout.area(space);
        match self.form(space) {
            Form::Plain => self.plain_put(&area, entries, now).await,
            Form::Tracked => self.tracked_put((&area, space), entries, now).await,
        }
    }

    pub(crate) async fn put_record(&self, space: &Space, key: &[u8], record: &Record, now: Timestamp) -> Result<()> {
        self.put_records(space, &[(key, record)], now).await
    }

    pub(crate) async fn put_batch(&self, space: &Space, entries: &[(Vec<u8>, Record)], now: Timestamp) -> Result<()> {
        let mut rest = entries;
        while !rest.is_empty() {
            let mut bytes = 0;
            let part = rest.iter().take(AT_ONCE).take_while(|(key, record)| {
                let is_room = bytes < ENOUGH;
                bytes += key.len() + record.value.len();
                is_room
            });
            let part: Vec<(&[u8], &Record)> = part.map(|(key, record)| (&key[..], record)).collect();
            self.put_records(space, &part, now).await?;
            self.layout.area(space).sizes.learn(part.len(), part.iter().map(|(_, record)| record.value.len()));
            rest = &rest[part.len()..];
        }
        Ok(())
    }

    pub(crate) async fn get_batch(&self, space: &Space, keys: &[&[u8]], now: Timestamp) -> Result<Vec<Option<Record>>> {
        let record = |bytes: Option<Vec<u8>>| unpacked(bytes?).ok().filter(|record| record.expires > now);
        let found = self.get_bytes(space, keys, now).await?;
        Ok(found.into_iter().map(|bytes| record(bytes.unwrap_or(None))).collect())
    }

    pub(crate) async fn remove_record(&self, space: &Space, key: &[u8]) -> Result<bool> {
        self.remove_entry(&self.layout.area(space), (key, None), Told::Everybody).await
    }

    pub(crate) async fn take_record_back(&self, space: &Space, key: &[u8], record: Option<&Record>) -> Result<bool> {
        self.remove_entry(&self.layout.area(space), (key, record.map(packed)), Told::Readers).await
    }

    pub(crate) async fn clear_space(&self, space: &Space) -> Result<()> {
        let area = self.layout.area(space);
        match self.options.scope {
            Scope::Function => self.clear_area(&area, self.form(space)).await,
            Scope::Shared => self.clear_shared(&area).await,
        }
    }

    pub(crate) async fn count(&self, space: &Space) -> Result<u64> {
        let area = self.layout.area(space);
        match (self.options.scope, self.form(space)) {
            (Scope::Shared, _) => self.shared_len(&area).await,
            (_, Form::Plain) => self.plain_len(&area).await,
            (_, Form::Tracked) => self.tracked_len(&area).await,
        }
    }
}
