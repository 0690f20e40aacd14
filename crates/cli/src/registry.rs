//! The algorithms that a binary knows, without their types.

use crate::checkable::{Checkable, Section};
use crate::error::Error;
use crate::grounds::{
    Again, Checked, Deployed, Judged, Recorded, Replayed, Simulated, Steps, StepsIn, World, shrink, sim,
};
use crate::nearest::nearest;
use crate::page::Page;
use crate::report::Report;
use crate::transformers::{Chain, LinkFor, Plan, Rung, Stacked, Wanted, plan};
use crate::watch::Watch;
use std::path::Path;
use synod_kernel::{Diagnostic, Environment, diagnostic};
use synod_model::bound::Bound;
use synod_model::failure::{FailureKind, FailureModel};
use synod_model::link::{LinkKind, LinkModel};
use synod_model::oracle::OracleKind;
use synod_model::timing::{TimingKind, TimingModel};
use synod_model::{Process, RunsOver, SystemModel};
use synod_properties::regression;
use synod_properties::{Algorithm, Cost, GroundKind, Monitor, OperationKind, Property, Scale, Twin};
use synod_sim::Simulation;

/// A model as values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelCard {
    /// Axis 1.
    pub failures: FailureKind,
    /// Axis 2.
    pub links: LinkKind,
    /// Axis 3.
    pub timing: TimingKind,
    /// The oracles beside it.
    pub oracles: Vec<OracleKind>,
    /// The bound.
    pub bound: &'static str,
}

impl ModelCard {
    /// The model `M` as values.
    pub fn of<M: SystemModel>() -> Self {
        Self {
            failures: M::Failures::KIND,
            links: M::Link::KIND,
            timing: M::Timing::KIND,
            oracles: M::Timing::ORACLES.iter().collect(),
            bound: M::Bound::FORMULA,
        }
    }

    /// In one line: "crash-recovery x perfect x partially-synchronous, n > 2f".
    pub fn line(&self) -> String {
        let mut line = format!("{} x {} x {}", self.failures.name(), self.links, self.timing.name());
        for oracle in &self.oracles {
            line.push_str(" with ");
            line.push_str(oracle.name());
        }
        format!("{line}, {}", self.bound)
    }
}

/// An algorithm as one ground takes it, without its types.
#[derive(Clone, Copy)]
pub struct Subject {
    /// Its name.
    pub name: &'static str,
    /// Its known-wrong variants.
    pub twins: &'static [Twin],
    /// What its measure counts.
    pub measure: Option<&'static str>,
    /// The kinds of operation that its clients can ask for.
    pub operations: &'static [OperationKind],
    /// Whether all that is asked is asked at once.
    pub asked_at_start: bool,
    /// What it costs, as its page states it.
    pub costs: &'static [Cost],
    /// The scale at which a ground examines it.
    pub scale: fn(GroundKind) -> Scale,
    /// The environment in which a ground examines it.
    pub environment: fn(GroundKind, &Scale) -> Environment,
    /// The ways in which an environment is outside of its model.
    pub outside: fn(&Environment) -> Vec<Diagnostic>,
    /// Its model.
    pub model: fn() -> ModelCard,
    /// Its properties.
    pub properties: fn() -> Vec<Property>,
}

impl Subject {
    /// The algorithm `A`.
    pub fn of<A: Algorithm>() -> Self {
        Self {
            name: A::NAME,
            twins: A::TWINS,
            measure: A::MEASURE,
            operations: A::OPERATIONS,
            asked_at_start: A::ASKED_AT_START,
            costs: A::COSTS,
            scale: A::scale,
            environment: A::environment,
            outside: diagnostic::outside::<<A::Process as Process>::Model>,
            model: ModelCard::of::<<A::Process as Process>::Model>,
            properties: || A::monitor(&A::scale(GroundKind::Check)).properties(),
        }
    }

    /// The twin of this name.
    pub fn twin(&self, name: &str) -> Result<Twin, Error> {
        self.twins.iter().find(|t| t.name == name).copied().ok_or_else(|| Error::UnknownDefect {
            algorithm: self.name.to_owned(),
            name: name.to_owned(),
            known: self.twins.iter().map(|t| t.name).collect(),
        })
    }
}

