//! Which of the 16,384 slots of a cluster a key is in.
//!
//! <https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model>

/// How many slots a cluster has.
pub(crate) const SLOTS: u16 = 16_384;

/// The slot of `key`: of what its first braces hold if they hold anything, else of the whole.
pub(crate) fn slot_of(key: &[u8]) -> u16 {
    crc16(hash_tag(key).unwrap_or(key)) % SLOTS
}

fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let after = &key[key.iter().position(|&byte| byte == b'{')? + 1..];
    let tag = &after[..after.iter().position(|&byte| byte == b'}')?];
    (!tag.is_empty()).then_some(tag)
}

/// CRC-16/XMODEM: polynomial 0x1021, begun with zero, nothing reflected.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| (crc << 8) ^ REMAINDERS[usize::from((crc >> 8) as u8 ^ byte)])
}

const REMAINDERS: [u16; 256] = {
    let mut remainders = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let (mut crc, mut bit) = ((byte as u16) << 8, 0);
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        remainders[byte] = crc;
        byte += 1;
    }
    remainders
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_the_published_one() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(crc16(b""), 0);
    }

    /// The numbers are those of `redis-cli cluster keyslot`.
    #[test]
    fn slots_are_those_of_a_server() {
        let slots = [
            ("", 0),
            ("foo", 12182),
            ("123456789", 12739),
            ("{user1000}.following", 3443),
            ("{user1000}.followers", 3443),
            ("foo{}{bar}", 8363),
            ("foo{{bar}}zap", 4015),
            ("foo{bar}{zap}", 5061),
            ("memolith:{f:0}:v", 13766),
            ("}a{", 11710),
        ];
        for (key, slot) in slots {
            assert_eq!(slot_of(key.as_bytes()), slot, "{key}");
        }
    }

    #[test]
    fn only_the_first_braces_count_and_only_with_something_in_them() {
        assert_eq!(hash_tag(b"a{b}c{d}"), Some(&b"b"[..]));
        assert_eq!(hash_tag(b"a{{b}}"), Some(&b"{b"[..]));
        assert_eq!(hash_tag(b"a{}{b}"), None);
        assert_eq!(hash_tag(b"a}b{c"), None);
        assert_eq!(hash_tag(b"{"), None);
        assert_eq!(hash_tag(b""), None);
    }
}
