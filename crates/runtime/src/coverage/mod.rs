//! What a real run shows of the assumptions of synchrony: how long messages take (d), how long steps take (p), and how far
//! clocks drift apart (rho).
//!
//! - A message takes from the release by its sender to the start of its receiver's handler, by the clock that the records go by:
//!   where all nodes are on one machine that is one clock. Where they are not, clocks that disagree show as messages that
//!   arrive before they leave; those are counted, and taken for nothing else.
//! - A step takes from the start of its handler until the last of what it says may leave: its writes are part of it.
//! - Clocks are compared by messages in both directions, each node's own clock at either end: see [`drift`].
//!
//! Messages that never arrived are too late for every bound that had passed when their receiver was last heard of. One that was under
//! way for less than that tells nothing.

pub mod drift;
mod lines;
pub mod samples;

use self::drift::{Drift, Exchanges};
use self::lines::{Node, load};
use self::samples::Samples;
use crate::record::RecordError;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use synod_model::{Bounds, ProcessId};

/// What the records of a run show.
#[derive(Clone, Debug)]
pub struct Coverage {
    /// The algorithm.
    pub algorithm: String,
    /// The processes that left records.
    pub processes: BTreeSet<ProcessId>,
    /// How many incarnations of them did.
    pub incarnations: usize,
    /// From the first line to the last, in nanoseconds.
    pub lasted: u64,
    /// The bounds that its processes were told, under the synchronous model.
    pub declared: Option<Bounds>,
    /// How long messages between two processes took.
    pub delays: Samples,
    /// The same by link: (from, to).
    pub links: BTreeMap<(ProcessId, ProcessId), Samples>,
    /// How long messages took that processes sent to themselves: no link.
    pub own: Samples,
    /// How long steps took.
    pub steps: Samples,
    /// How long their handlers alone took, where that was recorded.
    pub handlers: Samples,
    /// The messages that did not arrive: how long they were under way when their receiver was last heard of.
    pub missing: Samples,
    /// How many messages arrived before they left, by clocks that disagree.
    pub backwards: u64,
    /// How the clocks of two processes went, for each pair that spoke in both directions.
    pub clocks: BTreeMap<(ProcessId, ProcessId), Drift>,
}

/// How often a bound was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// So often.
    pub times: u64,
    /// Of so many.
    pub of: u64,
}

impl Coverage {
    /// Reads the records in a directory.
    ///
    /// # Errors
    /// If there are none, or they cannot be read.
    pub fn load(directory: &Path) -> Result<Option<Self>, RecordError> {
        let nodes = load(directory)?;
        Ok((!nodes.is_empty()).then(|| Self::of(&nodes)))
    }

    fn of(nodes: &[Node]) -> Self {
        let first = &nodes[0];
        let begun = nodes.iter().map(|node| node.start.at).min().unwrap_or(0);
        let ended = nodes.iter().map(|node| node.ended).max().unwrap_or(0);
        let mut coverage = Self {
            algorithm: first.start.algorithm.clone(),
            processes: nodes.iter().map(|node| node.start.process).collect(),
            incarnations: nodes.len(),
            lasted: ended.saturating_sub(begun),
            declared: first.start.bounds,
            delays: Samples::default(),
            links: BTreeMap::new(),
            own: Samples::default(),
            steps: Samples::default(),
            handlers: Samples::default(),
            missing: Samples::default(),
            backwards: 0,
            clocks: BTreeMap::new(),
        };
        coverage.measure_steps(nodes);
        coverage.measure_delays(nodes);
        coverage.sort();
        coverage
    }

    fn measure_steps(&mut self, nodes: &[Node]) {
        for node in nodes {
            for (handler, step) in node.handlers.iter().enumerate() {
                let begun = step.begun();
                let done = node.released_last.get(&(handler as u64)).copied().unwrap_or(step.at);
                self.steps.push(done.max(step.at).saturating_sub(begun));
                if let Some(took) = step.took {
                    self.handlers.push(took);
                }
            }
        }
    }

