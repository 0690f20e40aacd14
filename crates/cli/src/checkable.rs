//! What is checked by its constants alone: published systems, games with coins, algorithms in lock-step rounds and in discrete time. A check
//! of them has no environment to change: its constants say how large it is, and what may go wrong.

use crate::args;
use crate::environment::{Flags, Overrides};
use crate::error::Error;
use crate::experiment::Experiment;
use crate::grounds::check::Options;
use crate::nearest::nearest;
use crate::page::Page;
use crate::registry::{Entry, ModelCard};
use crate::report::Report;
use crate::watch::Watch;
use synod_kernel::Budget;
use synod_properties::{Cost, Property, Twin};

/// Where a list shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// The library's algorithms in lock-step rounds.
    Rounds,
    /// The library's algorithms in discrete time.
    Time,
    /// Published systems.
    Gallery,
    /// Published games, in which coins decide.
    Games,
}

impl Section {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Rounds, Self::Time, Self::Gallery, Self::Games];
    /// What stands before the name of a published system where an algorithm has the same one.
    pub const GALLERY: &'static str = "gallery/";

    /// Its title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Rounds => "Algorithms in lock-step rounds: checked against every fault of every round",
            Self::Time => "Algorithms in discrete time: checked against all delays and clocks within bounds",
            Self::Gallery => "The gallery: published systems with their known answers, for `check`",
            Self::Games => "Games: published systems with coins, for `check`",
        }
    }

    /// The word for one of them in the JSON output.
    pub const fn event(self) -> &'static str {
        match self {
            Self::Rounds | Self::Time => "algorithm",
            Self::Gallery => "system",
            Self::Games => "game",
        }
    }
}

/// A number that a user may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constant {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub is: &'static str,
    /// What it is where nothing is said: a number, or what follows from the others.
    pub usual: String,
    /// The least it may be.
    pub least: u64,
    /// The most it may be.
    pub most: u64,
}

impl Constant {
    /// As a line of a page.
    pub fn line(&self) -> String {
        let Self { name, is, usual, least, most } = self;
        format!("{:<14} {:<10} {is}", format!("{name} = {usual}"), format!("{least} to {most}"))
    }
}

/// What is checked, as far as it was said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Constants with their values, each within its range.
    pub constants: Vec<(&'static str, u64)>,
    /// The broken twin.
    pub defect: Option<String>,
}

impl Asked {
    /// The value of a constant, if it was given.
    pub fn get(&self, name: &str) -> Option<u64> {
        self.constants.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }
}

/// What one instance of an algorithm in lock-step rounds comes to where nothing fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundsCost {
    /// How many faulty processes it reckons with.
    pub f: u32,
    /// By round: how many messages are sent in it, those to oneself not counted.
    pub messages: Vec<u64>,
    /// The bytes of all of them, as a cluster puts them into frames.
    pub bytes: u64,
    /// What its page states.
    pub stated: &'static [Cost],
}

/// What is checked by its constants alone.
pub trait Checkable: Sync {
    /// Where a list shows it.
    fn section(&self) -> Section;
    /// Its name, in kebab-case.
    fn name(&self) -> &'static str;
    /// The text of its source file, whose head is its page.
    fn source(&self) -> &'static str;
    /// What a user may choose.
    fn constants(&self) -> Vec<Constant>;
    /// What is claimed of it.
    fn properties(&self) -> Vec<Property>;
    /// What is known of it from elsewhere, a line each.
    fn known(&self) -> Vec<String>;
    /// Whether a reduction by symmetry may be asked for.
    fn may_be_reduced(&self) -> bool {
        false
    }
    /// Whether it may be searched with a disk: `--spill`, `--save`, `--resume`.
    fn may_use_disk(&self) -> bool {
        false
    }
    /// Its model, where it is an algorithm.
    fn model(&self) -> Option<ModelCard> {
        None
    }
    /// As the simulator takes it, by the same name, where it does.
    fn simulated(&self) -> Option<Entry> {
        None
    }
    /// What one instance of `n` processes costs where nothing fails, if it counts rounds.
    ///
    /// # Errors
    /// If it cannot be made so.
    fn rounds_cost(&self, n: u32, defect: Option<&str>) -> Result<Option<RoundsCost>, Error> {
        let _ = (n, defect);
        Ok(None)
    }
    /// Its broken twins, where they have names. Those of published systems are among the constants.
    fn twins(&self) -> &'static [Twin] {
        &[]
    }
    /// Explores it.
    fn check(&self, asked: &Asked, options: &Options, watch: &Watch) -> Result<Report, Error>;
}

