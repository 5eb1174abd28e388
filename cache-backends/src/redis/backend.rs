//! The backend: each operation written once, for threads and tasks.

use crate::redis::beside::Beside;
use crate::redis::here::Processes;
use crate::redis::server::node::wait;
use crate::redis::settings::options::Options;
use crate::redis::settings::target::Target;
use crate::redis::spaces::removal::Told;
use crate::redis::spaces::store::Store;
use memolith_core::{
    AsyncBackend, Backend, BoxFuture, Claim, Record, Result, Space, TagState, Timestamp, Visit, Watch,
};
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

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
/// | `redis+sentinel://sentinel[:port],../name[/database]` | the primary that the sentinels know by that name; one of them is enough while it answers, it names the others |
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
/// | `db` | `0` | the database, as after the host |
/// | `ca` | the system's | with `rediss`: a file of certificates (PEM), of the only authorities to trust |
/// | `sentinel_user`, `sentinel_password` | none | a login at the sentinels |
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
/// | get | `GET` | `HGET`, and `ZADD XX` in the same go where a use counts; a script for `scores=sequence`, `sliding=yes`, and `Lfu` below 1,024 entries |
/// | put | `SET PX` | a script that evicts as well; mostly `HSET` and `ZADD` where [room is made for several](#what-holds) |
/// | remove | a script that tells other processes | the same |
/// | `get_many`, `put_many` | `MGET`, many `SET` at once | `HMGET`, scripts of 100 entries |
/// | len | looks at every key of the servers | constant time |
/// | clear | looks at every key of the servers | constant time |
/// | scan | looks at every key of the servers | looks at the entries |
///
/// Each but the last three is one round trip; batches are several when their values are large, as a reply should hold
/// no more than some megabytes, and the first of a process asks for a few entries to learn how large they are. With
/// `scope=shared`, len and clear look at every entry of the pair.
/// The first put of a space that is given a `max_bytes` weighs all that is there. What processes put that were given none
/// counts as much as the others on average.
///
/// # What holds
///
/// - Who comes and who leaves is one script: a bound is never exceeded. Only a space whose bound was lowered by more than
///   10,000 entries is above it while they leave, which each put and `open` go on with.
/// - In a space of 1,024 entries or more the script may make room for the next puts of its process, a 128th part at once and
///   64 places at most, of which some may be unused. So it is on one server, which may have replicas, under `Lru`, `Fifo`
///   and `Lfu`, without `max_bytes` and `space_ttl` and with a `timeout` of 5 s at most.
/// - Under `Lfu`, of entries of a space of 1,024 or more that were used equally often, the one that was stored first leaves;
///   and each process tells the server of some uses together, of two thirds of those of an entry at least.
/// - Recency is the server's time in microseconds, as each process reckons it from replies: what one process does is in
///   order, and so is what several do, by as much as a round trip takes. In a space of 1,024 entries or more a use under
///   `Lru` is told only where the last one that was told is not among those of the younger half: who leaves has not been
///   used for as long as half the space took to be put or used.
/// - A clear removes what was there when it began. Of a plain space what is put meanwhile may stay.
/// - A space without bounds and without a time to live grows until the server is full. One that evicts nothing then
///   (`maxmemory-policy noeviction`) refuses what is put, as an error of kind
///   [`Unavailable`](memolith_core::ErrorKind::Unavailable): give such a space one of the three. With the feature `tracing`
///   that is logged as a warning, once for each `Redis`, when such a space is opened on a server with a `maxmemory`.
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
    processes: Arc<Processes>,
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
        Ok(Redis { processes: Arc::new(Processes::new(target, options)?) })
    }

    pub(crate) fn processes(&self) -> &Arc<Processes> {
        &self.processes
    }

    pub(crate) fn store(&self) -> &Store {
        &self.processes.here().store
    }

    fn beside(&self) -> &Beside {
        &self.processes.here().beside
    }

    /// Also what was refused or not answered may be there, but for what was not sent.
    async fn put_one(&self, space: &Space, (key, record): (&[u8], &Record), now: Timestamp) -> Result<()> {
        let away = self.beside().away(space);
        let put = self.store().put_record(space, key, record, now).await;
        self.beside().put((space, &away), [(key, record)].into_iter());
        put
    }

    async fn put_all(&self, space: &Space, entries: &[(Vec<u8>, Record)], now: Timestamp) -> Result<()> {
        let away = self.beside().away(space);
        let put = self.store().put_batch(space, entries, now).await;
        self.beside().put((space, &away), entries.iter().map(|(key, record)| (&key[..], record)));
        put
    }

    /// What cannot be taken back because no server is there is taken back when one is.
    async fn take_one_back(&self, space: &Space, key: &[u8], record: Option<&Record>) -> Result<bool> {
        let taken = self.store().take_record_back(space, key, record).await;
        if let Err(error) = &taken {
            self.beside().owed.owe_one(space, (key, record), error);
        }
        taken
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("client", &self.store().client).finish_non_exhaustive()
    }
}

