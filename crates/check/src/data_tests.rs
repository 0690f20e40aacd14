//! Data that can take each other's place, with the processes that ask for them: what is kept is one state of each orbit, as
//! told by hand.

use crate::reference::{Concrete, Reference};
use crate::space::{Edge, Space};
use crate::{Control, Options, Report, SYMMETRY, check};
use std::collections::BTreeSet;
use synod_kernel::trace::replay;
use synod_kernel::{Budget, Environment, Setting};
use synod_model::failure::FailureKind;
use synod_model::prelude::*;
use synod_model::{Datum, interface::Broadcast};
use synod_properties::{Monitor, Obligation, Observation, Property, Verdict, Violation};

/// Keeps what it hears first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Keeper {
    greedy: bool,
    kept: Option<Datum>,
}

impl Process for Keeper {
    type Model = (CrashStop, Perfect, Asynchronous, AnyNumber);
    /// Whether it keeps the greatest instead.
    type Parameters = bool;
    type Request = Broadcast<Datum>;
    type Indication = Datum;
    type Message = Datum;
    fn on_init(greedy: &bool, _: &mut impl Context<Self>) -> Self {
        Self { greedy: *greedy, kept: None }
    }
    fn on_request(&mut self, Broadcast(datum): Broadcast<Datum>, ctx: &mut impl Context<Self>) {
        ctx.broadcast(&datum);
    }
    fn on_message(&mut self, _: ProcessId, datum: Datum, ctx: &mut impl Context<Self>) {
        if self.kept.is_none() || self.greedy && self.kept < Some(datum) {
            self.kept = Some(datum);
            ctx.indicate(datum);
        }
    }
    no_timers!();
    no_storage!();
}

const ONE: Property = Property::safety("ONE", "all keep the same");
const SPLIT: Property = Property::reachable("SPLIT", "two keep different data");

/// What was kept, by process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Kept {
    judges: bool,
    of: [Option<Datum>; 3],
}

impl Kept {
    fn differ(&self) -> bool {
        self.of.iter().flatten().collect::<BTreeSet<_>>().len() > 1
    }
}

impl Monitor<Broadcast<Datum>, Datum> for Kept {
    fn properties(&self) -> Vec<Property> {
        if self.judges { vec![ONE, SPLIT] } else { vec![SPLIT] }
    }
    fn observe(&mut self, observation: &Observation<'_, Broadcast<Datum>, Datum>) -> Result<(), Violation> {
        let Observation::Indication { at, indication: &datum } = *observation else { return Ok(()) };
        self.of[at.index()] = Some(datum);
        if self.judges && self.differ() {
            return Err(Violation::new(&ONE, format!("{:?}", self.of)));
        }
        Ok(())
    }
    fn owed(&self, _: &mut impl FnMut(Obligation)) {}
    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        if self.differ() {
            reach("SPLIT");
        }
    }
}

fn kept(judges: bool) -> Kept {
    Kept { judges, of: [None; 3] }
}

const FOUR: Datum = Datum(4_001);
const NINE: Datum = Datum(9_001);

/// Three processes: the first two are asked to broadcast, each another datum.
fn asked(greedy: bool) -> Setting<Keeper> {
    let requests = vec![vec![Broadcast(FOUR)], vec![Broadcast(NINE)]];
    Setting::new(Environment::benign(3), greedy, requests)
}

/// Three processes, one of which may lie.
fn lied_to(greedy: bool) -> Setting<Keeper> {
    let mut environment = Environment::benign(3);
    environment.failures.kind = FailureKind::Byzantine;
    environment.failures.lies = Budget::AtMost(1);
    Setting::new(environment, greedy, Vec::new()).with_lies(vec![FOUR, NINE])
}

fn explored(setting: &Setting<Keeper>, monitor: &Kept, symmetry: bool) -> Report<Keeper> {
    let options = Options { symmetry, ..Options::default() };
    check(setting, monitor, |_| 0, &options, &mut |_| Control::Continue)
}

