//! An execution of a cluster: what its nodes recorded, merged into one order.
//!
//! The order keeps that of each process, and puts the delivery of a message behind its release by the sender. What is
//! concurrent by these rules goes by the wall clock.

use crate::record::{EffectName, Handled, Incarnation, Record, RecordError, Release, Start};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use synod_model::link::{Guarantee, LinkModel};
use synod_model::{Effect, EffectOf, Event, LinkOf, Process, ProcessId};
use thiserror::Error;

/// The records of all nodes.
#[derive(Clone, Debug)]
pub struct Execution<P: Process> {
    /// By process: its incarnations that left a record, in order.
    pub processes: BTreeMap<ProcessId, Vec<Incarnation<P>>>,
}

/// One thing that happened.
#[derive(Debug)]
pub struct Step<'a, P: Process> {
    /// Where.
    pub process: ProcessId,
    /// In which incarnation.
    pub incarnation: &'a Incarnation<P>,
    /// What.
    pub what: What<'a, P>,
}

/// What happened.
#[derive(Debug)]
pub enum What<'a, P: Process> {
    /// The process started.
    Start(&'a Start<P>),
    /// A handler ran.
    Handled(&'a Handled<P>),
    /// Effects left.
    Released(&'a Release),
    /// The process crashed: its record ends without a stop.
    Crashed,
    /// The process stopped in order.
    Stopped,
}

/// All steps in one order.
#[derive(Debug)]
pub struct Merged<'a, P: Process> {
    /// The steps.
    pub steps: Vec<Step<'a, P>>,
    /// How many deliveries have no release in their sender's record.
    pub unplaced: usize,
}

/// The links broke their promise.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LinkViolation {
    /// PL3.
    #[error("PL3 no creation: {}: {at} took {message} from {from}, who did not send it", path.display())]
    Created {
        /// In which record.
        path: PathBuf,
        /// Who took it.
        at: ProcessId,
        /// Who is said to have sent it.
        from: ProcessId,
        /// What.
        message: String,
    },
    /// PL2.
    #[error("PL2 no duplication: {at} took {message} from {from} twice")]
    Duplicated {
        /// Who took it.
        at: ProcessId,
        /// Who sent it.
        from: ProcessId,
        /// What.
        message: String,
    },
}

