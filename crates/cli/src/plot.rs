//! Plots as SVG, written by hand: lines with bands and marks, panels one below the other, a legend beside each.

use std::fmt::Write;

/// A picture.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// Of what, how often, from which seed.
    pub subtitle: String,
    /// One below the other.
    pub panels: Vec<Panel>,
}

/// One pair of axes.
#[derive(Clone, Debug, Default)]
pub struct Panel {
    /// What the horizontal axis has, with its unit.
    pub x: String,
    /// What the vertical axis has, with its unit.
    pub y: String,
    /// What is drawn.
    pub series: Vec<Series>,
}

/// One line.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// Its name in the legend.
    pub label: String,
    /// Its points, from left to right.
    pub points: Vec<Point>,
    /// Whether it is a formula: a dashed line without marks.
    pub stated: bool,
}

/// A value, with the band in which most values lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Where.
    pub x: f64,
    /// The value.
    pub y: f64,
    /// The band, where there is one.
    pub band: Option<(f64, f64)>,
}

// all lengths are in pixels
const WIDTH: f64 = 860.0;
const LEFT: f64 = 84.0;
const TOP: f64 = 76.0;
const PLOT_HEIGHT: f64 = 250.0;
const PANEL_HEIGHT: f64 = PLOT_HEIGHT + 78.0;
const CHARACTER: f64 = 6.6;
const LEGEND_GAP: f64 = 22.0;
const LEGEND_MARK: f64 = 34.0;
const LEGEND_LINE: f64 = 20.0;

/// Colours that are told apart on paper, in grey, and by those who see fewer of them (Okabe, Ito 2008).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#8c6d00", "#444444"];

/// A line from the least to the greatest value, with round numbers on it.
struct Axis {
    low: f64,
    high: f64,
    step: f64,
}

impl Axis {
    /// With zero where that is not far from the values.
    fn of(values: impl Iterator<Item = f64> + Clone, from_zero: bool) -> Self {
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let greatest = values.fold(f64::NEG_INFINITY, f64::max);
        let (mut low, mut high) = if least.is_finite() { (least, greatest) } else { (0.0, 1.0) };
        if from_zero && low >= 0.0 {
            low = 0.0;
        }
        if high - low < 1e-12 {
            high = low + if low == 0.0 { 1.0 } else { low.abs() };
        }
        let step = round_step((high - low) / 6.0);
        Self { low: (low / step + 1e-9).floor() * step, high: (high / step + 0.1).ceil() * step, step }
    }

    /// As far as the values go.
    fn tight(values: impl Iterator<Item = f64> + Clone) -> Self {
        let axis = Self::of(values.clone(), false);
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let greatest = values.fold(f64::NEG_INFINITY, f64::max);
        if greatest > least {
            let margin = (greatest - least) * 0.03;
            return Self { low: least - margin, high: greatest + margin, ..axis };
        }
        axis
    }

    fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    fn ticks(&self) -> Vec<f64> {
        let first = (self.low / self.step - 1e-9).ceil() as i64;
        let last = (self.high / self.step + 1e-9).floor() as i64;
        (first..=last).map(|k| k as f64 * self.step).collect()
    }

    fn text(&self, value: f64) -> String {
        number(value, self.step)
    }
}

/// 1, 2 or 5 times a power of ten, at least so much.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|k| k * power).find(|step| *step >= least * 0.999).unwrap_or(power)
}

