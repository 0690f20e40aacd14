//! The steps of single-decree Paxos, handler by handler, against the sentences of its source ([Lam01], and [Lam98] for
//! the ledger).

mod common;

use common::{Alone, Did, DidOf, Indicate, Send, Store};
use synod_algorithms::consensus::single_decree::{
    Ballot, Ledger, Message, Request, SingleDecree, Vote, Write,
};
use synod_algorithms::consensus::{Defect, PaxosParameters, PaxosSequence, paxos_sequence};
use synod_algorithms::detectors::{OmegaOracle, omega};
use synod_model::interface::{Decide, DecideAt, ProposeAt};
use synod_model::prelude::*;

use Message::{Accept, Accepted, Decided, Forward, Nack, Prepare, Promise, Recovered};

type Acts = Alone<SingleDecree<char>>;

/// Process 1 of three.
const ME: ProcessId = ProcessId(1);

fn process() -> Acts {
    twin(None)
}

fn twin(defect: impl Into<Option<Defect>>) -> Acts {
    let (acts, did) = Acts::start(ME.0, 3, defect.into());
    assert!(did.is_empty());
    acts
}

/// It leads its first ballot, 1.p1, for 'm'.
fn leader() -> Acts {
    leader_of(3)
}

fn leader_of(n: u32) -> Acts {
    let mut acts = Acts::new(ME.0, n, None);
    assert!(acts.request(Request::Trust(ME)).is_empty(), "without a value there is nothing to lead for");
    acts.request(Request::Propose('m'));
    acts
}

fn ballot(round: u64, leader: u32) -> Ballot {
    Ballot { round, leader: ProcessId(leader) }
}

fn vote(round: u64, leader: u32, value: char) -> Vote<char> {
    Vote { ballot: ballot(round, leader), value }
}

fn to_others(message: Message<char>) -> Vec<DidOf<SingleDecree<char>>> {
    [0, 2].map(|p| Send(p, message.clone())).to_vec()
}

#[test]
fn lam01_s2_2_phase_1a_a_leader_sends_a_prepare_request_to_the_acceptors() {
    let mut acts = process();
    assert!(acts.request(Request::Propose('m')).is_empty(), "nobody leads before the detector's word");
    let did = acts.request(Request::Trust(ME));
    assert_eq!(did[0], Store(Write::Promised(ballot(1, 1))), "before it speaks of the ballot");
    assert_eq!(did[1..], to_others(Prepare(ballot(1, 1))));
    assert!(acts.request(Request::Trust(ME)).is_empty(), "one ballot at a time");
}

#[test]
fn lam01_s2_2_phase_1b_p1a_an_acceptor_promises_what_is_greater_than_all_before_durably() {
    let mut acts = process();
    let did = acts.message(0, Prepare(ballot(3, 0)));
    assert_eq!(did, [Store(Write::Promised(ballot(3, 0))), Send(0, Promise(ballot(3, 0), None))]);
    assert_eq!(acts.message(2, Prepare(ballot(2, 2))), [Send(2, Nack(ballot(3, 0)))]);
    assert_eq!(acts.message(0, Prepare(ballot(3, 0))), [Send(0, Promise(ballot(3, 0), None))], "said again");
    acts.restart();
    assert_eq!(acts.message(2, Prepare(ballot(2, 2))), [Send(2, Nack(ballot(3, 0)))], "after a restart too");
}

#[test]
fn lam01_s2_2_phase_1b_a_promise_tells_the_highest_numbered_proposal_accepted() {
    let mut acts = process();
    acts.message(0, Accept(vote(1, 0, 'a')));
    acts.message(2, Accept(vote(2, 2, 'b')));
    acts.restart();
    let promise = Promise(ballot(3, 0), Some(vote(2, 2, 'b')));
    assert_eq!(acts.message(0, Prepare(ballot(3, 0)))[1], Send(0, promise));
}

