//! Removing, and telling others.

use super::store::{Form, Store};
use crate::redis::keys::layout::{Area, Stripe};
use crate::redis::keys::script::{CLEAR, Call, DISCARD, REMOVE};
use crate::redis::keys::tell::{Said, Tell, digest, told};
use crate::redis::wire::reply::Reply;
use crate::redis::wire::request::{Request, Route};
use memolith_core::{ErrorKind, Result};

/// Who is told of one removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Everybody,
    /// Those who may have copies of it: it was taken back by who had put it.
    Readers,
    /// The entry was none any more, or is gone without anybody's wish.
    Nobody,
}

impl Store {
    /// Removes an entry in whatever form it is, if it has these bytes or none are given. While its slot moves it is removed
    /// whatever it has: no single command compares, and what is missing is only computed again.
    pub(crate) async fn remove_entry(
        &self,
        area: &Area,
        (key, bytes): (&[u8], Option<Vec<u8>>),
        told: Told,
    ) -> Result<bool> {
        let (asks, stripe) = (self.client.asks(), area.stripe(key));
        let call = bytes.into_iter().fold(self.removal(area, key, told), Call::arg);
        let removed = call.run(&self.client).await.and_then(Reply::into_int);
        if !self.is_on_the_move(&removed) {
            self.tell_owners((asks, told), &[(&stripe.channel, stripe.route)]).await?;
            return Ok(removed? > 0);
        }
        let field = |command: &str, of: &[u8]| Request::new(command, stripe.route).arg(of).arg(area.field(key));
        let unlink = Request::new("UNLINK", stripe.route).arg(stripe.entry(key));
        let removals = vec![unlink, field("HDEL", &stripe.values), field("ZREM", &stripe.scores)];
        let removed = self.apart(stripe, removals, told);
        Ok(removed.await?[..2] != [0, 0])
    }

    /// Whether no node takes a script that names several keys: the slot of them moves, and some of them are not there.
    fn is_on_the_move(&self, outcome: &Result<i64>) -> bool {
        self.tell == Tell::Slot && outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::Busy)
    }

    /// Removes by commands that name one key each, then tells. What is left of an entry if one of them fails is mended by
    /// later puts.
    async fn apart(&self, stripe: &Stripe, removals: Vec<Request>, who: Told) -> Result<Vec<i64>> {
        let asks = self.client.asks();
        let replies = self.client.call_all(removals).await;
        let counts = replies.into_iter().map(|reply| reply?.into_int()).collect::<Result<Vec<i64>>>()?;
        told(self.tell, stripe.route, (&stripe.channel, &self.message(who, None)))
            .run(&self.client)
            .await?
            .checked()?;
        self.tell_owners((asks, who), &[(&stripe.channel, stripe.route)]).await?;
        Ok(counts)
    }

    /// Tells of what was removed since `asks`. While a slot moves a script may run at the node that the slot goes to,
    /// and those who listen are still at the one that has it.
    pub(crate) async fn tell_owners(&self, (asks, who): (usize, Told), channels: &[(&[u8], Route)]) -> Result<()> {
        if self.tell == Tell::All || who == Told::Nobody || self.client.asks() == asks {
            return Ok(());
        }
        let message = self.message(who, None);
        let tell = |(channel, route): &(&[u8], Route)| Request::new("SPUBLISH", *route).arg(channel).arg(&message);
        for reply in self.client.call_all(channels.iter().map(tell).collect()).await {
            match reply? {
                // Before version 7 the script has told all nodes.
                Reply::Error(error) if error.message.starts_with("unknown command") => {}
                reply => drop(reply.checked()?),
            }
        }
        Ok(())
    }

    /// What is said in a channel, of `key` if it is known.
    fn message(&self, who: Told, key: Option<&[u8]>) -> Vec<u8> {
        let said = match (who, key) {
            (Told::Readers, _) => Said::TakenBack,
            (_, Some(key)) => Said::RemovedKey(digest(key)),
            (_, None) => Said::Removed,
        };
        said.message(self.id())
    }

    /// The script that removes an entry.
    pub(crate) fn removal<'a>(&self, area: &'a Area, key: &[u8], told: Told) -> Call<'a> {
        let stripe = area.stripe(key);
        let how = if told == Told::Nobody { "" } else { self.tell.letter() };
        let call = Call::new(&REMOVE, stripe.route).key(stripe.entry(key));
        let call = call.key(&stripe.scores[..]).key(&stripe.values[..]).arg(area.field(key));
        call.arg(&stripe.channel[..]).arg(self.message(told, Some(key))).text(how).text(area.extra())
    }

    /// Removes all entries of a space in whatever form they are. Pairs go at once.
    pub(crate) async fn clear_area(&self, area: &Area, form: Form, who: Told) -> Result<()> {
        let was_plain = self.clear_pairs(area, who).await?;
        if form == Form::Tracked && !was_plain {
            return Ok(());
        }
        self.plain_clear(area).await?;
        // What was put into memory tiers out of entries that were still there goes as well.
        self.clear_pairs(area, who).await.map(drop)
    }

    /// Whether there may be plain entries too.
    async fn clear_pairs(&self, area: &Area, who: Told) -> Result<bool> {
        let message = self.message(who, None);
        let call = |stripe: &Stripe| {
            let call = Call::new(&CLEAR, stripe.route).key(stripe.scores.clone()).key(stripe.values.clone());
            let call = call.key(stripe.was_plain.clone()).arg(stripe.channel.clone());
            call.arg(&message[..]).text(self.tell.letter())
        };
        let calls: Vec<Call<'_>> = area.stripes.iter().map(call).collect();
        let (mut was_plain, asks) = (false, self.client.asks());
        for (stripe, reply) in area.stripes.iter().zip(Call::run_all(&calls, &self.client).await) {
            let mut plain = reply.and_then(Reply::into_int);
            if self.is_on_the_move(&plain) {
                let unlink = |key: &[u8]| Request::new("UNLINK", stripe.route).arg(key);
                let exists = Request::new("EXISTS", stripe.route).arg(&stripe.was_plain);
                let removals = vec![unlink(&stripe.scores), unlink(&stripe.values), exists];
                let counts = self.apart(stripe, removals, who);
                plain = counts.await.map(|counts| counts[2]);
            }
            was_plain |= plain? > 0;
        }
        self.tell_owners((asks, who), &area.channels()).await?;
        Ok(was_plain)
    }

    /// Removes the entries of one function from a pair that all share.
    pub(crate) async fn clear_shared(&self, area: &Area, who: Told) -> Result<()> {
        self.shared_pages(area, async |stripe, fields| {
            for fields in fields.chunks(1_000) {
                let call = Call::new(&DISCARD, stripe.route).key(&stripe.scores[..]).key(&stripe.values[..]);
                let call = fields.iter().fold(call, |call, field| call.arg(&field[..]));
                call.run(&self.client).await?.checked()?;
            }
            Ok(())
        })
        .await?;
        let asks = self.client.asks();
        let message = self.message(who, None);
        let tell = |stripe: &Stripe| told(self.tell, stripe.route, (&stripe.channel, &message));
        for reply in Call::run_all(&area.stripes.iter().map(tell).collect::<Vec<_>>(), &self.client).await {
            reply?.checked()?;
        }
        self.tell_owners((asks, who), &area.channels()).await
    }
}
