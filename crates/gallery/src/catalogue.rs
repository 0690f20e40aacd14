//! What the gallery knows of each of its systems: a name, a page, constants, and the answers that are known.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use synod_check::system::System;
use synod_check::{ActionCount, Control, Options, Progress, Store, SystemRun, check_system, count_actions};
use synod_properties::{Property, Verdict};

/// A published system; its actions can be written and read, so that it is known which kinds of them there are.
pub trait Published: System<Action: Serialize + DeserializeOwned> {
    /// Its name, in kebab-case.
    const NAME: &'static str;
    /// The text of its source file, whose head is its page.
    const PAGE: &'static str;
    /// What a user may choose.
    const CONSTANTS: &'static [Constant];
    /// The sizes that are known.
    const ROWS: &'static [Row];
    /// Which constants break which of its claims.
    const REFUTED: &'static [Refuted] = &[];
    /// The kinds of actions that are never enabled, or change nothing, with the usual constants.
    const UNREACHED: &'static [Unreached] = &[];

    /// The system with these constants, each within its range.
    fn new(constants: &Constants) -> Result<Self, Refused>;
}

/// A constant of a system: a number that a user may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constant {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub is: &'static str,
    /// Its value where none is given.
    pub default: u64,
    /// The least it may be.
    pub least: u64,
    /// The most it may be.
    pub most: u64,
}

/// A constant that is 0, or 1 for the system's broken twin.
pub(crate) const fn broken(is: &'static str) -> Constant {
    Constant { name: "broken", is, default: 0, least: 0, most: 1 }
}

/// A constant with its default and its range.
pub(crate) const fn constant(
    name: &'static str,
    is: &'static str,
    default: u64,
    least: u64,
    most: u64,
) -> Constant {
    Constant { name, is, default, least, most }
}

/// Every constant of a system with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constants(Vec<(&'static str, u64)>);

impl Constants {
    /// Those of `S`: the given ones, and the others by default.
    pub fn of<S: Published>(given: &[(&str, u64)]) -> Result<Self, Refused> {
        Self::resolve(S::CONSTANTS, given)
    }

    pub(crate) fn resolve(known: &'static [Constant], given: &[(&str, u64)]) -> Result<Self, Refused> {
        let mut values: Vec<_> = known.iter().map(|c| (c.name, c.default)).collect();
        for &(name, value) in given {
            let Some(at) = known.iter().position(|c| c.name == name) else {
                let known = known.iter().map(|c| c.name).collect::<Vec<_>>().join(", ");
                return Err(Refused::Unknown { name: name.to_owned(), known });
            };
            let Constant { least, most, .. } = known[at];
            if !(least..=most).contains(&value) {
                return Err(Refused::Range { name: known[at].name, value, least, most });
            }
            values[at].1 = value;
        }
        Ok(Self(values))
    }

    /// The value of the constant of this name.
    ///
    /// # Panics
    /// If the system does not declare it.
    pub fn get(&self, name: &str) -> u64 {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("the system declares no constant {name}")).1
    }

    /// The same, as a size.
    pub(crate) fn size(&self, name: &str) -> usize {
        self.get(name) as usize
    }

    /// Whether the broken twin is asked for.
    pub(crate) fn broken(&self) -> bool {
        self.get("broken") == 1
    }
}

impl fmt::Display for Constants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.0.iter().enumerate() {
            write!(f, "{}{name}={value}", if at == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

/// Why there is no system with the constants given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// There is no such constant.
    #[error("there is no constant {name}: there are {known}")]
    Unknown {
        /// What was given.
        name: String,
        /// What there is.
        known: String,
    },
    /// A constant out of its range.
    #[error("{name}={value}: it may be {least} to {most}")]
    Range {
        /// Which.
        name: &'static str,
        /// What was given.
        value: u64,
        /// The least it may be.
        least: u64,
        /// The most it may be.
        most: u64,
    },
    /// Constants that do not go together.
    #[error("these constants do not go together: {0}")]
    Together(&'static str),
    /// A reduction by symmetry of a system that has none.
    #[error("it has no symmetry to reduce by")]
    NoSymmetry,
}

/// The size of a system's state space, as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The constants, as far as they are not the default ones.
    pub constants: &'static [(&'static str, u64)],
    /// Whether states that the symmetry makes equal count once.
    pub symmetric: bool,
    /// Distinct initial states.
    pub initial: u64,
    /// Distinct states.
    pub states: u64,
    /// The depth in levels, the initial states being the first.
    pub levels: u32,
    /// Successors computed, with the initial states, those seen before and those that are the same state, where the
    /// number is known and this model computes all of them.
    pub generated: Option<u64>,
    /// Who says so.
    pub provenance: Provenance,
}

