//! The shared coin: processes walk one counter at random until it is far enough to one side. Against any scheduler all
//! see the same side with a probability that grows with the distance.
//!
//! # Source
//! James Aspnes, Maurice Herlihy, *Fast randomized consensus using shared memory*, Journal of Algorithms 11(3), 1990, the
//! weak shared coin; as the consensus case study of the PRISM model checker has it.
//!
//! # States and steps
//! n processes share a counter from 0 to 2(k + 1)n, at first in the middle. A process flips a coin; then moves the
//! counter by it; then looks: at most n, or at least 2(k + 1)n - n, it is done and takes that side; else it flips again.
//! The adversary schedules.
//!
//! # Questions
//! All are done almost surely; the least probability that all see 1; the greatest that they disagree; expected steps.
//!
//! # Departures from the source
//! None.
//!
//! # Known answers
//! n = 2: k = 2 has 272 states, k = 4 has 528, k = 8 has 1,040. Agreement on a given side is at least (k - 1) / 2k.

use super::catalogue::{Asks, Known, PublishedGame, Question};
use crate::catalogue::{Constant, Constants, Refused, constant};
use synod_check::chance::{Distribution, Extreme, Game};

/// The game.
#[derive(Clone, Debug)]
pub struct SharedCoin {
    n: usize,
    middle: u32,
}

/// The counter, and each process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    counter: u32,
    processes: Vec<Process>,
}

/// Where a process is, and the coin in its hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Process {
    place: Place,
    coin: bool,
}

/// What a process does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    Flip,
    Move,
    Look,
    Done,
}

impl SharedCoin {
    fn moved(&self, counter: u32, coin: bool) -> Option<u32> {
        if coin { (counter < 2 * self.middle).then(|| counter + 1) } else { counter.checked_sub(1) }
    }

    /// The side that the counter is at, if it is far enough.
    fn side(&self, counter: u32) -> Option<bool> {
        let n = self.n as u32;
        if counter <= n { Some(false) } else { (counter >= 2 * self.middle - n).then_some(true) }
    }

    fn step(&self, state: &State, p: usize) -> Option<Distribution<State>> {
        let Process { place, coin } = state.processes[p];
        let with = |counter, place, coin| {
            let mut next = State { counter, processes: state.processes.clone() };
            next.processes[p] = Process { place, coin };
            next
        };
        let counter = state.counter;
        match place {
            Place::Flip => Some(Distribution::uniform([false, true].map(|c| with(counter, Place::Move, c)))),
            Place::Move => Some(Distribution::certain(with(self.moved(counter, coin)?, Place::Look, false))),
            Place::Look => Some(Distribution::certain(match self.side(counter) {
                Some(side) => with(counter, Place::Done, side),
                None => with(counter, Place::Flip, coin),
            })),
            Place::Done => None,
        }
    }
}

impl Game for SharedCoin {
    type State = State;
    type Action = usize;

    fn initial(&self, each: &mut impl FnMut(State)) {
        let start = Process { place: Place::Flip, coin: false };
        each(State { counter: self.middle, processes: vec![start; self.n] });
    }

    fn actions(&self, state: &State, each: &mut impl FnMut(usize, Distribution<State>)) {
        for p in 0..self.n {
            if let Some(distribution) = self.step(state, p) {
                each(p, distribution);
            }
        }
    }
}

fn done(_: &SharedCoin, state: &State) -> bool {
    state.processes.iter().all(|p| p.place == Place::Done)
}

fn all_see_1(game: &SharedCoin, state: &State) -> bool {
    done(game, state) && state.processes.iter().all(|p| p.coin)
}

fn disagree(game: &SharedCoin, state: &State) -> bool {
    done(game, state) && state.processes.iter().any(|p| p.coin != state.processes[0].coin)
}

impl PublishedGame for SharedCoin {
    const NAME: &'static str = "shared-coin";
    const PAGE: &'static str = include_str!("shared_coin.rs");
    const CONSTANTS: &'static [Constant] = &[
        constant("n", "processes", 2, 1, 6),
        constant("k", "how far the counter is from a decision", 2, 1, 64),
    ];
    const QUESTIONS: &'static [Question<Self>] = &[
        Question { name: "done", asks: Asks::Surely(done) },
        Question { name: "all-see-1-least", asks: Asks::Probability(Extreme::Least, all_see_1) },
        Question { name: "disagree-greatest", asks: Asks::Probability(Extreme::Greatest, disagree) },
        Question { name: "steps-least", asks: Asks::Expected(Extreme::Least, done, |_, _, _| 1) },
        Question { name: "steps-greatest", asks: Asks::Expected(Extreme::Greatest, done, |_, _, _| 1) },
    ];
    const KNOWN: &'static [Known] = &[
        known(
            &[("k", 2)],
            272,
            &[
                ("done", 1.0),
                ("all-see-1-least", 0.382_812_5),
                ("disagree-greatest", 0.108_333_3),
                ("steps-greatest", 75.0),
                ("steps-least", 48.0),
            ],
        ),
        known(
            &[("k", 4)],
            528,
            &[
                ("done", 1.0),
                ("all-see-1-least", 0.437_744_1),
                ("disagree-greatest", 0.061_519_7),
                ("steps-greatest", 243.0),
                ("steps-least", 192.0),
            ],
        ),
        known(
            &[("k", 8)],
            1040,
            &[
                ("done", 1.0),
                ("all-see-1-least", 0.468_750_5),
                ("disagree-greatest", 0.031_246_2),
                ("steps-greatest", 867.0),
                ("steps-least", 768.0),
            ],
        ),
    ];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        let n = constants.size("n");
        Ok(Self { n, middle: (constants.get("k") as u32 + 1) * n as u32 })
    }
}

const fn known(
    constants: &'static [(&'static str, u64)],
    states: u64,
    answers: &'static [(&'static str, f64)],
) -> Known {
    Known { constants, states: Some(states), answers, within: 1e-7 }
}
