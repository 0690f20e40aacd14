//! States modulo a renumbering that the algorithm declares ([`Renumbering`]): ballots, rounds and epochs may grow for
//! ever, and what is explored is finite all the same, where no more than a bounded number of them matters at a time.
//!
//! # The quotient
//! The numbers of a state, and 0, stand in a row; how far neighbours are apart is kept up to a distance D, beyond
//! which it is kept that they are. So a state of the quotient stands for all states with the same row, but for
//! distances of D and more; it is represented by the one in which these are D (*canonical*). Its steps are those of
//! two more kinds of states that it stands for: for each distance that is not kept, where it is D, and where it is one
//! more. A handler that compares numbers and goes one beyond one of them does not tell one more than D from yet more:
//! in each state that is explored this is held against distances that are greater, by a little and by much, and where
//! what comes of it is not the same, the renumbering is refused ([`RENUMBERING`]). The state of a process that has
//! stopped for ever is nobody's any more: its numbers are dropped.
//!
//! # Why this is sound
//! Every step of a state is, renumbered, a step of the state of the quotient that stands for it. So what no run of the
//! quotient breaks, no run breaks. The quotient may have runs that are none: distances that are not kept shrink and
//! stay what they were as is convenient. Therefore a run that breaks something is told only when it was gone along
//! step by step, with numbers as they are ([`Reference::confirm`]); where it cannot be, the same is tried with D
//! greater, and in the end left open.
//!
//! What happens for ever: a run of the quotient need not say which message is which, since the numbers in a message
//! that waits may change with every step. So a class of fairness is that of all messages from one process to another
//! that differ in numbers alone: if such are in flight again and again, one is delivered again and again. Every fair
//! run keeps to this: from the last delivery of the class on, one of the class that is in flight stays there, enabled
//! as often as any other of its link, and is owed its delivery. (Where losses have no bound each of them might be
//! lost; such worlds are refused. Timers have no numbers that are renumbered: with one in it, what comes of other
//! numbers differs.) So a fair run that breaks a promise is one of the quotient. The reverse is not true: a message
//! may wait for ever, others of its class being delivered; so a lasso is gone round until every message that was in
//! flight at its beginning is delivered, and the numbers grow by as much each time.

use crate::erased;
use crate::fingerprint::print_of;
use crate::liveness::Owed;
use crate::reference::{Concrete, Reference};
use crate::report::{Control, Counterexample, Options, Progress, RENUMBERING, Report};
use crate::space::{Edge, Space};
use crate::worlds::{self, Reader};
use std::collections::BTreeSet;
use synod_kernel::network::Envelope;
use synod_kernel::{Budget, Choice, Durability, Fairness, Move, Seat, SeatId, Setting, Status};
use synod_model::{Process, Renumber, Renumbering};
use synod_properties::{Kind, Monitor, Property, Verdict, Violation};

/// How states are renumbered.
pub(crate) struct Renumbered<P: Process> {
    declared: Renumbering<P>,
    /// Up to which distance it is kept how far apart two neighbours are.
    apart: u64,
}

type MoveOf<P> = Move<<P as Process>::Message, <P as Process>::Timer>;

/// How much more than one beyond the distance kept neighbours are apart, to hold handlers against: by a little, and by
/// much.
const FURTHER: [[u64; 3]; 2] = [[1, 2, 5], [1_000_003, 1, 9_973]];

/// How many distances that are not kept a state may have: its steps are tried with each of them as it is and one more.
const LOOSE_MAX: usize = 12;

/// A row of numbers, ascending from 0.
type Levels = Vec<u64>;

/// A row, and the one whose numbers are put in place of its own.
pub(crate) type Rows<'r> = (&'r Levels, &'r Levels);