/// An algorithm with all that the commands do with it.
pub struct Entry {
    page: &'static str,
    /// As it is simulated and run.
    pub subject: Subject,
    /// As it is checked: with oracles in place of detectors, where that differs.
    pub checked: Subject,
    /// Further worlds that a check explores unless it is told of an environment.
    pub(crate) also: Vec<fn(&mut Scale, &mut Environment)>,
    /// What is explored instead modulo a renumbering.
    pub(crate) renumbered: Option<fn(&mut Scale, &mut Environment)>,
    pub(crate) check: Checked,
    pub(crate) sim: Simulated,
    pub(crate) deploy: Deployed,
    pub(crate) judge: Recorded,
    pub(crate) again: Again,
    pub(crate) node: fn(&Path) -> Result<(), Error>,
    pub(crate) replay: Replayed,
    pub(crate) replay_checked: Replayed,
    pub(crate) steps: Steps,
    pub(crate) steps_checked: Steps,
    pub(crate) steps_in: StepsIn,
    /// The transformers that it has under it, from the top down; none where it is on the environment's links.
    pub(crate) chain: &'static [&'static str],
    /// It over links that transformers make of weaker ones.
    pub(crate) stacks: Vec<Entry>,
    pub(crate) judged: Judged,
    pub(crate) judged_checked: Judged,
    /// What the compiler calls it, and what it calls what is checked.
    pub(crate) type_name: &'static str,
    pub(crate) type_checked: &'static str,
}

impl Entry {
    /// The algorithm `A`, the same on all grounds.
    pub fn new<A: Algorithm>() -> Self {
        Self::checked_as::<A, A>()
    }

    /// The algorithm `A`, checked as `C`: the same algorithm with an oracle in place of its detector.
    pub fn checked_as<A: Algorithm, C: Algorithm>() -> Self {
        use crate::grounds;
        Self {
            page: A::PAGE,
            subject: Subject::of::<A>(),
            checked: Subject::of::<C>(),
            also: Vec::new(),
            renumbered: None,
            check: grounds::check::check::<C>,
            sim: grounds::sim::instance::<A>,
            deploy: grounds::run::deploy::<A>,
            judge: grounds::run::judge::<A>,
            again: grounds::run::again::<A>,
            node: grounds::run::node::<A>,
            replay: grounds::replay::replay::<A>,
            replay_checked: grounds::replay::replay::<C>,
            steps: grounds::replay::steps::<A>,
            steps_checked: grounds::replay::steps::<C>,
            steps_in: grounds::replay::steps_in::<A>,
            chain: &[],
            stacks: Vec::new(),
            judged: regression::judged::<A>,
            judged_checked: regression::judged::<C>,
            type_name: std::any::type_name::<A>(),
            type_checked: std::any::type_name::<C>(),
        }
    }

    /// The algorithm `A`, simulated alone: one whose choices are too many for a check, and whose promises are about chance.
    pub fn simulated<A: Algorithm>() -> Self {
        use crate::grounds;
        Self {
            page: A::PAGE,
            subject: Subject::of::<A>(),
            checked: Subject::of::<A>(),
            also: Vec::new(),
            renumbered: None,
            check: |_, _, _| Err(simulated_alone(A::NAME, "check")),
            sim: grounds::sim::instance::<A>,
            deploy: |_| Err(simulated_alone(A::NAME, "run")),
            judge: |_, _, _| Err(simulated_alone(A::NAME, "run")),
            again: |_| Err(simulated_alone(A::NAME, "run")),
            node: |_| Err(simulated_alone(A::NAME, "run")),
            replay: grounds::replay::replay::<A>,
            replay_checked: grounds::replay::replay::<A>,
            steps: grounds::replay::steps::<A>,
            steps_checked: grounds::replay::steps::<A>,
            steps_in: grounds::replay::steps_in::<A>,
            chain: &[],
            stacks: Vec::new(),
            judged: regression::judged::<A>,
            judged_checked: regression::judged::<A>,
            type_name: std::any::type_name::<A>(),
            type_checked: std::any::type_name::<A>(),
        }
    }

