//! Conditions weaker than linearizability, and others: which of them a log satisfies.
//!
//! [`Level`] names them, with their definitions and sources, and says which imply which. Most are not local: a log of several keys is judged whole.
//!
//! ```
//! use synod_judge::consistency::{Level, judge, strongest};
//! use synod_judge::judgement::{Model, conventions};
//! use synod_judge::{Budget, log::Log};
//!
//! // client 2 still reads nothing after client 1 has written and read 5
//! let (log, format) = Log::from_text("client,kind,function,key,value,at\n\
//!     1,invoke,write,x,5,\n1,ok,write,x,5,\n2,invoke,read,x,,\n2,ok,read,x,,\n2,invoke,read,x,,\n2,ok,read,x,5,\n")?;
//! let judged = |level| judge(&log, Model::Register, level, conventions(format), Budget::default());
//! assert_eq!(judged(Level::Sequential)?.holds(), Some(true));
//! assert_eq!(judged(Level::Regular)?.holds(), Some(false));
//! let strongest = strongest(&log, Model::Register, conventions(format), Budget::default())?;
//! assert!(strongest.levels.contains(&Level::Sequential));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod accesses;
mod causal;
mod explained;
mod graph;
mod level;
mod registers;
mod sequential;
mod session;
mod staleness;
mod words;

pub use level::Level;

use crate::judgement::{self, ForModel, Model};
use crate::linearizability::{Budget, Verdict};
use crate::log::Log;
use crate::reading::{Conventions, Meaningless, Readable};
use accesses::{Access, NotRegisters, accesses};
use explained::{Candidates, Explained};
use std::sync::atomic::Ordering;
use words::Broken;

/// Whether a log satisfies a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LevelVerdict {
    /// It does.
    Holds,
    /// It does not.
    Violated {
        /// The operations of the log that show it.
        operations: Vec<usize>,
        /// How they do.
        why: String,
    },
    /// That was not found out.
    Unknown {
        /// How far it got.
        how_far: String,
        /// What stopped it.
        why: String,
    },
}

impl LevelVerdict {
    /// Whether it holds; nothing if that is not known.
    pub fn holds(&self) -> Option<bool> {
        match self {
            Self::Holds => Some(true),
            Self::Violated { .. } => Some(false),
            Self::Unknown { .. } => None,
        }
    }
}

/// What a log satisfies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strongest {
    /// The conditions that hold and that no other that holds implies.
    pub levels: Vec<Level>,
    /// What was found of each of [`Level::ALL`].
    pub verdicts: Vec<(Level, LevelVerdict)>,
}

/// Whether a log satisfies a condition.
pub fn judge(
    log: &Log,
    model: Model,
    level: Level,
    conventions: Conventions,
    budget: Budget<'_>,
) -> Result<LevelVerdict, Meaningless> {
    match level {
        Level::Linearizable => linearizable(log, model, conventions, budget),
        Level::Sequential => sequential(log, model, conventions, budget),
        _ => match accesses(log, model, conventions) {
            Ok(accesses) if is_implied(log, model, level, &accesses, conventions, budget)? => {
                Ok(LevelVerdict::Holds)
            }
            Ok(accesses) => Ok(registers(log, &accesses, level, budget)),
            Err(NotRegisters::Meaningless(meaningless)) => Err(meaningless),
            Err(NotRegisters::Other(why)) => {
                // one order of all is one for each client and each operation, whatever the object
                let is_implied = Level::Sequential.is_at_least(level)
                    && sequential(log, model, conventions, budget)?.holds() == Some(true);
                let how_far = "nothing stronger was found to hold".to_owned();
                Ok(if is_implied { LevelVerdict::Holds } else { LevelVerdict::Unknown { how_far, why } })
            }
        },
    }
}

/// Whether a stronger condition holds, whose search need not tell which of several equal writes was read.
fn is_implied(
    log: &Log,
    model: Model,
    level: Level,
    accesses: &[Access],
    conventions: Conventions,
    budget: Budget<'_>,
) -> Result<bool, Meaningless> {
    let is_better = Level::Linearizable.is_at_least(level) && !matches!(level, Level::Regular | Level::Safe);
    if !is_better || Candidates::new(accesses).is_one() {
        return Ok(false);
    }
    let part = Budget { steps_max: budget.steps_max / 8, ..budget };
    if linearizable(log, model, conventions, part)?.holds() == Some(true) {
        return Ok(true);
    }
    Ok(Level::Sequential.is_at_least(level) && search(log, model, conventions, part)?.holds() == Some(true))
}

/// The strongest conditions that a log satisfies.
pub fn strongest(
    log: &Log,
    model: Model,
    conventions: Conventions,
    budget: Budget<'_>,
) -> Result<Strongest, Meaningless> {
    let mut verdicts: Vec<(Level, LevelVerdict)> = vec![];
    for level in Level::ALL {
        let implied = |(other, verdict): &&(Level, LevelVerdict)| {
            verdict.holds() == Some(true) && other.is_at_least(level)
        };
        let verdict = match verdicts.iter().find(implied) {
            Some(_) => LevelVerdict::Holds,
            None => judge(log, model, level, conventions, budget)?,
        };
        verdicts.push((level, verdict));
    }
    let held: Vec<Level> = verdicts
        .iter()
        .filter(|(_, verdict)| verdict.holds() == Some(true))
        .map(|&(level, _)| level)
        .collect();
    let is_implied = |level: Level| held.iter().any(|&other| other != level && other.is_at_least(level));
    let levels = held.iter().copied().filter(|&level| !is_implied(level)).collect();
    Ok(Strongest { levels, verdicts })
}

