//! The adversary: it takes processes over, follows their code as far as it suits it, and speaks in their name; it makes the
//! network say what nobody said, and lets processes omit what was.
//!
//! A process that was taken over is gone from the world. What the adversary does with its copies is not recorded, only what
//! it says: lies, each of them a choice of the kernel, within what signatures allow. So a replay needs no strategy.

use super::Run;
use crate::adversary::{Injection, Omitting, Scheme, Strategy, pick};
use crate::fault::{Fault, FaultKind};
use crate::ground::{Drawn, Entry, between};
use crate::plan::Options;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use synod_kernel::corruption::Parts;
use synod_kernel::environment::Takeover;
use synod_kernel::world::Laws;
use synod_kernel::{Budget, Budgets, Choice, Durability, Random, Released, Seat, SeatId, Setting, Status};
use synod_model::{Event, EventOf, Process, ProcessId, When};
use synod_properties::Monitor;

/// How many messages are remembered to be said again.
const REMEMBERED: usize = 64;
/// Apart from all other draws: what the copies toss.
const TOSSES: u64 = 0x0adf_e5a7;

/// What the adversary has in mind for later.
enum Plot<P: Process> {
    /// To say this.
    Say { liar: usize, to: SeatId, message: P::Message },
    /// One of its copies hears of this.
    Hear { liar: usize, from: ProcessId, message: P::Message },
    /// A timer of a copy fires, if it is the one that was set then.
    Fire { liar: usize, copy: usize, timer: P::Timer, stamp: u64 },
    /// A copy is asked for something.
    Ask { liar: usize, copy: usize, request: P::Request },
    /// To say something that nobody asked for.
    Invent { liar: usize },
}

/// A copy of a process, that the adversary lets follow its code.
struct Copy<P: Process> {
    seat: Seat<P>,
    /// When each timer was set.
    armed: Vec<(P::Timer, u64)>,
}

/// A process that was taken over.
struct Liar<P: Process> {
    seat: SeatId,
    scheme: Scheme,
    copies: Vec<Copy<P>>,
    /// How many of its requests were made.
    asked: usize,
}

/// What the adversary knows and plans. Worlds without one have none of it.
pub(super) struct Adversary<P: Process> {
    strategies: Vec<Strategy>,
    liars: Vec<Liar<P>>,
    plots: BTreeMap<u64, Plot<P>>,
    plotted: u64,
    /// What messages are made of.
    parts: Parts,
    /// What was sent last, from where and to where.
    remembered: VecDeque<(SeatId, SeatId, P::Message)>,
    omitting: BTreeMap<SeatId, Omitting>,
    /// Scripted: what is injected with the next message over a link.
    pub(super) injecting: Vec<(ProcessId, ProcessId, Injection)>,
    /// Scripted: the next message over a link is changed, or lost where links notice.
    pub(super) corrupting: Vec<(ProcessId, ProcessId)>,
    /// By seat: how many bits flip when it is down next.
    pub(super) rotting: Vec<u32>,
    /// By seat: how many of its next writes go elsewhere.
    pub(super) misdirecting: Vec<u32>,
    /// By seat: whether its next write fails, and after how long there is room again.
    pub(super) refusing: Vec<Option<u64>>,
    draws: Drawn,
}

impl<P: Process> Adversary<P> {
    /// The adversary of a run, where its environment leaves it anything to do.
    pub(super) fn of(setting: &Setting<P>, seed: u64, options: &Options) -> Option<Box<Self>> {
        let b = Budgets::of(&setting.environment);
        let corrupts = crate::adversary::corrupts(options);
        let any = [b.omissions, b.lies, b.injections, b.bit_rot, b.misdirected_writes, b.failed_writes]
            .into_iter()
            .any(Budget::any);
        if !any && !corrupts {
            return None;
        }
        let mut parts = Parts::default();
        if b.lies.any() || b.injections.any() {
            setting.lies.iter().for_each(|lie| parts.note(lie));
            setting.requests.iter().flatten().for_each(|request| parts.note(request));
            (0..setting.environment.processes).for_each(|p| parts.note(&ProcessId(p)));
        }
        let seats = setting.seating.len();
        Some(Box::new(Self {
            strategies: options.adversaries.clone(),
            liars: Vec::new(),
            plots: BTreeMap::new(),
            plotted: 0,
            parts,
            remembered: VecDeque::new(),
            omitting: BTreeMap::new(),
            injecting: Vec::new(),
            corrupting: Vec::new(),
            rotting: vec![0; seats],
            misdirecting: vec![0; seats],
            refusing: vec![None; seats],
            draws: Drawn::new(Random::new(seed ^ TOSSES)),
        }))
    }

