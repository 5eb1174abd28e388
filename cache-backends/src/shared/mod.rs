//! A memory-mapped file for all processes of a machine.

mod layout;