    /// The algorithm `A`, checked as `K`, over the links that the chain `C` makes, too.
    #[must_use]
    pub fn over<A: Algorithm, K: Algorithm, C: Chain>(mut self) -> Self
    where
        A::Process: RunsOver<LinkFor<A, C>>,
        K::Process: RunsOver<LinkFor<K, C>>,
    {
        use crate::grounds;
        self.stacks.push(Self {
            checked: Subject::of::<Stacked<K, C>>(),
            check: grounds::check::check::<Stacked<K, C>>,
            sim: grounds::sim::stacked::<A, C>,
            deploy: |_| Err(no_cluster(A::NAME)),
            judge: |_, _, _| Err(no_cluster(A::NAME)),
            again: |_| Err(no_cluster(A::NAME)),
            node: |_| Err(no_cluster(A::NAME)),
            replay_checked: grounds::replay::replay::<Stacked<K, C>>,
            steps_checked: grounds::replay::steps::<Stacked<K, C>>,
            judged_checked: regression::judged::<Stacked<K, C>>,
            chain: C::NAMES,
            type_checked: std::any::type_name::<Stacked<K, C>>(),
            ..Self::simulated::<Stacked<A, C>>()
        });
        self
    }

    /// Explores also what `change` makes of the scale and the environment of its checks: where one world with everything in it would
    /// be too large, two are not.
    #[must_use]
    pub fn also_checked_in(mut self, change: fn(&mut Scale, &mut Environment)) -> Self {
        self.also.push(change);
        self
    }

    /// Explores, modulo a renumbering, what `change` makes of the scale and the environment of its checks, in place of them.
    #[must_use]
    pub fn renumbered_in(self, change: fn(&mut Scale, &mut Environment)) -> Self {
        Self { renumbered: Some(change), ..self }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.subject.name
    }

    /// It in a world, to be simulated.
    pub(crate) fn simulation(&self, world: &World) -> Result<Box<dyn Simulation>, Error> {
        (self.sim)(world)
    }

    /// Simulates it in a world.
    pub(crate) fn simulate(
        &self,
        world: &World,
        options: &sim::Options,
        watch: &Watch,
    ) -> Result<Report, Error> {
        let simulation = (self.sim)(world)?;
        let mut report = sim::sim(simulation.as_ref(), self.replay, world, options, watch)?;
        shrink::failure(&mut report, self, world, options, watch);
        Ok(report)
    }

    /// Writes the trace of the first run of a simulation.
    pub(crate) fn record(&self, world: &World, options: &sim::Options, path: &Path) -> Result<(), Error> {
        sim::record((self.sim)(world)?.as_ref(), options, path)
    }

    /// It over the links that the shortest chain of `rungs` makes of these, and what was put there.
    ///
    /// # Errors
    /// If no chain makes the links that it assumes, or it was not made over that one.
    pub(crate) fn on_links(&self, links: LinkKind, rungs: &[Rung]) -> Result<(&Self, Plan), Error> {
        let model = (self.subject.model)();
        let wanted = Wanted { links: model.links, failures: model.failures, timing: model.timing };
        let plan = plan(rungs, links, wanted)?;
        if plan.rungs.is_empty() {
            return Ok((self, plan));
        }
        let names = plan.names();
        let stack = self.stacks.iter().find(|stack| stack.chain == names);
        let missing = || Error::Unsupported {
            what: format!("this program does not have `{}` over {}", self.name(), names.join(" over ")),
            hint: "an algorithm is made over a chain where it is registered: `Entry::over`".to_owned(),
        };
        Ok((stack.ok_or_else(missing)?, plan))
    }

    /// Its page.
    pub fn page(&self) -> Page {
        Page::parse(self.page)
    }

    /// As `ground` takes it.
    pub fn on(&self, ground: GroundKind) -> &Subject {
        match ground {
            GroundKind::Check => &self.checked,
            GroundKind::Sim | GroundKind::Run => &self.subject,
        }
    }
}

pub(crate) fn no_cluster(name: &str) -> Error {
    Error::Unsupported {
        what: format!(
            "no cluster puts link transformers under `{name}`: its nodes make perfect links themselves, of TCP, or by \
             selective repeat over datagrams"
        ),
        hint: "`sim` and `check` put them there; `run --transport udp` has selective repeat".to_owned(),
    }
}

fn simulated_alone(name: &str, ground: &str) -> Error {
    Error::Unsupported {
        what: format!("`{name}` has no {ground}: in an environment it is simulated alone"),
        hint: format!("`sim {name}` simulates it"),
    }
}

/// All that a binary knows.
pub struct Registry {
    entries: Vec<Entry>,
    checkables: Vec<Box<dyn Checkable>>,
    /// What has the name of one that is checked by its constants: as the other grounds take it.
    simulated: Vec<Entry>,
    /// The link transformers that there are.
    rungs: Vec<Rung>,
}

