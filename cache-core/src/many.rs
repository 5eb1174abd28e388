//! Many keys in one call: the backend is asked once, and the missing ones are computed together.

mod batch;

use crate::cache::Cache;
use crate::flights::Caller;
use crate::key::{Key, KeyRef, Value};
use crate::lease::Lease;
use crate::stop::{Never, Stop};
use crate::storing::Storing;
use batch::Batch;
use std::convert::Infallible;
use std::future::Future;

/// Calls what it is given once, which keeps what was computed.
pub(crate) type Keeping<'a> = dyn Fn(&mut dyn FnMut()) + 'a;

impl<K: Key, V: Value> Cache<K, V> {
    /// The values of `keys`, in their order. Those that are missing are computed by one call of `compute`, which returns
    /// a value for each key that it is given, in that order; a key that was asked for twice is given once.
    ///
    /// For keys that are cheaper to ask for together, as from a database. A backend is asked once for all keys that are
    /// not in memory, and written to once.
    ///
    /// Concurrent callers of one key compute it once, whether they ask for one key or for many, in whatever order: who
    /// asks for many computes first what nobody else does, and waits for the others then. `compute` is called again,
    /// with few keys, if one of those was given up by its caller, or waits for this call. Claims between processes
    /// ([`wait`](crate::CacheBuilder::wait)) are neither taken nor waited for. The recorded cost of each value is the
    /// time that `compute` took. Each key counts as a call; one that is asked for again in the same call, as a hit.
    ///
    /// # Panics
    /// If `compute` returns more or fewer values than it was given keys: then none of them is kept.
    ///
    /// ```
    /// use memolith_core::Cache;
    ///
    /// let squares = Cache::<u64, u64>::builder().build();
    /// squares.insert(2, 4);
    /// let values = squares.get_or_insert_many(&[1, 2, 3, 1], |missing| {
    ///     assert_eq!(missing, [&1, &3]);
    ///     missing.into_iter().map(|n| n * n).collect()
    /// });
    /// assert_eq!(values, [1, 4, 9, 1]);
    /// assert_eq!((squares.info().hits, squares.info().misses), (2, 2));
    /// ```
    pub fn get_or_insert_many<'q, Q: KeyRef<K> + ?Sized + 'q>(
        &self,
        keys: impl IntoIterator<Item = &'q Q>,
        mut compute: impl FnMut(Vec<&'q Q>) -> Vec<V>,
    ) -> Vec<V> {
        let Ok(values) = self.try_get_or_insert_many(keys, |missing| Ok::<_, Infallible>(compute(missing)));
        values
    }

    /// As [`get_or_insert_many`](Self::get_or_insert_many), for a `compute` that may fail: then nothing of that call is
    /// kept, and callers who waited for it compute in turn.
    ///
    /// # Errors
    /// Those of `compute`.
    pub fn try_get_or_insert_many<'q, Q: KeyRef<K> + ?Sized + 'q, E>(
        &self,
        keys: impl IntoIterator<Item = &'q Q>,
        compute: impl FnMut(Vec<&'q Q>) -> Result<Vec<V>, E>,
    ) -> Result<Vec<V>, E> {
        let Ok(values) = self.insert_many_until(keys, compute, (&|keep| keep(), &Never));
        values
    }

    /// The same for a thread that leaves when `stop` says so. What was computed is kept inside of `keeping`.
    pub(crate) fn insert_many_until<'q, Q: KeyRef<K> + ?Sized + 'q, E, S: Stop>(
        &self,
        keys: impl IntoIterator<Item = &'q Q>,
        mut compute: impl FnMut(Vec<&'q Q>) -> Result<Vec<V>, E>,
        (keeping, stop): (&Keeping<'_>, &S),
    ) -> Result<Result<Vec<V>, E>, S::Left> {
        let mut batch = Batch::new(self, keys);
        while let Some(mut round) = batch.begin(Caller::Thread) {
            if let Some(remote) = &self.remote {
                let (keys, now) = round.keys(self);
                let found = remote.get_many(&keys, now);
                let storing = batch.found(&mut round, found);
                self.report(Storing::run_all(storing));
            }
            if let Some(missing) = batch.misses(&mut round) {
                match compute(missing) {
                    Ok(values) => {
                        let mut values = Some(values);
                        keeping(&mut || {
                            let storing = values.take().map(|values| batch.fill(&mut round, values));
                            self.report(Storing::run_all(storing.unwrap_or_default()));
                        });
                    }
                    Err(error) if !batch.fail(&mut round) => return Ok(batch.give_up(error)),
                    Err(_old_values_do) => {}
                }
            }
            for (at, flight) in round.follow {
                let ticket = flight.ticket();
                match self.follow(flight) {
                    Ok(follower) => batch.followed(at, ticket, follower.wait(stop)?),
                    Err(_circle) => batch.alone(at),
                }
            }
        }
        Ok(Ok(batch.values()))
    }

    /// As [`get_or_insert_many`](Self::get_or_insert_many) for tasks. Cancelling the future is safe at every point.
    ///
    /// ```
    /// # use memolith_core::Cache;
    /// # async fn example(cache: &Cache<u64, String>) {
    /// let names = cache.get_or_insert_many_async(&[1, 2, 3], |missing| async move {
    ///     missing.into_iter().map(|id| format!("user {id}")).collect()
    /// });
    /// assert_eq!(names.await.len(), 3);
    /// # }
    /// ```
    pub async fn get_or_insert_many_async<'q, Q: KeyRef<K> + ?Sized + 'q, F: Future<Output = Vec<V>>>(
        &self,
        keys: impl IntoIterator<Item = &'q Q>,
        mut compute: impl FnMut(Vec<&'q Q>) -> F,
    ) -> Vec<V> {
        let compute = |missing| {
            let values = compute(missing);
            async { Ok::<_, Infallible>(values.await) }
        };
        let Ok(values) = self.try_get_or_insert_many_async(keys, compute).await;
        values
    }

    /// As [`try_get_or_insert_many`](Self::try_get_or_insert_many) for tasks. Cancelling the future is safe at every
    /// point.
    ///
    /// # Errors
    /// Those of `compute`.
    pub async fn try_get_or_insert_many_async<'q, Q: KeyRef<K> + ?Sized + 'q, F, E>(
        &self,
        keys: impl IntoIterator<Item = &'q Q>,
        mut compute: impl FnMut(Vec<&'q Q>) -> F,
    ) -> Result<Vec<V>, E>
    where
        F: Future<Output = Result<Vec<V>, E>>,
    {
        let mut batch = Batch::new(self, keys);
        self.prepare(self.mode()).await;
        while let Some(mut round) = batch.begin(Caller::Task) {
            if let Some(remote) = &self.remote {
                let (keys, now) = round.keys(self);
                let found = remote.get_many_async(&keys, now).await;
                let storing = batch.found(&mut round, found);
                self.report(Storing::run_all_async(storing).await);
            }
            if let Some(missing) = batch.misses(&mut round) {
                let computed = Lease::drive_all(round.leases(), compute(missing)).await;
                match computed {
                    Ok(values) => {
                        let storing = batch.fill(&mut round, values);
                        self.report(Storing::run_all_async(storing).await);
                    }
                    Err(error) if !batch.fail(&mut round) => return batch.give_up(error),
                    Err(_old_values_do) => {}
                }
            }
            for (at, flight) in round.follow {
                let ticket = flight.ticket();
                match self.follow(flight) {
                    Ok(follower) => batch.followed(at, ticket, follower.await),
                    Err(_circle) => batch.alone(at),
                }
            }
        }
        Ok(batch.values())
    }

    /// For each of `keys`, in their order, the value if memory or the backend has it, which is asked once for all that
    /// memory lacks. Counts a hit or a miss for each, never computes, never waits for who does.
    ///
    /// ```
    /// use memolith_core::Cache;
    ///
    /// let cache = Cache::<String, u64>::builder().build();
    /// cache.insert("one".into(), 1);
    /// assert_eq!(cache.get_many(["two", "one"]), [None, Some(1)]);
    /// ```
    pub fn get_many<'q, Q: KeyRef<K> + ?Sized + 'q>(&self, keys: impl IntoIterator<Item = &'q Q>) -> Vec<Option<V>> {
        let mut batch = Batch::new(self, keys);
        if let Some(remote) = &self.remote {
            let mut round = batch.look(Caller::Thread);
            let (keys, now) = round.keys(self);
            let found = remote.get_many(&keys, now);
            let storing = batch.found(&mut round, found);
            self.report(Storing::run_all(storing));
            batch.pass(&mut round);
        }
        batch.known_by_now()
    }

    /// As [`get_many`](Self::get_many), for tasks. Cancelling the future is safe at every point.
    pub async fn get_many_async<'q, Q: KeyRef<K> + ?Sized + 'q>(
        &self,
        keys: impl IntoIterator<Item = &'q Q>,
    ) -> Vec<Option<V>> {
        let mut batch = Batch::new(self, keys);
        if let Some(remote) = &self.remote {
            let mut round = batch.look(Caller::Task);
            let (keys, now) = round.keys(self);
            let found = remote.get_many_async(&keys, now).await;
            let storing = batch.found(&mut round, found);
            self.report(Storing::run_all_async(storing).await);
            batch.pass(&mut round);
        }
        batch.known_by_now()
    }
}
