//! What a check is asked, and what it answers.

use crate::coverage::Unreached;
use crate::disk::{Disk, Notebook, Outside};
use crate::shape::Part;
use std::fmt;
use synod_kernel::trace::{Broken, Header, Recorder, Writer};
use synod_kernel::{Move, Setting};
use synod_model::Process;
use synod_properties::{Kind, Property, Verdict};

pub use synod_properties::NO_PANIC;

/// A handler must do the same on the same input: where one does not, no verdict means anything.
pub const DETERMINISM: Property = Property::safety("determinism", "a handler is a function of its input");

/// What a reduction by symmetry takes for one must be alike: where it is not, the reduction is refused, and no verdict means
/// anything.
pub const SYMMETRY: Property = Property::safety("symmetry", "nothing tells symmetric states apart");

/// Numbers that an algorithm declares to count relative to each other alone must do so: where a handler tells them from others
/// in the same order, the check modulo their renumbering is refused, and no verdict means anything.
pub const RENUMBERING: Property =
    Property::safety("renumbering", "numbers count relative to each other alone");

/// How states are represented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// Plain values: the reference.
    Reference,
    /// Interned values and memoised handlers: the fast one.
    #[default]
    Tabulating,
}

/// How a state is known again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Store {
    /// By 64 bits of its fingerprint: two states are taken for one with a probability that the report gives.
    #[default]
    Fingerprint64,
    /// By 128 bits.
    Fingerprint128,
    /// By comparing all of it: no state is ever taken for another. What liveness is judged with.
    Exact,
}

/// In which order states are visited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By depth: the first counterexample is a shortest one.
    #[default]
    BreadthFirst,
    /// The newest state first.
    DepthFirst,
    /// The newest state first within a bound on the depth that grows: a shortest counterexample, with a short frontier.
    Deepening,
    /// Random walks from an initial state: never complete, but soon deep.
    Walks {
        /// The seed: the same walks for the same seed.
        seed: u64,
        /// How many walks.
        walks: u64,
        /// The most steps of each.
        length: u32,
    },
    /// The state first that a measure puts first, of those the least deep, of those the one found first. Every state is
    /// visited once, so that it is complete when it ends. By one thread.
    Guided {
        /// What it goes by.
        by: Measure,
    },
    /// Many small searches, the newest state first, that differ: each takes the steps out of a state in an order of its own,
    /// within a bound on the depth of its own (Holzmann, Joshi, Groce 2008). What it answers is a function of the seed and of
    /// the number of searches: what is told to be broken is what the first of them breaks that breaks anything.
    Swarm {
        /// The seed.
        seed: u64,
        /// How many searches.
        searches: u64,
        /// How many states each may visit, about.
        states_each: u64,
    },
}

/// What a guided search goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Measure {
    /// What is new first: of the parts of a state - in a world of processes the state of each process, each message in
    /// flight, the monitor, what is left of the environment's budgets; in a system the words that its state is hashed
    /// by, each at its place - the one that fewest states before it had.
    #[default]
    Coverage,
    /// What is near first: by [`System::distance`](crate::system::System::distance), or else by how many goals a state
    /// does not reach; in a world of processes by [`Monitor::distance`](synod_properties::Monitor::distance).
    Distance,
}

impl Order {
    /// Its name, in kebab-case.
    pub fn name(self) -> &'static str {
        match self {
            Self::BreadthFirst => "breadth-first",
            Self::DepthFirst => "depth-first",
            Self::Deepening => "deepening",
            Self::Walks { .. } => "walks",
            Self::Guided { .. } => "guided",
            Self::Swarm { .. } => "swarm",
        }
    }

    /// Whether the first run found that breaks a property of safety is a shortest one.
    pub fn finds_shortest(self) -> bool {
        matches!(self, Self::BreadthFirst | Self::Deepening)
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BreadthFirst | Self::DepthFirst => f.write_str(self.name()),
            Self::Deepening => f.write_str("depth-first within a bound on the depth that grows"),
            Self::Walks { seed, walks, length } => {
                write!(f, "{walks} random walks of at most {length} steps (seed {seed})")
            }
            Self::Guided { by: Measure::Coverage } => f.write_str("guided by coverage: what is new first"),
            Self::Guided { by: Measure::Distance } => f.write_str("guided by distance: what is near first"),
            Self::Swarm { seed, searches, states_each } => {
                let searches =
                    if *searches == 1 { "1 search".to_owned() } else { format!("{searches} searches") };
                write!(f, "a swarm of {searches}, each of about {states_each} states at most (seed {seed})")
            }
        }
    }
}

