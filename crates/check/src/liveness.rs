//! What happens for ever in worlds of processes: whether what is owed stands in a fair run to its end. It knows states by
//! their numbers alone, so that there is one judgement for all algorithms.

use crate::fair::{Answer, Bits, Class, Fairness, Lasso, Question, find};
use crate::search::Steps;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use synod_kernel::setting::Seating;
use synod_kernel::{self as kernel, Budget, Choice, Environment, Move, SeatId};
use synod_model::{Group, ProcessId, ProcessSet};
use synod_properties::{Kind, Obligation, Property};

/// What a run owes to a step of a world, and whom it concerns; packed into a class's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owed {
    fairness: Fairness,
    /// A crash, by a choice or inside a handler.
    crashes: bool,
    /// A timer with a duration: when it fires is a matter of time.
    timed: bool,
    /// The seat that it concerns, and the sender of the message.
    at: Option<SeatId>,
    from: Option<SeatId>,
}

impl Owed {
    /// What is owed to a move.
    pub(crate) fn of<M, T>(chosen: &Move<M, T>, fairness: kernel::Fairness) -> Self {
        let choice = &chosen.choice;
        let from = match choice {
            Choice::Deliver { from, .. } | Choice::Duplicate { from, .. } => Some(*from),
            _ => None,
        };
        let at = match choice {
            _ if chosen.crashed().is_some() => chosen.crashed(),
            _ => choice.cut_seat(),
        };
        let crashes = chosen.crashed().is_some();
        let fairness = match fairness {
            _ if crashes => Fairness::None,
            kernel::Fairness::Unfair => Fairness::None,
            // what is set stays set until it fires or is cancelled
            kernel::Fairness::Timed => Fairness::Weak,
            // FLL1: what is sent again and again arrives again and again; and a cut heals, a pulse fires, a disk writes
            kernel::Fairness::Fair => Fairness::Strong,
        };
        let timed = matches!(chosen.choice, Choice::Fire { .. }) && fairness == Fairness::Weak;
        Self { fairness, crashes, timed, at, from }
    }

    /// The name of the class of all steps that are owed the same under this number; 0 where nothing can be asked.
    pub(crate) fn class(self, number: u64) -> u64 {
        if self.fairness == Fairness::None && !self.crashes {
            return 0;
        }
        // all crashes of a process are alike
        let number = if self.crashes { 0 } else { number & ((1 << 40) - 1) };
        let seat = |seat: Option<SeatId>| seat.map_or(0, |s| u64::from(s.0.min(254)) + 1);
        let fairness = match self.fairness {
            Fairness::None => 0,
            Fairness::Weak => 1,
            Fairness::Strong => 2,
        };
        number << 20
            | seat(self.from) << 12
            | seat(self.at) << 4
            | u64::from(self.timed) << 3
            | u64::from(self.crashes) << 2
            | fairness
    }

    fn of_class(class: u64) -> Self {
        let seat = |shift: u32| (class >> shift & 0xff).checked_sub(1).map(|s| SeatId(s as u32));
        let fairness = match class & 3 {
            0 => Fairness::None,
            1 => Fairness::Weak,
            _ => Fairness::Strong,
        };
        Self {
            fairness,
            crashes: class >> 2 & 1 == 1,
            timed: class >> 3 & 1 == 1,
            at: seat(4),
            from: seat(12),
        }
    }
}

/// The states of worlds, by number, as far as what happens for ever asks of them.
pub(crate) trait Worlds {
    /// How many they are.
    fn count(&self) -> u32;
    /// Why the runs from a state are not followed in a way that the budgets cut off, where there is one.
    fn open(&self, state: u32) -> Option<u8>;
    /// The faulty processes of a state, where these are as well, and the number of its monitor; nothing where what the
    /// oracles said last is outside of their axioms.
    fn kept(&self, state: u32, looping: &ProcessSet) -> Option<(ProcessSet, u32)>;
    /// What a monitor says is owed.
    fn owed(&self, monitor: u32) -> Vec<Obligation>;
}

