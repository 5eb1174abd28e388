//! The tags; see the table of the module.

pub(super) const NONE: u8 = 0x00;
pub(super) const FALSE: u8 = 0x01;
pub(super) const TRUE: u8 = 0x02;
pub(super) const FLOAT: u8 = 0x08;
pub(super) const COMPLEX: u8 = 0x09;
pub(super) const TEXT: u8 = 0x0A;
pub(super) const SURROGATES: u8 = 0x0B;
pub(super) const BYTES: u8 = 0x0C;
pub(super) const BYTEARRAY: u8 = 0x0D;
/// Of one byte; the next tags are of two to eight.
pub(super) const INT: u8 = 0x10;
pub(super) const LAST_INT: u8 = 0x17;
pub(super) const BIG_INT: u8 = 0x18;
pub(super) const TUPLE: u8 = 0x20;
pub(super) const LIST: u8 = 0x21;
pub(super) const DICT: u8 = 0x22;
pub(super) const SET: u8 = 0x23;
pub(super) const FROZENSET: u8 = 0x24;
pub(super) const HANDLED: u8 = 0x30;
pub(super) const PICKLED: u8 = 0x31;
pub(super) const COMPRESSED: u8 = 0x32;
/// And the length, which is less than 64.
pub(super) const SHORT_TEXT: u8 = 0x40;
pub(super) const LAST_SHORT_TEXT: u8 = 0x7F;
/// And the number, which is less than 128.
pub(super) const SMALL_INT: u8 = 0x80;

/// Appends a length or a count.
pub(crate) fn length(out: &mut Vec<u8>, length: usize) {
    let mut rest = length;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
