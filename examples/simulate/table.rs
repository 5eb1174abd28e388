//! The answer as text.

use crate::Answer;
use std::fmt::Write;

/// Wide enough for any size there is memory for.
const COLUMN: usize = 9;

/// Hit ratios in per cent, a line for each policy; the best of each column has a star.
pub(crate) fn text(answer: &Answer) -> String {
    let mut text = format!("{}\nhit ratio in per cent, * the best policy at that size\n\n", answer.title);
    let best = |column: usize| answer.rows.iter().map(|(_, ratios)| ratios[column]).fold(0.0, f64::max);
    line(&mut text, "maxsize", answer.maxsizes.iter().map(|&size| format!("{} ", grouped(size))));
    for (policy, ratios) in &answer.rows {
        let cell = |(column, &ratio): (usize, &f64)| {
            let star = if ratio > 0.0 && ratio == best(column) { '*' } else { ' ' };
            format!("{:.2}{star}", 100.0 * ratio)
        };
        line(&mut text, &format!("{policy:?}"), ratios.iter().enumerate().map(cell));
    }
    line(&mut text, "optimum", answer.optimum.iter().map(|ratio| format!("{:.2} ", 100.0 * ratio)));
    text
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let comma = |(at, digit): (usize, char)| {
        (at > 0 && (digits.len() - at).is_multiple_of(3)).then_some(',').into_iter().chain([digit])
    };
    digits.chars().enumerate().flat_map(comma).collect()
}

fn line(text: &mut String, name: &str, cells: impl Iterator<Item = String>) {
    let cells: String = cells.map(|cell| format!("{cell:>COLUMN$}")).collect();
    let _ = writeln!(text, "{}", format!("{name:<8}{cells}").trim_end());
}
