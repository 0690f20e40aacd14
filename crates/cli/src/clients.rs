//! Clients on the command line and in reports: workloads, and what they and their operations come to.

use crate::error::Error;
use crate::report::{Report, grouped};
use clap::{Args, ValueEnum};
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;
use synod_kernel::environment::duration;
use synod_properties::OperationKind;
use synod_sim::cost::{KindSummary, Spread, Stack, WINDOW};
use synod_sim::workload::Arrivals;
use synod_sim::{Distribution, Outcome, Summary, Workload};

/// What clients do, in place of the requests that an algorithm is asked anyway.
#[derive(Clone, Debug, Default, Args)]
pub struct Clients {
    /// Closed loop: so many clients, each with one operation after the other.
    #[arg(long, value_name = "NUMBER", conflicts_with = "rate")]
    pub clients: Option<u32>,
    /// Open loop: so many operations a second of virtual time, on average, at random (Poisson).
    #[arg(long, value_name = "NUMBER")]
    pub rate: Option<f64>,
    /// How many operations there are in a run.
    #[arg(long, value_name = "NUMBER")]
    pub operations: Option<u64>,
    /// How long a client waits for an operation.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub timeout: Option<Duration>,
    /// How often a client tries an operation again whose outcome is unknown or failed.
    #[arg(long, value_name = "NUMBER")]
    pub retries: Option<u32>,
}

impl Clients {
    fn any(&self) -> bool {
        self.clients.is_some()
            || self.rate.is_some()
            || self.operations.is_some()
            || self.timeout.is_some()
            || self.retries.is_some()
    }

    /// As a command line.
    pub fn line(&self) -> String {
        let mut line = String::new();
        for (name, value) in [
            ("clients", self.clients.map(|n| n.to_string())),
            ("rate", self.rate.map(|rate| rate.to_string())),
            ("operations", self.operations.map(|n| n.to_string())),
            ("timeout", self.timeout.map(duration::format)),
            ("retries", self.retries.map(|n| n.to_string())),
        ] {
            if let Some(value) = value {
                let _ = write!(line, " --{name} {value}");
            }
        }
        line
    }

    /// The workload of a file, changed by these; none where neither says anything.
    pub fn workload(
        &self,
        file: Option<&Workload>,
        kinds: &[OperationKind],
    ) -> Result<Option<Workload>, Error> {
        if file.is_none() && !self.any() {
            return Ok(None);
        }
        let mut workload = file.cloned().unwrap_or_default();
        if let Some(clients) = self.clients {
            let think = match workload.arrivals {
                Arrivals::Closed { think, .. } => think,
                _ => Distribution::Constant { value: Duration::ZERO },
            };
            workload.arrivals = Arrivals::Closed { clients, think };
        }
        if let Some(rate) = self.rate {
            workload.arrivals = Arrivals::Poisson { rate };
        }
        workload.operations = self.operations.or(workload.operations);
        workload.timeout = self.timeout.unwrap_or(workload.timeout);
        workload.retries = self.retries.unwrap_or(workload.retries);
        workload.fits(kinds).map_err(|what| Error::Arguments {
            what: format!("the workload makes no sense: {what}"),
            hint: "docs/experiments.md describes the keys of `[sim.workload]`".to_owned(),
        })?;
        Ok(Some(workload))
    }
}

/// Where the history that clients saw goes.
#[derive(Clone, Debug, Default, Args)]
pub struct Measured {
    /// Write there what clients saw in the first run, or in the one that refutes something: JSON Lines, as the judge reads them.
    #[arg(long, value_name = "FILE")]
    pub history: Option<PathBuf>,
    /// Count what runs cost: messages, bytes, message delays and stable writes. With a workload they are counted anyway.
    #[arg(long)]
    pub costs: bool,
}

