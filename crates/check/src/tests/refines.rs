//! That the order of environments is sound: whatever is reached and observed in one that refines another is reached and
//! observed there. So a verdict of safety carries over, whatever the property.

use super::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use synod_kernel::{Failures, Links, Observed, Omits, Oracles, Partition, Seat, Storage, Takeover, Timing};
use synod_model::failure::FailureKind;
use synod_model::link::{LinkBase, LinkKind};
use synod_model::timing::TimingKind;
use synod_model::{Bounds, EventuallyPerfect, Group, Process, Synchronous};

/// What a probe is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Act {
    Send(u32, u8),
    Store(u8),
    Say(u8),
    Timer(u8),
    Pulse(u8),
    Consult(Output),
    TellBounds,
}

/// What it tells: what it was told to say, and all that reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Told {
    Said(u8),
    Heard(ProcessId, u8),
    Fired(Bell),
    Bounds(Duration),
    Found(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Bell {
    Plain(u8),
    Oracle(Output),
}

/// A disk that shows its tears.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Pages(Vec<u8>);

impl Stable for Pages {
    type Write = u8;
    fn apply(&mut self, write: u8) {
        self.0.push(write);
    }
    fn tear(&mut self, write: u8) {
        self.0.push(100 + write);
    }
}

/// Does as it is told, at its start and when it is asked, and tells what reaches it, up to a number of things.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Probe {
    heard: u8,
}

/// As many as a probe heeds.
const ENOUGH: u8 = 2;
/// A message that a probe ignores unless it has heard another.
const LATER: u8 = 0;

impl Probe {
    fn act(acts: &[Act], ctx: &mut impl Context<Self>) {
        for act in acts {
            match *act {
                Act::Send(to, m) => ctx.send(ProcessId(to), m),
                Act::Store(w) => ctx.store(w),
                Act::Say(x) => ctx.indicate(Told::Said(x)),
                Act::Timer(t) => ctx.set_timer(Bell::Plain(t), Duration::from_millis(1)),
                Act::Pulse(t) => ctx.set_pulse(Bell::Plain(t)),
                Act::Consult(o @ Output::Trust(_)) => ctx.consult::<Omega>(o, Bell::Oracle(o)),
                Act::Consult(o) => ctx.consult::<EventuallyPerfect>(o, Bell::Oracle(o)),
                Act::TellBounds => {
                    let delay = ctx.bounds().delay;
                    ctx.indicate(Told::Bounds(delay));
                }
            }
        }
    }

    fn heed(&mut self, told: Told, ctx: &mut impl Context<Self>) {
        if self.heard < ENOUGH {
            self.heard += 1;
            ctx.indicate(told);
        }
    }
}

impl Process for Probe {
    type Model = (CrashRecovery, Perfect, With<With<Synchronous, Omega>, EventuallyPerfect>, AnyNumber);
    type Parameters = Vec<Vec<Act>>;
    type Request = Vec<Act>;
    type Indication = Told;
    type Message = u8;
    type Timer = Bell;
    type Stable = Pages;

    fn on_init(at_start: &Vec<Vec<Act>>, ctx: &mut impl Context<Self>) -> Self {
        if let Some(acts) = at_start.get(ctx.me().0 as usize) {
            Self::act(acts, ctx);
        }
        Self { heard: 0 }
    }
    fn on_request(&mut self, acts: Vec<Act>, ctx: &mut impl Context<Self>) {
        Self::act(&acts, ctx);
    }
    fn on_message(&mut self, from: ProcessId, message: u8, ctx: &mut impl Context<Self>) {
        if message != LATER || self.heard > 0 {
            self.heed(Told::Heard(from, message), ctx);
        }
    }
    fn on_timer(&mut self, bell: Bell, ctx: &mut impl Context<Self>) {
        self.heed(Told::Fired(bell), ctx);
    }
    fn on_recovery(_: &Vec<Vec<Act>>, disk: &Pages, ctx: &mut impl Context<Self>) -> Self {
        disk.0.iter().for_each(|&page| ctx.indicate(Told::Found(page)));
        Self { heard: 0 }
    }
}

