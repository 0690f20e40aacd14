//! The quotient against runs with numbers as they are: of machines that are drawn by lot, and do nothing with numbers
//! but compare them and go one beyond.

use super::*;
use crate::check;
use crate::report::Engine;
use crate::space::Space;
use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use synod_kernel::{Environment, trace};
use synod_model::failure::FailureKind;
use synod_model::prelude::*;
use synod_properties::{Obligation, Observation};

/// What a machine of the lot does, or one that is not as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Lot {
    /// Draws what it does by what it sees of the order of its numbers, and of which of them are neighbours.
    Drawn(u64),
    /// Outbids the other.
    Duels,
    /// As it does, but tells even numbers from odd ones.
    SeesParity,
    /// As it does, up to a limit.
    SeesLimit,
    /// As it does, but tells the number.
    TellsNumber,
}

/// A process with a number. It sends a message for each that it gets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Machine {
    lot: Lot,
    number: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Token {
    number: u64,
}

fn scatter(parts: &[u64]) -> u64 {
    parts.iter().fold(7, |hash, &part| crate::fingerprint::scatter(hash ^ part.wrapping_mul(0x9e37_79b9)))
}

impl Machine {
    fn handle(&mut self, Token { number }: Token, ctx: &mut impl Context<Self>) {
        let own = self.number;
        let next = own.max(number) + 1;
        let draw = match self.lot {
            Lot::Drawn(seed) => {
                let order = |one: u64, two: u64| match one.cmp(&two) {
                    Ordering::Less => u64::from(one + 1 < two),
                    Ordering::Equal => 2,
                    Ordering::Greater => 3,
                };
                scatter(&[seed, order(own, number), order(number, own)])
            }
            // the next number, and told on
            Lot::Duels => 0x3300,
            Lot::SeesParity => 0x3308 | (number % 2),
            Lot::SeesLimit => 0x3308 | u64::from(number > 50),
            Lot::TellsNumber => 0x3308 | number.min(1),
        };
        let pick =
            |place: u64| [own, own, number, next, next, number, own, next][(draw >> place) as usize % 8];
        self.number = pick(8);
        ctx.indicate(draw & 3 != 0);
        if draw >> 20 & 3 == 3 {
            ctx.store(self.number);
        }
        ctx.send(ProcessId(1 - ctx.me().0), Token { number: pick(12) });
    }

    fn begun(lot: Lot, number: u64, ctx: &mut impl Context<Self>) -> Self {
        ctx.send(ProcessId(1 - ctx.me().0), Token { number });
        Self { lot, number }
    }
}

impl Process for Machine {
    type Model = (CrashRecovery, Perfect, Asynchronous, AnyNumber);
    type Parameters = Lot;
    type Indication = bool;
    type Message = Token;
    type Stable = Whole<u64>;

    const RENUMBERING: Option<Renumbering<Self>> = Some(Renumbering {
        apart: 1,
        state: |machine, each| each(&mut machine.number),
        stable: |stable, each| stable.0.iter_mut().for_each(each),
        message: |token, each| each(&mut token.number),
    });

    fn on_init(&lot: &Lot, ctx: &mut impl Context<Self>) -> Self {
        Self::begun(lot, 0, ctx)
    }
    fn on_recovery(&lot: &Lot, stable: &Whole<u64>, ctx: &mut impl Context<Self>) -> Self {
        Self::begun(lot, stable.0.unwrap_or_default(), ctx)
    }
    fn on_message(&mut self, _: ProcessId, token: Token, ctx: &mut impl Context<Self>) {
        self.handle(token, ctx);
    }
    no_timers!();
    no_requests!();
}

/// Who said something else than that it is well, when it spoke last: it owes to be well.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Well(BTreeSet<ProcessId>);

const WELL: Property = Property::liveness("WELL", "in the end a process is well");

