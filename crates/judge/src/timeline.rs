//! A history as a picture: a lane for each client, a bar for each operation, a mark where it took effect.
//!
//! As SVG, and as an HTML page of its own in which one can zoom and scroll.

use crate::history::Client;
use crate::log::{End, Log, LogOperation};
use crate::value::Value;
use std::collections::BTreeMap;
use std::fmt::Write;

/// What is drawn of a log.
#[derive(Clone, Debug)]
pub struct Timeline<'a> {
    /// The log.
    pub log: &'a Log,
    /// The heading.
    pub title: String,
    /// The operations that are shown, by their index.
    pub shown: Vec<usize>,
    /// An order in which they took effect, as far as there is one.
    pub order: Vec<usize>,
    /// Those that no order explains.
    pub wrong: Vec<usize>,
    /// The smallest part that fails by itself.
    pub smallest: Vec<usize>,
    /// Those that come before each other in a circle, in its order.
    pub cycle: Vec<usize>,
}

const LANE: usize = 34;
const BAR: usize = 22;
const LEFT: usize = 90;
const TOP: usize = 44;
const STEP: usize = 26;
/// How wide a letter is, about.
const LETTER: usize = 7;
/// No bar is wider for its words alone.
const WIDTH_MAX: usize = 260;

/// Text as it stands in markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// An operation in a few words.
pub fn words(operation: &LogOperation) -> String {
    if let ("txn", End::Ok(Value::Sequence(parts))) = (&*operation.function, &operation.end) {
        // what it did says what it was to do
        return parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    }
    let mut words = operation.function.to_string();
    if let Some(key) = &operation.key {
        let _ = write!(words, " {key}:");
    }
    if operation.argument != Value::Nil {
        let _ = write!(words, " {}", operation.argument);
    }
    match &operation.end {
        End::Ok(value) if *value != operation.argument || looks(&operation.function) => {
            let _ = write!(words, " = {value}");
        }
        End::Ok(_) => {}
        End::Failed(_) => words.push_str(" failed"),
        End::Unknown => words.push_str(" ?"),
    }
    words
}

/// Whether nothing is an answer too.
fn looks(function: &str) -> bool {
    matches!(function, "read" | "get" | "dequeue" | "pop")
}

/// The beginning of a text.
fn short(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    text.chars().take(length.saturating_sub(2)).chain("..".chars()).collect()
}

