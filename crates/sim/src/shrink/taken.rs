//! The steps of a run, taken again in part on the kernel.

use super::{Taken, Unit};
use crate::plan::{gst, nanos};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use synod_kernel::trace::{self, Broken, Header, Line, Recorder, TraceError, Writer};
use synod_kernel::{Choice, Move, Observed, SeatId, Setting};
use synod_model::timing::TimingKind;
use synod_model::{Process, When};
use synod_properties::regression::{owed, panics};
use synod_properties::{Kind, Monitor, NO_PANIC, Observation};

/// The steps of a trace that breaks something, to be taken again in part: none, where the trace breaks nothing, or where
/// time decides what may happen, or the run goes on beyond its end and what is owed there may still be paid.
///
/// # Errors
/// If it is no whole trace of this algorithm.
pub fn taken<P, M>(
    content: &str,
    monitor: impl FnOnce(&Setting<P>) -> M,
) -> Result<Option<Box<dyn Taken>>, TraceError>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    taken_in(content, |written| {
        let monitor = monitor(&written);
        Some((written, monitor))
    })
}

/// The same in another world, made of the setting of the trace: of another size, of other parameters. What is asked of
/// whom stays as it was, as far as they exist; so does what they do, as far as it is possible.
///
/// # Errors
/// If it is no whole trace of this algorithm.
pub fn taken_in<P, M>(
    content: &str,
    world: impl FnOnce(Setting<P>) -> Option<(Setting<P>, M)>,
) -> Result<Option<Box<dyn Taken>>, TraceError>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let header = trace::header(content)?;
    let written = trace::recall::<P>(content)?;
    let Some(broken) = written.end.violation else { return Ok(None) };
    let requests = written.setting.requests.clone();
    let Some((mut setting, monitor)) = world(written.setting) else { return Ok(None) };
    if setting.environment.timing.kind == TimingKind::Synchronous {
        return Ok(None);
    }
    let seats = setting.seating.len();
    setting.requests = requests;
    setting.requests.resize(seats, Vec::new());
    let of_liveness = |id: &str| monitor.properties().iter().any(|p| p.id == id && p.kind == Kind::Liveness);
    let goal = match broken.property.as_str() {
        property if property == NO_PANIC.id => Goal::Panic,
        property if of_liveness(property) => Goal::Debt,
        _ => Goal::Safety,
    };
    let ground = if header.ground == "check" { "check" } else { "sim" };
    let steps_max = 4 * written.moves.len() as u64 + 100;
    let requests = setting.requests.clone();
    let frame = Frame { algorithm: header.algorithm, ground, setting, monitor, goal, steps_max };
    let moves: Vec<_> = written.moves.into_iter().filter_map(|timed| among(seats, timed)).collect();
    // as it is taken here: with its units, and without what comes after what it breaks
    let places = moves.iter().enumerate().flat_map(|(i, (_, m))| places_of(m).map(move |cut| (i, cut)));
    let places: Vec<_> = places.collect();
    let units = vec![Unit::default(); places.len()];
    let all = vec![true; places.len()];
    let whole = Run { frame: Arc::new(frame), requests, moves, units, places, broken };
    Ok(whole.attempt(&all, &mut 0))
}

/// What is left of a move in a world of so many seats.
fn among<M, T>(
    seats: usize,
    (at, mut chosen): (Option<u64>, Move<M, T>),
) -> Option<(Option<u64>, Move<M, T>)> {
    let is_there = |seat: SeatId| seat.index() < seats;
    let left = match &mut chosen.choice {
        Choice::Sever { links } => {
            links.retain(|(from, to)| is_there(*from) && is_there(*to));
            !links.is_empty()
        }
        Choice::Heal => true,
        Choice::Deliver { from, to, .. }
        | Choice::Duplicate { from, to, .. }
        | Choice::Lose { from, to, .. }
        | Choice::Lie { from, to, .. }
        | Choice::Inject { from, to, .. } => is_there(*from) && is_there(*to),
        Choice::Init { seat }
        | Choice::Corrupt { seat }
        | Choice::Omit { seat }
        | Choice::Request { seat }
        | Choice::Fire { seat, .. }
        | Choice::Output { seat, .. }
        | Choice::Sync { seat }
        | Choice::Disk { seat, .. }
        | Choice::Crash { seat, .. }
        | Choice::Recover { seat } => is_there(*seat),
    };
    left.then_some((at, chosen))
}

