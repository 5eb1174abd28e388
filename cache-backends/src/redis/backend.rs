//! The backend: each operation written once, for threads and tasks.

use super::beside::Beside;
use super::client::Client;
use super::layout::Layout;
use super::node::wait;
use super::options::{Options, Scope};
use super::random::random;
use super::record::{packed, unpacked};
use super::removal::{Sender, Tell, Told};
use super::reply::Reply;
use super::request::{Request, Route};
use super::target::{Target, Topology};
use memolith_core::{
    AsyncBackend, Backend, BoxFuture, Claim, Record, Result, Space, TagState, Timestamp, Visit, Watch,
};
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

/// How much of a batch goes to the servers at once: each part has the time of a call.
const AT_ONCE: usize = 1_000;

/// Keeps bytes on servers of Redis or Valkey, for many machines.
pub struct Redis {
    pub(super) client: Arc<Client>,
    pub(super) options: Options,
    pub(super) layout: Arc<Layout>,
    pub(super) tell: Tell,
    beside: Beside,
    /// Whether the server forgets fields of hashes by itself, once that was asked.
    pub(super) forgets: OnceLock<bool>,
}

impl Redis {
    /// The servers that `url` names. Nothing is connected yet.
    ///
    /// # Errors
    /// [`Config`](memolith_core::ErrorKind::Config) when the URL is not understood.
    pub fn open(url: &str) -> Result<Self> {
        let mut options = Options::default();
        let target = Target::parse(url, &mut options)?;
        Redis::new(target, options)
    }

    fn new(target: Target, options: Options) -> Result<Self> {
        let tell = if matches!(target.topology, Topology::Cluster(_)) { Tell::Slot } else { Tell::All };
        let (client, layout) = (Arc::new(Client::new(target, &options)), Arc::new(Layout::new(&options)));
        let beside = Beside::new((Arc::clone(&client), Arc::clone(&layout)), tell, &options)?;
        Ok(Redis { client, options, layout, tell, beside, forgets: OnceLock::new() })
    }

    pub(super) fn beside(&self) -> &Beside {
        &self.beside
    }

    /// By which others know whose messages are ours.
    pub(super) fn id(&self) -> Sender {
        self.beside.id.bytes()
    }

    /// Whether a space has neither bounds nor a time for all of it: one key for each entry.
    fn is_plain(&self, space: &Space) -> bool {
        space.maxsize.is_none() && space.max_bytes.is_none() && !self.options.has_pairs()
    }

