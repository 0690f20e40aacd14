//! One run: the earliest entry of the agenda becomes a move, and the kernel takes it.

mod adversary;
mod ambush;
mod clients;
mod coverage;
mod crash;
mod end;
pub(crate) mod observe;
mod oracle;
mod partition;
mod platform;
pub(crate) mod prefix;
mod short;
mod storage;

use self::adversary::Adversary;
use self::ambush::Ambush;
pub(crate) use self::clients::{Clients, Subject};
use self::partition::Severed;
pub(crate) use self::prefix::Prefix;
use crate::agenda::Due;
use crate::cost::{Meter, Traffic};
use crate::coverage::Coverage;
use crate::fault::{Fault, FaultKind};
use crate::ground::{Drawn, Entry, Parked, Simulated, between};
use crate::links::Youngest;
use crate::outcome::{Ended, Outcome};
use crate::plan::{Calendar, Options, Spared, plan};
use crate::platform::{Fate, Machinery};
use crate::swarm::Swarm;
use crate::trigger::Triggers;
use std::any::Any;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use synod_kernel::trace::{Broken, Chosen, Header, Recorder, Writer, Written};
use synod_kernel::world::Laws;
use synod_kernel::{Choice, InPlace, Marks, Move, Random, Rep, Seat, SeatId, Setting, Status, World, step};
use synod_model::link::{Guarantee, LinkBase};
use synod_model::{Process, ProcessId, ProcessSet};
use synod_properties::{Monitor, NO_PANIC, Operations, Violation};

/// Simulates the run of this seed.
///
/// A panic in a handler breaks the property [`NO_PANIC`]; the process's panic hook sees it all the same.
pub fn run<P, M>(setting: &Setting<P>, monitor: &M, seed: u64, options: &Options) -> Outcome
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    run_of(setting, Subject { monitor, operations: None, carried: None, prefix: None }, seed, options)
}

pub(crate) fn run_of<P, M>(
    setting: &Setting<P>,
    subject: Subject<'_, P, M>,
    seed: u64,
    options: &Options,
) -> Outcome
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let setting = as_simulated(setting, options.swarm_of(seed));
    let anyway = anyway(&setting, options);
    let subject = Subject { operations: subject.operations.or(anyway.as_ref()), ..subject };
    let mut run = Run::new(&setting, subject, seed, options);
    let ended = run.execute();
    run.outcome(ended, options)
}

/// Simulates the run of this seed, and records it in memory: see [`trace_to`].
///
/// # Panics
/// If the simulator takes a move that the kernel does not enable: a bug of the simulator.
pub fn trace<P, M>(
    algorithm: &str,
    setting: &Setting<P>,
    monitor: &M,
    seed: u64,
    options: &Options,
) -> (Outcome, String)
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    collected(|to| trace_to(algorithm, setting, monitor, seed, options, to))
}

/// What `write` writes, as text.
pub(crate) fn collected<W>(
    write: impl FnOnce(&mut dyn Write) -> io::Result<(Outcome, W)>,
) -> (Outcome, String) {
    let mut content = Vec::new();
    let (outcome, _) = write(&mut content).expect("memory takes whatever is written");
    (outcome, String::from_utf8(content).expect("JSON is text"))
}

/// Simulates the run of this seed, and writes its trace there as it goes: a run may be longer than memory holds. A step in
/// which a handler panics has no line: the trace ends before it, with the broken assertion.
///
/// # Errors
/// If the trace cannot be written: the run is then left where it was.
///
/// # Panics
/// If the simulator takes a move that the kernel does not enable: a bug of the simulator.
pub fn trace_to<P, M>(
    algorithm: &str,
    setting: &Setting<P>,
    monitor: &M,
    seed: u64,
    options: &Options,
    to: &mut dyn Write,
) -> io::Result<(Outcome, Written<()>)>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let subject = Subject { monitor, operations: None, carried: None, prefix: None };
    trace_to_of(algorithm, setting, subject, seed, options, to)
}