/// Whether each of a move's units is the crash in it.
fn places_of<M, T>(chosen: &Move<M, T>) -> impl Iterator<Item = bool> + use<M, T> {
    std::iter::once(false).chain(chosen.cut.map(|_| true))
}

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    Safety,
    Debt,
    Panic,
}

/// What all attempts share.
struct Frame<P: Process, M> {
    algorithm: String,
    ground: &'static str,
    setting: Setting<P>,
    monitor: M,
    goal: Goal,
    /// A run that is completed has at most so many.
    steps_max: u64,
}

type Timed<P> = (Option<u64>, Move<<P as Process>::Message, <P as Process>::Timer>);

struct Run<P: Process, M> {
    frame: Arc<Frame<P, M>>,
    /// By seat: what is asked there, by its moves in their order; and at the end what is never asked.
    requests: Vec<Vec<P::Request>>,
    moves: Vec<Timed<P>>,
    units: Vec<Unit>,
    /// By unit: its move, and whether it is the crash in it.
    places: Vec<(usize, bool)>,
    broken: Broken,
}

impl<P: Process, M: Monitor<P::Request, P::Indication>> Frame<P, M> {
    /// The lines of these moves as far as they are possible, up to what they break, if that is what is looked for.
    fn take(
        &self,
        setting: &Setting<P>,
        moves: impl Iterator<Item = Timed<P>>,
        sought: &Broken,
        steps: &mut u64,
    ) -> Option<Found<P>> {
        let mut recorder = Recorder::new(setting);
        let mut monitor = self.monitor.clone();
        let mut lines = Vec::new();
        for (at, chosen) in moves {
            *steps += 1;
            let Some(line) = recorder.attempt(at, chosen) else { continue };
            let violation = observe(&mut monitor, &line);
            lines.push(line);
            if let Some(broken) = violation {
                let same = self.goal == Goal::Safety && broken.property == sought.property;
                return same.then_some(Found { lines, broken });
            }
        }
        match self.goal {
            Goal::Safety => None,
            Goal::Panic => {
                let moves: Vec<_> = lines.iter().map(Line::chosen).collect();
                *steps += moves.len() as u64;
                panics(setting, &moves, sought)?;
                Some(Found { lines, broken: sought.clone() })
            }
            Goal::Debt => {
                self.complete(&mut recorder, &mut monitor, &mut lines, steps)?;
                let broken = owed::<P, M>(&monitor, &self.setting.seating, &lines, &sought.property)?;
                Some(Found { lines, broken })
            }
        }
    }

    /// Takes what no fair run may pass over, until nothing is left of it: then what is owed is owed for ever.
    fn complete(
        &self,
        recorder: &mut Recorder<'_, P>,
        monitor: &mut M,
        lines: &mut Vec<Line<P>>,
        steps: &mut u64,
    ) -> Option<()> {
        while let Some(choice) = recorder.due() {
            *steps += 1;
            if lines.len() as u64 >= self.steps_max {
                return None;
            }
            let line = recorder.attempt(None, Move::plain(choice))?;
            if observe(monitor, &line).is_some() {
                return None;
            }
            lines.push(line);
        }
        // an oracle may have more to say: what it owes is not told by what is enabled
        (!recorder.consults_oracles()).then_some(())
    }
}

/// What a step breaks.
fn observe<P: Process, M: Monitor<P::Request, P::Indication>>(
    monitor: &mut M,
    line: &Line<P>,
) -> Option<Broken> {
    let mut all = line.observed.iter();
    let violation = all.find_map(|observed| monitor.observe(&Observation::of(observed)).err())?;
    Some(Broken { property: violation.property, what: violation.what })
}

/// What an attempt came to.
struct Found<P: Process> {
    lines: Vec<Line<P>>,
    broken: Broken,
}

impl<P: Process> Found<P> {
    fn into_run<M>(self, frame: Arc<Frame<P, M>>, requests: Vec<Vec<P::Request>>) -> Run<P, M> {
        let mut units: Vec<Unit> = Vec::new();
        let mut places = Vec::new();
        let mut first_unit = Vec::with_capacity(self.lines.len());
        for (i, line) in self.lines.iter().enumerate() {
            first_unit.push(units.len() as u32);
            let seat = line.choice.cut_seat().or_else(|| seat_of(&line.choice)).map(|seat| seat.0);
            let cause = line.cause.and_then(|cause| first_unit.get(cause.step as usize).copied());
            let fault = line.choice.is_fault();
            let asked = matches!(line.choice, Choice::Request { .. } | Choice::Output { .. });
            let starts = matches!(line.choice, Choice::Init { .. });
            let tells = line.observed.iter().any(|o| matches!(o, Observed::Indication(..)));
            units.push(Unit { seat, cause, fault, chosen: fault || asked, starts, tells, step: true });
            places.push((i, false));
            if line.cut.is_some() {
                units.push(Unit { seat, fault: true, chosen: true, ..Unit::default() });
                places.push((i, true));
            }
        }
        let moves = self.lines.iter().map(|line| (line.at, line.chosen())).collect();
        Run { frame, requests, moves, units, places, broken: self.broken }
    }
}

