//! The command line's grammar.

mod campaign;
mod cluster;
mod coverage;
pub mod judge;
#[cfg(feature = "library")]
pub mod kv;
#[cfg(feature = "library")]
mod maelstrom;
mod measures;
mod node;

pub use self::campaign::{Campaign, CampaignRun};
pub use self::cluster::{
    At, Cluster, Down, Nemesis, NetworkName, Request as ClusterRequest, Skew, Soak, Switch, Up, Words,
};
pub use self::coverage::Coverage;
pub use self::judge::Judge;
#[cfg(feature = "library")]
pub use self::maelstrom::Maelstrom;
pub use self::measures::{Cost, Sizes, Sweep, Under};
pub use self::node::{Keys, Node};
use crate::clients::{Clients, Measured};
use crate::disk::bytes;
use crate::environment::Flags;
use crate::experiment::{EngineName, MeasureName, OrderName, SearchName, StoreName};
use clap::{Args, ColorChoice, Parser, Subcommand, ValueEnum};
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;
use synod_kernel::Budget;
use synod_kernel::environment::{duration, parse_link};
use synod_model::link::{LinkBase, LinkKind};
use synod_runtime::link::{Security, Transport};

/// Distributed algorithms, written once: simulated, checked and run.
#[derive(Clone, Debug, Parser)]
#[command(version, disable_help_subcommand = true, after_help = AFTER_HELP)]
pub struct Arguments {
    /// What to do; `verify` where nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What to print, and how.
    #[command(flatten)]
    pub output: Output,
}

const AFTER_HELP: &str = "\
Exit codes: 0 all properties hold within the stated bounds, 1 a violation, 2 usage or configuration,
3 inconclusive, 4 nondeterminism, 5 environment (port, disk), 101 a bug of this program, 130 interrupted.

In a counterexample, one step a line:
  * starts   ? is asked   > delivery   + duplicate   x loss   @ timer   o oracle   = write durable
  ! crash    ^ recovery   / cut        ~ heal        and after it:   : tells the layer above";

/// What to print, and how.
#[derive(Clone, Debug, Args)]
pub struct Output {
    /// One JSON object a line (docs/json.md).
    #[arg(long, global = true)]
    pub json: bool,
    /// Verdicts and failures alone.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Whether to use colours.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
}

/// The commands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// The algorithms, with their models and properties; and what else can be checked.
    List,
    /// The page of an algorithm, a published system, a property, or a code such as S0102.
    Explain {
        /// What to explain.
        name: String,
    },
    /// The axes of system models, their order, and what each grants.
    Models,
    /// All three grounds, one after the other, and one table.
    Verify(Verify),
    /// Simulated runs, one a seed, with faults.
    Sim(Sim),
    /// Simulated runs on many machines: shards of a range of seeds, and what they come to together.
    #[command(subcommand)]
    Campaign(Campaign),
    /// What an operation costs, for each n, beside what the algorithm's page states.
    Cost(Cost),
    /// Any metric against any option: tables and plots.
    Sweep(Sweep),
    /// Every run of a small instance.
    Check(Check),
    /// A real cluster on this machine: OS processes, sockets, disks.
    Run(Run),
    /// A cluster on this machine that stays up: asked, killed, paused, cut, and judged by what it recorded.
    #[command(subcommand)]
    Cluster(Cluster),
    /// Makes the keys of a new cluster: certificates, secrets for message authentication codes, keys for signatures.
    Keys(Keys),
    /// What a real run shows of the assumptions of synchrony: delays of messages, times of steps, drift of clocks.
    Coverage(Coverage),
    /// Recorded histories of clients' operations: linearizable, or not and why.
    Judge(Judge),
    /// A replicated key-value store, asked as Redis or etcd is (docs/kv.md).
    #[cfg(feature = "library")]
    #[command(subcommand)]
    Kv(kv::Kv),
    /// Which faults this machine can make, and why not the others.
    Doctor(Doctor),
    /// Takes the steps of a trace again, and compares every line; or all handlers of a real run, and compares all that they did.
    Replay {
        /// The trace; or the directory of a run or a cluster.
        file: PathBuf,
        /// Print the code of a test instead: that the violation happens no more.
        #[arg(long)]
        emit_test: bool,
        /// Leave out the steps that are not possible any more, and tell whether the property that it breaks is broken still.
        #[arg(long, conflicts_with = "emit_test")]
        lenient: bool,
    },
    /// Makes the run of a trace small: as few faults, requests and steps as break the same property.
    Shrink(Shrink),
    /// Looks at a trace as such, whatever algorithm it is of.
    Trace {
        /// What is asked of it.
        #[command(subcommand)]
        what: Trace,
    },
    /// Numbers that the literature states, computed again: both side by side. Without a name, which there are.
    #[cfg(feature = "library")]
    Reproduce(Reproduce),
    /// What is behind a cluster that is up; started by `cluster up`.
    #[command(hide = true)]
    Supervise {
        /// The cluster's directory.
        directory: PathBuf,
    },
    /// A node of Jepsen's Maelstrom, on standard streams: a process of the library behind JSON lines (docs/maelstrom.md).
    #[cfg(feature = "library")]
    Maelstrom(Maelstrom),
    /// Runs one process of an algorithm until it is told to stop (docs/run/operations.md); `run` and `cluster up` start them, too.
    #[command(hide = true)]
    Node(Node),
}

