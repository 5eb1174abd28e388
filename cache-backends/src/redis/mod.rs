//! Servers of Redis and Valkey: one, a cluster, or one behind sentinels.

mod backend;
mod client;
mod clock;
mod layout;
mod node;
mod options;
mod pages;
mod plain;
mod random;
mod record;
mod removal;
mod reply;
mod request;
mod rule;
mod scan;
mod script;
mod sha1;
mod slots;
mod tags;
mod target;
mod tracked;

pub use backend::Redis;