/// Where a number comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// Published with the specification, in the collection of TLA+ examples.
    Published,
    /// Found by TLC and by a breadth-first search that knows nothing of it.
    TwoTools,
    /// Found by one other tool.
    OneTool,
}

impl Row {
    /// A row found by one tool, with one initial state.
    pub(crate) const fn new(constants: &'static [(&'static str, u64)], states: u64, levels: u32) -> Self {
        let provenance = Provenance::OneTool;
        Self { constants, symmetric: false, initial: 1, states, levels, generated: None, provenance }
    }

    /// With so many initial states.
    pub(crate) const fn from(mut self, initial: u64) -> Self {
        self.initial = initial;
        self
    }

    /// With so many successors computed.
    pub(crate) const fn generating(mut self, generated: u64) -> Self {
        self.generated = Some(generated);
        self
    }

    /// Of the quotient under the system's symmetry.
    pub(crate) const fn symmetric(mut self) -> Self {
        self.symmetric = true;
        self
    }

    /// Published with the specification.
    pub(crate) const fn published(mut self) -> Self {
        self.provenance = Provenance::Published;
        self
    }

    /// Found by two tools.
    pub(crate) const fn twice(mut self) -> Self {
        self.provenance = Provenance::TwoTools;
        self
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Published => "published with the specification",
            Self::TwoTools => "found by TLC and by another search",
            Self::OneTool => "found by one other tool",
        })
    }
}

/// A claim that does not hold with some constants: of a broken twin, or beyond a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refuted {
    /// The constants, as far as they are not the default ones.
    pub constants: &'static [(&'static str, u64)],
    /// The identifier of the claim.
    pub property: &'static str,
}

/// A kind of actions that no run with the usual constants takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreached {
    /// The kind.
    pub kind: &'static str,
    /// Why none does.
    pub because: &'static str,
}

/// What a check of a system found, whatever its states are.
#[derive(Clone, Debug)]
pub struct Findings {
    /// The constants it was checked with.
    pub constants: Constants,
    /// Each claim with its verdict.
    pub verdicts: Vec<(Property, Verdict)>,
    /// Distinct initial states.
    pub initial: u64,
    /// Distinct states.
    pub states: u64,
    /// Successors computed, duplicates included.
    pub generated: u64,
    /// The greatest depth, in steps from an initial state.
    pub depth: u32,
    /// Whether all was explored.
    pub complete: bool,
    /// Why not, if not.
    pub stopped: Option<String>,
    /// How a state was known again.
    pub store: Store,
    /// Bytes used.
    pub memory: u64,
    /// A run for each claim that is broken: of safety, the first one found; of liveness, each.
    pub counterexamples: Vec<Run>,
    /// Whether no run breaks a claim of safety that is shorter than the one that was found, as far as this is known.
    pub shortest: bool,
}

/// A run that breaks a claim, to be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The identifier of the claim.
    pub property: String,
    /// How it is broken.
    pub what: String,
    /// The first state.
    pub start: String,
    /// Each step: its action and the state after it.
    pub steps: Vec<(String, String)>,
    /// From which step on it repeats itself for ever, where it does; equal to the number of steps where nothing more
    /// happens.
    pub cycle_from: Option<usize>,
}

impl Run {
    fn of<S: System>(run: &SystemRun<S>) -> Self {
        Self {
            property: run.property.clone(),
            what: run.what.clone(),
            start: format!("{:?}", run.start),
            steps: run.steps.iter().map(|(a, s)| (format!("{a:?}"), format!("{s:?}"))).collect(),
            cycle_from: run.cycle_from,
        }
    }

    /// The run as lines: the first state, then each step above the state that it leads to.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("  0  {}", self.start)];
        for (at, (action, state)) in self.steps.iter().enumerate() {
            if self.cycle_from == Some(at) {
                lines.push("     from here on again and again:".to_owned());
            }
            lines.push(format!("     {action}"));
            lines.push(format!("{:>3}  {state}", at + 1));
        }
        if self.cycle_from == Some(self.steps.len()) {
            lines.push("     and nothing more happens".to_owned());
        }
        lines
    }
}

impl Findings {
    /// The verdict on the claim with this identifier.
    ///
    /// # Panics
    /// If there is no such claim.
    pub fn verdict(&self, id: &str) -> &Verdict {
        let found = self.verdicts.iter().find(|(property, _)| property.id == id);
        &found.unwrap_or_else(|| panic!("no claim {id}")).1
    }

