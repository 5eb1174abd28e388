//! What stands between commands and servers.

use super::answer::{Answer, answer};
use super::batch::{Group, Pending, group};
use super::item::{Item, Rest, Verdict};
use super::join;
use super::map::Map;
use super::servers::Servers;
use crate::redis::server::link::Link;
use crate::redis::server::node::Node;
use crate::redis::server::timer::{until, within};
use crate::redis::server::wait::as_task;
use crate::redis::settings::options::Options;
use crate::redis::settings::target::Target;
use crate::redis::wire::fault::again;
use crate::redis::wire::reply::{Reply, unexpected};
use crate::redis::wire::request::{Request, Route};
use memolith_core::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(test)]
mod fake;
#[cfg(test)]
mod reshards;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod views;

/// The servers of a target, connected to when they are needed, by as few connections as can be: one a node, for all
/// threads and tasks. Making one does no I/O.
///
/// What servers answer for a while only (MOVED, ASK, TRYAGAIN, CLUSTERDOWN, READONLY, LOADING, MASTERDOWN) is met here,
/// by asking again or elsewhere, within the time-out. All other errors of a server are replies.
#[derive(Debug)]
pub(crate) struct Client {
    servers: Arc<Servers>,
}

impl Client {
    pub(crate) fn new(target: Target, options: &Options) -> Self {
        Client { servers: Arc::new(Servers::new(target, options)) }
    }

    /// Sends `request` and gives the reply, an error of the server among them.
    ///
    /// A command may be executed twice: it is sent again when a connection breaks before the reply has come, so it must
    /// mean the same the second time. All attempts together take no longer than the time-out.
    ///
    /// # Errors
    /// [`Unavailable`](memolith_core::ErrorKind::Unavailable) when no server could be reached, or none answered in time:
    /// the command may have been executed or not. What a server refuses for a while is an error as well once the time is
    /// over.
    pub(crate) async fn call(&self, request: Request) -> Result<Reply> {
        let begun = Instant::now();
        let map = self.servers.map();
        let Some(node) = map.node(request.route, 0) else {
            return Box::pin(self.call_all(vec![request])).await.pop().unwrap_or_else(|| Err(unexpected()));
        };
        let outcome = node.exchange(std::slice::from_ref(&request)).await;
        let outcome = outcome.and_then(|mut replies| replies.pop().ok_or_else(unexpected));
        match Item::new(0, request.route).judge(&self.servers, node, outcome) {
            Verdict::Done(result) => result,
            Verdict::Again(item) => {
                let (mut results, deadline) = (vec![None], begun + self.servers.timeout());
                // In a box, so that the future of what nearly always happens is small.
                Box::pin(self.settle(vec![(item, request)], deadline, &mut results)).await;
                results.pop().flatten().unwrap_or_else(|| Err(unexpected()))
            }
        }
    }

    /// As [`call`](Self::call) for each: sends all in one go, on a cluster in one go to each node, and gives the replies in
    /// the same order.
    pub(crate) async fn call_all(&self, requests: Vec<Request>) -> Vec<Result<Reply>> {
        let deadline = Instant::now() + self.servers.timeout();
        let mut results: Vec<_> = requests.iter().map(|_| None).collect();
        let map = self.servers.map();
        let again = match together(&map, &requests) {
            Some(node) => {
                let outcome = node.exchange(&requests).await;
                match outcome {
                    Ok(replies) if replies.len() == requests.len() && are_final(&replies, node) => {
                        return replies.into_iter().map(Ok).collect();
                    }
                    outcome => sort(Group::whole(node, requests).judge(&self.servers, outcome), &mut results),
                }
            }
            None => {
                // Whoever has to ask first who has what has less time left for the rest.
                let attempt = if map.is_empty() { Attempt::Further } else { Attempt::First };
                let item = |(index, request): (usize, Request)| (Item::new(index, request.route), request);
                let pending = requests.into_iter().enumerate().map(item).collect();
                self.send(pending, deadline, attempt, &mut results).await
            }
        };
        self.settle(again, deadline, &mut results).await;
        results.into_iter().map(|result| result.unwrap_or_else(|| Err(unexpected()))).collect()
    }

    /// The connection by which commands of `route` go, if it stands.
    pub(crate) fn pinned(&self, route: Route) -> Option<Pinned> {
        let node = Arc::clone(self.servers.map().node(route, 0)?);
        let link = node.link()?;
        Some(Pinned { node, link, timeout: self.servers.timeout() })
    }

    /// The primaries, for what concerns all keys, such as SCAN.
    pub(crate) async fn primaries(&self) -> Result<Vec<Arc<Node>>> {
        let map = self.servers.known(Instant::now() + self.servers.timeout()).await?;
        Ok(map.primaries.clone())
    }

    /// Who has the slot now; elsewhere than on a cluster whoever there is. For subscriptions.
    pub(crate) async fn owner(&self, slot: u16) -> Result<Arc<Node>> {
        let map = self.servers.known(Instant::now() + self.servers.timeout()).await?;
        map.owner(slot).cloned().ok_or_else(|| Error::new(ErrorKind::Unavailable, "no server has the slot"))
    }

