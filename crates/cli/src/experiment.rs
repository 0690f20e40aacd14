//! Experiment files: an algorithm, its sizes, an environment for each ground, and how much to spend. See
//! `docs/experiments.md`.

use crate::environment::{Overrides, Span};
use crate::error::Error;
use crate::nearest::nearest;
use crate::platform::Source;
use crate::script::Scripted;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use synod_kernel::Budget;
use synod_runtime::cluster::Fault;
use synod_sim::Platform;
use synod_sim::Workload;

/// An experiment. What it does not say is the algorithm's own.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// The algorithm, as `list` names it.
    pub algorithm: String,
    /// Its broken twin.
    pub defect: Option<String>,
    /// n, on all grounds.
    pub n: Option<u32>,
    /// How many requests are made, on all grounds.
    pub requests: Option<u32>,
    /// Whether link transformers are put under the algorithm where the environment's links are weaker than its model assumes.
    #[serde(default)]
    pub with_transformers: bool,
    /// The exhaustive check.
    #[serde(default)]
    pub check: Check,
    /// The simulated runs.
    #[serde(default)]
    pub sim: Sim,
    /// The real cluster.
    #[serde(default)]
    pub run: Run,
    /// Where all this stands.
    #[serde(skip)]
    pub source: Source,
}

/// What holds for the check alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Check {
    /// n, here.
    pub n: Option<u32>,
    /// How many requests are made, here.
    pub requests: Option<u32>,
    /// How states are represented.
    pub engine: Option<EngineName>,
    /// In which order they are visited.
    pub order: Option<OrderName>,
    /// How many distinct states it may visit.
    pub states_max: Option<u64>,
    /// How many mebibytes it may use for them.
    pub memory_max_mib: Option<u64>,
    /// Whether safety and goals alone are judged.
    pub safety: Option<bool>,
    /// Up to which depth it goes, in steps.
    pub depth_max: Option<u32>,
    /// How many threads search.
    pub threads: Option<u32>,
    /// How a state is known again.
    pub store: Option<StoreName>,
    /// Whether states that a symmetry makes equal are taken for one.
    pub symmetry: Option<bool>,
    /// Whether messages that their receivers will never heed are forgotten.
    pub forget: Option<bool>,
    /// Whether states are explored modulo the renumbering that the algorithm declares.
    pub renumber: Option<bool>,
    /// Whether steps are left out that commute with all that others do.
    pub partial_order: Option<bool>,
    /// How many random walks.
    pub walks: Option<u64>,
    /// The seed of random walks, or of a swarm.
    pub seed: Option<u64>,
    /// What a guided search goes by.
    pub by: Option<MeasureName>,
    /// How many searches a swarm has.
    pub searches: Option<u64>,
    /// About how many states each of them may visit.
    pub states_each: Option<u64>,
    /// The constants of a published system, or of an algorithm in rounds.
    pub set: BTreeMap<String, u64>,
    /// The process that two honest copies play.
    pub two_seats: Option<u32>,
    /// How many messages to and from them may be withheld.
    pub withhold: Option<Budget>,
    /// What changes in the environment.
    pub environment: Overrides,
}

/// What holds for the simulation alone.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sim {
    /// n, here.
    pub n: Option<u32>,
    /// How many requests are made, here.
    pub requests: Option<u32>,
    /// How many runs, one a seed.
    pub runs: Option<u64>,
    /// The first seed.
    pub seed: Option<u64>,
    /// The most steps of a run.
    pub steps_max: Option<u64>,
    /// The virtual time after which a run ends.
    pub horizon: Option<HorizonText>,
    /// Whether each run meets a random subset of the kinds of fault that there may be; so unless told otherwise.
    pub swarm: Option<bool>,
    /// How runs are drawn.
    pub search: Option<SearchName>,
    /// The faults that strike, in place of drawn ones.
    pub script: Option<Vec<Scripted>>,
    /// What clients do, in place of the requests.
    pub workload: Option<Workload>,
    /// The machines and wires under the environment.
    pub platform: Option<Platform>,
    /// What changes in the environment.
    pub environment: Overrides,
}

