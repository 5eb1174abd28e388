//! The backend: each operation written once, for threads and tasks.

use super::beside::Beside;
use super::client::Client;
use super::layout::{Area, Layout};
use super::node::wait;
use super::options::{Options, Scope};
use super::record::{packed, unpacked};
use super::removal::{Sender, Tell, Told};
use super::reply::Reply;
use super::request::{Request, Route};
use super::target::{Target, Topology};
use memolith_core::{
    AsyncBackend, Backend, BoxFuture, Claim, Record, Result, Space, TagState, Timestamp, Visit, Watch,
};
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

/// How many entries of a batch go to the servers at once: each part has the time of a call.
const AT_ONCE: usize = 1_000;
/// After so many bytes a part of a batch ends: more might take longer than a call may.
const ENOUGH: usize = 4 << 20;

/// Keeps bytes on servers of Redis (5 or later) or Valkey, for the processes of many machines.
///
/// To be used when one machine is not enough: a hit costs a round trip, which is hundreds of hits in memory, so let a
/// memory tier stand before it. All threads and tasks share one connection for each server.
///
/// ```no_run
/// use memolith_backends::Redis;
/// use memolith_core::{Backend, Record, Space, Timestamp};
///
/// # fn main() -> memolith_core::Result<()> {
/// let redis = Redis::open("redis://cache.example?prefix=shop&timeout=100ms")?;
/// let mut space = Space::new("shop::price");
/// space.maxsize = Some(100_000);
/// redis.open(&space)?;
/// let record = Record { value: b"42".to_vec(), expires: Timestamp::NEVER };
/// redis.put(&space, b"key", &record, Timestamp::from_micros(1))?;
/// # Ok(())
/// # }
/// ```
///
/// # URLs
///
/// | URL | servers |
/// |---|---|
/// | `redis://[[user]:password@]host[:port][/database]` | one |
/// | `redis+unix:///path/to/socket`, `unix:///path/to/socket` | one on this machine |
/// | `redis+cluster://host[:port],host[:port],..` | a cluster; a few of its nodes are enough |
/// | `redis+sentinel://sentinel[:port],../name[/database]` | the primary that the sentinels know by that name |
///
/// `valkey` can stand for `redis` everywhere, `rediss` speaks TLS. After `?` come, separated by `&`:
///
/// | parameter | default | what |
/// |---|---|---|
/// | `prefix` | `memolith` | what all keys begin with; functions of several programs are apart if it differs |
/// | `timeout` | `250ms` | how long a connection or a reply may take |
/// | `scores` | `time` | what orders entries by recency: `time`, the server's, or `sequence`, a number for each use, exact between processes as well, for which a hit runs a script |
/// | `stripes` | `1` | over how many slots of a cluster each space is split; a bound is shared out, so `maxsize` must be at least that much |
/// | `scope` | `function` | `shared`: all functions under the prefix share one bound, that of whoever writes, and should have one policy |
/// | `space_ttl` | none | after which a whole space is forgotten |
/// | `sliding` | `no` | `yes`: every use of a space begins its `space_ttl` anew |
/// | `claim_ttl` | `2s` | how long the claim of a process that died keeps others from computing |
///
/// All processes that share entries should have the same prefix, stripes and scope. Times are written with `ms`, `s`, `m`,
/// `h` or `d`.
///
/// # What is on the server
///
/// A space without bounds is plain: each entry is a key, `PREFIX:{SPACE}:k:KEY`, of eight bytes for its expiry and the record.
/// One with `maxsize` or `max_bytes`, or with a time for all of it, is tracked by two: scores in the sorted set
/// `PREFIX:{SPACE}:s`, values in the hash `PREFIX:{SPACE}:v`. The tags of all spaces are one hash, `PREFIX:tags`. All keys of
/// a space are in one slot of a cluster, by the braces. Bytes of names that would mean something in a pattern are written
/// as `%` and two digits.
///
/// | operation | plain | tracked |
/// |---|---|---|
/// | get | `GET` | `HGET`, and `ZADD XX` in the same go where a use counts; a script for `Lfu`, `scores=sequence` and `sliding=yes` |
/// | put | `SET PX` | a script that evicts as well |
/// | remove | a script that tells other processes | the same |
/// | `get_many`, `put_many` | `MGET`, on a cluster many `GET` at once; many `SET` at once | `HMGET`, scripts of 100 entries |
/// | len | looks at every key of the servers | constant time |
/// | clear | looks at every key of the servers | constant time |
/// | scan | looks at every key of the servers | looks at the entries |
///
/// Each but the last three is one round trip. With `scope=shared`, len and clear look at every entry of the pair.
/// The first put of a space that is given a `max_bytes` weighs all that is there. What processes put that were given none
/// counts as much as the others on average.
///
/// # What holds
///
/// - Who comes and who leaves is one script: a bound is never exceeded. Only a space whose bound was lowered by more than
///   10,000 entries is above it while they leave, which each put and `open` go on with.
/// - Recency is the server's time in microseconds, as each process reckons it from replies: what one process does is in
///   order, and so is what several do, by as much as a round trip takes.
/// - A clear removes what was there when it began. Of a plain space what is put meanwhile may stay.
/// - What the server evicts, loses or refuses is a miss. Under `maxmemory` scores and values leave apart from each other;
///   then nothing wrong is served, and the next puts mend what is left. Tags leave all at once, and then whatever was tagged
///   is not believed any more; so it is when a server starts, or another takes its place: the last invalidations may not
///   have reached its disk or the other, and what was tagged before is computed anew. A server that others still take for
///   the primary after it was replaced does not know of invalidations elsewhere, and serves what it has until it is heard of.
/// - Expiry is kept beside the value on every server. It is also told to the server, as its own to reclaim: for plain
///   entries, and for tracked ones where fields of hashes can expire (Redis 7.4, Valkey 9) and there is no `max_bytes`.
/// - A function that is given its first bound begins anew; one that loses its last bound, too.
/// - A server that lets us run no scripts keeps plain spaces, from which nothing can be removed.
pub struct Redis {
    pub(super) client: Arc<Client>,
    pub(super) options: Options,
    pub(super) layout: Arc<Layout>,
    pub(super) tell: Tell,
    beside: Beside,
    /// Whether the server forgets fields of hashes by itself, once that was asked.
    pub(super) forgets: OnceLock<bool>,
}