/// What is left of a budget.
struct Meter<'a> {
    budget: Budget<'a>,
    steps_left: u64,
}

impl<'a> Meter<'a> {
    fn new(budget: Budget<'a>) -> Self {
        Self { budget, steps_left: budget.steps_max }
    }

    fn steps(&mut self, steps: u64) -> Result<(), String> {
        if self.budget.interrupted.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err("it was interrupted".to_owned());
        }
        let Some(left) = self.steps_left.checked_sub(steps) else {
            return Err(format!("the budget of {} steps ran out", self.budget.steps_max));
        };
        self.steps_left = left;
        Ok(())
    }

    fn bytes(&self, bytes: usize) -> Result<(), String> {
        let most = self.budget.memory_max;
        if bytes > most { Err(format!("the budget of {most} bytes ran out")) } else { Ok(()) }
    }
}

fn linearizable(
    log: &Log,
    model: Model,
    conventions: Conventions,
    budget: Budget<'_>,
) -> Result<LevelVerdict, Meaningless> {
    let judgement = judgement::judge(log, model, conventions, budget)?;
    let violated = judgement.parts.iter().find_map(|part| match &part.verdict {
        Verdict::Violation { operation, prefix, .. } => Some((*operation, *prefix)),
        _ => None,
    });
    if let Some((operation, prefix)) = violated {
        let what = words::operation(log, operation);
        let why =
            format!("the first {prefix} events of its object have an order, but then none explains {what}");
        return Ok(LevelVerdict::Violated { operations: vec![operation], why });
    }
    let unknown = judgement.parts.iter().find_map(|part| match &part.verdict {
        Verdict::Unknown { prefix } => Some(*prefix),
        _ => None,
    });
    Ok(unknown.map_or(LevelVerdict::Holds, |prefix| LevelVerdict::Unknown {
        how_far: format!("the first {prefix} events of an object have an order"),
        why: "the budget ran out".to_owned(),
    }))
}

fn sequential(
    log: &Log,
    model: Model,
    conventions: Conventions,
    budget: Budget<'_>,
) -> Result<LevelVerdict, Meaningless> {
    // what the search may look long for, real time or causes may show at once
    let part = Budget { steps_max: budget.steps_max / 8, ..budget };
    if linearizable(log, model, conventions, part)?.holds() == Some(true) {
        return Ok(LevelVerdict::Holds);
    }
    if let Ok(accesses) = accesses(log, model, conventions) {
        let candidates = Candidates::new(&accesses);
        let meter = &mut Meter::new(part);
        let verdict = by_sources(log, &accesses, &candidates, meter, &|e, meter| {
            causal::causal(e, causal::Form::Total, meter)
        });
        if verdict.holds() == Some(false) {
            return Ok(verdict);
        }
    }
    search(log, model, conventions, budget)
}

/// Looks for one order that keeps each client's.
fn search(
    log: &Log,
    model: Model,
    conventions: Conventions,
    budget: Budget<'_>,
) -> Result<LevelVerdict, Meaningless> {
    struct Searching<'a>(&'a Log, Conventions, Budget<'a>);
    impl ForModel for Searching<'_> {
        type Found = Result<sequential::Found, Meaningless>;
        fn with<S: Readable>(self, model: &S) -> Self::Found {
            sequential::sequential(model, self.0, self.1, &mut Meter::new(self.2))
        }
    }
    let found = model.hand(Searching(log, conventions, budget))?;
    Ok(match found {
        sequential::Found::Holds => LevelVerdict::Holds,
        sequential::Found::OutOfBudget { most, of, why } => {
            LevelVerdict::Unknown { how_far: format!("{most} of {of} operations have an order"), why }
        }
        sequential::Found::None { most, of, stuck } => words::stuck(log, most, of, &stuck),
    })
}