impl dyn Checkable + '_ {
    /// Its page.
    pub fn page(&self) -> Page {
        Page::parse(self.source())
    }

    /// What a command line, and an experiment, ask of it.
    pub(crate) fn asked(&self, experiment: Option<&Experiment>, args: &args::Check) -> Result<Asked, Error> {
        self.refuse_the_rest(experiment, args)?;
        let mut given = Vec::new();
        let mut defect = None;
        if let Some(experiment) = experiment {
            given.extend(experiment.check.n.or(experiment.n).map(|n| ("n".to_owned(), u64::from(n))));
            given.extend(experiment.check.set.clone());
            defect.clone_from(&experiment.defect);
        }
        given.extend(args.subject.n.map(|n| ("n".to_owned(), u64::from(n))));
        if let Some(Budget::AtMost(f)) = args.subject.stops {
            given.push(("f".to_owned(), u64::from(f)));
        }
        given.extend(args.constants.clone());
        defect = args.subject.defect.clone().or(defect);
        defect.iter().try_for_each(|name| self.has_twin(name))?;
        let constants =
            given.iter().map(|(name, value)| self.constant(name, *value)).collect::<Result<_, _>>()?;
        Ok(Asked { constants, defect })
    }

    /// Refuses a twin that it does not have.
    pub(crate) fn has_twin(&self, name: &str) -> Result<(), Error> {
        let known: Vec<_> = self.twins().iter().map(|twin| twin.name).collect();
        if known.contains(&name) {
            return Ok(());
        }
        Err(Error::UnknownDefect { algorithm: self.name().to_owned(), name: name.to_owned(), known })
    }

    /// A constant of this name, if it may have this value.
    fn constant(&self, name: &str, value: u64) -> Result<(&'static str, u64), Error> {
        let all = self.constants();
        let Some(known) = all.iter().find(|c| c.name == name) else {
            let names: Vec<_> = all.iter().map(|c| c.name).collect();
            let hint = match nearest(name, names.iter().copied()) {
                Some(near) if name.len() > 2 => format!("did you mean `{near}`?"),
                _ => format!("it has {}", names.join(", ")),
            };
            return Err(Error::Constant {
                what: format!("`{}` has no constant `{name}`", self.name()),
                hint,
            });
        };
        if !(known.least..=known.most).contains(&value) {
            let hint = format!("{name} lies between {} and {}: {}", known.least, known.most, known.is);
            return Err(Error::Constant { what: format!("{name} = {value} is out of bounds"), hint });
        }
        Ok((known.name, value))
    }

    /// What would have no effect is refused.
    fn refuse_the_rest(&self, experiment: Option<&Experiment>, args: &args::Check) -> Result<(), Error> {
        let subject = &args.subject;
        let changed = Flags { stops: None, ..subject.flags() };
        let file = experiment.map(|e| &e.check);
        let without_effect = [
            (subject.env.is_some(), "--env"),
            (subject.links.is_some(), "--links"),
            (changed != Flags::default(), "a budget of faults other than --f"),
            (subject.stops == Some(Budget::Unlimited), "--f unlimited"),
            (subject.outside_model, "--outside-model"),
            (
                subject.with_transformers || experiment.is_some_and(|e| e.with_transformers),
                "--with-transformers",
            ),
            (subject.requests.is_some(), "--requests"),
            (
                !self.may_be_reduced() && (args.symmetry || file.is_some_and(|f| f.symmetry == Some(true))),
                "--symmetry",
            ),
            (args.renumber || file.is_some_and(|f| f.renumber == Some(true)), "--renumber"),
            (args.forget || file.is_some_and(|f| f.forget == Some(true)), "--forget"),
            (args.partial_order || file.is_some_and(|f| f.partial_order == Some(true)), "--partial-order"),
            (
                !self.may_use_disk()
                    && (args.spill.is_some() || args.save.is_some() || args.resume.is_some()),
                "a disk",
            ),
            (
                self.section() == Section::Games
                    && (args.safety || file.is_some_and(|f| f.safety == Some(true))),
                "--safety",
            ),
            (self.section() == Section::Games && args.memory.is_some(), "--memory"),
            (
                args.two_seats.is_some()
                    || file.is_some_and(|f| f.two_seats.is_some() || f.withhold.is_some()),
                "--two-seats",
            ),
            (args.engine.is_some() || file.is_some_and(|f| f.engine.is_some()), "an engine"),
            (file.is_some_and(|f| f.environment != Overrides::default()), "an environment"),
            (experiment.is_some_and(|e| e.requests.or(e.check.requests).is_some()), "a number of requests"),
        ];
        let Some((_, what)) = without_effect.into_iter().find(|(given, _)| *given) else { return Ok(()) };
        Err(Error::Arguments {
            what: format!("{what} has no effect on `{}`", self.name()),
            hint: format!(
                "it is checked by its constants: --set NAME=VALUE, as `explain {}` lists them",
                self.name()
            ),
        })
    }
}