/// What was observed, in order: the first few. What one of its states can be told by is what any safety property can.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct History(Vec<Observed<Vec<Act>, Told>>);

const FEW: usize = 4;

impl Monitor<Vec<Act>, Told> for History {
    fn properties(&self) -> Vec<Property> {
        Vec::new()
    }
    fn observe(&mut self, observation: &Observation<'_, Vec<Act>, Told>) -> Result<(), Violation> {
        if self.0.len() < FEW {
            self.0.push(match *observation {
                // what is asked is known; that it is asked is what counts
                Observation::Request { at, .. } => Observed::Request(at, Vec::new()),
                Observation::Indication { at, indication } => Observed::Indication(at, *indication),
                Observation::Crash { at } => Observed::Crash(at),
                Observation::Recover { at } => Observed::Recover(at),
                Observation::Corrupt { at } => Observed::Corrupt(at),
            });
        }
        Ok(())
    }
    fn owed(&self, _: &mut impl FnMut(Obligation)) {}
    fn reached(&self, _: &mut impl FnMut(&'static str)) {}
}

/// All that is reached: what the processes are and remember, with what was observed; and what is broken.
#[derive(Debug, Default)]
struct Reached {
    states: BTreeSet<(Vec<Seat<Probe>>, History)>,
    broken: BTreeSet<String>,
}

fn reached(setting: &Setting<Probe>) -> Reached {
    let nothing_yet = History::default();
    let space = Reference::new(setting, &nothing_yet, |probe: &Probe| u64::from(probe.heard));
    let start = space.start().0;
    let mut all = Reached::default();
    all.broken.extend(start.broken.map(|violation| violation.what));
    let mut rows = start.rows;
    let mut seen: BTreeSet<_> = rows.iter().map(|state| space.print(state)).collect();
    while let Some(state) = rows.pop() {
        all.states.insert((state.world.seats.clone(), state.monitor.clone()));
        let expanded = space.expand(&state, &mut |edge| match edge {
            Edge::To { print, step: (next, _) } if seen.insert(print) => rows.push(next),
            Edge::Broken(violation) => _ = all.broken.insert(violation.what),
            _ => {}
        });
        expanded.expect("plain values need no table");
    }
    all
}

/// What is reached here and not there. Where a handler panics there, nothing is held that could carry over.
fn beyond(here: &Reached, there: &Reached) -> Option<String> {
    if !there.broken.is_empty() {
        return None;
    }
    let state = here.states.difference(&there.states).next().map(|state| format!("{state:?}"));
    state.or_else(|| here.broken.first().cloned())
}

/// Small worlds, each for a few of the axes: what each process does at its start, and what it is asked for.
fn worlds() -> Vec<(Vec<Vec<Act>>, Vec<Vec<Vec<Act>>>)> {
    use Act::{Consult, Pulse, Say, Send, Store, TellBounds, Timer};
    let [p0, p1] = [0, 1].map(ProcessId);
    vec![
        (vec![], vec![vec![vec![Store(1), Send(1, 5), Say(1), Store(2), Say(2)]], vec![]]),
        (vec![vec![Store(1), Say(1)], vec![Say(3)]], vec![vec![vec![Send(1, 5), Say(2)]], vec![]]),
        (vec![], vec![vec![vec![Send(1, 5), Send(1, 5), Send(1, 6)]], vec![]]),
        (vec![], vec![vec![vec![Send(1, LATER), Send(1, 5), Send(1, LATER)]], vec![]]),
        (vec![], vec![vec![vec![Timer(1), Timer(2)]], vec![vec![Pulse(3), Pulse(4)]]]),
        (
            vec![],
            vec![
                vec![vec![Consult(Output::Trust(p0)), Consult(Output::Trust(p1))]],
                vec![vec![Consult(Output::Suspect(p0)), Consult(Output::Restore(p0))]],
            ],
        ),
        (vec![], vec![vec![vec![Say(1)], vec![TellBounds]], vec![]]),
        (vec![], vec![vec![vec![Store(1)], vec![Say(1)]], vec![vec![Say(2)]]]),
        (vec![], vec![vec![vec![Store(1), Say(1), Say(2)], vec![Store(3)]], vec![]]),
        (vec![], vec![vec![vec![Store(1), Store(2)]], vec![]]),
    ]
}

fn world(which: usize, environment: Environment) -> Setting<Probe> {
    let (at_start, requests) = worlds().swap_remove(which);
    let lies = environment.failures.lies.any() || environment.links.injections.any();
    let setting = Setting::new(environment, at_start, requests);
    if lies { setting.with_lies(vec![7, 8]) } else { setting }
}

/// An axis: how it is put from one environment into another, and what it may be.
type Axis = (&'static str, BoxedStrategy<fn(&mut Environment)>);

/// One of these changes of an environment.
fn one_of(changes: &[fn(&mut Environment)]) -> BoxedStrategy<fn(&mut Environment)> {
    prop::sample::select(changes.to_vec()).boxed()
}

macro_rules! values {
    ($e:ident, $place:expr; $($value:expr),+ $(,)?) => { one_of(&[$(|$e| $place = $value),+]) };
}

macro_rules! budgets {
    ($e:ident, $place:expr) => {
        values!($e, $place; Budget::NONE, Budget::AtMost(1), Budget::AtMost(2), Budget::Unlimited)
    };
}

fn cut(from: u32, to: u32, one_way: bool) -> Partition {
    Partition { from: vec![ProcessId(from)], to: vec![ProcessId(to)], one_way }
}

fn bounds(milliseconds: u64) -> Bounds {
    Bounds { delay: Duration::from_millis(milliseconds), step: Duration::ZERO, drift_ppm: 0 }
}

fn plain(base: LinkBase, fifo: bool) -> LinkKind {
    LinkKind { fifo, ..LinkKind::plain(base) }
}

fn untrusted(authenticated: bool) -> LinkKind {
    LinkKind { arbitrary: true, authenticated, ..LinkKind::plain(LinkBase::Perfect) }
}

/// Every field of an environment that an exploration reads. A new one does not compile before it has its place here, or
/// among those left out, which simulations read alone.
fn axes() -> Vec<Axis> {
    let Environment {
        processes: _,
        failures,
        storage,
        links,
        partitions: _,
        cuts: _,
        timing,
        oracles,
        measure: _,
    } = Environment::benign(2);
    let Failures { kind: _, stops: _, omissions: _, omits: _, lies: _, takeover: _, restarts: _, among: _ } =
        failures;
    let Storage {
        durability: _,
        torn_writes: _,
        bit_rot: _,
        misdirected_writes: _,
        failed_writes: _,
        sync_max: _,
    } = storage;
    let Links { kind: _, losses: _, duplications: _, injections: _, as_set: _, ignored_stay: _, .. } = links;
    let Links { loss_probability: _, duplication_probability: _, injection_probability: _, .. } = links;
    let Links { delay_min: _, delay_max: _, .. } = links;
    let Timing { kind: _, firings: _, pulses: _, gst: _, delay_before_gst: _, bounds: _ } = timing;
    let Oracles { granted: _, outputs: _ } = oracles;
    vec![
        ("processes", values!(e, e.processes; 2, 3)),
        (
            "failures.kind",
            values!(e, e.failures.kind; FailureKind::Reliable, FailureKind::CrashStop, FailureKind::CrashRecovery,
                FailureKind::Omission, FailureKind::AuthenticatedByzantine, FailureKind::Byzantine),
        ),
        ("failures.stops", budgets!(e, e.failures.stops)),
        ("failures.lies", values!(e, e.failures.lies; Budget::NONE, Budget::AtMost(1), Budget::AtMost(2))),
        ("failures.omissions", budgets!(e, e.failures.omissions)),
        (
            "failures.omits",
            values!(e, (e.failures.omissions, e.failures.omits); (Budget::AtMost(1), Omits::Send),
                (Budget::AtMost(1), Omits::Receive), (Budget::AtMost(1), Omits::General)),
        ),
        (
            "failures.takeover",
            values!(e, (e.failures.lies, e.failures.takeover); (Budget::AtMost(1), Takeover::AtStart),
                (Budget::AtMost(1), Takeover::AnyTime)),
        ),
        ("failures.restarts", budgets!(e, e.failures.restarts)),
        (
            "failures.among",
            values!(e, e.failures.among; None, Some(Group::first(0)), Some(Group::first(1)), Some(Group::new(1, 1)),
                Some(Group::first(2))),
        ),
        (
            "storage.durability",
            values!(e, e.storage.durability; Durability::Immediate, Durability::Deferred,
                Durability::DeferredWithinHandler),
        ),
        ("storage.torn_writes", budgets!(e, e.storage.torn_writes)),
        (
            "storage.bit_rot",
            values!(e, e.storage.bit_rot; Budget::NONE, Budget::AtMost(1), Budget::AtMost(2)),
        ),
        ("storage.misdirected_writes", budgets!(e, e.storage.misdirected_writes)),
        ("storage.failed_writes", budgets!(e, e.storage.failed_writes)),
        (
            "links.kind",
            values!(e, e.links.kind; plain(LinkBase::FairLoss, false), plain(LinkBase::FairLoss, true),
                plain(LinkBase::Stubborn, false), plain(LinkBase::Stubborn, true),
                plain(LinkBase::Perfect, false), plain(LinkBase::Perfect, true),
                plain(LinkBase::Logged, false), plain(LinkBase::Durable, true), untrusted(false), untrusted(true)),
        ),
        ("links.losses", budgets!(e, e.links.losses)),
        ("links.duplications", budgets!(e, e.links.duplications)),
        (
            "links.injections",
            values!(e, e.links.injections; Budget::NONE, Budget::AtMost(1), Budget::AtMost(2)),
        ),
        ("links.as_set", values!(e, e.links.as_set; false, true)),
        ("links.ignored_stay", values!(e, e.links.ignored_stay; false, true)),
        ("partitions", budgets!(e, e.partitions)),
        (
            "cuts",
            values!(e, e.cuts; None, Some([cut(0, 1, false)].into()), Some([cut(0, 1, true)].into()),
                Some([cut(0, 1, true), cut(1, 0, true)].into())),
        ),
        (
            "timing.kind",
            values!(e, e.timing.kind; TimingKind::Asynchronous, TimingKind::PartiallySynchronous,
                TimingKind::Synchronous),
        ),
        ("timing.firings", budgets!(e, e.timing.firings)),
        ("timing.pulses", budgets!(e, e.timing.pulses)),
        ("timing.bounds", values!(e, e.timing.bounds; None, Some(bounds(1)), Some(bounds(2)))),
        (
            "oracles.granted",
            values!(e, e.oracles.granted; BTreeSet::new(), [OracleKind::Omega].into(),
                [OracleKind::Omega, OracleKind::EventuallyPerfect].into()),
        ),
        ("oracles.outputs", budgets!(e, e.oracles.outputs)),
        ("measure", budgets!(e, e.measure)),
    ]
}

/// A pair of environments of which each has its own change, on an axis, of what both have in common.
fn pairs(axis: usize) -> impl Strategy<Value = (usize, Environment, Environment)> {
    let other = || (0..axes().len()).prop_flat_map(|at| axes().swap_remove(at).1);
    let own = || axes().swap_remove(axis).1;
    // a fault or two besides, so that what one axis allows meets what another does
    let common = prop::collection::vec(other(), 0..3);
    (0..worlds().len(), common, own(), own(), prop::option::of(other())).prop_map(
        |(world, common, mine, yours, also)| {
            let mut a = Environment::benign(2);
            for change in common {
                change(&mut a);
            }
            let mut b = a.clone();
            mine(&mut a);
            yours(&mut b);
            if let Some(change) = also {
                change(&mut b);
            }
            (world, a, b)
        },
    )
}

/// How many pairs are tried on each axis.
const PAIRS: u32 = 64;

#[test]
fn what_is_reached_where_less_may_happen_is_reached_where_more_may() {
    for (axis, (name, _)) in axes().into_iter().enumerate() {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[axis as u8; 32]);
        let mut runner =
            TestRunner::new_with_rng(Config { failure_persistence: None, ..Config::default() }, rng);
        let mut compared = 0;
        for _ in 0..PAIRS {
            let (which, a, b) = pairs(axis).new_tree(&mut runner).expect("a pair").current();
            let (stronger, weaker) = if a.refines(&b) { (a, b) } else { (b, a) };
            if stronger == weaker || !stronger.refines(&weaker) {
                continue;
            }
            let [here, there] = [&stronger, &weaker].map(|e| reached(&world(which, e.clone())));
            let only_here = beyond(&here, &there);
            assert_eq!(only_here, None, "{name}, world {which}: {stronger:#?} refines {weaker:#?}");
            compared += 1;
        }
        assert!(compared > 3, "{name}: {compared} pairs of {PAIRS}");
    }
}

/// What of a pair of environments is in question.
type Weakening = fn(&mut Environment);

/// On each axis: which world, what the environments have in common, and what one of them allows beyond the other.
fn weakenings() -> Vec<(&'static str, usize, Weakening, Weakening)> {
    const ONE: Budget = Budget::AtMost(1);
    let nothing: Weakening = |_| {};
    let cut_and_fifo: Weakening = |e| {
        e.links.kind = plain(LinkBase::FairLoss, true);
        e.cuts = Some(BTreeSet::new());
        e.partitions = ONE;
    };
    vec![
        ("failures.stops", 0, nothing, |e| e.failures.stops = ONE),
        ("failures.lies", 2, nothing, |e| e.failures.lies = ONE),
        ("failures.omissions", 2, |e| e.links.kind.fifo = true, |e| e.failures.omissions = ONE),
        (
            "failures.omits",
            2,
            |e| {
                e.links.kind.fifo = true;
                e.failures.omissions = ONE;
                e.failures.omits = Omits::Send;
                e.failures.among = Some(Group::new(1, 1));
            },
            |e| e.failures.omits = Omits::General,
        ),
        ("failures.takeover", 2, |e| e.failures.lies = ONE, |e| e.failures.takeover = Takeover::AnyTime),
        ("failures.restarts", 0, nothing, |e| e.failures.restarts = ONE),
        (
            "failures.among",
            0,
            |e| {
                e.failures.stops = ONE;
                e.failures.among = Some(Group::first(1));
            },
            |e| e.failures.among = None,
        ),
        (
            "storage.torn_writes",
            0,
            |e| {
                e.storage.durability = Durability::Deferred;
                e.failures.restarts = ONE;
            },
            |e| e.storage.torn_writes = ONE,
        ),
        ("storage.bit_rot", 0, |e| e.failures.restarts = ONE, |e| e.storage.bit_rot = ONE),
        (
            "storage.misdirected_writes",
            9,
            |e| {
                e.storage.durability = Durability::Deferred;
                e.failures.restarts = ONE;
            },
            |e| e.storage.misdirected_writes = ONE,
        ),
        (
            "storage.failed_writes",
            0,
            |e| e.storage.durability = Durability::Deferred,
            |e| e.storage.failed_writes = ONE,
        ),
        ("links.injections", 2, |e| e.links.kind = untrusted(false), |e| e.links.injections = ONE),
        (
            "links.kind: authenticated",
            2,
            |e| {
                e.links.kind = untrusted(true);
                e.links.injections = ONE;
            },
            |e| e.links.kind = untrusted(false),
        ),
        ("links.kind: FIFO", 2, |e| e.links.kind.fifo = true, |e| e.links.kind.fifo = false),
        (
            "links.kind: what meets a cut",
            2,
            |e| {
                e.partitions = ONE;
                e.links.kind = plain(LinkBase::Perfect, true);
            },
            |e| e.links.kind = plain(LinkBase::FairLoss, true),
        ),
        ("links.losses", 2, |e| e.links.kind = plain(LinkBase::FairLoss, true), |e| e.links.losses = ONE),
        ("links.duplications", 2, nothing, |e| e.links.duplications = ONE),
        (
            "links.as_set",
            2,
            |e| {
                e.links.losses = Budget::Unlimited;
                e.links.as_set = true;
            },
            |e| e.links.as_set = false,
        ),
        (
            "links.ignored_stay",
            3,
            |e| {
                e.links.kind.fifo = true;
                e.links.ignored_stay = true;
            },
            |e| e.links.ignored_stay = false,
        ),
        ("partitions", 2, |e| e.links.kind = plain(LinkBase::FairLoss, true), |e| e.partitions = ONE),
        ("cuts", 2, cut_and_fifo, |e| e.cuts = Some([cut(0, 1, true)].into())),
        ("timing.firings", 4, |e| e.timing.firings = ONE, |e| e.timing.firings = Budget::AtMost(2)),
        ("timing.pulses", 4, |e| e.timing.pulses = Budget::NONE, |e| e.timing.pulses = Budget::Unlimited),
        ("oracles.outputs", 5, nothing, |e| e.oracles.outputs = ONE),
        ("measure", 2, |e| e.measure = ONE, |e| e.measure = Budget::Unlimited),
    ]
}

/// The relation would be sound if it held of nothing, and the worlds could show nothing if all of them were alike.
#[test]
fn what_may_happen_beyond_shows_on_every_axis() {
    for (axis, which, common, weaken) in weakenings() {
        let mut stronger = Environment::benign(2);
        common(&mut stronger);
        let mut weaker = stronger.clone();
        weaken(&mut weaker);
        assert!(stronger.refines(&weaker) && !weaker.refines(&stronger), "{axis}");
        let [here, there] = [stronger, weaker].map(|e| reached(&world(which, e)));
        assert_eq!(beyond(&here, &there), None, "{axis}");
        // a run that one could forbid: a property that holds here and is refuted there
        let told = |reached: &Reached| -> BTreeSet<_> {
            reached.states.iter().map(|(_, history)| history.clone()).collect()
        };
        assert!(!told(&there).is_subset(&told(&here)), "{axis}");
    }
}

/// Pairs that look as if one refined the other, and of which each reaches what the other does not.
#[test]
fn what_is_no_less_does_not_refine() {
    let pairs: [(&str, usize, Weakening, Weakening); 5] = [
        (
            "a queue keeps the copies that a set drops",
            2,
            |e| {
                e.links.kind.fifo = true;
                e.links.as_set = true;
            },
            |e| e.links.as_set = true,
        ),
        (
            "known bounds are what a process goes by",
            6,
            |e| e.timing.bounds = Some(bounds(1)),
            |e| {
                e.timing.bounds = Some(bounds(2));
            },
        ),
        (
            "an immediate disk lets a process tell between two starts",
            1,
            |e| e.storage.durability = Durability::Immediate,
            |e| e.storage.durability = Durability::Deferred,
        ),
        (
            "a deferred disk spares a second write where all that waited for the first is not told",
            8,
            |e| {
                e.failures.restarts = Budget::AtMost(1);
                e.storage.durability = Durability::Deferred;
            },
            |e| e.failures.restarts = Budget::AtMost(1),
        ),
        (
            "what is held back within one handler is told too early",
            7,
            |e| e.storage.durability = Durability::Deferred,
            |e| e.storage.durability = Durability::DeferredWithinHandler,
        ),
    ];
    for (what, which, a, b) in pairs {
        let [a, b] = [a, b].map(|change| {
            let mut environment = Environment::benign(2);
            change(&mut environment);
            environment
        });
        let [here, there] = [&a, &b].map(|e| reached(&world(which, e.clone())));
        assert!(beyond(&here, &there).is_some(), "{what}");
        assert!(!a.refines(&b), "{what}");
    }
}

/// Three processes in a ring, each of which sends two messages to the next.
fn ring(fifo: bool, cuts: Option<BTreeSet<Partition>>) -> Reached {
    let mut environment = Environment::benign(3);
    environment.links.kind = plain(LinkBase::FairLoss, fifo);
    environment.partitions = Budget::AtMost(1);
    environment.cuts = cuts;
    let at_start = (0..3).map(|p| vec![Act::Send((p + 1) % 3, 5), Act::Send((p + 1) % 3, 6)]).collect();
    reached(&Setting::new(environment, at_start, vec![]))
}

/// Where no cuts are listed, splits alone are tried: they do all that cuts of fewer links do. (On links that keep no order
/// no cut does anything: what is not delivered in time need not be delivered at all.)
#[test]
fn a_split_does_what_a_cut_of_some_of_its_links_does() {
    let all = [0, 1, 2].map(ProcessId).to_vec();
    let triangle = Partition { from: all.clone(), to: all, one_way: false };
    for fifo in [false, true] {
        let splits = ring(fifo, None);
        for one_way in [false, true] {
            let single = ring(fifo, Some([cut(0, 1, one_way)].into()));
            assert_eq!(beyond(&single, &splits), None, "FIFO {fifo}, one way {one_way}");
            assert_eq!(beyond(&splits, &single).is_some(), fifo, "one way {one_way}");
        }
        let ring = ring(fifo, Some([triangle.clone()].into()));
        assert_eq!(beyond(&ring, &splits).is_some(), fifo, "it lies in no split");
    }
}

/// A goal for each of a few classes of histories: no history is in the class of one that goes on from it for long.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Classes(History);

const CLASSES: [Property; 6] = [
    Property::reachable("0", "class 0"),
    Property::reachable("1", "class 1"),
    Property::reachable("2", "class 2"),
    Property::reachable("3", "class 3"),
    Property::reachable("4", "class 4"),
    Property::reachable("5", "class 5"),
];

impl Monitor<Vec<Act>, Told> for Classes {
    fn properties(&self) -> Vec<Property> {
        CLASSES.to_vec()
    }
    fn observe(&mut self, observation: &Observation<'_, Vec<Act>, Told>) -> Result<(), Violation> {
        self.0.observe(observation)
    }
    fn owed(&self, _: &mut impl FnMut(Obligation)) {}
    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        let class = crate::fingerprint::print_of(&self.0) % CLASSES.len() as u128;
        reach(CLASSES[class as usize].id);
    }
}

#[test]
fn a_reduction_by_partial_order_reaches_the_same_goals_in_every_environment() {
    for (axis, (name, _)) in axes().into_iter().enumerate() {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[axis as u8; 32]);
        let mut runner =
            TestRunner::new_with_rng(Config { failure_persistence: None, ..Config::default() }, rng);
        for _ in 0..6 {
            let (which, environment, _) = pairs(axis).new_tree(&mut runner).expect("a pair").current();
            let setting = world(which, environment);
            let of = |partial_order| {
                let options = Options { partial_order, ..Options::default() };
                let measure = |probe: &Probe| u64::from(probe.heard);
                let report =
                    check(&setting, &Classes::default(), measure, &options, &mut |_| Control::Continue);
                (report.counterexample.is_some(), report.verdicts, report.states)
            };
            let (whole, reduced) = (of(false), of(true));
            assert_eq!((reduced.0, &reduced.1), (whole.0, &whole.1), "{name}, world {which}");
            assert!(reduced.2 <= whole.2, "{name}, world {which}");
        }
    }
}
