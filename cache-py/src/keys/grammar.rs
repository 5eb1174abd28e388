//! The grammar of canonical bytes: a tag, and what it announces.

pub(super) fn none(out: &mut Vec<u8>) {
    out.push(0);
}

#[inline]
pub(super) fn int(out: &mut Vec<u8>, value: i128) {
    let negative = value < 0;
    let magnitude = value.unsigned_abs().to_le_bytes();
    big(out, negative, &magnitude);
}

pub(super) fn big(out: &mut Vec<u8>, negative: bool, magnitude: &[u8]) {
    let len = magnitude.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    out.push(1 + u8::from(negative));
    length(out, len);
    out.extend_from_slice(&magnitude[..len]);
}

pub(super) fn float(out: &mut Vec<u8>, value: f64) {
    out.push(3);
    let value = if value.is_nan() { f64::NAN } else { value };
    out.extend_from_slice(&value.to_bits().to_be_bytes());
}

#[inline]
pub(super) fn text(out: &mut Vec<u8>, value: &str) {
    out.push(4);
    length(out, value.len());
    out.extend_from_slice(value.as_bytes());
}

pub(super) fn surrogates(out: &mut Vec<u8>, value: &[u8]) {
    out.push(5);
    length(out, value.len());
    out.extend_from_slice(value);
}

pub(super) fn bytes(out: &mut Vec<u8>, value: &[u8]) {
    out.push(6);
    length(out, value.len());
    out.extend_from_slice(value);
}

#[inline]
pub(super) fn tuple(out: &mut Vec<u8>, len: usize) {
    out.push(7);
    length(out, len);
}

pub(super) fn list(out: &mut Vec<u8>, len: usize) {
    out.push(8);
    length(out, len);
}

pub(super) fn set(out: &mut Vec<u8>, mut elements: Vec<Vec<u8>>) {
    elements.sort();
    elements.dedup();
    out.push(9);
    length(out, elements.len());
    out.extend(elements.into_iter().flatten());
}

pub(super) fn dict(out: &mut Vec<u8>, mut entries: Vec<(Vec<u8>, Vec<u8>)>) {
    entries.sort();
    out.push(10);
    length(out, entries.len());
    for (key, value) in entries {
        out.extend(key);
        out.extend(value);
    }
}

pub(super) fn extension(out: &mut Vec<u8>, class: &str) {
    out.push(11);
    length(out, class.len());
    out.extend_from_slice(class.as_bytes());
}

#[inline]
fn length(out: &mut Vec<u8>, len: usize) {
    match u8::try_from(len) {
        Ok(small) if small < 255 => out.push(small),
        _ => {
            out.push(255);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}
