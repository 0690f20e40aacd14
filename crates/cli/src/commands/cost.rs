//! `cost`: what an operation costs, beside what the algorithm's page states.

use super::{Desk, failures, sweep};
use crate::args;
use crate::checkable::RoundsCost;
use crate::error::Error;
use crate::exit::Exit;
use crate::grounds::World;
use crate::output::columns;
use crate::plan::Request;
use crate::plot::{Chart, Panel, Point, Series};
use crate::registry::{Entry, Found};
use serde_json::json;
use std::fmt::Write;
use std::time::Duration;
use synod_kernel::{Durability, Environment};
use synod_properties::cost::{Per, evaluate};
use synod_properties::{Cost, GroundKind, Metric};
use synod_sim::cost::{Ended, OperationCost, Stack};
use synod_sim::{FaultPlan, Options, Simulation, Workload};

/// How long every message takes without failures.
const DELAY: Duration = Duration::from_millis(1);
/// When the operation is asked for, and how long the run goes on from then: leaders lead by then, and relays come to rest.
/// Not a multiple of a period: a heartbeat that waits behind the operation's write would be on its account.
const START: Duration = Duration::from_millis(1_050);
/// Over how many periods what comes again and again is counted.
const PERIODS: u64 = 10;

/// What was measured, for one n.
struct Row {
    n: u32,
    /// The kind of operation; none for what is spent while nothing is asked.
    kind: Option<String>,
    cells: Vec<Cell>,
}

/// One number, with the one that is stated.
struct Cell {
    name: String,
    measured: Option<f64>,
    /// In which 90 % of the runs lie, where there are several.
    band: Option<(f64, f64)>,
    formula: Option<&'static str>,
    stated: Option<i64>,
}

impl Cell {
    /// One that no formula states.
    fn measured(name: &str, measured: Option<f64>, band: Option<(f64, f64)>) -> Self {
        Self { name: name.to_owned(), measured, band, formula: None, stated: None }
    }

    /// The median of several runs, and where 90 % of them lie.
    fn median(name: &str, values: Vec<u64>) -> Self {
        let of = sweep::median(values.into_iter().map(|value| value as f64).collect());
        let (measured, band) = of.map(|of| (of.middle, (of.low, of.high))).unzip();
        Self::measured(name, measured, band)
    }

    /// What was measured, held against what is stated of an operation.
    fn held(
        (metric, name): (Option<Metric>, &str),
        measured: Option<u64>,
        stated: &[Cost],
        value_of: &dyn Fn(&str) -> Option<i64>,
    ) -> Self {
        let cost = stated.iter().find(|cost| Some(cost.metric) == metric && cost.per == Per::Operation);
        Self {
            name: name.to_owned(),
            measured: measured.map(|measured| measured as f64),
            band: None,
            formula: cost.map(|cost| cost.formula),
            stated: cost.and_then(|cost| evaluate(cost.formula, value_of).ok()),
        }
    }

    fn differs(&self) -> bool {
        match (self.measured, self.stated) {
            (Some(measured), Some(stated)) => (measured - stated as f64).abs() > 1e-9,
            (None, Some(_)) => true,
            _ => false,
        }
    }

    fn text(&self) -> String {
        let Some(measured) = self.measured else {
            return if self.stated.is_some() { "none".to_owned() } else { "-".to_owned() };
        };
        match (self.band, self.stated) {
            (Some((low, high)), _) => format!("{measured} [{low}, {high}]"),
            (None, Some(stated)) if self.differs() => format!("{measured}, NOT {stated}"),
            _ => measured.to_string(),
        }
    }

    fn title(&self) -> String {
        self.formula.map_or_else(|| self.name.clone(), |formula| format!("{} = {formula}", self.name))
    }
}

