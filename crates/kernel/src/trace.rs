//! The trace: the one artefact that every ground writes and reads.
//!
//! JSON Lines: a header, one line per step, an end. A step records its choice, the outcomes of its draws, its cause,
//! how many choices were enabled, and what the handler did; replay takes the choices again and compares every line
//! byte for byte. The end line carries a digest of all before it, so that damage is told from an algorithm that changed.
//! What identifies a build stands beside a trace, not in it; its name is a digest of its content.

mod again;

pub use again::{Written, read};

use crate::choice::{Choice, Cut, Move};
use crate::draws::Script;
use crate::in_place::InPlace;
use crate::network::{InFlight, Keeping};
use crate::seat::{Seat, SeatId};
use crate::setting::Setting;
use crate::world::{Ground, Laws, Observed, World, step};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use synod_model::{EffectOf, Process, When};

/// The version of the format. Another one is refused.
pub const VERSION: u32 = 1;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Always "trace".
    pub synod: String,
    /// [`VERSION`].
    pub version: u32,
    /// The algorithm, as `synod list` names it.
    pub algorithm: String,
    /// The ground that made the run: "check", "sim", "run".
    pub ground: String,
    /// The seed, where one drew the choices; in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// The [`Setting`] of the run.
    pub setting: serde_json::Value,
}

impl Header {
    /// The header of a run.
    pub fn new<P: Process>(algorithm: &str, ground: &str, seed: Option<u64>, setting: &Setting<P>) -> Self {
        Self {
            synod: "trace".to_owned(),
            version: VERSION,
            algorithm: algorithm.to_owned(),
            ground: ground.to_owned(),
            seed: seed.map(|s| format!("{s:#x}")),
            setting: serde_json::to_value(setting).expect("a setting is plain data"),
        }
    }
}

/// The step that made this one possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// Its number.
    pub step: u64,
    /// For a message: which of the messages released in that step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send: Option<u32>,
}

/// One step, as a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "", deny_unknown_fields)]
pub struct Line<P: Process> {
    /// Its number, from 0 on.
    pub step: u64,
    /// Virtual time in nanoseconds, where the ground has a clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// What happens.
    #[serde(rename = "do")]
    pub choice: Choice<P::Message, P::Timer>,
    /// The outcomes of the handler's draws.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub draws: Vec<u32>,
    /// Whether the process crashes in the handler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
    /// Why it could happen; faults, requests and oracles have no cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// How many choices were enabled.
    pub enabled: u64,
    /// What the handler did, all of it: also what a crash cut off, or a pending store holds back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<EffectOf<P>>,
    /// The messages that were released: (to, message).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<(SeatId, P::Message)>,
    /// What was observed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observed: Vec<Observed<P::Request, P::Indication>>,
}

impl<P: Process> Line<P> {
    /// The move that the step takes.
    pub fn chosen(&self) -> Move<P::Message, P::Timer> {
        Move { choice: self.choice.clone(), draws: self.draws.clone(), cut: self.cut }
    }
}

/// What a line asks of a replay: all else of it follows, and is compared as text. Only here do an algorithm's own values
/// matter, so that a line is read in one way for all algorithms.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked<'a> {
    #[serde(rename = "step")]
    _step: IgnoredAny,
    #[serde(default)]
    at: Option<u64>,
    #[serde(rename = "do", borrow)]
    choice: Choice<&'a RawValue, &'a RawValue>,
    #[serde(default)]
    draws: Vec<u32>,
    #[serde(default)]
    cut: Option<Cut>,
    #[serde(default, rename = "cause")]
    _cause: IgnoredAny,
    #[serde(rename = "enabled")]
    _enabled: IgnoredAny,
    #[serde(default, rename = "effects")]
    _effects: IgnoredAny,
    #[serde(default, rename = "sent")]
    _sent: IgnoredAny,
    #[serde(default, rename = "observed")]
    _observed: IgnoredAny,
}

impl<'a> Asked<'a> {
    fn of(line: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(line)
    }

    fn chosen<P: Process>(self) -> Result<Move<P::Message, P::Timer>, serde_json::Error> {
        let message = |m: &RawValue| serde_json::from_str(m.get());
        let timer = |t: &RawValue| serde_json::from_str(t.get());
        Ok(Move { choice: self.choice.try_map(message, timer)?, draws: self.draws, cut: self.cut })
    }
}

/// The last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// How many steps there are.
    pub steps: u64,
    /// The property that the run breaks, and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub violation: Option<Broken>,
}