/// Where something happens that runs no handler.
fn seat_of<M, T>(choice: &Choice<M, T>) -> Option<SeatId> {
    match choice {
        Choice::Crash { seat, .. }
        | Choice::Corrupt { seat }
        | Choice::Omit { seat }
        | Choice::Disk { seat, .. } => Some(*seat),
        _ => None,
    }
}

impl<P: Process, M: Monitor<P::Request, P::Indication>> Taken for Run<P, M> {
    fn units(&self) -> &[Unit] {
        &self.units
    }

    fn broken(&self) -> &Broken {
        &self.broken
    }

    fn is_debt(&self) -> bool {
        self.frame.goal == Goal::Debt
    }

    fn attempt(&self, kept: &[bool], steps: &mut u64) -> Option<Box<dyn Taken>> {
        let requests = self.requests_left(kept);
        let setting = Setting { requests, ..self.frame.setting.clone() };
        let mut units = self.places.iter().zip(kept).peekable();
        let kept_moves = std::iter::from_fn(|| {
            loop {
                let (&(i, _), &is_kept) = units.next()?;
                let cut = units.next_if(|((_, is_cut), _)| *is_cut);
                if is_kept {
                    let (at, mut chosen) = self.moves[i].clone();
                    if cut.is_some_and(|(_, &is_kept)| !is_kept) {
                        chosen.cut = None;
                    }
                    return Some((at, chosen));
                }
            }
        });
        self.take(setting, kept_moves, steps)
    }

    fn settled(&self, steps: &mut u64) -> Option<Box<dyn Taken>> {
        let timed = self.moves.first().is_some_and(|(at, _)| at.is_some());
        if !timed || self.is_debt() {
            return None;
        }
        // all as early as can be; or what has no cause no earlier than what came before it
        [false, true].into_iter().find_map(|waits| {
            let times = self.earliest(waits)?;
            let mut order: Vec<usize> = (0..times.len()).collect();
            order.sort_by_key(|&i| times[i]);
            if order.is_sorted() {
                return None;
            }
            let setting = Setting { requests: self.requests.clone(), ..self.frame.setting.clone() };
            let moves = order.into_iter().map(|i| (Some(times[i]), self.moves[i].1.clone()));
            self.take(setting, moves, steps)
        })
    }

    fn trace(&self, reduced: bool) -> String {
        let mut setting = Setting { requests: self.requests.clone(), ..self.frame.setting.clone() };
        if reduced {
            for (seat, requests) in setting.requests.iter_mut().enumerate() {
                let made = |(_, m): &&Timed<P>| asked(&m.choice) == Some(seat);
                requests.truncate(self.moves.iter().filter(made).count());
            }
        }
        let timed = self.moves.first().is_some_and(|(at, _)| at.is_some());
        let clock = |early| timed.then(|| Clock::of(&setting, early));
        let early = self.write(&setting, clock(true));
        early.or_else(|| self.write(&setting, clock(false))).expect("what was taken once is possible again")
    }
}

/// The seat that is asked for something.
fn asked<M, T>(choice: &Choice<M, T>) -> Option<usize> {
    match choice {
        Choice::Request { seat } => Some(seat.index()),
        _ => None,
    }
}

impl<P: Process, M: Monitor<P::Request, P::Indication>> Run<P, M> {
    /// What these moves come to, if it is the same.
    fn take(
        &self,
        setting: Setting<P>,
        moves: impl Iterator<Item = Timed<P>>,
        steps: &mut u64,
    ) -> Option<Box<dyn Taken>> {
        // a handler that panics in an attempt is another failure
        let taking = || self.frame.take(&setting, moves, &self.broken, steps);
        let found = catch_unwind(AssertUnwindSafe(taking)).ok()??;
        Some(Box::new(found.into_run(Arc::clone(&self.frame), setting.requests)))
    }

