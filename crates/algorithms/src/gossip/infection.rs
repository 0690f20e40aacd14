//! Infection-style dissemination: what is news rides on the pings and acknowledgements that are exchanged anyway, each a fixed
//! number of times. The dissemination component of SWIM.
//!
//! # Source
//! Das, Gupta, Motivala 2002 (SWIM) §4.1; the epidemic's differential equation is Bailey's (1975).
//!
//! # Model
//! crash-stop x fair-loss links x partially synchronous, for a timer; any number of faulty processes.
//!
//! # Properties
//! EC1 eventual consistency, with probability 1 where news rides on for ever; with λ log n times a process, all but a few of n ·
//! PB2 no duplication · PB3 no creation.
//! Twin "told once": each process passes news on once and no more (EC1 fails).
//!
//! # Cost
//! A ping and an acknowledgement a process and period, for ever, which carry the news. All but n^-(2λ - 2) processes, on
//! average, know after λ ln n periods. How soon a share of them does: `synod reproduce E5`.
//!
//! # Departures from the source
//! - Failure detection is a page of its own: [`Swim`](crate::detectors::Swim). News is any value here.
//! - The source's analysis takes contacts for memoryless; its protocol pings once a period. Both are here: a period is a
//!   number of ticks, in each of which a process pings with a chance of one in as many. With one tick it is the protocol:
//!   the phases of processes differ, and news spreads by a factor of 1.2 more slowly, since whoever has just learnt by its
//!   own ping waits for a whole period before its next.
//! - The news least often told does not go first: all that is told fits into a message.
//! - The partner, and the phase, are choices; chance where a simulation draws them.
//!
//! # Bounds
//! Not covered by the checker: its choices are of n - 1 partners a process and period.

use super::{Learn, Update, others, partner};
use std::collections::{BTreeMap, BTreeSet};
use synod_model::prelude::*;

/// What the processes know from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// T': a process pings once in it.
    #[serde(with = "synod_model::duration")]
    pub period: Duration,
    /// In how many ticks: 1 for a ping each period, more for pings at any time with the same mean.
    pub ticks: u32,
    /// How often a process passes on each piece of news; for ever, where there is no number.
    #[serde(default)]
    pub times: Option<u32>,
    /// The broken twin, if any.
    #[serde(default)]
    pub defect: Option<Defect>,
}

impl Default for Parameters {
    /// A ping every 100 ms, for ever.
    fn default() -> Self {
        Self { period: Duration::from_millis(100), ticks: 1, times: None, defect: None }
    }
}

/// The broken twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// Passes each piece of news on once.
    ToldOnce,
}

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Infection<U> {
    parameters: Parameters,
    /// What it knows, each with how often it passed it on.
    known: BTreeMap<U, u32>,
}

/// Its messages, with the news that ride on them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "U: Value")]
pub enum Message<U> {
    /// Are you there?
    Ping(BTreeSet<U>),
    /// I am.
    Ack(BTreeSet<U>),
}

/// It may be time for a ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tick;

/// Of how many the phase is one.
const PHASES: u32 = 1_000;

impl<U: Value> Process for Infection<U> {
    type Model = (CrashStop, FairLoss, PartiallySynchronous, AnyNumber);
    type Parameters = Parameters;
    type Request = Update<U>;
    type Indication = Learn<U>;
    type Message = Message<U>;
    type Timer = Tick;

    // periods of different processes have nothing to do with each other
    fn on_init(parameters: &Parameters, ctx: &mut impl Context<Self>) -> Self {
        let this = Self { parameters: *parameters, known: BTreeMap::new() };
        let phase = ctx.choose(PHASES) + 1;
        ctx.set_timer(Tick, this.tick() * phase / PHASES);
        this
    }

    fn on_request(&mut self, Update(update): Update<U>, ctx: &mut impl Context<Self>) {
        self.hear([update].into(), ctx);
    }

    fn on_timer(&mut self, Tick: Tick, ctx: &mut impl Context<Self>) {
        ctx.set_timer(Tick, self.tick());
        let ticks = self.parameters.ticks.max(1);
        if others(ctx.group()) > 0 && (ticks == 1 || ctx.choose(ticks) == 0) {
            let chosen = ctx.choose(others(ctx.group()));
            let to = partner(ctx.group(), ctx.me(), chosen);
            let news = self.news();
            ctx.send(to, Message::Ping(news));
        }
    }

    fn on_message(&mut self, q: ProcessId, message: Message<U>, ctx: &mut impl Context<Self>) {
        match message {
            Message::Ping(news) => {
                // what it has just heard from q is no news there
                let own = self.news();
                ctx.send(q, Message::Ack(own));
                self.hear(news, ctx);
            }
            Message::Ack(news) => self.hear(news, ctx),
        }
    }

    no_storage!();
}

impl<U: Value> Infection<U> {
    fn tick(&self) -> Duration {
        self.parameters.period / self.parameters.ticks.max(1)
    }

    /// What is still passed on.
    fn news(&mut self) -> BTreeSet<U> {
        let told_once = self.parameters.defect == Some(Defect::ToldOnce);
        let times = if told_once { Some(1) } else { self.parameters.times };
        let mut news = BTreeSet::new();
        for (update, told) in &mut self.known {
            if times.is_none_or(|times| *told < times) {
                news.insert(update.clone());
            }
            // without a limit nobody counts
            *told = times.map_or(0, |times| times.min(*told + 1));
        }
        news
    }

    fn hear(&mut self, news: BTreeSet<U>, ctx: &mut impl Context<Self>) {
        for update in news {
            if !self.known.contains_key(&update) {
                self.known.insert(update.clone(), 0);
                ctx.indicate(Learn(update));
            }
        }
    }
}