/// A number with as many digits as tell it from its neighbours a step away.
fn number(value: f64, step: f64) -> String {
    let digits = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
    let value = if value.abs() < step * 1e-6 { 0.0 } else { value };
    let text = format!("{value:.digits$}");
    let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, f)| (whole, Some(f)));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), crate::report::grouped);
    fraction.map_or(format!("{sign}{whole}"), |fraction| format!("{sign}{whole}.{fraction}"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Text broken so that no line is longer than `most` characters, where it has spaces.
fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

impl Chart {
    /// The picture.
    pub fn svg(&self) -> String {
        let titles = wrapped(&self.title, 88);
        let subtitles = wrapped(&self.subtitle, 118);
        let top = TOP - 40.0 + 20.0 * titles.len() as f64 + 16.0 * subtitles.len() as f64;
        let height = top + PANEL_HEIGHT * self.panels.len() as f64;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
             viewBox=\"0 0 {WIDTH} {height}\" font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n"
        );
        let mut y = 28.0;
        for line in titles {
            let _ = writeln!(
                svg,
                "<text x=\"20\" y=\"{y}\" font-size=\"16\" font-weight=\"bold\">{}</text>",
                escaped(&line)
            );
            y += 20.0;
        }
        for line in subtitles {
            let _ = writeln!(svg, "<text x=\"20\" y=\"{y}\" fill=\"#555555\">{}</text>", escaped(&line));
            y += 16.0;
        }
        for (at, panel) in self.panels.iter().enumerate() {
            panel.draw(&mut svg, top + PANEL_HEIGHT * at as f64);
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// Where a panel's axes stand in the picture.
struct Frame {
    left: f64,
    top: f64,
    width: f64,
    x: Axis,
    y: Axis,
}

impl Frame {
    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.left + self.width * self.x.share(x), self.top + PLOT_HEIGHT * (1.0 - self.y.share(y)))
    }
}

impl Panel {
    fn draw(&self, svg: &mut String, top: f64) {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let values = points().flat_map(|p| {
            let (low, high) = p.band.unwrap_or((p.y, p.y));
            [p.y, low, high]
        });
        let longest = self.series.iter().map(|s| s.label.chars().count()).max().unwrap_or(0);
        let legend = LEGEND_GAP + LEGEND_MARK + CHARACTER * longest as f64 + 14.0;
        let frame = Frame {
            left: LEFT,
            top: top + 14.0,
            width: WIDTH - LEFT - legend,
            x: Axis::tight(points().map(|p| p.x)),
            y: Axis::of(values, true),
        };
        self.axes(svg, &frame);
        for (at, series) in self.series.iter().enumerate() {
            // those below show under those above them
            let above = (self.series.len() - 1 - at).min(4) as f64;
            series.draw(svg, &frame, at, 1.0 + 0.45 * above);
            let x = frame.left + frame.width + LEGEND_GAP;
            let y = frame.top + 10.0 + LEGEND_LINE * at as f64;
            series.legend(svg, (x, y), at);
        }
    }

    fn axes(&self, svg: &mut String, frame: &Frame) {
        let (left, bottom) = (frame.left, frame.top + PLOT_HEIGHT);
        let right = left + frame.width;
        for tick in frame.y.ticks() {
            let y = frame.at(frame.x.low, tick).1;
            let _ = writeln!(
                svg,
                "<line x1=\"{left}\" y1=\"{y:.1}\" x2=\"{right:.1}\" y2=\"{y:.1}\" stroke=\"#dddddd\"/>\n\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 8.0,
                y + 4.0,
                frame.y.text(tick)
            );
        }
        for tick in frame.x.ticks() {
            let x = frame.at(tick, frame.y.low).0;
            let _ = writeln!(
                svg,
                "<line x1=\"{x:.1}\" y1=\"{bottom:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"black\"/>\n\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                bottom + 5.0,
                bottom + 19.0,
                frame.x.text(tick)
            );
        }
        let middle = frame.top + PLOT_HEIGHT / 2.0;
        let _ = writeln!(
            svg,
            "<path d=\"M{left} {:.1} V{bottom:.1} H{right:.1}\" fill=\"none\" stroke=\"black\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n\
             <text x=\"18\" y=\"{middle:.1}\" text-anchor=\"middle\" transform=\"rotate(-90 18 {middle:.1})\">{}</text>",
            frame.top,
            left + frame.width / 2.0,
            bottom + 38.0,
            escaped(&self.x),
            escaped(&self.y)
        );
    }
}

impl Series {
    fn draw(&self, svg: &mut String, frame: &Frame, at: usize, size: f64) {
        let colour = COLOURS[at % COLOURS.len()];
        let place = |x: f64, y: f64| {
            let (x, y) = frame.at(x, y);
            format!("{x:.1},{y:.1}")
        };
        let bands: Vec<_> = self.points.iter().filter_map(|p| Some((p.x, p.band?))).collect();
        if bands.len() > 1 {
            let there = bands.iter().map(|(x, (_, high))| place(*x, *high));
            let back = bands.iter().rev().map(|(x, (low, _))| place(*x, *low));
            let outline: Vec<_> = there.chain(back).collect();
            let _ = writeln!(
                svg,
                "<polygon points=\"{}\" fill=\"{colour}\" fill-opacity=\"0.15\"/>",
                outline.join(" ")
            );
        }
        let line: Vec<_> = self.points.iter().map(|p| place(p.x, p.y)).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{:.1}\"{}/>",
            line.join(" "),
            1.6 * size,
            dashes(at, self.stated)
        );
        for point in self.points.iter().filter(|_| !self.stated) {
            mark(svg, frame.at(point.x, point.y), (at, size), colour);
        }
    }

    fn legend(&self, svg: &mut String, (x, y): (f64, f64), at: usize) {
        let colour = COLOURS[at % COLOURS.len()];
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"{colour}\" stroke-width=\"1.8\"{}/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            x + 26.0,
            dashes(at, self.stated),
            x + LEGEND_MARK,
            y + 4.0,
            escaped(&self.label)
        );
        if !self.stated {
            mark(svg, (x + 13.0, y), (at, 1.0), colour);
        }
    }
}