/// What holds for the cluster alone.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Run {
    /// n, here.
    pub n: Option<u32>,
    /// How many requests are made, here.
    pub requests: Option<u32>,
    /// Whether nodes are killed and links cut while it runs; so unless told otherwise.
    pub faults: Option<bool>,
    /// What befalls a cluster that is up, and when: for `cluster nemesis` and `cluster soak`.
    pub schedule: Vec<Scheduled>,
    /// What changes in the environment.
    pub environment: Overrides,
}

/// A fault of a cluster, and when it strikes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheduled {
    /// How long after the beginning.
    pub at: At,
    /// What, in the words of `cluster`: "kill 1", "partition 0 | 1,2".
    pub fault: FaultText,
}

/// An instant, from the beginning on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct At(#[serde(with = "synod_kernel::environment::duration")] pub Duration);

/// A fault in its own words.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultText(pub Fault);

impl<'de> Deserialize<'de> for FaultText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// A duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct HorizonText(pub(crate) Span);

/// How the checker represents states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum EngineName {
    /// Plain values.
    Reference,
    /// Interned values.
    Tabulating,
}

/// In which order the checker visits states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum OrderName {
    /// By depth: the first counterexample is a shortest one.
    BreadthFirst,
    /// The newest state first.
    DepthFirst,
    /// The newest state first, within a bound on the depth that grows.
    Deepening,
    /// Random walks.
    Walks,
    /// The state first that a measure puts first.
    Guided,
    /// Many small searches that differ.
    Swarm,
}

/// How the runs of a simulation are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum SearchName {
    /// One seed after the other.
    Seeds,
    /// Those go on otherwise that came to something new.
    Coverage,
}

/// What a guided search goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum MeasureName {
    /// What is new first.
    Coverage,
    /// What is near first.
    Distance,
}

/// How the checker knows a state again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum StoreName {
    /// By 64 bits of its fingerprint.
    Fingerprint64,
    /// By 128 bits.
    Fingerprint128,
    /// By comparing all of it.
    Exact,
}

/// Reads an experiment.
pub fn load(path: &Path) -> Result<Experiment, Error> {
    parse(path, &content(path)?)
}

/// Reads a file with an environment: the keys of a `[check.environment]` at its top.
pub fn load_environment(path: &Path) -> Result<Overrides, Error> {
    parse_environment(path, &content(path)?)
}

/// The experiment that a text is; `path` is what errors call it.
pub fn parse(path: &Path, text: &str) -> Result<Experiment, Error> {
    let source = Source { path: path.to_owned(), text: text.to_owned() };
    Ok(Experiment { source, ..read(path, text)? })
}

/// The environment that a text is; `path` is what errors call it.
pub fn parse_environment(path: &Path, text: &str) -> Result<Overrides, Error> {
    read(path, text)
}

pub(crate) fn content(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Unreadable { path: path.to_owned(), source })
}

pub(crate) fn read<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, Error> {
    toml::from_str(text).map_err(|error| Error::File {
        path: path.to_owned(),
        hint: hint(error.message()),
        what: error.to_string().trim_end().to_owned(),
    })
}

