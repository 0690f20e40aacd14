//! Bimodal multicast: an update is sent to all at once, without a promise; what that misses is found by regular comparison with a
//! process chosen at random, and sent again. Fast as a rule, and complete in the end.
//!
//! # Source
//! BHOXBM99 (Birman, Hayden, Ozkasap, Xiao, Budiu, Minsky: Bimodal multicast, 1999): optimistic dissemination, and two-phase
//! anti-entropy by digests; push-pull as in DGH87 §1.3.
//!
//! # Model
//! crash-stop x fair-loss links x partially synchronous, for a timer; any number of faulty processes.
//!
//! # Properties
//! EC1 eventual consistency, with probability 1 · PB2 no duplication · PB3 no creation.
//! Twin "never-compares": no anti-entropy, so that what was lost stays lost (EC1 fails).
//!
//! # Cost
//! Direct: n - 1 messages an update, one step. Gathered: 1 message to the first process, and n - 1 for all updates of a window together;
//! two steps and a window. In both, a digest a process and period, for ever, and up to two messages more where the two differ.
//!
//! # Departures from the source
//! - Nothing is ever dropped: a buffer is kept for as long as the process runs, so that all learn all. The source gives up after some
//!   rounds, and delivers in the order of the sender.
//! - A digest is, by process, how many of its updates are known without a gap; whoever hears one sends what its sender lacks, and its own
//!   digest if it lacks something itself.
//! - Dissemination is by point-to-point messages: from who made the update, or, gathered, from the first process, which has what a window
//!   of time brings. If that one fails, or is cut off, anti-entropy alone is left.
//! - The partner, and the phase, are choices; chance where a simulation draws them.
//!
//! # Bounds
//! Not covered by the checker: its choices are of n - 1 partners a process and period.

use super::{Learn, Update, others, partner};
use std::collections::BTreeMap;
use synod_model::prelude::*;

/// What the processes know from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Parameters {
    /// For how long the first process gathers updates before it passes them on; each process sends its own to all, where there is none.
    pub gathers: Option<Window>,
    /// A process compares what it knows with another one once in this time.
    #[serde(with = "synod_model::duration")]
    pub period: Duration,
    /// The broken twin, if any.
    pub defect: Option<Defect>,
}

impl Default for Parameters {
    /// To all at once, compared every 100 ms.
    fn default() -> Self {
        Self { gathers: None, period: Duration::from_millis(100), defect: None }
    }
}

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Window(#[serde(with = "synod_model::duration")] pub Duration);

/// The broken twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// Nobody compares anything.
    NeverCompares,
}

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bimodal<U> {
    parameters: Parameters,
    /// By process, in the order of the group: what it made, as far as it is known without a gap.
    known: Vec<Vec<U>>,
    /// What is known beyond a gap.
    beyond: BTreeMap<(ProcessId, u64), U>,
    /// What the first process has gathered.
    gathered: Vec<Item<U>>,
}

/// An update, with its place among those of who made it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Item<U> {
    /// Who made it.
    pub origin: ProcessId,
    /// After how many others.
    pub number: u64,
    /// What it is.
    pub update: U,
}

/// Its messages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(bound = "U: Value")]
pub enum Message<U> {
    /// What is new; to the first process, so that it passes it on, or from who made it, or who gathered it.
    New(Vec<Item<U>>),
    /// By process: how many of its updates are known without a gap. What do you know besides?
    Digest(Vec<u64>),
    /// What a digest lacks; and the digest of who answers, if it lacks something itself.
    Missing {
        /// The updates.
        items: Vec<Item<U>>,
        /// The digest.
        digest: Option<Vec<u64>>,
    },
}

/// The timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Timer {
    /// It is time to compare.
    Compare,
    /// The window is over.
    PassOn,
}

/// Of how many the phase is one.
const PHASES: u32 = 1_000;