/// `doctor`.
#[derive(Clone, Debug, Args)]
pub struct Doctor {
    /// Whose disk is measured: where clusters are to have their data.
    #[arg(long = "dir", value_name = "DIRECTORY", default_value = ".")]
    pub directory: PathBuf,
}

/// `shrink`.
#[derive(Clone, Debug, Args)]
pub struct Shrink {
    /// The trace of a failure.
    pub file: PathBuf,
    /// How many attempts are made at most.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub attempts: Option<u64>,
    /// How long to try at most: what comes out then depends on the machine.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    pub time: Option<Duration>,
    /// Write the small trace there, too.
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

/// `trace`.
#[derive(Clone, Debug, Subcommand)]
pub enum Trace {
    /// Whether it is as it was written: its digest fits, and its steps stand in order.
    Validate {
        /// The trace.
        file: PathBuf,
    },
    /// What is in it: kinds of events and of messages, and what happened at each process.
    Stats {
        /// The trace.
        file: PathBuf,
    },
    /// Takes a trace again, and writes what followed from each choice, too.
    Expand {
        /// The trace.
        file: PathBuf,
        /// Where to; compressed (zstd) where the name ends in .zst.
        to: PathBuf,
    },
    /// Takes a trace again, and writes what was chosen alone: all the rest follows from it.
    Condense {
        /// The trace.
        file: PathBuf,
        /// Where to; compressed (zstd) where the name ends in .zst.
        to: PathBuf,
    },
}

/// What is examined, and in which world.
#[derive(Clone, Debug, Default, Args)]
pub struct Subject {
    /// The algorithm, as `list` names it; may be left out where there is only one.
    pub algorithm: Option<String>,
    /// An experiment file, which names the algorithm and the rest (docs/experiments.md).
    #[arg(long, value_name = "FILE", conflicts_with = "algorithm")]
    pub experiment: Option<PathBuf>,
    /// A file that changes the environment.
    #[arg(long, value_name = "FILE")]
    pub env: Option<PathBuf>,
    /// The broken twin to take in place of the algorithm.
    #[arg(long, value_name = "NAME")]
    pub defect: Option<String>,
    /// n: how many processes.
    #[arg(long, value_name = "NUMBER")]
    pub n: Option<u32>,
    /// How many requests are made.
    #[arg(long, value_name = "NUMBER")]
    pub requests: Option<u32>,
    /// f: how many processes may stop for ever.
    #[arg(long = "f", value_name = "BUDGET", value_parser = budget)]
    pub stops: Option<Budget>,
    /// How many processes may be faulty by omission.
    #[arg(long, value_name = "BUDGET", value_parser = budget)]
    pub omissions: Option<Budget>,
    /// How many processes may lie.
    #[arg(long, value_name = "BUDGET", value_parser = budget)]
    pub lies: Option<Budget>,
    /// How many crashes are followed by a recovery.
    #[arg(long, value_name = "BUDGET", value_parser = budget)]
    pub restarts: Option<Budget>,
    /// How many messages may be lost.
    #[arg(long, value_name = "BUDGET", value_parser = budget)]
    pub losses: Option<Budget>,
    /// How many messages may be delivered twice.
    #[arg(long, value_name = "BUDGET", value_parser = budget)]
    pub duplications: Option<Budget>,
    /// How many messages the network may inject, over links that are arbitrary.
    #[arg(long, value_name = "BUDGET", value_parser = budget)]
    pub injections: Option<Budget>,
    /// How often the network may be cut.
    #[arg(long, value_name = "BUDGET", value_parser = budget)]
    pub partitions: Option<Budget>,
    /// The links, as in perfect, fair-loss, or 'fifo perfect'.
    #[arg(long, value_name = "KIND", value_parser = links)]
    pub links: Option<LinkKind>,
    /// Where the links are weaker than the algorithm's model assumes, put the library's link transformers under it that close the
    /// gap, and count what they cost.
    #[arg(long)]
    pub with_transformers: bool,
    /// Go on although the world is outside of the algorithm's model.
    #[arg(long)]
    pub outside_model: bool,
    /// Exit with 0 if, and only if, a violation is found.
    #[arg(long)]
    pub expect_violation: bool,
}

impl Subject {
    /// What it changes in the environment.
    pub fn flags(&self) -> Flags {
        Flags {
            stops: self.stops,
            omissions: self.omissions,
            lies: self.lies,
            restarts: self.restarts,
            losses: self.losses,
            duplications: self.duplications,
            injections: self.injections,
            partitions: self.partitions,
            links: self.links,
        }
    }

