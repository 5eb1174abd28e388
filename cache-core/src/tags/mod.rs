//! Invalidation by tag: one call for all values, of all caches, that were made from the same thing.
//!
//! A value that carries tags is kept with what was known of its backend when its computation began: an epoch and a clock
//! ([`Carried`]). It is good if the epoch is still the same and none of its tags was invalidated after that clock. To
//! have known an older clock than the true one costs a computation at worst, so nobody is asked when one begins.
//!
//! [`Ledger`] is what a process knows of one backend, and asks and invalidates there; [`Tagging`] is what a cache keeps
//! of the tags of its entries in memory ([`index`]); [`recent`] is what was invalidated in this process while something
//! was being computed, and [`reached`] where that has come to; [`registry`] finds all caches and ledgers; [`record`](mod@record) keeps tags in a backend that has
//! no way of its own.

mod carried;
mod index;
mod ledger;
mod reached;
mod recent;
pub(crate) mod record;
mod registry;
mod table;
mod tagging;

pub(crate) use carried::{Carried, Tag};
pub(crate) use index::Placed;
pub(crate) use ledger::{Hears, Ledger, Verdict};
pub(crate) use recent::{Moment, now};
pub use registry::{invalidate_tag, invalidate_tag_async, invalidate_tags, invalidate_tags_async};
pub(crate) use tagging::{Tagging, TagsOf};
