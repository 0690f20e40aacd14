//! A real cluster: an OS process per process, sockets on loopback, disks; nodes killed and links cut.

use super::{World, confirm, number, report, setting, stack};
use crate::environment::has_faults;
use crate::error::Error;
use crate::registry::Entry;
use crate::report::{Report, count, grouped};
use crate::watch::{Interrupt, Watch};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use synod_kernel::trace::{self, Broken};
use synod_model::failure::{FailureKind, FailureModel};
use synod_model::link::{Guarantee, LinkKind, LinkModel};
use synod_model::{FailuresOf, LinkOf, Process, ProcessId};
use synod_properties::{Algorithm, GroundKind};
use synod_runtime::cluster::{Cluster, ClusterError, ClusterOptions, Fault, NetworkKind};
use synod_runtime::disk::OsDisk;
use synod_runtime::drive::{Driven, Plan, Progress, drive};
use synod_runtime::execution::{Execution, Merged};
use synod_runtime::link::{LinkSettings, Security, Transport};
use synod_runtime::nemesis::{self, ROUNDS_MIN};
use synod_runtime::node::{NodeConfig, run_node_alone};
use synod_runtime::oversight::{Oversight, oversight};
use synod_runtime::replay::{self, ReplayError};
use synod_runtime::retrace::{self, RetraceError};

/// How long a round may take before the next one begins all the same.
const ROUND_MAX: Duration = Duration::from_secs(2);
/// How long a round takes while a link is cut: what is owed then may have to wait until it heals.
const ROUND_MAX_CUT: Duration = Duration::from_millis(200);
/// How long the end may take: until nobody owes anything.
const SETTLE_MAX: Duration = Duration::from_secs(20);
/// How long all rounds together may take.
const RUN_MAX: Duration = Duration::from_mins(1);
/// How long after it is set a pulse fires.
pub(crate) const PULSE: Duration = Duration::from_millis(20);

/// What a cluster is asked.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether nodes are killed and links cut.
    pub faults: bool,
    /// The port of process 0; free ones are looked for if there is none.
    pub first_port: Option<u16>,
    /// A new directory for logs and records.
    pub directory: PathBuf,
    /// What carries the messages, if that is not for the model to say.
    pub transport: Option<Transport>,
    /// What keeps others from speaking in a process's name.
    pub security: Option<Security>,
}

/// What a cluster of an algorithm is made of, without its types.
pub struct Deployment {
    /// What all processes know.
    pub parameters: Value,
    /// By process: what is asked of it, in order.
    pub requests: Vec<Vec<Value>>,
    /// Knows what is owed.
    pub oversight: Box<dyn Oversight>,
    /// The links that its model asks for.
    pub links: LinkKind,
    /// How processes fail in its model.
    pub failures: FailureKind,
}

impl Deployment {
    /// The nodes' links, and what is said of them.
    pub(crate) fn links(
        &self,
        transport: Option<Transport>,
        security: Option<Security>,
    ) -> Result<(LinkSettings, Option<String>), Error> {
        let links = stack::links(self.links, self.failures, transport, security)?;
        let over = if stack::stack(self.links).is_some() { "selective repeat over " } else { "" };
        let said = match (links.transport, links.security) {
            (Transport::Udp, Security::None) => Some(format!("the links: {over}UDP datagrams")),
            (Transport::Udp, _) => Some(format!("the links: {over}UDP datagrams with authentication codes")),
            (_, Security::None) if self.links.authenticated => Some(
                "the links: TCP, on trust: whoever reaches a port can speak in a process's name".to_owned(),
            ),
            (_, Security::None) => None,
            _ => Some("the links: TLS 1.3 with mutual certificates".to_owned()),
        };
        let promises = self.links.guarantees();
        let kept = if promises.has(Guarantee::DurableSending) {
            Some("the links: inbox and outbox are in each node's log")
        } else if promises.has(Guarantee::LoggedDelivery) {
            Some("the links: the inbox is in each node's log")
        } else {
            None
        };
        let said = said.into_iter().chain(kept.map(str::to_owned)).reduce(|a, b| format!("{a}; {b}"));
        Ok((links, said))
    }
}