impl<Q> Monitor<Q, bool> for Well {
    fn properties(&self) -> Vec<Property> {
        vec![WELL]
    }
    fn observe(&mut self, observation: &Observation<'_, Q, bool>) -> Result<(), Violation> {
        if let Observation::Indication { at, indication } = observation {
            _ = if **indication { self.0.remove(at) } else { self.0.insert(*at) };
        }
        Ok(())
    }
    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        self.0.iter().for_each(|&p| owe(Obligation::new(&WELL, [p], format!("{p} is not well"))));
    }
    fn reached(&self, _: &mut impl FnMut(&'static str)) {}
}

fn setting(lot: Lot, restarts: u32) -> Setting<Machine> {
    let mut environment = Environment::benign(2);
    environment.failures.kind = FailureKind::CrashRecovery;
    environment.failures.restarts = Budget::AtMost(restarts);
    environment.failures.among = Some(synod_model::Group::new(0, 1));
    Setting::new(environment, lot, vec![vec![], vec![]])
}

const STATES: u64 = 1_500;

fn modulo(setting: &Setting<Machine>) -> Report<Machine> {
    let options = Options { renumber: true, states_max: STATES, ..Options::default() };
    check(setting, &Well(BTreeSet::new()), measured, &options, &mut |_| Control::Continue)
}

fn measured(machine: &Machine) -> u64 {
    machine.number
}

type State = Concrete<Machine, Well>;

/// The successors of a state, those of the quotient where it is one.
fn successors(space: &Reference<'_, Machine, Well>, state: &State) -> Vec<State> {
    let mut all = Vec::new();
    space
        .expand(state, &mut |edge| match edge {
            Edge::To { step: (state, _), .. } => all.push(state),
            Edge::Broken(violation) => panic!("{violation:?}"),
            Edge::Outside(_) | Edge::LeftOut => {}
        })
        .expect("nothing is missing");
    all
}

/// Every state that is reached within so many, and every step, is one of the quotient.
#[test]
fn each_step_is_renumbered_one_of_the_quotient() {
    let mut steps = 0;
    for seed in 0..16 {
        let (setting, monitor) = (setting(Lot::Drawn(seed), 1), Well(BTreeSet::new()));
        let by = Renumbered::of(&setting, 0).expect("it is declared");
        let plain = Reference::new(&setting, &monitor, measured);
        let quotient = Reference::new(&setting, &monitor, measured).modulo(&by);
        let mut open: VecDeque<State> = plain.start().0.rows.into();
        let mut seen = BTreeSet::new();
        while let Some(state) = open.pop_front() {
            if seen.len() > 150 || !seen.insert(format!("{state:?}")) {
                continue;
            }
            let here = by.canonical(state.clone()).0;
            let there: BTreeSet<_> = successors(&quotient, &here).iter().map(|s| format!("{s:?}")).collect();
            for next in successors(&plain, &state) {
                let renumbered = by.canonical(next.clone()).0;
                assert!(there.contains(&format!("{renumbered:?}")), "seed {seed}: {state:?} to {next:?}");
                steps += 1;
                open.push_back(next);
            }
        }
    }
    assert!(steps > 2_000, "{steps}");
}

/// What each run does in which no message is overtaken by more than `late` others: the oldest is delivered, or one of
/// the next.
fn owes_in_some_run(setting: &Setting<Machine>, late: u64, draw: u64) -> bool {
    const LONG: u64 = 300;
    let monitor = Well(BTreeSet::new());
    let plain = Reference::new(setting, &monitor, measured);
    let mut state = plain.start().0.rows.remove(0);
    let mut queue: Vec<Envelope<Token>> = state.network.copies().cloned().collect();
    let mut owing: BTreeMap<ProcessId, u64> = BTreeMap::new();
    for at in 0..LONG {
        let oldest = scatter(&[draw, at % 12]) % late.min(queue.len() as u64);
        let Envelope { to, from, message } = queue.remove(oldest as usize);
        let wanted = Choice::Deliver { from, to, message };
        let before: Vec<_> = state.network.copies().cloned().collect();
        let mut next = None;
        plain.all_moves(&state, &mut |chosen, result, _, _| {
            if chosen == Move::plain(wanted.clone()) {
                next = result.ok();
            }
            true
        });
        state = next.expect("it is delivered");
        let mut left = before;
        let Choice::Deliver { from, to, message } = wanted else { unreachable!() };
        let taken = Envelope { to, from, message };
        left.remove(left.iter().position(|e| *e == taken).expect("it was in flight"));
        let mut new: Vec<_> = state.network.copies().cloned().collect();
        for old in &left {
            new.remove(new.iter().position(|e| e == old).expect("it stays"));
        }
        queue.extend(new);
        owing.retain(|p, _| state.monitor.0.contains(p));
        state.monitor.0.iter().for_each(|p| _ = owing.entry(*p).or_insert(at));
    }
    owing.values().any(|&since| since < LONG / 6)
}

/// No promise holds that some fair run breaks, whatever its numbers grow to, and none that a bounded exploration
/// refutes.
#[test]
fn what_holds_is_broken_by_no_fair_run() {
    let (mut held, mut violated, mut open) = (0, 0, 0);
    for seed in 0..60 {
        let setting = setting(Lot::Drawn(seed), 0);
        let report = modulo(&setting);
        match report.verdict("WELL") {
            Verdict::Holds => {
                held += 1;
                for draw in 0..3 {
                    let late = draw % 3 + 1;
                    assert!(
                        !owes_in_some_run(&setting, late, draw),
                        "seed {seed}, late by {late}, draw {draw}"
                    );
                }
                let environment = Environment { measure: Budget::AtMost(5), ..setting.environment.clone() };
                let bounded = Setting::new(environment, setting.parameters, vec![vec![], vec![]]);
                let options = Options { engine: Engine::Reference, states_max: STATES, ..Options::default() };
                let plain =
                    check(&bounded, &Well(BTreeSet::new()), measured, &options, &mut |_| Control::Continue);
                let refuted = matches!(plain.verdict("WELL"), Verdict::Violated { .. });
                assert!(!refuted, "seed {seed}: {plain}");
            }
            Verdict::Violated { .. } => {
                violated += 1;
                let run = report.counterexample.expect("a run");
                let replayed = trace::replay::<Machine>(&run.trace("machine", &setting));
                assert_eq!(replayed.expect("it replays").lines.len(), run.moves.len(), "seed {seed}");
            }
            Verdict::Unknown { .. } => open += 1,
        }
    }
    assert!(held >= 3 && violated >= 3, "{held} held, {violated} violated, {open} open");
}

#[test]
fn numbers_that_are_outbid_for_ever_are_a_lasso() {
    let setting = setting(Lot::Duels, 0);
    let report = modulo(&setting);
    assert!(report.complete && report.states < 60, "{report}");
    let run = report.counterexample.expect("a lasso");
    assert!(run.what.contains("numbers grow by"), "{}", run.what);
    let cycle = &run.moves[run.cycle_from.expect("a lasso")..];
    let told = |chosen: &MoveOf<Machine>| match &chosen.choice {
        Choice::Deliver { message, .. } => message.number,
        other => panic!("{other}"),
    };
    assert!(cycle.iter().map(told).is_sorted_by(|one, next| one <= next), "{cycle:?}");
    let replayed = trace::replay::<Machine>(&run.trace("machine", &setting));
    assert_eq!(replayed.expect("it replays").lines.len(), run.moves.len());
    // whatever the bound, a bounded exploration leaves it open
    let environment = Environment { measure: Budget::AtMost(6), ..setting.environment.clone() };
    let bounded = Setting::new(environment, setting.parameters, vec![vec![], vec![]]);
    let plain =
        check(&bounded, &Well(BTreeSet::new()), measured, &Options::default(), &mut |_| Control::Continue);
    assert!(matches!(plain.verdict("WELL"), Verdict::Unknown { .. }), "{plain}");
}

#[test]
fn who_sees_more_of_a_number_than_its_order_is_refused() {
    for lot in [Lot::SeesParity, Lot::SeesLimit] {
        let report = modulo(&setting(lot, 0));
        let run = report.counterexample.unwrap_or_else(|| panic!("{lot:?} is refused"));
        assert_eq!(run.property, RENUMBERING.id);
        assert!(run.what.contains("further apart"), "{}", run.what);
        assert!(
            report
                .verdicts
                .iter()
                .all(|(p, v)| p.id == RENUMBERING.id || matches!(v, Verdict::Unknown { .. }))
        );
    }
    // whether it is 0 is seen by everybody
    assert!(
        modulo(&setting(Lot::TellsNumber, 0)).counterexample.is_none_or(|run| run.property != RENUMBERING.id)
    );
}