#[test]
fn lam01_s2_2_phase_2a_p2c_the_value_is_that_of_the_highest_numbered_proposal_among_the_responses() {
    let mut acts = leader_of(5);
    assert!(
        acts.message(0, Promise(ballot(1, 1), Some(vote(0, 4, 'b')))).is_empty(),
        "two of five, with itself"
    );
    assert!(acts.message(0, Promise(ballot(1, 1), Some(vote(0, 4, 'b')))).is_empty(), "nobody counts twice");
    assert!(acts.message(3, Promise(ballot(0, 1), None)).is_empty(), "of another ballot");
    let did = acts.message(2, Promise(ballot(1, 1), Some(vote(0, 0, 'a'))));
    assert_eq!(did[..4], [0, 2, 3, 4].map(|p| Send(p, Accept(vote(1, 1, 'b')))));
    assert_eq!(did[4..], [Store(Write::Accepted(vote(1, 1, 'b')))], "it is the first to accept");
    assert!(acts.message(3, Promise(ballot(1, 1), None)).is_empty(), "one value a ballot");
}

#[test]
fn lam01_s2_2_phase_2a_the_leader_s_own_vote_is_among_the_responses() {
    let mut acts = process();
    acts.message(0, Accept(vote(2, 0, 'a')));
    acts.request(Request::Trust(ME));
    acts.request(Request::Propose('m'));
    let did = acts.message(2, Promise(ballot(3, 1), Some(vote(1, 2, 'b'))));
    assert_eq!(did[..2], to_others(Accept(vote(3, 1, 'a'))));
}

#[test]
fn lam01_s2_2_phase_2a_a_leader_that_promised_a_greater_ballot_does_not_vote_in_its_own() {
    let mut acts = leader();
    acts.message(0, Prepare(ballot(4, 0)));
    let did = acts.message(2, Promise(ballot(1, 1), None));
    assert_eq!(did[..2], to_others(Accept(vote(1, 1, 'm'))));
    assert_eq!(did[2], Store(Write::Promised(ballot(5, 1))), "it refuses itself as any other would");
    assert_eq!(did[3..], to_others(Prepare(ballot(5, 1))));
}

#[test]
fn lam01_s2_2_phase_2a_the_value_is_any_if_the_responses_reported_no_proposals() {
    let mut acts = leader();
    assert_eq!(acts.message(0, Promise(ballot(1, 1), None))[..2], to_others(Accept(vote(1, 1, 'm'))));
}

#[test]
fn lam01_s2_2_phase_2b_an_acceptor_accepts_unless_it_has_promised_a_greater_number() {
    let mut acts = process();
    acts.message(0, Prepare(ballot(2, 0)));
    let did = acts.message(0, Accept(vote(2, 0, 'a')));
    assert_eq!(did, [Store(Write::Accepted(vote(2, 0, 'a'))), Send(0, Accepted(ballot(2, 0)))]);
    assert_eq!(acts.message(2, Accept(vote(1, 2, 'b'))), [Send(2, Nack(ballot(2, 0)))]);
    acts.restart();
    assert_eq!(
        acts.message(2, Accept(vote(1, 2, 'b'))),
        [Send(2, Nack(ballot(2, 0)))],
        "a vote is a promise too"
    );
}

#[test]
fn lam01_s2_3_a_value_is_learned_when_a_majority_has_accepted_it() {
    let mut acts = leader_of(5);
    acts.message(0, Promise(ballot(1, 1), None));
    acts.message(2, Promise(ballot(1, 1), None));
    assert!(acts.message(0, Accepted(ballot(1, 1))).is_empty(), "two of five, with itself");
    assert!(acts.message(2, Accepted(ballot(0, 1))).is_empty(), "of another ballot");
    let did = acts.message(3, Accepted(ballot(1, 1)));
    assert_eq!(did[..2], [Store(Write::Decided('m')), Indicate(Decide('m'))]);
    assert_eq!(did[2..], [0, 2, 3, 4].map(|p| Send(p, Decided('m'))));
    assert!(acts.message(2, Accepted(ballot(1, 1))).is_empty(), "C3: once");
}

#[test]
fn a_process_alone_decides_at_once() {
    let mut acts = Acts::new(0, 1, None);
    acts.request(Request::Trust(ProcessId(0)));
    assert!(acts.request(Request::Propose('m')).contains(&Indicate(Decide('m'))));
}