/// What a check is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How states are represented.
    pub engine: Engine,
    /// In which order they are visited.
    pub order: Order,
    /// How a state is known again.
    pub store: Store,
    /// How many threads search. The answer is the same for any number.
    pub threads: u32,
    /// Whether states that a symmetry makes equal are taken for one; nothing is judged of what happens for ever. Of a system
    /// (`System::representative`) its author vouches that steps and claims do not tell them apart; a claim that is seen to do so
    /// is refused. Of a world of processes those permutations of its processes and data are taken that its setting does not tell
    /// apart; that nothing else does is shown while it is explored, and refused ([`SYMMETRY`]) where it is not so.
    pub symmetry: bool,
    /// Whether steps are left out that a reduction by partial order shows to be needless, in worlds of processes: where it
    /// makes no difference to some steps what others do before them, they alone are taken. Nothing is judged of what
    /// happens for ever.
    pub partial_order: bool,
    /// Whether messages that their receivers will never heed are forgotten, in worlds of processes whose links keep a message
    /// until it is taken and no order among them: states that differ in those alone are one.
    pub forget: bool,
    /// Whether states are explored modulo the renumbering that the algorithm declares ([`Process::RENUMBERING`]), as plain values:
    /// ballots, rounds and epochs may then grow for ever. The environment's bound on the algorithm's measure is one on that of the
    /// state that represents all that a renumbering makes equal. Refused ([`RENUMBERING`]) where handlers tell such states apart.
    pub renumber: bool,
    /// Whether safety and goals alone are judged: states are then known by fingerprints whatever is claimed to happen for
    /// ever, and such claims have no verdict.
    pub safety: bool,
    /// How many distinct states it may visit.
    pub states_max: u64,
    /// How many bytes it may use for them.
    pub memory_max: u64,
    /// Up to which depth it goes, in steps from the initial state; every state counted has been judged.
    pub depth_max: Option<u32>,
    /// Where a breadth-first search by fingerprints puts what these bytes have no room for. Without it, it stops there.
    pub disk: Option<Outside<dyn Disk>>,
    /// Which check this is: what was saved of another is not gone on with.
    pub subject: String,
    /// Where such a search writes down how far it has come, when it is told to and before it stops short of the end; and
    /// where it goes on from what was written there.
    pub notebook: Option<Outside<dyn Notebook>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            engine: Engine::default(),
            order: Order::default(),
            store: Store::default(),
            threads: 1,
            symmetry: false,
            partial_order: false,
            forget: false,
            renumber: false,
            safety: false,
            states_max: u64::from(u32::MAX),
            memory_max: 8 << 30,
            depth_max: None,
            disk: None,
            subject: String::new(),
            notebook: None,
        }
    }
}

impl Options {
    /// How a state is known again where these properties are judged: liveness is a matter of cycles, and those are of states
    /// compared in full.
    pub(crate) fn store_for(&self, properties: &[Property]) -> Store {
        let live = self.judges_liveness();
        if live && properties.iter().any(|p| p.kind == Kind::Liveness) { Store::Exact } else { self.store }
    }

    /// Whether what happens for ever is judged: on the steps between all states, in the order in which they are found first.
    pub(crate) fn judges_liveness(&self) -> bool {
        self.order == Order::BreadthFirst && !self.reduces() && !self.safety
    }

    /// Whether states or steps are left out in a way that does not keep what happens for ever.
    pub(crate) fn reduces(&self) -> bool {
        self.symmetry || self.partial_order
    }

    /// The verdicts that were asked for.
    pub(crate) fn asked(&self, mut verdicts: Vec<(Property, Verdict)>) -> Vec<(Property, Verdict)> {
        verdicts.retain(|(property, _)| !(self.safety && property.kind == Kind::Liveness));
        verdicts
    }

    /// Whether a search for these properties can use a disk and a notebook: breadth-first, by fingerprints, without a
    /// reduction that looks at what was seen; and not by the reference engine, which has no tables to tell what was tested.
    pub fn can_be_put_on_disk(&self, properties: &[Property]) -> bool {
        self.order == Order::BreadthFirst
            && self.engine == Engine::Tabulating
            && !self.partial_order
            && !self.forget
            && !self.renumber
            && self.store_for(properties) != Store::Exact
    }
}

impl Store {
    /// The probability that at least one of so many states was taken for another and omitted, at most: the birthday
    /// bound for a random function.
    pub fn omission(self, states: u64) -> f64 {
        let pairs = states as f64 * states as f64 / 2.0;
        match self {
            Self::Fingerprint64 => (pairs / 2.0_f64.powi(64)).min(1.0),
            Self::Fingerprint128 => (pairs / 2.0_f64.powi(128)).min(1.0),
            Self::Exact => 0.0,
        }
    }
}