    /// The run that breaks the claim with this identifier.
    pub fn counterexample_to(&self, id: &str) -> Option<&Run> {
        self.counterexamples.iter().find(|run| run.property == id)
    }

    /// The depth in levels, the initial states being the first.
    pub fn levels(&self) -> u32 {
        self.depth + 1
    }
}

/// How an entry is checked.
type Check = fn(&Constants, &Options, &mut dyn FnMut(&Progress) -> Control) -> Result<Findings, Refused>;
type CountActions = fn(&Constants, usize) -> Option<Vec<ActionCount>>;

/// A system of the gallery, whatever its states are.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name, in kebab-case.
    pub name: &'static str,
    /// The text of its source file, whose head is its page.
    pub page: &'static str,
    /// What a user may choose.
    pub constants: &'static [Constant],
    /// The sizes that are known.
    pub rows: &'static [Row],
    /// Which constants break which of its claims.
    pub refuted: &'static [Refuted],
    /// The kinds of actions that no run with the usual constants takes.
    pub unreached: &'static [Unreached],
    claims: fn() -> Vec<Property>,
    check: Check,
    count_actions: CountActions,
}

impl Entry {
    /// The entry of a system.
    pub const fn of<S: Published>() -> Self {
        Self {
            name: S::NAME,
            page: S::PAGE,
            constants: S::CONSTANTS,
            rows: S::ROWS,
            refuted: S::REFUTED,
            unreached: S::UNREACHED,
            claims: claims::<S>,
            check: check::<S>,
            count_actions: |constants, states_max| count_actions(&S::new(constants).ok()?, states_max),
        }
    }

    /// The lines of its page: what stands at the head of its source file.
    pub fn page_lines(&self) -> impl Iterator<Item = &'static str> {
        let head = self.page.lines().map_while(|line| line.strip_prefix("//!"));
        head.map(|line| line.strip_prefix(' ').unwrap_or(line))
    }

    /// What its source claims of it.
    pub fn claims(&self) -> Vec<Property> {
        (self.claims)()
    }

    /// The given constants, and the others by default.
    pub fn constants(&self, given: &[(&str, u64)]) -> Result<Constants, Refused> {
        Constants::resolve(self.constants, given)
    }

    /// What is known of its size with these constants, symmetry aside.
    pub fn known(&self, constants: &Constants) -> Option<&'static Row> {
        self.row(constants, false)
    }

    /// What is known at these constants, of all states, or of one of each that the symmetry makes equal.
    pub fn row(&self, constants: &Constants, symmetric: bool) -> Option<&'static Row> {
        let same = |row: &&Row| {
            row.symmetric == symmetric && self.constants(row.constants).as_ref() == Ok(constants)
        };
        self.rows.iter().find(same)
    }

    /// Explores every run of it and judges its claims.
    pub fn check(
        &self,
        given: &[(&str, u64)],
        options: &Options,
        progress: &mut dyn FnMut(&Progress) -> Control,
    ) -> Result<Findings, Refused> {
        (self.check)(&self.constants(given)?, options, progress)
    }

    /// Counts its actions in all states, by kind; nothing if there are more than `states_max` states.
    pub fn count_actions(&self, constants: &Constants, states_max: usize) -> Option<Vec<ActionCount>> {
        (self.count_actions)(constants, states_max)
    }
}

fn claims<S: Published>() -> Vec<Property> {
    let usual = Constants::of::<S>(&[]).and_then(|constants| S::new(&constants));
    usual.map_or_else(|_| Vec::new(), |system| system.claims().iter().map(|claim| claim.property).collect())
}

/// Whether its states have representatives.
fn is_symmetric<S: Published>(system: &S) -> bool {
    let mut symmetric = false;
    system.initial(&mut |state| symmetric |= system.representative(&state).is_some());
    symmetric
}

fn check<S: Published>(
    constants: &Constants,
    options: &Options,
    progress: &mut dyn FnMut(&Progress) -> Control,
) -> Result<Findings, Refused> {
    let system = S::new(constants)?;
    if options.symmetry && !is_symmetric(&system) {
        return Err(Refused::NoSymmetry);
    }
    let report = check_system(&system, options, progress);
    Ok(Findings {
        constants: constants.clone(),
        initial: report.initial,
        states: report.states,
        generated: report.generated,
        depth: report.depth,
        complete: report.complete,
        counterexamples: report.counterexamples.iter().map(Run::of).collect(),
        shortest: report.shortest,
        stopped: report.stopped,
        store: report.store,
        memory: report.memory,
        verdicts: report.verdicts,
    })
}
