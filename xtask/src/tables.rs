//! BENCHMARKS.md: the tables that the themes have saved, each between its two marks.

use crate::{Outcome, workspace};
use std::fs;
use std::path::Path;

const PAGE: &str = "BENCHMARKS.md";
const RESULTS: &str = "benches/results";

/// Puts what is in `benches/results` into the page. A section whose theme has saved nothing stays as it is.
pub(crate) fn renew() -> Outcome {
    let (page, results) = (workspace::root().join(PAGE), workspace::root().join(RESULTS));
    let text = fs::read_to_string(&page).map_err(|error| format!("{PAGE} cannot be read: {error}"))?;
    let text = renewed(&text, |theme| fs::read_to_string(results.join(Path::new(theme).with_extension("md"))).ok())?;
    fs::write(&page, text).map_err(|error| format!("{PAGE} cannot be written: {error}"))?;
    println!("{PAGE} has the tables of {RESULTS}");
    Ok(())
}

/// `page` with what stands between `<!-- THEME -->` and `<!-- end -->` replaced, for each theme that `result` knows.
fn renewed(page: &str, result: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut lines = page.lines();
    let mut text = String::new();
    while let Some(line) = lines.next() {
        text += line;
        text.push('\n');
        let Some(theme) = mark(line).filter(|theme| *theme != "end") else { continue };
        let old: Vec<&str> = lines.by_ref().take_while(|line| mark(line) != Some("end")).collect();
        match result(theme) {
            // Pictures lie beside the result, which is not where the page is.
            Some(new) => text += &format!("\n{}\n\n", new.trim().replace("](", &format!("]({RESULTS}/"))),
            None => old.iter().for_each(|line| text += &format!("{line}\n")),
        }
        text += "<!-- end -->\n";
    }
    if page.matches("<!-- end -->").count() == text.matches("<!-- end -->").count() {
        return Ok(text);
    }
    Err(format!("{PAGE} has a section without an end; write `<!-- end -->` below each `<!-- THEME -->`"))
}

/// The name in a line that is nothing but a mark.
fn mark(line: &str) -> Option<&str> {
    line.trim().strip_prefix("<!-- ")?.strip_suffix(" -->").filter(|name| !name.contains(' '))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const PAGE: &str = "# Title\n<!-- hits -->\nold\n<!-- end -->\nbetween\n<!-- misses -->\nkept\n<!-- end -->\n";

    #[test]
    fn a_section_with_a_result_is_replaced_and_others_stay() {
        let new = renewed(PAGE, |theme| (theme == "hits").then(|| "new ![plot](hits-a.svg)\n".to_owned())).unwrap();
        assert!(
            new.contains("<!-- hits -->\n\nnew ![plot](benches/results/hits-a.svg)\n\n<!-- end -->\nbetween"),
            "{new}"
        );
        assert!(new.contains("<!-- misses -->\nkept\n<!-- end -->\n") && !new.contains("old"), "{new}");
        assert_eq!(renewed(&new, |_| None).unwrap(), new);
    }

    #[test]
    fn a_section_without_an_end_is_refused() {
        assert!(renewed("<!-- hits -->\nold\n", |_| None).is_err());
    }
}
