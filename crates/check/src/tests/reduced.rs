//! A reduction by partial order changes no verdict: small worlds by chance, judged by automata by chance, with it and without.
//! And each part of its argument is needed: without it, some verdict is another.

use super::*;
use crate::tabulate::{Part, WITHOUT};
use synod_kernel::Random;

/// What a process does on a kind of message, or a timer, in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Rule {
    face: u8,
    send: Option<(u32, u8)>,
    say: Option<u8>,
}

/// The rules, by state and by kind; what is sent at the start (by whom, how far, which kind); and who has a timer that never
/// ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Rules {
    by_face: Vec<Vec<Rule>>,
    start: Vec<(u32, u32, u8)>,
    ticks: Vec<u32>,
}

const FACES: u8 = 4;
const KINDS: u8 = 3;
const SAYINGS: u8 = 2;
/// How often a message is answered by another.
const HEAT: u8 = 1;

/// Goes by rules.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Dice {
    rules: Rules,
    face: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Thrown {
    kind: u8,
    heat: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Tick;

impl Dice {
    fn follow(&mut self, kind: u8, heat: u8, ctx: &mut impl Context<Self>) {
        let rule = self.rules.by_face[self.face as usize][kind as usize];
        self.face = rule.face;
        if let Some((hops, kind)) = rule.send.filter(|_| heat > 0) {
            ctx.send(ProcessId((ctx.me().0 + hops) % ctx.group().count), Thrown { kind, heat: heat - 1 });
        }
        if let Some(say) = rule.say {
            ctx.indicate(say);
        }
    }
}

impl Process for Dice {
    type Model = (CrashStop, Perfect, Asynchronous, AnyNumber);
    type Parameters = Rules;
    type Indication = u8;
    type Message = Thrown;
    type Timer = Tick;
    fn on_init(rules: &Rules, ctx: &mut impl Context<Self>) -> Self {
        let (me, n) = (ctx.me().0, ctx.group().count);
        for &(from, hops, kind) in &rules.start {
            if from == me {
                ctx.send(ProcessId((me + hops) % n), Thrown { kind, heat: HEAT });
            }
        }
        if rules.ticks.contains(&me) {
            ctx.set_pulse(Tick);
        }
        Self { rules: rules.clone(), face: 0 }
    }
    fn on_message(&mut self, _: ProcessId, Thrown { kind, heat }: Thrown, ctx: &mut impl Context<Self>) {
        self.follow(kind, heat, ctx);
    }
    fn on_timer(&mut self, Tick: Tick, ctx: &mut impl Context<Self>) {
        self.follow(KINDS, 0, ctx);
        ctx.set_pulse(Tick);
    }
    no_storage!();
    no_requests!();
}

/// An automaton over what is said: its goals are its states, which it leaves again; one of them may be bad. Either the order
/// of what is said counts, or it does not, but for the states in between.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Ear {
    ordered: bool,
    at: u8,
    bad: Option<u8>,
}

const SAFE: Property = Property::safety("SAFE", "the bad state is not reached");
const GOALS: [Property; 8] = [
    Property::reachable("G0", "0"),
    Property::reachable("G1", "1"),
    Property::reachable("G2", "2"),
    Property::reachable("G3", "3"),
    Property::reachable("G4", "4"),
    Property::reachable("G5", "5"),
    Property::reachable("G6", "6"),
    Property::reachable("G7", "7"),
];

impl<Q> Monitor<Q, u8> for Ear {
    fn properties(&self) -> Vec<Property> {
        [SAFE].into_iter().chain(GOALS).collect()
    }
    fn observe(&mut self, observation: &Observation<'_, Q, u8>) -> Result<(), Violation> {
        let Observation::Indication { at, indication } = observation else { return Ok(()) };
        let said = **indication + at.0 as u8;
        self.at = if self.ordered { (3 * self.at + said + 1) % 8 } else { self.at ^ 1 << (said % 3) };
        if self.bad == Some(self.at) { Err(Violation::new(&SAFE, "bad")) } else { Ok(()) }
    }
    fn owed(&self, _: &mut impl FnMut(Obligation)) {}
    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        reach(GOALS[self.at as usize].id);
    }
}

