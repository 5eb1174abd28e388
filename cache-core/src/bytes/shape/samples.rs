//! What leaves are answered with. A type that refuses one is offered the next. The lists are part of the format.

/// Texts that common checked types accept: numbers, dates, times, identifiers, addresses, codes.
pub(super) const TEXTS: [&str; 30] = [
    "a",
    "",
    "0",
    "1",
    "1970-01-01T00:00:00Z",
    "1970-01-01",
    "1970-01-01T00:00:00",
    "00:00:00",
    "00000000-0000-0000-0000-000000000000",
    "127.0.0.1",
    "::1",
    "127.0.0.1:1",
    "[::1]:1",
    "http://a/",
    "1.0.0",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "a@b.cc",
    "UTC",
    "PT1S",
    "1s",
    "#000000",
    "en",
    "/",
    "USD",
    "Mon",
    "Jan",
    "00000000000000000000000000",
    "00:00:00:00:00:00",
    "127.0.0.0/8",
    "1970-01-01T00:00:00+00:00[UTC]",
];

/// Byte strings of the lengths of common keys, hashes and addresses.
pub(super) const BYTES: [&[u8]; 9] = [&[], &[0], &[0; 4], &[0; 8], &[0; 12], &[0; 16], &[0; 20], &[0; 32], &[0; 64]];

/// One before zero, for what must not be zero.
pub(super) const INTEGERS: [u8; 5] = [1, 0, 2, 10, 100];

pub(super) const BOOLS: [bool; 2] = [true, false];

pub(super) const CHARS: [char; 2] = ['a', '0'];

/// Answers to "anything": a unit, a text, a number, a bool, a float, a signed number.
pub(super) const ANYTHING: usize = 6;