impl Timeline<'_> {
    /// Where the events that are shown stand, from left to right: so far apart that there is room for words.
    fn columns(&self) -> BTreeMap<usize, usize> {
        let operations = self.log.operations();
        let mut ends: BTreeMap<usize, Option<usize>> = BTreeMap::new();
        for &index in &self.shown {
            ends.insert(operations[index].invoked, None);
            ends.extend(operations[index].returned.map(|end| (end, Some(index))));
        }
        let mut columns = BTreeMap::new();
        let mut at = LEFT;
        for (event, ended) in ends {
            let begun = ended.and_then(|index| {
                let begin = *columns.get(&operations[index].invoked)?;
                Some(begin + (words(&operations[index]).chars().count() * LETTER + 10).min(WIDTH_MAX))
            });
            at = begun.unwrap_or(at).max(at);
            columns.insert(event, at);
            at += STEP;
        }
        columns
    }

    /// As SVG.
    pub fn svg(&self) -> String {
        let operations = self.log.operations();
        let columns = self.columns();
        let at = |event: usize| columns.get(&event).copied().unwrap_or(LEFT);
        let last = columns.values().max().copied().unwrap_or(LEFT);
        let end = (last + STEP).max(self.title.chars().count() * 9);
        let mut lanes: BTreeMap<Client, usize> = BTreeMap::new();
        for &index in &self.shown {
            lanes.insert(operations[index].client, 0);
        }
        for (lane, place) in lanes.values_mut().enumerate() {
            *place = TOP + LANE * lane;
        }
        let height = TOP + LANE * lanes.len() + 16;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             font-family=\"system-ui, sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
             <text x=\"8\" y=\"22\" font-size=\"15\" fill=\"#1b1f24\">{}</text>\n",
            escaped(&self.title),
            width = end + 16,
        );
        for (client, y) in &lanes {
            let middle = y + BAR / 2;
            let _ = writeln!(
                svg,
                "<text x=\"8\" y=\"{}\" fill=\"#57606a\">{client}</text><line x1=\"{LEFT}\" y1=\"{middle}\" x2=\"{end}\" y2=\"{middle}\" stroke=\"#d8dee4\"/>",
                middle + 4,
            );
        }
        for &index in &self.shown {
            let operation = &operations[index];
            let (x, y) = (at(operation.invoked), lanes[&operation.client]);
            let is_over = matches!(operation.end, End::Ok(_) | End::Failed(_));
            let until = operation.returned.filter(|_| is_over).map_or(end, at);
            self.bar(&mut svg, index, [x, y, until.saturating_sub(x).max(STEP / 2)]);
        }
        self.marks(&mut svg, &lanes, &at);
        self.circle(&mut svg, &lanes, &at);
        svg.push_str("</svg>\n");
        svg
    }

    fn bar(&self, svg: &mut String, index: usize, [x, y, width]: [usize; 3]) {
        let operation = &self.log.operations()[index];
        let (fill, stroke) = match &operation.end {
            _ if self.wrong.contains(&index) => ("#ffd7d5", "#cf222e"),
            End::Ok(_) => ("#ddf4ff", "#54aeff"),
            End::Failed(_) => ("#eaeef2", "#afb8c1"),
            End::Unknown => ("#fff8c5", "#d4a72c"),
        };
        let words = words(operation);
        let edge = if self.smallest.contains(&index) { " stroke-width=\"3\"" } else { "" };
        let dashes = if matches!(operation.end, End::Unknown) { " stroke-dasharray=\"4 3\"" } else { "" };
        let _ = writeln!(
            svg,
            "<g><title>line {}: {}</title><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{BAR}\" rx=\"4\" fill=\"{fill}\" \
             stroke=\"{stroke}\"{edge}{dashes}/><text x=\"{}\" y=\"{}\" fill=\"#1b1f24\">{}</text></g>",
            operation.line,
            escaped(&words),
            x + 5,
            y + 15,
            escaped(&short(&words, (width.saturating_sub(6) / LETTER).max(3))),
        );
    }

    /// Where operations took effect: each after the one before it, within its bar.
    fn marks(&self, svg: &mut String, lanes: &BTreeMap<Client, usize>, at: &impl Fn(usize) -> usize) {
        let operations = self.log.operations();
        let mut latest = 0;
        for (number, &index) in self.order.iter().enumerate().filter(|(_, index)| self.shown.contains(index))
        {
            let operation = &operations[index];
            latest = (latest + 3).max(at(operation.invoked) + 4);
            let y = lanes[&operation.client] + BAR;
            let _ = writeln!(
                svg,
                "<circle cx=\"{latest}\" cy=\"{y}\" r=\"3.5\" fill=\"#1a7f37\"><title>takes effect as number {}</title></circle>",
                number + 1,
            );
        }
    }

    /// The edges of a cycle: from the middle of one that must come first to the middle of the next.
    fn circle(&self, svg: &mut String, lanes: &BTreeMap<Client, usize>, at: &impl Fn(usize) -> usize) {
        let cycle: Vec<usize> =
            self.cycle.iter().copied().filter(|index| self.shown.contains(index)).collect();
        if cycle.len() != self.cycle.len() || cycle.len() < 2 {
            return;
        }
        let operations = self.log.operations();
        let middle = |index: usize| {
            let operation = &operations[index];
            let begin = at(operation.invoked);
            let end = operation.returned.map_or(begin + STEP, at);
            (usize::midpoint(begin, end), lanes[&operation.client] + BAR / 2)
        };
        svg.push_str(
            "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
             <path d=\"M0 0 L8 4 L0 8 z\" fill=\"#cf222e\"/></marker></defs>\n",
        );
        for (place, &index) in cycle.iter().enumerate() {
            let next = cycle[(place + 1) % cycle.len()];
            let ((x, y), (to_x, to_y)) = (middle(index), middle(next));
            // bent aside, so that there and back again are two
            let (bend_x, bend_y) = (
                usize::midpoint(x, to_x) + if to_y > y { 18 } else { 0 },
                usize::midpoint(y, to_y) + if to_x > x { 14 } else { 0 },
            );
            let _ = writeln!(
                svg,
                "<path d=\"M{x} {y} Q{bend_x} {bend_y} {to_x} {to_y}\" fill=\"none\" stroke=\"#cf222e\" stroke-width=\"1.5\" \
                 marker-end=\"url(#tip)\"><title>line {} comes before line {}</title></path>",
                operations[index].line, operations[next].line,
            );
        }
    }

    /// As a page of its own.
    pub fn html(&self, words: &str) -> String {
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\n<style>\n\
             body {{ font: 14px/1.5 system-ui, sans-serif; margin: 1.5rem; color: #1b1f24; }}\n\
             pre {{ background: #f6f8fa; padding: .8rem; overflow-x: auto; border-radius: 6px; }}\n\
             #pane {{ border: 1px solid #d8dee4; border-radius: 6px; overflow: auto; max-height: 75vh; }}\n\
             button {{ font: inherit; padding: .1rem .7rem; }}\n</style></head><body>\n\
             <h1>{title}</h1>\n<pre>{words}</pre>\n\
             <p><button data-by=\"1.25\">larger</button> <button data-by=\"0.8\">smaller</button> <button data-by=\"0\">whole</button>\n\
             Green dots: where each takes effect, in the order found. Red: what no order explains; thick edges: the smallest part that fails by itself; arrows: what must come first, in a circle. Hover for more; Ctrl and the wheel zoom.</p>\n\
             <div id=\"pane\">{svg}</div>\n<script>\n\
             const pane = document.getElementById('pane'), svg = pane.firstElementChild;\n\
             const width = svg.width.baseVal.value, height = svg.height.baseVal.value;\n\
             let scale = 1;\n\
             function zoom(by, x) {{\n\
             \x20 const before = scale, left = pane.scrollLeft + x;\n\
             \x20 scale = by === 0 ? Math.min(1, pane.clientWidth / width) : Math.min(8, Math.max(0.02, scale * by));\n\
             \x20 svg.setAttribute('width', width * scale); svg.setAttribute('height', height * scale);\n\
             \x20 pane.scrollLeft = left * scale / before - x;\n\
             }}\n\
             for (const button of document.querySelectorAll('button'))\n\
             \x20 button.onclick = () => zoom(Number(button.dataset.by), pane.clientWidth / 2);\n\
             pane.addEventListener('wheel', event => {{\n\
             \x20 if (!event.ctrlKey) return;\n\
             \x20 event.preventDefault(); zoom(event.deltaY < 0 ? 1.15 : 0.87, event.offsetX);\n\
             }}, {{ passive: false }});\n\
             </script></body></html>\n",
            title = escaped(&self.title),
            words = words.lines().map(escaped).collect::<Vec<_>>().join("\n"),
            svg = self.svg(),
        )
    }
}