    async fn open_space(&self, space: &Space) -> Result<()> {
        let area = self.layout.area(space);
        if self.is_plain(space) {
            // What it kept while it had bounds would come back when it has some again.
            let commands = area.stripes.iter().flat_map(|stripe| {
                let mark =
                    Request::new("SET", stripe.route).arg(&stripe.was_plain).arg("each entry has a key of its own");
                [mark, Request::new("UNLINK", stripe.route).arg(&stripe.scores).arg(&stripe.values)]
            });
            let replies = self.client.call_all(commands.collect()).await;
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

    async fn get_record(&self, space: &Space, key: &[u8], now: Timestamp) -> Result<Option<Record>> {
        let area = self.layout.area(space);
        if self.is_plain(space) {
            let record = self.plain_get(&area, key).await?.map(unpacked).transpose()?;
            return Ok(record.filter(|record| record.expires > now));
        }
        let found = self.tracked_get(&area, space, (&[key], now)).await.pop().unwrap_or(Ok(None));
        let Some(bytes) = found? else { return Ok(None) };
        let record = unpacked(bytes)?;
        if record.expires > now {
            return Ok(Some(record));
        }
        // It has no place among the living, and was just noted as used. If it cannot leave now, it leaves later.
        let _ = self.remove_exactly(&area, (key, packed(&record)), Told::Nobody).await;
        Ok(None)
    }

    /// What could be got; an error only if there is nothing but errors.
    async fn get_records(&self, space: &Space, keys: &[&[u8]], now: Timestamp) -> Result<Vec<Option<Record>>> {
        let area = self.layout.area(space);
        let found = match self.is_plain(space) {
            true => self.plain_get_many(&area, keys).await,
            false => self.tracked_get(&area, space, (keys, now)).await,
        };
        if !found.is_empty() && found.iter().all(Result::is_err) {
            return found.into_iter().collect::<Result<Vec<_>>>().map(|_| vec![]);
        }
        let record = |bytes: Option<Vec<u8>>| unpacked(bytes?).ok().filter(|record| record.expires > now);
        Ok(found.into_iter().map(|bytes| record(bytes.unwrap_or(None))).collect())
    }

    async fn put_records(&self, space: &Space, entries: &[(&[u8], &Record)], now: Timestamp) -> Result<()> {
        let area = self.layout.area(space);
        match self.is_plain(space) {
            true => self.plain_put(&area, entries, now).await,
            false => self.tracked_put((&area, space), entries, now).await,
        }
    }

    async fn put_record(&self, space: &Space, key: &[u8], record: &Record, now: Timestamp) -> Result<()> {
        self.put_records(space, &[(key, record)], now).await
    }

    async fn put_batch(&self, space: &Space, entries: &[(Vec<u8>, Record)], now: Timestamp) -> Result<()> {
        for entries in entries.chunks(AT_ONCE) {
            let entries: Vec<(&[u8], &Record)> = entries.iter().map(|(key, record)| (&key[..], record)).collect();
            self.put_records(space, &entries, now).await?;
        }
        Ok(())
    }

    async fn get_batch(&self, space: &Space, keys: &[&[u8]], now: Timestamp) -> Result<Vec<Option<Record>>> {
        let mut records = Vec::with_capacity(keys.len());
        for keys in keys.chunks(AT_ONCE) {
            records.extend(self.get_records(space, keys, now).await?);
        }
        Ok(records)
    }

    async fn remove_record(&self, space: &Space, key: &[u8]) -> Result<bool> {
        self.remove_entry(&self.layout.area(space), key).await
    }

    async fn clear_space(&self, space: &Space) -> Result<()> {
        let area = self.layout.area(space);
        match self.options.scope {
            Scope::Function => self.clear_area(&area, self.is_plain(space)).await,
            Scope::Shared => self.clear_shared(&area).await,
        }
    }

    async fn count(&self, space: &Space) -> Result<u64> {
        let area = self.layout.area(space);
        match (self.options.scope, self.is_plain(space)) {
            (Scope::Shared, _) => self.shared_len(&area).await,
            (_, true) => self.plain_len(&area).await,
            (_, false) => self.tracked_len(&area).await,
        }
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("client", &self.client).finish_non_exhaustive()
    }
}

impl Backend for Redis {
    fn open(&self, space: &Space) -> Result<()> {
        wait(self.open_space(space))
    }

    fn get(&self, space: &Space, key: &[u8], now: Timestamp) -> Result<Option<Record>> {
        wait(self.get_record(space, key, now))
    }

    fn get_many(&self, space: &Space, keys: &[&[u8]], now: Timestamp) -> Result<Vec<Option<Record>>> {
        wait(self.get_batch(space, keys, now))
    }

    fn put(&self, space: &Space, key: &[u8], record: &Record, now: Timestamp) -> Result<()> {
        wait(self.put_record(space, key, record, now))
    }

    fn put_many(&self, space: &Space, entries: &[(Vec<u8>, Record)], now: Timestamp) -> Result<()> {
        wait(self.put_batch(space, entries, now))
    }

    fn remove(&self, space: &Space, key: &[u8]) -> Result<bool> {
        wait(self.remove_record(space, key))
    }

    fn clear(&self, space: &Space) -> Result<()> {
        wait(self.clear_space(space))
    }

    fn len(&self, space: &Space) -> Result<u64> {
        wait(self.count(space))
    }

    fn scan(&self, space: &Space, now: Timestamp, visit: &mut dyn FnMut(&[u8], &Record) -> Visit) -> Result<()> {
        self.show_all((&self.layout.area(space), self.is_plain(space)), now, visit)
    }

    fn tags(&self, tags: &[&[u8]]) -> Result<TagState> {
        wait(self.tag_state(tags))
    }

    fn invalidate_tags(&self, tags: &[&[u8]]) -> Result<TagState> {
        let invalidated = wait(self.invalidate(tags));
        // Also if nobody has answered: the tags may be invalid all the same.
        self.beside.removed(&Space::of_tags());
        invalidated
    }

    fn claim(&self, space: &Space, key: &[u8], time: Duration) -> Result<Option<Claim>> {
        wait(self.beside.claim(space, key, time))
    }

    fn watch(&self, space: &Space, watch: Weak<dyn Watch>) {
        self.beside.watch(space, watch);
    }

    fn as_async(&self) -> Option<&dyn AsyncBackend> {
        Some(self)
    }
}

impl AsyncBackend for Redis {
    fn get<'a>(&'a self, space: &'a Space, key: &'a [u8], now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(self.get_record(space, key, now))
    }

    fn get_many<'a>(
        &'a self,
        space: &'a Space,
        keys: &'a [&'a [u8]],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        Box::pin(self.get_batch(space, keys, now))
    }

    fn put<'a>(
        &'a self,
        space: &'a Space,
        key: &'a [u8],
        record: &'a Record,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.put_record(space, key, record, now))
    }

    fn put_many<'a>(
        &'a self,
        space: &'a Space,
        entries: &'a [(Vec<u8>, Record)],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.put_batch(space, entries, now))
    }

    fn remove<'a>(&'a self, space: &'a Space, key: &'a [u8]) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.remove_record(space, key))
    }

    fn claim<'a>(
        &'a self,
        space: &'a Space,
        key: &'a [u8],
        wait: Duration,
    ) -> Option<BoxFuture<'a, Result<Option<Claim>>>> {
        Some(Box::pin(self.beside.claim(space, key, wait)))
    }
}