/// A broken property.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broken {
    /// The property's identifier.
    pub property: String,
    /// How it is broken.
    pub what: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndLine {
    end: End,
    /// The [`name`] of all lines before this one, and of `end`.
    digest: String,
}

impl EndLine {
    fn new(before: &str, end: End) -> Self {
        let own = serde_json::to_string(&end).expect("a trace is plain data");
        Self { end, digest: name(&format!("{before}{own}")) }
    }
}

/// Why a trace cannot be read or replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// Not a trace at all.
    #[error("not a trace: {0}")]
    NotATrace(String),
    /// Written in another version of the format.
    #[error("the trace is of version {found}, this build reads version {VERSION}")]
    Version {
        /// Its version.
        found: u64,
    },
    /// It ends before its end line.
    #[error("the trace is truncated after line {line}: its end line is missing")]
    Truncated {
        /// The last whole line.
        line: usize,
    },
    /// A line is not what it should be.
    #[error("line {line} is damaged: {what}")]
    Damaged {
        /// Which, from 1 on.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A step takes a choice that is not enabled.
    #[error("line {line}: step {step} cannot happen here: {choice}")]
    NotEnabled {
        /// Which line, from 1 on.
        line: usize,
        /// Which step.
        step: u64,
        /// What it wanted to do.
        choice: String,
    },
    /// The same choice has other consequences than recorded.
    #[error("line {line}: step {step} differs\n  recorded: {recorded}\n  replayed: {replayed}")]
    Differs {
        /// Which line, from 1 on.
        line: usize,
        /// Which step.
        step: u64,
        /// The line in the trace.
        recorded: String,
        /// The line that this build makes of the same choice.
        replayed: String,
    },
}

impl TraceError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotATrace(_) => "give a .jsonl file that synod wrote",
            Self::Version { .. } => "replay it with the build that wrote it",
            Self::Truncated { .. } => "the run that wrote it was interrupted: run its seed again",
            Self::Damaged { .. } => "the file was changed after it was written: run its seed again",
            Self::NotEnabled { .. } | Self::Differs { .. } => {
                "the algorithm or its semantics changed since the trace was written: run its seed again"
            }
        }
    }
}

/// The name of a trace: a digest of its content.
pub fn name(content: &str) -> String {
    digest(content.as_bytes())
}

/// The first 64 bits of the SHA-256 of some bytes, in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..8].iter().fold(String::new(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}

/// Reads the header of a trace.
pub fn header(content: &str) -> Result<Header, TraceError> {
    let first = content.lines().next().unwrap_or_default();
    let value: serde_json::Value = serde_json::from_str(first)
        .map_err(|e| TraceError::NotATrace(format!("its first line is no JSON: {e}")))?;
    if value.get("synod").and_then(|s| s.as_str()) != Some("trace") {
        return Err(TraceError::NotATrace("its first line is no trace header".to_owned()));
    }
    match value.get("version").and_then(serde_json::Value::as_u64) {
        Some(version) if version == u64::from(VERSION) => {}
        found => return Err(TraceError::Version { found: found.unwrap_or(0) }),
    }
    serde_json::from_value(value).map_err(|e| TraceError::Damaged { line: 1, what: e.to_string() })
}

/// The messages in flight, each copy with the step that sent it.
#[derive(Clone, Debug)]
struct NamedNetwork<M> {
    keeping: Keeping,
    /// By (to, from, message): the copies in flight, oldest first.
    in_flight: BTreeMap<(SeatId, SeatId, M), VecDeque<Cause>>,
    /// By (to, from), in order: the messages in flight, oldest first, where links are queues.
    queues: Vec<((SeatId, SeatId), VecDeque<M>)>,
    /// How many distinct messages that is. Long runs lose many, and count at every step.
    distinct: Distinct,
}

/// By (from, to): how many distinct messages are in flight.
#[derive(Clone, Debug, Default)]
struct Distinct(BTreeMap<(SeatId, SeatId), u64>);

// said once, not for every type of messages
impl Distinct {
    fn more(&mut self, from: SeatId, to: SeatId) {
        *self.0.entry((from, to)).or_default() += 1;
    }

    fn fewer(&mut self, from: SeatId, to: SeatId) {
        *self.0.entry((from, to)).or_default() -= 1;
    }

    fn discard_to(&mut self, seat: SeatId) {
        self.0.retain(|(_, to), _| *to != seat);
    }

