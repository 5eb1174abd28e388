//! Entries for which there is a place that was lent: they are put without a script.

use super::record::packed;
use super::rule::{bounds, fresh};
use super::store::Store;
use crate::redis::fleet::client::Pinned;
use crate::redis::keys::layout::{Area, Stripe};
use crate::redis::keys::lent::{Ask, LONGEST, Place, Way};
use crate::redis::wire::reply::{Reply, unexpected};
use crate::redis::wire::request::Request;
use memolith_core::{Error, Record, Result, Space, Timestamp};
use std::time::Instant;

/// What became of an entry.
pub(crate) enum Filled {
    Done,
    /// Nothing was tried: it is the script's to put.
    Not,
    /// It was tried in vain, and is the script's to put if there is time until then.
    Failed(Error, Instant),
}

/// An entry on its way to a place.
struct Entry<'a> {
    stripe: &'a Stripe,
    field: Vec<u8>,
    bytes: Vec<u8>,
    moment: u64,
    score: String,
    /// After how many milliseconds the server is to forget it, or 0.
    millis: u64,
    deadline: Instant,
}

impl Store {
    /// Puts an entry into a place that was lent, or asks for some.
    ///
    /// The commands are two that a server executes one after the other, but for a connection that ends between them: then
    /// there is half an entry, as foreign hands make them, and the script follows, which mends it. A third tells a server
    /// that can forget fields by itself when to.
    pub(crate) async fn fill(
        &self,
        (area, space): (&Area, &Space),
        (key, record): (&[u8], &Record),
        now: Timestamp,
    ) -> Filled {
        let (stripe, most) = (area.stripe(key), bounds(space, area.stripes.len()));
        if !self.has_loans(most) || !self.is_simple(stripe, space, area.stripes.len()) || record.expires <= now {
            return Filled::Not;
        }
        let link = self.client.pinned(stripe.route).filter(|link| link.timeout() <= LONGEST);
        let Some((link, moment)) = link.zip(stripe.clock.now(1)) else { return Filled::Not };
        let begun = Instant::now();
        let deadline = begun + link.timeout();
        let way = stripe.lent.way(link.number(), most.entries, begun);
        let score = fresh(space, moment);
        let (field, bytes, millis) = (area.field(key), packed(record), self.forgotten_after(record, now));
        let entry = Entry { stripe, field, bytes, moment, score, millis, deadline };
        let tried = match way {
            Way::Script => return Filled::Not,
            Way::Fill(place) => fill_place(&link, &place, entry).await,
            Way::Ask(ask) => self.ask((area, space), (&link, ask), entry).await,
        };
        tried.map_or_else(|error| Filled::Failed(error, deadline), |()| Filled::Done)
    }

    /// Puts an entry by the script, which is to lend places for more.
    async fn ask(
        &self,
        (area, space): (&Area, &Space),
        (link, ask): (&Pinned, Ask<'_>),
        entry: Entry<'_>,
    ) -> Result<()> {
        let call = self.put_call((area, space, entry.stripe), (entry.moment, Some(ask.wish)));
        let call = call.key(&entry.stripe.loans[..]).arg(entry.field).arg(entry.bytes).text(entry.millis).text(0);
        // Once: what is given back must not be given back twice.
        let reply = link.once(&[call.by_digest()], entry.deadline).await?.pop().ok_or_else(unexpected)?;
        let (count, period) = match reply.checked()? {
            // All that may be lent is, and nothing was given back.
            Reply::Int(_) => (0, ask.wish.period),
            reply => {
                let [count, period] = <[Reply; 2]>::try_from(reply.into_array()?).map_err(|_| unexpected())?;
                (count.into_int()?, u64::try_from(period.into_int()?).map_err(|_| unexpected())?)
            }
        };
        ask.granted(count, period);
        Ok(())
    }
}

/// Puts an entry into a place, which it does not need if it was there before.
async fn fill_place(link: &Pinned, place: &Place, entry: Entry<'_>) -> Result<()> {
    let Entry { stripe, field, bytes, score, millis, deadline, .. } = entry;
    let values = |command: &str| Request::new(command, stripe.route).arg(&stripe.values);
    let value = values("HSET").arg(&field).arg(bytes);
    let score = Request::new("ZADD", stripe.route).arg(&stripe.scores).arg(score).arg(&field);
    let end = || values("HPEXPIRE").arg(millis.to_string()).arg("FIELDS").arg("1").arg(&field);
    let requests: Vec<Request> = [value, score].into_iter().chain((millis > 0).then(end)).collect();
    let mut replies = link.once(&requests, deadline).await?.into_iter();
    let mut next = || replies.next().ok_or_else(unexpected)?.into_int();
    // That it is not forgotten by itself is no reason not to have it.
    let is_filled = next()? + next()? > 0;
    stripe.lent.settle(place, is_filled);
    Ok(())
}
