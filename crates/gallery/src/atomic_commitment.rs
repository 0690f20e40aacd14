//! Non-blocking atomic commitment: the decision is forwarded before it is taken, so that the coordinator's crash blocks
//! nobody.
//!
//! # Source
//! Ö. Babaoğlu, S. Toueg, *Non-blocking atomic commitment*, in S. Mullender (ed.), *Distributed Systems*, 2nd ed. 1993,
//! chapter 6; the specifications ACP_SB and ACP_NB of the TLA+ examples (M. Charpentier).
//!
//! # States and steps
//! The coordinator asks each participant for its vote, records the votes, decides - to abort also when one has crashed
//! before voting - and sends its decision to one after the other. A participant votes, aborts if its vote is no, or if
//! the coordinator crashed before asking it, and decides as the coordinator tells it. Anyone may crash at any time.
//! With `forward` = 1, a participant forwards what it hears, from the coordinator or another participant, to all others
//! before it decides; and it aborts when the coordinator and all that crashed have told nobody who is up.
//!
//! # Claims
//! AC1 agreement. AC2 commit-validity: if one commits, all have voted yes. AC3 abort-validity: if one aborts, one has
//! voted no or somebody has crashed. AC3.2 if nobody crashes, all decide. AC5 termination: everyone that stays up decides;
//! refuted with `forward` = 0: the coordinator crashes half-way through.
//!
//! # Departures from the source
//! What the coordinator has sent, and who has crashed, follow from other variables and have none of their own. Sending a
//! vote again is left out.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, broken, constant};
use crate::permutation::{Permutation, permutations};
use crate::set::Set;
use serde::{Deserialize, Serialize};
use synod_check::system::{Claim, Justice, Says, System};

/// The most participants.
const N_MAX: usize = 4;

/// The system.
#[derive(Clone, Debug)]
pub struct AtomicCommitment {
    /// Participants.
    n: usize,
    /// Whether a decision is forwarded before it is taken.
    forward: bool,
    /// The twin: the coordinator decides to commit though one vote is missing.
    broken: bool,
    renamings: Vec<Permutation>,
}

/// A decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decision {
    /// To commit.
    Commit,
    /// To abort.
    Abort,
}
use Decision::{Abort, Commit};

/// A participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Participant {
    /// Whether its vote is yes.
    yes: bool,
    alive: bool,
    vote_sent: bool,
    decision: Option<Decision>,
    /// What it has forwarded to each; to itself: what it is going to decide.
    forwarded: [Option<Decision>; N_MAX],
}

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    participants: [Participant; N_MAX],
    alive: bool,
    /// Whom the coordinator has asked for its vote.
    requested: Set,
    /// Whose vote it has recorded.
    voted: Set,
    decision: Option<Decision>,
    /// To whom it has sent its decision.
    told: Set,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// The coordinator asks for a vote.
    Request(usize),
    /// The coordinator records a vote.
    GetVote(usize),
    /// The coordinator detects that one has crashed before voting.
    DetectFault(usize),
    /// The coordinator decides.
    MakeDecision,
    /// The coordinator sends its decision.
    Broadcast(usize),
    /// The coordinator crashes.
    CoordinatorDies,
    /// A participant votes.
    SendVote(usize),
    /// A participant aborts, having voted no.
    AbortOnVote(usize),
    /// A participant aborts, since the coordinator has crashed without asking it.
    AbortOnTimeoutRequest(usize),
    /// A participant aborts, since nobody who has crashed has told anyone who is up.
    AbortOnTimeout(usize),
    /// A participant hears the coordinator's decision.
    Hear(usize),
    /// A participant hears a decision forwarded by another.
    HearFrom(usize, usize),
    /// A participant forwards a decision to another.
    Forward(usize, usize),
    /// A participant decides.
    Decide(usize),
    /// A participant crashes.
    ParticipantDies(usize),
}

