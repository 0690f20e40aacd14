//! The simulator: virtual time, seeded faults, one run per seed.
//!
//! A run is a sequence of the kernel's moves, each taken by the kernel's `step`: what happens next is the earliest
//! entry of an [`agenda`]; delays, losses and the plan of faults are drawn from the seed. Nothing of the semantics is
//! written again here, and a recorded run ([`trace`]) is held against the kernel's own set of enabled choices.
//!
//! The same seed, setting and [`Options`] give the same run, byte for byte, on every machine and in every build.

mod adversary;
pub mod agenda;
mod campaign;
pub mod cost;
mod counts;
pub mod coverage;
mod determinism;
pub mod distribution;
mod fault;
mod ground;
mod links;
mod outcome;
mod plan;
pub mod platform;
pub mod record;
pub mod results;
mod run;
mod search;
pub mod shrink;
mod simulation;
mod stream;
pub mod swarm;
mod tested;
mod trigger;
pub mod workload;

pub use adversary::{Injection, Strategy};
pub use campaign::{Campaign, Failure, Wanted, campaign, records};
pub use cost::{Costs, Summary};
pub use counts::Counts;
pub use determinism::{Difference, Nondeterminism, check_determinism, compare};
pub use distribution::Distribution;
pub use fault::{Fault, FaultKind};
pub use outcome::{Ended, Outcome};
pub use plan::{FaultPlan, Options, Spared};
pub use platform::Platform;
pub use record::{Judgement, Record};
pub use run::observe::{Observations, observe};
pub use run::prefix::{Prefix, PrefixError};
pub use run::{run, trace, trace_to};
pub use search::{Lineage, Searched, search};
pub use simulation::{Instance, Simulation};
pub use swarm::{Family, Swarm};
pub use tested::{RUNS_THAT_TEST, effects};
pub use trigger::{Condition, Conditional, Happening, NAMED, OTHERS, THERE, names};
pub use workload::Workload;
