//! Spaces with bounds: two keys, of scores and of values.

use super::pages;
use super::record::HEAD;
use super::rule::{bounds, on_hit, rule};
use super::store::{Found, Store};
use crate::redis::keys::layout::{Area, Stripe};
use crate::redis::keys::noted::{Noted, SMALL};
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

/// A part of a batch that one server is asked for: where, which of the keys, and their fields.
struct Part<'a> {
    stripe: &'a Stripe,
    places: &'a [usize],
    fields: Vec<Vec<u8>>,
    /// What a use does to a score, unless a script is to do it.
    mark: Option<Mark>,
    /// Which of the fields' uses are to be noted.
    uses: Vec<usize>,
    /// At which moment the order is to be looked at, if it is. Another thread may do that meanwhile.
    learns: Option<u64>,
}

/// What a use does to a score without a script.
#[derive(Clone, Copy)]
enum Mark {
    /// It becomes the time.
    Time(u64),
    /// It is one more.
    Count,
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
        let mode = on_hit(space, &self.options);
        let split = area.split(keys.iter().copied());
        let is_quiet = self.options.sliding == Sliding::No || self.options.space_ttl.is_none();
        let moves = mode == "nlt" || mode == "nht";
        let entries = bounds(space, area.stripes.len()).entries;
        let counts = mode.starts_with('c') && entries >= SMALL;
        // Under Mru the latest use says who leaves, so each is noted.
        let most = if mode == "nlt" { entries } else { 0 };
        let mut parts = Vec::with_capacity(split.len());
        for (stripe, places) in &split {
            let fields: Vec<Vec<u8>> = places.iter().map(|place| area.field(keys[*place])).collect();
            let mark = match () {
                () if moves && is_quiet => stripe.clock.now(1).map(Mark::Time),
                () if counts && is_quiet => Some(Mark::Count),
                () => None,
            };
            let is_noted = |field: &[u8]| match mark {
                Some(Mark::Time(moment)) => stripe.noted.holds(field, (most, moment)),
                _ => false,
            };
            let uses: Vec<usize> = (0..fields.len()).filter(|at| !is_noted(&fields[*at])).collect();
            let learns = match mark {
                Some(Mark::Time(moment)) if !uses.is_empty() => {
                    Some(moment).filter(|moment| stripe.noted.is_to_learn(most, *moment))
                }
                _ => None,
            };
            parts.push(Part { stripe, places, fields, mark, uses, learns });
        }
        let mut found: Found = keys.iter().map(|_| Ok(None)).collect();
        if is_quiet && (mode.starts_with('k') || parts.iter().all(|part| part.uses.is_empty())) {
            self.look(&parts, &mut found).await;
            return found;
        }
        let noted = match parts.iter().all(|part| part.mark.is_some()) {
            true => self.look_and_note((&parts, most), &mut found).await,
            false => false,
        };
        if noted {
            return found;
        }
        let mut again: Found = keys.iter().map(|_| Ok(None)).collect();
        self.get_by_script(&parts, (&mode, now), &mut again).await;
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
    async fn look_and_note(&self, (parts, most): (&[Part<'_>], i64), found: &mut Found) -> bool {
        let notes: Vec<Vec<Request>> = parts.iter().map(uses).collect();
        let counts: Vec<usize> = notes.iter().map(Vec::len).collect();
        let asked = parts
            .iter()
            .zip(notes)
            .flat_map(|(part, notes)| iter::once(values(part)).chain(notes).chain(younger(part, most)));
        let mut replies = self.client.call_all(asked.collect()).await.into_iter();
        let mut next = || replies.next().unwrap_or_else(|| Err(unexpected()));
        let mut noted = true;
        for (part, notes) in parts.iter().zip(counts) {
            pages::hand_out(next().and_then(items), part.places, found);
            if part.uses.is_empty() {
                continue;
            }
            let there = part.uses.iter().filter(|at| matches!(found[part.places[**at]], Ok(Some(_)))).count();
            let scored: Result<i64> = (0..notes).map(|_| next().and_then(changed)).sum();
            noted &= scored.is_err() || scored.is_ok_and(|scored| scored == there as i64) || has_twins(part);
            if let Some(moment) = part.learns
                && let Some(score) = next().ok().as_ref().and_then(score)
            {
                part.stripe.noted.learn(score, moment);
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

/// The command for the values of a part.
fn values(part: &Part<'_>) -> Request {
    let command = if part.fields.len() == 1 { "HGET" } else { "HMGET" };
    part.fields.iter().fold(Request::new(command, part.stripe.route).arg(&part.stripe.values), Request::arg)
}

/// The commands that note the uses that are to be noted.
fn uses(part: &Part<'_>) -> Vec<Request> {
    let fields = part.uses.iter().map(|at| &part.fields[*at]);
    let request = || Request::new("ZADD", part.stripe.route).arg(&part.stripe.scores).arg("XX");
    match part.mark {
        Some(Mark::Time(moment)) if !part.uses.is_empty() => {
            let score = moment.to_string();
            vec![fields.fold(request().arg("CH"), |request, field| request.arg(&score).arg(field))]
        }
        Some(Mark::Count) => fields.map(|field| request().arg("INCR").arg("1").arg(field)).collect(),
        _ => vec![],
    }
}

/// How many scores one of [`uses`] has changed. What a score has become is the score, or nothing if there was none.
fn changed(reply: Reply) -> Result<i64> {
    match reply.checked()? {
        Reply::Int(count) => Ok(count),
        Reply::Nil => Ok(0),
        _ => Ok(1),
    }
}

/// The command that tells since when as many entries were noted as matter, where that is to be learned.
fn younger(part: &Part<'_>, most: i64) -> Option<Request> {
    let request = Request::new("ZRANGE", part.stripe.route).arg(&part.stripe.scores);
    let place = Noted::place(most);
    part.learns.map(|_| request.int(place).int(place).arg("WITHSCORES"))
}

/// The score in a reply to [`younger`], alone or in a pair, or that there is none.
fn score(reply: &Reply) -> Option<Option<u64>> {
    match reply {
        Reply::Array(items) => items.last().map_or(Some(None), score),
        Reply::Bytes(text) => Some(Some(std::str::from_utf8(text).ok()?.parse::<f64>().ok()? as u64)),
        _ => None,
    }
}

/// The items of a reply to [`values`].
fn items(reply: Reply) -> Result<Vec<Reply>> {
    match reply.checked()? {
        Reply::Array(items) => Ok(items),
        single => Ok(vec![single]),
    }
}

/// Whether a key is asked for twice, so that fewer scores change than values are found.
fn has_twins(part: &Part<'_>) -> bool {
    let mut fields: Vec<&Vec<u8>> = part.uses.iter().map(|at| &part.fields[*at]).collect();
    fields.sort_unstable();
    fields.windows(2).any(|pair| pair[0] == pair[1])
}

/// Takes the time on the server from a reply, if it tells.
pub(crate) fn learn(stripe: &Stripe, reply: &Reply) {
    if let Reply::Int(moment @ 1..) = *reply {
        stripe.clock.learn(moment as u64);
    }
}
