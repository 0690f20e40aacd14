//! `sweep`: any metric against any option.

use super::{Desk, failures};
use crate::args;
use crate::clients::Metric;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::columns;
use crate::plan::Request;
use crate::plot::{Chart, Panel, Point, Series};
use crate::vary::{self, Axis, Number};
use crate::watch::Watch;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use synod_properties::GroundKind;
use synod_sim::{Options, Simulation, Summary, Workload};

/// The most points of a sweep.
const POINTS_MAX: usize = 10_000;
/// How many operations a run has where nothing is said of clients.
const OPERATIONS: u64 = 200;

/// One combination of values.
struct Place {
    values: Vec<Number>,
    simulation: Box<dyn Simulation>,
    options: Options,
}

/// What the runs of a point say of one metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Estimate {
    pub(super) middle: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    runs: usize,
}

/// `sweep`.
pub(super) fn sweep(desk: &Desk<'_>, args: &args::Sweep) -> Result<Exit, Error> {
    refuse_contradictions(args)?;
    let places = places(desk, args)?;
    let name = places.first().map_or("", |place| place.simulation.algorithm()).to_owned();
    let measured = {
        let quiet = desk.printer.quiet || desk.printer.json;
        let watch = Watch::new(format!("sweep {name}"), quiet, desk.interrupt.clone());
        measure(&places, args, &watch)
    };
    if desk.interrupt.is_set() {
        return Ok(Exit::Interrupted);
    }
    let table: Vec<Vec<Option<Estimate>>> = measured
        .iter()
        .map(|runs| {
            let of = |at: usize| {
                let values: Vec<f64> = runs.iter().filter_map(|run| run[at]).collect();
                estimate(args.metric[at], values)
            };
            (0..args.metric.len()).map(of).collect()
        })
        .collect();
    let scope = format!(
        "{}; the median of {} runs a point, seeds {} to {}, and where 90 % of them lie",
        describe(args, &places),
        args.runs,
        args.seed,
        args.seed.saturating_add(args.runs - 1)
    );
    tell(desk, args, &name, &scope, (&places, &table));
    if let Some(path) = &args.csv {
        failures::save(path, &csv(args, &places, &table))?;
    }
    if let Some(path) = &args.svg {
        failures::save(path, &chart(args, &name, &scope, (&places, &table)).svg())?;
    }
    Ok(Exit::Holds)
}

/// An option that a flag fixes does not vary.
fn refuse_contradictions(args: &args::Sweep) -> Result<(), Error> {
    let fixed = [
        ("n", args.subject.n.is_some()),
        ("requests", args.subject.requests.is_some()),
        ("f", args.subject.stops.is_some()),
        ("restarts", args.subject.restarts.is_some()),
        ("partitions", args.subject.partitions.is_some()),
        ("loss", args.subject.losses.is_some()),
        ("duplication", args.subject.duplications.is_some()),
        ("horizon", args.horizon.is_some()),
        ("clients", args.clients.clients.is_some() || args.clients.rate.is_some()),
        ("rate", args.clients.clients.is_some() || args.clients.rate.is_some()),
        ("operations", args.clients.operations.is_some()),
        ("timeout", args.clients.timeout.is_some()),
        ("retries", args.clients.retries.is_some()),
    ];
    let mut seen: Vec<&str> = Vec::new();
    for axis in &args.vary {
        let twice = seen.contains(&axis.name.as_str());
        if twice || fixed.iter().any(|(name, given)| *given && *name == axis.name) {
            return Err(Error::Arguments {
                what: format!("`{}` is varied, and is set besides", axis.name),
                hint: "say it once".to_owned(),
            });
        }
        seen.push(&axis.name);
    }
    Ok(())
}

/// Every combination of values, each with its world.
fn places(desk: &Desk<'_>, args: &args::Sweep) -> Result<Vec<Place>, Error> {
    let count = args.vary.iter().map(|axis| axis.values.len()).try_fold(1, usize::checked_mul);
    if count.is_none_or(|count| count > POINTS_MAX) {
        return Err(Error::Arguments {
            what: format!("a sweep has at most {POINTS_MAX} points"),
            hint: "give ranges fewer points, as in 0..0.3/4".to_owned(),
        });
    }
    let mut base = match &args.subject.experiment {
        Some(path) => {
            // read as an experiment first: what is wrong in the file is said of the file
            crate::experiment::load(path)?;
            let text = std::fs::read_to_string(path)
                .map_err(|source| Error::Unreadable { path: path.clone(), source })?;
            toml::from_str::<toml::Table>(&text).unwrap_or_default()
        }
        None => toml::Table::new(),
    };
    if !base.contains_key("algorithm") {
        let name = desk.registry.find_or_only(args.subject.algorithm.as_deref())?.name();
        base.insert("algorithm".to_owned(), toml::Value::String(name.to_owned()));
    }
    combinations(&args.vary).into_iter().map(|values| place(desk, args, &base, values)).collect()
}

