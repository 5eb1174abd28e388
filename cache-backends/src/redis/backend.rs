//! The backend: each operation written once, for threads and tasks.

use super::beside::Beside;
use super::client::Client;
use super::layout::Layout;
use super::node::wait;
use super::options::Options;
use super::reply::unexpected;
use super::request::{Request, Route};
use super::subscription::Flavour;
use super::target::{Target, Topology};
use memolith_core::{AsyncBackend, Backend, BoxFuture, Claim, Record, Result, Space, Timestamp, Watch};
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Keeps bytes on servers of Redis or Valkey, for many machines.
pub struct Redis {
    client: Arc<Client>,
    options: Options,
    beside: Beside,
}

impl Redis {
    /// The servers that `url` names. Nothing is connected yet.
    ///
    /// # Errors
    /// [`Config`](memolith_core::ErrorKind::Config) when the URL is not understood.
    pub fn open(url: &str) -> Result<Self> {
        let mut options = Options::default();
        let target = Target::parse(url, &mut options)?;
        let flavour = match target.topology {
            Topology::Cluster(_) => Flavour::Sharded,
            Topology::Single(_) | Topology::Sentinel { .. } => Flavour::Classic,
        };
        let client = Arc::new(Client::new(target, &options));
        let layout = Arc::new(Layout::new(&options));
        let beside = Beside::new(Arc::clone(&client), layout, flavour, &options)?;
        Ok(Redis { client, options, beside })
    }

    pub(crate) fn beside(&self) -> &Beside {
        &self.beside
    }

    fn key(&self, space: &Space, key: &[u8]) -> Vec<u8> {
        [self.options.prefix.as_bytes(), b":", space.name.as_bytes(), b":", key].concat()
    }

    async fn get_record(&self, space: &Space, key: &[u8], now: Timestamp) -> Result<Option<Record>> {
        let request = Request::new("GET", Route::Any).arg(self.key(space, key));
        let Some(bytes) = self.client.call(request).await?.into_bytes()? else { return Ok(None) };
        let Some((expires, value)) = bytes.split_first_chunk() else { return Err(unexpected()) };
        let expires = Timestamp::from_micros(u64::from_le_bytes(*expires));
        Ok((expires > now).then(|| Record { value: value.to_vec(), expires }))
    }

    async fn put_record(&self, space: &Space, key: &[u8], record: &Record, _: Timestamp) -> Result<()> {
        let bytes = [&record.expires.as_micros().to_le_bytes(), &record.value[..]].concat();
        let request = Request::new("SET", Route::Any).arg(self.key(space, key)).arg(bytes);
        self.client.call(request).await?.checked().map(drop)
    }

    async fn remove_record(&self, space: &Space, key: &[u8]) -> Result<bool> {
        let request = Request::new("DEL", Route::Any).arg(self.key(space, key));
        let channel = &self.beside.layout.channels(space)[0];
        let publish = Request::new(self.beside.flavour.publish(), Route::Slot(channel.slot))
            .arg(&channel.name)
            .arg(self.beside.id.bytes());
        self.client.call(publish).await?;
        Ok(self.client.call(request).await?.into_int()? > 0)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("client", &self.client).finish_non_exhaustive()
    }
}

impl Backend for Redis {
    fn open(&self, _: &Space) -> Result<()> {
        Ok(())
    }

    fn get(&self, space: &Space, key: &[u8], now: Timestamp) -> Result<Option<Record>> {
        wait(self.get_record(space, key, now))
    }

    fn put(&self, space: &Space, key: &[u8], record: &Record, now: Timestamp) -> Result<()> {
        wait(self.put_record(space, key, record, now))
    }

    fn remove(&self, space: &Space, key: &[u8]) -> Result<bool> {
        wait(self.remove_record(space, key))
    }

    fn clear(&self, space: &Space) -> Result<()> {
        wait(self.remove_record(space, b"key")).map(drop)
    }

    fn len(&self, _: &Space) -> Result<u64> {
        todo!()
    }

    fn claim(&self, space: &Space, key: &[u8], wait_for: Duration) -> Result<Option<Claim>> {
        wait(self.beside.claim(space, key, wait_for))
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

    fn put<'a>(
        &'a self,
        space: &'a Space,
        key: &'a [u8],
        record: &'a Record,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.put_record(space, key, record, now))
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