pub(crate) fn trace_to_of<P, M>(
    algorithm: &str,
    setting: &Setting<P>,
    subject: Subject<'_, P, M>,
    seed: u64,
    options: &Options,
    to: &mut dyn Write,
) -> io::Result<(Outcome, Written<()>)>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let mut setting = as_simulated(setting, options.swarm_of(seed));
    let anyway = anyway(&setting, options);
    let subject = Subject { operations: subject.operations.or(anyway.as_ref()), ..subject };
    if options.workload.is_some() {
        // what is asked is made up as the run goes, and a trace begins with it: the run is made once to know
        let mut first = Run::new(&setting, subject, seed, options);
        first.execute();
        let asked = first.rep.requests.take().unwrap_or_default();
        drop(first);
        setting.to_mut().requests = asked;
    }
    let mut run = Run::new(&setting, subject, seed, options);
    let header = Header { terse: options.terse, ..Header::new(algorithm, "sim", Some(seed), &setting) };
    run.rep.draws.kept = Some(Vec::new());
    let recorder = (!options.terse).then(|| Recorder::new(&setting));
    run.recording =
        Some(Recording { recorder, writer: Writer::to(&header, to), refused: None, taking: None });
    if let Some(prefix) = subject.prefix {
        run.write_before(prefix);
    }
    let ended = run.execute();
    let recording = run.recording.take().expect("it was set above");
    if let Some(refused) = recording.refused {
        panic!("the simulator took a move that is not enabled: step {}, {refused}", run.steps - 1);
    }
    let outcome = run.outcome(ended, options);
    let taking = recording.taking.map(|taken| taken.choice.to_string());
    let broken = outcome.broken().map(|broken| named(broken, taking));
    let Written { name, steps, bytes, .. } = recording.writer.close(broken)?;
    Ok((outcome, Written { to: (), name, steps, bytes }))
}

/// The operations of clients where none are known: what is asked anyway.
fn anyway<P: Process>(
    setting: &Setting<P>,
    options: &Options,
) -> Option<Operations<P::Request, P::Indication>> {
    options.workload.as_ref().map(|_| Operations::anyway(setting.requests.clone()))
}

/// What is broken; of a panic, with the choice whose handler it was in, by which a replay finds it.
fn named(broken: Broken, taking: Option<String>) -> Broken {
    match taking {
        Some(choice) if broken.property == NO_PANIC.id => {
            Broken { what: format!("{choice}: the handler panics: {}", broken.what), ..broken }
        }
        _ => broken,
    }
}

/// How many faults are planned for the run of this seed, and how many requests by seat.
pub(crate) fn planned<P: Process>(setting: &Setting<P>, seed: u64, options: &Options) -> (usize, Vec<u32>) {
    let swarm = options.swarm_of(seed);
    let setting = as_simulated(setting, swarm);
    let plan = plan(&setting.environment, &setting.seating, options, swarm, &mut Random::new(seed));
    // what clients ask for is made up as the run goes
    let asked = |requests: &Vec<_>| if options.workload.is_none() { requests.len() as u32 } else { 0 };
    (plan.faults.len(), setting.requests.iter().map(asked).collect())
}

/// What a run has of the setting, without what is for explorations alone: messages in flight are a bag, and every delivery is a
/// step.
fn as_simulated<P: Process>(setting: &Setting<P>, swarm: Swarm) -> Cow<'_, Setting<P>> {
    let links = &setting.environment.links;
    if !links.as_set && !links.ignored_stay && swarm == Swarm::ALL {
        return Cow::Borrowed(setting);
    }
    let mut setting = setting.clone();
    swarm.narrow(&mut setting.environment);
    let requests_max = swarm.requests(setting.requests.iter().map(Vec::len).max().unwrap_or(0));
    setting.requests.iter_mut().for_each(|requests| requests.truncate(requests_max));
    setting.environment.links.as_set = false;
    setting.environment.links.ignored_stay = false;
    Cow::Owned(setting)
}

/// Apart from the delays, so that the schedule of a seed does not depend on how often its handlers draw.
const DRAWS: u64 = 0x5eed_d4a3;