impl AtomicCommitment {
    fn coordinator(&self, s: &State, each: &mut impl FnMut(Action, State)) {
        let all = Set::all(self.n);
        if !s.alive {
            return;
        }
        each(Action::CoordinatorDies, State { alive: false, ..*s });
        for i in all.minus(s.requested).iter() {
            each(Action::Request(i), State { requested: s.requested.with(i), ..*s });
        }
        if s.decision.is_some() {
            for i in all.minus(s.told).iter() {
                each(Action::Broadcast(i), State { told: s.told.with(i), ..*s });
            }
            return;
        }
        for i in all.minus(s.voted).iter().filter(|_| s.requested == all) {
            let participant = &s.participants[i];
            if participant.vote_sent {
                each(Action::GetVote(i), State { voted: s.voted.with(i), ..*s });
            } else if !participant.alive {
                each(Action::DetectFault(i), State { decision: Some(Abort), ..*s });
            }
        }
        if s.voted == all || (self.broken && s.voted.len() + 1 == self.n) {
            let decision = Some(if s.voted.iter().all(|i| s.participants[i].yes) { Commit } else { Abort });
            each(Action::MakeDecision, State { decision, ..*s });
        }
    }

    fn participant(&self, s: &State, i: usize, each: &mut impl FnMut(Action, State)) {
        let me = s.participants[i];
        let mut go = |action: Action, change: &dyn Fn(&mut Participant)| {
            let mut next = *s;
            change(&mut next.participants[i]);
            each(action, next);
        };
        go(Action::ParticipantDies(i), &|p| p.alive = false);
        if s.requested.has(i) && !me.vote_sent {
            go(Action::SendVote(i), &|p| p.vote_sent = true);
        }
        if me.decision.is_none() && me.vote_sent && !me.yes {
            go(Action::AbortOnVote(i), &|p| p.decision = Some(Abort));
        }
        if me.decision.is_none() && !s.alive && !s.requested.has(i) {
            go(Action::AbortOnTimeoutRequest(i), &|p| p.decision = Some(Abort));
        }
        let heard = s.decision.filter(|_| s.told.has(i));
        if !self.forward {
            if me.decision.is_none() && heard.is_some() {
                go(Action::Decide(i), &|p| p.decision = heard);
            }
            return;
        }
        if me.decision.is_none() && self.nobody_alive_can_know(s) {
            go(Action::AbortOnTimeout(i), &|p| p.decision = Some(Abort));
        }
        for j in (0..self.n).filter(|&j| j != i) {
            let forwarded = s.participants[j].forwarded[i];
            if me.forwarded[i].is_none() && forwarded.is_some() {
                go(Action::HearFrom(i, j), &|p| p.forwarded[i] = forwarded);
            }
            if me.forwarded[i].is_some() && me.forwarded[j].is_none() {
                go(Action::Forward(i, j), &|p| p.forwarded[j] = p.forwarded[i]);
            }
        }
        if me.forwarded[i].is_none() && heard.is_some() {
            go(Action::Hear(i), &|p| p.forwarded[i] = heard);
        }
        if me.forwarded[..self.n].iter().all(Option::is_some) {
            go(Action::Decide(i), &|p| p.decision = p.forwarded[i]);
        }
    }

    /// Neither the coordinator, now down, nor a participant that is down has told anyone who is up.
    fn nobody_alive_can_know(&self, s: &State) -> bool {
        let participants = &s.participants[..self.n];
        let alive = |&k: &usize| participants[k].alive;
        !s.alive
            && (0..self.n).filter(alive).all(|k| {
                let mut dead = participants.iter().filter(|p| !p.alive);
                !s.told.has(k) && dead.all(|p| p.forwarded[k].is_none())
            })
    }

    fn any(&self, s: &State, is: impl Fn(&Participant) -> bool) -> bool {
        s.participants[..self.n].iter().any(is)
    }

    fn somebody_crashed(&self, s: &State) -> bool {
        !s.alive || self.any(s, |p| !p.alive)
    }

    fn renamed(s: &State, to: &Permutation) -> State {
        let mut next = *s;
        let rename = |set: Set| -> Set { set.iter().map(|i| usize::from(to[i])).collect() };
        for (i, &i_to) in to.iter().enumerate() {
            let mut renamed = s.participants[i];
            for (j, &j_to) in to.iter().enumerate() {
                renamed.forwarded[usize::from(j_to)] = s.participants[i].forwarded[j];
            }
            next.participants[usize::from(i_to)] = renamed;
        }
        (next.requested, next.voted, next.told) = (rename(s.requested), rename(s.voted), rename(s.told));
        next
    }
}

impl System for AtomicCommitment {
    type State = State;
    type Action = Action;

