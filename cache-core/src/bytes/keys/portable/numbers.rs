//! Long whole numbers, the highest byte first, as numbers of Rust.

use super::super::Fault;

/// The number, if it has 128 bits at most.
pub(super) fn magnitude(bytes: &[u8]) -> Result<u128, Fault> {
    let mut all = [0; 16];
    let place = all.len().checked_sub(bytes.len()).and_then(|from| all.get_mut(from..));
    place.ok_or_else(|| Fault::new("a number is too large for its type"))?.copy_from_slice(bytes);
    Ok(u128::from_be_bytes(all))
}

/// -1 - the number.
pub(super) fn negative(bytes: &[u8]) -> Result<i128, Fault> {
    let n = i128::try_from(magnitude(bytes)?).map_err(|_| Fault::new("a number is too large for its type"))?;
    Ok(!n)
}

/// The float that is nearest or next to it, and itself if it is one.
pub(super) fn float(is_negative: bool, bytes: &[u8]) -> f64 {
    let mut magnitude = bytes.to_vec();
    if is_negative {
        // Of a negative number that is less by one; with all bits set nothing of it would be a float.
        for byte in magnitude.iter_mut().rev() {
            let (more, carried) = byte.overflowing_add(1);
            *byte = more;
            if !carried {
                break;
            }
        }
    }
    let carried = is_negative && magnitude.iter().all(|byte| *byte == 0);
    let start = if carried { 1.0 } else { 0.0 };
    // Exact as long as 53 bits in a row hold all that are set.
    let n = magnitude.iter().fold(start, |n, byte| n * 256.0 + f64::from(*byte));
    if is_negative { -n } else { n }
}
