//! The self-check: the same seed gives the same run.

use crate::outcome::Outcome;
use crate::plan::Options;
use crate::simulation::Simulation;
use synod_kernel::trace::TraceError;

/// How a seed gave two different runs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Nondeterminism {
    /// Two runs of one seed have different traces.
    #[error("seed {seed:#x} gives two different traces: line {line} differs\n  {one}\n  {other}")]
    Traces {
        /// The seed.
        seed: u64,
        /// The first line that differs, from 1 on.
        line: usize,
        /// In the first run.
        one: String,
        /// In the second.
        other: String,
    },
    /// Two runs of one seed come to different ends.
    #[error("seed {seed:#x} gives two different outcomes: {one:?} and {other:?}")]
    Outcomes {
        /// The seed.
        seed: u64,
        /// Of the first run.
        one: Box<Outcome>,
        /// Of the second.
        other: Box<Outcome>,
    },
    /// The trace does not replay.
    #[error("the trace of seed {seed:#x} does not replay: {source}")]
    Replay {
        /// The seed.
        seed: u64,
        /// Why.
        source: TraceError,
    },
}

/// Runs a seed three times, once without a trace, and compares; then replays the trace.
pub fn check_determinism(
    simulation: &dyn Simulation,
    seed: u64,
    options: &Options,
) -> Result<(Outcome, String), Nondeterminism> {
    let (one, content) = simulation.trace(seed, options);
    let (two, again) = simulation.trace(seed, options);
    if content != again {
        return Err(differing(seed, &content, &again));
    }
    for other in [two, simulation.run(seed, options)] {
        if one != other {
            return Err(Nondeterminism::Outcomes { seed, one: Box::new(one), other: Box::new(other) });
        }
    }
    simulation.replay(&content).map_err(|source| Nondeterminism::Replay { seed, source })?;
    Ok((one, content))
}

fn differing(seed: u64, one: &str, other: &str) -> Nondeterminism {
    let same = one.lines().zip(other.lines()).take_while(|(a, b)| a == b).count();
    let line = |text: &str| text.lines().nth(same).unwrap_or("(nothing)").to_owned();
    Nondeterminism::Traces { seed, line: same + 1, one: line(one), other: line(other) }
}
