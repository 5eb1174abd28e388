//! One computation of a key among all processes: who leads here claims the key in the backend.

use super::{Fetched, Lease};
use crate::backend::Claim;
use crate::key::{Key, Value};
use crate::stale::Basis;
use crate::stop::Stop;
use std::time::{Duration, Instant};

impl<K: Key, V: Value> Lease<'_, K, V> {
    /// What the backend has for the key, by now or when those who compute it elsewhere have ended. If that is nothing,
    /// the lease holds the claim, or the time is over, or the backend fails.
    ///
    /// With an old value at hand nobody is waited for, and an old value that is found is this lease's.
    pub(crate) fn fetch_or_claim<S: Stop>(&mut self, stop: &S) -> Result<Fetched<V>, S::Left> {
        let Some(wait) = self.patience() else {
            let found = self.fetch();
            return Ok(self.absorb(found));
        };
        let mut claim = None;
        let found = self.claimed(wait, &mut claim, stop);
        self.hold(claim);
        Ok(self.absorb(found?))
    }

    /// As [`fetch_or_claim`](Self::fetch_or_claim). Cancelled, it leaves no claim behind.
    pub(crate) async fn fetch_or_claim_async(&mut self) -> Fetched<V> {
        let Some(wait) = self.patience() else {
            let found = self.fetch_async().await;
            return self.absorb(found);
        };
        let mut claim = None;
        // Driven, because a task that waits for long must not be taken for one that stands still. On the heap, because
        // the calls of caches that do not wait would carry it along.
        let found = self.drive(Box::pin(self.claimed_async(wait, &mut claim))).await;
        self.hold(claim);
        self.absorb(found)
    }

    /// How long others are waited for; none where nobody is told of what is computed here.
    fn patience(&self) -> Option<Duration> {
        self.cache.settings.wait.filter(|_| self.ticket.is_some())
    }

    fn claimed<S: Stop>(&self, wait: Duration, claim: &mut Option<Claim>, stop: &S) -> Result<Fetched<V>, S::Left> {
        let Some((remote, key)) = self.place() else { return Ok(Fetched::Nothing) };
        let mut patience = Patience::new(wait);
        loop {
            // Also when the claim is ours: who had it before may have put the value since we looked.
            let found = self.cache.report(remote.get(key, self.cache.settings.clock.now()));
            let Some(found) = found.map(|found| self.cache.sift(found)) else { return Ok(Fetched::Nothing) };
            let piece = match self.next_piece(found, claim, &mut patience) {
                Ok(piece) => piece,
                Err(found) => return Ok(found),
            };
            if !piece.is_zero() {
                stop.ask()?;
                self.rely(Basis::Own);
            }
            match self.cache.report(remote.store.claim(&key.bytes, piece, stop)?) {
                Some(claimed) => *claim = claimed,
                None => return Ok(Fetched::Nothing),
            }
            self.rely(Basis::Read);
        }
    }

    async fn claimed_async(&self, wait: Duration, claim: &mut Option<Claim>) -> Fetched<V> {
        let Some((remote, key)) = self.place() else { return Fetched::Nothing };
        let mut patience = Patience::new(wait);
        loop {
            let found = self.cache.report(remote.get_async(key, self.cache.settings.clock.now()).await);
            let Some(found) = found.map(|found| self.cache.sift(found)) else { return Fetched::Nothing };
            let piece = match self.next_piece(found, claim, &mut patience) {
                Ok(piece) => piece,
                Err(found) => return found,
            };
            if !piece.is_zero() {
                self.rely(Basis::Own);
            }
            match self.cache.report(remote.store.claim_async(&key.bytes, piece).await) {
                Some(claimed) => *claim = claimed,
                None => return Fetched::Nothing,
            }
            self.rely(Basis::Read);
        }
    }

    /// How long to wait after a look into the backend, or what has come of all looks.
    fn next_piece(
        &self,
        found: Fetched<V>,
        claim: &Option<Claim>,
        patience: &mut Patience,
    ) -> Result<Duration, Fetched<V>> {
        if claim.is_some() || matches!(found, Fetched::Fresh(..)) {
            return Err(found);
        }
        let old = match found {
            Fetched::Old(old) => Some(old),
            _ => None,
        };
        let has_old = old.is_some() || self.old().is_some();
        match self.next_of(patience) {
            Some(piece) if piece.is_zero() || !has_old => Ok(piece),
            _ if has_old => Err(Fetched::Elsewhere(old)),
            _ => Err(Fetched::Nothing),
        }
    }

    /// How long to wait next; none if there is nobody worth waiting for any more.
    fn next_of(&self, patience: &mut Patience) -> Option<Duration> {
        let piece = patience.next()?;
        // An invalidation was about what others compute as well.
        let in_vain = !piece.is_zero() && self.cache.flights.is_forgotten(self.hash, self.ticket?);
        (!in_vain).then_some(piece)
    }

    fn hold(&mut self, claim: Option<Claim>) {
        if let Some(backed) = self.backed_mut() {
            backed.claim = claim;
        }
    }
}

/// How long others are waited for.
struct Patience {
    /// None is never.
    until: Option<Instant>,
    asked: bool,
}

impl Patience {
    fn new(wait: Duration) -> Self {
        Patience { until: Instant::now().checked_add(wait), asked: false }
    }

    /// The most to wait next: at first nothing at all, as most keys are free; `None` when all is spent.
    fn next(&mut self) -> Option<Duration> {
        if !std::mem::replace(&mut self.asked, true) {
            return Some(Duration::ZERO);
        }
        let left = self.until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
        (!left.is_zero()).then_some(left)
    }
}