struct Recording<'a, P: Process> {
    /// None where the trace is terse.
    recorder: Option<Recorder<'a, P>>,
    writer: Writer<&'a mut dyn Write>,
    /// A move that the recorder did not take.
    refused: Option<String>,
    /// The move that is being taken: a handler that panics leaves no line.
    taking: Option<Move<P::Message, P::Timer>>,
}

struct Run<'a, P: Process, M> {
    setting: &'a Setting<P>,
    world: World<Seat<P>>,
    rep: InPlace<'a, P, Drawn>,
    ground: Simulated<P, M>,
    recording: Option<Recording<'a, P>>,
    calendar: Calendar,
    random_faults: bool,
    /// Whether nothing is lost or duplicated by chance.
    chance_spared: bool,
    leader: ProcessId,
    faults: Vec<Fault>,
    steps_max: u64,
    steps: u64,
    /// When it began, by the clock of the trace that it goes on from.
    epoch: u64,
    /// When chance is drawn from which seed: the next step, and all of them.
    turn_at: u64,
    turns: VecDeque<(u64, u64)>,
    delivered: u64,
    last_fault: u64,
    /// When clients asked last.
    last_asked: u64,
    /// By seat: a crash in one of its next handlers.
    in_handler: Vec<Option<Ambush>>,
    /// By seat: a crash while its next write is pending.
    while_storing: Vec<Option<Ambush>>,
    /// How many of either there are.
    ambushes: usize,
    /// The processes that crash and start again for ever.
    looping: ProcessSet,
    severed: Vec<Severed>,
    /// The messages that cuts hold.
    held: Vec<Parked>,
    youngest: Youngest,
    /// What the adversary knows and plans, where there is one.
    adversary: Option<Box<Adversary<P>>>,
    /// Scripted losses and duplications: (from, to, whether it is a loss).
    marked: VecDeque<(ProcessId, ProcessId, bool)>,
}

impl<'a, P: Process, M: Monitor<P::Request, P::Indication>> Run<'a, P, M> {
    fn new(setting: &'a Setting<P>, subject: Subject<'_, P, M>, seed: u64, options: &Options) -> Self {
        let environment = &setting.environment;
        let seats = setting.seating.len();
        let mut random = Random::new(seed);
        let plan = plan(environment, &setting.seating, options, options.swarm_of(seed), &mut random);
        let mut run = Self {
            setting,
            world: World::new(setting.into(), Seat::default()),
            rep: InPlace::new(setting, Drawn::new(Random::new(seed ^ DRAWS))),
            ground: Simulated::new(environment, seats, subject.monitor.clone(), random),
            recording: None,
            calendar: plan.calendar,
            random_faults: plan.random,
            chance_spared: options.spared.chance,
            leader: plan.leader,
            faults: Vec::with_capacity(plan.faults.len()),
            steps_max: options.steps_max,
            steps: 0,
            epoch: 0,
            turn_at: options.then.first().map_or(u64::MAX, |(step, _)| *step),
            turns: options.then.iter().copied().collect(),
            delivered: 0,
            last_fault: 0,
            last_asked: 0,
            in_handler: vec![None; seats],
            while_storing: vec![None; seats],
            ambushes: 0,
            looping: ProcessSet::new(),
            severed: Vec::new(),
            held: Vec::new(),
            youngest: Youngest::new(seats),
            adversary: Adversary::of(setting, seed, options),
            marked: VecDeque::new(),
        };
        // whoever speaks seldom speaks several times before faults end
        run.ground.oracle_pace = run.ground.oracle_pace.min(run.calendar.faults_end / 8);
        run.ground.coverage = options.coverage.then(|| Box::new(Coverage::new(seats)));
        run.equip(options, plan.faults.iter().any(|(_, fault)| fault.is_of_platform()));
        if let Some(prefix) = subject.prefix {
            run.stand_at(prefix);
        }
        run.rep.draws.marks = options.branches.then(Marks::default);
        for (place, (at, fault)) in plan.faults.into_iter().enumerate() {
            if !options.spared.faults.contains(&place) {
                run.plan_fault(at, fault);
            }
        }
        run.ground.meter = options.costs.then(|| Box::new(Meter::new(seats)));
        run.rep.draws.upper =
            subject.carried.filter(|_| options.costs).map(|length| (length, Traffic::default()));
        match &options.workload {
            Some(workload) => run.plan_clients(workload, subject, seed),
            None => run.plan_requests(&options.spared),
        }
        run
    }

