//! Servers of Redis and Valkey: one, a cluster, or one behind sentinels.

mod backend;
mod client;
mod layout;
mod node;
mod options;
mod reply;
mod request;
mod slots;
mod target;

pub use backend::Redis;