/// `cost`.
pub(super) fn cost(desk: &Desk<'_>, args: &args::Cost) -> Result<Exit, Error> {
    let (mut name, rows, scope) = match in_rounds(desk, args)? {
        Some(measured) => measured,
        None => match one_at_a_time(desk, args)? {
            Some(measured) => measured,
            None => return Ok(Exit::Interrupted),
        },
    };
    if let Some(defect) = &args.defect {
        let _ = write!(name, "/{defect}");
    }
    tell(desk, &name, &scope, &rows);
    if let Some(path) = &args.csv {
        failures::save(path, &csv(&rows))?;
    }
    if let Some(path) = &args.svg {
        failures::save(path, &chart(&name, &scope, &rows).svg())?;
    }
    Ok(if rows.iter().flat_map(|row| &row.cells).any(Cell::differs) { Exit::Violation } else { Exit::Holds })
}

/// The algorithm's name, what was measured, and of what in words.
type Measured = (String, Vec<Row>, String);

/// An algorithm in lock-step rounds, without failures.
fn in_rounds(desk: &Desk<'_>, args: &args::Cost) -> Result<Option<Measured>, Error> {
    let Some(name) = &args.algorithm else { return Ok(None) };
    let Found::Checkable(checkable) = desk.registry.find_checked(name)? else { return Ok(None) };
    if let Some(defect) = &args.defect {
        checkable.has_twin(defect)?;
    }
    let mut rows = Vec::new();
    for &n in &args.n.0 {
        let Some(cost) = checkable.rounds_cost(n, args.defect.as_deref())? else { return Ok(None) };
        if args.with_transformers || args.links.is_some() {
            return Err(Error::Unsupported {
                what: format!("lock-step rounds such as those of `{name}` have no links to choose"),
                hint: "leave out `--links` and `--with-transformers`".to_owned(),
            });
        }
        rows.push(Row { n, kind: Some("instance".to_owned()), cells: cells_in_rounds(n, &cost) });
    }
    if args.under == args::Under::Faults {
        return Err(Error::Unsupported {
            what: format!("what rounds of `{name}` cost is counted without failures"),
            hint: "leave out `--under faults`".to_owned(),
        });
    }
    let scope = "one instance in lock-step rounds, no failures, f the most that it is made for; messages to oneself not counted";
    Ok(Some((name.clone(), rows, scope.to_owned())))
}

fn cells_in_rounds(n: u32, cost: &RoundsCost) -> Vec<Cell> {
    let RoundsCost { f, messages, bytes, stated } = cost;
    let value_of = |name: &str| match name {
        "n" => Some(n.into()),
        "f" => Some((*f).into()),
        _ => None,
    };
    let total: u64 = messages.iter().sum();
    [
        (None, "f", u64::from(*f)),
        (Some(Metric::Rounds), Metric::Rounds.name(), messages.len() as u64),
        (Some(Metric::Messages), Metric::Messages.name(), total),
        (None, "messages in the busiest round", messages.iter().copied().max().unwrap_or(0)),
        (None, "bytes", *bytes),
    ]
    .into_iter()
    .map(|(metric, name, measured)| Cell::held((metric, name), Some(measured), stated, &value_of))
    .collect()
}

/// Operations of an algorithm, one at a time; nothing where somebody interrupts.
fn one_at_a_time(desk: &Desk<'_>, args: &args::Cost) -> Result<Option<Measured>, Error> {
    let mut rows = Vec::new();
    let mut name = String::new();
    let mut inserted = None;
    for &n in &args.n.0 {
        let subject = args::Subject {
            algorithm: args.algorithm.clone(),
            defect: args.defect.clone(),
            n: Some(n),
            links: args.links,
            with_transformers: args.with_transformers,
            ..args::Subject::default()
        };
        let (entry, mut request) = Request::with(desk.registry, &subject, None)?;
        let entry = request.place(desk.registry, entry, GroundKind::Sim)?;
        entry.name().clone_into(&mut name);
        let world = request.world(&entry.subject, GroundKind::Sim)?;
        inserted.clone_from(&world.transformers);
        rows.extend(match args.under {
            args::Under::NoFaults => without_failures(entry, world, args.seed)?,
            args::Under::Faults => under_faults(entry, &world, args)?,
        });
        if desk.interrupt.is_set() {
            return Ok(None);
        }
    }
    let scope = match args.under {
        args::Under::NoFaults => {
            "one operation at a time, no failures, every message takes one delay; to oneself not counted"
        }
        args::Under::Faults => {
            "one operation a run, under faults: the median, and where 90 % of the runs lie"
        }
    };
    let inserted = inserted.map(|inserted| format!("; {inserted}")).unwrap_or_default();
    Ok(Some((name, rows, format!("{scope}; seed {}{inserted}", args.seed))))
}