/// What a check can be asked of.
#[derive(Clone, Copy)]
pub enum Found<'a> {
    /// An algorithm, in an environment.
    Algorithm(&'a Entry),
    /// What is checked by its constants alone.
    Checkable(&'a dyn Checkable),
}

impl Registry {
    /// These algorithms; the first is the one that is verified where nothing is said.
    ///
    /// # Panics
    /// If there is none, or two have one name.
    pub fn new(entries: Vec<Entry>) -> Self {
        assert!(!entries.is_empty(), "a registry has an algorithm");
        for (i, entry) in entries.iter().enumerate() {
            assert!(
                entries[..i].iter().all(|e| e.name() != entry.name()),
                "two algorithms are named {}",
                entry.name()
            );
        }
        Self { entries, checkables: Vec::new(), simulated: Vec::new(), rungs: Vec::new() }
    }

    /// Beside them, what is checked by its constants alone. Where one has the name of an algorithm it is called by its
    /// section.
    #[must_use]
    pub fn with(self, checkables: Vec<Box<dyn Checkable>>) -> Self {
        let simulated = checkables.iter().filter_map(|c| c.simulated()).collect();
        Self { checkables, simulated, ..self }
    }

    /// And link transformers, to be put under algorithms on request.
    #[must_use]
    pub fn with_transformers(self, rungs: Vec<Rung>) -> Self {
        Self { rungs, ..self }
    }

    /// The link transformers that there are.
    pub fn rungs(&self) -> &[Rung] {
        &self.rungs
    }

    /// All of them.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What is checked by its constants alone.
    pub fn checkables(&self, section: Section) -> impl Iterator<Item = &dyn Checkable> {
        self.checkables.iter().map(Box::as_ref).filter(move |c| c.section() == section)
    }

    /// What one of them is called here.
    pub fn title(&self, checkable: &dyn Checkable) -> String {
        let taken = self.entries.iter().any(|e| e.name() == checkable.name());
        format!("{}{}", if taken { Section::GALLERY } else { "" }, checkable.name())
    }

    /// The one of this name that is checked by its constants alone.
    fn find_checkable(&self, name: &str) -> Option<&dyn Checkable> {
        let short = name.strip_prefix(Section::GALLERY).unwrap_or(name);
        self.checkables.iter().map(Box::as_ref).find(|c| c.name() == short)
    }

    /// The one that is verified where nothing is said.
    pub fn first(&self) -> &Entry {
        &self.entries[0]
    }

    /// The algorithm of this name.
    pub fn find(&self, name: &str) -> Result<&Entry, Error> {
        match self.find_checked(name)? {
            Found::Algorithm(entry) => Ok(entry),
            Found::Checkable(_) => {
                self.simulated.iter().find(|e| e.name() == name).ok_or_else(|| Error::Unsupported {
                    what: format!("`{name}` has a check alone: no other ground plays it"),
                    hint: format!("`check {name}` explores it"),
                })
            }
        }
    }

    /// What a check can be asked of, by this name: an algorithm before all else.
    pub fn find_checked(&self, name: &str) -> Result<Found<'_>, Error> {
        let stacked = self.entries.iter().flat_map(|e| &e.stacks);
        let algorithm = self.entries.iter().chain(stacked).find(|e| e.name() == name).map(Found::Algorithm);
        let found = algorithm.or_else(|| self.find_checkable(name).map(Found::Checkable));
        found.ok_or_else(|| Error::UnknownAlgorithm {
            name: name.to_owned(),
            nearest: nearest(name, self.names().iter().map(String::as_str)).map(str::to_owned),
        })
    }

    /// All names.
    pub fn names(&self) -> Vec<String> {
        let algorithms = self.entries.iter().map(|e| e.name().to_owned());
        algorithms.chain(self.checkables.iter().map(|c| self.title(c.as_ref()))).collect()
    }

    /// The one of this name, or the only one where none is given.
    pub fn find_or_only(&self, name: Option<&str>) -> Result<&Entry, Error> {
        match (name, &self.entries[..]) {
            (Some(name), _) => self.find(name),
            (None, [only]) => Ok(only),
            (None, _) => Err(Error::Arguments {
                what: "no algorithm is named".to_owned(),
                hint: "name one of those that `list` shows, or give --experiment FILE".to_owned(),
            }),
        }
    }
}
