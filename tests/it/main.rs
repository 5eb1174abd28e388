//! Behaviour, seen from outside: a module for each subject.

mod cache;
mod expiry;
mod flight;
mod graphs;
mod macros;
mod readme;
mod watchdog;
mod weights;