#[test]
fn lam01_s2_3_a_refused_leader_starts_a_greater_ballot() {
    let mut acts = leader();
    let did = acts.message(2, Nack(ballot(5, 2)));
    assert_eq!(did[0], Store(Write::Promised(ballot(6, 1))));
    assert_eq!(did[1..], to_others(Prepare(ballot(6, 1))));
    assert!(
        acts.message(0, Nack(ballot(5, 2))).is_empty(),
        "the refusal of a ballot that it no longer leads"
    );
    acts.request(Request::Trust(ProcessId(0)));
    assert!(acts.message(0, Nack(ballot(9, 2))).is_empty(), "who is not trusted leaves it to who is");
}

#[test]
fn lam01_s2_5_no_ballot_is_led_in_two_incarnations() {
    let mut acts = leader();
    assert_eq!(acts.restart(), to_others(Recovered));
    acts.request(Request::Trust(ME));
    let did = acts.request(Request::Propose('x'));
    assert_eq!(did[1..], to_others(Prepare(ballot(2, 1))));
    acts.message(0, Promise(ballot(1, 1), None));
    assert!(
        acts.message(2, Promise(ballot(1, 1), None)).is_empty(),
        "promises to the former incarnation do not count"
    );
}

#[test]
fn lam98_s2_1_the_ledger_is_the_fold_of_what_was_written_into_it() {
    let mut ledger = Ledger::default();
    ledger.apply(Write::Promised(ballot(1, 0)));
    ledger.apply(Write::Accepted(vote(2, 1, 'a')));
    ledger.apply(Write::Promised(ballot(3, 0)));
    ledger.apply(Write::Decided('a'));
    let expected =
        Ledger { promised: Some(ballot(3, 0)), accepted: Some(vote(2, 1, 'a')), decided: Some('a') };
    assert_eq!(ledger, expected);
}

#[test]
fn a_proposer_hands_its_value_to_the_leader_it_trusts() {
    let mut acts = process();
    acts.request(Request::Trust(ProcessId(2)));
    assert_eq!(acts.request(Request::Propose('m')), [Send(2, Forward('m'))]);
    assert_eq!(acts.message(2, Recovered), [Send(2, Forward('m'))]);
    assert_eq!(acts.request(Request::Trust(ProcessId(0))), [Send(0, Forward('m'))]);
    assert!(acts.message(2, Recovered).is_empty());
}

#[test]
fn a_leader_takes_the_first_value_that_it_hears() {
    let mut acts = process();
    acts.request(Request::Trust(ME));
    assert_eq!(acts.message(0, Forward('a'))[1..], to_others(Prepare(ballot(1, 1))));
    assert!(acts.message(2, Forward('b')).is_empty());
    assert_eq!(acts.message(2, Promise(ballot(1, 1), None))[..2], to_others(Accept(vote(1, 1, 'a'))));
}

#[test]
fn a_value_handed_to_who_does_not_lead_is_not_handed_on() {
    let mut acts = process();
    acts.request(Request::Trust(ProcessId(2)));
    assert!(acts.message(0, Forward('a')).is_empty(), "two processes that trust each other would never stop");
    assert_eq!(
        acts.request(Request::Propose('m')),
        [Send(2, Forward('a'))],
        "it has a value, and now owes a decision"
    );
}

#[test]
fn a_leader_tells_a_recovered_process_what_its_ballot_still_wants() {
    let mut acts = leader_of(5);
    assert_eq!(acts.message(0, Recovered), [Send(0, Prepare(ballot(1, 1)))]);
    acts.message(0, Promise(ballot(1, 1), None));
    assert!(acts.message(0, Recovered).is_empty(), "it has answered");
    acts.message(2, Promise(ballot(1, 1), None));
    assert_eq!(acts.message(0, Recovered), [Send(0, Accept(vote(1, 1, 'm')))]);
    acts.message(0, Accepted(ballot(1, 1)));
    assert!(acts.message(0, Recovered).is_empty());
    acts.message(2, Accepted(ballot(1, 1)));
    assert_eq!(acts.message(0, Recovered), [Send(0, Decided('m'))]);
}