impl<P: Process> Renumbered<P> {
    /// The renumbering that an algorithm declares, where it can be used in this world; with this much added to the
    /// distance that it says matters.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn of(setting: &Setting<P>, more: u64) -> Result<Self, String> {
        let environment = &setting.environment;
        let Some(declared) = P::RENUMBERING else {
            return Err("the algorithm declares no numbers that count relative to each other".to_owned());
        };
        let unfit = if environment.storage.durability != Durability::Immediate {
            Some("what waits for a write is not renumbered: stores must be durable at once")
        } else if environment.failures.lies.any()
            || environment.links.inject()
            || environment.storage.bit_rot.any()
            || setting.seating.twinned().next().is_some()
        {
            Some("who lies may name any number, and so may what is injected or rotten")
        } else if environment.links.losses == Budget::Unlimited {
            Some("links may lose every message of a kind, each with another number")
        } else {
            None
        };
        if let Some(why) = unfit {
            return Err(why.to_owned());
        }
        let apart = declared.apart.max(1) + more;
        Ok(Self { declared, apart })
    }

    fn levels<T: Numbered<P>>(&self, state: &T) -> Levels {
        let mut levels = BTreeSet::from([0]);
        state.clone().each_number(&self.declared, &mut |number| _ = levels.insert(*number));
        levels.into_iter().collect()
    }

    /// The row in which no distance is more than is kept.
    fn pressed(&self, levels: &Levels) -> Levels {
        stretched(levels, self.apart, |_| self.apart)
    }

    /// A state with the numbers of another row.
    fn rewritten<T: Numbered<P>>(&self, mut state: T, rows: Rows<'_>) -> T {
        state.each_number(&self.declared, &mut |number| *number = translate(*number, rows));
        state
    }

    /// The state that represents this one; with the row that it had and the one that it has now.
    pub(crate) fn canonical<T: Numbered<P>>(&self, state: T) -> (T, Levels, Levels) {
        let levels = self.levels(&state);
        let pressed = self.pressed(&levels);
        (self.rewritten(state, (&levels, &pressed)), levels, pressed)
    }

    /// All that comes of a state of the quotient, where `run` says what comes of a state, in the numbers of the row
    /// that is given beside its own; and `differ` what tells it from what comes of one whose numbers are further
    /// apart.
    ///
    /// # Errors
    /// What does.
    pub(crate) fn outcomes<T: Numbered<P>, O: PartialEq>(
        &self,
        from: &T,
        run: impl Fn(T, Rows<'_>) -> Vec<O>,
        differ: impl Fn(&O, &O) -> String,
    ) -> Result<Vec<O>, String> {
        let pressed = self.levels(from);
        let loose = pressed.windows(2).filter(|pair| pair[1] - pair[0] >= self.apart).count();
        if loose > LOOSE_MAX {
            return Err(format!("more than {LOOSE_MAX} distances between numbers matter at a time"));
        }
        let come = |row: &Levels| run(self.rewritten(from.clone(), (&pressed, row)), (row, &pressed));
        let mut all = Vec::new();
        for mask in 0..1_u32 << loose {
            // in the first all of them are one more than is kept
            let is_wide = |at: usize| mask >> at & 1 == 0;
            let row = |further: [u64; 3]| {
                let wide = |at: usize| self.apart + 1 + further[at % further.len()];
                stretched(&pressed, self.apart, |at| if is_wide(at) { wide(at) } else { self.apart })
            };
            let outcomes = come(&row([0; 3]));
            let any_wide = mask + 1 < 1 << loose;
            for further in FURTHER.into_iter().filter(|_| any_wide) {
                let other = come(&row(further));
                if let Some((one, two)) = outcomes.iter().zip(&other).find(|(one, two)| one != two) {
                    return Err(differ(one, two));
                }
                if outcomes.len() != other.len() {
                    return Err("where numbers are further apart there are other steps".to_owned());
                }
            }
            all.extend(outcomes);
        }
        Ok(all)
    }

    /// A move, its numbers those of another row.
    pub(crate) fn translated(&self, mut chosen: MoveOf<P>, rows: Rows<'_>) -> MoveOf<P> {
        self.each_of_choice(&mut chosen.choice, &mut |number| *number = translate(*number, rows));
        chosen
    }

    /// A choice, its numbers all the same.
    pub(crate) fn erased(&self, mut choice: Choice<P::Message, P::Timer>) -> Choice<P::Message, P::Timer> {
        self.each_of_choice(&mut choice, &mut |number| *number = 0);
        choice
    }

    fn each_of_choice(&self, choice: &mut Choice<P::Message, P::Timer>, each: &mut Renumber<'_>) {
        if let Choice::Deliver { message, .. }
        | Choice::Duplicate { message, .. }
        | Choice::Lose { message, .. }
        | Choice::Lie { message, .. }
        | Choice::Inject { message, .. } = choice
        {
            (self.declared.message)(message, each);
        }
    }

    /// By how much the greatest number grows from one row to the next: each distance by as much each time, and none
    /// that is kept.
    pub(crate) fn grown(&self, rows: &[Levels]) -> Result<u64, String> {
        let distances = |row: &Levels| row.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<u64>>();
        let all: Vec<Vec<u64>> = rows.iter().map(distances).collect();
        for place in 0..all[0].len() {
            let mut each = all.windows(2).map(|pair| pair[1][place].checked_sub(pair[0][place]));
            let first = each.next().flatten();
            if first.is_none() || each.any(|growth| growth != first) {
                return Err("its numbers do not grow by as much each time round".to_owned());
            }
            if first != Some(0) && all[0][place] <= self.apart {
                return Err("its numbers come to be further apart than is kept".to_owned());
            }
        }
        let last = |row: &Levels| row.last().copied().unwrap_or_default();
        Ok(last(&rows[1]) - last(&rows[0]))
    }

    /// The class of fairness of a move: that of all that differ from it in numbers alone.
    fn class(&self, chosen: &MoveOf<P>, fairness: Fairness) -> u64 {
        let number = print_of(&self.erased(chosen.choice.clone())) as u64;
        Owed::of(chosen, fairness).class(number)
    }
}

