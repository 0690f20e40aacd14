//! Algorithms in discrete time: messages, steps and clocks within bounds that are known, or that come to hold at some
//! time. Constants count ticks; in the runs that are told a tick is a nanosecond.

use super::gallery::{COUNTED_MAX, blank, broken};
use super::rounds::{Total, constant, number, together, twin};
use super::{at_least, defect};
use std::marker::PhantomData;
use std::time::{Duration, Instant};
use synod_algorithms::coordination::{Acquire, Lease, lease};
use synod_algorithms::detectors::exclude_on_timeout;
use synod_algorithms::detectors::{DetectorParameters, ElectLowerEpoch, ExcludeOnTimeout};
use synod_check::time::Timed;
use synod_check::{SystemReport, SystemRun, check_system};
use synod_cli::checkable::{Asked, Constant, Section};
use synod_cli::error::Error;
use synod_cli::grounds::check::{Options, refuse_unfit, telling, with_advice};
use synod_cli::registry::ModelCard;
use synod_cli::report::{Failure, Report};
use synod_cli::watch::Watch;
use synod_cli::{Checkable, Entry};
use synod_kernel::{Budget, Environment, Setting};
use synod_model::failure::FailureKind;
use synod_model::interface::LeaseEvent;
use synod_model::timing::TimingKind;
use synod_model::{Bounds, Never, Process, ProcessId, Timeout};
use synod_properties::leader::{ELD1, ELD2, LeaderMonitor};
use synod_properties::lease::LeaseMonitor;
use synod_properties::perfect_detector::{PFD1, PerfectDetectorMonitor};
use synod_properties::{
    Algorithm, Completion, Cost, GroundKind, Metric, Monitor, Property, Scale, Told, Twin, Verdict, usual,
};

pub(super) fn all() -> Vec<Box<dyn Checkable>> {
    vec![
        Box::new(InTime::<Leases>(PhantomData)),
        Box::new(InTime::<Exclusion>(PhantomData)),
        Box::new(InTime::<Election>(PhantomData)),
    ]
}

/// An algorithm as a check in discrete time takes it.
trait TimedAlgorithm: 'static {
    type Process: Process;
    type Monitor: Monitor<<Self::Process as Process>::Request, <Self::Process as Process>::Indication>;

    const NAME: &'static str;
    const PAGE: &'static str;
    const TWINS: &'static [Twin];

    /// As the simulator takes it, where it does: in an environment, with clocks that drift.
    fn simulated() -> Option<Entry> {
        None
    }

    fn constants() -> Vec<Constant>;
    fn monitor(n: u32) -> Self::Monitor;
    /// What is explored with these constants.
    fn plan(asked: &Asked) -> Result<Plan<Self::Process>, Error>;
}

/// A world in time.
struct Plan<P: Process> {
    setting: Setting<P>,
    /// In words.
    world: String,
    /// By when what is owed is to be paid.
    due: Option<(Property, Duration)>,
    /// Of what nothing is to be owed from some time on.
    for_good: Vec<Property>,
}

fn ticks(ticks: u32) -> Duration {
    Duration::from_nanos(ticks.into())
}

/// What may be said of a synchronous world.
fn synchronous_constants(n: Constant, f: Constant) -> Vec<Constant> {
    vec![
        n,
        f,
        constant("delay", "how many ticks a message takes at most", "1", 0, 4),
        constant("step", "how many ticks a handler, or a timer, may be late", "0", 0, 2),
        constant("drift", "how many percent a clock may be fast or slow", "0", 0, 50),
    ]
}

/// `n` processes, some of which may crash, that keep to the bounds asked for; in words, too.
fn synchronous(asked: &Asked, n: u32, f: u32) -> (Environment, Bounds, String) {
    let [delay, step, drift] =
        [("delay", 1), ("step", 0), ("drift", 0)].map(|(c, usual)| number(asked, c, usual));
    let bounds = Bounds { delay: ticks(delay), step: ticks(step), drift_ppm: drift * 10_000 };
    let mut environment = Environment::benign(n);
    environment.failures.kind = FailureKind::CrashStop;
    environment.failures.stops = Budget::AtMost(f);
    environment.links.delay_max = bounds.delay;
    environment.timing.kind = TimingKind::Synchronous;
    environment.timing.bounds = Some(bounds);
    (environment, bounds, format!("n = {n}, f = {f}, delay {delay}, step {step}, drift {drift} %"))
}

impl Algorithm for Leases {
    type Process = Lease;
    type Monitor = LeaseMonitor;

