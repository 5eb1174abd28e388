//! Spaces with bounds: two keys, of scores and of values.

use super::fills::Filled;
use super::pages;
use super::record::{HEAD, life, packed};
use super::removal::Told;
use super::rule::{Bounds, bounds, on_hit, rule};
use super::store::Store;
use crate::redis::keys::layout::{Area, Stripe};
use crate::redis::keys::lent::Wish;
use crate::redis::keys::noted::SMALL;
use crate::redis::keys::script::{Call, FIT, GET, PUT};
use crate::redis::keys::tell::Tell;
use crate::redis::server::timer::within;
use crate::redis::server::wait::as_task;
use crate::redis::settings::options::Sliding;
use crate::redis::wire::random::fraction;
use crate::redis::wire::reply::{Reply, unexpected};
use crate::redis::wire::request::Request;
use memolith_core::{Error, ErrorKind, Record, Result, Space, Timestamp};
use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;
use xxhash_rust::xxh3::xxh3_128;

/// How many entries one script stores: a server serves nobody else meanwhile.
const TOGETHER: usize = 100;

/// How often a space is shrunk by 10,000 entries before it is left to later puts.
const STEPS: usize = 1_000;

/// What is there for each key of a batch.
type Found = Vec<Result<Option<Vec<u8>>>>;

