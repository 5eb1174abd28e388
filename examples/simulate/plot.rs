//! The answer as a plot: hit ratio over size, a line for each policy, its name at its end.

use crate::{Answer, table};
use memolith::Policy;
use std::fmt::Write;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 540.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = WIDTH - 130.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = HEIGHT - 64.0;
/// Between the names of two lines.
const SPACING: f64 = 17.0;
/// Between two sizes on the axis.
const ROOM: f64 = 52.0;
/// As far from white as from black. A policy has the same colour in every plot.
const COLOURS: [&str; 10] =
    ["#2f7ed8", "#d9640a", "#1f9d55", "#9256d9", "#8a8a00", "#e0455e", "#0e94a0", "#d1489f", "#a8703c", "#6b7f99"];
const STYLE: &str = "svg { font: 13px system-ui, sans-serif } text { fill: #333 } .paper { fill: #fff } \
    .grid { stroke: #ddd } .optimum { stroke: #333 } path { fill: none; stroke-width: 2 } \
    @media (prefers-color-scheme: dark) { text { fill: #ccc } .paper { fill: #15181d } \
    .grid { stroke: #333a44 } .optimum { stroke: #ccc } }";

/// A line and where its name goes.
struct Line {
    name: String,
    /// Of the stroke and of the name; None for the optimum.
    colour: Option<&'static str>,
    points: Vec<(f64, f64)>,
    label: f64,
}

pub(crate) fn svg(answer: &Answer) -> String {
    let top = answer.optimum.iter().copied().fold(0.0, f64::max);
    let tenths = (top * 10.0).ceil().max(1.0);
    let y = |ratio: f64| BOTTOM - ratio / tenths * 10.0 * (BOTTOM - TOP);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\">\n\
         <style>{STYLE}</style>\n<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n\
         <text x=\"{LEFT}\" y=\"28\" font-size=\"16\">Hit ratio of {}</text>\n",
        escaped(&answer.title)
    );
    for tenth in 0..=tenths as u32 {
        let at = y(f64::from(tenth) / 10.0);
        let _ = writeln!(
            text,
            "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{RIGHT}\" y2=\"{at:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{} %</text>",
            LEFT - 8.0,
            at + 4.5,
            tenth * 10
        );
    }
    sizes(&mut text, &answer.maxsizes);
    for line in lines(answer, y) {
        draw(&mut text, &line);
    }
    text.push_str("</svg>\n");
    text
}

/// Where each size stands: on a logarithmic axis, 0 with 1.
fn places(maxsizes: &[usize]) -> Vec<f64> {
    let log = |size: usize| (size.max(1) as f64).ln();
    let ends = maxsizes.iter().map(|&size| log(size)).fold((f64::MAX, f64::MIN), |(a, b), x| (a.min(x), b.max(x)));
    let width = if ends.1 > ends.0 { ends.1 - ends.0 } else { 1.0 };
    maxsizes.iter().map(|&size| LEFT + (log(size) - ends.0) / width * (RIGHT - LEFT)).collect()
}

/// The axis; sizes that would lie on the one before go without their number.
fn sizes(text: &mut String, maxsizes: &[usize]) {
    let mut free = 0.0;
    for (x, &size) in places(maxsizes).into_iter().zip(maxsizes) {
        let _ = writeln!(text, "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{BOTTOM}\"/>");
        if x < free {
            continue;
        }
        free = x + ROOM;
        let size = table::grouped(size);
        let _ = writeln!(text, "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{size}</text>", BOTTOM + 20.0);
    }
    let middle = f64::midpoint(LEFT, RIGHT);
    let _ = writeln!(
        text,
        "<text x=\"{middle}\" y=\"{:.1}\" text-anchor=\"middle\">maxsize, on a logarithmic axis</text>",
        BOTTOM + 46.0
    );
}

/// The lines from the one that ends highest down, their names kept apart.
fn lines(answer: &Answer, y: impl Fn(f64) -> f64) -> Vec<Line> {
    let places = places(&answer.maxsizes);
    let line = |name, colour, ratios: &[f64]| {
        let points: Vec<_> = places.iter().copied().zip(ratios.iter().map(|&ratio| y(ratio))).collect();
        let label = points.last().map_or(BOTTOM, |(_, y)| *y);
        Line { name, colour, points, label }
    };
    let of_policy = |(policy, ratios): &(Policy, Vec<f64>)| {
        let number = Policy::ALL.iter().position(|one| one == policy).unwrap_or_default();
        line(format!("{policy:?}"), Some(COLOURS[number % COLOURS.len()]), ratios)
    };
    let mut lines: Vec<_> = answer.rows.iter().map(of_policy).collect();
    lines.push(line("optimum".to_owned(), None, &answer.optimum));
    lines.sort_by(|one, other| one.label.total_cmp(&other.label));
    let mut free = f64::MIN;
    for line in &mut lines {
        line.label = line.label.max(free);
        free = line.label + SPACING;
    }
    // The lowest may have been pushed out of the plot: back up, and those above it as far as that needs.
    let mut free = BOTTOM;
    for line in lines.iter_mut().rev() {
        line.label = line.label.min(free);
        free = line.label - SPACING;
    }
    lines
}

fn draw(text: &mut String, line: &Line) {
    let Some(&(x, y)) = line.points.last() else { return };
    let (stroke, fill) = match line.colour {
        Some(colour) => (format!("stroke=\"{colour}\""), format!(" style=\"fill:{colour}\"")),
        None => ("class=\"optimum\" stroke-dasharray=\"5 4\"".to_owned(), String::new()),
    };
    let path: Vec<_> = line.points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
    // A line of one point is a dash to its name.
    let (label, name) = (line.label, &line.name);
    let _ = writeln!(
        text,
        "<path {stroke} stroke-linejoin=\"round\" d=\"M{}\"/>\
         <path {stroke} style=\"stroke-width:1;opacity:.6\" d=\"M{x:.1} {y:.1} L{:.1} {label:.1}\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\" font-weight=\"600\"{fill}>{name}</text>",
        path.join(" L"),
        x + 22.0,
        x + 26.0,
        label + 4.5
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