    /// Brings in machines and wires, where somebody asks for them.
    fn equip(&mut self, options: &Options, is_needed: bool) {
        let triggers = Triggers::new(&options.conditions);
        let world = (&self.setting.environment, &self.setting.seating);
        let platform = options.platform.as_ref();
        let mut machinery = Machinery::of(platform, world, triggers, is_needed, &mut self.ground.random);
        if let Some(machinery) = &mut machinery {
            machinery.strike_until(self.calendar.faults_end);
        }
        self.ground.machinery = machinery;
    }

    fn plan_fault(&mut self, at: u64, fault: Fault) {
        let index = self.faults.len();
        self.faults.push(fault);
        self.ground.agenda.push(at, Entry::Fault { index });
    }

    fn plan_requests(&mut self, spared: &Spared) {
        for seat in self.setting.seating.seats() {
            let requests = self.rep.requests(seat);
            for number in self.world.rest.asked[seat.index()]..requests {
                let at = between(0, self.calendar.requests_end, &mut self.ground.random);
                if number < spared.left(seat, requests) {
                    self.ground.agenda.push(at, Entry::Request { seat });
                }
            }
        }
    }

    /// Runs to the end, whatever the algorithm's code does.
    fn execute(&mut self) -> Ended {
        catch_unwind(AssertUnwindSafe(|| self.go())).unwrap_or_else(|panic| {
            self.ground.violation = Some(Violation::new(&NO_PANIC, said_by(panic.as_ref())));
            Ended::Violation
        })
    }

    fn go(&mut self) -> Ended {
        if self.steps == 0 {
            self.corrupt_before_the_start();
        }
        for seat in self.setting.seating.seats() {
            if self.status(seat) == Status::New {
                self.take(Choice::Init { seat });
            }
        }
        self.strike_on_conditions();
        let plain = self.is_plain();
        loop {
            if self.ground.violation.is_some() || self.refused() {
                return Ended::Violation;
            }
            if self.steps >= self.steps_max {
                return Ended::Steps;
            }
            let Some(due) = self.ground.agenda.pop() else { return Ended::Quiescent };
            if self.is_void(&due.entry) {
                continue;
            }
            if due.time > self.calendar.horizon {
                self.ground.now = self.calendar.horizon;
                return Ended::Horizon;
            }
            self.ground.now = due.time;
            match due.entry {
                Entry::Deliver { from, to, message } if plain && self.is_calm(to) => {
                    self.note_order(due.number, from, to);
                    self.delivered += 1;
                    self.deliver_shortly(from, to, message);
                }
                entry => self.happen(Due { entry, ..due }),
            }
        }
    }

    /// Nothing arrives at a process that stopped for ever: it is as if what was under way to it had left the agenda then.
    #[inline]
    fn is_void(&self, entry: &Entry<P::Message, P::Timer>) -> bool {
        let any = !self.world.rest.stopped.is_empty();
        any && matches!(entry, Entry::Deliver { to, .. } | Entry::Lose { to, .. } if self.status(*to) == Status::Stopped)
    }

    fn refused(&self) -> bool {
        self.recording.as_ref().is_some_and(|r| r.refused.is_some() || r.writer.has_failed())
    }

    #[inline]
    fn happen(&mut self, due: Due<Entry<P::Message, P::Timer>>) {
        if self.ground.machinery.is_some() {
            return self.happen_on_platform(due);
        }
        self.dispatch(due);
    }