    /// The same as a command line: what comes after the command's name.
    pub fn line(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.algorithm.clone());
        let path = |p: &PathBuf| quote(&p.display().to_string());
        let mut option = |name: &str, value: Option<String>| {
            words.extend(value.map(|value| format!("--{name} {value}")));
        };
        option("experiment", self.experiment.as_ref().map(path));
        option("env", self.env.as_ref().map(path));
        option("defect", self.defect.clone());
        option("n", self.n.map(|n| n.to_string()));
        option("requests", self.requests.map(|n| n.to_string()));
        for (name, budget) in [
            ("f", self.stops),
            ("omissions", self.omissions),
            ("lies", self.lies),
            ("restarts", self.restarts),
            ("losses", self.losses),
            ("duplications", self.duplications),
            ("injections", self.injections),
            ("partitions", self.partitions),
        ] {
            option(name, budget.map(|b| b.to_string()));
        }
        option("links", self.links.map(|links| quote(&links.to_string())));
        if self.with_transformers {
            words.push("--with-transformers".to_owned());
        }
        if self.outside_model {
            words.push("--outside-model".to_owned());
        }
        words.join(" ")
    }
}

/// The name that this program was called by.
pub fn program_name() -> String {
    std::env::args().next().unwrap_or_else(|| "synod".to_owned())
}

