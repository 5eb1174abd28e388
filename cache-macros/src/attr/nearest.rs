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

/// Levenshtein's distance, row by row.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
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
        assert_eq!(nearest("bananas", &known), None);
    }

    #[test]
    fn edits_count_insertions_removals_and_replacements() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("abc", "abc"), 0);
    }
}
