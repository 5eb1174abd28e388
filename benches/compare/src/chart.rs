//! Horizontal bars as SVG, drawn by hand: a library that plots would be the largest dependency of all.

use crate::Role;
use std::fmt::Write as _;

/// A contender's bars: a value for each series.
#[derive(Clone, Debug)]
pub struct Bar {
    /// Whose.
    pub name: String,
    /// Decides the colour.
    pub role: Role,
    /// How long, series by series.
    pub values: Vec<f64>,
}

/// Bars that are better the shorter they are, or the longer.
#[derive(Clone, Debug)]
pub struct Chart {
    unit: String,
    series: Vec<String>,
    bars: Vec<Bar>,
}

/// The grey of all text: it is read on a light and on a dark page.
const TEXT: &str = "#768390";
const WIDTH: f64 = 900.0;
/// Where bars begin, and how far they may go.
const LEFT: f64 = 290.0;
const ROOM: f64 = WIDTH - LEFT - 70.0;
/// Of one bar.
const HEIGHT: f64 = 15.0;
/// Above and below the bars.
const TOP: f64 = 24.0;
const BOTTOM: f64 = 44.0;

impl Chart {
    /// Shortest first. `series` names the values of each bar where there is more than one.
    #[must_use]
    pub fn new(unit: &str, series: &[&str], mut bars: Vec<Bar>) -> Self {
        bars.sort_by(|a, b| a.values[0].total_cmp(&b.values[0]));
        Chart { unit: unit.to_owned(), series: series.iter().map(|name| (*name).to_owned()).collect(), bars }
    }

    /// Longest first: for what is better the more there is of it.
    #[must_use]
    pub fn longest_first(mut self) -> Self {
        self.bars.reverse();
        self
    }

    /// The picture. Its background is that of the page.
    #[must_use]
    pub fn svg(&self, title: &str) -> String {
        let end = self.end();
        let group = HEIGHT * self.bars.first().map_or(1, |bar| bar.values.len()) as f64 + 6.0;
        let floor = TOP + group * self.bars.len() as f64;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
             font-family=\"sans-serif\" font-size=\"12\" fill=\"{TEXT}\">\n<title>{title}</title>\n",
            height = floor + BOTTOM,
            title = escaped(title),
        );
        self.axis(&mut svg, end, floor);
        for (at, bar) in self.bars.iter().enumerate() {
            let top = TOP + group * at as f64;
            let weight = if bar.role == Role::Ours { " font-weight=\"bold\"" } else { "" };
            let (x, y, name) = (LEFT - 8.0, top + (group + 2.0) / 2.0, escaped(&bar.name));
            let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\"{weight}>{name}</text>");
            for (series, &value) in bar.values.iter().enumerate() {
                drawn(&mut svg, top + HEIGHT * series as f64, (value, end), (colour(bar.role), series));
            }
        }
        svg + "</svg>\n"
    }

    /// Where the axis ends: at the longest bar, unless a few are out of all proportion.
    fn end(&self) -> f64 {
        let mut values: Vec<f64> = self.bars.iter().flat_map(|bar| &bar.values).copied().collect();
        values.sort_by(f64::total_cmp);
        let (Some(&longest), Some(&usual)) = (values.last(), values.get(values.len() * 2 / 3)) else { return 1.0 };
        if longest > usual * 3.0 { usual * 1.5 } else { longest * 1.02 }
    }

    /// Lines at round figures, and what they count.
    fn axis(&self, svg: &mut String, end: f64, floor: f64) {
        let step = round_step(end / 6.0);
        let digits = if step < 1.0 { 1 } else { 0 };
        let mut at = 0.0;
        while at <= end {
            let x = LEFT + ROOM * at / end;
            let _ = writeln!(
                svg,
                "<path d=\"M{x:.1} {TOP}V{floor:.1}\" stroke=\"{TEXT}\" stroke-opacity=\".25\"/>\
                 <text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{at:.digits$}</text>",
                y = floor + 15.0
            );
            at += step;
        }
        let (x, y, unit) = (LEFT + ROOM / 2.0, floor + 34.0, escaped(&self.unit));
        let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"middle\">{unit}</text>");
        if !self.series.is_empty() {
            let legend = format!("from top to bottom: {}", self.series.join(", "));
            let _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"14\">{}</text>", escaped(&legend));
        }
    }
}

/// One bar with its figure; one that goes on beyond the axis is cut with two strokes.
fn drawn(svg: &mut String, top: f64, (value, end): (f64, f64), (colour, series): (&str, usize)) {
    let (beyond, length) = (value > end, ROOM * value.min(end) / end);
    let (height, opacity) = (HEIGHT - 2.0, [1.0, 0.6, 0.4][series.min(2)]);
    let _ = writeln!(
        svg,
        "<rect x=\"{LEFT}\" y=\"{top:.1}\" width=\"{length:.1}\" height=\"{height}\" fill=\"{colour}\" fill-opacity=\"{opacity}\"/>"
    );
    if beyond {
        for x in [LEFT + length - 14.0, LEFT + length - 8.0] {
            let _ = writeln!(svg, "<path d=\"M{x:.1} {top:.1}l-4 {height}\" stroke=\"#fff\" stroke-width=\"2\"/>");
        }
    }
    let (x, y) = (LEFT + length + 5.0, top + height - 2.0);
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", crate::standings::nanos(value));
}

fn colour(role: Role) -> &'static str {
    match role {
        Role::Ours => "#e36209",
        Role::Peer => "#5b8db8",
        Role::Floor => "#8fae8b",
        Role::Other => "#a99bbd",
    }
}

/// 1, 2 or 5 times a power of ten, at least `least`.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.max(f64::MIN_POSITIVE).log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= least).unwrap_or(power)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        for (least, step) in [(0.3, 0.5), (1.0, 1.0), (1.1, 2.0), (17.0, 20.0), (60.0, 100.0)] {
            assert!((round_step(least) - step).abs() < 1e-9, "{least}: {}", round_step(least));
        }
    }

    #[test]
    fn a_bar_out_of_proportion_is_cut_and_keeps_its_figure() {
        let bar = |name: &str, value| Bar { name: name.to_owned(), role: Role::Peer, values: vec![value] };
        let bars = vec![bar("slow", 900.0), bar("a<b", 10.0), bar("c", 12.0), bar("d", 11.0)];
        let svg = Chart::new("ns", &[], bars).svg("title");
        assert!(svg.contains(">900</text>") && svg.contains("a&lt;b"), "{svg}");
        assert_eq!(svg.matches("stroke=\"#fff\"").count(), 2, "{svg}");
    }
}