    fn initial(&self, each: &mut impl FnMut(State)) {
        for votes in Set::all(self.n).subsets() {
            let participant = |i| Participant {
                yes: votes.has(i),
                alive: true,
                vote_sent: false,
                decision: None,
                forwarded: [None; N_MAX],
            };
            each(State {
                participants: std::array::from_fn(participant),
                alive: true,
                requested: Set::EMPTY,
                voted: Set::EMPTY,
                decision: None,
                told: Set::EMPTY,
            });
        }
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Action, State)) {
        self.coordinator(state, each);
        for i in (0..self.n).filter(|&i| state.participants[i].alive) {
            self.participant(state, i, each);
        }
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new(
                "AC1",
                "agreement",
                Says::Always(|it: &Self, s: &State| {
                    !it.any(s, |p| p.decision == Some(Commit)) || !it.any(s, |p| p.decision == Some(Abort))
                }),
            ),
            Claim::new(
                "AC2",
                "commit-validity",
                Says::Always(|it: &Self, s: &State| {
                    !it.any(s, |p| p.decision == Some(Commit)) || !it.any(s, |p| !p.yes)
                }),
            ),
            Claim::new(
                "AC3",
                "abort-validity",
                Says::Always(|it: &Self, s: &State| {
                    let aborted = it.any(s, |p| p.decision == Some(Abort));
                    !aborted || it.any(s, |p| !p.yes) || it.somebody_crashed(s)
                }),
            ),
            Claim::new(
                "AC3.2",
                "all decide if nobody crashes",
                Says::Eventually(|it: &Self, s: &State| {
                    it.somebody_crashed(s) || !it.any(s, |p| p.decision.is_none())
                }),
            ),
            Claim::new(
                "AC6",
                "all may commit",
                Says::Sometimes(|it: &Self, s: &State| !it.any(s, |p| p.decision != Some(Commit))),
            ),
            Claim::new(
                "AC5",
                "termination",
                Says::Eventually(|it: &Self, s: &State| !it.any(s, |p| p.decision.is_none() && p.alive)),
            ),
        ]
    }

    fn fairness(&self, action: &Action) -> Justice {
        use Action::{
            AbortOnTimeout, AbortOnTimeoutRequest, AbortOnVote, Broadcast, CoordinatorDies, Decide,
            DetectFault, Forward, GetVote, Hear, HearFrom, MakeDecision, ParticipantDies, Request, SendVote,
        };
        match *action {
            CoordinatorDies | ParticipantDies(_) => Justice::None,
            Request(_) | GetVote(_) | DetectFault(_) | MakeDecision | Broadcast(_) => Justice::Weak(0),
            SendVote(i)
            | AbortOnVote(i)
            | AbortOnTimeoutRequest(i)
            | AbortOnTimeout(i)
            | Hear(i)
            | HearFrom(i, _)
            | Forward(i, _)
            | Decide(i) => Justice::Weak(1 + i as u64),
        }
    }

    fn representative(&self, state: &State) -> Option<State> {
        self.renamings.iter().map(|to| Self::renamed(state, to)).min()
    }
}

impl Published for AtomicCommitment {
    const NAME: &'static str = "atomic-commitment";
    const PAGE: &'static str = include_str!("atomic_commitment.rs");
    const CONSTANTS: &'static [Constant] = &[
        constant("n", "participants", 2, 1, N_MAX as u64),
        constant("forward", "1: a decision is forwarded before it is taken", 1, 0, 1),
        broken("1: the coordinator decides though one vote is missing"),
    ];
    const ROWS: &'static [Row] = &[
        Row::new(&[("n", 3), ("forward", 0)], 54_944, 21).from(8).published(),
        Row::new(&[("n", 2), ("forward", 1)], 4_284, 19).from(4).published(),
    ];
    const REFUTED: &'static [Refuted] = &[
        Refuted { constants: &[("broken", 1)], property: "AC2" },
        Refuted { constants: &[("n", 2), ("forward", 0)], property: "AC5" },
        Refuted { constants: &[("n", 3), ("forward", 0)], property: "AC5" },
    ];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        let n = constants.size("n");
        let (forward, broken) = (constants.get("forward") == 1, constants.broken());
        Ok(Self { n, forward, broken, renamings: permutations(n) })
    }
}
