//! What a place is worth that an entry holds: the most hits for its time that it can be expected to give.
//!
//! Gittins, "Bandit processes and dynamic allocation indices", Journal of the Royal Statistical Society B 41(2), 1979,
//! <https://doi.org/10.1111/j.2517-6161.1979.tb01068.x>.

/// How likely entries are used again, by how often they were used and for how long they have not been; and the index
/// that follows from it. 18 KB.
///
/// Each use is counted at the age it came at, and so is, for a sample, the time that entries stood there without one: the
/// quotient is the chance of a use at that age. An entry may be given up at any age to come, and each promises so
/// many hits for so much time; the best of these quotients is its index.
#[derive(Debug)]
pub(crate) struct Gittins {
    uses: Vec<f64>,
    /// Evictions during which entries stood at each class and age.
    waits: Vec<f64>,
    /// In the order of the indices.
    rank: Vec<u16>,
}

/// Classes of frequency: two for each doubling, up to 255.
const CLASSES: usize = 16;
/// Ages: four for each doubling, in ticks.
const AGES: usize = 64;

/// A tick is the time of one eviction for so many entries.
pub(crate) const TICKS: usize = 64;

/// With so many uses a class at an age outweighs what is known of all classes at that age, and of the class at all ages.
const PRIOR: f64 = 2.0;

/// What was counted fades over so many evictions for each entry, and over so many at least.
const MEMORY: f64 = 64.0;
const LEAST_MEMORY: f64 = 65_536.0;

/// The class of a frequency, which is not 0.
pub(crate) fn class(frequency: u32) -> u32 {
    // The logarithm of the square is twice the logarithm.
    (frequency * frequency).ilog2()
}

/// The lowest frequency of a class.
pub(crate) fn frequency(class: u32) -> u32 {
    ((1u32 << class) - 1).isqrt() + 1
}

/// Where the counts of a class at an age lie.
fn cell(class: u32, age: u32) -> usize {
    let log = (age + 4).ilog2();
    let bucket = (log - 2) * 4 + ((age + 4) >> (log - 2)) % 4;
    class as usize * AGES + (bucket as usize).min(AGES - 1)
}

/// The first age of a bucket.
fn start(bucket: usize) -> f64 {
    (4 + bucket % 4) as f64 * 2f64.powi((bucket / 4) as i32) - 4.0
}

impl Default for Gittins {
    fn default() -> Self {
        // Until something is learned the least recently used is worth least, and the less frequently used among those.
        let rank = (0..CLASSES * AGES).map(|cell| ((AGES - cell % AGES) * CLASSES + cell / AGES) as u16);
        Gittins { uses: vec![0.0; CLASSES * AGES], waits: vec![0.0; CLASSES * AGES], rank: rank.collect() }
    }
}

impl Gittins {
    /// Counts a use, after `age` ticks without one.
    pub(crate) fn used(&mut self, class: u32, age: u32) {
        self.uses[cell(class, age)] += 1.0;
    }

    /// Counts entries that have not been used for `age` ticks: as many, times the evictions for which they stand.
    pub(crate) fn waited(&mut self, class: u32, age: u32, weight: f64) {
        self.waits[cell(class, age)] += weight;
    }

    /// A number that grows with the worth of an entry; the older of two of the same worth comes first.
    pub(crate) fn worth(&self, class: u32, age: u32) -> u32 {
        u32::from(self.rank[cell(class, age)]) << 16 | (0xffff - age.min(0xffff))
    }

    /// Draws the conclusions from what was counted in a cache of `capacity` entries since the lesson before, `evictions` ago.
    pub(crate) fn learn(&mut self, capacity: usize, evictions: u64) {
        let capacity = capacity as f64;
        let tick = (capacity / TICKS as f64).max(1.0);
        let sum = |counts: &[f64], age: usize| counts.iter().skip(age).step_by(AGES).sum::<f64>();
        // The chance of a use at each age, of all classes.
        let chances: Vec<f64> =
            (0..AGES).map(|age| (sum(&self.uses, age) + 0.01) / (sum(&self.waits, age) + capacity)).collect();
        for class in 0..CLASSES {
            let cells = class * AGES..(class + 1) * AGES;
            let (uses, waits) = (&self.uses[cells.clone()], &self.waits[cells.clone()]);
            // How many times as often as others of its age the class is used.
            let usual: f64 = waits.iter().zip(&chances).map(|(wait, chance)| wait * chance).sum();
            let lift = (uses.iter().sum::<f64>() + 10.0) / (usual + 10.0);
            let chance = |age: usize| (uses[age] + PRIOR) / (waits[age] + PRIOR / (chances[age] * lift));
            let index = indices(|age| (chance(age), (start(age + 1) - start(age)) * tick));
            for (rank, index) in self.rank[cells].iter_mut().zip(index) {
                *rank = order(index * capacity);
            }
        }
        let keep = (-(evictions as f64) / (MEMORY * capacity).max(LEAST_MEMORY)).exp();
        self.uses.iter_mut().chain(&mut self.waits).for_each(|count| *count *= keep);
    }
}