/// What a cluster of the algorithm `A` is made of, in a world.
pub fn deploy<A: Algorithm>(world: &World) -> Result<Deployment, Error> {
    let setting = setting::<A>(world)?;
    let formless = |e: serde_json::Error| Error::Cluster {
        what: format!("a value of {} has no form in JSON: {e}", A::NAME),
        hint: "keys of maps must be strings or numbers: use a list of pairs".to_owned(),
    };
    let values = |all: &Vec<_>| all.iter().map(serde_json::to_value).collect::<Result<_, _>>();
    Ok(Deployment {
        parameters: serde_json::to_value(&setting.parameters).map_err(formless)?,
        requests: setting.requests.iter().map(values).collect::<Result<_, _>>().map_err(formless)?,
        oversight: oversight::<A::Process>(A::monitor(&world.scale)),
        links: <LinkOf<A::Process> as LinkModel>::KIND,
        failures: <FailuresOf<A::Process> as FailureModel>::KIND,
    })
}

/// Judges the records of a cluster of the algorithm `A`; the trace of the run is kept beside `directory`, if it is.
pub fn judge<A: Algorithm>(world: &World, records: &Path, keep: Option<&Path>) -> Result<Report, Error> {
    let unreadable = |what: String, hint: &str| Error::Cluster { what, hint: hint.to_owned() };
    let execution =
        Execution::<A::Process>::load(records).map_err(|e| unreadable(e.to_string(), e.hint()))?;
    let merged = execution.merge();
    let judgement = synod_runtime::judge::judge(&merged, A::monitor(&world.scale));
    let mut report = report(A::NAME, GroundKind::Run, world, judgement.verdicts.clone());
    number(&mut report.numbers, "observations", judgement.observations);
    hold_to_the_model(&mut report, &execution, &merged);
    let broken = judgement
        .violation
        .as_ref()
        .map(|(violation, _)| Broken { property: violation.property.clone(), what: violation.what.clone() });
    retell::<A>(&mut report, &execution, broken, keep);
    Ok(report)
}

/// What the records of a cluster come to when they are run again.
pub struct Again {
    /// By process: what came out the same; or the first difference.
    pub nodes: Result<BTreeMap<ProcessId, replay::Again>, ReplayError>,
    /// The run as one trace of the kernel's world.
    pub trace: Result<String, RetraceError>,
}

/// Runs the records of a cluster of the algorithm `A` again.
pub fn again<A: Algorithm>(records: &Path) -> Result<Again, Error> {
    let execution = Execution::<A::Process>::load(records)?;
    Ok(Again { nodes: replay::verify_each(&execution), trace: retrace::trace(A::NAME, &execution, None) })
}

/// Runs a cluster of an algorithm.
pub fn run(entry: &Entry, world: &World, options: &Options, watch: &Watch) -> Result<Report, Error> {
    let deployment = (entry.deploy)(world)?;
    let (links, said) = deployment.links(options.transport, options.security)?;
    let started = Instant::now();
    watch.tell(|| "starting the nodes".to_owned());
    let rounds = rounds(&deployment.requests, ROUNDS_MIN);
    let asked = deployment.requests.iter().map(Vec::len).max().unwrap_or(0);
    let faults = if options.faults { nemesis::plan(&world.environment, asked) } else { Vec::new() };
    let cluster = Cluster::start(
        ClusterOptions {
            algorithm: entry.name().to_owned(),
            processes: world.environment.processes,
            parameters: deployment.parameters,
            bounds: world.environment.timing.bounds,
            directory: options.directory.clone(),
            first_port: options.first_port,
            pulse: PULSE,
            seed: 0,
            links,
            record: true,
            network: NetworkKind::Proxy,
        },
        itself(entry.name()),
    )
    .map_err(refused)?;
    let records = cluster.0.records();
    let plan = Plan {
        rounds,
        faults,
        schedule: Vec::new(),
        comes_back: true,
        ask_again: true,
        round_max: ROUND_MAX,
        round_max_cut: ROUND_MAX_CUT,
        settle_max: SETTLE_MAX,
        run_max: RUN_MAX,
    };
    let driven = drive(
        cluster,
        &plan,
        deployment.oversight,
        |progress| tell(watch, &progress),
        || watch.interrupted(),
    )
    .map_err(refused)?;
    watch.tell(|| "judging the records".to_owned());
    let mut report = (entry.judge)(world, &records, Some(&options.directory))?;
    let judged = std::mem::take(&mut report.notes);
    describe(&mut report, world, options, plan.rounds.len(), &driven);
    report.notes.extend(said);
    report.notes.extend(judged);
    report.interrupted = watch.interrupted();
    report.elapsed = started.elapsed();
    Ok(report)
}

