//! Phase King: Byzantine consensus in f + 1 phases of two rounds, with messages of one value. Who has heard its value from
//! nearly all keeps it; the others take that of the phase's king, and among f + 1 kings one is correct.
//!
//! # Source
//! BGP89; AW04 §5.2.5, the algorithm with messages of constant size.
//!
//! # Model
//! Byzantine x perfect links, so that the sender is known x synchronous (lock-step rounds); n > 4f, and f is known.
//!
//! # Properties
//! C1 termination, at the end of round 2(f + 1) · C2 validity: if all correct processes propose the same, they decide it · C3
//! integrity · UC4 agreement of the correct processes.
//! Twins: "trusts the last king" (in the last phase its word is taken whatever was heard: C2 fails by a lie, UC4 by an
//! equivocation in the last round, and by nothing else), "low threshold" (a majority suffices to keep a value: UC4 fails),
//! "one phase fewer" (f phases: UC4 fails).
//!
//! # Cost
//! (f + 1) (n² - 1) messages (to oneself not counted); 2(f + 1) rounds.
//!
//! # Departures from the source
//! - Where the king of a phase is silent, a process takes its own majority instead of a default value; of two values that are
//!   equally frequent, the lesser counts as the majority.
//! - Values need not be binary.
//! - A process to which nothing was proposed sends nothing of its own in the first round.
//!
//! # Bounds
//! Covered whole, with every binary input of the correct processes, for each liar that says 0, 1 or nothing to each receiver,
//! chosen anew for each receiver and round: n = 5, f = 1. At n = 4, f = 1 it is refuted.

use std::collections::BTreeMap;
use synod_model::interface::{Decide, Propose};
use synod_model::prelude::*;

/// What the processes know from the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// f: how many processes may lie.
    pub faulty_max: u32,
    /// The broken twin, if any.
    #[serde(default)]
    pub defect: Option<Defect>,
}

/// The broken twins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// In the last phase the king's word is taken, whatever was heard.
    TrustsTheLastKing,
    /// A value is kept that more than n/2 have sent, instead of more than n/2 + f.
    LowThreshold,
    /// Decides after f phases: every king may have lied.
    OnePhaseFewer,
}

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhaseKing<V> {
    parameters: Parameters,
    /// `pref`: the value preferred; none before something was proposed or heard.
    preferred: Option<V>,
    /// Between the rounds of a phase: `maj` and `mult`, the most frequent value and how many sent it.
    heard: Option<(V, usize)>,
    /// Whether the last phase is over.
    halted: bool,
}

/// A phase and which of its two rounds: the first is a vote, the second is the king's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Vote,
    King(ProcessId),
}

impl Part {
    fn of(Round(round): Round) -> Self {
        // p0 is king in rounds 1 and 2, p1 in rounds 3 and 4, ..
        if round % 2 == 1 { Self::Vote } else { Self::King(ProcessId(round / 2 - 1)) }
    }
}

impl<V: Value> RoundProcess for PhaseKing<V> {
    type Model = (Byzantine, Perfect, Synchronous, QuarterFaulty);
    type Parameters = Parameters;
    type Request = Propose<V>;
    type Indication = Decide<V>;
    type Message = V;
    const MARKS: &'static [&'static str] = &["keeps its majority", "takes the king's word"];

    fn on_init(parameters: &Parameters, _: &mut impl RoundContext<Self>) -> Self {
        Self { parameters: *parameters, preferred: None, heard: None, halted: false }
    }

    // round 1: send ⟨pref⟩ to all
    fn on_request(&mut self, Propose(value): Propose<V>, ctx: &mut impl RoundContext<Self>) {
        ctx.send_others(&value);
        self.preferred = Some(value);
    }

    fn on_round(&mut self, round: Round, inbox: Inbox<V>, ctx: &mut impl RoundContext<Self>) {
        match Part::of(round) {
            Part::Vote => self.on_votes(round, &inbox, ctx),
            Part::King(king) => self.on_king(round, inbox.from(king), ctx),
        }
    }

    fn halted(&self) -> bool {
        self.halted
    }
}

impl<V: Value> PhaseKing<V> {
    /// The end of round 2k - 1. Round 2k: if i = k, send ⟨maj⟩ to all.
    fn on_votes(&mut self, round: Round, votes: &Inbox<V>, ctx: &mut impl RoundContext<Self>) {
        let mut count = BTreeMap::new();
        for (p, _) in votes.iter() {
            // one vote each, whatever else a liar says
            let vote = votes.from(p).expect("there is one");
            count.entry(vote).or_insert_with(ProcessSet::new).insert(p);
        }
        if let Some(own) = &self.preferred {
            count.entry(own).or_default().insert(ctx.me());
        }
        // the last among the most frequent: read backwards, the least
        let most = count.into_iter().rev().max_by_key(|(_, voters)| voters.len());
        self.heard = most.map(|(value, voters)| (value.clone(), voters.len()));
        if let (Some((majority, _)), true) = (&self.heard, Part::of(round.next()) == Part::King(ctx.me())) {
            ctx.send_others(majority);
        }
    }

    /// The end of round 2k. Round 2k + 1: send ⟨pref⟩ to all.
    fn on_king(&mut self, Round(round): Round, kings: Option<&V>, ctx: &mut impl RoundContext<Self>) {
        let Parameters { faulty_max, defect } = self.parameters;
        let phases = if defect == Some(Defect::OnePhaseFewer) { faulty_max } else { faulty_max + 1 };
        let last = round / 2 >= phases;
        let (majority, votes) = self.heard.take().unzip();
        // If mult > n/2 + f, more than n/2 correct processes prefer it: it is every correct process's majority, the
        // king's too. So whoever keeps its value and whoever takes a correct king's have the same.
        let spare = if defect == Some(Defect::LowThreshold) { 0 } else { 2 * faulty_max as usize };
        let keeps = votes.is_some_and(|votes| 2 * votes > ctx.n() + spare)
            && !(last && defect == Some(Defect::TrustsTheLastKing));
        ctx.reach(if keeps { "keeps its majority" } else { "takes the king's word" });
        self.preferred = if keeps { majority } else { kings.cloned().or(majority) };
        self.halted = last;
        match (&self.preferred, last) {
            (Some(value), false) => ctx.send_others(value),
            (Some(value), true) => ctx.indicate(Decide(value.clone())),
            (None, _) => {}
        }
    }
}
