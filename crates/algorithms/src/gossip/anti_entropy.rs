//! Anti-entropy: every process regularly compares what it knows with another one, chosen at random. A simple epidemic: no
//! update is ever dropped, so that all learn all.
//!
//! # Source
//! DGH87 §1.3: push, pull, push-pull. Push with one update is the "rumour spreading" of Frieze, Grimmett 1985 and
//! Pittel 1987.
//!
//! # Model
//! crash-stop x fair-loss links x synchronous (lock-step cycles); any number of faulty processes.
//!
//! # Properties
//! EC1 eventual consistency, with probability 1 · PB2 no duplication · PB3 no creation.
//! Twin "gives up": a process takes part in a few cycles after it learnt something, and then no more (EC1 fails).
//!
//! # Cost
//! One message a process and cycle in push, up to two in pull and push-pull, each with all that its sender knows; for ever.
//! From one process to all n by push: log2 n + ln n + O(1) cycles (`synod reproduce F5`). The share p that does not know
//! becomes p^2 a cycle in pull, p e^-(1 - p) in push (`F9`).
//!
//! # Departures from the source
//! - The databases of the source are sets of updates here, and are sent whole: what the source does to compare them sooner
//!   (checksums, lists of recent updates) changes the cost alone.
//! - Whoever is asked answers by what it knew at the start of the cycle.
//! - A cycle is one round in push, two in pull and push-pull. Round 1 is for what is asked before the first cycle.
//! - The partner is a choice; chance where a simulation draws it.
//! - Processes end after a number of cycles, if there is one.
//!
//! # Bounds
//! Not covered by the checker: its choices are of n - 1 partners a process and cycle.

use super::{Learn, Update, others, partner};
use std::collections::BTreeSet;
use synod_model::prelude::*;

/// In which direction updates go when one process calls another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// To whom is called.
    Push,
    /// To who calls.
    Pull,
    /// Both ways.
    PushPull,
}

impl Direction {
    /// How many rounds a cycle has; the first begins after round 1.
    pub fn rounds(self) -> u32 {
        match self {
            Self::Push => 1,
            Self::Pull | Self::PushPull => 2,
        }
    }
}

/// What the processes know from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// In which direction updates go.
    pub direction: Direction,
    /// After how many cycles processes end; never, where there is none.
    #[serde(default)]
    pub cycles: Option<u32>,
    /// The broken twin, if any.
    #[serde(default)]
    pub defect: Option<Defect>,
}

/// The broken twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// Calls nobody in more than so many cycles after it learnt something.
    GivesUpAfter(u32),
}

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AntiEntropy<U> {
    parameters: Parameters,
    /// The database.
    known: BTreeSet<U>,
    /// In how many cycles the twin that gives up still calls.
    calls_left: u32,
    /// Whether its cycles are over.
    halted: bool,
}

/// Its messages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "U: Value")]
pub enum Message<U> {
    /// All that the caller knows.
    Push(BTreeSet<U>),
    /// What do you know?
    Pull,
    /// Both: all that the caller knows, and the question.
    Exchange(BTreeSet<U>),
    /// All that one who was asked knew at the start of the cycle.
    Answer(BTreeSet<U>),
}

impl<U: Value> RoundProcess for AntiEntropy<U> {
    type Model = (CrashStop, FairLoss, Synchronous, AnyNumber);
    type Parameters = Parameters;
    type Request = Update<U>;
    type Indication = Learn<U>;
    type Message = Message<U>;
    const MARKS: &'static [&'static str] = &["learns from another"];

    fn on_init(parameters: &Parameters, _: &mut impl RoundContext<Self>) -> Self {
        Self { parameters: *parameters, known: BTreeSet::new(), calls_left: 0, halted: false }
    }

    // an update is made here
    fn on_request(&mut self, Update(update): Update<U>, ctx: &mut impl RoundContext<Self>) {
        self.learn([update].into(), ctx);
    }

    fn on_round(&mut self, Round(round): Round, inbox: Inbox<Message<U>>, ctx: &mut impl RoundContext<Self>) {
        let rounds = self.parameters.direction.rounds();
        self.hear(inbox, ctx);
        let starts = (round - 1).is_multiple_of(rounds);
        self.halted = starts && self.parameters.cycles.is_some_and(|cycles| (round - 1) / rounds >= cycles);
        if starts && !self.halted {
            self.start_cycle(ctx);
        }
    }

    fn halted(&self) -> bool {
        self.halted
    }
}

impl<U: Value> AntiEntropy<U> {
    fn learn(&mut self, updates: BTreeSet<U>, ctx: &mut impl RoundContext<Self>) {
        for update in updates {
            if self.known.insert(update.clone()) {
                if let Some(Defect::GivesUpAfter(cycles)) = self.parameters.defect {
                    self.calls_left = cycles;
                }
                ctx.indicate(Learn(update));
            }
        }
    }

    fn start_cycle(&mut self, ctx: &mut impl RoundContext<Self>) {
        let message = match self.parameters.direction {
            Direction::Push if self.known.is_empty() => return,
            Direction::Push => Message::Push(self.known.clone()),
            Direction::Pull => Message::Pull,
            Direction::PushPull => Message::Exchange(self.known.clone()),
        };
        if self.parameters.defect.is_some() {
            match self.calls_left.checked_sub(1) {
                Some(fewer) => self.calls_left = fewer,
                None => return,
            }
        }
        if others(ctx.group()) > 0 {
            let chosen = ctx.choose(others(ctx.group()));
            ctx.send(partner(ctx.group(), ctx.me(), chosen), message);
        }
    }

    /// Takes in what came; whoever asked is answered by what was known before.
    fn hear(&mut self, inbox: Inbox<Message<U>>, ctx: &mut impl RoundContext<Self>) {
        let known_before = self.known.clone();
        for (q, message) in inbox {
            let asked = matches!(message, Message::Pull | Message::Exchange(_));
            if asked && !known_before.is_empty() {
                ctx.send(q, Message::Answer(known_before.clone()));
            }
            if let Message::Push(updates) | Message::Exchange(updates) | Message::Answer(updates) = message {
                if !updates.is_subset(&self.known) {
                    ctx.reach("learns from another");
                }
                self.learn(updates, ctx);
            }
        }
    }
}