/// How the entries of a space are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A key for each.
    Plain,
    /// Two keys for all.
    Tracked,
}

impl Redis {
    /// The servers that `url` names, see [above](#urls). Nothing is connected yet.
    ///
    /// # Errors
    /// [`Config`](memolith_core::ErrorKind::Config) when the URL is not understood; nothing of it is in the message.
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

    /// Where `space` is: the first thing that every operation asks.
    fn area(&self, space: &Space) -> Arc<Area> {
        self.beside.attend();
        self.layout.area(space)
    }

    /// By which others know whose messages are ours.
    pub(super) fn id(&self) -> Sender {
        self.beside.id.bytes()
    }

    /// In which form the entries of `space` are kept.
    fn form(&self, space: &Space) -> Form {
        match space.maxsize.is_some() || space.max_bytes.is_some() || self.options.has_pairs() {
            true => Form::Tracked,
            false => Form::Plain,
        }
    }

    async fn open_space(&self, space: &Space) -> Result<()> {
        let area = self.area(space);
        if self.form(space) == Form::Plain {
            // What it kept while it had bounds would come back when it has some again.
            let commands = area.stripes.iter().flat_map(|stripe| {
                let mark =
                    Request::new("SET", stripe.route).arg(&stripe.was_plain).arg("each entry has a key of its own");
                [mark, Request::new("UNLINK", stripe.route).arg(&stripe.scores).arg(&stripe.values)]
            });
            area.stripes.iter().for_each(|stripe| stripe.is_pure.store(false, Relaxed));
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
        let area = self.area(space);
        if self.form(space) == Form::Plain {
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
        let area = self.area(space);
        let found = match self.form(space) {
            Form::Plain => self.plain_get_many(&area, keys).await,
            Form::Tracked => self.tracked_get(&area, space, (keys, now)).await,
        };
        if !found.is_empty() && found.iter().all(Result::is_err) {
            return found.into_iter().collect::<Result<Vec<_>>>().map(|_| vec![]);
        }
        let record = |bytes: Option<Vec<u8>>| unpacked(bytes?).ok().filter(|record| record.expires > now);
        Ok(found.into_iter().map(|bytes| record(bytes.unwrap_or(None))).collect())
    }

    async fn put_records(&self, space: &Space, entries: &[(&[u8], &Record)], now: Timestamp) -> Result<()> {
        let area = self.area(space);
        match self.form(space) {
            Form::Plain => self.plain_put(&area, entries, now).await,
            Form::Tracked => self.tracked_put((&area, space), entries, now).await,
        }
    }

    async fn put_record(&self, space: &Space, key: &[u8], record: &Record, now: Timestamp) -> Result<()> {
        self.put_records(space, &[(key, record)], now).await
    }

    async fn put_batch(&self, space: &Space, entries: &[(Vec<u8>, Record)], now: Timestamp) -> Result<()> {
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
            rest = &rest[part.len()..];
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
        self.remove_entry(&self.area(space), key).await
    }

    async fn clear_space(&self, space: &Space) -> Result<()> {
        let area = self.area(space);
        match self.options.scope {
            Scope::Function => self.clear_area(&area, self.form(space)).await,
            Scope::Shared => self.clear_shared(&area).await,
        }
    }

    async fn count(&self, space: &Space) -> Result<u64> {
        let area = self.area(space);
        match (self.options.scope, self.form(space)) {
            (Scope::Shared, _) => self.shared_len(&area).await,
            (_, Form::Plain) => self.plain_len(&area).await,
            (_, Form::Tracked) => self.tracked_len(&area).await,
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
        wait(async {
            self.beside.heard(space).await;
            self.open_space(space).await
        })
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
        self.show_all((&self.area(space), self.form(space)), now, visit)
    }

    fn tags(&self, tags: &[&[u8]]) -> Result<TagState> {
        wait(self.tag_state(tags))
    }

    fn invalidate_tags(&self, tags: &[&[u8]]) -> Result<TagState> {
        wait(self.invalidate(tags))
    }

    fn identity(&self) -> usize {
        Arc::as_ptr(&self.client).addr()
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
