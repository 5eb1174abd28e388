//! Spaces with bounds: two keys, of scores and of values.

use super::pages;
use super::record::HEAD;
use super::rule::{bounds, on_hit, rule};
use super::store::{Found, Store};
use super::uses::{Noting, Uses, changed};
use crate::redis::keys::layout::{Area, Stripe};
use crate::redis::keys::script::{Call, FIT, GET};
use crate::redis::settings::options::Sliding;
use crate::redis::wire::reply::{Reply, unexpected};
use crate::redis::wire::request::Request;
use memolith_core::{Error, ErrorKind, Result, Space, Timestamp};
use std::collections::HashSet;
use std::iter;
use std::sync::atomic::Ordering::Relaxed;
use xxhash_rust::xxh3::xxh3_128;

/// How often a space is shrunk by 10,000 entries before it is left to later puts.
const STEPS: usize = 1_000;

/// A part of a batch that one server is asked for: where, which of the keys, their fields, and what there is to tell of
/// their uses, unless a script is to.
struct Part<'a> {
    stripe: &'a Stripe,
    places: &'a [usize],
    fields: Vec<Vec<u8>>,
    noting: Option<Noting>,
}

impl Store {
    /// Evicts what is beyond the bounds of `space`.
    pub(crate) async fn tracked_open(&self, area: &Area, space: &Space) -> Result<()> {
        let stripes = area.stripes.len();
        if space.maxsize.is_some_and(|most| (1..stripes as u64).contains(&most)) {
            let message =
                format!("maxsize is shared out over {stripes} stripes, let it be that much or set fewer stripes");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        for _ in 0..STEPS {
            let stripes = area.stripes.iter();
            let calls: Vec<Call<'_>> = stripes
                .map(|stripe| {
                    let call = Call::new(&FIT, stripe.route).key(&stripe.scores[..]).key(&stripe.values[..]);
                    let most = bounds(space, area.stripes.len());
                    call.key(&stripe.was_plain[..]).text(most.entries).text(self.terms(area, space))
                })
                .collect();
            let mut more = false;
            for (stripe, reply) in area.stripes.iter().zip(Call::run_all(&calls, &self.client).await) {
                let [left, moment, was_plain] =
                    <[Reply; 3]>::try_from(reply?.into_array()?).map_err(|_| unexpected())?;
                more |= left.into_int()? > 0;
                learn(stripe, &moment);
                stripe.is_pure.store(was_plain.into_int()? == 0, Relaxed);
            }
            if !more {
                break;
            }
        }
        Ok(())
    }

    /// What is there for each of `keys`, and notes their use.
    pub(crate) async fn tracked_get(&self, area: &Area, space: &Space, (keys, now): (&[&[u8]], Timestamp)) -> Found {
        let uses = Uses::of(space, &self.options, area.stripes.len());
        let split = area.split(keys.iter().copied());
        let mut parts = Vec::with_capacity(split.len());
        for (stripe, places) in &split {
            let fields: Vec<Vec<u8>> = places.iter().map(|place| area.field(keys[*place])).collect();
            parts.push(Part { stripe, places, noting: uses.note(stripe, &fields), fields });
        }
        self.ask_for(&parts, space, (keys.len(), now)).await
    }

    /// As [`tracked_get`](Self::tracked_get) for one key. Where its use is not to be noted, which is most often so, this
    /// costs no more than a look.
    pub(crate) async fn tracked_get_one(
        &self,
        area: &Area,
        space: &Space,
        (key, now): (&[u8], Timestamp),
    ) -> Result<Option<Vec<u8>>> {
        let (stripe, field) = (area.stripe(key), area.field(key));
        let noting = Uses::of(space, &self.options, area.stripes.len()).note(stripe, std::slice::from_ref(&field));
        if noting.as_ref().is_some_and(Noting::is_nothing) {
            let request = Request::new("HGET", stripe.route).arg(&stripe.values).arg(field);
            return self.client.call(request).await?.into_bytes();
        }
        let part = Part { stripe, places: &[0], fields: vec![field], noting };
        // In a box, so that the future of what nearly always happens is small.
        Box::pin(self.ask_for(&[part], space, (1, now))).await.pop().unwrap_or(Ok(None))
    }

    /// What is there for each of as many keys as the parts have.
    async fn ask_for(&self, parts: &[Part<'_>], space: &Space, (count, now): (usize, Timestamp)) -> Found {
        let nothing = || (0..count).map(|_| Ok(None)).collect();
        let mut found: Found = nothing();
        if parts.iter().all(Part::is_look) {
            self.look(parts, &mut found).await;
            return found;
        }
        let told: Option<Vec<_>> = parts.iter().map(|part| Some((part, part.noting.as_ref()?))).collect();
        if let Some(told) = told
            && self.look_and_note(&told, &mut found).await
        {
            return found;
        }
        let mut again: Found = nothing();
        self.get_by_script(parts, (&on_hit(space, &self.options), now), &mut again).await;
        // What was found before is there, whatever becomes of the note.
        let later = |(again, before): (Result<_>, Result<_>)| if again.is_err() { before.or(again) } else { again };
        again.into_iter().zip(found).map(later).collect()
    }

    /// Values alone: uses of such a space change nothing.
    async fn look(&self, parts: &[Part<'_>], found: &mut Found) {
        let replies = self.client.call_all(parts.iter().map(values).collect()).await;
        for (part, reply) in parts.iter().zip(replies) {
            pages::hand_out(reply.and_then(items), part.places, found);
        }
    }

    /// Values, and scores after them, which costs a server a third of what a script does. False if there are values
    /// without a score, or scores without a value: the script repairs them.
    async fn look_and_note(&self, parts: &[(&Part<'_>, &Noting)], found: &mut Found) -> bool {
        let notes: Vec<Vec<Request>> =
            parts.iter().map(|(part, noting)| noting.requests(part.stripe, &part.fields)).collect();
        let counts: Vec<usize> = notes.iter().map(Vec::len).collect();
        let asked = parts
            .iter()
            .zip(notes)
            .flat_map(|((part, noting), notes)| iter::once(values(part)).chain(notes).chain(noting.look(part.stripe)));
        let mut replies = self.client.call_all(asked.collect()).await.into_iter();
        let mut next = || replies.next().unwrap_or_else(|| Err(unexpected()));
        let mut noted = true;
        for ((part, noting), notes) in parts.iter().zip(counts) {
            pages::hand_out(next().and_then(items), part.places, found);
            let there = noting.noted().filter(|at| matches!(found[part.places[*at]], Ok(Some(_)))).count();
            let scored: Result<i64> = (0..notes).map(|_| next().and_then(changed)).sum();
            noted &= scored.is_err() || scored.is_ok_and(|scored| scored == there as i64) || has_twins(part, noting);
            if noting.learns()
                && let Ok(reply) = next()
            {
                noting.learn(part.stripe, &reply);
            }
        }
        noted
    }

    async fn get_by_script(&self, parts: &[Part<'_>], (mode, now): (&str, Timestamp), found: &mut Found) {
        let ttl = match self.options.sliding {
            Sliding::Yes => self.space_ttl(),
            Sliding::No => 0,
        };
        let call = |part: &Part<'_>| {
            let call = Call::new(&GET, part.stripe.route).key(part.stripe.scores.clone());
            let call = call.key(part.stripe.values.clone()).text(now.as_micros()).text(mode).text(ttl);
            part.fields.iter().fold(call, |call, field| call.arg(field.clone()))
        };
        let calls: Vec<Call<'_>> = parts.iter().map(call).collect();
        for (part, reply) in parts.iter().zip(Call::run_all(&calls, &self.client).await) {
            let items = reply.and_then(Reply::into_array).and_then(|mut items| {
                let latest = if items.is_empty() { return Err(unexpected()) } else { items.remove(0) };
                learn(part.stripe, &latest);
                Ok(items)
            });
            pages::hand_out(items, part.places, found);
        }
    }

    /// What is the same for all scripts of a space that keep its bounds.
    pub(crate) fn terms(&self, area: &Area, space: &Space) -> String {
        let most = bounds(space, area.stripes.len());
        format!("{} {} {}", most.bytes, area.extra(), rule(space, &self.options))
    }

    /// The time of a whole space, in milliseconds; 0 if it has none.
    pub(crate) fn space_ttl(&self) -> u128 {
        self.options.space_ttl.map_or(0, |ttl| ttl.as_millis())
    }

    /// Entries of a function among those of others: all are looked at.
    pub(crate) async fn shared_len(&self, area: &Area) -> Result<u64> {
        // A scan may show a field twice.
        let mut seen = HashSet::new();
        self.shared_pages(area, async |_, fields| {
            seen.extend(fields.iter().map(|field| xxh3_128(field)));
            Ok(())
        })
        .await?;
        Ok(seen.len() as u64)
    }

    /// Shows the fields of a function among those of others page by page, some more than once.
    pub(crate) async fn shared_pages(
        &self,
        area: &Area,
        mut show: impl AsyncFnMut(&Stripe, Vec<Vec<u8>>) -> Result<()>,
    ) -> Result<()> {
        for stripe in &area.stripes {
            let mut cursor = pages::start();
            loop {
                let (next, pairs) = pages::of_fields(&self.client, (area, stripe), &cursor).await?;
                show(stripe, pairs.into_iter().step_by(2).collect()).await?;
                cursor = next;
                if cursor == pages::start() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Counted by the server, in constant time.
    pub(crate) async fn tracked_len(&self, area: &Area) -> Result<u64> {
        let requests = area.stripes.iter().flat_map(|stripe| {
            let request = |command: &str| Request::new(command, stripe.route).arg(&stripe.values);
            [request("HLEN"), request("HEXISTS").arg("b")]
        });
        let mut len = 0;
        for (number, reply) in self.client.call_all(requests.collect()).await.into_iter().enumerate() {
            let count = reply?.into_int()?;
            len += if number % 2 == 0 { count } else { -count };
        }
        Ok(u64::try_from(len).unwrap_or(0))
    }
}

impl Area {
    /// How many bytes a field and a value have beside the key and the value of an entry.
    pub(crate) fn extra(&self) -> usize {
        self.field_start().len() + HEAD
    }
}

impl Part<'_> {
    /// Whether its values are all that is asked for.
    fn is_look(&self) -> bool {
        self.noting.as_ref().is_some_and(Noting::is_nothing)
    }
}

/// The command for the values of a part.
fn values(part: &Part<'_>) -> Request {
    let command = if part.fields.len() == 1 { "HGET" } else { "HMGET" };
    part.fields.iter().fold(Request::new(command, part.stripe.route).arg(&part.stripe.values), Request::arg)
}

/// The items of a reply to [`values`].
fn items(reply: Reply) -> Result<Vec<Reply>> {
    match reply.checked()? {
        Reply::Array(items) => Ok(items),
        single => Ok(vec![single]),
    }
}

/// Whether a key is asked for twice, so that fewer scores change than values are found.
fn has_twins(part: &Part<'_>, noting: &Noting) -> bool {
    let mut fields: Vec<&Vec<u8>> = noting.noted().map(|at| &part.fields[at]).collect();
    fields.sort_unstable();
    fields.windows(2).any(|pair| pair[0] == pair[1])
}

/// Takes the time on the server from a reply, if it tells.
pub(crate) fn learn(stripe: &Stripe, reply: &Reply) {
    if let Reply::Int(moment @ 1..) = *reply {
        stripe.clock.learn(moment as u64);
    }
}