    #[inline]
    fn dispatch(&mut self, due: Due<Entry<P::Message, P::Timer>>) {
        if self.ground.meter.is_some() {
            self.measure(&due);
        }
        match due.entry {
            Entry::Deliver { from, to, message } => self.arrive(due.number, from, to, message),
            Entry::Lose { from, to, message } => self.overflow(due.number, from, to, message),
            Entry::Fire { seat, timer } => self.fire(seat, timer),
            Entry::Sync { seat } => self.sync(seat),
            Entry::Request { seat } if self.status(seat) == Status::Lying => self.ask_liar(seat),
            Entry::Request { seat } => self.take(Choice::Request { seat }),
            Entry::Recover { seat } => self.recover(seat),
            Entry::Oracle { seat } => self.consult(seat),
            Entry::Fault { index } => self.fault(self.faults[index].clone()),
            Entry::Plot { index } => self.carry_out(index),
            Entry::Client { wake } => self.wake_client(wake),
        }
    }

    /// Takes a move: the kernel's step, and its line if the run is recorded.
    fn take(&mut self, choice: Choice<P::Message, P::Timer>) {
        let cut = if self.ambushes == 0 { None } else { self.spring(&choice) };
        let crashed = cut.and_then(|(cut, ambush)| Some((choice.cut_seat()?, cut, ambush)));
        let chosen = Move { choice, draws: Vec::new(), cut: cut.map(|(cut, _)| cut) };
        let handler = chosen.choice.handler_seat();
        if self.steps == self.turn_at {
            self.turn();
        }
        if let Some(recording) = &mut self.recording {
            recording.taking = Some(chosen.clone());
        }
        self.steps += 1;
        let covered = if self.ground.coverage.is_some() { self.begin_to_cover(&chosen.choice) } else { None };
        step(&mut self.world, Laws::from(self.setting), &mut self.rep, &mut self.ground, chosen);
        self.record();
        if let Some(seat) = covered {
            self.cover(seat);
        }
        if let Some((seat, cut, ambush)) = crashed {
            let pending = self.ground.desks[seat.index()].syncs.len() as u64;
            self.count(FaultKind::LostWrite, pending - u64::from(cut.kept));
            self.count(FaultKind::CrashInHandler, 1);
            self.crashed(seat, ambush.recover_after);
        }
        if let Some(seat) = handler {
            self.spring_on_store(seat);
        }
        if !self.ground.overheard.is_empty() {
            self.eavesdrop();
        }
    }

    /// Writes the line of the move that was taken, if the run is recorded.
    fn record(&mut self) {
        let at = self.epoch.saturating_add(self.ground.now);
        let Some(recording) = &mut self.recording else { return };
        let Some(mut chosen) = recording.taking.take() else { return };
        chosen.draws = self.rep.draws.kept.replace(Vec::new()).unwrap_or_default();
        let Some(recorder) = &mut recording.recorder else {
            return recording.writer.chosen(&Chosen::new(Some(at), chosen));
        };
        match recorder.take(Some(at), chosen) {
            Ok(line) => recording.writer.step(&line),
            Err(chosen) => recording.refused = Some(chosen.choice.to_string()),
        }
    }

    /// Counts faults that took effect at a process. Those of one that never ceases to crash are no reason to wait.
    fn count_at(&mut self, seat: SeatId, kind: FaultKind, times: u64) {
        if self.looping.contains(self.setting.seating.identity(seat)) {
            self.ground.tally.add(kind, times);
        } else {
            self.count(kind, times);
        }
    }

    /// Counts faults that took effect.
    fn count(&mut self, kind: FaultKind, times: u64) {
        self.ground.tally.add(kind, times);
        if times > 0 {
            self.last_fault = self.ground.now;
        }
    }

    fn status(&self, seat: SeatId) -> Status {
        self.world.seats[seat.index()].status()
    }

    /// Whether faults by chance may still happen.
    fn in_faulty_half(&self) -> bool {
        self.random_faults && self.ground.now < self.calendar.faults_end
    }

    // --- links ---