impl Backend for Redis {
    fn open(&self, space: &Space) -> Result<()> {
        wait(async {
            self.beside().heard(space).await;
            self.store().open_space(space).await
        })
    }

    fn get(&self, space: &Space, key: &[u8], now: Timestamp) -> Result<Option<Record>> {
        wait(self.store().get_record(space, key, now))
    }

    fn get_many(&self, space: &Space, keys: &[&[u8]], now: Timestamp) -> Result<Vec<Option<Record>>> {
        wait(self.store().get_batch(space, keys, now))
    }

    fn put(&self, space: &Space, key: &[u8], record: &Record, now: Timestamp) -> Result<()> {
        wait(self.put_one(space, (key, record), now))
    }

    fn put_many(&self, space: &Space, entries: &[(Vec<u8>, Record)], now: Timestamp) -> Result<()> {
        wait(self.put_all(space, entries, now))
    }

    fn remove(&self, space: &Space, key: &[u8]) -> Result<bool> {
        wait(self.store().remove_record(space, key))
    }

    fn take_back(&self, space: &Space, key: &[u8], record: Option<&Record>) -> Result<bool> {
        wait(self.take_one_back(space, key, record))
    }

    fn clear(&self, space: &Space) -> Result<()> {
        wait(self.store().clear_space(space, Told::Everybody))
    }

    fn len(&self, space: &Space) -> Result<u64> {
        wait(self.store().count(space))
    }

    fn scan(&self, space: &Space, now: Timestamp, visit: &mut dyn FnMut(&[u8], &Record) -> Visit) -> Result<()> {
        self.store().show_all(space, now, visit)
    }

    fn tags(&self, tags: &[&[u8]]) -> Result<TagState> {
        wait(async {
            self.beside().heard_of_tags().await;
            self.store().tag_state(tags).await
        })
    }

    fn invalidate_tags(&self, tags: &[&[u8]]) -> Result<TagState> {
        wait(async {
            self.beside().heard_of_tags().await;
            self.store().invalidate(tags).await
        })
    }

    fn identity(&self) -> usize {
        Arc::as_ptr(&self.processes).addr()
    }

    fn claim(&self, space: &Space, key: &[u8], time: Duration) -> Result<Option<Claim>> {
        wait(self.beside().claim(space, key, time))
    }

    fn watch(&self, space: &Space, watch: Weak<dyn Watch>) {
        self.processes.watch(space, watch);
    }

    fn as_async(&self) -> Option<&dyn AsyncBackend> {
        Some(self)
    }
}

impl AsyncBackend for Redis {
    fn get<'a>(&'a self, space: &'a Space, key: &'a [u8], now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(self.store().get_record(space, key, now))
    }

    fn get_many<'a>(
        &'a self,
        space: &'a Space,
        keys: &'a [&'a [u8]],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        Box::pin(self.store().get_batch(space, keys, now))
    }

    fn put<'a>(
        &'a self,
        space: &'a Space,
        key: &'a [u8],
        record: &'a Record,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.put_one(space, (key, record), now))
    }

    fn put_many<'a>(
        &'a self,
        space: &'a Space,
        entries: &'a [(Vec<u8>, Record)],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.put_all(space, entries, now))
    }

    fn remove<'a>(&'a self, space: &'a Space, key: &'a [u8]) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.store().remove_record(space, key))
    }

    fn take_back<'a>(
        &'a self,
        space: &'a Space,
        key: &'a [u8],
        record: Option<&'a Record>,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.take_one_back(space, key, record))
    }

    fn claim<'a>(
        &'a self,
        space: &'a Space,
        key: &'a [u8],
        wait: Duration,
    ) -> Option<BoxFuture<'a, Result<Option<Claim>>>> {
        Some(Box::pin(self.beside().claim(space, key, wait)))
    }
}