/// How far a check has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Distinct states.
    pub states: u64,
    /// Steps taken between them.
    pub transitions: u64,
    /// The depth reached, in steps.
    pub depth: u32,
    /// States seen and not yet expanded.
    pub frontier: u64,
    /// Bytes in use.
    pub memory: u64,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Yes.
    Continue,
    /// Yes, and write down how far it has come, where there is a notebook.
    Save,
    /// No: report what is known so far.
    Stop,
}

/// What a check answers.
#[derive(Clone, Debug)]
pub struct Report<P: Process> {
    /// Each property with its verdict.
    pub verdicts: Vec<(Property, Verdict)>,
    /// Distinct states. Of a swarm that is not complete: those that each of its searches visited, summed up, so that a
    /// state that several visited is counted several times.
    pub states: u64,
    /// Steps that changed something, from all of them.
    pub transitions: u64,
    /// The greatest depth, in steps from the initial state.
    pub depth: u32,
    /// Whether all that the environment's budgets allow was explored.
    pub complete: bool,
    /// Why not, if not.
    pub stopped: Option<String>,
    /// How a state was known again.
    pub store: Store,
    /// How often a handler ran.
    pub handler_calls: u64,
    /// Bytes used for states.
    pub memory: u64,
    /// Which parts of the world took how many values, most first: why there are so many states.
    pub parts: Vec<Part>,
    /// A run that breaks a property.
    pub counterexample: Option<Counterexample<P>>,
    /// Under how many permutations of the processes states were taken for one; 1 without that reduction.
    pub permutations: u64,
    /// Whether no shorter run breaks a property of safety, as far as this is known.
    pub shortest: bool,
    /// What of the algorithm and of its environment no explored run came to; `None` where states are plain values, and
    /// under a reduction that leaves steps out: nobody knows.
    pub unreached: Option<Vec<Unreached>>,
}

impl<P: Process> Report<P> {
    /// The probability that at least one state was taken for another and omitted, at most.
    pub fn omission(&self) -> f64 {
        let one = self.store.omission(self.states);
        match self.store {
            // the least of several is less evenly spread, but for its lower half, which is all that 64 bits are of
            Store::Fingerprint128 => (one * self.permutations as f64).min(1.0),
            Store::Fingerprint64 | Store::Exact => one,
        }
    }

    /// The verdict on the property with this identifier.
    ///
    /// # Panics
    /// If the monitor has no such property.
    pub fn verdict(&self, id: &str) -> &Verdict {
        let found = self.verdicts.iter().find(|(property, _)| property.id == id);
        &found.unwrap_or_else(|| panic!("no property {id}")).1
    }

    /// Whether every property holds.
    pub fn holds(&self) -> bool {
        self.verdicts.iter().all(|(_, verdict)| *verdict == Verdict::Holds)
    }
}

impl<P: Process> fmt::Display for Report<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scope = if self.complete { "complete" } else { "not complete" };
        write!(
            f,
            "{scope}: {} states, {} transitions, depth {};",
            self.states, self.transitions, self.depth
        )?;
        self.verdicts.iter().try_for_each(|(p, v)| write!(f, " {} {v}", p.id))
    }
}

/// A run that breaks a property.
#[derive(Clone, Debug)]
pub struct Counterexample<P: Process> {
    /// The property's identifier.
    pub property: String,
    /// How it is broken.
    pub what: String,
    /// The run, from the start.
    pub moves: Vec<Move<P::Message, P::Timer>>,
    /// For a debt that is never paid: from which move on the run repeats itself for ever; equal to the number of moves
    /// where it ends because nothing more happens.
    pub cycle_from: Option<usize>,
}

impl<P: Process> Counterexample<P> {
    /// Whether the last step is one that cannot be taken: its handler panics, or is no function of its input.
    fn fails_in_a_handler(&self) -> bool {
        let of_handlers = [NO_PANIC, DETERMINISM, SYMMETRY];
        !self.moves.is_empty() && of_handlers.iter().any(|p| p.id == self.property)
    }

    /// The run as a trace. A step whose handler panics has no line: the trace ends before it, and what is broken names it.
    /// So does the trace of a process that is not deterministic end where it is no run.
    pub fn trace(&self, algorithm: &str, setting: &Setting<P>) -> String {
        let mut writer = Writer::new(&Header::new(algorithm, "check", None, setting));
        let mut recorder = Recorder::new(setting);
        let last = self.moves.len() - usize::from(self.fails_in_a_handler());
        for chosen in &self.moves[..last] {
            let Some(line) = recorder.step(None, chosen.clone()) else { break };
            writer.step(&line);
        }
        writer.finish(Some(Broken { property: self.property.clone(), what: self.what.clone() }))
    }
}
