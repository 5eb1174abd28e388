//! What uses do to the order of a tracked space, and which of them a server is told of.

use super::rule::bounds;
use crate::redis::keys::layout::Stripe;
use crate::redis::keys::noted::{Noted, SMALL};
use crate::redis::settings::options::{Options, Scores, Sliding};
use crate::redis::wire::reply::Reply;
use crate::redis::wire::request::Request;
use memolith_core::{End, OnHit, Result, Space};
use std::time::Instant;

/// What uses do to the scores of a space.
pub(crate) enum Uses {
    /// Nothing.
    Nothing,
    /// The score becomes the time. Of uses in an order of so many entries some need not be told; under a policy of which
    /// the latest use says who leaves, each is: then it is 0.
    Time(i64),
    /// The score is one more, in an order of so many entries.
    Count(i64),
    /// What a script does.
    Script,
}

/// The uses of some entries of a stripe.
pub(crate) struct Noting {
    /// The time, where scores are times.
    moment: Option<u64>,
    /// Which of the entries, and for how many uses each.
    notes: Vec<(usize, u32)>,
    /// Of how many entries the order is, if the place in it is to be learned from which on notes can wait.
    learns: Option<i64>,
}

impl Uses {
    /// Those of `space`, of which each of `stripes` has an order.
    pub(crate) fn of(space: &Space, options: &Options, stripes: usize) -> Self {
        let (entries, score) = (bounds(space, stripes).entries, space.policy.score());
        match (score.on_hit, options.scores, score.leaves) {
            // To begin a time anew takes a script.
            _ if options.sliding == Sliding::Yes && options.space_ttl.is_some() => Uses::Script,
            (OnHit::Now, Scores::Time, End::Lowest) => Uses::Time(entries),
            (OnHit::Now, Scores::Time, End::Highest) => Uses::Time(0),
            (OnHit::Count, _, _) if entries >= SMALL => Uses::Count(entries),
            (OnHit::Now | OnHit::Count, _, _) => Uses::Script,
            _ => Uses::Nothing,
        }
    }

    /// What there is to tell of a use of each of `fields` now. None if only a script can.
    pub(crate) fn note(&self, stripe: &Stripe, fields: &[Vec<u8>]) -> Option<Noting> {
        let nothing = Noting { moment: None, notes: vec![], learns: None };
        let all = || fields.iter().enumerate();
        match *self {
            Uses::Nothing => Some(nothing),
            Uses::Time(most) => {
                let moment = stripe.clock.now(1)?;
                let notes = all().filter(|(_, field)| !stripe.noted.holds(field, (most, moment)));
                let notes = notes.map(|(at, _)| (at, 1)).collect();
                let learns = stripe.noted.is_to_learn(most, moment).then_some(most);
                Some(Noting { moment: Some(moment), notes, learns })
            }
            Uses::Count(most) => {
                let notes = all().map(|(at, field)| (at, stripe.counted.count(field, most)));
                Some(Noting { notes: notes.filter(|(_, uses)| *uses > 0).collect(), ..nothing })
            }
            Uses::Script => None,
        }
    }

    /// `field` was put after `begun`, or may have been.
    pub(crate) fn begin_anew(
        &self,
        stripe: &Stripe,
        field: impl FnOnce() -> Vec<u8>,
        (put, begun): (&Result<()>, Instant),
    ) {
        match *self {
            // To put it is to note it.
            Uses::Time(most) if most >= SMALL && put.is_ok() => {
                let moment = stripe.clock.now(1).map(|now| now.saturating_sub(begun.elapsed().as_micros() as u64));
                let _ = moment.map(|moment| stripe.noted.holds(&field(), (most, moment)));
            }
            // It was not used yet.
            Uses::Count(_) => stripe.counted.forget(field),
            _ => {}
        }
    }
}

impl Noting {
    /// Whether the server need not be told or asked anything.
    pub(crate) fn is_nothing(&self) -> bool {
        self.notes.is_empty() && self.learns.is_none()
    }

    /// Which of the entries are noted.
    pub(crate) fn noted(&self) -> impl Iterator<Item = usize> {
        self.notes.iter().map(|(at, _)| *at)
    }

    /// The commands that note uses of `fields`.
    pub(crate) fn requests(&self, stripe: &Stripe, fields: &[Vec<u8>]) -> Vec<Request> {
        let request = || Request::new("ZADD", stripe.route).arg(&stripe.scores).arg("XX");
        let notes = self.notes.iter();
        match self.moment {
            _ if self.notes.is_empty() => vec![],
            Some(moment) => {
                let score = moment.to_string();
                vec![notes.fold(request().arg("CH"), |request, (at, _)| request.arg(&score).arg(&fields[*at]))]
            }
            None => notes.map(|(at, uses)| request().arg("INCR").arg(uses.to_string()).arg(&fields[*at])).collect(),
        }
    }

    /// The command that tells since when as many entries were noted as matter, where that is to be learned.
    pub(crate) fn look(&self, stripe: &Stripe) -> Option<Request> {
        let request = |place| {
            let request = Request::new("ZRANGE", stripe.route).arg(&stripe.scores);
            request.int(place).int(place).arg("WITHSCORES")
        };
        self.learns.map(|most| request(Noted::place(most)))
    }

    /// Whether there is such a command.
    pub(crate) fn learns(&self) -> bool {
        self.learns.is_some()
    }

    /// Takes in the reply to it.
    pub(crate) fn learn(&self, stripe: &Stripe, reply: &Reply) {
        if let (Some(moment), Some(score)) = (self.moment, score(reply)) {
            stripe.noted.learn(score, moment);
        }
    }
}

/// How many scores one of the commands that note uses has changed. What a score has become is the score, or nothing if
/// there was none.
pub(crate) fn changed(reply: Reply) -> Result<i64> {
    match reply.checked()? {
        Reply::Int(count) => Ok(count),
        Reply::Nil => Ok(0),
        _ => Ok(1),
    }
}

/// The score in a reply, alone or in a pair, or that there is none.
fn score(reply: &Reply) -> Option<Option<u64>> {
    match reply {
        Reply::Array(items) => items.last().map_or(Some(None), score),
        Reply::Bytes(text) => Some(Some(std::str::from_utf8(text).ok()?.parse::<f64>().ok()? as u64)),
        _ => None,
    }
}