    /// How early each step can be after what it follows from, and after what comes before at its process.
    fn earliest(&self, waits: bool) -> Option<Vec<u64>> {
        let setting = Setting { requests: self.requests.clone(), ..self.frame.setting.clone() };
        let mut clock = Clock::of(&setting, true);
        let mut recorder = Recorder::new(&setting);
        let mut last_at = vec![0; setting.seating.len()];
        let (mut last, mut cut) = (0, 0);
        for (at, chosen) in &self.moves {
            let reason = recorder.reason(&chosen.choice);
            let seat = chosen.choice.cut_seat().or_else(|| seat_of(&chosen.choice));
            let is_cut = matches!(chosen.choice, Choice::Sever { .. } | Choice::Heal);
            let mut time = clock.bounds(reason).0.max(cut);
            if let Some(seat) = seat {
                time = time.max(last_at[seat.index()]);
                last_at[seat.index()] = time;
            }
            if is_cut || (waits && reason.is_none()) {
                time = time.max(last);
            }
            // all messages are on one side of a cut
            cut = if is_cut { time } else { cut };
            last = last.max(time);
            clock.times.push(time);
            recorder.step(*at, chosen.clone())?;
        }
        Some(clock.times)
    }

    /// What is still asked where these units are kept: what is not asked in its turn is not asked later.
    fn requests_left(&self, kept: &[bool]) -> Vec<Vec<P::Request>> {
        let mut left: Vec<_> = self.requests.iter().map(|requests| requests.iter()).collect();
        let mut all: Vec<Vec<P::Request>> = vec![Vec::new(); left.len()];
        for ((i, is_cut), is_kept) in self.places.iter().zip(kept) {
            let Some(seat) = asked(&self.moves[*i].1.choice).filter(|_| !is_cut) else { continue };
            all[seat].extend(left[seat].next().filter(|_| *is_kept).cloned());
        }
        for (all, left) in all.iter_mut().zip(left) {
            all.extend(left.cloned());
        }
        all
    }

    /// Its trace, unless its times are not possible.
    fn write(&self, setting: &Setting<P>, mut clock: Option<Clock>) -> Option<String> {
        let header = Header::new(&self.frame.algorithm, self.frame.ground, None, setting);
        let mut writer = Writer::new(&header);
        let mut recorder = Recorder::new(setting);
        for (at, chosen) in &self.moves {
            let at = match &mut clock {
                Some(clock) => Some(clock.next(*at, recorder.reason(&chosen.choice))?),
                None => None,
            };
            writer.step(&recorder.step(at, chosen.clone())?);
        }
        Some(writer.finish(Some(self.broken.clone())))
    }
}

/// When steps happen: as early as can be, with the shortest delays that there are.
struct Clock {
    /// Whether the steps' own instants are not heeded.
    early: bool,
    /// By step.
    times: Vec<u64>,
    delay: u64,
    delay_max: u64,
    gst: u64,
    before_gst: u64,
}

impl Clock {
    fn of<P: Process>(setting: &Setting<P>, early: bool) -> Self {
        let (links, timing) = (&setting.environment.links, &setting.environment.timing);
        let delay_max = nanos(links.delay_max).max(nanos(links.delay_min));
        Self {
            early,
            times: Vec::new(),
            delay: nanos(links.delay_min).max(delay_max / 10),
            delay_max,
            gst: gst(timing),
            before_gst: nanos(timing.delay_before_gst).max(delay_max),
        }
    }

    /// When a step can be at the earliest and at the latest, by what made it possible.
    fn bounds(&self, reason: Option<(trace::Cause, Option<When>)>) -> (u64, u64) {
        let Some((cause, when)) = reason else { return (0, u64::MAX) };
        let since = self.times[cause.step as usize];
        match when {
            Some(When::After(after)) => {
                let due = since.saturating_add(nanos(after));
                (due, due)
            }
            _ if cause.send.is_some() => {
                let longest = if since < self.gst { self.before_gst } else { self.delay_max };
                (since.saturating_add(self.delay), since.saturating_add(longest))
            }
            _ => (since.saturating_add(self.delay), u64::MAX),
        }
    }

    /// The instant of the next step; none, if it would be too late for that.
    fn next(&mut self, own: Option<u64>, reason: Option<(trace::Cause, Option<When>)>) -> Option<u64> {
        let last = self.times.last().copied().unwrap_or(0);
        let (earliest, latest) = self.bounds(reason);
        let at = if self.early { earliest.max(last) } else { own.unwrap_or(earliest).max(last) };
        if self.early && at > latest {
            return None;
        }
        self.times.push(at);
        Some(at)
    }
}