/// A state as text, where processes are named like this, and the data exchanged or not.
fn image(state: &Concrete<Keeper, Kept>, names: [usize; 3], exchange: bool) -> String {
    let text = |part: String| {
        let mut text = part;
        for (p, name) in names.iter().enumerate() {
            text = text.replace(&format!("Id({p})"), &format!("Id(new {name})"));
        }
        text = text.replace("new ", "");
        if exchange {
            text = text.replace("4001", "#").replace("9001", "4001").replace('#', "9001");
        }
        text
    };
    let mut by_process = [const { String::new() }; 3];
    for (p, seat) in state.world.seats.iter().enumerate() {
        let own = (seat, state.world.rest.asked.get(p), state.monitor.of[p]);
        by_process[names[p]] = text(format!("{own:?}"));
    }
    let mut copies: Vec<_> = state.network.copies().map(|copy| text(format!("{copy:?}"))).collect();
    copies.sort();
    let rest = &state.world.rest;
    let beside = text(format!("{:?} {:?}", rest.lying, rest.budgets));
    format!("{by_process:?} {beside} {copies:?}")
}

/// How many orbits the states have under these permutations, and how many states there are.
fn orbits(setting: &Setting<Keeper>, group: &[([usize; 3], bool)]) -> (u64, u64) {
    let monitor = kept(false);
    let reference = Reference::new(setting, &monitor, |_| 0);
    let mut waiting = reference.start().0.rows;
    let (mut seen, mut orbits) = (BTreeSet::new(), BTreeSet::new());
    while let Some(state) = waiting.pop() {
        if seen.insert(image(&state, [0, 1, 2], false)) {
            orbits.insert(group.iter().map(|&(names, exchange)| image(&state, names, exchange)).min());
            let expanded = reference.expand(&state, &mut |edge| {
                if let Edge::To { step: (next, _), .. } = edge {
                    waiting.push(next);
                }
            });
            expanded.expect("plain values need no table");
        }
    }
    (orbits.len() as u64, seen.len() as u64)
}

#[test]
fn data_are_exchanged_with_those_who_ask_for_them() {
    let group = [([0, 1, 2], false), ([1, 0, 2], true)];
    let (plain, folded) =
        (explored(&asked(false), &kept(false), false), explored(&asked(false), &kept(false), true));
    assert_eq!(folded.permutations, 2);
    assert_eq!((folded.states, plain.states), orbits(&asked(false), &group));
    assert_eq!((folded.complete, folded.depth, &folded.verdicts), (true, plain.depth, &plain.verdicts));
    assert!(folded.states * 9 < plain.states * 5, "{} {}", folded.states, plain.states);
}

#[test]
fn data_are_exchanged_where_nobody_asks_for_them() {
    let all = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let group: Vec<_> = all.into_iter().flat_map(|names| [(names, false), (names, true)]).collect();
    let (plain, folded) =
        (explored(&lied_to(false), &kept(false), false), explored(&lied_to(false), &kept(false), true));
    assert_eq!(folded.permutations, 12);
    assert_eq!((folded.states, plain.states), orbits(&lied_to(false), &group));
    assert_eq!((folded.complete, folded.depth, &folded.verdicts), (true, plain.depth, &plain.verdicts));
}

#[test]
fn what_puts_data_in_an_order_is_refused_with_both_outcomes() {
    for setting in [asked(true), lied_to(true)] {
        let refused = explored(&setting, &kept(false), true);
        let run = refused.counterexample.as_ref().expect("it is refused");
        assert_eq!(run.property, SYMMETRY.id, "{}", run.what);
        assert!(run.what.contains("value 4001 and value 9001 exchanged"), "{}", run.what);
        let of_others = refused.verdicts.iter().filter(|(property, _)| property.id != SYMMETRY.id);
        assert!(of_others.clone().count() > 0);
        assert!(of_others.clone().all(|(_, verdict)| matches!(verdict, Verdict::Unknown { .. })));
    }
}

#[test]
fn what_is_broken_is_broken_as_soon_by_a_run_with_the_data_that_were_asked_for() {
    for setting in [asked(false), lied_to(false)] {
        let (plain, folded) = (explored(&setting, &kept(true), false), explored(&setting, &kept(true), true));
        let run = folded.counterexample.as_ref().expect("it is refuted");
        assert_eq!(run.property, "ONE");
        assert!(replay::<Keeper>(&run.trace("test", &setting)).is_ok());
        assert_eq!(plain.counterexample.map(|c| c.moves.len()), Some(run.moves.len()));
    }
}
