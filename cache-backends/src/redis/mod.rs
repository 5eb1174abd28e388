//! Servers of Redis and Valkey: one, a cluster, or one behind sentinels.

mod backend;
mod client;
mod dial;
mod fault;
mod login;
mod node;
mod options;
mod parse;
mod reply;
mod request;
mod stream;
mod target;

pub use backend::Redis;