/// A value by the word that a command line has for it.
fn word(value: impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

/// A process by its number, with or without its letter.
pub(crate) fn process(text: &str) -> Result<u32, String> {
    let number = text.strip_prefix('p').unwrap_or(text);
    number.parse().map_err(|_| format!("{text:?} is no process: they are called 0, 1, .. or p0, p1, .."))
}

/// A word for a shell.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// `verify`.
#[derive(Clone, Debug, Default, Args)]
pub struct Verify {
    /// The algorithm, as `list` names it; paxos where nothing is said.
    pub algorithm: Option<String>,
    /// An experiment file, which names the algorithm and the rest (docs/experiments.md).
    #[arg(long, value_name = "FILE", conflicts_with = "algorithm")]
    pub experiment: Option<PathBuf>,
    /// The broken twin to take in place of the algorithm.
    #[arg(long, value_name = "NAME")]
    pub defect: Option<String>,
    /// How many simulated runs.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub runs: Option<u64>,
    /// The first seed.
    #[arg(long, value_name = "SEED", value_parser = seed)]
    pub seed: Option<u64>,
    /// How many distinct states the check may visit.
    #[arg(long, value_name = "NUMBER")]
    pub states_max: Option<u64>,
    /// Exit with 0 if, and only if, a violation is found.
    #[arg(long)]
    pub expect_violation: bool,
}

/// `sim`.
#[derive(Clone, Debug, Default, Args)]
pub struct Sim {
    /// What is examined.
    #[command(flatten)]
    pub subject: Subject,
    /// The first seed; with this and no --runs, the only one.
    #[arg(long, value_name = "SEED", value_parser = seed)]
    pub seed: Option<u64>,
    /// How many runs, one a seed.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub runs: Option<u64>,
    /// The most steps of a run.
    #[arg(long, value_name = "NUMBER")]
    pub steps_max: Option<u64>,
    /// How long good periods must be for all runs to come to their end: looks up to this length, in place of judging.
    #[arg(long, value_name = "LONGEST", value_parser = duration::parse)]
    pub good_period: Option<Duration>,
    /// The machines and wires under the environment: a file with the keys of [sim.platform] (docs/experiments.md).
    #[arg(long, value_name = "FILE")]
    pub platform: Option<PathBuf>,
    /// The virtual time after which a run ends.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub horizon: Option<Duration>,
    /// Make runs for so long, in place of a number of them, or up to it. How many that are depends on the machine.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    pub time: Option<Duration>,
    /// Write what each run comes to there, a line a run: FILE.jsonl, or runs.jsonl in a directory. Goes on where such a file ends.
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,
    /// Let every run meet all the kinds of fault that there may be, in place of a random subset of them.
    #[arg(long)]
    pub no_swarm: bool,
    /// How runs are drawn.
    #[arg(long, value_name = "NAME")]
    pub search: Option<SearchName>,
    /// After so many steps, go on by another seed: as a run that `--search coverage` found does. May be given more than once.
    #[arg(long, value_name = "STEP:SEED", value_parser = then, requires = "seed", conflicts_with = "search")]
    pub then: Vec<(u64, u64)>,
    /// Write the trace of the first run there; compressed (zstd) where the name ends in .zst.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Go on from where a run stood, many times over: a trace, or the directory of a real run or a cluster (docs/run/reality.md).
    #[arg(long, value_name = "PATH", conflicts_with_all = ["n", "requests", "platform", "search", "then", "out", "good_period",
        "with_transformers", "experiment"])]
    pub from: Option<PathBuf>,
    /// With --from: the last step of the trace that is taken; all of them, where nothing is said.
    #[arg(long, value_name = "STEP", requires = "from")]
    pub at: Option<u64>,
    /// Try no seeds that failed before, and keep none.
    #[arg(long)]
    pub no_corpus: bool,
    /// Print the trace of the first run, and nothing else: what another process of the same program does with this seed.
    #[arg(long, hide = true)]
    pub self_check: bool,
    /// What clients do.
    #[command(flatten)]
    pub clients: Clients,
    /// What is measured besides.
    #[command(flatten)]
    pub measured: Measured,
    /// Leave a failure as it was found.
    #[arg(long)]
    pub no_shrink: bool,
    /// Try at most so long to make a failure small: what comes out then depends on the machine.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, conflicts_with = "no_shrink")]
    pub shrink_for: Option<Duration>,
    /// With `--trace`: write what followed from each choice, too, at several times the cost; `trace expand` finds it later.
    #[arg(long, requires = "trace")]
    pub full: bool,
}

