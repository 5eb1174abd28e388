//! Servers of Redis and Valkey: one, a cluster, or one behind sentinels.

mod answer;
mod backend;
mod batch;
mod bell;
mod beside;
mod claims;
mod client;
mod cluster;
mod dial;
mod fault;
mod holds;
mod id;
mod item;
mod join;
mod keeper;
mod layout;
mod line;
mod login;
mod map;
mod news;
mod node;
mod options;
mod parse;
mod refresh;
mod reply;
mod request;
mod secret;
mod sentinel;
mod servers;
mod slots;
mod stream;
mod subscription;
mod target;
mod timer;

pub use backend::Redis;