/// The index at each age, from the chance of a use and the length of the age.
fn indices(age: impl Fn(usize) -> (f64, f64)) -> [f64; AGES] {
    // What an entry has taken and given that is given up at each age, if it is not used before.
    let (mut time, mut hits, mut alive) = ([0.0; AGES + 1], [0.0; AGES + 1], 1.0);
    for bucket in 0..AGES {
        let (chance, length) = age(bucket);
        let hit = alive * (1.0 - (-chance * length).exp());
        time[bucket + 1] = time[bucket] + hit / chance;
        hits[bucket + 1] = hits[bucket] + hit;
        alive -= hit;
    }
    let slope = |from: usize, to: usize| (hits[to] - hits[from]) / (time[to] - time[from]).max(1e-20);
    // The steepest way on from an age goes along the upper hull of the curve that begins there.
    let (mut hull, mut indices) = (vec![AGES], [0.0; AGES]);
    for bucket in (0..AGES).rev() {
        while let [.., beyond, next] = hull[..]
            && slope(bucket, next) <= slope(next, beyond)
        {
            hull.pop();
        }
        indices[bucket] = slope(bucket, hull[hull.len() - 1]);
        hull.push(bucket);
    }
    indices
}

/// A positive number in 16 bits, in its order: the bits of a float sort as the float does.
fn order(index: f64) -> u16 {
    let bits = |index: f64| (index as f32).to_bits();
    ((bits(index.clamp(1e-9, 1e9)) - bits(1e-9)) >> 14).min(u32::from(u16::MAX)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_ages_are_in_order() {
        assert_eq!([1, 2, 3, 4, 5, 6, 8, 11, 12, 255].map(class), [0, 2, 3, 4, 4, 5, 6, 6, 7, 15]);
        for c in [0].into_iter().chain(2..16) {
            assert_eq!(class(frequency(c)), c);
            assert!(c == 0 || class(frequency(c) - 1) < c);
        }
        for age in 0..100_000 {
            assert!(start(cell(0, age)) <= f64::from(age), "age {age}");
            assert!(cell(0, age) == AGES - 1 || f64::from(age) < start(cell(0, age) + 1), "age {age}");
        }
        assert_eq!(cell(0, (1 << 24) - 1), AGES - 1);
    }

    /// The ages in the order in which entries of class 0 leave a cache of 64, where the chance of a use is `chance`.
    fn leaving(chance: fn(u32) -> f64) -> Vec<u32> {
        let mut gittins = Gittins::default();
        for age in 0..32 {
            for _ in 0..1_000 {
                gittins.waited(0, age, 10.0);
            }
            for _ in 0..(10_000.0 * chance(age)) as u32 {
                gittins.used(0, age);
            }
        }
        gittins.learn(64, 1);
        let mut ages = vec![0, 4, 9, 14, 19];
        ages.sort_by_key(|&age| gittins.worth(0, age));
        ages
    }

    #[test]
    fn the_oldest_leaves_where_chances_fall() {
        assert_eq!(leaving(|age| 0.5 / f64::from(age + 1)), [19, 14, 9, 4, 0]);
    }

    #[test]
    fn the_newest_leaves_where_entries_come_back_after_a_fixed_time() {
        assert_eq!(leaving(|age| if age == 28 { 0.9 } else { 0.0 }), [0, 4, 9, 14, 19]);
    }

    #[test]
    fn whoever_is_used_more_often_is_worth_more() {
        let mut gittins = Gittins::default();
        for age in 0..60 {
            for (class, uses) in [(0, 1), (4, 20), (8, 300)] {
                gittins.waited(class, age, 10_000.0);
                (0..uses).for_each(|_| gittins.used(class, age));
            }
        }
        gittins.learn(64, 1);
        for age in [0, 5, 20, 50] {
            let worth = [0, 4, 8].map(|class| gittins.worth(class, age));
            assert!(worth.is_sorted() && worth[0] < worth[2], "age {age}: {worth:?}");
        }
    }
}