/// What has numbers that are declared.
pub(crate) trait Numbered<P: Process>: Clone {
    /// Calls `each` with every one that counts.
    fn each_number(&mut self, declared: &Renumbering<P>, each: &mut Renumber<'_>);
}

/// Calls `each` with every number of a process that has not stopped for ever: those of one that has are dropped.
pub(crate) fn each_of_seats<P: Process>(
    seats: &mut [Seat<P>],
    declared: &Renumbering<P>,
    each: &mut Renumber<'_>,
) {
    for seat in seats {
        match seat.status() {
            Status::Stopped => seat.renumber(declared, &mut |number| *number = 0),
            _ => seat.renumber(declared, each),
        }
    }
}

impl<P: Process, M: Clone> Numbered<P> for Concrete<P, M> {
    fn each_number(&mut self, declared: &Renumbering<P>, each: &mut Renumber<'_>) {
        each_of_seats(&mut self.world.seats, declared, each);
        self.network.rewrite(|message| (declared.message)(message, each));
    }
}

/// What becomes of a number of the one row in the other.
fn translate(number: u64, (from, to): Rows<'_>) -> u64 {
    let place = from.binary_search(&number).expect("a number of the row");
    to[place]
}

/// A row with other distances in place of those that are not kept.
fn stretched(levels: &Levels, apart: u64, mut distance: impl FnMut(usize) -> u64) -> Levels {
    let (mut last, mut loose) = (0, 0);
    let mut row = vec![0];
    for pair in levels.windows(2) {
        let mut d = pair[1] - pair[0];
        if d >= apart {
            d = distance(loose);
            loose += 1;
        }
        last += d;
        row.push(last);
    }
    row
}

/// What comes of a move out of a state of the quotient.
pub(crate) struct Came<P: Process, M> {
    /// With the numbers of the state's representative.
    pub(crate) chosen: MoveOf<P>,
    pub(crate) result: Result<Concrete<P, M>, Violation>,
    class: u64,
    calls: u64,
}

impl<P: Process, M: PartialEq> PartialEq for Came<P, M> {
    fn eq(&self, other: &Self) -> bool {
        (&self.chosen, &self.result) == (&other.chosen, &other.result)
    }
}

impl<P: Process, M: Monitor<P::Request, P::Indication>> Reference<'_, P, M> {
    /// Calls `visit` with every move out of a state of the quotient, until it says so; how many handlers ran.
    ///
    /// # Errors
    /// What tells its numbers from others.
    pub(crate) fn quotient_moves(
        &self,
        by: &Renumbered<P>,
        from: &Concrete<P, M>,
        visit: &mut dyn FnMut(Came<P, M>) -> bool,
    ) -> Result<u64, Violation> {
        let run = |state: Concrete<P, M>, rows: Rows<'_>| {
            let mut all = Vec::new();
            self.all_moves(&state, &mut |chosen, result, fairness, calls| {
                let class = by.class(&chosen, fairness);
                let result = result.map(|state| by.canonical(state).0);
                all.push(Came { chosen: by.translated(chosen, rows), result, class, calls });
                true
            });
            all
        };
        let said = |came: &Came<P, M>| match &came.result {
            Ok(state) => format!("{:?}, in flight {:?}", state.world.seats, state.network),
            Err(violation) => violation.what.clone(),
        };
        let differ = |one: &Came<P, M>, two: &Came<P, M>| {
            let (step, one, two) = (&one.chosen.choice, said(one), said(two));
            format!("of `{step}` comes {one}; where numbers are further apart, {two}")
        };
        let all = by.outcomes(from, run, differ).map_err(|what| Violation::new(&RENUMBERING, what))?;
        let (mut calls, mut told) = (0, BTreeSet::new());
        let agreed = self.agrees(from);
        for came in all {
            calls += came.calls;
            if agreed && came.result.as_ref().is_ok_and(|state| self.is_outside(state)) {
                // an oracle has another mind, or somebody crashes, so late: it is owed to no run, and a run that owes
                // for ever does not take it
                continue;
            }
            let outcome = came.result.as_ref().map(print_of).map_err(print_of);
            if told.insert((print_of(&came.chosen), outcome)) && !visit(came) {
                break;
            }
        }
        Ok(calls)
    }

    /// The move of this place out of a state of the quotient; of a place where the renumbering is refused it does not
    /// matter which.
    pub(crate) fn quotient_move(&self, by: &Renumbered<P>, from: &Concrete<P, M>, place: u32) -> MoveOf<P> {
        let (mut at, mut found) = (0, None);
        let _ = self.quotient_moves(by, from, &mut |came| {
            if at == place {
                found = Some(came.chosen);
            }
            at += 1;
            found.is_none()
        });
        found.unwrap_or_else(|| Move::plain(Choice::Heal))
    }

    /// Whether oracles are consulted and keep their axioms, were it to stay so. Where processes may restart without
    /// end it is not said: which of them are correct is then a matter of the question.
    fn agrees(&self, state: &Concrete<P, M>) -> bool {
        let setting = self.setting();
        setting.environment.failures.restarts != Budget::Unlimited
            && worlds::oracles_agree(setting, &state.world)
    }

    /// Whether a state is beyond the bound on the measure: one on what oracles do until they keep their axioms, where
    /// there are any. Until then nothing is owed.
    fn is_outside(&self, state: &Concrete<P, M>) -> bool {
        self.is_beyond(state) && !self.agrees(state)
    }

    /// Tells every step out of a state of the quotient.
    pub(crate) fn expand_quotient(
        &self,
        by: &Renumbered<P>,
        from: &Concrete<P, M>,
        each: &mut impl FnMut(Edge<(Concrete<P, M>, u64)>),
    ) -> u64 {
        let done = self.quotient_moves(by, from, &mut |Came { result, class, .. }| {
            each(match result {
                Err(violation) => Edge::Broken(violation),
                Ok(state) if self.is_outside(&state) => Edge::Outside(class),
                Ok(state) => Edge::To { print: print_of(&state), step: (state, class) },
            });
            true
        });
        done.unwrap_or_else(|violation| {
            each(Edge::Broken(violation));
            0
        })
    }

    /// The same run with numbers as they are: the run of the algorithm that breaks what one of the quotient breaks.
    ///
    /// # Errors
    /// Why there is none, as far as was found.
    pub(crate) fn confirm(
        &self,
        by: &Renumbered<P>,
        run: &Counterexample<P>,
    ) -> Result<Counterexample<P>, String> {
        let mut walk = Walk { reference: self, by, here: self.blank(), moves: Vec::new() };
        let stem = run.cycle_from.unwrap_or(run.moves.len());
        for (at, chosen) in run.moves[..stem].iter().enumerate() {
            match walk.step(chosen)? {
                None => {}
                // what is broken is broken by the last step
                Some(violation) if at + 1 == stem && violation.property == run.property => {
                    return Ok(walk.told(run, None));
                }
                Some(violation) => return Err(format!("{} is broken in its place", violation.property)),
            }
        }
        let Some(cycle_from) = run.cycle_from else {
            return Err("what it is to break is not broken".to_owned());
        };
        let mut owed = false;
        walk.here.monitor.owed(&mut |debt| owed |= debt.property == run.property);
        if !owed {
            return Err("what it is to owe is not owed".to_owned());
        }
        if cycle_from == run.moves.len() {
            return Ok(walk.told(run, Some(cycle_from)));
        }
        let grown = walk.go_round(&run.moves[cycle_from..])?;
        walk.moves.truncate(run.moves.len());
        let mut told = walk.told(run, Some(cycle_from));
        if grown > 0 {
            told.what = format!("{}, while its numbers grow by {grown} each time round", told.what);
        }
        Ok(told)
    }
}