impl Sim {
    /// What makes its runs what they are, but for the subject, as a command line.
    pub fn how(&self) -> String {
        let mut line = String::new();
        if let Some(steps) = self.steps_max {
            let _ = write!(line, " --steps-max {steps}");
        }
        if let Some(horizon) = self.horizon {
            let _ = write!(line, " --horizon {}", duration::format(horizon));
        }
        if let Some(platform) = &self.platform {
            let _ = write!(line, " --platform {}", quote(&platform.display().to_string()));
        }
        if let Some(longest) = self.good_period {
            let _ = write!(line, " --good-period {}", duration::format(longest));
        }
        if self.no_swarm {
            line.push_str(" --no-swarm");
        }
        if let Some(path) = &self.from {
            let _ = write!(line, " --from {}", quote(&path.display().to_string()));
        }
        if let Some(step) = self.at {
            let _ = write!(line, " --at {step}");
        }
        for (step, seed) in &self.then {
            let _ = write!(line, " --then {step}:{seed:#x}");
        }
        line + &self.clients.line()
    }
}

/// `check`.
#[derive(Clone, Debug, Default, Args)]
pub struct Check {
    /// What is examined.
    #[command(flatten)]
    pub subject: Subject,
    /// How states are represented.
    #[arg(long, value_name = "NAME")]
    pub engine: Option<EngineName>,
    /// In which order they are visited.
    #[arg(long, value_name = "NAME")]
    pub order: Option<OrderName>,
    /// How many distinct states it may visit.
    #[arg(long, value_name = "NUMBER")]
    pub states_max: Option<u64>,
    /// How much memory it may use for them, as in 512MiB or 2GiB.
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub memory: Option<u64>,
    /// Put into this directory what has no room in memory, and go on.
    #[arg(long, value_name = "DIRECTORY")]
    pub spill: Option<PathBuf>,
    /// Judge safety and goals alone: states are known by fingerprints, and nothing of what happens for ever is judged.
    #[arg(long)]
    pub safety: bool,
    /// Write down there how far it has come: now and then, when it is interrupted and when it meets a limit.
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// How long it searches between two times that it writes this down; at least ten times as long as writing takes.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub save_every: Option<Duration>,
    /// Go on from what was written down there, and write there again.
    #[arg(long, value_name = "FILE", conflicts_with = "save")]
    pub resume: Option<PathBuf>,
    /// Up to which depth it goes, in steps.
    #[arg(long, value_name = "STEPS")]
    pub depth_max: Option<u32>,
    /// How many threads search; the answer is the same for any number.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub threads: Option<u32>,
    /// How a state is known again.
    #[arg(long, value_name = "NAME")]
    pub store: Option<StoreName>,
    /// Take states for one that a permutation of processes and data makes equal (of a published system: that its symmetry does).
    #[arg(long)]
    pub symmetry: bool,
    /// Forget messages that their receivers will never heed: states of processes that differ in those alone are one.
    #[arg(long)]
    pub forget: bool,
    /// Explore states modulo the renumbering of ballots, rounds or epochs that the algorithm declares: they may grow for ever.
    #[arg(long)]
    pub renumber: bool,
    /// Leave out steps where what others do makes no difference to them: looks ahead for that, and saves memory, not time.
    #[arg(long)]
    pub partial_order: bool,
    /// A faulty process that two honest copies play, each asked for something of its own: in Byzantine models, in place of lies.
    #[arg(long, value_name = "PROCESS", value_parser = process)]
    pub two_seats: Option<u32>,
    /// With `--two-seats`: how many messages to and from the copies may be kept from one of those they are for. Matters on FIFO links.
    #[arg(long, value_name = "BUDGET", value_parser = budget, requires = "two_seats")]
    pub withhold: Option<Budget>,
    /// With `--order walks`: how many.
    #[arg(long, value_name = "NUMBER")]
    pub walks: Option<u64>,
    /// With `--order walks` and `--order swarm`: the seed.
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// With `--order guided`: what it goes by.
    #[arg(long, value_name = "NAME")]
    pub by: Option<MeasureName>,
    /// With `--order swarm`: how many searches.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub searches: Option<u64>,
    /// With `--order swarm`: about how many states each search may visit.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub states_each: Option<u64>,
    /// A constant of a published system, or of an algorithm in rounds; may be given for each.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = constant)]
    pub constants: Vec<(String, u64)>,
}