/// Lines differ in their strokes, too.
fn dashes(at: usize, stated: bool) -> &'static str {
    match (stated, at / COLOURS.len()) {
        (true, _) => " stroke-dasharray=\"5 4\"",
        (false, 0) => "",
        (false, 1) => " stroke-dasharray=\"8 3\"",
        (false, _) => " stroke-dasharray=\"2 2\"",
    }
}

/// And in their marks.
fn mark(svg: &mut String, (x, y): (f64, f64), (at, size): (usize, f64), colour: &str) {
    let r = 3.4 * size;
    let _ = match at % 4 {
        0 => writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r:.1}\" fill=\"{colour}\"/>"),
        1 => writeln!(
            svg,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{w:.1}\" height=\"{w:.1}\" fill=\"{colour}\"/>",
            x - 0.95 * r,
            y - 0.95 * r,
            w = 1.9 * r
        ),
        2 => writeln!(
            svg,
            "<path d=\"M{x:.1} {:.1} l{:.1} {:.1} h{:.1} z\" fill=\"{colour}\"/>",
            y - 1.3 * r,
            1.2 * r,
            2.1 * r,
            -2.4 * r
        ),
        _ => writeln!(
            svg,
            "<path d=\"M{x:.1} {:.1} l{d:.1} {d:.1} l-{d:.1} {d:.1} l-{d:.1} -{d:.1} z\" fill=\"white\" stroke=\"{colour}\" \
             stroke-width=\"1.6\"/>",
            y - 1.3 * r,
            d = 1.3 * r
        ),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers_that_enclose_the_values() {
        let axis = Axis::of([3.0, 31.0].into_iter(), true);
        assert_eq!(axis.ticks(), [0.0, 10.0, 20.0, 30.0, 40.0]);
        let axis = Axis::of([0.0, 0.3].into_iter(), true);
        let texts: Vec<_> = axis.ticks().into_iter().map(|t| axis.text(t)).collect();
        assert_eq!(texts, ["0.00", "0.05", "0.10", "0.15", "0.20", "0.25", "0.30", "0.35"]);
        assert_eq!(number(12_345.0, 1_000.0), "12,345");
        assert_eq!(Axis::of([7.0].into_iter(), false).ticks().first(), Some(&6.0));
        assert!(Axis::of(std::iter::empty(), true).ticks().len() > 1);
    }

    #[test]
    fn a_chart_has_its_titles_its_lines_and_a_place_for_each() {
        let point = |x: f64| Point { x, y: 2.0 * x, band: Some((x, 3.0 * x)) };
        let series = |label: &str, stated| Series {
            label: label.to_owned(),
            points: (1..5).map(|x| point(f64::from(x))).collect(),
            stated,
        };
        let panel = Panel {
            x: "n (processes)".to_owned(),
            y: "a < b".to_owned(),
            series: vec![series("measured", false), series("stated: 2n", true)],
        };
        let chart = Chart {
            title: "a title".to_owned(),
            subtitle: "its scope".to_owned(),
            panels: vec![panel.clone(), panel],
        };
        let svg = chart.svg();
        assert_eq!(svg.matches("<polyline").count(), 4);
        assert_eq!(svg.matches("<circle").count(), 2 * (4 + 1));
        assert!(svg.contains("a &lt; b") && svg.contains("its scope") && svg.contains("stroke-dasharray"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn long_titles_are_broken_between_words() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
    }
}
