//! The native form: Python's own types, exactly, and what handlers make of others.
//!
//! A value is a tag and what the tag says; lengths and counts are base-128 numbers, least part first.
//!
//! | tag | value |
//! |---|---|
//! | `00` `01` `02` | `None`, `False`, `True` |
//! | `08` `09` | `float`, `complex`: 8 and 16 bytes |
//! | `0A` `0B` | `str`: length, UTF-8; with lone surrogates |
//! | `0C` `0D` | `bytes`, `bytearray`: length, bytes |
//! | `10` to `17` | `int` in 1 to 8 bytes, two's complement, least byte first |
//! | `18` | `int`: length, as many bytes |
//! | `20` to `24` | `tuple`, `list`, `dict`, `set`, `frozenset`: count, as many values or pairs |
//! | `30` | handled: length and name of the handler, length and its bytes |
//! | `31` | pickled, up to the end; at the top alone |
//! | `32` | compressed: number of the method, length of what was compressed, the rest; at the top alone |
//! | `40` to `7F` | `str` of 0 to 63 bytes |
//! | `80` to `FF` | `int` 0 to 127 |
//!
//! What is shared or nested in itself is not seen: a value that is there twice comes back as two, and a cycle is too
//! deep.

mod decode;
mod encode;
mod handlers;
mod level;
mod settings;
mod tag;

pub(crate) use decode::length as read_length;
pub(super) use settings::Native;
pub(crate) use tag::length as write_length;

/// Levels of containers and handlers. Each takes a part of the thread's stack.
const MAX_DEPTH: usize = 200;
