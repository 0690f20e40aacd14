//! Rumour mongering: whoever has heard a rumour tells it to others, and loses interest when it meets those who know. It is
//! cheap, it ends by itself, and it may miss some: the residue.
//!
//! # Source
//! Demers, Greene, Hauser, Irish, Larson, Shenker, Sturgis, Swinehart, Terry 1987 (DGH87) §1.4: push and pull; feedback or
//! blind; counter or coin.
//!
//! # Model
//! crash-stop x perfect links x synchronous (lock-step cycles); any number of faulty processes, of which the source has none.
//!
//! # Properties
//! PB2 no duplication · PB3 no creation. PB1 probabilistic validity, the residue being what is missing to one: with n = 1,000,
//! push, feedback and counter, s = 18 % after k = 1, 0.12 % after k = 5 (`synod reproduce F1`; pull: `F3`).
//! Twins: "learns again" (a rumour that comes again is told again to the layer above: PB2 fails). "Counter not reset": a
//! useful contact does not start the count anew, so that k useless contacts in all end it; no property of single runs fails,
//! the residue is another one.
//!
//! # Cost
//! m rumours a process and update, as many messages of feedback: push s = e^-m whatever the variant. In pull, one
//! request a process and cycle, for ever.
//!
//! # Departures from the source
//! - The source leaves open what k counts. Here a useful contact sets the counter to 0, so that k useless ones in a row end
//!   the interest; the source's tables come out this way, and not without the reset.
//! - Feedback speaks of the start of the cycle: of several that tell one process a rumour in the same cycle, all were useful.
//! - Pull, with several that ask in one cycle: if one needed it, the counter is set to 0; otherwise it goes up by one (the
//!   source's footnote).
//! - A cycle is two rounds in push (rumour, feedback), three in pull (request, rumour, feedback). Round 1 is for what is asked
//!   before the first cycle.
//! - The partner is a choice; chance where a simulation draws it. So is a coin that falls with a probability of 1/k.
//! - Processes end after a number of cycles, if there is one: pull would go on for ever.
//!
//! # Bounds
//! Not covered by the checker: its choices are of n - 1 partners a process and cycle.

use super::{Learn, Update, others, partner};
use std::collections::{BTreeMap, BTreeSet};
use synod_model::prelude::*;

/// Who calls whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Whoever knows a rumour calls somebody and tells it.
    Push,
    /// Everybody calls somebody and asks for rumours.
    Pull,
}

/// When a process loses interest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interest {
    /// After k useless contacts in a row; blind, after k contacts.
    Counter(u32),
    /// With probability 1/k after each useless contact; blind, after each.
    Coin(u32),
}

/// What the processes know from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Who calls whom.
    pub direction: Direction,
    /// Whether the teller hears if the rumour was news; blind otherwise.
    pub feedback: bool,
    /// When it loses interest.
    pub interest: Interest,
    /// After how many cycles processes end; never, where there is none.
    #[serde(default)]
    pub cycles: Option<u32>,
    /// The broken twin, if any.
    #[serde(default)]
    pub defect: Option<Defect>,
}

impl Parameters {
    /// With feedback and a counter: the variant of the source's tables.
    pub fn feedback_and_counter(direction: Direction, k: u32) -> Self {
        Self { direction, feedback: true, interest: Interest::Counter(k), cycles: None, defect: None }
    }
}

/// The broken twins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// A useful contact does not set the counter to 0.
    CounterNotReset,
    /// A rumour that comes again is told to the layer above again.
    LearnsAgain,
}

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RumorMongering<U> {
    parameters: Parameters,
    /// What it has heard of.
    known: BTreeSet<U>,
    /// The infective rumours, those that it spreads, each with its counter.
    hot: BTreeMap<U, u32>,
    /// Whether its cycles are over.
    halted: bool,
}

/// Its messages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "U: Value")]
pub enum Message<U> {
    /// Pull: what is hot?
    Request,
    /// All that is hot at the sender.
    Rumors(BTreeSet<U>),
    /// Of the rumours received, which were news.
    Feedback(BTreeMap<U, bool>),
}

/// What is sent in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Requests,
    Rumors,
    Feedback,
}

impl Direction {
    /// The rounds of a cycle.
    fn parts(self) -> &'static [Part] {
        match self {
            Self::Push => &[Part::Rumors, Part::Feedback],
            Self::Pull => &[Part::Requests, Part::Rumors, Part::Feedback],
        }
    }

    /// How many rounds a cycle has; the first begins after round 1.
    pub fn rounds(self) -> u32 {
        self.parts().len() as u32
    }
}

