//! Ben-Or's consensus. A check tries every fall of the coins, so termination with probability 1 is not for it to judge: it
//! judges what is for certain. Simulations and clusters flip, and terminate.

use super::transformers::over_weaker_links;
use super::{at_least, defect};
use synod_algorithms::consensus::BenOr;
use synod_algorithms::consensus::ben_or::Parameters;
use synod_cli::Entry;
use synod_kernel::{Budget, Environment};
use synod_model::bound::Bound;
use synod_model::interface::{Decide, Propose};
use synod_model::{Group, Majority, Process, Round};
use synod_properties::{
    Algorithm, Completion, Consensus, GroundKind, Kind, Monitor, Obligation, Observation, Property, Scale,
    Told, Twin, Violation, usual,
};

pub(super) fn all() -> Vec<Entry> {
    vec![over_weaker_links::<Flipped, Tried>(Entry::checked_as::<Flipped, Tried>())]
}

const NAME: &str = "ben-or";
const PAGE: &str = include_str!("../../../algorithms/src/consensus/ben_or.rs");
const MEASURE: &str = "rounds begun";
const TWINS: &[Twin] = &[
    Twin::new(
        "decides-on-one",
        "UC4",
        "one proposal of a value suffices to decide it; a simulation shows it",
    ),
    Twin::new(
        "flips-regardless",
        "UC4",
        "a process that did not decide flips though it saw a proposal; a simulation shows it",
    ),
];

fn parameters(scale: &Scale, rounds_max: Option<Round>) -> Result<Parameters, String> {
    at_least(scale, 1, "somebody must decide")?;
    Ok(Parameters { faulty_max: Majority::faulty_max(scale.n), rounds_max, defect: defect(scale)? })
}

/// Every process proposes: p2, p5, .. true, the others false.
fn requests(scale: &Scale) -> Vec<Vec<Propose<bool>>> {
    let of = |p: u32| (0..scale.requests.min(1)).map(|_| Propose(p % 3 == 2)).collect();
    (0..scale.n).map(of).collect()
}

fn world(ground: GroundKind, scale: &Scale) -> Environment {
    let mut environment = usual::<<BenOr as Process>::Model>(ground, scale.n);
    if ground == GroundKind::Check {
        environment.links.ignored_stay = true;
        // they give up when the second begins: a second round of coins has too many states for a breath
        environment.measure = Budget::AtMost(2);
    }
    environment
}

macro_rules! ben_or {
    ($($(#[$doc:meta])* $name:ident, $monitor:ty, rounds $rounds:expr, |$scale:ident| $make:expr;)*) => {$(
        $(#[$doc])*
        struct $name;

        impl Algorithm for $name {
            type Process = BenOr;
            type Monitor = $monitor;

            const NAME: &'static str = NAME;
            const PAGE: &'static str = PAGE;
            const TWINS: &'static [Twin] = TWINS;
            const MEASURE: Option<&'static str> = Some(MEASURE);

            fn completes(told: &Told<'_, Propose<bool>, Decide<bool>>) -> Option<Completion> {
                let Decide(value) = told.indication;
                (told.asked == told.by).then_some(Completion::Value("decided", Some(u64::from(*value))))
            }

            fn measure(process: &BenOr) -> u64 {
                process.round().0.into()
            }

            fn scale(ground: GroundKind) -> Scale {
                match ground {
                    GroundKind::Check => Scale::new(3, 1),
                    GroundKind::Sim | GroundKind::Run => Scale::new(5, 1),
                }
            }

            fn parameters(scale: &Scale) -> Result<Parameters, String> {
                parameters(scale, $rounds)
            }

            fn requests(scale: &Scale) -> Vec<Vec<Propose<bool>>> {
                requests(scale)
            }

            fn monitor($scale: &Scale) -> $monitor {
                $make
            }

            fn environment(ground: GroundKind, scale: &Scale) -> Environment {
                world(ground, scale)
            }
        }
    )*};
}
ben_or! {
    /// As it is simulated and run.
    Flipped, Consensus<bool>, rounds None, |scale| Consensus::new(Group::first(scale.n));
    /// As it is checked.
    Tried, ForCertain, rounds Some(Round(1)), |scale| ForCertain(Consensus::new(Group::first(scale.n)));
}

/// What holds for every fall of the coins: consensus without its termination.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct ForCertain(Consensus<bool>);

impl Monitor<Propose<bool>, Decide<bool>> for ForCertain {
    fn properties(&self) -> Vec<Property> {
        self.0.properties().into_iter().filter(|p| p.kind != Kind::Liveness).collect()
    }

    fn observe(
        &mut self,
        observation: &Observation<'_, Propose<bool>, Decide<bool>>,
    ) -> Result<(), Violation> {
        self.0.observe(observation)
    }

    fn owed(&self, _: &mut impl FnMut(Obligation)) {}

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        self.0.reached(reach);
    }

    fn exercised(&self, exercise: &mut impl FnMut(&'static str)) {
        self.0.exercised(exercise);
    }
}