    fn all(&self) -> Vec<(SeatId, SeatId, u64)> {
        self.0.iter().map(|(&(from, to), &messages)| (from, to, messages)).collect()
    }
}

impl<M: Ord + Clone> NamedNetwork<M> {
    fn queue(&self, from: SeatId, to: SeatId) -> Option<&VecDeque<M>> {
        let at = self.queues.binary_search_by_key(&(to, from), |(link, _)| *link).ok()?;
        Some(&self.queues[at].1)
    }

    fn queue_mut(&mut self, from: SeatId, to: SeatId) -> &mut VecDeque<M> {
        let found = self.queues.binary_search_by_key(&(to, from), |(link, _)| *link);
        let at = found.unwrap_or_else(|at| {
            self.queues.insert(at, ((to, from), VecDeque::new()));
            at
        });
        &mut self.queues[at].1
    }

    fn put(&mut self, from: SeatId, to: SeatId, message: M, cause: Cause) {
        if self.keeping == Keeping::Queues {
            self.queue_mut(from, to).push_back(message.clone());
        }
        let copies = self.in_flight.entry((to, from, message)).or_default();
        if copies.is_empty() {
            self.distinct.more(from, to);
        }
        if copies.is_empty() || self.keeping != Keeping::Set {
            copies.push_back(cause);
        }
    }

    /// The oldest copy leaves.
    fn take(&mut self, from: SeatId, to: SeatId, message: M) -> Option<Cause> {
        if self.keeping == Keeping::Queues {
            self.queue_mut(from, to).pop_front();
        }
        let Entry::Occupied(mut copies) = self.in_flight.entry((to, from, message)) else { return None };
        let taken = copies.get_mut().pop_front();
        if copies.get().is_empty() {
            copies.remove();
            self.distinct.fewer(from, to);
        }
        taken
    }

    /// What was taken last is where it was: the oldest copy.
    fn put_back(&mut self, from: SeatId, to: SeatId, message: M, cause: Cause) {
        if self.keeping == Keeping::Queues {
            self.queue_mut(from, to).push_front(message.clone());
        }
        let copies = self.in_flight.entry((to, from, message)).or_default();
        if copies.is_empty() {
            self.distinct.more(from, to);
        }
        copies.push_front(cause);
    }

    fn discard_to(&mut self, seat: SeatId) {
        self.in_flight.retain(|(to, _, _), _| *to != seat);
        self.queues.retain(|((to, _), _)| *to != seat);
        self.distinct.discard_to(seat);
    }

    /// By link: how many distinct messages may arrive next.
    fn links(&self) -> impl Iterator<Item = (SeatId, SeatId, u64)> {
        let most = if self.keeping == Keeping::Queues { 1 } else { u64::MAX };
        self.distinct.all().into_iter().map(move |(from, to, messages)| (from, to, messages.min(most)))
    }

    /// Whether a message may arrive next.
    fn has(&self, from: SeatId, to: SeatId, message: &M) -> bool {
        if self.keeping == Keeping::Queues {
            return self.queue(from, to).and_then(VecDeque::front) == Some(message);
        }
        self.in_flight.contains_key(&(to, from, message.clone()))
    }
}

impl<M: Ord + Clone> InFlight<M> for NamedNetwork<M> {
    fn each(&self, mut each: impl FnMut(SeatId, SeatId, &M)) {
        for ((to, from), queue) in &self.queues {
            if let Some(oldest) = queue.front() {
                each(*from, *to, oldest);
            }
        }
        if self.keeping == Keeping::Queues {
            return;
        }
        for (to, from, message) in self.in_flight.keys() {
            each(*from, *to, message);
        }
    }
}

/// What a recorder keeps of a world beside its seats.
struct Recorded<P: Process> {
    network: NamedNetwork<P::Message>,
    step: u64,
    sent: Vec<(SeatId, P::Message)>,
    observed: Vec<Observed<P::Request, P::Indication>>,
    taken: Option<Cause>,
    /// By seat: in which step each timer was set last, in the order of timers.
    armed: Vec<Vec<(P::Timer, u64)>>,
    /// By seat: in which steps what was not synced yet was stored.
    stores: Vec<VecDeque<u64>>,
    /// By seat: the last crash.
    crashes: Vec<Option<u64>>,
}