    fn measure_delays(&mut self, nodes: &[Node]) {
        let senders: BTreeMap<_, _> =
            nodes.iter().map(|node| ((node.start.process, node.start.incarnation), node)).collect();
        let mut exchanges = BTreeMap::<_, Exchanges>::new();
        let mut arrived = BTreeSet::new();
        for node in nodes {
            let to = node.start.process;
            for handler in &node.handlers {
                let Some((from, cause)) = handler.message else { continue };
                let Some(sender) = senders.get(&(from, cause.incarnation)) else { continue };
                let name = (cause.handler, cause.effect);
                let Some(&(left, left_by_own)) = sender.released.get(&name) else { continue };
                if !arrived.insert((from, cause.incarnation, name)) {
                    continue; // a copy of one that arrived before
                }
                if from != to {
                    let (low, high) = (from.min(to), from.max(to));
                    let incarnations = [(from, cause.incarnation), (to, node.start.incarnation)]
                        .map(|(p, i)| (p == high, i));
                    let both = (low, high, incarnations.into_iter().collect::<BTreeSet<_>>());
                    let by_own = handler.begun_by_own();
                    exchanges.entry(both).or_default().message(from == low, left_by_own, by_own);
                }
                self.took(from, to, handler.begun().checked_sub(left));
            }
        }
        self.look_for_the_missing(nodes, &arrived);
        for ((low, high, _), exchanged) in exchanges {
            let Some(drift) = exchanged.drift() else { continue };
            let kept = self.clocks.entry((low, high)).or_insert(drift);
            // of several incarnations, those that drifted most for certain
            if drift.tells_more_than(kept) {
                *kept = drift;
            }
        }
    }

    fn took(&mut self, from: ProcessId, to: ProcessId, delay: Option<u64>) {
        match delay {
            None => self.backwards += 1,
            Some(delay) if from == to => self.own.push(delay),
            Some(delay) => {
                self.delays.push(delay);
                self.links.entry((from, to)).or_default().push(delay);
            }
        }
    }

    /// What left and did not arrive, though its receiver, which was up then, stayed so for some time.
    fn look_for_the_missing(&mut self, nodes: &[Node], arrived: &BTreeSet<(ProcessId, u64, (u64, u32))>) {
        for node in nodes {
            let from = node.start.process;
            for (&name, &(left, _)) in &node.released {
                let Some(&to) = node.sent.get(&name) else { continue };
                if to == from || arrived.contains(&(from, node.start.incarnation, name)) {
                    continue;
                }
                let up = |receiver: &&Node| {
                    receiver.start.process == to && receiver.start.at <= left && left <= receiver.ended
                };
                if let Some(receiver) = nodes.iter().find(up) {
                    self.missing.push(receiver.ended - left);
                }
            }
        }
    }

    fn sort(&mut self) {
        let Self { delays, own, steps, handlers, missing, links, .. } = self;
        for samples in [delays, own, steps, handlers, missing].into_iter().chain(links.values_mut()) {
            samples.sort();
        }
    }

    /// How often a message between two processes took longer than this, in nanoseconds: also those that did not arrive within it.
    pub fn late(&self, bound: u64) -> Broken {
        let missing = self.missing.above(bound);
        Broken { times: self.delays.above(bound) + missing, of: self.delays.len() + missing }
    }

    /// How often a step took longer than this, in nanoseconds.
    pub fn slow(&self, bound: u64) -> Broken {
        Broken { times: self.steps.above(bound), of: self.steps.len() }
    }

    /// How many pairs of clocks certainly drifted apart faster than this, in parts per million.
    pub fn apart(&self, bound: f64) -> Broken {
        let faster = self.clocks.values().filter(|drift| drift.least() > bound).count();
        Broken { times: faster as u64, of: self.clocks.len() as u64 }
    }

    /// How many pairs of clocks may have, for all that messages tell.
    pub fn perhaps_apart(&self, bound: f64) -> u64 {
        let perhaps = |drift: &&Drift| drift.least() <= bound && drift.most() > bound;
        self.clocks.values().filter(perhaps).count() as u64
    }

    /// The delay within which this share of all messages arrive, at 95 % confidence; what did not arrive counts as later than all.
    pub fn delay_for(&self, share: f64) -> Option<u64> {
        // what did not arrive for longer than the slowest that did is later than all that did
        let slowest = self.delays.quantile(1.0).unwrap_or(0);
        self.delays.bound(share, self.missing.above(slowest))
    }

    /// The time within which this share of all steps are done, at 95 % confidence.
    pub fn step_for(&self, share: f64) -> Option<u64> {
        self.steps.bound(share, 0)
    }
}

#[cfg(test)]
mod tests;
