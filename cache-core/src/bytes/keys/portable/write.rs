//! The parts of the portable form, each appended to what is there.

use super::grammar::{self, head};

/// Nothing: Python's `None`, Rust's `None` and `()`.
#[inline]
pub fn none(out: &mut Vec<u8>) {
    out.push(grammar::NONE);
}

/// A whole number of at most 64 bits.
#[inline]
pub fn int64(out: &mut Vec<u8>, n: i64) {
    // Of a negative number -1 - n, which is its complement.
    let (major, n) = if n < 0 { (grammar::NEGATIVE, !n) } else { (grammar::POSITIVE, n) };
    head(out, major, n as u64);
}

/// A whole number.
#[inline]
pub fn int(out: &mut Vec<u8>, n: i128) {
    match i64::try_from(n) {
        Ok(n) => int64(out, n),
        Err(_) => big(out, n < 0, &n.unsigned_abs().to_le_bytes()),
    }
}

/// A whole number of any size: its sign, and the bytes of its magnitude, the lowest first.
pub fn big(out: &mut Vec<u8>, is_negative: bool, magnitude: &[u8]) {
    let magnitude = without_zeros(magnitude);
    if !is_negative || magnitude.is_empty() {
        return whole(out, (grammar::POSITIVE, grammar::BIG_POSITIVE), magnitude);
    }
    let mut before = magnitude.to_vec();
    for byte in &mut before {
        let (less, borrowed) = byte.overflowing_sub(1);
        *byte = less;
        if !borrowed {
            break;
        }
    }
    whole(out, (grammar::NEGATIVE, grammar::BIG_NEGATIVE), without_zeros(&before));
}

/// A number. An integral one is written as the whole number that it equals; -0.0 is 0, and all NaN are one.
#[inline]
pub fn float(out: &mut Vec<u8>, n: f64) {
    let short = n as i64;
    // Beyond, the conversion gives the nearest of what there is.
    if short as f64 == n && n.abs() < TOO_LONG {
        return int64(out, short);
    }
    if n.is_finite() && n.fract() == 0.0 {
        return long_float(out, n);
    }
    fraction(out, n);
}

/// Text.
#[inline]
pub fn text(out: &mut Vec<u8>, text: &str) {
    head(out, grammar::TEXT, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Text with surrogates that stand alone, each in the three bytes that UTF-8 would have for it. What is plain text is
/// written as such.
pub fn surrogates(out: &mut Vec<u8>, bytes: &[u8]) {
    if let Ok(plain) = std::str::from_utf8(bytes) {
        return text(out, plain);
    }
    head(out, grammar::TAG, grammar::SURROGATES);
    self::bytes(out, bytes);
}

/// Bytes.
#[inline]
pub fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    head(out, grammar::BYTES, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A tuple of so many elements, which follow.
#[inline]
pub fn tuple(out: &mut Vec<u8>, len: usize) {
    head(out, grammar::ARRAY, len as u64);
}

/// A list of so many elements, which follow.
#[inline]
pub fn list(out: &mut Vec<u8>, len: usize) {
    head(out, grammar::TAG, grammar::LIST);
    head(out, grammar::ARRAY, len as u64);
}

/// A set of these elements, each in the portable form.
pub fn set(out: &mut Vec<u8>, mut elements: Vec<Vec<u8>>) {
    elements.sort_unstable();
    head(out, grammar::TAG, grammar::SET);
    head(out, grammar::ARRAY, elements.len() as u64);
    elements.iter().for_each(|element| out.extend_from_slice(element));
}

/// A dictionary of these keys and values, each in the portable form.
pub fn dict(out: &mut Vec<u8>, mut entries: Vec<(Vec<u8>, Vec<u8>)>) {
    entries.sort_unstable();
    head(out, grammar::MAP, entries.len() as u64);
    for (key, value) in &entries {
        out.extend_from_slice(key);
        out.extend_from_slice(value);
    }
}

/// A value of the class called `class`. One value follows: what it is made of.
pub fn extension(out: &mut Vec<u8>, class: &str) {
    head(out, grammar::TAG, grammar::EXTENSION);
    head(out, grammar::ARRAY, 2);
    text(out, class);
}

/// A number in the form of fractions, whether it is one or not.
pub(super) fn fraction(out: &mut Vec<u8>, n: f64) {
    let bits = if n.is_nan() { NAN } else { n.to_bits() };
    out.push(grammar::FLOAT);
    out.extend_from_slice(&bits.to_be_bytes());
}

/// 2^63: not every whole float from here on fits 64 bits.
const TOO_LONG: f64 = 9_223_372_036_854_775_808.0;
/// The one NaN.
const NAN: u64 = 0x7ff8_0000_0000_0000;

/// A whole float of 2^63 or more in magnitude.
#[cold]
fn long_float(out: &mut Vec<u8>, n: f64) {
    const MANTISSA: u32 = f64::MANTISSA_DIGITS - 1;
    let bits = n.to_bits();
    let exponent = (bits >> MANTISSA & 0x7ff) as usize - 1023 - MANTISSA as usize;
    let mantissa = u128::from(bits & ((1 << MANTISSA) - 1) | 1 << MANTISSA);
    let mut magnitude = vec![0; exponent / 8];
    magnitude.extend_from_slice(&(mantissa << (exponent % 8)).to_le_bytes());
    big(out, n < 0.0, &magnitude);
}

/// A number of a sign with these bytes, without zeros at the end: as a head where it fits.
fn whole(out: &mut Vec<u8>, (major, tag): (u8, u64), magnitude: &[u8]) {
    let mut short = [0; 8];
    if let Some(place) = short.get_mut(..magnitude.len()) {
        place.copy_from_slice(magnitude);
        return head(out, major, u64::from_le_bytes(short));
    }
    head(out, grammar::TAG, tag);
    head(out, grammar::BYTES, magnitude.len() as u64);
    out.extend(magnitude.iter().rev());
}

fn without_zeros(magnitude: &[u8]) -> &[u8] {
    let len = magnitude.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &magnitude[..len]
}