fn world(seed: u64) -> Setting<Dice> {
    let mut random = Random::new(seed);
    let n = 2 + random.below(2) as u32;
    let mut draw = |below: u32| random.below(u64::from(below)) as u32;
    let mut rule = || Rule {
        face: draw(u32::from(FACES)) as u8,
        send: (draw(2) == 0).then(|| (draw(n), draw(u32::from(KINDS)) as u8)),
        say: (draw(5) == 0).then(|| draw(u32::from(SAYINGS)) as u8),
    };
    let by_face = (0..FACES).map(|_| (0..=KINDS).map(|_| rule()).collect()).collect();
    let start = (0..2 + draw(3)).map(|_| (draw(n), draw(n), draw(u32::from(KINDS)) as u8)).collect();
    let ticks = (0..n).filter(|_| draw(4) == 0).collect();
    let mut environment = Environment::benign(n);
    environment.links.ignored_stay = draw(4) == 0;
    environment.links.as_set = draw(4) == 0;
    environment.links.kind.fifo = draw(6) == 0;
    if draw(4) == 0 {
        environment.failures.kind = FailureKind::CrashStop;
        environment.failures.stops = Budget::AtMost(1);
    }
    Setting::new(environment, Rules { by_face, start, ticks }, vec![Vec::new(); n as usize])
}

/// What is judged; of what is refuted that alone: the search ends there. And how many states there are. Nothing of
/// what is larger than was asked for.
fn judged(seed: u64, bad: Option<u8>, options: &Options) -> Option<(String, u64)> {
    let monitor = Ear { ordered: seed.is_multiple_of(2), at: 0, bad };
    let report = check(&world(seed), &monitor, |_| 0, options, &mut |_| Control::Continue);
    if report.counterexample.is_some() {
        return Some(("refuted".to_owned(), 0));
    }
    let verdicts = report.verdicts.iter().filter(|(property, _)| *property != SAFE);
    report.complete.then(|| (format!("{:?}", verdicts.collect::<Vec<_>>()), report.states))
}

fn small() -> Options {
    Options { states_max: 500, ..Options::default() }
}

fn reduced() -> Options {
    Options { partial_order: true, ..Options::default() }
}

#[test]
fn a_reduction_by_partial_order_changes_no_verdict() {
    let (mut refuted, mut held, mut whole, mut left) = (0, 0, 0, 0);
    let ways = [
        reduced(),
        Options { forget: true, ..reduced() },
        Options { store: Store::Exact, ..reduced() },
        Options { order: Order::DepthFirst, ..reduced() },
    ];
    for seed in 0..80 {
        for (bad, at) in [None, Some(3), Some(6)].into_iter().zip(0..) {
            let Some((verdict, states)) = judged(seed, bad, &small()) else { continue };
            let count = if verdict == "refuted" { &mut refuted } else { &mut held };
            *count += 1;
            let options = &ways[(seed + at) as usize % ways.len()];
            let (others, fewer) = judged(seed, bad, options).expect("nothing limits it");
            assert_eq!(others, verdict, "world {seed}, {bad:?}, {options:?}");
            (whole, left) = (whole + states, left + fewer);
        }
    }
    assert!(refuted > 20 && held > 20, "{refuted} refuted, {held} held");
    assert!(left < whole, "{left} of {whole} states");
}

#[test]
fn without_any_part_of_its_argument_it_would_change_verdicts() {
    for part in [Part::Comparison, Part::Goals, Part::Circles] {
        let differs = |seed: &u64| {
            let whole = judged(*seed, None, &small());
            WITHOUT.set(Some(part));
            let other = judged(*seed, None, &reduced());
            WITHOUT.set(None);
            whole.zip(other).is_some_and(|((whole, _), (other, _))| whole != other)
        };
        assert!((0..200).any(|seed| differs(&seed)), "nothing is missed without {part:?}");
    }
}