    /// Says that `node` did not answer somebody who asked it without this client. Its place is looked for, so that
    /// [`owner`](Self::owner) and [`primaries`](Self::primaries) name who took it.
    pub(crate) fn doubt(&self, node: &Arc<Node>) {
        self.servers.lose(node);
    }

    /// That whoever gets commands of `route` is left alone. As long as that is the same they are not sent.
    pub(crate) fn left_alone(&self, route: Route) -> Option<LeftAlone> {
        let map = self.servers.map();
        let node = map.node(route, 0)?;
        Some(LeftAlone { node: Arc::as_ptr(node).addr(), since: node.left_alone()? })
    }

    /// How often a command was executed elsewhere than where its slot is, because the slot moves.
    pub(crate) fn asks(&self) -> usize {
        self.servers.asks()
    }

    /// Sends each again, elsewhere or later, as often as the time allows.
    async fn settle(&self, mut pending: Vec<Pending>, deadline: Instant, results: &mut [Option<Result<Reply>>]) {
        while !pending.is_empty() {
            self.rest(&pending, deadline).await;
            if Instant::now() >= deadline {
                pending.iter().filter_map(|(item, _)| item.refused_by()).for_each(|of| self.servers.waited_in_vain(of));
                for (item, _) in pending {
                    let index = item.index;
                    results[index] = Some(Err(item.into_error()));
                }
                return;
            }
            pending = self.send(pending, deadline, Attempt::Further, results).await;
        }
    }

    /// Waits for what all wait for, unless one of them can go on.
    async fn rest(&self, pending: &[Pending], deadline: Instant) {
        match pending.iter().map(|(item, _)| item.rest()).min() {
            Some(Rest::Pause(pause)) => until(deadline.min(Instant::now() + pause)).await,
            Some(Rest::Refresh(rounds)) => self.servers.refreshed(rounds, deadline).await,
            Some(Rest::Nothing) | None => {}
        }
    }

    /// Sends all, to all nodes before any reply is waited for, and gives those that have to be sent again.
    async fn send(
        &self,
        pending: Vec<Pending>,
        deadline: Instant,
        attempt: Attempt,
        results: &mut [Option<Result<Reply>>],
    ) -> Vec<Pending> {
        let map = match self.servers.known(deadline).await {
            Ok(map) => map,
            Err(error) => {
                pending.iter().for_each(|(item, _)| results[item.index] = Some(Err(again(&error))));
                return Vec::new();
            }
        };
        let (groups, stranded) = group(pending, &map);
        let outcomes = join::all(groups.iter().map(|group| exchange(group, deadline, attempt))).await;
        let stranded = stranded.into_iter().map(|(item, request)| (item.index, request, item.stranded(&self.servers)));
        let answered =
            groups.into_iter().zip(outcomes).flat_map(|(group, outcome)| group.judge(&self.servers, outcome));
        sort(answered.chain(stranded), results)
    }
}

/// That a server is left alone, since a moment of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeftAlone {
    node: usize,
    since: u64,
}

/// A connection for commands that mean something on no other.
pub(crate) struct Pinned {
    node: Arc<Node>,
    link: Arc<Link>,
    timeout: Duration,
}

impl Pinned {
    /// No other connection of this process has it.
    pub(crate) fn number(&self) -> u64 {
        self.link.number
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends all in one go and once, and gives the replies, whatever they are: what is to be done about refusals that pass
    /// is left to the caller.
    ///
    /// # Errors
    /// When the connection has ended, or was given up because there was no answer until `deadline`.
    pub(crate) async fn once(&self, requests: &[Request], deadline: Instant) -> Result<Vec<Reply>> {
        self.node.exchange_by(&self.link, requests, deadline).await
    }
}

/// Who gets all of them, if they all go to the same node: nearly always they do.
fn together<'a>(map: &'a Map, requests: &[Request]) -> Option<&'a Arc<Node>> {
    let node = |request: &Request| map.node(request.route, 0);
    let first = node(requests.first()?)?;
    requests.iter().all(|request| node(request).is_some_and(|node| Arc::ptr_eq(node, first))).then_some(first)
}

/// Whether there is nothing more to be done for any of them.
fn are_final(replies: &[Reply], node: &Node) -> bool {
    replies.iter().all(|reply| answer(reply, node.address()) == Answer::Final)
}

/// Puts results into their places, and gives what has to be sent again.
fn sort(
    verdicts: impl Iterator<Item = (usize, Request, Verdict)>,
    results: &mut [Option<Result<Reply>>],
) -> Vec<Pending> {
    let mut again = Vec::new();
    for (index, request, verdict) in verdicts {
        match verdict {
            Verdict::Done(result) => results[index] = Some(result),
            Verdict::Again(item) => again.push((item, request)),
        }
    }
    again
}

/// Which attempt it is. The first has the time-out that each exchange has; further ones have what is left of it, and must
/// not end a connection because that was little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    First,
    Further,
}

async fn exchange(group: &Group, deadline: Instant, attempt: Attempt) -> Result<Vec<Reply>> {
    let exchange = group.node.exchange(&group.wire);
    match attempt {
        Attempt::First => exchange.await,
        Attempt::Further => within(deadline, as_task(exchange)).await.unwrap_or_else(|| Err(late())),
    }
}

fn late() -> Error {
    Error::new(ErrorKind::Unavailable, "no server has answered within the time-out")
}
