//! Dijkstra's termination detection on a ring: a token asks the processes one by one whether they are still active.
//!
//! # Source
//! E. W. Dijkstra, W. H. J. Feijen, A. J. M. van Gasteren, *Derivation of a termination detection algorithm for
//! distributed computations*, Information Processing Letters 16(5), 1983 (EWD840).
//!
//! # States and steps
//! A process is active or not, black or white; the token is at a process, black or white. An active process activates
//! another, and turns black if that one has a higher number; or it becomes passive. Process 0 sends a white token to the
//! highest process when the last probe has failed. A process passes the token down when it is passive or black or the
//! token is black; if it is black the token turns black; it turns white. A message takes no time.
//!
//! # Claims
//! TD1 no false detection: if process 0 is passive and white and holds a white token, all are passive. TD2 the invariant
//! by which the source proves it. TD3 detection: when all are passive, that is detected in the end, if the token keeps
//! moving.
//!
//! # Departures from the source
//! Any activity, any colours, any place of the token at the start, but a black token.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, broken, constant};
use crate::set::Set;
use serde::{Deserialize, Serialize};
use synod_check::system::{Claim, Justice, Says, System};

/// The system.
#[derive(Clone, Debug)]
pub struct Ewd840 {
    /// Processes.
    n: usize,
    /// The twin: a process that activates a higher one stays white.
    broken: bool,
}

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    active: Set,
    black: Set,
    /// Where the token is.
    token: u8,
    token_black: bool,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// Process 0 starts a probe.
    InitiateProbe,
    /// A process passes the token down.
    PassToken(usize),
    /// A process activates another.
    SendMessage(usize, usize),
    /// A process becomes passive.
    Deactivate(usize),
}

impl State {
    /// What process 0 concludes from.
    fn detected(&self) -> bool {
        self.token == 0 && !self.token_black && !self.black.has(0) && !self.active.has(0)
    }

    /// The source's P0 or P1 or P2.
    fn invariant(&self) -> bool {
        let below = Set::all(usize::from(self.token) + 1);
        self.active.within(below) || !self.black.and(below).is_empty() || self.token_black
    }
}

impl System for Ewd840 {
    type State = State;
    type Action = Action;

    fn initial(&self, each: &mut impl FnMut(State)) {
        let all = Set::all(self.n);
        for active in all.subsets() {
            for black in all.subsets() {
                for token in 0..self.n as u8 {
                    each(State { active, black, token, token_black: true });
                }
            }
        }
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Action, State)) {
        let State { active, black, token, token_black } = *state;
        let at = usize::from(token);
        if at == 0 {
            if token_black || black.has(0) {
                let token = self.n as u8 - 1;
                let next = State { active, black: black.without(0), token, token_black: false };
                each(Action::InitiateProbe, next);
            }
        } else if !active.has(at) || black.has(at) || token_black {
            let token_black = token_black || black.has(at);
            let next = State { active, black: black.without(at), token: token - 1, token_black };
            each(Action::PassToken(at), next);
        }
        for i in active.iter() {
            for j in (0..self.n).filter(|&j| j != i) {
                let black = if j > i && !self.broken { black.with(i) } else { black };
                each(Action::SendMessage(i, j), State { active: active.with(j), black, ..*state });
            }
            each(Action::Deactivate(i), State { active: active.without(i), ..*state });
        }
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new(
                "TD1",
                "no false detection",
                Says::Always(|_, s: &State| !s.detected() || s.active.is_empty()),
            ),
            Claim::new("TD2", "invariant", Says::Always(|_, s: &State| s.invariant())),
            Claim::new(
                "TD3",
                "detection",
                Says::LeadsTo(|_, s: &State| s.active.is_empty(), |_, s: &State| s.detected()),
            ),
            Claim::new("TD4", "termination may be detected", Says::Sometimes(|_, s: &State| s.detected())),
        ]
    }

    fn fairness(&self, action: &Action) -> Justice {
        match action {
            Action::InitiateProbe | Action::PassToken(_) => Justice::Weak(0),
            Action::SendMessage(..) | Action::Deactivate(_) => Justice::None,
        }
    }
}

impl Published for Ewd840 {
    const NAME: &'static str = "ewd840";
    const PAGE: &'static str = include_str!("ewd840.rs");
    const CONSTANTS: &'static [Constant] = &[
        constant("n", "processes", 3, 2, 16),
        broken("1: a process that activates a higher one stays white"),
    ];
    const ROWS: &'static [Row] = &[
        Row::new(&[("n", 2)], 54, 6).from(32),
        Row::new(&[("n", 3)], 302, 9).from(192).published(),
        Row::new(&[("n", 4)], 1_566, 12).from(1_024).published(),
        Row::new(&[("n", 5)], 7_742, 15).from(5_120),
        Row::new(&[("n", 6)], 36_990, 18).from(24_576).twice(),
        Row::new(&[("n", 7)], 172_286, 21).from(114_688).twice(),
    ];
    const REFUTED: &'static [Refuted] = &[Refuted { constants: &[("broken", 1)], property: "TD2" }];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        Ok(Self { n: constants.size("n"), broken: constants.broken() })
    }
}