/// A run that goes along one of the quotient.
struct Walk<'r, 'a, P: Process, M> {
    reference: &'r Reference<'a, P, M>,
    by: &'r Renumbered<P>,
    here: Concrete<P, M>,
    moves: Vec<MoveOf<P>>,
}

impl<P: Process, M: Monitor<P::Request, P::Indication>> Walk<'_, '_, P, M> {
    /// Takes the step that is this one in the numbers of the representative; what it breaks.
    fn step(&mut self, wanted: &MoveOf<P>) -> Result<Option<Violation>, String> {
        let (_, levels, pressed) = self.by.canonical(self.here.clone());
        let mut found = None;
        self.reference.all_moves(&self.here, &mut |chosen, result, _, _| {
            if self.by.translated(chosen.clone(), (&levels, &pressed)) == *wanted {
                found = Some((chosen, result));
            }
            found.is_none()
        });
        let Some((chosen, result)) = found else {
            return Err(format!("step {} is not possible there: {}", self.moves.len(), wanted.choice));
        };
        self.moves.push(chosen);
        match result {
            Ok(state) => self.here = state,
            Err(violation) => return Ok(Some(violation)),
        }
        Ok(None)
    }

    fn told(&self, run: &Counterexample<P>, cycle_from: Option<usize>) -> Counterexample<P> {
        let (property, what) = (run.property.clone(), run.what.clone());
        Counterexample { property, what, moves: self.moves.clone(), cycle_from }
    }

