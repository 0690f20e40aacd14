//! Guerraoui's non-blocking atomic commitment: whoever suspects before voting aborts, all others need every vote.
//!
//! # Source
//! R. Guerraoui, *On the hardness of failure-sensitive agreement problems*, Information Processing Letters 79(2), 2001; the
//! specification nbacg_guer01 (T. H. Tran, I. Konnov, J. Widder).
//!
//! # States and steps
//! Each process is to vote yes or no, and suspects somebody or not, for ever. One that suspects aborts instead of voting;
//! another votes. Having voted it receives votes one by one; after a no it aborts, after n yeses and no no it commits. Any
//! process may crash at any time; if it had not voted, its vote may be received all the same.
//!
//! # Claims
//! NBAC1 agreement: no process commits while another aborts. NBAC2 abort-validity: no process commits if one is to vote
//! no. NBAC3 termination: where nobody crashes and nobody suspects, all decide, if they keep moving.
//!
//! # Departures from the source
//! Steps that change nothing are left out.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, broken, constant};
use crate::set::Set;
use serde::{Deserialize, Serialize};
use synod_check::system::{Claim, Justice, Says, System};

/// The most processes.
const N_MAX: usize = 4;

/// The system.
#[derive(Clone, Debug)]
pub struct NbacgGuer01 {
    /// Processes.
    n: usize,
    /// The twin: one yes less is enough to commit.
    broken: bool,
}

/// What a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// It is to vote yes.
    Yes,
    /// It is to vote no.
    No,
    /// It has voted.
    Sent,
    /// It has aborted.
    Abort,
    /// It has committed.
    Commit,
    /// It has crashed.
    Crashed,
}

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    status: [Status; N_MAX],
    /// Those that suspect somebody.
    suspect: Set,
    /// Votes by processes that have voted.
    sent_yes: u8,
    sent_no: u8,
    /// Votes that processes which crashed before may have sent.
    sent_yes_faulty: u8,
    sent_no_faulty: u8,
    received_yes: [u8; N_MAX],
    received_no: [u8; N_MAX],
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// It crashes.
    Crash(usize),
    /// It votes.
    Vote(usize),
    /// It aborts, since it suspects somebody.
    AbortOnSuspicion(usize),
    /// It receives a yes.
    ReceiveYes(usize),
    /// It receives a no.
    ReceiveNo(usize),
    /// It aborts, since it has received a no.
    AbortOnNo(usize),
    /// It commits.
    Commit(usize),
}

impl NbacgGuer01 {
    fn vote(state: &State, i: usize, each: &mut impl FnMut(Action, State)) {
        let mut next = *state;
        if state.suspect.has(i) {
            next.status[i] = Status::Abort;
            return each(Action::AbortOnSuspicion(i), next);
        }
        next.sent_yes += u8::from(state.status[i] == Status::Yes);
        next.sent_no += u8::from(state.status[i] == Status::No);
        next.status[i] = Status::Sent;
        each(Action::Vote(i), next);
    }

    fn receive_or_decide(&self, state: &State, i: usize, each: &mut impl FnMut(Action, State)) {
        let mut go = |action: Action, change: &dyn Fn(&mut State)| {
            let mut next = *state;
            change(&mut next);
            each(action, next);
        };
        if state.received_yes[i] < state.sent_yes + state.sent_yes_faulty {
            go(Action::ReceiveYes(i), &|s| s.received_yes[i] += 1);
        }
        if state.received_no[i] < state.sent_no + state.sent_no_faulty {
            go(Action::ReceiveNo(i), &|s| s.received_no[i] += 1);
        }
        let needed = self.n - usize::from(self.broken);
        if state.received_no[i] > 0 {
            go(Action::AbortOnNo(i), &|s| s.status[i] = Status::Abort);
        } else if usize::from(state.received_yes[i]) >= needed {
            go(Action::Commit(i), &|s| s.status[i] = Status::Commit);
        }
    }

    fn any(&self, state: &State, status: Status) -> bool {
        state.status[..self.n].contains(&status)
    }

    fn all_decided(&self, state: &State) -> bool {
        state.status[..self.n].iter().all(|s| matches!(s, Status::Commit | Status::Abort))
    }
}

impl System for NbacgGuer01 {
    type State = State;
    type Action = Action;

    fn initial(&self, each: &mut impl FnMut(State)) {
        let all = Set::all(self.n);
        for yes in all.subsets() {
            for suspect in all.subsets() {
                each(State {
                    status: std::array::from_fn(|i| if yes.has(i) { Status::Yes } else { Status::No }),
                    suspect,
                    sent_yes: 0,
                    sent_no: 0,
                    sent_yes_faulty: 0,
                    sent_no_faulty: 0,
                    received_yes: [0; N_MAX],
                    received_no: [0; N_MAX],
                });
            }
        }
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Action, State)) {
        for i in (0..self.n).filter(|&i| state.status[i] != Status::Crashed) {
            let mut next = *state;
            next.status[i] = Status::Crashed;
            next.sent_yes_faulty += u8::from(state.status[i] == Status::Yes);
            next.sent_no_faulty += u8::from(state.status[i] == Status::No);
            each(Action::Crash(i), next);
            match state.status[i] {
                Status::Yes | Status::No => Self::vote(state, i, each),
                Status::Sent => self.receive_or_decide(state, i, each),
                Status::Abort | Status::Commit | Status::Crashed => {}
            }
        }
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new(
                "NBAC1",
                "agreement",
                Says::Always(|it, s| !(it.any(s, Status::Commit) && it.any(s, Status::Abort))),
            ),
            Claim::new(
                "NBAC2",
                "abort-validity",
                Says::Always(|it: &Self, s: &State| {
                    let no = it.any(s, Status::No) || s.sent_no + s.sent_no_faulty > 0;
                    !(no && it.any(s, Status::Commit))
                }),
            ),
            Claim::new(
                "NBAC3",
                "termination",
                Says::Eventually(|it: &Self, s: &State| {
                    !s.suspect.is_empty() || it.any(s, Status::Crashed) || it.all_decided(s)
                }),
            ),
            Claim::new(
                "NBAC4",
                "all may commit",
                Says::Sometimes(|it: &Self, s: &State| s.status[..it.n].iter().all(|&s| s == Status::Commit)),
            ),
        ]
    }

    fn fairness(&self, action: &Action) -> Justice {
        if matches!(action, Action::Crash(_)) { Justice::None } else { Justice::Weak(0) }
    }
}

impl Published for NbacgGuer01 {
    const NAME: &'static str = "nbacg-guer01";
    const PAGE: &'static str = include_str!("nbacg_guer01.rs");
    const CONSTANTS: &'static [Constant] =
        &[constant("n", "processes", 2, 1, N_MAX as u64), broken("1: one yes less is enough to commit")];
    const ROWS: &'static [Row] = &[
        Row::new(&[("n", 2)], 551, 9).from(16).twice(),
        Row::new(&[("n", 3)], 24_922, 16).from(64).published(),
    ];
    const REFUTED: &'static [Refuted] = &[Refuted { constants: &[("broken", 1)], property: "NBAC2" }];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        Ok(Self { n: constants.size("n"), broken: constants.broken() })
    }
}
