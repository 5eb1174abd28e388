//! Entries for spaces with bounds.

use super::fills::Filled;
use super::record::{life, packed};
use super::removal::Told;
use super::rule::{Bounds, bounds, is_dated, rule};
use super::store::Store;
use super::tracked::learn;
use super::uses::Uses;
use crate::redis::keys::layout::{Area, Stripe};
use crate::redis::keys::lent::Wish;
use crate::redis::keys::noted::SMALL;
use crate::redis::keys::script::{Call, PUT};
use crate::redis::keys::tell::Tell;
use crate::redis::server::timer::within;
use crate::redis::server::wait::as_task;
use crate::redis::settings::options::Sliding;
use crate::redis::wire::random::fraction;
use memolith_core::{Record, Result, Space, Timestamp};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// How many entries one script stores: a server serves nobody else meanwhile.
const TOGETHER: usize = 100;

impl Store {
    /// Stores all in one go, and gives the first error.
    pub(crate) async fn tracked_put(
        &self,
        (area, space): (&Area, &Space),
        entries: &[(&[u8], &Record)],
        now: Timestamp,
    ) -> Result<()> {
        let (uses, begun) = (Uses::of(space, &self.options, area.stripes.len()), Instant::now());
        let filled = match entries {
            [entry] => self.fill((area, space), *entry, now).await,
            _ => Filled::Not,
        };
        let put = match filled {
            Filled::Done => Ok(()),
            Filled::Not => self.put_by_script((area, space), entries, now).await,
            Filled::Failed(error, deadline) if Instant::now() >= deadline => Err(error),
            Filled::Failed(error, deadline) => {
                // In a box, so that the future of what nearly always happens is small.
                let put = Box::pin(self.put_by_script((area, space), entries, now));
                within(deadline, as_task(put)).await.unwrap_or(Err(error))
            }
        };
        entries.iter().for_each(|(key, _)| uses.begin_anew(area.stripe(key), || area.field(key), (&put, begun)));
        put
    }

    async fn put_by_script(
        &self,
        (area, space): (&Area, &Space),
        entries: &[(&[u8], &Record)],
        now: Timestamp,
    ) -> Result<()> {
        let most = bounds(space, area.stripes.len());
        let fits = |(key, record): &(&[u8], &Record)| {
            let size = (key.len() + record.value.len()) as u64;
            most.entries != 0 && (most.bytes < 0 || size <= most.bytes as u64) && life(record, now) != Some(0)
        };
        // What cannot be kept takes what was there with it. The order of a batch is kept: the later one of a key counts.
        for run in entries.chunk_by(|one, next| fits(one) == fits(next)) {
            let (stripes, calls) = match fits(&run[0]) {
                true => self.puts((area, space), run, now),
                false => (vec![], run.iter().map(|(key, _)| self.removal(area, key, Told::Nobody)).collect()),
            };
            let mut stripes = stripes.into_iter();
            for reply in Call::run_all(&calls, &self.client).await {
                let reply = reply?.checked()?;
                stripes.next().into_iter().for_each(|stripe: &Stripe| learn(stripe, &reply));
            }
        }
        Ok(())
    }

    /// The scripts that store `entries`, some together.
    fn puts<'a>(
        &self,
        (area, space): (&'a Area, &Space),
        entries: &[(&'a [u8], &Record)],
        now: Timestamp,
    ) -> (Vec<&'a Stripe>, Vec<Call<'a>>) {
        let split = area.split(entries.iter().map(|(key, _)| *key));
        let parts = split.iter().flat_map(|(stripe, places)| places.chunks(TOGETHER).map(|part| (*stripe, part)));
        let most = bounds(space, area.stripes.len());
        let by_time = matches!(&rule(space, &self.options)[..], "nlt" | "nht");
        let put = |(stripe, part): (&'a Stripe, &[usize])| {
            let moment = if by_time { stripe.clock.now(part.len()) } else { None };
            if let ([place], Some(moment)) = (part, moment)
                && self.is_simple(stripe, space, area.stripes.len())
                && self.forgotten_after(entries[*place].1, now) == 0
            {
                return (stripe, self.put_simply((area, space, stripe), entries[*place], moment));
            }
            let wish = self.has_loans(most).then_some(Wish::default());
            let call = self.put_call((area, space, stripe), (moment.unwrap_or(0), wish));
            let is_pure = stripe.is_pure.load(Relaxed);
            let call = part.iter().fold(call, |call, place| {
                let (key, record) = entries[*place];
                let call = if is_pure { call } else { call.key(stripe.entry(key)) };
                let call = call.arg(area.field(key)).arg(packed(record));
                call.text(life(record, now).unwrap_or(0)).text(fraction())
            });
            (stripe, if wish.is_some() { call.key(&stripe.loans[..]) } else { call })
        };
        parts.map(put).unzip()
    }

    /// The script that stores one entry of the commonest kind.
    fn put_simply<'a>(
        &self,
        (area, space, stripe): (&'a Area, &Space, &'a Stripe),
        (key, record): (&[u8], &Record),
        moment: u64,
    ) -> Call<'a> {
        let call = self.put_head((area, space, stripe), moment).arg(area.field(key)).arg(packed(record));
        if self.has_loans(bounds(space, area.stripes.len())) { call.key(&stripe.loans[..]) } else { call }
    }