    #[inline]
    fn arrive(&mut self, number: u64, from: SeatId, to: SeatId, message: P::Message) {
        if self.world.is_severed(from, to) {
            return self.meet_cut(number, from, to, message);
        }
        if self.status(to) != Status::Up {
            return self.arrive_at_the_down(number, from, to, message);
        }
        if self.adversary.is_some() && self.meddle(from, to, &message) {
            return;
        }
        // what was injected beside it may have made its receiver crash
        if self.status(to) != Status::Up {
            return self.arrive_at_the_down(number, from, to, message);
        }
        let links = &self.setting.environment.links;
        if links.kind.fifo && self.is_lost_behind_a_crash(from) {
            self.count_at(from, FaultKind::LossAtSender, 1);
            return self.take(Choice::Lose { from, to, message });
        }
        let budgets = &self.world.rest.budgets;
        let may_lose = budgets.losses.any();
        let may_duplicate = budgets.duplications.any();
        let fate = if may_lose { self.fate(from, to) } else { None };
        let is_lost = |run: &mut Self| match fate {
            None => run.is_hit(from, to, true, links.loss_probability.parts_per_million()),
            Some(fate) => fate != Fate::Kept || run.is_marked(from, to, true),
        };
        if may_lose && is_lost(self) {
            let sender_is_up = self.status(from) == Status::Up;
            self.count(if sender_is_up { FaultKind::Loss } else { FaultKind::LossAtSender }, 1);
            self.ground.tally.add(FaultKind::BurstLoss, u64::from(fate == Some(Fate::LostInBurst)));
            return self.take(Choice::Lose { from, to, message });
        }
        let is_duplicated = |run: &mut Self| match run.duplicates() {
            None => run.is_hit(from, to, false, links.duplication_probability.parts_per_million()),
            Some(is_hit) => is_hit || run.is_marked(from, to, false),
        };
        if may_duplicate && is_duplicated(self) {
            return self.duplicate(number, from, to, message);
        }
        self.note_order(number, from, to);
        self.deliver(from, to, message);
    }

    /// Whether chance, or the script, makes this message the victim of a loss (or of a duplication).
    fn is_hit(&mut self, from: SeatId, to: SeatId, loss: bool, per_million: u32) -> bool {
        if self.in_faulty_half() {
            return self.ground.random.chance(per_million) && !self.chance_spared;
        }
        self.is_marked(from, to, loss)
    }

    /// Whether the script makes this message the victim.
    fn is_marked(&mut self, from: SeatId, to: SeatId, loss: bool) -> bool {
        let identity = |seat| self.setting.seating.identity(seat);
        let mark = (identity(from), identity(to), loss);
        let place = self.marked.iter().position(|m| *m == mark);
        place.map(|place| self.marked.remove(place)).is_some()
    }

    #[inline]
    fn deliver(&mut self, from: SeatId, to: SeatId, message: P::Message) {
        self.delivered += 1;
        if self.setting.environment.links.kind.base == LinkBase::Stubborn {
            // what is sent once is delivered for ever
            let again = self.ground.pulse();
            self.keep_measuring(self.ground.agenda.upcoming());
            self.ground.put_in_flight(again, from, to, message.clone());
        }
        if self.is_watched() {
            return self.take(Choice::Deliver { from, to, message });
        }
        self.deliver_shortly(from, to, message);
    }

    fn duplicate(&mut self, number: u64, from: SeatId, to: SeatId, message: P::Message) {
        self.count(FaultKind::Duplication, 1);
        self.delivered += 1;
        // the copy has the number of what it is a copy of, or the next
        let fifo = self.setting.environment.links.kind.fifo;
        self.keep_measuring(if fifo { number } else { self.ground.agenda.upcoming() });
        let copy = message.clone();
        if self.setting.environment.links.kind.fifo {
            // before anything that was sent after it
            let slot = self.ground.park(from, to, copy);
            self.ground.agenda.enqueue_as(self.ground.now, number, slot);
        } else {
            let arrival = self.ground.arrival(from, to);
            self.ground.put_in_flight(arrival, from, to, copy);
        }
        self.take(Choice::Duplicate { from, to, message });
    }

    #[inline]
    fn note_order(&mut self, number: u64, from: SeatId, to: SeatId) {
        if self.youngest.is_late(from, to, number) {
            self.ground.tally.add(FaultKind::Reordering, 1);
        }
    }