impl<P: Process> Ground<InPlace<'_, P, Script>> for Recorded<P> {
    fn send(&mut self, from: SeatId, to: SeatId, message: P::Message) {
        let cause = Cause { step: self.step, send: Some(self.sent.len() as u32) };
        self.sent.push((to, message.clone()));
        self.network.put(from, to, message, cause);
    }

    fn take(&mut self, from: SeatId, to: SeatId, message: &P::Message) {
        self.taken = self.network.take(from, to, message.clone());
        assert!(self.taken.is_some(), "what is delivered or lost is in flight");
    }

    fn put_back(&mut self, from: SeatId, to: SeatId, message: P::Message) {
        let cause = self.taken.expect("what is put back was taken");
        self.network.put_back(from, to, message, cause);
    }

    fn observe(&mut self, observed: Observed<P::Request, P::Indication>) {
        self.observed.push(observed);
    }

    fn discard_to(&mut self, seat: SeatId) {
        self.network.discard_to(seat);
    }

    fn armed(&mut self, seat: SeatId, timer: P::Timer, _: When) {
        let armed = &mut self.armed[seat.index()];
        match armed.binary_search_by(|(other, _)| other.cmp(&timer)) {
            Ok(at) => armed[at].1 = self.step,
            Err(at) => armed.insert(at, (timer, self.step)),
        }
    }

    fn stored(&mut self, seat: SeatId) {
        self.stores[seat.index()].push_back(self.step);
    }
}

/// A run on the plainest world there is, choice by choice, that turns each into its line.
pub struct Recorder<'a, P: Process> {
    setting: &'a Setting<P>,
    world: World<Seat<P>>,
    rep: InPlace<'a, P, Script>,
    kept: Recorded<P>,
}

impl<'a, P: Process> Recorder<'a, P> {
    /// A run in which nobody has started yet.
    pub fn new(setting: &'a Setting<P>) -> Self {
        let mut rep = InPlace::new(setting, Script::default());
        rep.record = Some(Vec::new());
        let seats = setting.seating.len();
        Self {
            setting,
            world: World::new(setting.into(), Seat::default()),
            rep,
            kept: Recorded {
                network: NamedNetwork {
                    keeping: Keeping::of(&setting.environment.links),
                    queues: Vec::new(),
                    in_flight: BTreeMap::new(),
                    distinct: Distinct::default(),
                },
                step: 0,
                sent: Vec::new(),
                observed: Vec::new(),
                taken: None,
                armed: vec![Vec::new(); seats],
                stores: vec![VecDeque::new(); seats],
                crashes: vec![None; seats],
            },
        }
    }

    /// The world as it stands.
    pub fn world(&self) -> &World<Seat<P>> {
        &self.world
    }

    /// The number of the next step.
    pub fn steps(&self) -> u64 {
        self.kept.step
    }

    /// The enabled choices, in their order.
    pub fn enabled(&self) -> Vec<Choice<P::Message, P::Timer>> {
        let mut all = Vec::new();
        self.world.enabled(self.setting.into(), &self.rep, &self.kept.network, |c| all.push(c));
        all
    }

    /// Takes a step, if it is enabled: its line.
    pub fn step(&mut self, at: Option<u64>, chosen: Move<P::Message, P::Timer>) -> Option<Line<P>> {
        let cut = chosen.cut;
        let line = self.take(at, chosen)?;
        (self.rep.draws.fits() && line.cut == cut).then_some(line)
    }

    /// Takes what is enabled of a move.
    fn take(&mut self, at: Option<u64>, chosen: Move<P::Message, P::Timer>) -> Option<Line<P>> {
        let (enabled, is_enabled) = self.count_enabled(&chosen.choice);
        if !is_enabled && !self.is_free_cut(&chosen.choice) {
            return None;
        }
        if chosen.cut.is_some_and(|cut| !self.is_possible_cut(cut, &chosen.choice)) {
            return None;
        }
        let before = self.cause(&chosen.choice);
        self.rep.draws = Script::new(chosen.draws.clone());
        let laws = Laws::from(self.setting);
        step(&mut self.world, laws, &mut self.rep, &mut self.kept, chosen.clone());
        let effects = self.rep.record.replace(Vec::new()).unwrap_or_default();
        self.note_crash(&chosen);
        let runs = chosen.choice.handler_seat().is_some();
        let within = |cut: Cut| Cut { before: cut.before.min(effects.len() as u32), ..cut };
        let cut = chosen.cut.map(|cut| if runs { within(cut) } else { cut });
        let kept = &mut self.kept;
        let line = Line {
            step: kept.step,
            at,
            choice: chosen.choice,
            draws: self.rep.draws.drawn(),
            cut,
            cause: kept.taken.take().or(before),
            enabled,
            effects,
            sent: std::mem::take(&mut kept.sent),
            observed: std::mem::take(&mut kept.observed),
        };
        kept.step += 1;
        Some(line)
    }