    const NAME: &'static str = <Self as TimedAlgorithm>::NAME;
    const PAGE: &'static str = <Self as TimedAlgorithm>::PAGE;
    const TWINS: &'static [Twin] = <Self as TimedAlgorithm>::TWINS;

    fn scale(_: GroundKind) -> Scale {
        Scale::new(4, 2)
    }

    fn parameters(scale: &Scale) -> Result<lease::Parameters, String> {
        at_least(scale, 2, "a server, and a client")?;
        let term = Duration::from_millis(500);
        Ok(lease::Parameters { term, excess: Duration::ZERO, clients: scale.n - 1, defect: defect(scale)? })
    }

    const COSTS: &'static [Cost] = &[
        Cost::operation(Metric::Messages, "2"),
        Cost::operation(Metric::Delays, "2"),
        Cost::operation(Metric::Writes, "0"),
    ];

    fn completes(told: &Told<'_, Acquire, LeaseEvent>) -> Option<Completion> {
        let acquired = told.asked == told.by && *told.indication == LeaseEvent::Acquired;
        acquired.then_some(Completion::Done("acquired"))
    }

    fn requests(scale: &Scale) -> Vec<Vec<Acquire>> {
        (0..scale.n).map(|p| if p == 0 { vec![] } else { vec![Acquire; scale.requests as usize] }).collect()
    }

    fn monitor(scale: &Scale) -> LeaseMonitor {
        LeaseMonitor::new(ProcessId(0), scale.n)
    }
}

impl Algorithm for Exclusion {
    type Process = ExcludeOnTimeout;
    type Monitor = PerfectDetectorMonitor;

    const NAME: &'static str = <Self as TimedAlgorithm>::NAME;
    const PAGE: &'static str = <Self as TimedAlgorithm>::PAGE;
    const TWINS: &'static [Twin] = <Self as TimedAlgorithm>::TWINS;

    fn scale(_: GroundKind) -> Scale {
        Scale::new(4, 0)
    }

    fn parameters(scale: &Scale) -> Result<exclude_on_timeout::Parameters, String> {
        Ok(exclude_on_timeout::Parameters {
            defect: defect(scale)?,
            ..exclude_on_timeout::Parameters::default()
        })
    }

    fn requests(_: &Scale) -> Vec<Vec<Never>> {
        Vec::new()
    }

    fn monitor(scale: &Scale) -> PerfectDetectorMonitor {
        PerfectDetectorMonitor::new(scale.n)
    }
}

/// A lease under drift.
struct Leases;

impl TimedAlgorithm for Leases {
    type Process = Lease;
    type Monitor = LeaseMonitor;

    const NAME: &'static str = "lease";
    const PAGE: &'static str = include_str!("../../../algorithms/src/coordination/lease.rs");
    const TWINS: &'static [Twin] = &[
        Twin::new("whole-term", "LS1", "a client holds the resource for the whole term by its own clock"),
        Twin::new("forgets", "LS2", "the server forgets who asks for the resource while it is lent"),
    ];

    fn simulated() -> Option<Entry> {
        Some(Entry::new::<Self>())
    }

    fn constants() -> Vec<Constant> {
        let mut all = synchronous_constants(
            constant("n", "a server, and clients that ask once", "3", 2, 4),
            constant("f", "how many may crash", "1", 0, 2),
        );
        all.push(constant("term", "for how many ticks the server lends it", "5", 1, 20));
        all.push(constant("excess", "how many ticks longer than is safe a client holds it", "0", 0, 20));
        all
    }

    fn monitor(n: u32) -> LeaseMonitor {
        LeaseMonitor::new(ProcessId(0), n)
    }

    fn plan(asked: &Asked) -> Result<Plan<Lease>, Error> {
        let n = number(asked, "n", 3);
        let (environment, bounds, world) = synchronous(asked, n, number(asked, "f", 1));
        let term = number(asked, "term", 5);
        let parameters = lease::Parameters {
            term: ticks(term),
            excess: ticks(number(asked, "excess", 0)),
            clients: n - 1,
            defect: twin(asked)?,
        };
        let Some(holds) = parameters.holds_max(bounds) else {
            let what = format!("a term of {term} is used up before a client can hold anything");
            return Err(together(what, <Self as TimedAlgorithm>::NAME));
        };
        let requests = (0..n).map(|p| if p == 0 { vec![] } else { vec![Acquire] }).collect();
        Ok(Plan {
            setting: Setting::new(environment, parameters, requests),
            world: format!("{world}, lent for {term}, held for at most {}", holds.as_nanos()),
            due: None,
            for_good: Vec::new(),
        })
    }
}

