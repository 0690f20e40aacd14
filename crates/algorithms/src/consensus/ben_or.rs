//! Ben-Or's consensus: asynchronous, with a coin. Who sees no majority flips; in the end, all happen to flip alike.
//! Agreement is for certain, termination with probability 1.
//!
//! # Source
//! BenOr83, Protocol A; AT98 for the proof with crashes.
//!
//! # Model
//! crash-stop x perfect links x asynchronous with a local coin; n > 2f, and f is known.
//!
//! # Properties
//! C1 termination, with probability 1 · C2 validity · C3 integrity · UC4 uniform agreement.
//! Twins: "decides on one" (one proposal of a value suffices to decide it: UC4 fails), "flips regardless" (a process that did
//! not decide flips though it saw a proposal: UC4 fails).
//!
//! # Cost
//! 2n(n - 1) messages a round (to oneself not counted). Until all agree, at most 2ⁿ rounds are expected, against the worst
//! adversary: in each, all coins may fall to the same side.
//!
//! # Departures from the source
//! - A process that decided takes part in one more round, in which all others decide, and no longer.
//! - For an exploration, a process may give up after some rounds.
//!
//! # Bounds
//! Covered whole: n = 3, f = 1, mixed proposals, one round with at most one crash: after it all have the same value with
//! probability 1/8 at the least and 1 at the most. Two rounds without faults.

use std::collections::BTreeMap;
use synod_model::interface::{Decide, Propose};
use synod_model::prelude::*;

/// What the processes know from the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// f: how many processes may crash.
    pub faulty_max: u32,
    /// After how many rounds a process gives up; never, where there is no such number.
    #[serde(default)]
    pub rounds_max: Option<Round>,
    /// The broken twin, if any.
    #[serde(default)]
    pub defect: Option<Defect>,
}

/// The broken twins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// Decides a value that one process proposes, instead of more than f.
    DecidesOnOne,
    /// Flips unless it decides, instead of taking a value that some process proposes.
    FlipsRegardless,
}

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BenOr {
    parameters: Parameters,
    /// `x`: the value preferred; none before something was proposed here.
    preferred: Option<bool>,
    /// `r`, and which of its steps.
    stage: Stage,
    /// Messages of this step and of later ones, one of each process.
    heard: BTreeMap<Stage, BTreeMap<ProcessId, Option<bool>>>,
    /// The round in which it decided.
    decided: Option<Round>,
}

/// A round and a step of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stage {
    /// The round.
    pub round: Round,
    /// The step.
    pub step: Step,
}

/// A step of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Step {
    /// Every process says which value it prefers.
    Report,
    /// Every process says of which value it has seen a majority, if any.
    Propose,
}

/// `(1, r, x)`; `(2, r, v, D)` or `(2, r, ?)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Said {
    /// The round and the step.
    pub stage: Stage,
    /// The value; none is "?".
    pub value: Option<bool>,
}

impl Process for BenOr {
    type Model = (CrashStop, Perfect, With<Asynchronous, LocalCoin>, Majority);
    type Parameters = Parameters;
    type Request = Propose<bool>;
    type Indication = Decide<bool>;
    type Message = Said;
    const MARKS: &'static [&'static str] = &["late message", "prefers what another proposes", "ends"];

    fn on_init(parameters: &Parameters, _: &mut impl Context<Self>) -> Self {
        let stage = Stage { round: Round(1), step: Step::Report };
        Self { parameters: *parameters, preferred: None, stage, heard: BTreeMap::new(), decided: None }
    }

    // x := the input; send (1, 1, x) to all
    fn on_request(&mut self, Propose(value): Propose<bool>, ctx: &mut impl Context<Self>) {
        if self.preferred.is_none() {
            self.preferred = Some(value);
            ctx.broadcast(&Said { stage: self.stage, value: Some(value) });
            self.advance(ctx);
        }
    }

    fn on_message(&mut self, from: ProcessId, said: Said, ctx: &mut impl Context<Self>) {
        if said.stage >= self.stage && !self.has_ended() {
            self.heard.entry(said.stage).or_default().insert(from, said.value);
            self.advance(ctx);
        } else {
            ctx.reach("late message");
        }
    }

    no_timers!();
    no_storage!();
}

impl BenOr {
    // wait till messages of n - f processes are received; those of later steps may have come before
    fn advance(&mut self, ctx: &mut impl Context<Self>) {
        let enough = ctx.n() - self.parameters.faulty_max as usize;
        while self.preferred.is_some()
            && !self.has_ended()
            && self.heard.get(&self.stage).is_some_and(|heard| heard.len() >= enough)
        {
            let heard = self.heard.remove(&self.stage).expect("it was there");
            let votes = |value| heard.values().filter(|&&v| v == Some(value)).count();
            let votes = [votes(false), votes(true)];
            match self.stage.step {
                Step::Report => self.propose(votes, ctx),
                Step::Propose => self.end_round(votes, ctx),
            }
        }
    }

    // if more than n/2 messages (1, r, v): send (2, r, v, D) to all; else send (2, r, ?) to all
    fn propose(&mut self, votes: [usize; 2], ctx: &mut impl Context<Self>) {
        self.stage.step = Step::Propose;
        let value = [false, true].into_iter().find(|&v| 2 * votes[usize::from(v)] > ctx.n());
        ctx.broadcast(&Said { stage: self.stage, value });
    }

    // if there is a message (2, r, v, D): x := v; if there are more than f: decide v; if there is none: x := coin
    fn end_round(&mut self, votes: [usize; 2], ctx: &mut impl Context<Self>) {
        assert!(votes[0] == 0 || votes[1] == 0, "Ben-Or: of one value alone a majority was seen");
        let value = votes[1] > 0;
        let proposals = votes[usize::from(value)];
        let needed = match self.parameters.defect {
            Some(Defect::DecidesOnOne) => 1,
            _ => self.parameters.faulty_max as usize + 1,
        };
        let decides = proposals >= needed;
        // more than f propose what is decided: every other process hears one of them, and prefers it too
        let takes = decides || (proposals > 0 && self.parameters.defect != Some(Defect::FlipsRegardless));
        if takes && !decides {
            ctx.reach("prefers what another proposes");
        }
        self.preferred = Some(if takes { value } else { ctx.coin() });
        if decides && self.decided.is_none() {
            self.decided = Some(self.stage.round);
            ctx.indicate(Decide(value));
        }
        self.stage = Stage { round: self.stage.round.next(), step: Step::Report };
        if self.has_ended() {
            ctx.reach("ends");
            self.heard.clear();
        } else {
            ctx.broadcast(&Said { stage: self.stage, value: self.preferred });
        }
    }

    /// Whether it takes part no more: it has helped the others to decide, or gives up.
    pub fn has_ended(&self) -> bool {
        self.decided.is_some_and(|decided| self.stage.round > decided.next())
            || self.parameters.rounds_max.is_some_and(|max| self.stage.round > max)
    }

    /// Whether it has decided.
    pub fn has_decided(&self) -> bool {
        self.decided.is_some()
    }

    /// The value it prefers.
    pub fn preferred(&self) -> Option<bool> {
        self.preferred
    }

    /// The round it is in: a measure to bound an exploration by.
    pub fn round(&self) -> Round {
        self.stage.round
    }
}
