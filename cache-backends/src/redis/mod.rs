//! Servers of Redis and Valkey: one, a cluster, or one behind sentinels.

mod backend;
mod bell;
mod beside;
mod claims;
mod client;
mod dial;
mod fault;
mod holds;
mod keeper;
mod layout;
mod line;
mod login;
mod news;
mod node;
mod options;
mod parse;
mod random;
mod reply;
mod request;
mod slots;
mod stream;
mod subscription;
mod target;

pub use backend::Redis;