/// A perfect failure detector.
struct Exclusion;

impl TimedAlgorithm for Exclusion {
    type Process = ExcludeOnTimeout;
    type Monitor = PerfectDetectorMonitor;

    const NAME: &'static str = "exclude-on-timeout";
    const PAGE: &'static str = include_str!("../../../algorithms/src/detectors/exclude_on_timeout.rs");
    const TWINS: &'static [Twin] = &[
        Twin::new("one-way", "PFD2", "the timeout covers the way of a request, not that of its answer"),
        Twin::new("alive-kept", "PFD1", "who answered once is taken to be alive for ever"),
    ];

    fn simulated() -> Option<Entry> {
        Some(Entry::new::<Self>())
    }

    fn constants() -> Vec<Constant> {
        let mut all = synchronous_constants(
            constant("n", "processes", "2", 1, 3),
            constant("f", "how many may crash", "1", 0, 2),
        );
        all.push(constant("margin", "how many ticks longer than any answer takes it waits", "1", 0, 5));
        all.push(constant("within", "in how many ticks a crash is to be detected; 0: some day", "0", 0, 99));
        all
    }

    fn monitor(n: u32) -> PerfectDetectorMonitor {
        PerfectDetectorMonitor::new(n)
    }

    fn plan(asked: &Asked) -> Result<Plan<ExcludeOnTimeout>, Error> {
        let n = number(asked, "n", 2);
        let (environment, _, world) = synchronous(asked, n, number(asked, "f", 1));
        let (margin, within) = (number(asked, "margin", 1), number(asked, "within", 0));
        let parameters = exclude_on_timeout::Parameters { margin: ticks(margin), defect: twin(asked)? };
        let asks = vec![vec![]; n as usize];
        Ok(Plan {
            setting: Setting::new(environment, parameters, asks),
            world: format!("{world}, margin {margin}"),
            due: (within > 0).then(|| (PFD1, ticks(within))),
            for_good: Vec::new(),
        })
    }
}

/// A leader detector, where bounds hold from some time on.
struct Election;

impl TimedAlgorithm for Election {
    type Process = ElectLowerEpoch;
    type Monitor = LeaderMonitor;

    const NAME: &'static str = "elect-lower-epoch-in-time";
    const PAGE: &'static str = include_str!("../../../algorithms/src/detectors/elect_lower_epoch.rs");
    const TWINS: &'static [Twin] = &[
        Twin::new(
            "candidates-kept",
            "ELD1",
            "whoever was heard once is a candidate for ever, stopped or not",
        ),
        Twin::new("prefers-itself", "ELD2", "of equally low epochs each takes its own"),
    ];

    fn constants() -> Vec<Constant> {
        vec![
            constant("f", "how many of two processes may crash", "1", 0, 1),
            constant("longest", "how many ticks the longest timeout has; a period has one", "2", 1, 3),
        ]
    }

    fn monitor(n: u32) -> LeaderMonitor {
        LeaderMonitor::new(n)
    }

    fn plan(asked: &Asked) -> Result<Plan<ElectLowerEpoch>, Error> {
        let (f, longest) = (number(asked, "f", 1), number(asked, "longest", 2));
        let mut environment = usual::<<ElectLowerEpoch as Process>::Model>(GroundKind::Check, 2);
        (environment.links.delay_min, environment.links.delay_max) = (ticks(0), ticks(0));
        (environment.links.losses, environment.links.duplications) = (Budget::NONE, Budget::NONE);
        environment.failures.restarts = Budget::NONE;
        environment.failures.stops = Budget::AtMost(f);
        let timeout = Timeout { initial: ticks(1), increment: ticks(1), max: ticks(longest) };
        let parameters = DetectorParameters { period: ticks(1), timeout, defect: twin(asked)? };
        Ok(Plan {
            setting: Setting::new(environment, parameters, vec![vec![], vec![]]),
            world: format!(
                "n = 2, f = {f}, no restarts, delays shorter than a tick from some time on, longest timeout {longest}"
            ),
            due: None,
            for_good: vec![ELD1, ELD2],
        })
    }
}

/// Nothing here is of the shape that one algorithm has: any in time is checked so.
struct InTime<T>(PhantomData<fn() -> T>);

impl<T: TimedAlgorithm> InTime<T> {
    /// The world of a plan, in ticks.
    fn world(plan: &Plan<T::Process>) -> Result<Timed<'_, T::Process, T::Monitor>, Error> {
        let refused = |why: String| together(why, T::NAME);
        let monitor = T::monitor(plan.setting.environment.processes);
        let mut world = Timed::new(&plan.setting, monitor, |_| 0)
            .and_then(|world| world.ticking(ticks(1)))
            .map_err(refused)?;
        for property in &plan.for_good {
            world = world.for_good(*property);
        }
        if let Some((property, within)) = plan.due {
            world = world.due(property, within);
        }
        Ok(world)
    }
}

