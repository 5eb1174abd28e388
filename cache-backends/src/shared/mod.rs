//! A memory-mapped file for all processes of a machine.
//!
//! From the outside in: [`Shared`](backend) is the backend, [`Handle`](handle) is a [`place`] and opens its
//! [`file`](mod@file) again when it is replaced, [`Region`](region) does what a backend does, [`spaces`] is the table of
//! functions. [`read`] follows the [`index`] to an [`entry`] without a lock. [`write`](mod@write) does its work under the
//! [`lock`] of a [`stripe`]: [`order`] and [`score`] say who [`evict`] picks, [`segments`] is the log, [`repair`] what
//! happens when an owner of the lock has died. [`large`] cuts what is too large. [`session`] says who is alive, [`claims`]
//! who computes, [`info`] what was counted. Below them [`map`] is the memory, [`layout`] where everything lies in it.

#[cfg(not(loom))]
mod backend;
#[cfg(not(loom))]
mod bus;
#[cfg(not(loom))]
mod byte;
#[cfg(not(loom))]
mod cells;
mod claims;
mod counters;
mod entry;
mod evict;
#[cfg(not(loom))]
mod file;
#[cfg(not(loom))]
mod fork;
mod futex;
#[cfg(not(loom))]
mod handle;
mod index;
#[cfg(not(loom))]
mod info;
mod large;
mod layout;
mod lock;
#[cfg(not(loom))]
mod map;
#[cfg(loom)]
mod model;
mod name;
mod order;
#[cfg(not(loom))]
mod place;
mod read;
#[cfg(not(loom))]
mod region;
mod repair;
#[cfg(not(loom))]
mod scan;
mod score;
mod segments;
mod session;
mod spaces;
mod stores;
mod stripe;
#[cfg(not(loom))]
mod sys;
#[cfg(not(loom))]
mod tags;
#[cfg(all(test, not(loom)))]
mod trial;
mod vain;
mod write;

#[cfg(not(loom))]
pub use backend::Shared;
#[cfg(not(loom))]
pub use info::{SharedInfo, SharedSpaceInfo};
#[cfg(loom)]
use model::{byte, map};
