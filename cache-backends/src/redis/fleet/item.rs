//! What becomes of one command on its way to the server that executes it.

use super::answer::{Answer, answer};
use super::map::Map;
use super::servers::Servers;
use crate::redis::server::node::Node;
use crate::redis::wire::reply::{Reply, unexpected};
use crate::redis::wire::request::Route;
use memolith_core::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::time::Duration;

/// One command of a batch, and how it fared so far.
#[derive(Debug)]
pub(crate) struct Item {
    /// Its place in the batch.
    pub(crate) index: usize,
    route: Route,
    place: Place,
    /// How often it was answered with what is no reply.
    refusals: u32,
    /// How often in a row it was sent elsewhere.
    hops: u32,
    /// How often it was not answered.
    faults: usize,
    /// Who did not answer it, and would not the next time.
    silent: Option<Arc<Node>>,
    rest: Rest,
    /// Whose fault it was that it was not taken: that of its slot, or of the servers.
    fault_of: Route,
    error: Option<Error>,
}

/// Where a command goes.
#[derive(Debug)]
enum Place {
    /// Whom the map names.
    Map,
    /// Where another server sent it.
    At(Arc<Node>),
    /// Where another server sent it, for this one time.
    Asking(Arc<Node>),
}

/// What comes before the next attempt. The least is the first to be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rest {
    Nothing,
    Pause(Duration),
    /// Until more rounds of asking than this have ended.
    Refresh(usize),
}

/// Whether a command is done with.
#[derive(Debug)]
pub(crate) enum Verdict {
    Done(Result<Reply>),
    Again(Item),
}

/// Where a command is sent.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) node: Arc<Node>,
    pub(crate) asking: bool,
}

/// How many redirections in a row are followed at once.
const HOPS: u32 = 3;

const ON_THE_MOVE: &str = "the key moves between servers, and none of them took the command within the time-out";

impl Item {
    pub(crate) fn new(index: usize, route: Route) -> Self {
        Item {
            index,
            route,
            place: Place::Map,
            refusals: 0,
            hops: 0,
            faults: 0,
            silent: None,
            rest: Rest::Nothing,
            fault_of: Route::Any,
            error: None,
        }
    }

    pub(crate) fn rest(&self) -> Rest {
        self.rest
    }

    /// What does not pass, if it was answered though not with a reply.
    pub(crate) fn refused_by(&self) -> Option<Route> {
        (self.refusals > 0).then_some(self.fault_of)
    }

    /// Why it has no reply.
    pub(crate) fn into_error(self) -> Error {
        self.error.unwrap_or_else(unexpected)
    }

    /// Where it goes next; nowhere when only a server is left that did not answer.
    pub(crate) fn way(&mut self, map: &Map) -> Option<Way> {
        match std::mem::replace(&mut self.place, Place::Map) {
            Place::At(node) => Some(Way { node, asking: false }),
            Place::Asking(node) => Some(Way { node, asking: true }),
            Place::Map => {
                let node = map.node(self.route, self.faults)?;
                if self.silent.as_ref().is_some_and(|silent| Arc::ptr_eq(silent, node)) {
                    return None;
                }
                self.silent = None;
                Some(Way { node: Arc::clone(node), asking: false })
            }
        }
    }

    /// What follows from what `node` made of it.
    pub(crate) fn judge(self, servers: &Arc<Servers>, node: &Arc<Node>, outcome: Result<Reply>) -> Verdict {
        let reply = match outcome {
            Ok(reply) => reply,
            Err(error) => return self.unanswered(servers, node, error),
        };
        let answer = answer(&reply, node.address());
        if answer == Answer::Final { Verdict::Done(Ok(reply)) } else { self.refused(servers, answer, reply) }
    }

    /// There is nobody to send it to: the map names none.
    pub(crate) fn stranded(self, servers: &Arc<Servers>) -> Verdict {
        if self.silent.is_some() {
            return Verdict::Done(Err(self.into_error()));
        }
        servers.want();
        let error = Error::new(ErrorKind::Unavailable, "no server of the cluster has the slot of the key");
        self.later(servers, Place::Map, error)
    }

    fn refused(mut self, servers: &Arc<Servers>, answer: Answer, reply: Reply) -> Verdict {
        let redirected = matches!(answer, Answer::Moved(..) | Answer::Ask(_));
        if redirected && !servers.map().has_slots() {
            let message = "the server is one of a cluster, write `redis+cluster://` instead of `redis://`";
            return Verdict::Done(Err(Error::new(ErrorKind::Config, message)));
        }
        let error = match reply {
            Reply::Error(_) if matches!(answer, Answer::Ask(_)) => Error::new(ErrorKind::Busy, ON_THE_MOVE),
            Reply::Error(_) if redirected => Error::new(ErrorKind::Unavailable, ON_THE_MOVE),
            Reply::Error(error) => error.into_error(),
            _ => unexpected(),
        };
        if !matches!(answer, Answer::Later | Answer::Ask(_)) {
            servers.want();
        }
        self.fault_of = if matches!(answer, Answer::Later | Answer::Ask(_)) { self.route } else { Route::Any };
        let place = match answer {
            Answer::Moved(slot, Some(address)) => Place::At(servers.moved(slot, address)),
            Answer::Ask(address) => Place::Asking(servers.meet(address)),
            _ => Place::Map,
        };
        self.hops = if redirected { self.hops + 1 } else { 0 };
        if self.hops <= HOPS && !matches!(place, Place::Map) {
            self.refusals += 1;
            (self.place, self.rest, self.error) = (place, Rest::Nothing, Some(error));
            return Verdict::Again(self);
        }
        self.later(servers, place, error)
    }

    /// After a pause that grows, unless others have waited in vain.
    fn later(mut self, servers: &Arc<Servers>, place: Place, error: Error) -> Verdict {
        if servers.is_vain(self.fault_of) {
            return Verdict::Done(Err(error));
        }
        let pause = Duration::from_millis(2 << self.refusals.min(4));
        self.refusals += 1;
        (self.place, self.rest, self.error) = (place, Rest::Pause(pause), Some(error));
        Verdict::Again(self)
    }

    /// Once more where the map sends it now, which may be the same server: most often only the connection was cut. Then
    /// once more where it sends it after a refresh, which must not be the same.
    fn unanswered(mut self, servers: &Arc<Servers>, node: &Arc<Node>, error: Error) -> Verdict {
        if error.kind() == ErrorKind::Config {
            return Verdict::Done(Err(error));
        }
        let rounds = servers.lose(node);
        self.faults += 1;
        let map = servers.map();
        let next = map.node(self.route, self.faults);
        let elsewhere = next.is_some_and(|next| !Arc::ptr_eq(next, node));
        let others = match self.route {
            Route::Any => map.nodes().count(),
            Route::Slot(_) => 2,
        };
        self.rest = match self.faults {
            1 => Rest::Nothing,
            faults if elsewhere && faults <= others + 1 => Rest::Nothing,
            2 if servers.change() => Rest::Refresh(rounds),
            _ => return Verdict::Done(Err(error)),
        };
        self.silent = (self.faults > 1).then(|| Arc::clone(node));
        // Who was refused for as long as there was time is told that, and not that the last moment was too short.
        let refusal = self.error.take().filter(|before| before.kind() == ErrorKind::Busy);
        (self.place, self.error) = (Place::Map, Some(refusal.unwrap_or(error)));
        Verdict::Again(self)
    }
}
