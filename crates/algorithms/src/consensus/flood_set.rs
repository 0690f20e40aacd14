//! FloodSet: consensus in f + 1 lock-step rounds. Everybody tells everybody all values it knows; among f + 1 rounds there
//! is one in which nobody crashes, and after it all know the same.
//!
//! # Source
//! Lyn96 §6.2.1, FloodSet.
//!
//! # Model
//! crash-stop x perfect links x synchronous (lock-step rounds); any f < n, and f is known.
//!
//! # Properties
//! C1 termination, at the end of round f + 1 · C2 validity · C3 integrity · UC4 uniform agreement.
//! Twins "one round fewer" (decides after f rounds: UC4 fails) and "no flooding" (tells its own value alone: UC4 fails).
//!
//! # Cost
//! (f + 1) n (n - 1) messages (to oneself not counted); f + 1 rounds.
//!
//! # Departures from the source
//! - The decision is the least value known; the source decides a default value where more than one is known.
//! - A process to which nothing was proposed takes part and knows no value; where nobody proposed, nobody decides.
//!
//! # Bounds
//! Covered whole, with every binary input and every subset of a crashing process's messages: n = 3 and f = 1; n = 4 and
//! f = 1 or 2. With one round fewer agreement fails in each.

use std::collections::BTreeSet;
use synod_model::interface::{Decide, Propose};
use synod_model::prelude::*;

/// What the processes know from the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// f: how many processes may crash.
    pub faulty_max: u32,
    /// The broken twin, if any.
    #[serde(default)]
    pub defect: Option<Defect>,
}

/// The broken twins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// Decides after f rounds: there may have been a crash in each.
    OneRoundFewer,
    /// Tells its own value in every round instead of all that it knows.
    NoFlooding,
}

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FloodSet<V> {
    /// f + 1, in the sound algorithm.
    rounds: Round,
    defect: Option<Defect>,
    /// W: the values known.
    known: BTreeSet<V>,
    /// Whether the last round is over.
    halted: bool,
}

/// W, or what a twin tells of it.
pub type Known<V> = BTreeSet<V>;

impl<V: Value> RoundProcess for FloodSet<V> {
    type Model = (CrashStop, Perfect, Synchronous);
    type Parameters = Parameters;
    type Request = Propose<V>;
    type Indication = Decide<V>;
    type Message = Known<V>;

    fn on_init(parameters: &Parameters, _: &mut impl RoundContext<Self>) -> Self {
        let Parameters { faulty_max, defect } = *parameters;
        let rounds = Round(if defect == Some(Defect::OneRoundFewer) { faulty_max } else { faulty_max + 1 });
        Self { rounds, defect, known: BTreeSet::new(), halted: false }
    }

    // msgs of round 1
    fn on_request(&mut self, Propose(value): Propose<V>, ctx: &mut impl RoundContext<Self>) {
        self.known.insert(value);
        ctx.send_others(&self.known);
    }

    // trans, and the msgs of the next round
    fn on_round(&mut self, round: Round, inbox: Inbox<Known<V>>, ctx: &mut impl RoundContext<Self>) {
        let own = self.known.clone();
        self.known.extend(inbox.into_iter().flat_map(|(_, known)| known));
        if round < self.rounds {
            ctx.send_others(if self.defect == Some(Defect::NoFlooding) { &own } else { &self.known });
            return;
        }
        // in one of f + 1 rounds nobody crashed: W is the same at all that are left
        self.halted = true;
        if let Some(least) = self.known.first() {
            ctx.indicate(Decide(least.clone()));
        }
    }

    fn halted(&self) -> bool {
        self.halted
    }
}