#[test]
fn a_decision_is_passed_to_the_leader_and_by_the_leader_to_others() {
    let mut acts = process();
    acts.request(Request::Trust(ProcessId(2)));
    assert_eq!(
        acts.message(2, Decided('a')),
        [Store(Write::Decided('a')), Indicate(Decide('a'))],
        "the leader knows"
    );
    assert_eq!(acts.request(Request::Trust(ProcessId(0))), [Send(0, Decided('a'))]);
    assert_eq!(acts.request(Request::Trust(ME)), to_others(Decided('a')));
    assert!(acts.message(0, Decided('a')).is_empty(), "C3: once");

    let mut acts = process();
    acts.request(Request::Trust(ProcessId(2)));
    assert_eq!(acts.message(0, Decided('a'))[2..], [Send(2, Decided('a'))], "the leader may not know");
}

#[test]
fn a_decision_is_indicated_again_after_a_restart() {
    let mut acts = process();
    acts.message(2, Decided('a'));
    assert_eq!(acts.restart(), [Indicate(Decide('a'))]);
    acts.request(Request::Trust(ME));
    assert!(acts.request(Request::Propose('b')).is_empty());
    assert!(acts.message(0, Forward('b')).is_empty());
}

#[test]
fn twins_differ_where_they_say() {
    let mut acts = twin(Defect::PromiseNotStored);
    assert_eq!(acts.message(0, Prepare(ballot(1, 0))), [Send(0, Promise(ballot(1, 0), None))]);
    let mut acts = twin(Defect::ReplyBeforeStore);
    let did = acts.message(0, Prepare(ballot(1, 0)));
    assert_eq!(did, [Send(0, Promise(ballot(1, 0), None)), Store(Write::Promised(ballot(1, 0)))]);
    let mut acts = twin(Defect::AcceptedNotStored);
    assert_eq!(acts.message(0, Accept(vote(1, 0, 'a'))), [Send(0, Accepted(ballot(1, 0)))]);
    let mut acts = twin(Defect::NoNack);
    acts.message(0, Prepare(ballot(1, 0)));
    assert!(acts.message(0, Prepare(ballot(0, 0))).is_empty());
    let mut acts = twin(Defect::IgnoresAccepted);
    acts.request(Request::Trust(ME));
    acts.request(Request::Propose('m'));
    let did = acts.message(0, Promise(ballot(1, 1), Some(vote(0, 0, 'a'))));
    assert_eq!(did[..2], to_others(Accept(vote(1, 1, 'm'))));
    let mut acts = twin(Defect::QuorumsMiss);
    acts.request(Request::Trust(ME));
    assert!(acts.request(Request::Propose('m')).contains(&Indicate(Decide('m'))), "one of three");
}

type Sequence = PaxosSequence<char, OmegaOracle>;

/// What a process of the sequence sent and indicated, in words.
fn say(did: &[DidOf<Sequence>]) -> Vec<String> {
    let words = |did: &DidOf<Sequence>| match did {
        Did::Send(to, message) => Some(format!("p{to} {message:?}")),
        Did::Indicate(DecideAt { instance, value }) => Some(format!("{instance} {value}")),
        _ => None,
    };
    did.iter().filter_map(words).collect()
}

#[test]
fn a_recovered_process_is_told_of_the_instances_from_its_first_undecided_one() {
    use paxos_sequence::Message::{Instance, Recovered};
    let mut acts = Alone::<Sequence>::new(ME.0, 3, PaxosParameters::default());
    acts.timer(omega::Trusted(ProcessId(0)));
    for (k, value) in [(0, 'a'), (1, 'b'), (3, 'd')] {
        let did = acts.message(0, Instance(k, Decided(value)));
        assert_eq!(say(&did), [format!("{k} {value}")]);
    }
    let did = acts.request(ProposeAt { instance: 2, value: 'c' });
    assert_eq!(say(&did), ["p0 Instance(2, Forward('c'))"], "a new instance knows whom to trust");
    let answers =
        ["p0 Instance(1, Decided('b'))", "p0 Instance(2, Forward('c'))", "p0 Instance(3, Decided('d'))"];
    assert_eq!(say(&acts.message(0, Recovered(1))), answers);
    assert_eq!(say(&acts.restart()), ["0 a", "1 b", "3 d", "p0 Recovered(2)", "p2 Recovered(2)"]);
    assert_eq!((acts.process.first_undecided(), acts.process.decided(3)), (2, Some(&'d')));
}