impl<U: Value> RoundProcess for RumorMongering<U> {
    type Model = (CrashStop, Perfect, Synchronous, AnyNumber);
    type Parameters = Parameters;
    type Request = Update<U>;
    type Indication = Learn<U>;
    type Message = Message<U>;
    const MARKS: &'static [&'static str] = &["loses interest", "a contact was useful"];

    fn on_init(parameters: &Parameters, _: &mut impl RoundContext<Self>) -> Self {
        Self { parameters: *parameters, known: BTreeSet::new(), hot: BTreeMap::new(), halted: false }
    }

    // an update is made here
    fn on_request(&mut self, Update(update): Update<U>, ctx: &mut impl RoundContext<Self>) {
        self.learn(update, ctx);
    }

    fn on_round(&mut self, Round(round): Round, inbox: Inbox<Message<U>>, ctx: &mut impl RoundContext<Self>) {
        let parts = self.parameters.direction.parts();
        let (cycle, part) = ((round - 1) / parts.len() as u32, (round as usize - 1) % parts.len());
        // round 1 ends as if it were the last of a cycle
        let ended = parts[(part + parts.len() - 1) % parts.len()];
        match ended {
            Part::Requests => self.answer(&inbox, ctx),
            Part::Rumors => self.hear(inbox, ctx),
            Part::Feedback => self.end_cycle(round, inbox, ctx),
        }
        self.halted = part == 0 && self.parameters.cycles.is_some_and(|cycles| cycle >= cycles);
        if part == 0 && !self.halted {
            self.start_cycle(ctx);
        }
    }

    fn halted(&self) -> bool {
        self.halted
    }
}

impl<U: Value> RumorMongering<U> {
    fn learn(&mut self, update: U, ctx: &mut impl RoundContext<Self>) {
        if self.known.insert(update.clone()) {
            self.hot.insert(update.clone(), 0);
            ctx.indicate(Learn(update));
        } else if self.parameters.defect == Some(Defect::LearnsAgain) {
            ctx.indicate(Learn(update));
        }
    }

    fn hot(&self) -> BTreeSet<U> {
        self.hot.keys().cloned().collect()
    }

    fn start_cycle(&mut self, ctx: &mut impl RoundContext<Self>) {
        let pushes = self.parameters.direction == Direction::Push;
        if others(ctx.group()) == 0 || (pushes && self.hot.is_empty()) {
            return;
        }
        let chosen = ctx.choose(others(ctx.group()));
        let to = partner(ctx.group(), ctx.me(), chosen);
        let message = if pushes { Message::Rumors(self.hot()) } else { Message::Request };
        ctx.send(to, message);
        if pushes && !self.parameters.feedback {
            self.blind_contact(ctx);
        }
    }

    /// Pull: whoever asks is told what is hot.
    fn answer(&mut self, inbox: &Inbox<Message<U>>, ctx: &mut impl RoundContext<Self>) {
        if self.hot.is_empty() || inbox.is_empty() {
            return;
        }
        for (q, _) in inbox.iter() {
            ctx.send(q, Message::Rumors(self.hot()));
        }
        if !self.parameters.feedback {
            self.blind_contact(ctx);
        }
    }

    /// All that are told in one cycle judge by what they knew at its start.
    fn hear(&mut self, inbox: Inbox<Message<U>>, ctx: &mut impl RoundContext<Self>) {
        let mut heard = BTreeSet::new();
        for (q, message) in inbox {
            let Message::Rumors(rumors) = message else { continue };
            if self.parameters.feedback {
                let news = rumors.iter().map(|r| (r.clone(), !self.known.contains(r))).collect();
                ctx.send(q, Message::Feedback(news));
            }
            heard.extend(rumors);
        }
        for rumor in heard {
            self.learn(rumor, ctx);
        }
    }

    fn end_cycle(&mut self, round: u32, inbox: Inbox<Message<U>>, ctx: &mut impl RoundContext<Self>) {
        if round == 1 {
            return;
        }
        let mut useful: BTreeMap<U, bool> = BTreeMap::new();
        for (_, message) in inbox {
            let Message::Feedback(news) = message else { continue };
            for (rumor, needed) in news {
                *useful.entry(rumor).or_default() |= needed;
            }
        }
        for (rumor, useful) in useful {
            if useful {
                self.useful_contact(&rumor, ctx);
            } else {
                self.useless_contact(&rumor, ctx);
            }
        }
    }

    fn useful_contact(&mut self, rumor: &U, ctx: &mut impl RoundContext<Self>) {
        ctx.reach("a contact was useful");
        if let Some(counter) = self.hot.get_mut(rumor)
            && self.parameters.defect != Some(Defect::CounterNotReset)
        {
            *counter = 0;
        }
    }

    fn useless_contact(&mut self, rumor: &U, ctx: &mut impl RoundContext<Self>) {
        let Some(counter) = self.hot.get_mut(rumor) else { return };
        *counter += 1;
        let loses = match self.parameters.interest {
            Interest::Counter(k) => *counter >= k,
            Interest::Coin(k) => ctx.choose(k.max(1)) == 0,
        };
        if loses {
            ctx.reach("loses interest");
            self.hot.remove(rumor);
        }
    }

    /// Nobody says whether it was useful: it counts as if it was not.
    fn blind_contact(&mut self, ctx: &mut impl RoundContext<Self>) {
        for rumor in self.hot() {
            self.useless_contact(&rumor, ctx);
        }
    }
}
