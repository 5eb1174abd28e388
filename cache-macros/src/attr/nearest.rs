//! The known word that a misspelled one was probably meant to be.

/// The word of `known` that takes the fewest edits to reach, unless that is more than a third of what was written.
pub(crate) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let reach = written.chars().count().max(3).div_ceil(3);
    known
        .iter()
        .map(|word| (edits(&written.to_lowercase(), &word.to_lowercase()), *word))
        .filter(|(edits, _)| *edits <= reach)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, word)| word)
}

/// Insertions, removals, replacements and swaps of neighbours that make one word of the other (Damerau and Levenshtein).
fn edits(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut rows = vec![vec![0; other.len() + 1]; one.len() + 1];
    rows[0] = (0..=other.len()).collect();
    for i in 1..=one.len() {
        rows[i][0] = i;
        for j in 1..=other.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(one[i - 1] != other[j - 1]);
            rows[i][j] = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                rows[i][j] = rows[i][j].min(rows[i - 2][j - 2] + 1);
            }
        }
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::{edits, nearest};

    #[test]
    fn the_nearest_word_is_close() {
        let known = ["maxsize", "policy", "ttl", "max_bytes"];
        assert_eq!(nearest("max_size", &known), Some("maxsize"));
        assert_eq!(nearest("polcy", &known), Some("policy"));
        assert_eq!(nearest("TTL", &known), Some("ttl"));
        assert_eq!(nearest("tlt", &known), Some("ttl"));
        assert_eq!(nearest("bananas", &known), None);
    }

    #[test]
    fn edits_count_insertions_removals_replacements_and_swaps() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("Lur", "Lru"), 1);
        assert_eq!(edits("abc", "abc"), 0);
    }
}
