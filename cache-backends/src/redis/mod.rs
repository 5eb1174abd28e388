//! Servers of Redis and Valkey: one, a cluster, or one behind sentinels.

mod answer;
mod attempt;
mod backend;
mod batch;
mod breaker;
mod call;
mod client;
mod cluster;
mod dial;
mod fault;
mod hand;
mod item;
mod join;
mod layout;
mod link;
mod login;
mod map;
mod node;
mod options;
mod parse;
mod refresh;
mod reply;
mod request;
mod sentinel;
mod servers;
mod slots;
mod stream;
mod target;
mod timer;
mod wait;

pub use backend::Redis;