    /// A message for a process that is down is lost, or waits until it is up.
    fn arrive_at_the_down(&mut self, number: u64, from: SeatId, to: SeatId, message: P::Message) {
        if self.status(to) == Status::Lying {
            // the adversary hears it
            return self.take(Choice::Deliver { from, to, message });
        }
        let waiting = &self.ground.desks[to.index()].waiting;
        let is_from =
            |entry: &Entry<_, _>| matches!(entry, Entry::Deliver { from: other, .. } if *other == from);
        // a queue keeps its order
        let behind = self.setting.environment.links.kind.fifo
            && waiting.iter().any(|parked| self.ground.agenda.get(parked.slot).is_some_and(is_from));
        let logged =
            behind || self.setting.environment.links.kind.guarantees().has(Guarantee::LoggedDelivery);
        if logged || self.ground.random.below(2) == 0 {
            self.keep_measuring(number);
            let slot = self.ground.park(from, to, message);
            self.ground.desks[to.index()].waiting.push(Parked { slot, number });
        } else {
            self.count_at(to, FaultKind::LossAtReceiver, 1);
            self.take(Choice::Deliver { from, to, message });
        }
    }

    // --- timers ---

    fn fire(&mut self, seat: SeatId, timer: P::Timer) {
        self.ground.fired(seat, &timer);
        let when = self.world.seats[seat.index()].when(&timer).expect("a timer on the agenda is set");
        if self.world.rest.budgets.fire(when).any() {
            self.take(Choice::Fire { seat, timer });
        }
    }

    // --- faults ---

    fn fault(&mut self, fault: Fault) {
        match fault {
            Fault::Crash { process, recover_after, kept, torn } => {
                self.crash(process, recover_after, kept, torn);
            }
            Fault::CrashInHandler { process, recover_after, before } => {
                let ambush = Ambush { recover_after, before, torn: false };
                self.lay(process, ambush, |run| &mut run.in_handler);
            }
            Fault::CrashWhileStoring { process, recover_after, torn } => {
                let ambush = Ambush { recover_after, before: None, torn };
                self.lay(process, ambush, |run| &mut run.while_storing);
                if let Some(seat) = self.seat_of(process) {
                    self.spring_on_store(seat);
                }
            }
            Fault::CrashLoop { process, down, up } => self.crash_again(process, down, up),
            Fault::Sever { partition } => self.sever(&partition),
            Fault::Heal {} => self.heal(),
            Fault::Lose { from, to } => self.marked.push_back((from, to, true)),
            Fault::Duplicate { from, to } => self.marked.push_back((from, to, false)),
            Fault::Output { process, output } => self.scripted_output(process, output),
            Fault::Omit { process } => self.omit(process),
            Fault::TakeOver { process, strategy } => self.take_over(process, strategy),
            Fault::Inject { .. } | Fault::Corrupt { .. } => self.meddle_later(&fault),
            Fault::Rot { .. } | Fault::MisdirectWrite { .. } | Fault::FailWrite { .. } => {
                self.disk_fault(&fault);
            }
            Fault::CutLinks { links } => self.cut_links(&links),
            other => self.fault_of_platform(other),
        }
    }

    fn seat_of(&self, process: ProcessId) -> Option<SeatId> {
        let seats = self.setting.environment.processes;
        (process.0 < seats).then_some(SeatId(process.0))
    }

    fn stopped(&self, process: ProcessId) -> bool {
        let stopped = &self.world.rest.stopped;
        let beyond = SeatId(self.setting.environment.processes);
        stopped.contains(&SeatId(process.0))
            || stopped.range(beyond..).any(|&twin| self.setting.seating.identity(twin) == process)
    }

    /// Whether it crashed for ever, does so again and again, omits, lies, or is played by twins: those to whom nothing is
    /// owed.
    fn faulty(&self, process: ProcessId) -> bool {
        let rest = &self.world.rest;
        let spoilt = [&rest.omitting, &rest.lying].into_iter().flatten();
        spoilt.into_iter().any(|&seat| self.setting.seating.identity(seat) == process)
            || self.looping.contains(process)
            || self.stopped(process)
            || self.setting.seating.twinned().any(|p| p == process)
    }
}

/// What a panic said.
fn said_by(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a handler panicked".to_owned())
}