/// What can be measured of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Metric {
    /// Half of the operations that were answered took at most so long.
    P50,
    /// 90 % of them.
    P90,
    /// 99 % of them.
    P99,
    /// 99.9 % of them.
    P999,
    /// The longest.
    Slowest,
    /// Operations that were answered, a second.
    Throughput,
    /// The share of operations that were answered while their clients waited.
    Availability,
    /// Messages an operation.
    Messages,
    /// Bytes an operation.
    Bytes,
    /// Message delays to an answer.
    Delays,
    /// Stable writes an operation.
    Writes,
    /// Retries an operation.
    Retries,
    /// Over links that transformers make: how many messages they send for each that the algorithm does.
    Amplification,
    /// Messages that were delivered, a run.
    Delivered,
    /// Steps, a run.
    Steps,
    /// The share of runs that refute a property.
    Violations,
}

impl Metric {
    /// Its name on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// What it is, with its unit.
    pub const fn label(self) -> &'static str {
        match self {
            Self::P50 => "latency, median (ms)",
            Self::P90 => "latency, 90 % (ms)",
            Self::P99 => "latency, 99 % (ms)",
            Self::P999 => "latency, 99.9 % (ms)",
            Self::Slowest => "latency, longest (ms)",
            Self::Throughput => "operations answered a second",
            Self::Availability => "share of operations answered",
            Self::Messages => "messages an operation",
            Self::Bytes => "bytes an operation",
            Self::Delays => "message delays an operation",
            Self::Writes => "stable writes an operation",
            Self::Retries => "retries an operation",
            Self::Amplification => "messages sent for each of the algorithm's",
            Self::Delivered => "messages delivered a run",
            Self::Steps => "steps a run",
            Self::Violations => "share of runs that violate",
        }
    }

    /// Its value in a run, if it has one there.
    pub fn of(self, outcome: &Outcome, summary: &Summary, total: &KindSummary) -> Option<f64> {
        let operations = total.ok + total.failed + total.unknown;
        let latency = |share| total.latency_us.quantile(share).map(|us| us as f64 / 1e3);
        match self {
            Self::P50 => latency(0.5),
            Self::P90 => latency(0.9),
            Self::P99 => latency(0.99),
            Self::P999 => latency(0.999),
            Self::Slowest => total.latency_us.max().map(|us| us as f64 / 1e3),
            Self::Throughput => summary.throughput(),
            Self::Availability => summary.availability(),
            Self::Messages => total.messages.mean(),
            Self::Bytes => total.bytes.mean(),
            Self::Delays => total.delays.mean(),
            Self::Writes => total.writes.mean(),
            Self::Retries => (operations > 0).then(|| total.retries as f64 / operations as f64),
            Self::Amplification => summary.stack.and_then(|stack| stack.messages_factor()),
            Self::Delivered => Some(outcome.delivered as f64),
            Self::Steps => Some(outcome.steps as f64),
            Self::Violations => Some(f64::from(u8::from(outcome.broken().is_some()))),
        }
    }
}

/// A time in microseconds, for people.
pub fn microseconds(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} us"),
        1_000..10_000_000 => format!("{:.1} ms", us as f64 / 1e3),
        _ => format!("{:.1} s", us as f64 / 1e6),
    }
}

/// A mean, for people.
fn mean(spread: &Spread) -> Option<String> {
    spread.mean().map(|mean| if mean < 100.0 { format!("{mean:.1}") } else { grouped(mean.round() as u64) })
}

/// Tells what operations came to and what they cost.
pub fn describe(report: &mut Report, summary: &Summary) {
    report.numbers.insert("costs".to_owned(), serde_json::to_value(summary).unwrap_or_default());
    report.notes.extend(summary.stack.map(|stack| of_links(&stack, summary)));
    let total = summary.total();
    if total.ok + total.failed + total.unknown == 0 {
        let traffic = summary.background;
        report.notes.push(format!(
            "costs, all runs together: {} messages of {} bytes, {} stable writes (to oneself not counted)",
            grouped(traffic.messages),
            grouped(traffic.bytes),
            grouped(traffic.writes)
        ));
        return;
    }
    let mut line = format!(
        "operations: {} answered, {} refused, {} unknown, {} tried again",
        grouped(total.ok),
        grouped(total.failed),
        grouped(total.unknown),
        grouped(total.retries)
    );
    if let Some(throughput) = summary.throughput() {
        let _ = write!(line, "; {throughput:.1} answered a second");
    }
    report.notes.push(line);
    for (kind, of) in &summary.kinds {
        let at = |share| of.latency_us.quantile(share).map_or_else(|| "-".to_owned(), microseconds);
        report.notes.push(format!(
            "latency of {kind}: p50 {}, p90 {}, p99 {}, p99.9 {}, most {}",
            at(0.5),
            at(0.9),
            at(0.99),
            at(0.999),
            of.latency_us.max().map_or_else(|| "-".to_owned(), microseconds)
        ));
        let parts = [
            ("messages", &of.messages),
            ("bytes", &of.bytes),
            ("message delays", &of.delays),
            ("stable writes", &of.writes),
        ];
        let parts: Vec<_> =
            parts.iter().filter_map(|(name, spread)| Some(format!("{} {name}", mean(spread)?))).collect();
        report.notes.push(format!("a {kind} costs on average: {}", parts.join(", ")));
    }
    report.notes.extend(availability(summary));
}