    /// Goes round a loop until every message that was in flight is delivered; by how much the greatest number grows
    /// each time.
    fn go_round(&mut self, cycle: &[MoveOf<P>]) -> Result<u64, String> {
        let (first, _, _) = self.by.canonical(self.here.clone());
        let faulty: BTreeSet<SeatId> = cycle.iter().filter_map(Move::crashed).collect();
        let is_owed = |e: &Envelope<P::Message>| !faulty.contains(&e.from) && !faulty.contains(&e.to);
        let mut rows = vec![self.by.levels(&self.here)];
        let mut waiting: BTreeSet<Envelope<P::Message>> = BTreeSet::new();
        /// Rounds before it is looked at what waits, so that what once was out of the ordinary is over.
        const SETTLED: usize = 2;
        let most = SETTLED + 2 + self.here.network.len();
        for round in 0..most {
            if round == SETTLED {
                waiting = self.here.network.copies().filter(|e| is_owed(e)).cloned().collect();
            }
            for wanted in cycle {
                if let Some(violation) = self.step(wanted)? {
                    return Err(format!("{} is broken in its place", violation.property));
                }
                if let Some(MoveOf::<P> { choice: Choice::Deliver { from, to, message }, .. }) =
                    self.moves.last()
                {
                    waiting.remove(&Envelope { to: *to, from: *from, message: message.clone() });
                }
            }
            if self.by.canonical(self.here.clone()).0 != first {
                return Err("it does not come back to where it began".to_owned());
            }
            rows.push(self.by.levels(&self.here));
        }
        if let Some(Envelope { to, from, message }) = waiting.first() {
            return Err(format!("p{} -> p{}  {message:?} would wait for ever", from.0, to.0));
        }
        self.by.grown(&rows[1..])
    }
}

/// How often it is tried again, where a run of the quotient is none, with one distance more kept each time.
const TRIES: u64 = 4;