impl Check {
    /// The same as a command line, after the command's name: what decides which runs there are.
    pub fn line(&self) -> String {
        let mut line = self.subject.line();
        for (name, value) in &self.constants {
            let _ = write!(line, " --set {}", quote(&format!("{name}={value}")));
        }
        if let Some(process) = self.two_seats {
            let _ = write!(line, " --two-seats {process}");
        }
        if let Some(messages) = self.withhold {
            let _ = write!(line, " --withhold {messages}");
        }
        if let Some(engine) = self.engine {
            let _ = write!(line, " --engine {}", word(engine));
        }
        if let Some(store) = self.store {
            let _ = write!(line, " --store {}", word(store));
        }
        if let Some(states) = self.states_max {
            let _ = write!(line, " --states-max {states}");
        }
        if let Some(depth) = self.depth_max {
            let _ = write!(line, " --depth-max {depth}");
        }
        if self.safety {
            line.push_str(" --safety");
        }
        if self.symmetry {
            line.push_str(" --symmetry");
        }
        if self.forget {
            line.push_str(" --forget");
        }
        if self.renumber {
            line.push_str(" --renumber");
        }
        if self.partial_order {
            line.push_str(" --partial-order");
        }
        if let Some(order) = self.order {
            let _ = write!(line, " --order {}", word(order));
        }
        if let Some(by) = self.by {
            let _ = write!(line, " --by {}", word(by));
        }
        for (name, value) in [
            ("walks", self.walks),
            ("searches", self.searches),
            ("states-each", self.states_each),
            ("seed", self.seed),
        ] {
            let _ = value.map(|value| write!(line, " --{name} {value}"));
        }
        line
    }
}

/// `run`.
#[derive(Clone, Debug, Default, Args)]
pub struct Run {
    /// What is examined.
    #[command(flatten)]
    pub subject: Subject,
    /// Kill no node and cut no link.
    #[arg(long)]
    pub no_faults: bool,
    /// The port of process 0, the others' following; free ones are looked for if there is none.
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// What carries the messages. Without it datagrams where the algorithm's model asks for no more than fair-loss links,
    /// else streams.
    #[arg(long, value_name = "TRANSPORT")]
    pub transport: Option<TransportName>,
    /// What keeps others from speaking in a process's name; the keys are made for the run.
    #[arg(long, value_name = "SECURITY")]
    pub security: Option<SecurityName>,
    /// A new directory for logs and records; kept. Without it they are kept only if something is wrong.
    #[arg(long, value_name = "DIRECTORY")]
    pub directory: Option<PathBuf>,
}

/// What carries the messages of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TransportName {
    /// Streams.
    Tcp,
    /// Datagrams; perfect links by selective repeat.
    Udp,
}

impl From<TransportName> for Transport {
    fn from(name: TransportName) -> Self {
        match name {
            TransportName::Tcp => Self::Tcp,
            TransportName::Udp => Self::Udp,
        }
    }
}

/// What keeps others from speaking in a process's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SecurityName {
    /// Nothing.
    None,
    /// Message authentication codes with a replay window, on datagrams.
    Mac,
    /// TLS 1.3 with mutual certificates, on streams.
    Tls,
}

impl From<SecurityName> for Security {
    fn from(name: SecurityName) -> Self {
        match name {
            SecurityName::None => Self::None,
            SecurityName::Mac => Self::Mac,
            SecurityName::Tls => Self::Tls,
        }
    }
}

