//! An algorithm as the grounds take it: a process, what it promises, and what is asked of it.

use crate::cost::Cost;
use crate::monitor::Monitor;
use crate::operation::{self, Ask, Completion, Object, OperationKind, Told};
use crate::usual;
use synod_kernel::Environment;
use synod_model::{Process, ProcessId};

/// How large a world to make, and which variant of the algorithm to put in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scale {
    /// n: how many processes, all kinds together.
    pub n: u32,
    /// How many requests are made in all (per process, per client, per instance: the algorithm's page says).
    pub requests: u32,
    /// The broken twin to take in place of the sound algorithm, by name.
    pub defect: Option<String>,
}

impl Scale {
    /// `n` processes and so many requests, of the sound algorithm.
    pub const fn new(n: u32, requests: u32) -> Self {
        Self { n, requests, defect: None }
    }
}

/// What kind of ground a world is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroundKind {
    /// Every run of a small instance.
    Check,
    /// One run per seed.
    Sim,
    /// OS processes, sockets, disks.
    Run,
}

/// A known-wrong variant of an algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Twin {
    /// Its name: what `--defect` takes.
    pub name: &'static str,
    /// The property that it breaks.
    pub breaks: &'static str,
    /// What it does wrong.
    pub about: &'static str,
    /// Where a check of the usual scale does not show it: how many processes do.
    pub n: Option<u32>,
    /// Where a check of the usual scale does not show it: how many requests do.
    pub requests: Option<u32>,
}

impl Twin {
    /// A twin that shows itself at the usual scale.
    pub const fn new(name: &'static str, breaks: &'static str, about: &'static str) -> Self {
        Self { name, breaks, about, n: None, requests: None }
    }
}

/// A process with its specification: what is promised, asked, and assumed of the world.
///
/// A ground gets it handed in; it is registered where the command line is.
pub trait Algorithm: Send + Sync + 'static {
    /// One of its processes.
    type Process: Process;
    /// What judges it.
    type Monitor: Monitor<<Self::Process as Process>::Request, <Self::Process as Process>::Indication>;

    /// Its name on the command line: "eager-reliable-broadcast".
    const NAME: &'static str;
    /// Its page: the source file, whose module documentation `synod explain` prints.
    const PAGE: &'static str;
    /// Its known-wrong variants.
    const TWINS: &'static [Twin] = &[];
    /// What [`Algorithm::measure`] counts, where there is such a measure: "ballots".
    const MEASURE: Option<&'static str> = None;
    /// The kinds of operation that a workload mixes; where there is none its clients ask what is asked anyway.
    const OPERATIONS: &'static [OperationKind] = &[];
    /// Whether an operation names one object of several.
    const KEYED: bool = false;
    /// Whether a process answers what it is asked in that order, and its answers do not say to what: an answer is one to the
    /// oldest request that was not answered, also where whoever asked has given up. Where not, what a process tells
    /// completes the oldest request for which somebody waits and that it may complete.
    const IN_ORDER: bool = false;
    /// Whether all that is asked is asked before the first step is over, as of algorithms in lock-step rounds: later is too late.
    const ASKED_AT_START: bool = false;
    /// What judges histories of its operations.
    const OBJECT: Option<Object> = None;
    /// What it costs, as the section of its page states it.
    const COSTS: &'static [Cost] = &[];

    /// A number of its state that grows without bound (its ballot, its round), by which an exploration is bounded.
    fn measure(process: &Self::Process) -> u64 {
        let _ = process;
        0
    }

    /// The scale at which a ground examines it, unless told otherwise.
    fn scale(ground: GroundKind) -> Scale;

    /// What its processes know.
    ///
    /// # Errors
    /// If the scale names a defect that it does not have, or a size at which it makes no sense: why.
    fn parameters(scale: &Scale) -> Result<<Self::Process as Process>::Parameters, String>;

    /// By process: what the layer above asks, in order.
    fn requests(scale: &Scale) -> Vec<Vec<<Self::Process as Process>::Request>>;

    /// Whom clients can ask: whoever is asked for something anyway, once there is enough to ask.
    fn clients(scale: &Scale) -> Vec<ProcessId> {
        let many = Scale { requests: scale.requests.max(2 * scale.n), ..scale.clone() };
        operation::asked(&Self::requests(&many))
    }

    /// The request that is this operation, of one of [`Algorithm::OPERATIONS`].
    fn operation(scale: &Scale, ask: &Ask) -> Option<<Self::Process as Process>::Request> {
        let _ = (scale, ask);
        None
    }

    /// Whether what a process tells completes what a process was asked for, and how.
    fn completes(
        told: &Told<'_, <Self::Process as Process>::Request, <Self::Process as Process>::Indication>,
    ) -> Option<Completion> {
        let _ = told;
        None
    }

    /// What a process that lies may say: a finite domain, made of the protocol's own values in the world of this scale.
    /// Where there is none, those that lie are silent.
    fn lies(scale: &Scale) -> Vec<<Self::Process as Process>::Message> {
        let _ = scale;
        Vec::new()
    }

    /// What is asked of the second of two copies of a process, where a faulty one is played by two that are honest; what the
    /// process itself is asked, unless an algorithm has another story to tell.
    fn second_seat(scale: &Scale, process: ProcessId) -> Vec<<Self::Process as Process>::Request> {
        Self::requests(scale).into_iter().nth(process.index()).unwrap_or_default()
    }

    /// Its properties.
    fn monitor(scale: &Scale) -> Self::Monitor;

    /// The environment in which a ground examines it, unless told otherwise: within its model, with its whole
    /// vocabulary of faults, at the largest f that its bound admits.
    fn environment(ground: GroundKind, scale: &Scale) -> Environment {
        usual::<<Self::Process as Process>::Model>(ground, scale.n)
    }
}