/// Why a state's runs are not followed: the greater the reason, the sooner it is told.
pub(crate) const OPEN_TIMED: u8 = 1;
pub(crate) const OPEN_PULSES: u8 = 2;

fn why_open(reason: u8) -> &'static str {
    match reason {
        0 => "not judged: the run goes on beyond the bound on the algorithm's measure",
        OPEN_TIMED => "not judged yet: a timer is set, which needs fairness in time",
        _ => "not judged: a pulse is set, and the budget of pulses is spent",
    }
}

/// The debts of worlds: for each, the states in which it stands.
struct Debts {
    standing: Vec<(Obligation, Bits)>,
    /// The states in which what the oracles said last is within their axioms.
    kept: Bits,
    /// By the number of a monitor: its debts.
    known: BTreeMap<u32, Rc<[usize]>>,
    numbers: BTreeMap<Obligation, usize>,
}

impl Debts {
    fn gather(worlds: &dyn Worlds, looping: &ProcessSet) -> Self {
        let states = worlds.count();
        let mut all = Self {
            standing: Vec::new(),
            kept: Bits::none(states),
            known: BTreeMap::new(),
            numbers: BTreeMap::new(),
        };
        for state in 0..states {
            let Some((faulty, monitor)) = worlds.kept(state, looping) else { continue };
            all.kept.insert(state);
            for &debt in all.of(worlds, monitor).iter() {
                if all.standing[debt].0.among.is_disjoint(&faulty) {
                    all.standing[debt].1.insert(state);
                }
            }
        }
        all
    }

    /// What a monitor says is owed.
    fn of(&mut self, worlds: &dyn Worlds, monitor: u32) -> Rc<[usize]> {
        if let Some(known) = self.known.get(&monitor) {
            return Rc::clone(known);
        }
        let mut owed = Vec::new();
        for obligation in worlds.owed(monitor) {
            let next = self.standing.len();
            let at = *self.numbers.entry(obligation.clone()).or_insert(next);
            if at == next {
                self.standing.push((obligation, Bits::none(worlds.count())));
            }
            owed.push(at);
        }
        let owed: Rc<[usize]> = owed.into();
        self.known.insert(monitor, Rc::clone(&owed));
        owed
    }
}

/// What was judged of liveness.
#[derive(Default)]
pub(crate) struct Judged {
    /// A shortest run that breaks a property, by what stands in it for ever.
    pub(crate) lasso: Option<(Obligation, Lasso)>,
    /// The properties that some run breaks, each with what stands for ever in it; the lasso is of one of them.
    pub(crate) broken: BTreeMap<String, String>,
    /// The properties that some runs leave open, and why.
    pub(crate) unjudged: BTreeSet<(String, String)>,
    /// In no fair run do the oracles keep their axioms for ever: nothing is ever owed.
    pub(crate) vacuous: bool,
}

impl Judged {
    /// Nothing was judged of these.
    pub(crate) fn none(properties: &[Property], why: &str) -> Self {
        let unjudged = properties.iter().map(|p| (p.id.to_owned(), why.to_owned())).collect();
        Self { unjudged, ..Self::default() }
    }
}

