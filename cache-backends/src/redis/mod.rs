//! Servers of Redis and Valkey: one, a cluster, or one behind sentinels.

mod answer;
mod backend;
mod batch;
mod client;
mod cluster;
mod item;
mod join;
mod map;
mod node;
mod options;
mod refresh;
mod reply;
mod request;
mod sentinel;
mod servers;
mod slots;
mod target;
mod timer;

pub use backend::Redis;