/// What links cost that transformers make, beside what the algorithm asks of them.
pub(crate) fn of_links(stack: &Stack, summary: &Summary) -> String {
    let Stack { upper, all } = stack;
    let factor = |factor: Option<f64>, of: &str| factor.map(|factor| format!("x {factor:.1} {of}"));
    let factors = [factor(stack.messages_factor(), "messages"), factor(stack.bytes_factor(), "bytes")];
    let mut line = format!(
        "what the links cost: the algorithm sends {} messages of {} bytes, they send {} of {}",
        grouped(upper.messages),
        grouped(upper.bytes),
        grouped(all.messages),
        grouped(all.bytes)
    );
    let factors: Vec<_> = factors.into_iter().flatten().collect();
    if !factors.is_empty() {
        let _ = write!(line, " ({})", factors.join(", "));
    }
    // a crash inside of a handler cuts off what the algorithm had said
    let writes = all.writes.saturating_sub(upper.writes);
    if writes > 0 {
        let _ = write!(line, "; {} stable writes of their own", grouped(writes));
    }
    let total = summary.total();
    let operations = total.ok + total.failed + total.unknown;
    if operations > 0 {
        let each = |messages: u64| messages as f64 / operations as f64;
        let _ = write!(line, "; an operation {:.1} and {:.1}", each(upper.messages), each(all.messages));
    }
    line
}

/// The share of operations that were answered, and the worst window.
fn availability(summary: &Summary) -> Option<String> {
    let all = summary.availability()?;
    let share = |window: &synod_sim::cost::Window| window.answered as f64 / window.begun as f64;
    let windows = summary.availability.iter().enumerate().filter(|(_, window)| window.begun > 0);
    let (worst, window) = windows.min_by(|(_, a), (_, b)| share(a).total_cmp(&share(b)))?;
    Some(format!(
        "availability: {:.2} % of the operations answered while their clients waited; least in second {} of the runs, {:.2} %",
        100.0 * all,
        worst as u64 * WINDOW.as_secs() + 1,
        100.0 * share(window)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [OperationKind; 1] = [OperationKind::plain("read")];

    #[test]
    fn flags_change_the_workload_of_a_file_and_nonsense_is_refused() {
        let none = Clients::default();
        assert_eq!(none.workload(None, &KINDS).unwrap(), None);
        let file = Workload { retries: 2, ..Workload::default() };
        assert_eq!(none.workload(Some(&file), &KINDS).unwrap().as_ref(), Some(&file));
        let flags = Clients { rate: Some(50.0), operations: Some(9), ..Clients::default() };
        let made = flags.workload(Some(&file), &KINDS).unwrap().expect("a workload");
        assert_eq!(
            (made.arrivals, made.operations, made.retries),
            (Arrivals::Poisson { rate: 50.0 }, Some(9), 2)
        );
        assert_eq!(flags.line(), " --rate 50 --operations 9");
        let flags = Clients { rate: Some(0.0), ..Clients::default() };
        let refused = flags.workload(None, &KINDS).expect_err("nothing would come").to_string();
        assert!(refused.contains("`arrivals.rate` = 0 is out of bounds"), "{refused}");
    }

    #[test]
    fn times_are_for_people() {
        assert_eq!(microseconds(999), "999 us");
        assert_eq!(microseconds(12_345), "12.3 ms");
        assert_eq!(microseconds(12_345_678), "12.3 s");
    }
}