    /// How many choices are enabled, and whether this one is.
    fn count_enabled(&self, choice: &Choice<P::Message, P::Timer>) -> (u64, bool) {
        let network = &self.kept.network;
        let has = |from, to, message: &P::Message| network.has(from, to, message);
        self.world.count_enabled(self.setting.into(), &self.rep, network.links(), has, choice)
    }

    /// A scripted or random cut may sever any links, not only those that an exploration would try.
    fn is_free_cut(&self, choice: &Choice<P::Message, P::Timer>) -> bool {
        let seats = self.world.seats.len();
        matches!(choice, Choice::Sever { links }
            if self.world.rest.budgets.partitions.any()
                && self.setting.environment.cuts.is_none()
                && !self.world.seats.iter().any(|s| s.status() == crate::Status::New)
                && links.iter().all(|(a, b)| a.index() < seats && b.index() < seats))
    }

    /// Whether the handler of `choice` runs, or it releases something, at a process that may crash in it.
    fn is_possible_cut(&self, cut: Cut, choice: &Choice<P::Message, P::Timer>) -> bool {
        if let Choice::Sync { seat } = *choice {
            return self.is_possible_in_release(cut, seat);
        }
        let Some(seat) = choice.handler_seat().filter(|_| cut.kept == 0 && !cut.torn) else { return false };
        let budgets = &self.world.rest.budgets;
        let budget = if cut.forever { budgets.stops } else { budgets.restarts };
        let starts = matches!(choice, Choice::Init { .. } | Choice::Recover { .. });
        let runs = starts || self.world.seats[seat.index()].status() == crate::Status::Up;
        runs && budget.any()
            && self.setting.environment.failures.may_fail(self.setting.seating.identity(seat))
    }

    fn is_possible_in_release(&self, cut: Cut, seat: SeatId) -> bool {
        let state = &self.world.seats[seat.index()];
        let Some(still_pending) = state.stores_pending().checked_sub(1) else { return false };
        let mut possible = false;
        self.world.rest.budgets.crashes(still_pending as u32, |forever, kept, torn| {
            possible |= (forever, kept, torn) == (cut.forever, cut.kept, cut.torn);
        });
        possible
            && cut.before as usize <= state.due()
            && self.setting.environment.failures.may_fail(self.setting.seating.identity(seat))
    }

    fn cause(&self, choice: &Choice<P::Message, P::Timer>) -> Option<Cause> {
        let kept = &self.kept;
        match choice {
            Choice::Deliver { from, to, message } | Choice::Duplicate { from, to, message } => {
                kept.network.in_flight.get(&(*to, *from, message.clone()))?.front().copied()
            }
            Choice::Fire { seat, timer } => {
                let armed = &kept.armed[seat.index()];
                let at = armed.binary_search_by(|(other, _)| other.cmp(timer)).ok()?;
                Some(Cause { step: armed[at].1, send: None })
            }
            Choice::Sync { seat } => {
                kept.stores[seat.index()].front().map(|&step| Cause { step, send: None })
            }
            Choice::Recover { seat } => kept.crashes[seat.index()].map(|step| Cause { step, send: None }),
            _ => None,
        }
    }

    fn note_crash(&mut self, chosen: &Move<P::Message, P::Timer>) {
        if let Some(seat) = chosen.crashed() {
            self.kept.crashes[seat.index()] = Some(self.kept.step);
            self.kept.stores[seat.index()].clear();
            self.kept.armed[seat.index()].clear();
        } else if let Choice::Sync { seat } = chosen.choice {
            self.kept.stores[seat.index()].pop_front();
        }
    }
}

/// Writes a trace into a string, line by line.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    text: String,
    steps: u64,
}

impl Writer {
    /// A trace with this header.
    pub fn new(header: &Header) -> Self {
        let mut writer = Self::default();
        writer.line(header);
        writer
    }

    fn line(&mut self, value: &impl Serialize) {
        self.text += &serde_json::to_string(value).expect("a trace is plain data");
        self.text.push('\n');
    }

    /// The next step.
    pub fn step<P: Process>(&mut self, line: &Line<P>) {
        self.line(line);
        self.steps += 1;
    }

