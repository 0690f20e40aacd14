//! Lock-step rounds with coins: all flip until all have flipped alike.

use synod_check::chance::{AlmostSurely, Explored, Extreme, Game, Interval, Precision};
use synod_check::rounds::{Between, Faults, LockStep, Seat};
use synod_check::system::System;
use synod_check::{Control, Options, check_system};
use synod_model::interface::Decide;
use synod_model::prelude::*;
use synod_properties::{Kind, Monitor, Obligation, Observation, Property, Verdict, Violation};

/// Flips, tells, and is done when all that it heard from flipped as it did.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Flipper {
    coin: Option<bool>,
    done: bool,
}

impl RoundProcess for Flipper {
    type Model = (CrashStop, Perfect, With<Synchronous, LocalCoin>);
    type Parameters = ();
    type Request = Never;
    type Indication = Decide<bool>;
    type Message = bool;

    fn on_init((): &(), _: &mut impl RoundContext<Self>) -> Self {
        Self { coin: None, done: false }
    }

    fn on_request(&mut self, request: Never, _: &mut impl RoundContext<Self>) {
        match request {}
    }

    fn on_round(&mut self, _: Round, inbox: Inbox<bool>, ctx: &mut impl RoundContext<Self>) {
        if let Some(coin) = self.coin
            && inbox.messages().all(|&other| other == coin)
        {
            self.done = true;
            ctx.indicate(Decide(coin));
            return;
        }
        let coin = ctx.coin();
        self.coin = Some(coin);
        ctx.send_others(&coin);
    }

    fn halted(&self) -> bool {
        self.done
    }
}

const AGREEMENT: Property = Property { id: "C4", name: "agreement", kind: Kind::Safety };

/// All decide alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Agreement(Option<bool>);

impl Monitor<Never, Decide<bool>> for Agreement {
    fn properties(&self) -> Vec<Property> {
        vec![AGREEMENT]
    }

    fn observe(&mut self, observation: &Observation<'_, Never, Decide<bool>>) -> Result<(), Violation> {
        if let Observation::Indication { at, indication: Decide(coin) } = observation
            && *self.0.get_or_insert(*coin) != *coin
        {
            return Err(Violation::new(&AGREEMENT, format!("{at} decides {coin}")));
        }
        Ok(())
    }

    fn owed(&self, _: &mut impl FnMut(Obligation)) {}

    fn reached(&self, _: &mut impl FnMut(&'static str)) {}
}

type World = LockStep<Flipper, Agreement>;
type State = Between<Flipper, Agreement>;

fn world(n: u32, crashes: u32, rounds: u32) -> World {
    LockStep::new(n, (), vec![vec![]], Faults::crashes(crashes), Round(rounds), Agreement(None))
}

fn explored(world: &World) -> Explored<'_, World> {
    Explored::new(world, 1 << 20, &mut |_| Control::Continue).expect("small enough")
}

fn all_done(state: &State) -> bool {
    state.seats.iter().all(|seat| match seat {
        Seat::Up { local, .. } => local.done,
        Seat::Stopped | Seat::Liar => true,
    })
}

fn extremes(world: &World) -> [Interval; 2] {
    let explored = explored(world);
    [Extreme::Least, Extreme::Greatest].map(|e| explored.probability(e, all_done, Precision::default()).value)
}

/// n coins fall alike with probability 2 / 2^n, in each round anew.
#[test]
fn without_faults_n_coins_fall_alike_with_probability_two_to_the_one_minus_n() {
    for n in 2..=4 {
        let once = 2.0 / f64::from(1 << n);
        for (rounds, chance) in [(2, once), (3, 1.0 - (1.0 - once) * (1.0 - once))] {
            for value in extremes(&world(n, 0, rounds)) {
                assert!(value.contains(chance) && value.width() < 1e-9, "n = {n}: {chance}, {value:?}");
            }
        }
    }
}

/// Of three coins two are alike: once they have fallen, the adversary crashes the third process before it is heard, or not.
#[test]
fn the_adversary_sees_the_coins_of_the_rounds_before() {
    let [least, greatest] = extremes(&world(3, 1, 2));
    assert!(least.contains(0.25) && least.width() < 1e-9, "{least:?}");
    assert_eq!(greatest, Interval::exactly(1.0));
}

/// It does not see those of the round in which it acts: a crash in the first leaves two coins, that fall alike or not.
#[test]
fn the_adversary_does_not_foresee_coins() {
    let world = world(3, 1, 2);
    let mut after = Vec::new();
    let mut start = None;
    System::initial(&world, &mut |state| start = Some(state));
    Game::actions(&world, &start.expect("a start"), &mut |action, distribution| {
        if !action.crashed.is_empty() {
            after.push(distribution.outcomes().len());
        }
    });
    assert_eq!(after, [4; 3], "whoever crashes, the two others' coins fall in four ways");
}

/// Until the second round nobody hears a coin, so nobody decides; whoever is the only one left has nobody to tell.
#[test]
fn what_no_round_comes_to_is_told() {
    let told = |world: &World| -> Vec<_> {
        world.unreached(1_000).expect("small enough").iter().map(ToString::to_string).collect()
    };
    let early = told(&world(2, 0, 1));
    assert_eq!(early, ["any message sent, never handled", "indication `Decide` never given"]);
    assert_eq!(told(&world(2, 0, 2)), Vec::<String>::new());
    let nobody_flips = told(&world(2, 0, 0));
    assert_eq!(nobody_flips[2..], ["coin granted, never tossed"], "{nobody_flips:?}");
    let omissions =
        |n| LockStep::new(n, (), vec![vec![]], Faults::omissions(1, true, true), Round(2), Agreement(None));
    assert_eq!(told(&omissions(2)), Vec::<String>::new());
    let alone = told(&omissions(1));
    assert_eq!(
        alone[1..],
        ["omission to send granted, never possible", "omission to receive granted, never possible"],
        "{alone:?}"
    );
    assert_eq!(world(2, 0, 2).unreached(3), None, "there are more states");
}

#[test]
fn every_fall_of_the_coins_is_checked() {
    let report = check_system(&world(3, 0, 3), &Options::default(), &mut |_| Control::Continue);
    assert_eq!(*report.verdict("C4"), Verdict::Holds);
    let report = check_system(&world(3, 1, 3), &Options::default(), &mut |_| Control::Continue);
    assert!(
        matches!(report.verdict("C4"), Verdict::Violated { .. }),
        "a crash lets two be content for different reasons"
    );
    let mut starts = 0;
    System::initial(&world(3, 0, 3), &mut |_| starts += 1);
    assert_eq!(starts, 1);
}

#[test]
fn within_any_number_of_rounds_it_may_take_longer() {
    let world = world(2, 0, 4);
    let AlmostSurely::Escapes(escape) = explored(&world).almost_surely(all_done) else {
        panic!("three flips in a row may differ");
    };
    assert_eq!(escape.stem.len(), 4);
    assert!(escape.stays[0].1.is_empty(), "the rounds are over");
}
