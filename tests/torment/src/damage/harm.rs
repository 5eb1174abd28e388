//! The ways in which a file is damaged.

use crate::random::Random;

const PAGE: usize = 4096;

/// Numbers that lengths, offsets and indices go wrong at.
const ODD: &[u64] = &[
    0,
    1,
    2,
    7,
    u64::MAX,
    u64::MAX - 1,
    1 << 63,
    (1 << 63) - 1,
    u32::MAX as u64,
    1 << 32,
    1 << 31,
    i32::MAX as u64,
    u16::MAX as u64,
    0xFFFF_FFFF_0000_0000,
    0x0101_0101_0101_0101,
];

/// A damage: what is written where, and the length that the file gets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Harm {
    pub(crate) patches: Vec<(usize, Vec<u8>)>,
    pub(crate) length: Option<u64>,
}

/// A file before its damage.
#[derive(Debug)]
pub(crate) struct Victim {
    pub(crate) bytes: Vec<u8>,
    /// The words that are not zero: what is in use.
    used: Vec<usize>,
}

impl Victim {
    pub(crate) fn new(mut bytes: Vec<u8>) -> Victim {
        bytes.truncate(bytes.len() / 8 * 8);
        let used = bytes.as_chunks::<8>().0.iter().enumerate().filter(|(_, word)| **word != [0; 8]);
        let used = used.map(|(at, _)| at * 8).collect();
        Victim { bytes, used }
    }

    /// A random damage; most lie where something is.
    pub(crate) fn harm(&self, random: &mut Random) -> Harm {
        match random.below(12) {
            0 => self.several(random, 8, |it, random| it.flip(random)),
            1 => self.several(random, 64, |it, random| it.word(random, Random::next)),
            2 => self.several(random, 64, |it, random| it.word(random, odd)),
            3 => self.several(random, 4, |it, random| it.word(random, |random| random.next() >> random.below(64))),
            4 => self.run(random, 20_000, |random| random.next() as u8),
            5 => self.run(random, 100_000, |_| 0),
            6 => self.run(random, 20_000, |_| 0xFF),
            7 => self.moved(random),
            8 => self.swapped(random, 8),
            9 => self.swapped(random, PAGE),
            10 => self.header(random),
            _ => Harm { length: Some(random.below(self.bytes.len() as u64 * 2)), ..Harm::default() },
        }
    }

    /// What is undone by writing this.
    pub(crate) fn original(&self, harm: &Harm) -> Harm {
        let patches = harm.patches.iter().map(|(at, patch)| (*at, self.bytes[*at..at + patch.len()].to_vec()));
        Harm { patches: patches.collect(), length: harm.length.map(|_| self.bytes.len() as u64) }
    }

    fn several(&self, random: &mut Random, most: u64, one: impl Fn(&Self, &mut Random) -> (usize, Vec<u8>)) -> Harm {
        let patches = (0..=random.below(most)).map(|_| one(self, random)).collect();
        Harm { patches, length: None }
    }

    fn flip(&self, random: &mut Random) -> (usize, Vec<u8>) {
        let at = self.place(random) + random.index(8);
        (at, vec![self.bytes[at] ^ 1 << random.below(8)])
    }

    fn word(&self, random: &mut Random, make: impl Fn(&mut Random) -> u64) -> (usize, Vec<u8>) {
        let at = self.place(random);
        let near = u64::from_le_bytes(*self.bytes[at..].first_chunk().unwrap_or(&[0; 8]));
        // The word itself, one more or one less, is as bad as any.
        let word = match random.below(4) {
            0 => near.wrapping_add(1),
            1 => near.wrapping_sub(1),
            _ => make(random),
        };
        (at, word.to_le_bytes().to_vec())
    }

    fn run(&self, random: &mut Random, most: usize, make: impl Fn(&mut Random) -> u8) -> Harm {
        let at = self.place(random);
        let length = (1 + random.index(most)).min(self.bytes.len() - at);
        Harm { patches: vec![(at, (0..length).map(|_| make(random)).collect())], length: None }
    }

    fn moved(&self, random: &mut Random) -> Harm {
        let (from, to) = (self.place(random), self.place(random));
        let length = random.index(2 * PAGE).min(self.bytes.len() - from.max(to));
        Harm { patches: vec![(to, self.bytes[from..from + length].to_vec())], length: None }
    }

    fn swapped(&self, random: &mut Random, size: usize) -> Harm {
        let [left, right] = [(); 2].map(|()| self.place(random) / size * size);
        let part = |at: usize| self.bytes[at..(at + size).min(self.bytes.len())].to_vec();
        let fits = |at: usize| at + size <= self.bytes.len();
        if !fits(left) || !fits(right) {
            return self.header(random);
        }
        Harm { patches: vec![(left, part(right)), (right, part(left))], length: None }
    }

    fn header(&self, random: &mut Random) -> Harm {
        let at = random.index(64.min(self.bytes.len() / 8)) * 8;
        Harm { patches: vec![(at, odd(random).to_le_bytes().to_vec())], length: None }
    }

    /// A word of the file.
    fn place(&self, random: &mut Random) -> usize {
        match random.below(4) {
            0 => random.index(self.bytes.len() / 8) * 8,
            // Tables that come first are small beside the values.
            1 => self.used[random.index(self.used.len().div_ceil(8))],
            _ => self.used[random.index(self.used.len())],
        }
    }
}

fn odd(random: &mut Random) -> u64 {
    ODD[random.index(ODD.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_damage_lies_within_the_file_and_can_be_undone() {
        let mut random = Random::new(3);
        let bytes: Vec<u8> = (0..40_000).map(|at| if at % 3 == 0 { 0 } else { random.next() as u8 }).collect();
        let victim = Victim::new(bytes);
        let mut changed = 0;
        for _ in 0..2000 {
            let harm = victim.harm(&mut random);
            let mut file = victim.bytes.clone();
            for (at, patch) in &harm.patches {
                file[*at..at + patch.len()].copy_from_slice(patch);
            }
            changed += u32::from(file != victim.bytes || harm.length.is_some());
            for (at, patch) in victim.original(&harm).patches {
                file[at..at + patch.len()].copy_from_slice(&patch);
            }
            assert_eq!(file, victim.bytes);
        }
        assert!(changed > 1900, "{changed}");
    }
}