    fn remember(&mut self, from: SeatId, to: SeatId, message: &P::Message) {
        self.parts.note(message);
        if self.remembered.len() == REMEMBERED {
            self.remembered.pop_front();
        }
        self.remembered.push_back((from, to, message.clone()));
    }

    /// A message that was seen, or is of the domain, with a part of it exchanged or as it is.
    fn made_up(&self, lies: &[P::Message], random: &mut Random) -> Option<P::Message> {
        let known = self.remembered.len();
        let place = random.below((known + lies.len()).max(1) as u64) as usize;
        let message = self.remembered.get(place).map(|(_, _, m)| m).or_else(|| lies.get(place - known))?;
        let changed = if random.below(2) == 0 { None } else { self.parts.changed(message, random) };
        Some(changed.unwrap_or_else(|| message.clone()))
    }
}

impl<P: Process, M: Monitor<P::Request, P::Indication>> Run<'_, P, M> {
    /// Those who lie from the start, where they lie from there on or not at all.
    pub(super) fn corrupt_before_the_start(&mut self) {
        if self.adversary.is_none() || self.setting.environment.failures.takeover == Takeover::AnyTime {
            return;
        }
        let at_start = |fault: &&Fault| matches!(fault, Fault::TakeOver { .. });
        let mut takeovers: Vec<_> = self.faults.iter().filter(at_start).cloned().collect();
        // the kernel settles it in this order
        takeovers.sort_by_key(|fault| match fault {
            Fault::TakeOver { process, .. } => *process,
            _ => ProcessId(0),
        });
        for fault in takeovers {
            if let Fault::TakeOver { process, strategy } = fault {
                self.take_over(process, strategy);
            }
        }
    }

    /// Whether one more process may be faulty for ever, beside those that crash again and again.
    fn may_spoil(&self, process: ProcessId, budget: Budget) -> bool {
        let b = &self.world.rest.budgets;
        let others = self.looping.iter().filter(|&p| p != process).count();
        let left = b.stops.max(b.omissions).max(b.lies);
        budget.any()
            && self.setting.environment.failures.may_fail(process)
            && match left {
                Budget::AtMost(left) => left as usize > others,
                Budget::Unlimited => true,
            }
    }

    // --- omission ---

    pub(super) fn omit(&mut self, process: ProcessId) {
        let Some(seat) = self.seat_of(process) else { return };
        let is_new = !self.world.rest.omitting.contains(&seat);
        let runs = matches!(self.status(seat), Status::Up | Status::Down);
        if !(is_new && runs && self.may_spoil(process, self.world.rest.budgets.omissions)) {
            return;
        }
        let omitting = Omitting::new(self.world.seats.len(), &mut self.ground.random);
        self.take(Choice::Omit { seat });
        if let Some(adversary) = &mut self.adversary {
            adversary.omitting.insert(seat, omitting);
        }
    }

    /// Whether one of the two omits this message.
    fn is_omitted(&mut self, from: SeatId, to: SeatId) -> bool {
        if !self.world.is_omitted(Laws::from(self.setting), from, to) {
            return false;
        }
        let Some(adversary) = &self.adversary else { return false };
        let omits = self.setting.environment.failures.omits;
        let random = &mut self.ground.random;
        let by = |who: SeatId, peer: SeatId, random: &mut Random| {
            adversary.omitting.get(&who).is_some_and(|omitting| omitting.omits(peer, random))
        };
        (omits.covers(true, false) && by(from, to, random))
            || (omits.covers(false, true) && by(to, from, random))
    }

    // --- links that cannot be trusted ---

    /// A message is about to arrive: what the adversary does about it. Whether it is gone.
    pub(super) fn meddle(&mut self, from: SeatId, to: SeatId, message: &P::Message) -> bool {
        if self.is_omitted(from, to) {
            self.ground.tally.add(FaultKind::Omission, 1);
            self.take(Choice::Lose { from, to, message: message.clone() });
            return true;
        }
        let links = &self.setting.environment.links;
        let (injects, chance) = (links.inject(), links.injection_probability.parts_per_million());
        let [sender, receiver] = [from, to].map(|seat| self.setting.seating.identity(seat));
        let Some(adversary) = &mut self.adversary else { return false };
        if injects {
            adversary.remember(from, to, message);
        }
        let place = adversary.corrupting.iter().position(|link| *link == (sender, receiver));
        let scripted = place.map(|place| adversary.corrupting.remove(place)).is_some();
        if scripted || self.corrupts() {
            return self.corrupt_in_transit(from, to, message);
        }
        let Some(adversary) = &mut self.adversary else { return false };
        let place = adversary.injecting.iter().position(|(a, b, _)| (*a, *b) == (sender, receiver));
        let scripted = place.map(|place| adversary.injecting.remove(place).2);
        let by_chance = injects && self.in_faulty_half() && self.ground.random.chance(chance);
        let random = by_chance.then(|| pick(&Injection::ALL, &mut self.ground.random)).flatten();
        if let Some(how) = scripted.or(random) {
            self.inject(from, to, message, how);
        }
        false
    }

    pub(super) fn meddle_later(&mut self, fault: &Fault) {
        let Some(adversary) = &mut self.adversary else { return };
        match *fault {
            Fault::Inject { from, to, how } => adversary.injecting.push((from, to, how)),
            Fault::Corrupt { from, to } => adversary.corrupting.push((from, to)),
            _ => {}
        }
    }

    /// A message is not what it was: where links do not allow what comes of it, a checksum notices, and it is lost.
    fn corrupt_in_transit(&mut self, from: SeatId, to: SeatId, message: &P::Message) -> bool {
        if self.setting.environment.links.inject() {
            self.inject(from, to, message, Injection::Change);
            return false;
        }
        let loses = self.world.rest.budgets.losses.any();
        if loses {
            self.count(FaultKind::Corruption, 1);
            self.take(Choice::Lose { from, to, message: message.clone() });
        }
        loses
    }

    fn inject(&mut self, from: SeatId, to: SeatId, message: &P::Message, how: Injection) {
        let seats = self.world.seats.len() as u64;
        let random = &mut self.ground.random;
        let Some(adversary) = &self.adversary else { return };
        let (kind, injected) = match how {
            Injection::Replay => {
                let past = random.below(adversary.remembered.len().max(1) as u64) as usize;
                let elsewhere = random.below(4) == 0;
                let past = adversary.remembered.get(past).cloned();
                let past = past
                    .map(|(a, b, m)| (a, if elsewhere { SeatId(random.below(seats) as u32) } else { b }, m));
                (FaultKind::Replay, past)
            }
            Injection::Change => {
                let changed = adversary.parts.changed(message, random);
                (FaultKind::Corruption, changed.map(|m| (from, to, m)))
            }
            Injection::Invent => {
                let [a, b] = [(); 2].map(|()| SeatId(random.below(seats) as u32));
                let message = adversary.made_up(&self.setting.lies, random);
                (FaultKind::Injection, message.map(|m| (a, b, m)))
            }
        };
        let Some((from, to, message)) = injected else { return };
        let choice = Choice::Inject { from, to, message };
        if self.world.admits(Laws::from(self.setting), &self.rep, &choice) {
            self.count(kind, 1);
            self.take(choice);
        }
    }

    // --- processes that lie ---

    pub(super) fn take_over(&mut self, process: ProcessId, strategy: Option<Strategy>) {
        let Some(seat) = self.seat_of(process) else { return };
        if matches!(self.status(seat), Status::Stopped | Status::Lying)
            || self.setting.seating.twinned().next().is_some()
            || !self.may_spoil(process, self.world.rest.budgets.lies)
        {
            return;
        }
        let late = self.setting.environment.failures.takeover == Takeover::AtStart;
        if late && self.status(seat) != Status::New {
            return;
        }
        let status = self.status(seat);
        let Some(adversary) = &mut self.adversary else { return };
        let random = &mut self.ground.random;
        let strategy = strategy.or_else(|| pick(&adversary.strategies, random)).unwrap_or(Strategy::Silence);
        let scheme = Scheme::new(strategy, self.world.seats.len(), random);
        let asked = self.world.rest.asked[seat.index()] as usize;
        let copy = || Copy { seat: self.world.seats[seat.index()].clone(), armed: Vec::new() };
        let copies: Vec<_> = (0..strategy.copies()).map(|_| copy()).collect();
        let (liar, inventions) = (adversary.liars.len(), scheme.inventions(random));
        adversary.liars.push(Liar { seat, scheme, copies, asked });
        self.ground.forget(seat);
        self.ground.tally.add(FaultKind::TakeOver, 1);
        self.take(Choice::Corrupt { seat });
        self.awaken(liar, status);
        self.ask_second_copy(liar, asked);
        for _ in 0..inventions {
            let at = between(
                self.ground.now,
                self.calendar.faults_end.max(self.ground.now),
                &mut self.ground.random,
            );
            // most of them while it matters
            let soon = self
                .ground
                .now
                .saturating_add(self.ground.random.below(self.calendar.unit.saturating_mul(8)));
            let at = if self.ground.random.below(4) == 0 { at } else { soon };
            self.plot(at, Plot::Invent { liar });
        }
        for parked in std::mem::take(&mut self.ground.desks[seat.index()].waiting) {
            self.ground.send_parked(parked);
        }
    }

    /// The copies go on where the process was.
    fn awaken(&mut self, liar: usize, status: Status) {
        for copy in 0..self.copies(liar) {
            match status {
                Status::New => self.prompt(liar, copy, Event::Init),
                Status::Down => self.prompt(liar, copy, Event::Recover),
                _ => self.rearm(liar, copy),
            }
        }
    }

    fn copies(&self, liar: usize) -> usize {
        self.adversary.as_ref().map_or(0, |adversary| adversary.liars[liar].copies.len())
    }

    /// The timers that were set when the process was taken over: how long they were to run is not known any more.
    fn rearm(&mut self, liar: usize, copy: usize) {
        let Some(adversary) = &self.adversary else { return };
        let timers = adversary.liars[liar].copies[copy].seat.timers().to_vec();
        for (timer, when) in timers {
            self.arm(liar, copy, timer, when);
        }
    }

    /// A twin is asked for what the process was asked, made into something else where that can be done.
    fn ask_second_copy(&mut self, liar: usize, asked: usize) {
        let Some(adversary) = &self.adversary else { return };
        let Liar { seat, scheme, .. } = &adversary.liars[liar];
        if scheme.strategy != Strategy::Twins {
            return;
        }
        let random = &mut self.ground.random;
        let all = self.setting.requests[seat.index()].iter();
        let others: Vec<_> = all
            // what the first was asked before the two parted, the second may be asked now
            .skip(if random.below(2) == 0 { asked } else { 0 })
            .filter_map(|request| adversary.parts.changed(request, random))
            .collect();
        for request in others {
            let at = self.ground.now.saturating_add(self.ground.random.below(self.calendar.unit.max(1)));
            self.plot(at, Plot::Ask { liar, copy: 1, request });
        }
    }

    /// What a process that lies is asked, its first copy is.
    pub(super) fn ask_liar(&mut self, seat: SeatId) {
        let Some(liar) = self.liar_at(seat) else { return };
        let Some(adversary) = &mut self.adversary else { return };
        let of = &mut adversary.liars[liar];
        of.asked += 1;
        if let Some(request) = self.setting.requests[seat.index()].get(of.asked - 1) {
            self.ask_copy_of(seat, request.clone());
        }
    }

    /// What a client asks of a process that lies, its first copy hears.
    pub(super) fn ask_copy_of(&mut self, seat: SeatId, request: P::Request) {
        if let Some(liar) = self.liar_at(seat)
            && self.copies(liar) > 0
        {
            self.prompt(liar, 0, Event::Request(request));
        }
    }

    fn liar_at(&self, seat: SeatId) -> Option<usize> {
        self.adversary.as_ref()?.liars.iter().position(|liar| liar.seat == seat)
    }

    fn plot(&mut self, at: u64, plot: Plot<P>) {
        let Some(adversary) = &mut self.adversary else { return };
        let index = adversary.plotted;
        adversary.plotted += 1;
        adversary.plots.insert(index, plot);
        self.ground.agenda.push(at, Entry::Plot { index });
    }

    pub(super) fn carry_out(&mut self, index: u64) {
        let plot = self.adversary.as_mut().and_then(|adversary| adversary.plots.remove(&index));
        match plot {
            Some(Plot::Say { liar, to, message }) => self.say(liar, to, message),
            Some(Plot::Hear { liar, from, message }) => self.overhear(liar, from, &message),
            Some(Plot::Fire { liar, copy, timer, stamp }) => self.fire_copy(liar, copy, timer, stamp),
            Some(Plot::Ask { liar, copy, request }) => self.prompt(liar, copy, Event::Request(request)),
            Some(Plot::Invent { liar }) => self.invent(liar),
            None => {}
        }
    }

    /// What was sent to processes that lie, each of their copies may hear of.
    pub(super) fn eavesdrop(&mut self) {
        for (from, to, message) in std::mem::take(&mut self.ground.overheard) {
            if let Some(adversary) = &mut self.adversary {
                adversary.remember(from, to, &message);
            }
            if let Some(liar) = self.liar_at(to) {
                let from = self.setting.seating.identity(from);
                self.plot(self.ground.now, Plot::Hear { liar, from, message });
            }
        }
    }

    fn overhear(&mut self, liar: usize, from: ProcessId, message: &P::Message) {
        for copy in 0..self.copies(liar) {
            let Some(adversary) = &self.adversary else { return };
            if adversary.liars[liar].scheme.hears(&mut self.ground.random) {
                self.prompt(liar, copy, Event::Message(from, message.clone()));
            }
        }
    }

    fn fire_copy(&mut self, liar: usize, copy: usize, timer: P::Timer, stamp: u64) {
        let Some(adversary) = &mut self.adversary else { return };
        let Some(of) = adversary.liars[liar].copies.get_mut(copy) else { return };
        let Some(place) = of.armed.iter().position(|set| *set == (timer.clone(), stamp)) else { return };
        of.armed.remove(place);
        self.prompt(liar, copy, Event::Timer(timer));
    }

    /// A copy follows its code. One that cannot any more falls silent.
    fn prompt(&mut self, liar: usize, copy: usize, event: EventOf<P>) {
        let Some(mut adversary) = self.adversary.take() else { return };
        let seat = adversary.liars[liar].seat;
        let setting = self.setting;
        let view = setting.view(seat);
        let (mut effects, mut released) = (Vec::new(), Vec::new());
        let Adversary { liars, draws, .. } = &mut *adversary;
        let goes_on = liars[liar].copies.get_mut(copy).is_some_and(|copy| {
            let starts = matches!(event, Event::Init | Event::Recover);
            let handled = (starts || copy.seat.local().is_some())
                && catch_unwind(AssertUnwindSafe(|| copy.seat.handle(view, event, draws, &mut effects)))
                    .is_ok();
            if handled {
                let take = &mut |effect| released.push(effect);
                copy.seat.commit(&mut effects, None, Durability::Immediate, take);
            }
            handled
        });
        if !goes_on {
            liars[liar].copies.clear();
        }
        self.adversary = Some(adversary);
        for effect in released {
            match effect {
                Released::Send(to, message) => {
                    let mut receivers = Vec::new();
                    setting.seating.receivers(seat, to, |to| receivers.push(to));
                    for to in receivers {
                        self.mean_to_say(liar, copy, to, &message);
                    }
                }
                Released::Armed(timer, when) => self.arm(liar, copy, timer, when),
                Released::Disarmed(timer) => self.disarm(liar, copy, &timer),
                Released::Indicate(_) | Released::Stored => {}
            }
        }
    }

    fn arm(&mut self, liar: usize, copy: usize, timer: P::Timer, when: When) {
        let at = match when {
            When::After(after) => self.ground.now.saturating_add(crate::plan::nanos(after)),
            When::Pulse => self.ground.pulse(),
            // the adversary's oracles are silent
            When::Oracle(_) => return,
        };
        self.disarm(liar, copy, &timer);
        let Some(adversary) = &mut self.adversary else { return };
        let stamp = adversary.plotted;
        if let Some(of) = adversary.liars[liar].copies.get_mut(copy) {
            of.armed.push((timer.clone(), stamp));
        }
        self.plot(at, Plot::Fire { liar, copy, timer, stamp });
    }

    fn disarm(&mut self, liar: usize, copy: usize, timer: &P::Timer) {
        let of = self.adversary.as_mut().and_then(|adversary| adversary.liars[liar].copies.get_mut(copy));
        if let Some(of) = of {
            of.armed.retain(|(set, _)| set != timer);
        }
    }

    /// What a copy wants to say, as the strategy lets it.
    fn mean_to_say(&mut self, liar: usize, copy: usize, to: SeatId, message: &P::Message) {
        let Some(adversary) = &self.adversary else { return };
        let Liar { seat, scheme, .. } = &adversary.liars[liar];
        let (seat, random) = (*seat, &mut self.ground.random);
        if to == seat {
            let from = self.setting.seating.identity(seat);
            return self.plot(self.ground.now, Plot::Hear { liar, from, message: message.clone() });
        }
        if !scheme.reaches(copy, to, random) {
            return;
        }
        let (forges, says) = scheme.forges(random);
        let mut said: Vec<P::Message> = says.then(|| message.clone()).into_iter().collect();
        if forges {
            said.extend(adversary.parts.changed(message, random));
        }
        let extra = scheme.patience(self.calendar.unit, random);
        for message in said {
            let at = self.ground.arrival(seat, to).saturating_add(extra);
            self.plot(at, Plot::Say { liar, to, message });
        }
    }

    /// Says it, if it has the signatures, as soon as it can be heard.
    fn say(&mut self, liar: usize, to: SeatId, message: P::Message) {
        let Some(adversary) = &mut self.adversary else { return };
        let from = adversary.liars[liar].seat;
        match self.world.seats[to.index()].status() {
            Status::Lying => {
                let from = self.setting.seating.identity(from);
                if let Some(liar) = self.liar_at(to) {
                    self.plot(self.ground.now, Plot::Hear { liar, from, message });
                }
            }
            Status::Stopped | Status::New => {}
            Status::Up if !self.world.is_severed(from, to) => {
                adversary.remember(from, to, &message);
                if self.world.has_signatures(Laws::from(self.setting), &self.rep, &message) {
                    self.ground.tally.add(FaultKind::Lie, 1);
                    self.delivered += 1;
                    self.take(Choice::Lie { from, to, message });
                }
            }
            Status::Up | Status::Down => {
                let wait = self.ground.random.below(self.calendar.unit.saturating_mul(4).max(1));
                let at = self.ground.now.saturating_add(self.calendar.unit).saturating_add(wait);
                self.plot(at, Plot::Say { liar, to, message });
            }
        }
    }

    /// Says out of turn what was said before, or what is made up, to one or to some.
    fn invent(&mut self, liar: usize) {
        let Some(adversary) = &self.adversary else { return };
        let random = &mut self.ground.random;
        let message = if adversary.liars[liar].scheme.strategy == Strategy::Forge {
            adversary.made_up(&self.setting.lies, random)
        } else {
            let place = random.below(adversary.remembered.len().max(1) as u64) as usize;
            adversary.remembered.get(place).map(|(_, _, message)| message.clone())
        };
        let Some(message) = message else { return };
        let seats = self.world.seats.len() as u64;
        let some = random.below(2) == 0;
        let one = SeatId(random.below(seats) as u32);
        let audience: BTreeSet<_> = (0..seats as u32)
            .map(SeatId)
            .filter(|&seat| if some { random.below(2) == 0 } else { seat == one })
            .collect();
        for to in audience {
            self.say(liar, to, message.clone());
        }
    }
}
