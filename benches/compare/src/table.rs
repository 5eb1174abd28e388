//! A table in Markdown, our own rows in bold.

use crate::Role;
use std::fmt;

/// Rows below a head.
#[derive(Clone, Debug)]
pub struct Table {
    head: Vec<String>,
    rows: Vec<(Role, Vec<String>)>,
}

impl Table {
    /// A table without rows.
    pub fn new<S: Into<String>>(head: impl IntoIterator<Item = S>) -> Self {
        Table { head: head.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row: its name, and a cell for each further column.
    pub fn row(&mut self, name: &str, role: Role, cells: impl IntoIterator<Item = String>) {
        let cells = [name.to_owned()].into_iter().chain(cells).collect();
        self.rows.push((role, cells));
    }

    /// Adds a column; `cell` is asked for each row by its name.
    pub fn column(&mut self, head: &str, cell: impl Fn(&str) -> String) {
        self.head.push(head.to_owned());
        for (_, row) in &mut self.rows {
            row.push(cell(&row[0]));
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {} |", self.head.join(" | "))?;
        writeln!(f, "|---|{}", "--:|".repeat(self.head.len() - 1))?;
        for (role, cells) in &self.rows {
            let bold = if *role == Role::Ours { "**" } else { "" };
            let cells: Vec<_> = cells
                .iter()
                .map(|cell| if cell.is_empty() { String::new() } else { format!("{bold}{cell}{bold}") })
                .collect();
            writeln!(f, "| {} |", cells.join(" | "))?;
        }
        Ok(())
    }
}

/// A number with a comma between thousands.
#[must_use]
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let comma = |at: usize| if at > 0 && (digits.len() - at).is_multiple_of(3) { "," } else { "" };
    digits.char_indices().map(|(at, digit)| format!("{}{digit}", comma(at))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_stand_between_thousands() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn our_rows_are_bold_and_empty_cells_are_not() {
        let mut table = Table::new(["", "ns"]);
        table.row("a", Role::Peer, ["1".to_owned()]);
        table.row("b", Role::Ours, [String::new()]);
        assert_eq!(table.to_string(), "|  | ns |\n|---|--:|\n| a | 1 |\n| **b** |  |\n");
    }
}