fn combinations(axes: &[Axis]) -> Vec<Vec<Number>> {
    let mut all = vec![Vec::new()];
    for axis in axes {
        all = all
            .into_iter()
            .flat_map(|chosen: Vec<Number>| {
                axis.values.iter().map(move |value| chosen.iter().copied().chain([*value]).collect())
            })
            .collect();
    }
    all
}

fn place(
    desk: &Desk<'_>,
    args: &args::Sweep,
    base: &toml::Table,
    values: Vec<Number>,
) -> Result<Place, Error> {
    let mut table = base.clone();
    for (axis, value) in args.vary.iter().zip(&values) {
        axis.set(&mut table, *value)?;
    }
    let experiment = vary::experiment(&table)?;
    let (entry, mut request) = Request::with(desk.registry, &args.subject, Some(experiment))?;
    let entry = request.place(desk.registry, entry, GroundKind::Sim)?;
    let world = request.world(&entry.subject, GroundKind::Sim)?;
    let sim = args::Sim { clients: args.clients.clone(), horizon: args.horizon, ..args::Sim::default() };
    let mut options = request.sim(&sim, &world)?.run;
    options.costs = true;
    options.branches = false;
    // each run is to meet what is varied
    options.swarm = false;
    options.workload.get_or_insert_with(|| Workload { operations: Some(OPERATIONS), ..Workload::default() });
    Ok(Place { values, simulation: entry.simulation(&world)?, options })
}

/// By point and run: the metrics.
type Measured = Vec<Vec<Vec<Option<f64>>>>;

/// Makes all runs, over all cores. What comes out does not depend on how many there are.
fn measure(places: &[Place], args: &args::Sweep, watch: &Watch) -> Measured {
    let runs = args.runs as usize;
    let all = places.len() * runs;
    let (next, done) = (AtomicUsize::new(0), Mutex::new(vec![vec![Vec::new(); runs]; places.len()]));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= all || watch.interrupted() {
                        return;
                    }
                    let (at, run) = (index / runs, index % runs);
                    let metrics = one(&places[at], args.seed.saturating_add(run as u64), &args.metric);
                    if let Ok(mut done) = done.lock() {
                        done[at][run] = metrics;
                    }
                    watch.tell(|| format!("{} of {all} runs", index + 1));
                }
            });
        }
    });
    done.into_inner().unwrap_or_default()
}

fn one(place: &Place, seed: u64, metrics: &[Metric]) -> Vec<Option<f64>> {
    let outcome = place.simulation.run(seed, &place.options);
    let mut summary = Summary::default();
    if let Some(costs) = &outcome.costs {
        summary.add(costs);
    }
    let total = summary.total();
    metrics.iter().map(|metric| metric.of(&outcome, &summary, &total)).collect()
}

