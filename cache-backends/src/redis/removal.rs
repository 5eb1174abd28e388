//! Removing, and telling others.

use super::backend::{Form, Redis};
use super::layout::{Area, Stripe};
use super::pages;
use super::request::Route;
use super::script::{CLEAR, Call, DISCARD, REMOVE, TELL};
use memolith_core::Result;

/// The id of a [`Redis`], which its messages carry.
pub(crate) type Sender = [u8; 16];

/// By which command others are told of removals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tell {
    /// SPUBLISH where the server has it, to those who have subscribed at the owner of the slot.
    Slot,
    /// PUBLISH, to all.
    All,
}

/// Who is told of one removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Everybody,
    /// The entry was none any more, or is gone without anybody's wish.
    Nobody,
}

impl Tell {
    /// As scripts are told it.
    pub(crate) fn letter(self) -> &'static str {
        match self {
            Tell::Slot => "s",
            Tell::All => "p",
        }
    }
}

impl Redis {
    /// Removes an entry in whatever form it is.
    pub(super) async fn remove_entry(&self, area: &Area, key: &[u8]) -> Result<bool> {
        let reply = self.removal(area, key, Told::Everybody).run(&self.client).await?;
        Ok(reply.into_int()? > 0)
    }

    /// Removes an entry if it is still what it was, all its bytes; who is told may be nobody.
    pub(super) async fn remove_exactly(&self, area: &Area, (key, bytes): (&[u8], Vec<u8>), told: Told) -> Result<()> {
        self.removal(area, key, told).arg(bytes).run(&self.client).await?.checked().map(drop)
    }

    /// The script that removes an entry.
    pub(super) fn removal<'a>(&self, area: &'a Area, key: &[u8], told: Told) -> Call<'a> {
        let stripe = area.stripe(key);
        let how = if told == Told::Everybody { self.tell.letter() } else { "" };
        let call = Call::new(&REMOVE, stripe.route).key(stripe.entry(key));
        let call = call.key(&stripe.scores[..]).key(&stripe.values[..]).arg(area.field(key));
        call.arg(&stripe.channel[..]).arg(self.id().to_vec()).text(how).text(area.extra())
    }

    /// Removes all entries of a space in whatever form they are. Pairs go at once.
    pub(super) async fn clear_area(&self, area: &Area, form: Form) -> Result<()> {
        let was_plain = self.clear_pairs(area).await?;
        if form == Form::Tracked && !was_plain {
            return Ok(());
        }
        self.plain_clear(area).await?;
        // What was put into memory tiers out of entries that were still there goes as well.
        self.clear_pairs(area).await.map(drop)
    }

    /// Whether there may be plain entries too.
    async fn clear_pairs(&self, area: &Area) -> Result<bool> {
        let call = |stripe: &Stripe| {
            let call = Call::new(&CLEAR, stripe.route).key(stripe.scores.clone()).key(stripe.values.clone());
            let call = call.key(stripe.was_plain.clone()).arg(stripe.channel.clone());
            call.arg(self.id().to_vec()).text(self.tell.letter())
        };
        let calls: Vec<Call<'_>> = area.stripes.iter().map(call).collect();
        let mut was_plain = false;
        for reply in Call::run_all(&calls, &self.client).await {
            was_plain |= reply?.into_int()? > 0;
        }
        Ok(was_plain)
    }

    /// Removes the entries of one function from a pair that all share.
    pub(super) async fn clear_shared(&self, area: &Area) -> Result<()> {
        for stripe in &area.stripes {
            let mut cursor = pages::start();
            loop {
                let place = (&stripe.values[..], stripe.route);
                let (next, pairs) = pages::of_fields(&self.client, place, area.field_start(), &cursor).await?;
                let fields: Vec<&Vec<u8>> = pairs.iter().step_by(2).collect();
                for fields in fields.chunks(1_000) {
                    let call = Call::new(&DISCARD, stripe.route).key(&stripe.scores[..]).key(&stripe.values[..]);
                    let call = fields.iter().fold(call, |call, field| call.arg(&field[..]));
                    call.run(&self.client).await?.checked()?;
                }
                cursor = next;
                if cursor == pages::start() {
                    break;
                }
            }
        }
        let tell = |stripe: &Stripe| told(self.tell, stripe.route, (&stripe.channel, self.id()));
        for reply in Call::run_all(&area.stripes.iter().map(tell).collect::<Vec<_>>(), &self.client).await {
            reply?.checked()?;
        }
        Ok(())
    }
}

/// The script that tells of a removal on `channel`, which is in the slot of `route`.
pub(crate) fn told(tell: Tell, route: Route, (channel, sender): (&[u8], Sender)) -> Call<'static> {
    let call = Call::new(&TELL, route).key(channel.to_vec()).arg(channel.to_vec());
    call.arg(sender.to_vec()).text(tell.letter())
}
