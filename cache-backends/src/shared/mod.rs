//! A memory-mapped file for all processes of a machine.

#[cfg(not(loom))]
mod bus;
#[cfg(not(loom))]
mod byte;
#[cfg(not(loom))]
mod cells;
mod claims;
#[cfg(not(loom))]
mod file;
#[cfg(not(loom))]
mod fork;
mod futex;
mod layout;
mod lock;
#[cfg(not(loom))]
mod map;
#[cfg(loom)]
mod model;
#[cfg(not(loom))]
mod place;
mod session;
mod stores;
#[cfg(not(loom))]
mod sys;
#[cfg(all(test, not(loom)))]
mod trial;
mod vain;

#[cfg(loom)]
use model::{byte, map};
