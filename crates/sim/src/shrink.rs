//! A failing run made small: as few faults, requests and steps as break the same property.
//!
//! Two ways. Where time decides nothing of what may happen, [`minimise`] leaves out steps of the run itself: chunks of
//! them, then single ones (delta debugging, Zeller and Hildebrandt 2002), each attempt a run on the kernel in which
//! whatever is not possible any more does not happen either. Elsewhere [`spare`] leaves out faults and requests of what
//! the seed draws, and simulates again.

mod spare;
mod taken;

pub use spare::{Spare, spare};
pub use taken::{taken, taken_in};

use synod_kernel::trace::{Broken, Tried};

/// What of a run can be left out by itself: a step, or the crash in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// Where it happens.
    pub seat: Option<u32>,
    /// The unit that made it possible.
    pub cause: Option<u32>,
    /// Whether it is a fault.
    pub fault: bool,
    /// Whether someone chose it: a fault, a request, an output of an oracle.
    pub chosen: bool,
    /// Whether a process starts in it.
    pub starts: bool,
    /// Whether something is indicated in it.
    pub tells: bool,
    /// Whether it is a step, and not the crash in one.
    pub step: bool,
}

/// A run that breaks a property, whose steps can be taken again in part. What is generic over the process stands behind it.
pub trait Taken: Send + Sync {
    /// What it consists of, in order.
    fn units(&self) -> &[Unit];
    /// What it breaks.
    fn broken(&self) -> &Broken;
    /// Whether that is a debt at the end of a run in which nothing more is due: each attempt is completed to such a run.
    fn is_debt(&self) -> bool;
    /// The run of the units that are kept, as far as they are possible, if it breaks the same property. `steps` counts
    /// what is tried.
    fn attempt(&self, kept: &[bool], steps: &mut u64) -> Option<Box<dyn Taken>>;
    /// The same steps, each as early as what it follows from and what comes before at its process allow with the shortest
    /// delays, and in that order; if that breaks the same property, and is another order.
    fn settled(&self, steps: &mut u64) -> Option<Box<dyn Taken>>;
    /// Its trace; with `reduced`, without the requests that are never made.
    fn trace(&self, reduced: bool) -> String;
}

/// How large a run is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Its steps.
    pub events: u64,
    /// The faults among them.
    pub faults: u64,
}

impl Size {
    /// That of a run.
    pub fn of(run: &dyn Taken) -> Self {
        let units = run.units();
        let count = |wanted: fn(&Unit) -> bool| units.iter().filter(|unit| wanted(unit)).count() as u64;
        Self { events: count(|unit| unit.step), faults: count(|unit| unit.fault) }
    }
}

/// How much may be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many attempts.
    pub attempts: u64,
    /// How many steps, in all of them together.
    pub steps: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { attempts: 20_000, steps: 3_000_000 }
    }
}

/// What came of it.
pub struct Shrunk {
    /// The small run.
    pub run: Box<dyn Taken>,
    /// How many attempts were made.
    pub attempts: u64,
    /// How many steps were tried in them.
    pub steps: u64,
    /// Whether removing any one event makes it pass (of a debt: any one fault or request): each was tried.
    pub minimal: bool,
    /// Which units were left out alone from the small run, and what came of it.
    pub tried: Tried,
}

/// What came of leaving out a unit alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Untried,
    Necessary,
    Dispensable,
}

/// Makes a run small. What comes out depends on the limits and on nothing else, unless `stop` says to stop.
pub fn minimise(run: Box<dyn Taken>, limits: &Limits, stop: &dyn Fn() -> bool) -> Shrunk {
    let marks = vec![Mark::Untried; run.units().len()];
    let mut search = Search { run, marks, limits, stop, attempts: 0, steps: 0 };
    search.causes();
    search.processes();
    let mut minimal = search.halve(|unit| unit.chosen);
    if !search.run.is_debt() {
        minimal = search.halve(|unit| !unit.starts);
        if minimal && search.settle() {
            // in another order other steps may do without each other
            minimal = search.until_none_can_go(|unit| !unit.starts, 1);
        }
    }
    search.mark_the_rest();
    let is_debt = search.run.is_debt();
    let claimed = |unit: &Unit| if is_debt { unit.chosen } else { !unit.starts };
    let marked = search.run.units().iter().zip(&search.marks);
    minimal &= marked.filter(|(unit, _)| claimed(unit)).all(|(_, mark)| *mark == Mark::Necessary);
    let tried = tried(search.run.units(), &search.marks);
    let Search { run, attempts, steps, .. } = search;
    Shrunk { run, attempts, steps, minimal, tried }
}

/// The marks by steps: a step that starts a process is never left out.
fn tried(units: &[Unit], marks: &[Mark]) -> Tried {
    let mut tried = Tried::default();
    let mut next = 0;
    for (unit, mark) in units.iter().zip(marks) {
        next += u64::from(unit.step);
        let step = next - 1;
        match (mark, unit.step) {
            (Mark::Necessary, true) => tried.necessary.push(step),
            (Mark::Necessary, false) => tried.crashes.push(step),
            (Mark::Dispensable, true) => tried.dispensable.push(step),
            (Mark::Dispensable, false) | (Mark::Untried, _) => {}
        }
    }
    tried
}

struct Search<'a> {
    run: Box<dyn Taken>,
    /// By unit of the run.
    marks: Vec<Mark>,
    limits: &'a Limits,
    stop: &'a dyn Fn() -> bool,
    attempts: u64,
    steps: u64,
}

