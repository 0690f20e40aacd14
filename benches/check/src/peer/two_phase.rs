//! Two-phase commit on stateright's API for plain models, written from the specification's description: a vector of what
//! each resource manager is, a set of the messages that were sent.
//!
//! A step that would change nothing is left out, as on our side: both have the same transitions.

use stateright::{Checker, Model, Property};
use std::collections::BTreeSet;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Resource {
    Working,
    Prepared,
    Committed,
    Aborted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Decision {
    Open,
    Committed,
    Aborted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Message {
    Prepared(usize),
    Commit,
    Abort,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    resources: Vec<Resource>,
    decision: Decision,
    heard: Vec<bool>,
    sent: BTreeSet<Message>,
}

#[derive(Clone, Debug, PartialEq)]
enum Action {
    HearPrepared(usize),
    Commit,
    Abort,
    Prepare(usize),
    ChooseToAbort(usize),
    FollowCommit(usize),
    FollowAbort(usize),
}

struct TwoPhaseCommit {
    managers: usize,
}

fn actions_of(state: &State, i: usize, actions: &mut Vec<Action>) {
    let resource = state.resources[i];
    if resource == Resource::Working {
        actions.push(Action::Prepare(i));
        actions.push(Action::ChooseToAbort(i));
    }
    let open = state.decision == Decision::Open;
    if open && !state.heard[i] && state.sent.contains(&Message::Prepared(i)) {
        actions.push(Action::HearPrepared(i));
    }
    if state.sent.contains(&Message::Commit) && resource != Resource::Committed {
        actions.push(Action::FollowCommit(i));
    }
    if state.sent.contains(&Message::Abort) && resource != Resource::Aborted {
        actions.push(Action::FollowAbort(i));
    }
}

impl Model for TwoPhaseCommit {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            resources: vec![Resource::Working; self.managers],
            decision: Decision::Open,
            heard: vec![false; self.managers],
            sent: BTreeSet::new(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.decision == Decision::Open {
            if state.heard.iter().all(|&heard| heard) {
                actions.push(Action::Commit);
            }
            actions.push(Action::Abort);
        }
        for i in 0..self.managers {
            actions_of(state, i, actions);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::HearPrepared(i) => state.heard[i] = true,
            Action::Commit => {
                state.decision = Decision::Committed;
                state.sent.insert(Message::Commit);
            }
            Action::Abort => {
                state.decision = Decision::Aborted;
                state.sent.insert(Message::Abort);
            }
            Action::Prepare(i) => {
                state.resources[i] = Resource::Prepared;
                state.sent.insert(Message::Prepared(i));
            }
            Action::FollowCommit(i) => state.resources[i] = Resource::Committed,
            Action::ChooseToAbort(i) | Action::FollowAbort(i) => state.resources[i] = Resource::Aborted,
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("consistency", |_, state: &State| {
                let any = |is| state.resources.contains(&is);
                !(any(Resource::Committed) && any(Resource::Aborted))
            }),
            Property::sometimes("all may commit", |_, state: &State| {
                state.resources.iter().all(|&r| r == Resource::Committed)
            }),
            Property::sometimes("all may abort", |_, state: &State| {
                state.resources.iter().all(|&r| r == Resource::Aborted)
            }),
        ]
    }
}

/// Explores breadth-first: distinct states.
pub fn explore(managers: usize, threads: usize) -> usize {
    TwoPhaseCommit { managers }.checker().threads(threads).spawn_bfs().join().unique_state_count()
}