/// Judges registers.
fn registers(log: &Log, accesses: &[Access], level: Level, budget: Budget<'_>) -> LevelVerdict {
    use causal::Form;
    let candidates = Candidates::new(accesses);
    let meter = &mut Meter::new(budget);
    let told = |broken| words::broken(log, accesses, broken);
    let by_sources =
        |meter: &mut Meter<'_>, check: Check<'_>| by_sources(log, accesses, &candidates, meter, check);
    match level {
        Level::Regular | Level::Safe => {
            registers::regular(accesses, &candidates, level == Level::Safe).map_or(LevelVerdict::Holds, told)
        }
        Level::Versions(k) => {
            stale(log, accesses, staleness::versions(accesses, k, |i| at_events(accesses, i), budget))
        }
        Level::Time(bound) => match times(log, accesses, bound) {
            Ok(times) => stale(log, accesses, staleness::versions(accesses, 1, |index| times[index], budget)),
            Err(why) => LevelVerdict::Unknown { how_far: "it was not begun".to_owned(), why },
        },
        Level::CausalConvergence => by_sources(meter, &|e, meter| causal::causal(e, Form::Convergent, meter)),
        Level::Causal => by_sources(meter, &|e, meter| causal::causal(e, Form::Memory, meter)),
        Level::WeakCausal => by_sources(meter, &|e, meter| causal::causal(e, Form::Weak, meter)),
        Level::Pram => by_sources(meter, &|e, meter| causal::pram(e, meter)),
        Level::ReadYourWrites => by_sources(meter, &|e, _| Ok(session::read_your_writes(e))),
        Level::MonotonicReads => by_sources(meter, &|e, _| Ok(session::monotonic_reads(e))),
        Level::MonotonicWrites => by_sources(meter, &|e, _| Ok(session::monotonic_writes(e))),
        Level::WritesFollowReads => by_sources(meter, &|e, _| Ok(session::writes_follow_reads(e))),
        Level::Eventual => by_sources(meter, &|e, _| Ok(registers::eventual(e))),
        Level::Linearizable | Level::Sequential => unreachable!("these are judged of all objects"),
    }
}

/// Checks one way in which reads came by what they read.
type Check<'c> = &'c dyn Fn(&Explained<'_>, &mut Meter<'_>) -> Result<Option<Broken>, String>;

/// Looks for a way in which reads came by what they read that a check finds nothing against.
fn by_sources(
    log: &Log,
    accesses: &[Access],
    candidates: &Candidates<'_>,
    meter: &mut Meter<'_>,
    check: Check<'_>,
) -> LevelVerdict {
    if let Some(read) = candidates.thin_air_read() {
        return words::broken(log, accesses, Broken::ThinAir { read });
    }
    let (mut first, mut tried) = (None, 0_u64);
    let decided = candidates.try_each(|explained| {
        let found = meter.steps(accesses.len() as u64).and_then(|()| check(&explained, meter));
        match found {
            Ok(None) => return Some(LevelVerdict::Holds),
            Ok(Some(broken)) => _ = first.get_or_insert(broken),
            Err(why) => {
                let how_far = if tried == 0 {
                    "nothing was found against it".to_owned()
                } else {
                    format!("values are written more than once; {tried} of the ways to tell which was read were tried, and none satisfies it")
                };
                return Some(LevelVerdict::Unknown { how_far, why });
            }
        }
        tried += 1;
        None
    });
    decided.unwrap_or_else(|| {
        let mut verdict = first.map_or(LevelVerdict::Holds, |broken| words::broken(log, accesses, broken));
        if let LevelVerdict::Violated { why, .. } = &mut verdict
            && tried > 1
        {
            let all = format!("; so with each of the {tried} ways to tell which write was read");
            why.push_str(&all);
        }
        verdict
    })
}

fn at_events(accesses: &[Access], index: usize) -> (staleness::Instant, staleness::Instant) {
    let access = &accesses[index];
    ((0, access.invoked), (0, access.returned.unwrap_or(usize::MAX)))
}

/// When each operation ran, reads from `bound` earlier on.
fn times(
    log: &Log,
    accesses: &[Access],
    bound: u64,
) -> Result<Vec<(staleness::Instant, staleness::Instant)>, String> {
    let mut clock = vec![None; log.events()];
    for operation in log.operations() {
        clock[operation.invoked] = operation.times.0;
        if let Some(returned) = operation.returned {
            clock[returned] = operation.times.1;
        }
    }
    // the order of events is that of the log, whatever the clocks say
    let mut latest = 0;
    for at in clock.iter_mut().flatten() {
        latest = latest.max(*at);
        *at = latest;
    }
    let time =
        |event: usize| clock[event].ok_or_else(|| "the log does not say when its operations ran".to_owned());
    accesses
        .iter()
        .map(|access| {
            let mut from = (time(access.invoked)?, access.invoked + 1);
            if bound > 0 && access.reads() && !access.writes() {
                // before all of that time
                from = (from.0.saturating_sub(bound), 0);
            }
            let to = access
                .returned
                .map(|returned| Ok::<_, String>((time(returned)?, returned + 1)))
                .transpose()?;
            Ok((from, to.unwrap_or((u64::MAX, usize::MAX))))
        })
        .collect()
}

fn stale(log: &Log, accesses: &[Access], found: staleness::Stale) -> LevelVerdict {
    match found {
        staleness::Stale::Holds => LevelVerdict::Holds,
        staleness::Stale::Violated { access } => {
            let operation = accesses[access].operation;
            let why = format!("no order within the bound explains {}", words::operation(log, operation));
            LevelVerdict::Violated { operations: vec![operation], why }
        }
        staleness::Stale::Unknown { prefix } => LevelVerdict::Unknown {
            how_far: format!("the first {prefix} events of a key have an order"),
            why: "the budget ran out".to_owned(),
        },
    }
}