/// Looks, for every debt, for a fair run in which it stands for ever: the shortest one found breaks its property.
pub(crate) fn judge(
    worlds: &dyn Worlds,
    steps: &mut Steps,
    properties: &[Property],
    (environment, seating): (&Environment, &Seating),
) -> Judged {
    if environment.links.ignored_stay {
        // a message that waits until it is heeded is fairer than any link: what would starve may seem to thrive
        let live: Vec<_> = properties.iter().filter(|p| p.kind == Kind::Liveness).copied().collect();
        return Judged::none(&live, "not judged: ignored messages stay in flight");
    }
    // runs that go on in a way that the budgets cut off
    for state in 0..worlds.count() {
        if let Some(reason) = worlds.open(state) {
            steps.graph.mark(state, reason);
        }
    }
    let mut judged = Judged { vacuous: true, ..Judged::default() };
    let mut shortest: Option<(usize, Obligation, Lasso)> = None;
    for looping in crash_loops(environment) {
        let debts = Debts::gather(worlds, &looping);
        let classes = classes(steps, &looping, seating);
        let stays = find(&steps.graph, &question(&debts.kept, &classes, steps));
        judged.vacuous &= matches!(stays, Answer::None);
        for (obligation, region) in debts.standing {
            match find(&steps.graph, &question(&region, &classes, steps)) {
                Answer::None => {}
                Answer::Open { reason, .. } => {
                    judged.unjudged.insert((obligation.property, why_open(reason).to_owned()));
                }
                // some run in which timers fire when they like: not one that keeps the bounds, perhaps
                Answer::Found(lasso) if is_timed(steps, &lasso) => {
                    judged.unjudged.insert((obligation.property, why_open(OPEN_TIMED).to_owned()));
                }
                Answer::Found(lasso) => {
                    let depth = steps.levels.partition_point(|&first| first <= lasso.start) - 1;
                    let length = depth + lasso.stem.len() + lasso.cycle.len();
                    let what = format!("{}, for ever", obligation.what);
                    // whichever debt is met first, the same is told
                    let told =
                        judged.broken.entry(obligation.property.clone()).or_insert_with(|| what.clone());
                    *told = what.min(std::mem::take(told));
                    if shortest.as_ref().is_none_or(|(least, _, _)| length < *least) {
                        shortest = Some((length, obligation, lasso));
                    }
                }
            }
        }
    }
    judged.lasso = shortest.map(|(_, obligation, lasso)| (obligation, lasso));
    judged
}

/// A run that stays in a region for ever, from wherever it enters it.
fn question<'a>(region: &'a Bits, classes: &'a [Class], steps: &'a Steps) -> Question<'a> {
    Question { region, from: region, accepting: None, classes, levels: &steps.levels }
}

/// Whether a timer with a duration fires in its loop.
fn is_timed(steps: &Steps, lasso: &Lasso) -> bool {
    lasso.cycle.iter().any(|step| {
        let label = steps.graph.label(step.place(&steps.graph)) as usize;
        label > 0 && Owed::of_class(steps.classes[label - 1]).timed
    })
}

/// What runs owe, by label: nothing to processes that crash again and again, nor to what these send; and crashes of
/// others are none of these runs'.
fn classes(steps: &Steps, looping: &ProcessSet, seating: &Seating) -> Vec<Class> {
    let identity = |seat: Option<SeatId>| seat.map(|s| seating.identity(s));
    let class = |&class: &u64| {
        let owed = Owed::of_class(class);
        let faulty = |p: Option<ProcessId>| p.is_some_and(|p| looping.contains(p));
        if owed.crashes {
            return if faulty(identity(owed.at)) { Class::default() } else { Class::FORBIDDEN };
        }
        if faulty(identity(owed.at)) || faulty(identity(owed.from)) {
            return Class::default();
        }
        Class::new(owed.fairness)
    };
    std::iter::once(Class::default()).chain(steps.classes.iter().map(class)).collect()
}

/// The sets of processes that may crash and recover for ever: where restarts have a budget, in the end there are none.
fn crash_loops(environment: &Environment) -> Vec<ProcessSet> {
    if environment.failures.restarts != Budget::Unlimited {
        return vec![ProcessSet::new()];
    }
    let members = Group::first(environment.processes);
    let may = members.members().filter(|&p| environment.failures.may_fail(p));
    let may: Vec<ProcessId> = may.take(10).collect();
    let chosen = |mask: u32| may.iter().enumerate().filter(move |(i, _)| mask >> i & 1 == 1).map(|(_, &p)| p);
    (0..1_u32 << may.len()).map(|mask| chosen(mask).collect()).collect()
}
