//! SHA-1, by which servers know scripts they have seen. It protects nothing here.
//!
//! <https://www.rfc-editor.org/rfc/rfc3174>

/// The digest of `text` in hexadecimal.
pub(crate) fn sha1(text: &[u8]) -> String {
    let mut message = text.to_vec();
    message.push(0x80);
    message.resize(message.len().next_multiple_of(64), 0);
    // The length in bits takes the last eight bytes.
    if message.len() - text.len() < 9 {
        message.resize(message.len() + 64, 0);
    }
    let end = message.len() - 8;
    message[end..].copy_from_slice(&(text.len() as u64 * 8).to_be_bytes());
    let digest =
        message.chunks_exact(64).fold([0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0], mixed);
    digest.iter().map(|word: &u32| format!("{word:08x}")).collect()
}

/// The state after one more block.
fn mixed(state: [u32; 5], block: &[u8]) -> [u32; 5] {
    let mut words = [0u32; 80];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
    }
    for i in 16..80 {
        words[i] = (words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16]).rotate_left(1);
    }
    let [mut a, mut b, mut c, mut d, mut e] = state;
    for (i, word) in words.into_iter().enumerate() {
        let (choice, constant) = match i {
            0..20 => ((b & c) | (!b & d), 0x5a82_7999),
            20..40 => (b ^ c ^ d, 0x6ed9_eba1),
            40..60 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6u32),
        };
        let next = [choice, e, constant, word].iter().fold(a.rotate_left(5), |sum, part| sum.wrapping_add(*part));
        (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
    }
    let mut sums = state;
    sums.iter_mut().zip([a, b, c, d, e]).for_each(|(sum, part)| *sum = sum.wrapping_add(part));
    sums
}

#[cfg(test)]
mod tests {
    use super::sha1;

    #[test]
    fn digests_of_the_standard() {
        assert_eq!(sha1(b""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(sha1(b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        let two_blocks = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(sha1(two_blocks), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
        assert_eq!(sha1(&[b'a'; 1_000_000]), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
        // Where the length just fits, and where it just does not.
        assert_eq!(sha1(&[b'a'; 55]), "c1c8bbdc22796e28c0e15163d20899b65621d65a");
        assert_eq!(sha1(&[b'a'; 56]), "c2db330f6083854c99d4b5bfb6e8f29f201be699");
        assert_eq!(sha1(&[b'a'; 64]), "0098ba824b5c16427bd7a1122a5a442a25ec644d");
    }
}
