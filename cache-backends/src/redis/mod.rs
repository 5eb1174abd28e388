//! Servers of Redis and Valkey: one, a cluster, or one behind sentinels.

mod attempt;
mod backend;
mod breaker;
mod call;
mod client;
mod dial;
mod fault;
mod hand;
mod layout;
mod link;
mod login;
mod node;
mod options;
mod parse;
mod reply;
mod request;
mod slots;
mod stream;
mod target;
mod wait;

pub use backend::Redis;
