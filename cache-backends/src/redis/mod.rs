//! Servers of Redis and Valkey: one, a cluster, or one behind sentinels; and small tools over the same connections.
//!
//! # What others remove
//!
//! What a cache has in memory is dropped when anybody removes from its space or clears it. Caches of one process on the
//! same [`Redis`] know before the removal returns. All others are told by the server, in the script that removes:
//!
//! | when | how late |
//! |---|---|
//! | always but for what follows | as long as a message takes: 0.2 ms on one machine |
//! | a server stops, or the network swallows everything | 200 ms and the time-out (250 ms), then memory is dropped |
//! | the connection was lost | memory is dropped at once, and again when there is a new one, within a second after a server can be reached |
//! | the server does not let the user listen | memory is dropped every 5 s |
//! | a replica or another node takes over | the same; its first message is not missed |
//!
//! So while there is no connection for news, what is read from a server that does answer may be stale until there is one
//! again, and so may what is in memory: both are served, and memory is dropped when there is one.
//! A replica that takes over may not have heard of the last removals: what it still has is served until it expires.
//! A cache that is made waits until it is told of news, which takes two or three round trips, so that its first value is
//! kept; it does not wait while nobody is told. What is just being computed or put when a connection is lost, or is there
//! again, is returned and not kept: others may have removed it unheard.
//! Users need the channels of the prefix for that, which servers since version 7 give to none unless told:
//! `ACL SETUSER name .. &memolith:*`; a removal by one who may not tell of it is done, and is an error of kind
//! [`Config`](memolith_core::ErrorKind::Config).
//! A value that was computed before a removal and is put after it, before its process has heard, is taken back when it
//! hears: until then, as above, others may be served it. What cannot be taken back, because no server is there, is taken
//! back within 250 ms after one was found again, which is looked for once a second at least; of more than 65,536 values of a
//! space, or 8 MiB, the space is cleared. A process that ends before that leaves them to expire. On a cluster of servers
//! before version 7, which pass messages on from node to node, and while a slot moves, one may stay until it expires or is
//! removed again.
//! Replacing a value is no removal: others see it when theirs expires.
//!
//! # Forks
//!
//! A forked child uses connections and threads of its own, and waits for no lock of a server's backend that a thread of its
//! parent held. It hears nothing before it asks a server for the first time: then memory is dropped, and what it puts until
//! it hears of others is not kept. Claims and locks that its parent holds stay with the parent: a copy of a
//! [`LockGuard`] in the child can neither be renewed nor released there.
//!
//! # What arrives late
//!
//! A command that was not answered in time may still be on its way. Before a process uses a new connection to a server it has
//! the server end those that it gave up (`CLIENT KILL ID`), so that nothing of them follows what it sends from then on: a
//! value that it removes does not come back by a put of its own. The user needs `+client|id +client|kill +info`; without
//! them, or behind a proxy that knows no such commands, all works but for this. Where a replica or another node has taken
//! over, the old server refuses what comes late, or loses it when it follows the new one.
//!
//! What is left: between a put that was given up and the next connection of its process, or after that process has died,
//! its bytes may arrive after a removal by another process; and so may those for a server that lost its place and has it
//! again before it is next connected to. Such a value stays until it expires or is removed again.
//!
//! # Who computes
//!
//! A cache that was told to `wait` claims what it computes, for `claim_ttl` (2 s), renewed while it computes, however long
//! that takes. All others wait, and are told when it is done: meanwhile they ask the server again when `claim_ttl` is over,
//! in case the claimant has died, and every 250 ms where they cannot be told, as while the connection for news is lost.
//! Every 5 s they look whether somebody has put the value without a claim. When a claimant dies, another computes after
//! `claim_ttl` at most. A claimant that is stopped or cut off for longer computes beside another, and both values are right.
//!
//! # Tools
//!
//! [`Lock`], [`RateLimiter`] and [`Sessions`] are for what is not a cache and is needed beside one. They fail where a cache
//! would compute: what an error means is for the caller to say. On a server that evicts when memory is short
//! (`maxmemory-policy allkeys-..` or `volatile-..`) what they keep may leave as well.

mod backend;
mod beside;
mod claims;
mod fleet;
mod here;
mod keys;
mod lock;
mod news;
mod owed;
mod process;
mod server;
mod settings;
mod spaces;
mod tools;
mod wire;

pub use backend::Redis;
pub use tools::lock::{Lock, LockGuard};
pub use tools::rate::{Decision, RateLimiter};
pub use tools::session::{SessionId, Sessions};