/// Explores the states of a setting modulo the renumbering that its algorithm declares.
pub(crate) fn check<P, M>(
    setting: &Setting<P>,
    monitor: &M,
    measure: fn(&P) -> u64,
    options: &Options,
    progress: &mut dyn FnMut(&Progress) -> Control,
) -> Report<P>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    if options.reduces() || options.forget {
        return refused(monitor, "not together with a reduction");
    }
    let plain = Reference::new(setting, monitor, measure);
    let mut more = 0;
    loop {
        let by = match Renumbered::of(setting, more) {
            Ok(by) => by,
            Err(why) => return refused(monitor, &why),
        };
        let space = Reference::new(setting, monitor, measure).modulo(&by);
        let (start, reader) = space.start();
        let mut found = erased::explore(&space, start, options, progress);
        let for_ever = worlds::judge_for_ever(&mut found, &reader, setting, options);
        let mut report = worlds::report(found, &reader, for_ever, options);
        let Some(run) = report.counterexample.take() else {
            return with_witnesses(report, &plain, options, progress);
        };
        if run.property == RENUMBERING.id {
            return refused(monitor, &run.what);
        }
        match plain.confirm(&by, &run) {
            Ok(run) => {
                let id = run.property.clone();
                report.counterexample = Some(run);
                let report =
                    open(report, |property| property.kind == Kind::Liveness && property.id != id, None);
                return with_witnesses(report, &plain, options, progress);
            }
            Err(_) if more < TRIES => more += 1,
            Err(why) => {
                let report = open(report, |property| property.kind != Kind::Reachable, Some(&why));
                return with_witnesses(report, &plain, options, progress);
            }
        }
    }
}

/// A goal that the quotient reaches, or a property that it puts to the test, might be so by runs that are none: what holds
/// is left open where no run with numbers as they are does it too, among as many states.
fn with_witnesses<P, M>(
    mut report: Report<P>,
    plain: &Reference<'_, P, M>,
    options: &Options,
    progress: &mut dyn FnMut(&Progress) -> Control,
) -> Report<P>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    /// How many states are few, however many the quotient has.
    const FEW: u64 = 10_000;
    let properties = plain.properties();
    if report.verdicts.iter().all(|(_, verdict)| *verdict != Verdict::Holds) {
        return report;
    }
    let states_max = report.states.max(FEW).min(options.states_max);
    let options = Options { safety: true, depth_max: None, states_max, ..options.clone() };
    let (start, reader) = plain.start();
    let found = erased::explore(plain, start, &options, progress);
    let tested = reader.tested();
    for (property, verdict) in &mut report.verdicts {
        let Some(at) = properties.iter().position(|p| p.id == property.id) else { continue };
        let witnessed =
            if property.kind == Kind::Reachable { found.reached >> at & 1 == 1 } else { tested.has(at) };
        if *verdict == Verdict::Holds && !witnessed {
            let states = found.states;
            let why = format!(
                "exercised by runs of the quotient, and by none of the algorithm among {states} states"
            );
            *verdict = Verdict::Unknown { why };
        }
    }
    report
}

/// What some run of the quotient breaks is not broken for sure: only that it was not gone along is known.
fn open<P: Process>(
    mut report: Report<P>,
    is_open: impl Fn(&Property) -> bool,
    why: Option<&str>,
) -> Report<P> {
    let why = why.map_or_else(String::new, |why| format!(": {why}"));
    let why = format!("a run of the quotient breaks it, and no run of the algorithm was found along it{why}");
    for (property, verdict) in &mut report.verdicts {
        if let Verdict::Violated { what } = verdict {
            if is_open(property) {
                *verdict = Verdict::Unknown { why: why.clone() };
            } else if let Some(run) = report.counterexample.as_ref().filter(|run| run.property == property.id)
            {
                what.clone_from(&run.what);
            }
        }
    }
    report
}

/// What comes of a check modulo a renumbering that is not made.
fn refused<P, M>(monitor: &M, why: &str) -> Report<P>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let mut report: Report<P> = worlds::refused(&monitor.properties(), why);
    if let Some((property, _)) = report.verdicts.last_mut() {
        *property = RENUMBERING;
    }
    if let Some(run) = &mut report.counterexample {
        RENUMBERING.id.clone_into(&mut run.property);
    }
    report
}

#[cfg(test)]
mod tests;