/// What to do about what `toml` says.
fn hint(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    if message.starts_with("unknown field")
        || message.starts_with("unknown variant")
        || message.starts_with("unknown link")
    {
        let known = quoted.get(1..).unwrap_or_default();
        return match quoted.first().and_then(|name| nearest(name, known.iter().copied())) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "leave it out".to_owned(),
            None => format!("known here: {}", known.join(", ")),
        };
    }
    if message.contains("duration") {
        return "write a number from 0 on and a unit, as in \"10ms\"".to_owned();
    }
    if message.contains("budget") {
        return "write a number from 0 on, or \"unlimited\"".to_owned();
    }
    if message.contains("missing field `algorithm`") {
        return "an experiment begins with `algorithm = \"NAME\"`".to_owned();
    }
    "docs/experiments.md describes every key".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (String, String) {
        let error = toml::from_str::<Experiment>(text).expect_err(text);
        (error.to_string(), hint(error.message()))
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_the_nearest_one() {
        let (what, hint) = refused("algorithm = \"paxos\"\nrequets = 3\n");
        assert!(what.contains("line 2"), "{what}");
        assert_eq!(hint, "did you mean `requests`?");
        let (what, hint) = refused("algorithm = \"paxos\"\n[sim.environment.links]\nloss_probabilty = 0.1\n");
        assert!(what.contains("line 3"), "{what}");
        assert_eq!(hint, "did you mean `loss_probability`?");
    }

    #[test]
    fn a_negative_delay_is_refused_with_its_line_and_a_hint() {
        for value in ["-5", "\"-5ms\""] {
            let text = format!("algorithm = \"paxos\"\n[sim.environment.links]\ndelay_max = {value}\n");
            let (what, hint) = refused(&text);
            assert!(what.contains("line 3"), "{what}");
            assert!(hint.contains("10ms"), "{hint}");
        }
    }

    #[test]
    fn values_that_do_not_exist_are_refused_with_the_nearest() {
        let (_, hint) = refused("algorithm = \"paxos\"\n[check]\nengine = \"tabulatin\"\n");
        assert_eq!(hint, "did you mean `tabulating`?");
        let (_, hint) = refused("algorithm = \"paxos\"\n[check]\nstore = \"fingerprint46\"\n");
        assert_eq!(hint, "did you mean `fingerprint64`?");
        let (_, hint) = refused("algorithm = \"paxos\"\n[check.environment.links]\nkind = \"fairloss\"\n");
        assert_eq!(hint, "did you mean `fair-loss`?");
        let (_, hint) = refused("algorithm = \"paxos\"\n[check.environment.failures]\nstops = -1\n");
        assert!(hint.contains("unlimited"), "{hint}");
    }

    #[test]
    fn every_key_is_documented_in_its_section() {
        let page = include_str!("../../../docs/experiments.md");
        // what is refused is answered with what is known
        let known = |section: &str| {
            let (what, _) = refused(&format!("algorithm = \"paxos\"\n{section}\nno_such_key = 1\n"));
            let expected = what.split_once("expected ").expect("what is known").1;
            expected.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()
        };
        let documented = |keys: Vec<String>, prefix: &str| {
            assert!(!keys.is_empty(), "{prefix}");
            for key in keys {
                assert!(page.contains(&format!("`{prefix}{key}`")), "{prefix}{key} is not documented");
            }
        };
        let tables = [
            "check",
            "sim",
            "run",
            "environment",
            "failures",
            "storage",
            "links",
            "timing",
            "oracles",
            "workload",
        ];
        let leaves =
            |section| known(section).into_iter().filter(|key| !tables.contains(&key.as_str())).collect();
        for section in ["", "[check]", "[sim]", "[run]", "[sim.environment]", "[sim.platform]"] {
            documented(leaves(section), "");
        }
        for part in ["failures", "storage", "links", "timing", "oracles"] {
            documented(known(&format!("[sim.environment.{part}]")), &format!("{part}."));
        }
        documented(known("[sim.workload]"), "");
        let kinds = known("[[sim.script]]\nat = 1\nkind = \"no-such-kind\"");
        for kind in kinds.iter().filter(|kind| *kind != "heal") {
            assert!(page.contains(&format!("`\"{kind}\"`")), "{kind} is not documented");
            documented(known(&format!("[[sim.script]]\nat = 1\nkind = \"{kind}\"")), "");
        }
    }

    #[test]
    fn an_experiment_without_an_algorithm_is_refused() {
        assert!(refused("n = 3\n").1.contains("begins with"));
    }
}