/// A part of a batch that one server is asked for: where, which of the keys, and their fields.
struct Part<'a> {
    stripe: &'a Stripe,
    places: &'a [usize],
    fields: Vec<Vec<u8>>,
    /// The score of a use now, unless a script is to find it.
    score: Option<u64>,
    /// Which of the fields' uses are to be noted.
    uses: Vec<usize>,
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
        // Under Mru the latest use says who leaves, so each is noted.
        let most = if mode == "nlt" { bounds(space, area.stripes.len()).entries } else { 0 };
        let mut parts = Vec::with_capacity(split.len());
        for (stripe, places) in &split {
            let fields: Vec<Vec<u8>> = places.iter().map(|place| area.field(keys[*place])).collect();
            let score = if moves && is_quiet { stripe.clock.now(1) } else { None };
            let is_noted = |field: &[u8]| score.is_some_and(|moment| stripe.noted.holds(field, (most, moment)));
            let uses = (0..fields.len()).filter(|at| !is_noted(&fields[*at])).collect();
            parts.push(Part { stripe, places, fields, score, uses });
        }
        let mut found: Found = keys.iter().map(|_| Ok(None)).collect();
        if is_quiet && (mode.starts_with('k') || parts.iter().all(|part| part.uses.is_empty())) {
            self.look(&parts, &mut found).await;
            return found;
        }
        let noted = match parts.iter().all(|part| part.score.is_some()) {
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
        let asked = parts.iter().flat_map(|part| [Some(values(part)), uses(part), oldest(part, most)]);
        let mut replies = self.client.call_all(asked.flatten().collect()).await.into_iter();
        let mut next = || replies.next().unwrap_or_else(|| Err(unexpected()));
        let mut noted = true;
        for part in parts {
            pages::hand_out(next().and_then(items), part.places, found);
            if part.uses.is_empty() {
                continue;
            }
            let there = part.uses.iter().filter(|at| matches!(found[part.places[**at]], Ok(Some(_)))).count();
            let scored = next().and_then(Reply::into_int);
            noted &= scored.is_err() || scored.is_ok_and(|scored| scored == there as i64) || has_twins(part);
            if let Some(moment) = to_learn(part, most)
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

    /// Stores all in one go, and gives the first error.
    pub(crate) async fn tracked_put(
        &self,
        (area, space): (&Area, &Space),
        entries: &[(&[u8], &Record)],
        now: Timestamp,
    ) -> Result<()> {
        let error = match entries {
            [entry] => match self.fill((area, space), *entry, now).await {
                Filled::Done => return Ok(()),
                Filled::Not => None,
                Filled::Failed(error, deadline) => Some((error, deadline)),
            },
            _ => None,
        };
        match error {
            None => self.put_by_script((area, space), entries, now).await,
            Some((error, deadline)) if Instant::now() >= deadline => Err(error),
            Some((error, deadline)) => {
                let put = self.put_by_script((area, space), entries, now);
                within(deadline, as_task(put)).await.unwrap_or(Err(error))
            }
        }
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
                && self.is_simple((stripe, space, area.stripes.len()), entries[*place].1)
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
        let most = bounds(space, area.stripes.len());
        let call = Call::new(&PUT, stripe.route).key(&stripe.scores[..]).key(&stripe.values[..]);
        let call = if self.has_loans(most) { call.key(&stripe.loans[..]) } else { call };
        let call = call.text(most.entries).text(self.put_terms(area, space)).text(moment);
        call.arg(area.field(key)).arg(packed(record))
    }

    /// Whether there is nothing to be known of an entry but its value and when it was put.
    pub(crate) fn is_simple(&self, (stripe, space, stripes): (&Stripe, &Space, usize), record: &Record) -> bool {
        let is_forgotten = self.forgets.get() == Some(&true) && record.expires != Timestamp::NEVER;
        let most = bounds(space, stripes);
        let newest_stay = rule(space, &self.options) == "nlt";
        let is_pure = stripe.is_pure.load(Relaxed);
        newest_stay
            && most.entries > 1
            && most.bytes < 0
            && is_pure
            && !is_forgotten
            && self.options.space_ttl.is_none()
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
        let call = Call::new(&PUT, stripe.route).key(&stripe.scores[..]).key(&stripe.values[..]);
        let call = call.text(bounds(space, area.stripes.len()).entries).text(self.put_terms(area, space)).text(moment);
        call.text(wish.map_or(String::new(), |wish| format!("{} {} {}", wish.wanted, wish.back, wish.period)))
    }

    /// What is the same for all scripts of a space that keep its bounds.
    fn terms(&self, area: &Area, space: &Space) -> String {
        let most = bounds(space, area.stripes.len());
        format!("{} {} {}", most.bytes, area.extra(), rule(space, &self.options))
    }

    /// What is the same for all puts.
    fn put_terms(&self, area: &Area, space: &Space) -> String {
        let forgets = self.forgets.get() == Some(&true) && space.max_bytes.is_none();
        let sliding = self.options.sliding == Sliding::Yes;
        format!("{} {} {} {}", self.terms(area, space), self.space_ttl(), u8::from(sliding), u8::from(forgets))
    }

    /// The time of a whole space, in milliseconds; 0 if it has none.
    fn space_ttl(&self) -> u128 {
        self.options.space_ttl.map_or(0, |ttl| ttl.as_millis())
    }

    /// Entries of a function among those of others: all are looked at.
    pub(crate) async fn shared_len(&self, area: &Area) -> Result<u64> {
        // A scan may show a field twice.
        let mut seen = HashSet::new();
        for stripe in &area.stripes {
            let mut cursor = pages::start();
            loop {
                let place = (&stripe.values[..], stripe.route);
                let (next, pairs) = pages::of_fields(&self.client, place, area.field_start(), &cursor).await?;
                seen.extend(pairs.iter().step_by(2).map(|field| xxh3_128(field)));
                cursor = next;
                if cursor == pages::start() {
                    break;
                }
            }
        }
        Ok(seen.len() as u64)
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

/// The command that notes the uses that are to be noted.
fn uses(part: &Part<'_>) -> Option<Request> {
    let score = part.score.unwrap_or(0).to_string();
    let request = Request::new("ZADD", part.stripe.route).arg(&part.stripe.scores).arg("XX").arg("CH");
    let noted = part.uses.iter().fold(request, |request, at| request.arg(&score).arg(&part.fields[*at]));
    (!part.uses.is_empty()).then_some(noted)
}

/// The command that tells how old the oldest entry is, where that is to be learned.
fn oldest(part: &Part<'_>, most: i64) -> Option<Request> {
    let request = Request::new("ZRANGE", part.stripe.route).arg(&part.stripe.scores);
    to_learn(part, most).map(|_| request.arg("0").arg("0").arg("WITHSCORES"))
}

/// At which moment the age of the oldest entry is to be learned, if it is.
fn to_learn(part: &Part<'_>, most: i64) -> Option<u64> {
    part.score.filter(|moment| !part.uses.is_empty() && part.stripe.noted.is_to_learn(most, *moment))
}

/// The score in a reply to [`oldest`], alone or in a pair.
fn score(reply: &Reply) -> Option<u64> {
    match reply {
        Reply::Array(items) => score(items.last()?),
        Reply::Bytes(text) => Some(std::str::from_utf8(text).ok()?.parse::<f64>().ok()? as u64),
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
fn learn(stripe: &Stripe, reply: &Reply) {
    if let Reply::Int(moment @ 1..) = *reply {
        stripe.clock.learn(moment as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What would be sent for a put.
    fn put(forgets: bool, max_bytes: Option<u64>, expires: Timestamp) -> String {
        let redis = crate::redis::Redis::open("redis://localhost").expect("nothing is connected");
        redis.store.forgets.set(forgets).expect("it is set once");
        let mut space = Space::new("f");
        (space.maxsize, space.max_bytes) = (Some(10), max_bytes);
        let record = Record { value: b"v".to_vec(), expires };
        let redis = redis.store;
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
        starts(put(true, None, later), "-1 9 nlt 0 0 1 0 kkey");
        starts(put(false, None, later), "-1 9 nlt 0 0 0 0 kkey");
        starts(put(true, Some(1_000), later), "1000 9 nlt 0 0 0 0 kkey");
        assert!(put(true, None, later).contains(" 2999 0."), "milliseconds to live");
        assert!(put(true, None, Timestamp::NEVER).contains(" 0 0."), "for ever");
    }
}