    /// The end: the whole trace.
    pub fn finish(mut self, violation: Option<Broken>) -> String {
        let end = End { steps: self.steps, violation };
        let end = EndLine::new(&self.text, end);
        self.line(&end);
        self.text
    }
}

/// What a replay found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed<P: Process> {
    /// The setting of the run.
    pub setting: Setting<P>,
    /// Its steps.
    pub lines: Vec<Line<P>>,
    /// How it ended.
    pub end: End,
}

/// Replays a trace: takes its choices again and compares every line.
pub fn replay<P: Process>(content: &str) -> Result<Replayed<P>, TraceError> {
    let header = header(content)?;
    let (steps, end) = whole(content)?;
    let setting = setting::<P>(header)?;
    Ok(Replayed { lines: replay_lines::<P>(&setting, &steps)?, setting, end })
}

/// The setting that a header holds.
fn setting<P: Process>(header: Header) -> Result<Setting<P>, TraceError> {
    let damaged = |what: String| TraceError::Damaged { line: 1, what: format!("its setting: {what}") };
    let setting: Setting<P> = serde_json::from_value(header.setting).map_err(|e| damaged(e.to_string()))?;
    setting.fits().map_err(damaged)?;
    Ok(setting)
}

/// The move that a line asks for, with its instant.
fn read_asked<P: Process>(
    line: usize,
    recorded: &str,
) -> Result<(Option<u64>, Move<P::Message, P::Timer>), TraceError> {
    let damaged = |e: serde_json::Error| TraceError::Damaged { line, what: e.to_string() };
    let asked = Asked::of(recorded).map_err(damaged)?;
    Ok((asked.at, asked.chosen::<P>().map_err(damaged)?))
}

/// The step lines and the end of a trace that is as it was written.
fn whole(content: &str) -> Result<(Vec<&str>, End), TraceError> {
    let lines: Vec<&str> = content.split_terminator('\n').collect();
    if !content.ends_with('\n') {
        return Err(TraceError::Truncated { line: lines.len() - 1 });
    }
    let (last, before) = lines.split_last().expect("a trace has a header");
    let steps = before.get(1..).unwrap_or_default();
    let written: EndLine = serde_json::from_str(last).map_err(|e| match Asked::of(last) {
        Err(_) if !before.is_empty() => TraceError::Damaged { line: lines.len(), what: e.to_string() },
        _ => TraceError::Truncated { line: lines.len() },
    })?;
    let expected = EndLine::new(&content[..content.len() - last.len() - 1], written.end);
    if expected.digest != written.digest {
        return Err(damage(steps));
    }
    if serde_json::to_string(&expected).expect("a trace is plain data") != **last {
        let what = "it is not written as this format writes it".to_owned();
        return Err(TraceError::Damaged { line: lines.len(), what });
    }
    if expected.end.steps != steps.len() as u64 {
        let what = format!("it counts {} steps, the trace has {}", expected.end.steps, steps.len());
        return Err(TraceError::Damaged { line: lines.len(), what });
    }
    Ok((steps.to_vec(), expected.end))
}

/// Where a trace whose digest does not fit is damaged, as far as one line alone shows it.
fn damage(steps: &[&str]) -> TraceError {
    let unreadable = steps.iter().enumerate().find_map(|(i, step)| {
        let error = Asked::of(step).err()?;
        Some(TraceError::Damaged { line: i + 2, what: error.to_string() })
    });
    unreadable.unwrap_or_else(|| TraceError::Damaged {
        line: steps.len() + 2,
        what: "its digest is not that of the lines before it: something was changed".to_owned(),
    })
}

fn replay_lines<P: Process>(setting: &Setting<P>, lines: &[&str]) -> Result<Vec<Line<P>>, TraceError> {
    let mut recorder = Recorder::new(setting);
    let mut steps = Vec::with_capacity(lines.len());
    for (i, recorded) in lines.iter().enumerate() {
        let line = i + 2;
        let (at, chosen) = read_asked::<P>(line, recorded)?;
        let step = recorder.steps();
        let choice = chosen.choice.clone();
        let refused = || TraceError::NotEnabled { line, step, choice: choice.to_string() };
        let replayed = recorder.step(at, chosen).ok_or_else(refused)?;
        let text = serde_json::to_string(&replayed).expect("a trace is plain data");
        if text != **recorded {
            return Err(TraceError::Differs { line, step, recorded: (*recorded).to_owned(), replayed: text });
        }
        steps.push(replayed);
    }
    Ok(steps)
}