impl Search<'_> {
    fn is_over(&self) -> bool {
        self.attempts >= self.limits.attempts || self.steps >= self.limits.steps || (self.stop)()
    }

    /// Tries what is kept; takes it if it is smaller.
    fn attempt(&mut self, kept: &[bool]) -> bool {
        self.attempts += 1;
        let smaller = self.run.attempt(kept, &mut self.steps);
        let mark = if smaller.is_some() { Mark::Dispensable } else { Mark::Necessary };
        let mut left_out = kept.iter().enumerate().filter(|(_, is_kept)| !**is_kept);
        if let (Some((alone, _)), None) = (left_out.next(), left_out.next()) {
            self.marks[alone] = mark;
        }
        let weighed = weight(self.run.as_ref());
        let Some(smaller) = smaller.filter(|run| weight(run.as_ref()) < weighed) else { return false };
        self.take(smaller);
        true
    }

    /// Goes on with another run, of which nothing was tried yet.
    fn take(&mut self, run: Box<dyn Taken>) {
        self.marks = vec![Mark::Untried; run.units().len()];
        self.run = run;
    }

    /// Each step as early as can be: whether that is another order.
    fn settle(&mut self) -> bool {
        if self.is_over() {
            return false;
        }
        self.attempts += 1;
        let Some(settled) = self.run.settled(&mut self.steps) else { return false };
        self.take(settled);
        true
    }

    /// Leaves out, alone, each unit that was not left out so yet: to tell whether it is necessary, no more.
    fn mark_the_rest(&mut self) {
        for place in 0..self.marks.len() {
            if self.marks[place] != Mark::Untried || self.run.units()[place].starts {
                continue;
            }
            if self.is_over() {
                return;
            }
            let mut kept = vec![true; self.marks.len()];
            kept[place] = false;
            self.attempts += 1;
            let breaks = self.run.attempt(&kept, &mut self.steps).is_some();
            self.marks[place] = if breaks { Mark::Dispensable } else { Mark::Necessary };
        }
    }

    /// What led to the last step alone; or to the last that each process told.
    fn causes(&mut self) {
        if self.run.is_debt() {
            return;
        }
        let units = self.run.units();
        let last = units.len().saturating_sub(1);
        let told = |seat| units.iter().rposition(|unit| unit.tells && unit.seat == Some(seat));
        let seats = units.iter().filter_map(|unit| unit.seat).max().map_or(0, |seat| seat + 1);
        let all_told: Vec<_> = (0..seats).filter_map(told).chain([last]).collect();
        let candidates = [past(units, &[last]), past(units, &all_told)];
        for kept in candidates {
            if !self.is_over() && self.attempt(&kept) {
                return;
            }
        }
    }

    /// One process after the other keeps silent.
    fn processes(&mut self) {
        let seats = self.run.units().iter().filter_map(|unit| unit.seat).max().map_or(0, |seat| seat + 1);
        for seat in (0..seats).rev() {
            if self.is_over() {
                return;
            }
            let kept: Vec<_> =
                self.run.units().iter().map(|unit| unit.starts || unit.seat != Some(seat)).collect();
            self.attempt(&kept);
        }
    }

    /// Leaves out halves of what is wanted, then quarters, and so on to single units, the last ones first, until none of them
    /// can be left out: whether it came to that.
    fn halve(&mut self, wanted: fn(&Unit) -> bool) -> bool {
        let size = self.run.units().iter().filter(|unit| wanted(unit)).count().div_ceil(2).max(1);
        self.until_none_can_go(wanted, size)
    }

    /// The same from chunks of this size on.
    fn until_none_can_go(&mut self, wanted: fn(&Unit) -> bool, mut size: usize) -> bool {
        let places = |run: &dyn Taken| -> Vec<usize> {
            let units = run.units().iter().enumerate();
            units.filter(|(_, unit)| wanted(unit)).map(|(place, _)| place).collect()
        };
        loop {
            let mut left_out = false;
            let mut end = places(self.run.as_ref()).len();
            while end > 0 {
                if self.is_over() {
                    return false;
                }
                let all = places(self.run.as_ref());
                let start = end.saturating_sub(size);
                let mut kept = vec![true; self.run.units().len()];
                all[start..end].iter().for_each(|&place| kept[place] = false);
                if self.attempt(&kept) {
                    left_out = true;
                    end = start.min(places(self.run.as_ref()).len());
                } else {
                    end = start;
                }
            }
            match (size, left_out) {
                (1, false) => return true,
                (1, true) => {}
                _ => size = size.div_ceil(2),
            }
        }
    }
}

/// By which of two runs the smaller is known: what someone chose counts more than what follows.
fn weight(run: &dyn Taken) -> (usize, usize) {
    let units = run.units();
    (units.iter().filter(|unit| unit.chosen).count(), units.len())
}

/// What happened before any of these, by causes and by the order at each seat; and all starts.
fn past(units: &[Unit], of: &[usize]) -> Vec<bool> {
    let mut kept: Vec<bool> = units.iter().map(|unit| unit.starts).collect();
    let mut before: Vec<Option<usize>> = vec![None; units.len()];
    let mut last_at = std::collections::BTreeMap::new();
    for (place, unit) in units.iter().enumerate() {
        before[place] = unit.seat.and_then(|seat| last_at.insert(seat, place));
    }
    let mut open = of.to_vec();
    while let Some(place) = open.pop() {
        if std::mem::replace(&mut kept[place], true) && !units[place].starts {
            continue;
        }
        open.extend(before[place]);
        open.extend(units[place].cause.map(|cause| cause as usize));
    }
    kept
}
