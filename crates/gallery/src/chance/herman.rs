//! Herman's ring: tokens wander at random and vanish where they meet, until one is left, from whatever state.
//!
//! # Source
//! Ted Herman, *Probabilistic self-stabilization*, Information Processing Letters 35(2), 1990; the expectations after Annabelle
//! McIver, Carroll Morgan, *An elementary proof that Herman's ring is Θ(N²)*, Information Processing Letters 94(2), 2005.
//!
//! # States and steps
//! n processes in a ring, n odd, each with a bit. A process whose bit equals its left neighbour's has a token. All step
//! together: who has a token takes a random bit, who has none takes the neighbour's. Every state is an initial one; there
//! is no adversary.
//!
//! # Questions
//! One token is left almost surely; the expected number of steps until then, from the worst state.
//!
//! # Departures from the source
//! None.
//!
//! # Known answers
//! From three tokens with gaps a, b, c: 4abc / n. The worst state has three, as far apart as can be.

use super::catalogue::{Asks, Known, PublishedGame, Question};
use crate::catalogue::{Constant, Constants, Refused, broken, constant};
use synod_check::chance::{Distribution, Extreme, Game};

/// The game.
#[derive(Clone, Debug)]
pub struct Herman {
    n: u32,
    /// The twin: who has a token keeps its bit.
    broken: bool,
}

/// The bits of all processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bits(u32);

impl Herman {
    /// Whether the process at this place has a token.
    fn has_token(&self, Bits(bits): Bits, at: u32) -> bool {
        let left = (at + self.n - 1) % self.n;
        bits >> at & 1 == bits >> left & 1
    }

    /// The places of the tokens, in ascending order.
    pub fn tokens(&self, bits: Bits) -> Vec<u32> {
        (0..self.n).filter(|&at| self.has_token(bits, at)).collect()
    }

    /// Every bit is the neighbour's: the tokens', which equal it, too.
    fn shifted(&self, Bits(bits): Bits) -> u32 {
        (bits << 1 | bits >> (self.n - 1)) & ((1 << self.n) - 1)
    }
}

impl Game for Herman {
    type State = Bits;
    type Action = ();

    fn initial(&self, each: &mut impl FnMut(Bits)) {
        (0..1 << self.n).for_each(|bits| each(Bits(bits)));
    }

    fn actions(&self, &state: &Bits, each: &mut impl FnMut((), Distribution<Bits>)) {
        let flipping = if self.broken { Vec::new() } else { self.tokens(state) };
        let shifted = self.shifted(state);
        let fallen = |coins: u32| {
            let flip = |bits: u32, (coin, at): (usize, &u32)| bits ^ (coins >> coin & 1) << at;
            Bits(flipping.iter().enumerate().fold(shifted, flip))
        };
        each((), Distribution::uniform((0..1 << flipping.len()).map(fallen)));
    }
}

fn stable(game: &Herman, &state: &Bits) -> bool {
    game.tokens(state).len() == 1
}

impl PublishedGame for Herman {
    const NAME: &'static str = "herman";
    const PAGE: &'static str = include_str!("herman.rs");
    const CONSTANTS: &'static [Constant] =
        &[constant("n", "processes, an odd number", 5, 3, 15), broken("who has a token keeps its bit")];
    const QUESTIONS: &'static [Question<Self>] = &[
        Question { name: "stable", asks: Asks::Surely(stable) },
        Question { name: "steps", asks: Asks::Expected(Extreme::Greatest, stable, |_, _, ()| 1) },
    ];
    const KNOWN: &'static [Known] = &[
        known(&[("n", 3)], 8, &[("stable", 1.0), ("steps", 4.0 / 3.0)]),
        known(&[("n", 5)], 32, &[("stable", 1.0), ("steps", 16.0 / 5.0)]),
        known(&[("n", 7)], 128, &[("stable", 1.0), ("steps", 48.0 / 7.0)]),
        known(&[("n", 9)], 512, &[("stable", 1.0), ("steps", 12.0)]),
        known(&[("n", 11)], 2048, &[("stable", 1.0), ("steps", 192.0 / 11.0)]),
        known(&[("n", 5), ("broken", 1)], 32, &[("stable", 0.0), ("steps", f64::INFINITY)]),
    ];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        let n = constants.get("n") as u32;
        if n.is_multiple_of(2) {
            return Err(Refused::Together("n must be odd: else there may be no token at all"));
        }
        Ok(Self { n, broken: constants.broken() })
    }
}

const fn known(
    constants: &'static [(&'static str, u64)],
    states: u64,
    answers: &'static [(&'static str, f64)],
) -> Known {
    Known { constants, states: Some(states), answers, within: 0.0 }
}