/// Nothing fails, and every message takes one delay.
fn calm(usual: &Environment) -> Environment {
    let mut calm = Environment::benign(usual.processes);
    calm.failures.kind = usual.failures.kind;
    calm.failures.among = usual.failures.among;
    calm.links.kind = usual.links.kind;
    calm.links.delay_min = DELAY;
    calm.links.delay_max = DELAY;
    calm.timing.kind = usual.timing.kind;
    calm.timing.bounds = usual.timing.bounds;
    calm.oracles = usual.oracles.clone();
    calm.storage.durability = Durability::Deferred;
    calm.storage.sync_max = Duration::ZERO;
    calm
}

fn quiet(workload: Workload, horizon: Duration) -> Options {
    Options {
        workload: Some(workload),
        costs: true,
        faults: FaultPlan::Script(Vec::new()),
        horizon,
        steps_max: u64::MAX,
        ..Options::default()
    }
}

/// By kind of operation, and what is spent while nothing is asked.
fn without_failures(entry: &Entry, mut world: World, seed: u64) -> Result<Vec<Row>, Error> {
    world.scale.requests = world.scale.requests.max(u32::from(!(entry.subject.costs.is_empty())));
    world.environment = calm(&world.environment);
    let simulation = entry.simulation(&world)?;
    let n = world.environment.processes;
    let costs = entry.subject.costs;
    let mut rows = Vec::new();
    for kind in kinds(simulation.as_ref()) {
        let workload = Workload { start: START, ..Workload::single(kind) };
        let outcome = simulation.run(seed, &quiet(workload, 2 * START));
        let Some(operation) = outcome.costs.as_ref().and_then(|costs| costs.operations.first()) else {
            continue;
        };
        let mut cells = cells(operation, n, costs);
        let of_links = outcome.costs.as_ref().and_then(|costs| costs.stack).into_iter().flat_map(of_links);
        cells.extend(of_links.map(|(name, value)| Cell::measured(name, Some(value as f64), None)));
        rows.push(Row { n, kind: Some(kind.unwrap_or("request").to_owned()), cells });
    }
    // links that send again and again do so while nothing is asked, too
    let periods = costs.iter().filter(|_| entry.chain.is_empty()).filter_map(|cost| match cost.per {
        Per::Period(ms) => Some((cost, Duration::from_millis(ms))),
        Per::Operation => None,
    });
    for (cost, period) in periods {
        let background = |horizon: Duration| {
            let nothing = Workload { start: Duration::MAX, ..Workload::default() };
            let costs = simulation.run(seed, &quiet(nothing, horizon)).costs.unwrap_or_default();
            let traffic = costs.background;
            if cost.metric == Metric::Writes { traffic.writes } else { traffic.messages }
        };
        let first = background(period * PERIODS as u32);
        let more = background(period * 2 * PERIODS as u32).saturating_sub(first);
        let cell = Cell {
            name: cost.metric.to_string(),
            measured: Some(more as f64 / PERIODS as f64),
            band: None,
            formula: Some(cost.formula),
            stated: evaluate(cost.formula, &|name| (name == "n").then_some(n.into())).ok(),
        };
        rows.push(Row { n, kind: None, cells: vec![cell] });
    }
    Ok(rows)
}

/// The kinds of operation; where there is none, what is asked anyway.
fn kinds(simulation: &dyn Simulation) -> Vec<Option<&'static str>> {
    let kinds: Vec<_> = simulation.kinds().iter().map(|kind| Some(kind.name)).collect();
    if kinds.is_empty() { vec![None] } else { kinds }
}