impl<T: TimedAlgorithm> Checkable for InTime<T> {
    fn section(&self) -> Section {
        Section::Time
    }

    fn name(&self) -> &'static str {
        T::NAME
    }

    fn source(&self) -> &'static str {
        T::PAGE
    }

    fn constants(&self) -> Vec<Constant> {
        T::constants()
    }

    fn properties(&self) -> Vec<Property> {
        T::monitor(2).properties()
    }

    fn known(&self) -> Vec<String> {
        Vec::new()
    }

    fn model(&self) -> Option<ModelCard> {
        Some(ModelCard::of::<<T::Process as Process>::Model>())
    }

    fn simulated(&self) -> Option<Entry> {
        T::simulated()
    }

    fn twins(&self) -> &'static [Twin] {
        T::TWINS
    }

    fn check(&self, asked: &Asked, options: &Options, watch: &Watch) -> Result<Report, Error> {
        refuse_unfit(options, &self.properties())?;
        let started = Instant::now();
        let plan = T::plan(asked)?;
        let world = Self::world(&plan)?;
        let found = check_system(&world, options, &mut telling(watch));
        let mut total = Total::default();
        total.add(&found);
        let mut report = blank(T::NAME, plan.world.clone(), verdicts(&found));
        report.failures = found.counterexamples.iter().map(failure).collect();
        report.elapsed = started.elapsed();
        report.interrupted = watch.interrupted();
        total.describe(&mut report, (&plan.world, ["step", "steps"]), options);
        if let Some(why) = report.notes.last_mut().filter(|why| total.stopped.as_ref() == Some(*why)) {
            *why = with_advice(why, options);
        }
        report
            .notes
            .push("time passes in ticks, and no further than something is possible or due".to_owned());
        if !world.is_exact() {
            let more = "some durations are no whole number of ticks: what is told happens, and more may";
            report.notes.push(more.to_owned());
        }
        if report.failures.is_empty() && found.complete && found.states <= COUNTED_MAX {
            let unreached = world.unreached(COUNTED_MAX as usize);
            report.unreached = unreached.map(|all| all.iter().map(ToString::to_string).collect());
        }
        Ok(report)
    }
}

/// The verdicts, what is broken told by the monitor and not by the whole state.
fn verdicts<P, M>(found: &SystemReport<Timed<'_, P, M>>) -> Vec<(Property, Verdict)>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let told = |(property, verdict): &(Property, Verdict)| match found.counterexample_to(property.id) {
        Some(run) => (*property, Verdict::Violated { what: what(run) }),
        None => (*property, verdict.clone()),
    };
    found.verdicts.iter().map(told).collect()
}

/// How a run breaks its property: by what was seen, or by what is owed at its end.
fn what<P, M>(run: &SystemRun<Timed<'_, P, M>>) -> String
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let last = run.steps.last().map_or(&run.start, |(_, state)| state);
    if let Some(broken) = &last.broken {
        return broken.what.clone();
    }
    let mut owed = None;
    last.monitor.owed(&mut |debt| {
        if owed.is_none() && debt.property == run.property {
            owed = Some(format!("nothing more happens, and {}", debt.what));
        }
    });
    let has_ended = run.cycle_from == Some(run.steps.len());
    owed.filter(|_| has_ended).unwrap_or_else(|| run.what.clone())
}

fn failure<P, M>(run: &SystemRun<Timed<'_, P, M>>) -> Failure
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let properties = run.start.monitor.properties();
    let name = properties.iter().find(|p| p.id == run.property).map_or("", |p| p.name);
    broken(&run.property, name, &what(run), run.steps.len(), lines(run))
}

/// A run as lines: the rates of the clocks, and what happens.
fn lines<P, M>(run: &SystemRun<Timed<'_, P, M>>) -> Vec<String>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let mut lines = vec![format!("     0  all have started; clocks at {:?}", run.start.rates)];
    for (at, (step, _)) in run.steps.iter().enumerate() {
        if run.cycle_from == Some(at) {
            lines.push("        from here on again and again:".to_owned());
        }
        lines.push(format!("{:>6}  {step}", at + 1));
    }
    if run.cycle_from == Some(run.steps.len()) {
        lines.push("        and nothing more happens".to_owned());
    }
    lines
}