/// `reproduce`.
#[cfg(feature = "library")]
#[derive(Clone, Debug, Default, Args)]
pub struct Reproduce {
    /// Which results, by name.
    #[arg(value_name = "NAME")]
    pub ids: Vec<String>,
    /// All of them.
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,
    /// With few samples: four standard deviations of them are added to each tolerance.
    #[arg(long)]
    pub quick: bool,
    /// The seed of what is random.
    #[arg(long, value_name = "SEED", value_parser = seed)]
    pub seed: Option<u64>,
}

fn links(text: &str) -> Result<LinkKind, String> {
    parse_link(text).ok_or_else(|| {
        let names: Vec<_> = LinkBase::ALL.iter().map(|base| base.name()).collect();
        format!(
            "links are one of {}, with `fifo`, `authenticated` or `arbitrary` before it",
            names.join(", ")
        )
    })
}

fn budget(text: &str) -> Result<Budget, String> {
    if text == "unlimited" {
        return Ok(Budget::Unlimited);
    }
    text.parse().map(Budget::AtMost).map_err(|_| "a budget is a number from 0 on, or `unlimited`".to_owned())
}

/// A constant with its value.
fn constant(text: &str) -> Result<(String, u64), String> {
    let wrong = || "write NAME=VALUE, the value a number from 0 on".to_owned();
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    Ok((name.trim().to_owned(), value.trim().parse().map_err(|_| wrong())?))
}

/// From which step on which seed counts.
fn then(text: &str) -> Result<(u64, u64), String> {
    let (step, other) = text.split_once(':').ok_or("write STEP:SEED")?;
    let step = step.parse().map_err(|_| "a step is a number from 0 on".to_owned())?;
    Ok((step, seed(other)?))
}

/// A seed, decimal or hexadecimal.
pub(crate) fn seed(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| "a seed is a number below 2^64, decimal or 0x hexadecimal".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_subject_reads_back_from_its_own_line() {
        let line = "sim paxos --env 'my file.toml' --defect no-nack --n 5 --f 2 --restarts unlimited --outside-model";
        let words =
            ["synod", "sim", "paxos", "--env", "my file.toml", "--defect", "no-nack", "--n", "5", "--f", "2"];
        let more = ["--restarts", "unlimited", "--outside-model"];
        let parsed = Arguments::parse_from(words.into_iter().chain(more));
        let Some(Command::Sim(sim)) = parsed.command else { panic!("a sim") };
        assert_eq!(format!("sim {}", sim.subject.line()), line);
    }

    #[test]
    fn the_order_of_a_check_is_in_its_line() {
        let line = "check paxos --n 3 --order swarm --searches 8 --states-each 500 --seed 7";
        let of =
            |line: &str| match Arguments::parse_from(["synod"].into_iter().chain(line.split(' '))).command {
                Some(Command::Check(check)) => format!("check {}", check.line()),
                other => panic!("{other:?}"),
            };
        assert_eq!(of(line), line);
        let line = "check paxos --depth-max 9 --order guided --by distance";
        assert_eq!(of(line), line);
        let line =
            "check abd --engine tabulating --store fingerprint128 --states-max 500 --safety --symmetry";
        assert_eq!(of(line), line);
    }

    #[test]
    fn a_process_in_two_seats_is_in_the_line_of_a_check() {
        let line = "synod check echo-broadcast --two-seats 0 --withhold 2";
        let Some(Command::Check(check)) = Arguments::parse_from(line.split(' ')).command else {
            panic!("a check")
        };
        assert_eq!(format!("synod check {}", check.line()), line);
        assert_eq!((process("p3"), process("3")), (Ok(3), Ok(3)));
        assert!(process("q3").is_err());
    }

    #[test]
    fn a_constant_is_a_name_and_a_number() {
        assert_eq!(constant("n=7"), Ok(("n".to_owned(), 7)));
        for wrong in ["n", "n=", "n=-1", "n=many"] {
            assert!(constant(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn seeds_are_decimal_or_hexadecimal() {
        assert_eq!(seed("17"), Ok(17));
        assert_eq!(seed("0x5eed"), Ok(0x5eed));
        assert!(seed("-1").is_err());
        assert!(seed("0x").is_err());
    }
}