/// What an operation came to, in the order of the columns.
fn numbers(operation: &OperationCost) -> [(Option<Metric>, &'static str, Option<u64>); 5] {
    let traffic = operation.traffic;
    let of = |metric: Metric, value| (Some(metric), metric.name(), value);
    [
        of(Metric::Messages, Some(traffic.messages)),
        (None, "bytes", Some(traffic.bytes)),
        of(Metric::Delays, operation.delays.map(u64::from)),
        of(Metric::DelaysToAll, Some(operation.delays_to_all.into())),
        of(Metric::Writes, Some(traffic.writes)),
    ]
}

/// What links that transformers make cost in a run of one operation, beside what the algorithm asks of them.
fn of_links(Stack { upper, all }: Stack) -> [(&'static str, u64); 4] {
    [
        ("sent by the algorithm", upper.messages),
        ("by its links", all.messages),
        ("bytes of the algorithm", upper.bytes),
        ("of its links", all.bytes),
    ]
}

fn cells(operation: &OperationCost, n: u32, costs: &[Cost]) -> Vec<Cell> {
    let value_of = |name: &str| match name {
        "n" => Some(n.into()),
        "firings" => i64::try_from(operation.traffic.firings).ok(),
        _ => None,
    };
    numbers(operation)
        .into_iter()
        .map(|(metric, name, measured)| Cell::held((metric, name), measured, costs, &value_of))
        .collect()
}

/// One operation a run, in the environment that a simulation has.
fn under_faults(entry: &Entry, world: &World, args: &args::Cost) -> Result<Vec<Row>, Error> {
    let simulation = entry.simulation(world)?;
    let mut rows = Vec::new();
    for kind in kinds(simulation.as_ref()) {
        let options = Options { workload: Some(Workload::single(kind)), costs: true, ..Options::default() };
        let costs: Vec<_> = (args.seed..args.seed.saturating_add(args.runs))
            .filter_map(|seed| simulation.run(seed, &options).costs)
            .collect();
        let operations: Vec<_> = costs.iter().filter_map(|costs| costs.operations.first().copied()).collect();
        let Some(first) = operations.first() else { continue };
        let column = |at: usize| operations.iter().filter_map(|operation| numbers(operation)[at].2).collect();
        let mut cells: Vec<_> = (0..5).map(|at| Cell::median(numbers(first)[at].1, column(at))).collect();
        let stacks: Vec<_> = costs.iter().filter_map(|costs| costs.stack.map(of_links)).collect();
        let of_links = |(at, (name, _)): (usize, &(&str, u64))| {
            Cell::median(name, stacks.iter().map(|stack| stack[at].1).collect())
        };
        cells.extend(stacks.first().into_iter().flatten().enumerate().map(of_links));
        let answered = operations.iter().filter(|operation| operation.outcome == Ended::Ok).count();
        cells.push(Cell::measured(
            "% answered",
            Some(100.0 * answered as f64 / operations.len() as f64),
            None,
        ));
        rows.push(Row {
            n: world.environment.processes,
            kind: Some(kind.unwrap_or("request").to_owned()),
            cells,
        });
    }
    Ok(rows)
}

/// The rows of operations, and those of what is spent anyway.
fn parts(rows: &[Row]) -> impl Iterator<Item = Vec<&Row>> {
    let operations: Vec<_> = rows.iter().filter(|row| row.kind.is_some()).collect();
    let background: Vec<_> = rows.iter().filter(|row| row.kind.is_none()).collect();
    [operations, background].into_iter().filter(|part| !part.is_empty())
}

fn tell(desk: &Desk<'_>, name: &str, scope: &str, rows: &[Row]) {
    desk.printer.say(format!("cost {name}: {scope}"));
    for part in parts(rows) {
        let mut lines = Vec::new();
        let titles = part[0].cells.iter().map(|cell| match part[0].kind {
            Some(_) => cell.title(),
            None => format!("{} a period", cell.title()),
        });
        lines.push(["n".to_owned(), "operation".to_owned()].into_iter().chain(titles).collect::<Vec<_>>());
        for row in &part {
            let kind = row.kind.clone().unwrap_or_else(|| "(none)".to_owned());
            let cells = row.cells.iter().map(Cell::text);
            lines.push([row.n.to_string(), kind].into_iter().chain(cells).collect());
        }
        for line in columns(&lines) {
            desk.printer.say(line);
        }
    }
    for row in rows {
        for cell in &row.cells {
            desk.printer.event(&json!({
                "event": "cost", "algorithm": name, "n": row.n, "operation": row.kind, "metric": cell.name,
                "measured": cell.measured, "low": cell.band.map(|b| b.0), "high": cell.band.map(|b| b.1),
                "formula": cell.formula, "stated": cell.stated, "equal": cell.formula.map(|_| !cell.differs()),
            }));
        }
    }
    let stated = rows.iter().flat_map(|row| &row.cells).filter(|cell| cell.formula.is_some());
    let (all, wrong) = stated.fold((0, 0), |(all, wrong), cell| (all + 1, wrong + u32::from(cell.differs())));
    desk.printer.say(match (all, wrong) {
        (0, _) => "no formula is held against these".to_owned(),
        (all, 0) => format!("✓ all {all} numbers that have a formula are what it states"),
        (all, wrong) => format!("✗ {wrong} of {all} numbers are not what their formulas state"),
    });
}

fn csv(rows: &[Row]) -> String {
    let mut text = String::from("n,operation,metric,measured,low,high,formula,stated\n");
    let number = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
    for row in rows {
        for cell in &row.cells {
            let _ = writeln!(
                text,
                "{},{},{},{},{},{},{},{}",
                row.n,
                row.kind.as_deref().unwrap_or_default(),
                cell.name,
                number(cell.measured),
                number(cell.band.map(|b| b.0)),
                number(cell.band.map(|b| b.1)),
                cell.formula.unwrap_or_default(),
                cell.stated.map(|stated| stated.to_string()).unwrap_or_default()
            );
        }
    }
    text
}

/// A panel a metric; measured and stated against n.
fn chart(name: &str, scope: &str, rows: &[Row]) -> Chart {
    let mut panels = Vec::new();
    for part in parts(rows) {
        for at in 0..part[0].cells.len() {
            let mut kinds: Vec<_> = part.iter().map(|row| row.kind.as_deref()).collect();
            kinds.sort_unstable();
            kinds.dedup();
            let of = |kind: Option<&str>, value: &dyn Fn(&Cell) -> Option<(f64, Option<(f64, f64)>)>| {
                let point = |row: &&&Row| {
                    let (y, band) = value(row.cells.get(at)?)?;
                    Some(Point { x: row.n.into(), y, band })
                };
                part.iter().filter(|row| row.kind.as_deref() == kind).filter_map(|row| point(&row)).collect()
            };
            let mut series: Vec<_> = kinds
                .iter()
                .map(|&kind| Series {
                    label: kind.map_or_else(|| "measured".to_owned(), |kind| format!("{kind}, measured")),
                    points: of(kind, &|cell| Some((cell.measured?, cell.band))),
                    stated: false,
                })
                .collect();
            // a formula that counts firings has its own value in every run
            if let Some(formula) = part[0].cells[at].formula.filter(|formula| !formula.contains("firings")) {
                series.push(Series {
                    label: format!("stated: {formula}"),
                    points: of(kinds[0], &|cell| Some((cell.stated? as f64, None))),
                    stated: true,
                });
            }
            let each = if part[0].kind.is_some() { "an operation" } else { "a period" };
            let y = match part[0].cells[at].name.as_str() {
                share if share.starts_with('%') => share.to_owned(),
                name => format!("{name} {each}"),
            };
            panels.push(Panel { x: "n (processes)".to_owned(), y, series });
        }
    }
    Chart { title: format!("What an operation of {name} costs"), subtitle: scope.to_owned(), panels }
}
