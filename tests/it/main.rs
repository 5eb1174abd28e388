//! Behaviour, seen from outside: a module for each subject.

#[cfg(feature = "postcard")]
mod aging;
mod async_;
#[cfg(feature = "postcard")]
mod behind;
mod cache;
#[cfg(feature = "postcard")]
mod cancelled;
#[cfg(feature = "postcard")]
mod claims;
#[cfg(feature = "postcard")]
mod contains;
#[cfg(all(feature = "sqlite", feature = "postcard"))]
mod damage;
mod departures;
#[cfg(feature = "postcard")]
mod dooms;
mod expiry;
#[cfg(feature = "postcard")]
mod fake;
mod flight;
mod graphs;
#[cfg(feature = "postcard")]
mod invalidation;
#[cfg(feature = "postcard")]
mod lives;
mod macros;
#[cfg(feature = "postcard")]
mod many;
#[cfg(all(feature = "messagepack", feature = "json", feature = "cbor"))]
mod portable;
mod readme;
#[cfg(feature = "postcard")]
mod remote;
mod scopes;
mod study;
mod tags;
#[cfg(all(feature = "postcard", feature = "sqlite", feature = "json"))]
mod tasks;
mod turns;
mod watchdog;
mod weights;