impl<U: Value> Process for Bimodal<U> {
    type Model = (CrashStop, FairLoss, PartiallySynchronous, AnyNumber);
    type Parameters = Parameters;
    type Request = Update<U>;
    type Indication = Learn<U>;
    type Message = Message<U>;
    type Timer = Timer;
    const MARKS: &'static [&'static str] = &["learns by comparison"];

    // periods of different processes have nothing to do with each other
    fn on_init(parameters: &Parameters, ctx: &mut impl Context<Self>) -> Self {
        let phase = ctx.choose(PHASES) + 1;
        ctx.set_timer(Timer::Compare, parameters.period * phase / PHASES);
        Self {
            parameters: *parameters,
            known: vec![Vec::new(); ctx.n()],
            beyond: BTreeMap::new(),
            gathered: Vec::new(),
        }
    }

    // an update is made here
    fn on_request(&mut self, Update(update): Update<U>, ctx: &mut impl Context<Self>) {
        let (me, first) = (ctx.me(), ctx.group().first);
        let number = self.known[place(ctx.group(), me)].len() as u64;
        let item = Item { origin: me, number, update };
        self.learn(item.clone(), ctx);
        match self.parameters.gathers {
            None => ctx.send_others(&Message::New(vec![item])),
            Some(window) if me == first => self.gather(vec![item], window, ctx),
            Some(_) => ctx.send(first, Message::New(vec![item])),
        }
    }

    fn on_message(&mut self, q: ProcessId, message: Message<U>, ctx: &mut impl Context<Self>) {
        match message {
            Message::New(items) => {
                let new = self.learn_all(items, ctx);
                if let Some(window) = self.parameters.gathers.filter(|_| ctx.me() == ctx.group().first) {
                    self.gather(new, window, ctx);
                }
            }
            Message::Digest(digest) => self.compare(q, &digest, ctx),
            Message::Missing { items, digest } => {
                if !self.learn_all(items, ctx).is_empty() {
                    ctx.reach("learns by comparison");
                }
                if let Some(digest) = digest {
                    let items = self.beyond_digest(&digest, ctx.group());
                    ctx.send(q, Message::Missing { items, digest: None });
                }
            }
        }
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut impl Context<Self>) {
        match timer {
            Timer::Compare => {
                ctx.set_timer(Timer::Compare, self.parameters.period);
                if others(ctx.group()) > 0 && self.parameters.defect != Some(Defect::NeverCompares) {
                    let chosen = ctx.choose(others(ctx.group()));
                    let to = partner(ctx.group(), ctx.me(), chosen);
                    ctx.send(to, Message::Digest(self.digest()));
                }
            }
            Timer::PassOn => self.pass_on(ctx),
        }
    }

    no_storage!();
}

/// Where a process stands in the group.
fn place(group: Group, p: ProcessId) -> usize {
    p.0.wrapping_sub(group.first.0) as usize
}

impl<U: Value> Bimodal<U> {
    /// What of these is new here.
    fn learn_all(&mut self, items: Vec<Item<U>>, ctx: &mut impl Context<Self>) -> Vec<Item<U>> {
        items.into_iter().filter(|item| self.learn(item.clone(), ctx)).collect()
    }

    /// Whether an update is new here.
    fn learn(&mut self, item: Item<U>, ctx: &mut impl Context<Self>) -> bool {
        let Item { origin, number, update } = item;
        let Some(known) = self.known.get_mut(place(ctx.group(), origin)) else { return false };
        let next = known.len() as u64;
        if number < next || self.beyond.contains_key(&(origin, number)) {
            return false;
        }
        ctx.indicate(Learn(update.clone()));
        if number > next {
            self.beyond.insert((origin, number), update);
            return true;
        }
        known.push(update);
        while let Some(update) = self.beyond.remove(&(origin, known.len() as u64)) {
            known.push(update);
        }
        true
    }

    fn digest(&self) -> Vec<u64> {
        self.known.iter().map(|updates| updates.len() as u64).collect()
    }

    fn compare(&self, q: ProcessId, digest: &[u64], ctx: &mut impl Context<Self>) {
        let items = self.beyond_digest(digest, ctx.group());
        let own = self.digest();
        let lacks = digest.iter().zip(&own).any(|(theirs, own)| theirs > own);
        if lacks || !items.is_empty() {
            ctx.send(q, Message::Missing { items, digest: lacks.then_some(own) });
        }
    }

    /// What a digest lacks of what is known here.
    fn beyond_digest(&self, digest: &[u64], group: Group) -> Vec<Item<U>> {
        let of = |(at, (origin, known)): (usize, (ProcessId, &Vec<U>))| {
            let from = digest.get(at).map_or(0, |&count| count.min(known.len() as u64));
            let item = |(number, update): (u64, &U)| Item { origin, number, update: update.clone() };
            (from..).zip(&known[from as usize..]).map(item).collect::<Vec<_>>()
        };
        group.members().zip(&self.known).enumerate().flat_map(of).collect()
    }

    /// The first process passes these on, with what else comes in a window.
    fn gather(&mut self, items: Vec<Item<U>>, Window(window): Window, ctx: &mut impl Context<Self>) {
        if self.gathered.is_empty() && !items.is_empty() {
            ctx.set_timer(Timer::PassOn, window);
        }
        self.gathered.extend(items);
    }

    /// To each, what it did not make itself.
    fn pass_on(&mut self, ctx: &mut impl Context<Self>) {
        let gathered = std::mem::take(&mut self.gathered);
        for to in ctx.others() {
            let items: Vec<_> = gathered.iter().filter(|item| item.origin != to).cloned().collect();
            if !items.is_empty() {
                ctx.send(to, Message::New(items));
            }
        }
    }
}