/// A node of such a cluster.
pub fn node<A: Algorithm>(configuration: &Path) -> Result<(), Error> {
    Interrupt::ignore();
    let failed =
        |e: synod_runtime::node::RunError| Error::Cluster { what: e.to_string(), hint: e.hint().to_owned() };
    let config = NodeConfig::<A::Process>::load(configuration).map_err(failed)?;
    let stack = stack::stack(<LinkOf<A::Process> as LinkModel>::KIND);
    run_node_alone::<A::Process>(&OsDisk, &config, stack).map_err(failed)
}

/// This program, as a node of an algorithm.
pub(crate) fn itself(algorithm: &str) -> impl Fn(&Path) -> Command + Send + 'static {
    let (program, algorithm) = (program(), algorithm.to_owned());
    move |configuration| {
        let mut command = Command::new(&program);
        command.arg("node").arg(&algorithm).arg(configuration);
        command
    }
}

/// This program.
pub(crate) fn program() -> PathBuf {
    // where a program cannot tell what it is, the name that it was called by finds it again
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from(crate::args::program_name()))
}

pub(crate) fn refused(error: ClusterError) -> Error {
    Error::Cluster { what: error.to_string(), hint: error.hint().to_owned() }
}

/// A new directory for a cluster of this algorithm.
pub fn scratch_directory(algorithm: &str) -> Result<PathBuf, Error> {
    let runs = Path::new(".synod/runs");
    let unwritable = |source| Error::Unwritable { path: runs.to_owned(), source };
    fs::create_dir_all(runs).map_err(unwritable)?;
    let free = (0..10_000).map(|k| runs.join(format!("{algorithm}-{k}"))).find(|path| !path.exists());
    free.ok_or_else(|| unwritable(std::io::ErrorKind::AlreadyExists.into()))
}

/// Who is asked what, by round: in each, the next request of every process; so many rounds at least.
pub(crate) fn rounds(requests: &[Vec<Value>], least: usize) -> Vec<Vec<(ProcessId, Value)>> {
    let longest = requests.iter().map(Vec::len).max().unwrap_or(0).max(least);
    let round = |number: usize| {
        let all = requests.iter().enumerate();
        all.filter_map(|(p, all)| Some((ProcessId(p as u32), all.get(number)?.clone()))).collect()
    };
    (0..longest).map(round).collect()
}

fn tell(watch: &Watch, progress: &Progress) {
    watch.tell(|| match progress {
        Progress::Round { done, of } => format!("round {done} of {of}"),
        Progress::Fault(fault) => fault.to_string(),
        Progress::Settling => "waiting for what is owed".to_owned(),
    });
}

fn describe(report: &mut Report, world: &World, options: &Options, planned: usize, driven: &Driven) {
    let observations = report.numbers.get("observations").and_then(Value::as_u64).unwrap_or(0);
    let kills = driven.effective(|fault| matches!(fault, Fault::Kill(_)));
    let restarts = driven.effective(|fault| matches!(fault, Fault::Restart(_)));
    let cuts = driven.effective(|fault| matches!(fault, Fault::Cut(..)));
    report.scope = format!(
        "{} on loopback: {}, {kills} kill -9, {restarts} restarts, {} took effect",
        count(world.environment.processes.into(), "OS process", "OS processes"),
        format_args!("{} of {planned} rounds done", driven.rounds_paid),
        count(cuts as u64, "cut link", "cut links"),
    );
    for (name, value) in [
        ("rounds", driven.rounds),
        ("rounds_paid", driven.rounds_paid),
        ("requests", driven.requests),
        ("kills", kills),
        ("restarts", restarts),
        ("cuts", cuts),
    ] {
        number(&mut report.numbers, name, value);
    }
    report.notes.push(format!(
        "{} recorded, {} observed; one schedule of one machine, not all",
        count(driven.requests as u64, "request", "requests"),
        count(observations, "event", "events"),
    ));
    let is_fault = |fault: &Fault| matches!(fault, Fault::Kill(_) | Fault::Restart(_) | Fault::Cut(..));
    let faults = driven.faults.iter().filter(|injected| is_fault(&injected.fault));
    let idle: Vec<_> = faults.filter(|injected| !injected.effective).map(|i| i.fault.to_string()).collect();
    if !idle.is_empty() {
        report.notes.push(format!("without effect: {}", idle.join(", ")));
    }
    if options.faults && has_faults(&world.environment) && driven.effective(is_fault) == 0 {
        report.inconclusive.push("no fault took effect although there are budgets for some".to_owned());
    }
    beyond_the_links(report, driven);
    if driven.timed_out {
        report.inconclusive.push(format!("time ran out after {} of {planned} rounds", driven.rounds));
    }
}

