//! Many commands, and those of them that go to the same server.

use super::answer::is_split;
use super::item::{Item, Verdict};
use super::map::Map;
use super::servers::Servers;
use crate::redis::server::node::Node;
use crate::redis::wire::fault::again;
use crate::redis::wire::reply::{Reply, unexpected};
use crate::redis::wire::request::{Keys, Request, Route};
use memolith_core::Result;
use std::collections::HashMap;
use std::sync::Arc;

/// A command and how it fared.
pub(crate) type Pending = (Item, Request);

/// What goes to one server in one go.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) node: Arc<Node>,
    pub(crate) wire: Vec<Request>,
    /// One for each of `wire`, none for what is sent in preparation of others.
    items: Vec<Option<Item>>,
}

/// The commands by the server each goes to, in their order, and those nobody takes.
pub(crate) fn group(pending: Vec<Pending>, map: &Map) -> (Vec<Group>, Vec<Pending>) {
    let (mut groups, mut stranded) = (Vec::<Group>::new(), Vec::new());
    let (mut places, mut place) = (HashMap::<*const Node, usize>::new(), 0);
    for (mut item, request) in pending {
        let Some(way) = item.way(map) else {
            stranded.push((item, request));
            continue;
        };
        if !groups.get(place).is_some_and(|group| Arc::ptr_eq(&group.node, &way.node)) {
            place = *places.entry(Arc::as_ptr(&way.node)).or_insert_with(|| {
                groups.push(Group { node: way.node, wire: Vec::new(), items: Vec::new() });
                groups.len() - 1
            });
        }
        let group = &mut groups[place];
        if way.asking {
            group.wire.push(Request::new("ASKING", Route::Any));
            group.items.push(None);
        }
        group.wire.push(request);
        group.items.push(Some(item));
    }
    (groups, stranded)
}

impl Group {
    /// All that there is, none of it sent before.
    pub(crate) fn whole(node: &Arc<Node>, wire: Vec<Request>) -> Self {
        let items = wire.iter().enumerate().map(|(index, request)| Some(Item::new(index, request.route))).collect();
        Group { node: Arc::clone(node), wire, items }
    }

    /// What follows for each from what the server made of them.
    pub(crate) fn judge(
        self,
        servers: &Arc<Servers>,
        outcome: Result<Vec<Reply>>,
    ) -> impl Iterator<Item = (usize, Request, Verdict)> {
        let mut replies = outcome.and_then(|replies| match replies.len() == self.wire.len() {
            true => Ok(replies.into_iter()),
            false => Err(unexpected()),
        });
        let node = self.node;
        self.items.into_iter().zip(self.wire).filter_map(move |(item, request)| {
            let outcome = match &mut replies {
                Ok(replies) => replies.next().ok_or_else(unexpected),
                Err(error) => Err(again(error)),
            };
            let item = item?;
            let index = item.index;
            let verdict = match outcome {
                Ok(reply) if request.keys == Keys::Apart && is_split(&reply) => Verdict::Done(Ok(reply)),
                outcome => item.judge(servers, &node, outcome),
            };
            Some((index, request, verdict))
        })
    }
}
