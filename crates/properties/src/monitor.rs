//! What a property is: a name, and an automaton that judges it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use synod_kernel::Observed;
use synod_model::{ProcessId, ProcessSet, State};

/// A property by the name that the literature gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Property {
    /// The identifier: "C4".
    pub id: &'static str,
    /// The name: "agreement".
    pub name: &'static str,
    /// How it is judged.
    pub kind: Kind,
}

impl Property {
    /// A safety property.
    pub const fn safety(id: &'static str, name: &'static str) -> Self {
        Self { id, name, kind: Kind::Safety }
    }

    /// A liveness property.
    pub const fn liveness(id: &'static str, name: &'static str) -> Self {
        Self { id, name, kind: Kind::Liveness }
    }

    /// A goal that some execution must reach.
    pub const fn reachable(id: &'static str, name: &'static str) -> Self {
        Self { id, name, kind: Kind::Reachable }
    }
}

/// A handler must not panic: one that does is a violation, of whatever algorithm.
pub const NO_PANIC: Property = Property::safety("no panic", "no handler panics");

/// How a property is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Nothing bad happens: broken by one observation.
    Safety,
    /// Something good happens in the end: broken by a debt that is never paid.
    Liveness,
    /// Some execution gets there ("sometimes"): so that an empty exploration, or one in which nothing is asked,
    /// cannot pass.
    Reachable,
}

/// What a monitor sees: the interface of the abstraction, at all processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Observation<'a, Q, I> {
    /// The layer above asks `at` for something. Also observed when `at` is down; the request is lost then.
    Request {
        /// Who is asked.
        at: ProcessId,
        /// What.
        request: &'a Q,
    },
    /// `at` tells the layer above something.
    Indication {
        /// Who tells.
        at: ProcessId,
        /// What.
        indication: &'a I,
    },
    /// `at` crashes.
    Crash {
        /// Who.
        at: ProcessId,
    },
    /// `at` starts again.
    Recover {
        /// Who.
        at: ProcessId,
    },
    /// `at` is the adversary's from now on: it lies. Nothing else is observed there, nothing is promised of it, nor of what it
    /// did before.
    Corrupt {
        /// Who.
        at: ProcessId,
    },
}

impl<'a, Q, I> Observation<'a, Q, I> {
    /// What was observed in a world, as monitors take it.
    #[inline]
    pub fn of(observed: &'a Observed<Q, I>) -> Self {
        match observed {
            Observed::Request(at, request) => Self::Request { at: *at, request },
            Observed::Indication(at, indication) => Self::Indication { at: *at, indication },
            Observed::Crash(at) => Self::Crash { at: *at },
            Observed::Recover(at) => Self::Recover { at: *at },
            Observed::Corrupt(at) => Self::Corrupt { at: *at },
        }
    }
}

/// A property of safety is broken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Violation {
    /// The property's [`Property::id`].
    pub property: String,
    /// What happened, with names and values: "p1 decided A, p3 decided B".
    pub what: String,
}

impl Violation {
    /// `property` is broken, by `what`.
    pub fn new(property: &Property, what: impl Into<String>) -> Self {
        Self { property: property.id.to_owned(), what: what.into() }
    }
}

/// A debt of liveness.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Obligation {
    /// The property's [`Property::id`].
    pub property: String,
    /// The debt is void in a run in which one of these is faulty. RB4 and URB4 differ in this alone.
    pub among: ProcessSet,
    /// What is owed: "p2 has not delivered (p0, 1)".
    pub what: String,
}

impl Obligation {
    /// `what` is owed under `property`, unless one of `among` is faulty.
    pub fn new(
        property: &Property,
        among: impl IntoIterator<Item = ProcessId>,
        what: impl Into<String>,
    ) -> Self {
        Self { property: property.id.to_owned(), among: among.into_iter().collect(), what: what.into() }
    }
}

/// An automaton that judges properties of an abstraction with requests `Q` and indications `I`.
///
/// The monitor *is* its state: it is cloned, compared and hashed with the world's. "Correct" is a fact about a whole
/// run, so no monitor decides it: it names the processes that must be correct for a debt to count.
pub trait Monitor<Q, I>: State {
    /// The properties it judges.
    fn properties(&self) -> Vec<Property>;

    /// Takes the next observation; a property of safety that it breaks is the error.
    fn observe(&mut self, observation: &Observation<'_, Q, I>) -> Result<(), Violation>;

    /// What is owed now under the properties of liveness.
    fn owed(&self, owe: &mut impl FnMut(Obligation));

    /// The goals (ids of properties of kind [`Kind::Reachable`]) that hold now.
    fn reached(&self, reach: &mut impl FnMut(&'static str));

    /// Which properties (their ids) were put to the test by what was indicated until now: agreement is once two have
    /// decided. Asked after indications alone; unless told otherwise, any of them tests all of safety. Liveness is also put
    /// to the test by a debt. A property that no run tests holds vacuously.
    fn exercised(&self, exercise: &mut impl FnMut(&'static str)) {
        let all = self.properties();
        all.iter().filter(|p| p.kind == Kind::Safety).for_each(|property| exercise(property.id));
    }

    /// How far this is from what one looks for, for a search guided by distance. Unless told otherwise, how much of what
    /// may break, or be reached, was not put to the test yet: the goals that do not hold now, and the properties of
    /// safety that were not [exercised](Monitor::exercised). It guides, and decides nothing.
    fn distance(&self) -> u64 {
        let all = self.properties();
        let mut far: BTreeSet<_> = all.iter().filter(|p| p.kind != Kind::Liveness).map(|p| p.id).collect();
        self.reached(&mut |goal| _ = far.remove(goal));
        self.exercised(&mut |property| _ = far.remove(property));
        far.len() as u64
    }
}

/// Promises nothing: for runs that are measured, not judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unjudged;

impl<Q, I> Monitor<Q, I> for Unjudged {
    fn properties(&self) -> Vec<Property> {
        Vec::new()
    }

    fn observe(&mut self, _: &Observation<'_, Q, I>) -> Result<(), Violation> {
        Ok(())
    }

    fn owed(&self, _: &mut impl FnMut(Obligation)) {}

    fn reached(&self, _: &mut impl FnMut(&'static str)) {}
}

/// Two monitors side by side.
impl<Q, I, A: Monitor<Q, I>, B: Monitor<Q, I>> Monitor<Q, I> for (A, B) {
    fn properties(&self) -> Vec<Property> {
        let mut all = self.0.properties();
        all.extend(self.1.properties());
        all
    }

    fn observe(&mut self, observation: &Observation<'_, Q, I>) -> Result<(), Violation> {
        self.0.observe(observation)?;
        self.1.observe(observation)
    }

    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        self.0.owed(owe);
        self.1.owed(owe);
    }

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        self.0.reached(reach);
        self.1.reached(reach);
    }

    fn exercised(&self, exercise: &mut impl FnMut(&'static str)) {
        self.0.exercised(exercise);
        self.1.exercised(exercise);
    }

    fn distance(&self) -> u64 {
        self.0.distance() + self.1.distance()
    }
}