/// What links gave up that their model has them deliver: their queues are bounded, whatever befalls a peer.
pub(crate) fn beyond_the_links(report: &mut Report, driven: &Driven) {
    for (p, node) in &driven.nodes {
        for (q, link) in node.links.iter().filter(|(_, link)| link.outside_model > 0) {
            let lost = count(link.outside_model, "message", "messages");
            report.inconclusive.push(format!(
                "outside of the model: {p} dropped {lost} to {q}, which had not crashed: too much waited for it"
            ));
        }
    }
}

/// Holds the recorded run against what the model says of links and handlers.
fn hold_to_the_model<P: Process>(report: &mut Report, execution: &Execution<P>, merged: &Merged<'_, P>) {
    match replay::verify(execution) {
        Ok(handlers) => report.notes.push(format!(
            "{} ran again from the records, each effect the same byte for byte",
            count(handlers as u64, "handler", "handlers")
        )),
        Err(error) => report.nondeterminism = Some(error.to_string()),
    }
    match execution.check_links() {
        Ok(deliveries) => {
            report
                .notes
                .push(format!("{} deliveries: none invented, none twice", grouped(deliveries as u64)));
        }
        Err(error) => report.inconclusive.push(format!("outside of the model: {error}")),
    }
    if merged.unplaced > 0 {
        report.inconclusive.push(format!("{} deliveries without a recorded send", merged.unplaced));
    }
}

/// The run as one trace: what a cluster did must be a run of the kernel's world, and replay in it.
fn retell<A: Algorithm>(
    report: &mut Report,
    execution: &Execution<A::Process>,
    broken: Option<Broken>,
    keep: Option<&Path>,
) {
    let violated = broken.is_some();
    let content = match retrace::trace(A::NAME, execution, broken) {
        Ok(content) => content,
        Err(error) => return untold(report, &error),
    };
    if violated {
        return confirm(report, super::replay::replay::<A>, content, None);
    }
    if let Err(error) = trace::replay::<A::Process>(&content) {
        report.nondeterminism = Some(format!("the recorded run does not replay: {error}"));
        return;
    }
    let steps = grouped(content.lines().count() as u64 - 2);
    let note = format!("as one trace: {steps} steps of the kernel's world, which replay exactly");
    // by its content, beside the logs and records: no later run takes its place
    let file = keep.map(|by| by.with_file_name(format!("{}-{}.jsonl", A::NAME, trace::name(&content))));
    report.notes.push(match file.map(|file| (fs::write(&file, content), file)) {
        None => note,
        Some((Ok(()), file)) => format!("{note}; kept as {}", file.display()),
        Some((Err(error), file)) => format!("{note}; not kept: {}: {error}", file.display()),
    });
}

/// Why the run cannot be told as one of the kernel's world. Where the same choices have other consequences there, that is
/// the algorithm's; else something happened that its model does not have.
fn untold(report: &mut Report, error: &RetraceError) {
    match error {
        RetraceError::Differs { .. } => report.nondeterminism = Some(error.to_string()),
        _ => report.inconclusive.push(format!("no run of the model: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn other_consequences_are_nondeterminism_and_what_cannot_happen_is_inconclusive() {
        let exit = |error: &RetraceError| {
            let mut report = crate::report::tests::report(Vec::new());
            untold(&mut report, error);
            report.exit()
        };
        let (path, text) = (PathBuf::from("p0.jsonl"), String::new);
        let differs = RetraceError::Differs { path: path.clone(), line: 3, recorded: text(), retold: text() };
        assert_eq!(exit(&differs), Exit::Nondeterminism);
        assert_eq!(exit(&RetraceError::Disk { path }), Exit::Inconclusive);
    }
}