impl<P: Process> Execution<P> {
    /// Reads the records in a directory.
    pub fn load(directory: &Path) -> Result<Self, RecordError> {
        let unreadable = |source| RecordError::Io { operation: "read", path: directory.to_owned(), source };
        let mut processes = BTreeMap::<ProcessId, BTreeMap<u64, Incarnation<P>>>::new();
        for entry in std::fs::read_dir(directory).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|extension| extension == "jsonl")
                && let Some(incarnation) = Incarnation::load(&path)?
            {
                let start = &incarnation.start;
                processes.entry(start.process).or_default().insert(start.incarnation, incarnation);
            }
        }
        let processes = processes.into_iter().map(|(p, all)| (p, all.into_values().collect())).collect();
        let mut execution = Self { processes };
        execution.settle()?;
        Ok(execution)
    }

    /// Where links are logged, what was durable when a process crashed is known from its next start.
    fn settle(&mut self) -> Result<(), RecordError> {
        let links = <LinkOf<P> as LinkModel>::KIND.guarantees();
        if !links.has(Guarantee::LoggedDelivery) {
            return Ok(());
        }
        for incarnations in self.processes.values_mut() {
            let starts: Vec<_> = incarnations.iter().skip(1).map(|next| next.start.durable).collect();
            for (incarnation, durable) in incarnations.iter_mut().zip(starts) {
                let number = incarnation.start.incarnation;
                let last = durable.filter(|last| last.incarnation == number).map(|last| last.handler);
                incarnation.settle(last)?;
            }
        }
        Ok(())
    }

    /// All steps in one order.
    pub fn merge(&self) -> Merged<'_, P> {
        let mut queues: Vec<_> = self.processes.iter().map(|(&p, all)| Queue::new(p, all)).collect();
        let mut released = BTreeMap::new();
        let mut merged = Merged { steps: vec![], unplaced: 0 };
        loop {
            let pending = || queues.iter().enumerate().filter_map(|(q, queue)| Some((queue.at()?, q)));
            let placed = |&(_, q): &(u64, usize)| queues[q].is_placed(&released);
            let Some((_, q)) = pending().filter(placed).min().or_else(|| pending().min()) else {
                return merged;
            };
            merged.unplaced += usize::from(!queues[q].is_placed(&released));
            let step = queues[q].take();
            if let What::Released(Release { effects, .. }) = &step.what
                && let Some(&last) = effects.last()
            {
                // Release is first in, first out: the last name stands for all before it.
                released.insert((step.process, step.incarnation.start.incarnation), last);
            }
            merged.steps.push(step);
        }
    }

    /// Holds the deliveries against what was sent: nothing is created; nothing is duplicated between two incarnations.
    /// (Nor across them, by these links: that is more than their model promises.) Where the links that the algorithm asks for may
    /// duplicate, they may.
    pub fn check_links(&self) -> Result<usize, LinkViolation> {
        let mut delivered = BTreeSet::new();
        let mut deliveries = 0;
        let once = <LinkOf<P> as LinkModel>::KIND.guarantees().has(Guarantee::NoDuplication);
        for (&at, incarnation) in self.incarnations() {
            for handled in incarnation.handled() {
                let (Event::Message(from, message), Some(cause)) = (&handled.event, handled.cause) else {
                    continue;
                };
                let sent = matches!(
                    self.effect(*from, cause),
                    Some(Effect::Send { to, message: sent, .. }) if *to == at && sent == message
                );
                let (from, message) = (*from, format!("{message:?}"));
                if !sent {
                    return Err(LinkViolation::Created { path: incarnation.path.clone(), at, from, message });
                }
                deliveries += 1;
                if !delivered.insert((at, from, cause)) && once {
                    return Err(LinkViolation::Duplicated { at, from, message });
                }
            }
        }
        Ok(deliveries)
    }

    fn incarnations(&self) -> impl Iterator<Item = (&ProcessId, &Incarnation<P>)> {
        self.processes.iter().flat_map(|(p, all)| all.iter().map(move |incarnation| (p, incarnation)))
    }

    /// The effect of this name at a process.
    fn effect(&self, process: ProcessId, name: EffectName) -> Option<&EffectOf<P>> {
        let all = self.processes.get(&process)?;
        let found = all.iter().find(|incarnation| incarnation.start.incarnation == name.incarnation)?;
        found.effect(name.handler, name.effect)
    }
}

/// What is left of the records of one process.
struct Queue<'a, P: Process> {
    process: ProcessId,
    incarnations: &'a [Incarnation<P>],
    /// The next step of the first incarnation left: its start, then its records, then its end.
    next: usize,
    /// When the step before it was made.
    before: u64,
}

impl<'a, P: Process> Queue<'a, P> {
    fn new(process: ProcessId, incarnations: &'a [Incarnation<P>]) -> Self {
        Self { process, incarnations, next: 0, before: 0 }
    }

    /// When the next step was made.
    fn at(&self) -> Option<u64> {
        let incarnation = self.incarnations.first()?;
        Some(match self.next.checked_sub(1) {
            None => incarnation.start.at,
            Some(record) => incarnation.records.get(record).map_or(self.before, Record::at),
        })
    }

    /// Whether all that the next step depends on is placed.
    fn is_placed(&self, released: &BTreeMap<(ProcessId, u64), (u64, u32)>) -> bool {
        let record = self.incarnations.first().and_then(|i| i.records.get(self.next.checked_sub(1)?));
        let Some(Record::Handled(Handled { event: Event::Message(from, _), cause: Some(cause), .. })) =
            record
        else {
            return true;
        };
        released.get(&(*from, cause.incarnation)).is_some_and(|&last| (cause.handler, cause.effect) <= last)
    }

    fn take(&mut self) -> Step<'a, P> {
        self.before = self.at().expect("a queue that gives a step has one");
        let incarnation = &self.incarnations[0];
        let record = self.next.checked_sub(1).map(|record| incarnation.records.get(record));
        self.next += 1;
        let what = match record {
            None => What::Start(&incarnation.start),
            Some(Some(Record::Handled(handled))) => What::Handled(handled),
            Some(Some(Record::Released(release))) => What::Released(release),
            Some(Some(Record::Stopped { .. })) => What::Stopped,
            Some(None) => What::Crashed,
            Some(Some(Record::Start(_))) => unreachable!("a record has one start, and it is apart"),
        };
        if matches!(what, What::Stopped | What::Crashed) {
            (self.incarnations, self.next) = (&self.incarnations[1..], 0);
        }
        Step { process: self.process, incarnation, what }
    }
}
