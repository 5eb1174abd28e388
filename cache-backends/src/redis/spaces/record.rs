//! How a record lies on the server: eight bytes of when it expires, then the value.

use memolith_core::{Error, ErrorKind, Record, Result, Timestamp};

/// How many bytes stand before a value.
pub(crate) const HEAD: usize = 8;

/// The bytes of `record`.
pub(crate) fn packed(record: &Record) -> Vec<u8> {
    [&record.expires.as_micros().to_le_bytes(), &record.value[..]].concat()
}

/// The record in `bytes`, expired or not.
///
/// # Errors
/// [`Damaged`](ErrorKind::Damaged) when it is none.
pub(crate) fn unpacked(mut bytes: Vec<u8>) -> Result<Record> {
    let damaged = || Error::new(ErrorKind::Damaged, "a value on the server is too short to be one of a cache");
    let head = *bytes.first_chunk::<HEAD>().ok_or_else(damaged)?;
    bytes.drain(..HEAD);
    Ok(Record { value: bytes, expires: Timestamp::from_micros(u64::from_le_bytes(head)) })
}

/// How long `record` is to live, in milliseconds, so that the server forgets it no sooner than that; none for ever.
pub(crate) fn life(record: &Record, now: Timestamp) -> Option<u64> {
    let micros = now.until(record.expires).as_micros() as u64;
    (record.expires != Timestamp::NEVER).then(|| micros.div_ceil(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back() {
        for expires in [Timestamp::NEVER, Timestamp::from_micros(0), Timestamp::from_micros(1_700_000_000_000_001)] {
            for value in [&b""[..], b"value"] {
                let record = Record { value: value.to_vec(), expires };
                assert_eq!(unpacked(packed(&record)).ok(), Some(record));
            }
        }
        for length in 0..HEAD {
            assert_eq!(unpacked(vec![0; length]).map_err(|error| error.kind()), Err(ErrorKind::Damaged));
        }
    }

    #[test]
    fn a_server_forgets_no_sooner_than_at_the_end() {
        let now = Timestamp::from_micros(5_000);
        let life = |expires| life(&Record { value: vec![], expires }, now);
        assert_eq!(life(Timestamp::NEVER), None);
        assert_eq!(life(Timestamp::from_micros(5_000)), Some(0));
        assert_eq!(life(Timestamp::from_micros(5_001)), Some(1));
        assert_eq!(life(Timestamp::from_micros(7_000)), Some(2));
        assert_eq!(life(Timestamp::from_micros(u64::MAX - 1)), Some((u64::MAX - 5_001).div_ceil(1_000)));
    }
}