/// The median with the middle 90 %; of a share of runs itself, with the interval of Wilson (1927) at 95 %.
fn estimate(metric: Metric, values: Vec<f64>) -> Option<Estimate> {
    let runs = values.len();
    if metric != Metric::Violations || runs == 0 {
        return median(values);
    }
    let (n, z) = (runs as f64, 1.96);
    let share = values.iter().sum::<f64>() / n;
    let centre = (share + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z / (1.0 + z * z / n) * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    let (low, high) = ((centre - half).max(0.0), (centre + half).min(1.0));
    Some(Estimate { middle: share, low, high, runs })
}

/// The median with the middle 90 %.
pub(super) fn median(mut values: Vec<f64>) -> Option<Estimate> {
    values.sort_by(f64::total_cmp);
    let runs = values.len();
    let last = runs.checked_sub(1)?;
    let at = |share: f64| {
        let place = share * last as f64;
        let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
        below + (above - below) * place.fract()
    };
    Some(Estimate { middle: at(0.5), low: at(0.05), high: at(0.95), runs })
}

/// What else the runs have in common.
fn describe(args: &args::Sweep, places: &[Place]) -> String {
    let subject = args.subject.line();
    let clients = places.first().and_then(|place| place.options.workload.as_ref()).map(|workload| {
        use synod_sim::workload::Arrivals;
        let varied = |name| args.vary.iter().any(|axis| axis.name == name);
        match workload.arrivals {
            Arrivals::Closed { .. } if varied("clients") => "closed loop".to_owned(),
            Arrivals::Closed { clients, .. } => format!("closed loop of {clients} clients"),
            Arrivals::Poisson { .. } if varied("rate") => "Poisson arrivals".to_owned(),
            Arrivals::Poisson { rate } => format!("{rate} operations a second (Poisson)"),
            Arrivals::Constant { rate } => format!("{rate} operations a second"),
            Arrivals::Bursts { rate, size } => format!("bursts of {size}, {rate} a second"),
        }
    });
    [Some(subject), clients].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        1_000.0.. => crate::report::grouped(value.round() as u64),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

fn text(estimate: Option<Estimate>) -> String {
    estimate.map_or_else(
        || "-".to_owned(),
        |of| format!("{} [{}, {}]", number(of.middle), number(of.low), number(of.high)),
    )
}

type Results<'a> = (&'a [Place], &'a [Vec<Option<Estimate>>]);

/// The lines of a plot: each combination of the options after the first, with the points that it has.
fn lines(args: &args::Sweep, places: &[Place]) -> Vec<(String, Vec<usize>)> {
    let mut lines: Vec<(String, Vec<usize>)> = Vec::new();
    for (at, place) in places.iter().enumerate() {
        let label: Vec<_> = args
            .vary
            .iter()
            .zip(&place.values)
            .skip(1)
            .map(|(axis, v)| format!("{} = {v}", axis.name))
            .collect();
        let label = label.join(", ");
        match lines.iter_mut().find(|(known, _)| *known == label) {
            Some((_, points)) => points.push(at),
            None => lines.push((label, vec![at])),
        }
    }
    lines
}

fn tell(desk: &Desk<'_>, args: &args::Sweep, name: &str, scope: &str, (places, table): Results<'_>) {
    desk.printer.say(format!("sweep {name}: {scope}"));
    let lines = lines(args, places);
    for (at, metric) in args.metric.iter().enumerate() {
        desk.printer.say(format!("\n{}", metric.label()));
        let mut rows = vec![
            std::iter::once(args.vary[0].label())
                .chain(lines.iter().map(|(label, _)| label.clone()))
                .collect::<Vec<_>>(),
        ];
        for (row, x) in args.vary[0].values.iter().enumerate() {
            let cells = lines.iter().map(|(_, points)| text(points.get(row).and_then(|&p| table[p][at])));
            rows.push(std::iter::once(x.to_string()).chain(cells).collect());
        }
        for line in columns(&rows) {
            desk.printer.say(line);
        }
    }
    for (place, estimates) in places.iter().zip(table) {
        let at: Map<String, Value> = args
            .vary
            .iter()
            .zip(&place.values)
            .map(|(axis, value)| (axis.name.clone(), value.to_string().into()))
            .collect();
        for (metric, estimate) in args.metric.iter().zip(estimates) {
            desk.printer.event(&json!({
                "event": "point", "algorithm": name, "at": at, "metric": metric.name(),
                "middle": estimate.map(|e| e.middle), "low": estimate.map(|e| e.low),
                "high": estimate.map(|e| e.high), "runs": estimate.map_or(0, |e| e.runs),
            }));
        }
    }
}

fn csv(args: &args::Sweep, places: &[Place], table: &[Vec<Option<Estimate>>]) -> String {
    let names: Vec<_> = args.vary.iter().map(|axis| axis.name.as_str()).collect();
    let mut text = format!("{},metric,middle,low,high,runs\n", names.join(","));
    for (place, estimates) in places.iter().zip(table) {
        let values: Vec<_> = place.values.iter().map(ToString::to_string).collect();
        for (metric, estimate) in args.metric.iter().zip(estimates) {
            let Some(of) = estimate else { continue };
            let (values, metric) = (values.join(","), metric.name());
            let _ = writeln!(text, "{values},{metric},{},{},{},{}", of.middle, of.low, of.high, of.runs);
        }
    }
    text
}

/// A panel a metric, a line for each combination of the options after the first.
fn chart(args: &args::Sweep, name: &str, scope: &str, (places, table): Results<'_>) -> Chart {
    let lines = lines(args, places);
    let panel = |(at, metric): (usize, &Metric)| {
        let point = |&p: &usize| {
            let of = table[p][at]?;
            Some(Point { x: places[p].values[0].place(), y: of.middle, band: Some((of.low, of.high)) })
        };
        let series = |(label, points): &(String, Vec<usize>)| Series {
            label: if label.is_empty() { name.to_owned() } else { label.clone() },
            points: points.iter().filter_map(point).collect(),
            stated: false,
        };
        Panel {
            x: args.vary[0].label(),
            y: metric.label().to_owned(),
            series: lines.iter().map(series).collect(),
        }
    };
    let names: Vec<_> = args.vary.iter().map(|axis| axis.name.as_str()).collect();
    Chart {
        title: format!("{name} against {}", names.join(" and ")),
        subtitle: scope.to_owned(),
        panels: args.metric.iter().enumerate().map(panel).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_the_median_with_the_middle_of_the_values() {
        let of = estimate(Metric::P50, (0..=100).rev().map(f64::from).collect()).expect("there are values");
        assert_eq!((of.middle, of.low, of.high, of.runs), (50.0, 5.0, 95.0, 101));
        assert_eq!(estimate(Metric::P50, Vec::new()), None);
        let of = estimate(Metric::Violations, vec![0.0, 1.0, 1.0, 1.0]).expect("there are values");
        assert!((of.middle - 0.75).abs() < 1e-12);
        assert!(of.low > 0.29 && of.low < 0.31 && of.high > 0.95, "{of:?}");
    }

    #[test]
    fn every_combination_of_values_is_a_point() {
        let axes = [vary::axis("loss=0..0.2/3").unwrap(), vary::axis("n=3,5").unwrap()];
        let all = combinations(&axes);
        assert_eq!(all.len(), 6);
        assert_eq!(
            all[1],
            [Number::Broken(0.0), Number::Whole(5)].map(|n| if n == Number::Broken(0.0) {
                all[0][0]
            } else {
                n
            })
        );
    }
}