    /// Whether there is nothing to be known of entries but their values, when they were put, and when they are forgotten.
    pub(crate) fn is_simple(&self, stripe: &Stripe, space: &Space, stripes: usize) -> bool {
        let most = bounds(space, stripes);
        let is_pure = stripe.is_pure.load(Relaxed);
        is_dated(space, &self.options)
            && most.entries > 1
            && most.bytes < 0
            && is_pure
            && self.options.space_ttl.is_none()
    }

    /// After how many milliseconds the server is to forget an entry by itself; 0 if it is not to.
    pub(crate) fn forgotten_after(&self, record: &Record, now: Timestamp) -> u64 {
        if self.forgets.get() == Some(&true) { life(record, now).unwrap_or(0) } else { 0 }
    }

    /// Whether places of such a space are lent. On a cluster they are not: a script may not name a key that is not there
    /// while its slot moves.
    pub(crate) fn has_loans(&self, most: Bounds) -> bool {
        most.entries >= SMALL && self.tell == Tell::All
    }

    /// A script that stores entries, without its entries and, after them, the key of the loans.
    pub(crate) fn put_call<'a>(
        &self,
        (area, space, stripe): (&'a Area, &Space, &'a Stripe),
        (moment, wish): (u64, Option<Wish>),
    ) -> Call<'a> {
        let call = self.put_head((area, space, stripe), moment);
        call.text(wish.map_or(String::new(), |wish| format!("{} {} {}", wish.wanted, wish.back, wish.period)))
    }

    /// What all scripts that store entries begin with.
    fn put_head<'a>(&self, (area, space, stripe): (&Area, &Space, &'a Stripe), moment: u64) -> Call<'a> {
        let forgets = self.forgets.get() == Some(&true) && space.max_bytes.is_none();
        let sliding = self.options.sliding == Sliding::Yes;
        let terms =
            format!("{} {} {} {}", self.terms(area, space), self.space_ttl(), u8::from(sliding), u8::from(forgets));
        let call = Call::new(&PUT, stripe.route).key(&stripe.scores[..]).key(&stripe.values[..]);
        call.text(bounds(space, area.stripes.len()).entries).text(terms).text(moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What would be sent for a put.
    fn put(forgets: bool, max_bytes: Option<u64>, expires: Timestamp) -> String {
        let redis = crate::redis::Redis::open("redis://localhost").expect("nothing is connected");
        redis.store().forgets.set(forgets).expect("it is set once");
        let mut space = Space::new("f");
        (space.maxsize, space.max_bytes) = (Some(10), max_bytes);
        let record = Record { value: b"v".to_vec(), expires };
        let redis = redis.store();
        let area = redis.layout.area(&space);
        let (_, calls) = redis.puts((&area, &space), &[(b"key", &record)], Timestamp::from_micros(1_000));
        let mut sent = Vec::new();
        calls[0].by_digest().write(&mut sent);
        let words = String::from_utf8_lossy(&sent).into_owned();
        words.lines().filter(|word| !word.starts_with(['$', '*'])).skip(2).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_server_is_told_when_to_forget_a_field_if_it_can() {
        let keys = "3 memolith:{f}:s memolith:{f}:v memolith:{f}:k:key 10";
        let later = Timestamp::from_micros(3_000_000);
        let starts = |sent: String, start: &str| assert!(sent.starts_with(&format!("{keys} {start}")), "{sent}");
        starts(put(true, None, later), "-1 9 nlt 0 0 1 0  kkey");
        starts(put(false, None, later), "-1 9 nlt 0 0 0 0  kkey");
        starts(put(true, Some(1_000), later), "1000 9 nlt 0 0 0 0  kkey");
        assert!(put(true, None, later).contains(" 2999 0."), "milliseconds to live");
        assert!(put(true, None, Timestamp::NEVER).contains(" 0 0."), "for ever");
    }
}
