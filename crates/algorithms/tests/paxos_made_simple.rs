//! The steps of single-decree Paxos, handler by handler, against the sentences of its source ([Lam01], and [Lam98] for
//! the ledger).

use synod_algorithms::consensus::single_decree::{
    Ballot, Ledger, Message, Request, SingleDecree, Vote, Write,
};
use synod_algorithms::consensus::{Defect, PaxosParameters, PaxosSequence, paxos_sequence};
use synod_algorithms::detectors::OmegaOracle;
use synod_model::interface::{DecideAt, ProposeAt};
use synod_model::prelude::*;
use synod_model::{Bounds, Draw, Effect, EffectOf, Granted, Sink};

/// A ground that records effects.
struct Record<P: Process> {
    me: ProcessId,
    effects: Vec<EffectOf<P>>,
}

impl<P: Process> Sink<P> for Record<P> {
    fn me(&self) -> ProcessId {
        self.me
    }
    fn group(&self) -> Group {
        Group::first(3)
    }
    fn emit(&mut self, effect: EffectOf<P>) {
        self.effects.push(effect);
    }
    fn draw(&mut self, _: Draw) -> u32 {
        unreachable!("Paxos draws nothing")
    }
    fn ground_bounds(&self, _: Granted) -> Bounds {
        unreachable!("an asynchronous process knows no bounds")
    }
    fn ground_sign(&mut self, _: &str, _: Granted) -> Vec<u8> {
        unreachable!("Paxos signs nothing")
    }
    fn ground_verify(&self, _: ProcessId, _: &str, _: &[u8], _: Granted) -> bool {
        unreachable!("Paxos signs nothing")
    }
}

/// An effect, as the tests write it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Did {
    Sent(u32, Message<char>),
    Stored(Write<char>),
    Indicated(char),
}
use Did::{Indicated, Sent, Stored};
use Message::{Accept, Accepted, Decided, Forward, Nack, Prepare, Promise, Recovered};

/// Process 1 of three.
const ME: ProcessId = ProcessId(1);

/// A process with its disk.
struct Acts {
    process: SingleDecree<char>,
    disk: Ledger<char>,
}

impl Acts {
    fn new(defect: Option<Defect>) -> Self {
        let mut sink = Record { me: ME, effects: vec![] };
        let process = SingleDecree::on_init(&defect, &mut sink);
        assert!(sink.effects.is_empty());
        Self { process, disk: Ledger::default() }
    }

    fn did(&mut self, effects: Vec<EffectOf<SingleDecree<char>>>) -> Vec<Did> {
        effects
            .into_iter()
            .map(|effect| match effect {
                Effect::Send { to, message, .. } => Sent(to.0, message),
                Effect::Store { write, .. } => {
                    self.disk.apply(write.clone());
                    Stored(write)
                }
                Effect::Indicate { indication, .. } => Indicated(indication.0),
                _ => panic!("Paxos sets no timers"),
            })
            .collect()
    }

    fn ask(&mut self, request: Request<char>) -> Vec<Did> {
        let mut sink = Record { me: ME, effects: vec![] };
        self.process.on_request(request, &mut sink);
        self.did(sink.effects)
    }

    fn get(&mut self, from: u32, message: Message<char>) -> Vec<Did> {
        let mut sink = Record { me: ME, effects: vec![] };
        self.process.on_message(ProcessId(from), message, &mut sink);
        self.did(sink.effects)
    }

    fn restart(&mut self, defect: Option<Defect>) -> Vec<Did> {
        let mut sink = Record { me: ME, effects: vec![] };
        self.process = SingleDecree::on_recovery(&defect, &self.disk, &mut sink);
        self.did(sink.effects)
    }

    /// It leads its first ballot, 1.p1, for 'm'.
    fn leading() -> Self {
        let mut acts = Self::new(None);
        assert!(acts.ask(Request::Trust(ME)).is_empty(), "without a value there is nothing to lead for");
        acts.ask(Request::Propose('m'));
        acts
    }
}

fn ballot(round: u64, leader: u32) -> Ballot {
    Ballot { round, leader: ProcessId(leader) }
}

fn vote(round: u64, leader: u32, value: char) -> Vote<char> {
    Vote { ballot: ballot(round, leader), value }
}

fn to_all(message: Message<char>) -> Vec<Did> {
    (0..3).map(|p| Sent(p, message.clone())).collect()
}

fn to_others(message: Message<char>) -> Vec<Did> {
    [0, 2].map(|p| Sent(p, message.clone())).to_vec()
}

#[test]
fn lam01_s2_2_phase_1a_a_leader_sends_a_prepare_request_to_the_acceptors() {
    let mut acts = Acts::new(None);
    assert!(acts.ask(Request::Propose('m')).is_empty(), "nobody leads before the detector's word");
    let did = acts.ask(Request::Trust(ME));
    assert_eq!(did[0], Stored(Write::Promised(ballot(1, 1))), "before it speaks of the ballot");
    assert_eq!(did[1..], to_all(Prepare(ballot(1, 1))));
    assert!(acts.ask(Request::Trust(ME)).is_empty(), "one ballot at a time");
}

#[test]
fn lam01_s2_2_phase_1b_p1a_an_acceptor_promises_what_is_greater_than_all_before_durably() {
    let mut acts = Acts::new(None);
    let did = acts.get(0, Prepare(ballot(3, 0)));
    assert_eq!(did, [Stored(Write::Promised(ballot(3, 0))), Sent(0, Promise(ballot(3, 0), None))]);
    assert_eq!(acts.get(2, Prepare(ballot(2, 2))), [Sent(2, Nack(ballot(3, 0)))]);
    assert_eq!(acts.get(0, Prepare(ballot(3, 0))), [Sent(0, Promise(ballot(3, 0), None))], "said again");
    acts.restart(None);
    assert_eq!(acts.get(2, Prepare(ballot(2, 2))), [Sent(2, Nack(ballot(3, 0)))], "after a restart too");
}

#[test]
fn lam01_s2_2_phase_1b_a_promise_tells_the_highest_numbered_proposal_accepted() {
    let mut acts = Acts::new(None);
    acts.get(0, Accept(vote(1, 0, 'a')));
    acts.get(2, Accept(vote(2, 2, 'b')));
    acts.restart(None);
    let promise = Promise(ballot(3, 0), Some(vote(2, 2, 'b')));
    assert_eq!(acts.get(0, Prepare(ballot(3, 0)))[1], Sent(0, promise));
}

#[test]
fn lam01_s2_2_phase_2a_p2c_the_value_is_that_of_the_highest_numbered_proposal_among_the_responses() {
    let mut acts = Acts::leading();
    assert!(
        acts.get(0, Promise(ballot(1, 1), Some(vote(0, 0, 'a')))).is_empty(),
        "one of three is no majority"
    );
    assert!(acts.get(0, Promise(ballot(1, 1), Some(vote(0, 0, 'a')))).is_empty(), "nor is one twice");
    let did = acts.get(2, Promise(ballot(1, 1), Some(vote(0, 2, 'b'))));
    assert_eq!(did, to_all(Accept(vote(1, 1, 'b'))));
    assert!(acts.get(1, Promise(ballot(1, 1), None)).is_empty(), "one value a ballot");
}

#[test]
fn lam01_s2_2_phase_2a_the_value_is_any_if_the_responses_reported_no_proposals() {
    let mut acts = Acts::leading();
    acts.get(0, Promise(ballot(1, 1), None));
    assert_eq!(acts.get(1, Promise(ballot(1, 1), None)), to_all(Accept(vote(1, 1, 'm'))));
}

#[test]
fn lam01_s2_2_phase_2b_an_acceptor_accepts_unless_it_has_promised_a_greater_number() {
    let mut acts = Acts::new(None);
    acts.get(0, Prepare(ballot(2, 0)));
    let did = acts.get(0, Accept(vote(2, 0, 'a')));
    assert_eq!(did, [Stored(Write::Accepted(vote(2, 0, 'a'))), Sent(0, Accepted(ballot(2, 0)))]);
    assert_eq!(acts.get(2, Accept(vote(1, 2, 'b'))), [Sent(2, Nack(ballot(2, 0)))]);
    acts.restart(None);
    assert_eq!(
        acts.get(2, Accept(vote(1, 2, 'b'))),
        [Sent(2, Nack(ballot(2, 0)))],
        "a vote is a promise too"
    );
}

#[test]
fn lam01_s2_3_a_value_is_learned_when_a_majority_has_accepted_it() {
    let mut acts = Acts::leading();
    acts.get(0, Promise(ballot(1, 1), None));
    acts.get(2, Promise(ballot(1, 1), None));
    assert!(acts.get(0, Accepted(ballot(1, 1))).is_empty());
    assert!(acts.get(2, Accepted(ballot(0, 1))).is_empty(), "of another ballot");
    let did = acts.get(1, Accepted(ballot(1, 1)));
    assert_eq!(did[..2], [Stored(Write::Decided('m')), Indicated('m')]);
    assert_eq!(did[2..], to_others(Decided('m')));
    assert!(acts.get(2, Accepted(ballot(1, 1))).is_empty(), "C3: once");
}

#[test]
fn lam01_s2_3_a_refused_leader_starts_a_greater_ballot() {
    let mut acts = Acts::leading();
    let did = acts.get(2, Nack(ballot(5, 2)));
    assert_eq!(did[0], Stored(Write::Promised(ballot(6, 1))));
    assert_eq!(did[1..], to_all(Prepare(ballot(6, 1))));
    assert!(acts.get(0, Nack(ballot(5, 2))).is_empty(), "the refusal of a ballot that it no longer leads");
    acts.ask(Request::Trust(ProcessId(0)));
    assert!(acts.get(0, Nack(ballot(9, 2))).is_empty(), "who is not trusted leaves it to who is");
}

#[test]
fn lam01_s2_5_no_ballot_is_led_in_two_incarnations() {
    let mut acts = Acts::leading();
    assert_eq!(acts.restart(None), to_others(Recovered));
    acts.ask(Request::Trust(ME));
    let did = acts.ask(Request::Propose('x'));
    assert_eq!(did[1..], to_all(Prepare(ballot(2, 1))));
    acts.get(0, Promise(ballot(1, 1), None));
    assert!(
        acts.get(2, Promise(ballot(1, 1), None)).is_empty(),
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
    let mut acts = Acts::new(None);
    acts.ask(Request::Trust(ProcessId(2)));
    assert_eq!(acts.ask(Request::Propose('m')), [Sent(2, Forward('m'))]);
    assert_eq!(acts.get(2, Recovered), [Sent(2, Forward('m'))]);
    assert_eq!(acts.ask(Request::Trust(ProcessId(0))), [Sent(0, Forward('m'))]);
    assert!(acts.get(2, Recovered).is_empty());
}

#[test]
fn a_leader_takes_the_first_value_that_it_hears() {
    let mut acts = Acts::new(None);
    acts.ask(Request::Trust(ME));
    assert_eq!(acts.get(0, Forward('a'))[1..], to_all(Prepare(ballot(1, 1))));
    assert!(acts.get(2, Forward('b')).is_empty());
    acts.get(0, Promise(ballot(1, 1), None));
    assert_eq!(acts.get(2, Promise(ballot(1, 1), None)), to_all(Accept(vote(1, 1, 'a'))));
}

#[test]
fn a_value_handed_to_who_does_not_lead_is_not_handed_on() {
    let mut acts = Acts::new(None);
    acts.ask(Request::Trust(ProcessId(2)));
    assert!(acts.get(0, Forward('a')).is_empty(), "two processes that trust each other would never stop");
    assert_eq!(
        acts.ask(Request::Propose('m')),
        [Sent(2, Forward('a'))],
        "it has a value, and now owes a decision"
    );
}

#[test]
fn a_leader_tells_a_recovered_process_what_its_ballot_still_wants() {
    let mut acts = Acts::leading();
    assert_eq!(acts.get(0, Recovered), [Sent(0, Prepare(ballot(1, 1)))]);
    acts.get(0, Promise(ballot(1, 1), None));
    assert!(acts.get(0, Recovered).is_empty(), "it has answered");
    acts.get(1, Promise(ballot(1, 1), None));
    assert_eq!(acts.get(0, Recovered), [Sent(0, Accept(vote(1, 1, 'm')))]);
    acts.get(0, Accepted(ballot(1, 1)));
    assert!(acts.get(0, Recovered).is_empty());
    acts.get(1, Accepted(ballot(1, 1)));
    assert_eq!(acts.get(0, Recovered), [Sent(0, Decided('m'))]);
}

#[test]
fn a_decision_is_passed_to_the_leader_and_by_the_leader_to_all() {
    let mut acts = Acts::new(None);
    acts.ask(Request::Trust(ProcessId(2)));
    assert_eq!(acts.get(2, Decided('a')), [Stored(Write::Decided('a')), Indicated('a')], "the leader knows");
    assert_eq!(acts.ask(Request::Trust(ProcessId(0))), [Sent(0, Decided('a'))]);
    assert_eq!(acts.ask(Request::Trust(ME)), to_others(Decided('a')));
    assert!(acts.get(0, Decided('a')).is_empty(), "C3: once");

    let mut acts = Acts::new(None);
    acts.ask(Request::Trust(ProcessId(2)));
    assert_eq!(acts.get(0, Decided('a'))[2..], [Sent(2, Decided('a'))], "the leader may not know");
}

#[test]
fn a_decision_is_indicated_again_after_a_restart() {
    let mut acts = Acts::new(None);
    acts.get(2, Decided('a'));
    assert_eq!(acts.restart(None), [Indicated('a')]);
    acts.ask(Request::Trust(ME));
    assert!(acts.ask(Request::Propose('b')).is_empty());
    assert!(acts.get(0, Forward('b')).is_empty());
}

#[test]
fn twins_differ_where_they_say() {
    let mut acts = Acts::new(Some(Defect::PromiseNotStored));
    assert_eq!(acts.get(0, Prepare(ballot(1, 0))), [Sent(0, Promise(ballot(1, 0), None))]);
    let mut acts = Acts::new(Some(Defect::ReplyBeforeStore));
    let did = acts.get(0, Prepare(ballot(1, 0)));
    assert_eq!(did, [Sent(0, Promise(ballot(1, 0), None)), Stored(Write::Promised(ballot(1, 0)))]);
    let mut acts = Acts::new(Some(Defect::AcceptedNotStored));
    assert_eq!(acts.get(0, Accept(vote(1, 0, 'a'))), [Sent(0, Accepted(ballot(1, 0)))]);
    let mut acts = Acts::new(Some(Defect::NoNack));
    acts.get(0, Prepare(ballot(1, 0)));
    assert!(acts.get(0, Prepare(ballot(0, 0))).is_empty());
    let mut acts = Acts::new(Some(Defect::IgnoresAccepted));
    acts.ask(Request::Trust(ME));
    acts.ask(Request::Propose('m'));
    acts.get(0, Promise(ballot(1, 1), Some(vote(0, 0, 'a'))));
    assert_eq!(acts.get(2, Promise(ballot(1, 1), None)), to_all(Accept(vote(1, 1, 'm'))));
    let mut acts = Acts::new(Some(Defect::QuorumsMiss));
    acts.ask(Request::Trust(ME));
    acts.ask(Request::Propose('m'));
    assert_eq!(acts.get(0, Promise(ballot(1, 1), None)), to_all(Accept(vote(1, 1, 'm'))));
}

type Sequence = PaxosSequence<char, OmegaOracle>;

/// What a process of the sequence sent and indicated, in words.
fn say(effects: &[EffectOf<Sequence>]) -> Vec<String> {
    let words = |effect: &EffectOf<Sequence>| match effect {
        Effect::Send { to, message, .. } => Some(format!("{to} {message:?}")),
        Effect::Indicate { indication: DecideAt { instance, value }, .. } => {
            Some(format!("{instance} {value}"))
        }
        _ => None,
    };
    effects.iter().filter_map(words).collect()
}

#[test]
fn a_recovered_process_is_told_of_the_instances_from_its_first_undecided_one() {
    use paxos_sequence::Message::{Instance, Recovered};
    let parameters = PaxosParameters::default();
    let mut sink = Record { me: ME, effects: vec![] };
    let mut process = Sequence::on_init(&parameters, &mut sink);
    process.on_timer(synod_algorithms::detectors::omega::Trusted(ProcessId(0)), &mut sink);
    let mut disk = <Sequence as Process>::Stable::default();
    for (k, value) in [(0, 'a'), (1, 'b'), (3, 'd')] {
        process.on_message(ProcessId(0), Instance(k, Decided(value)), &mut sink);
    }
    process.on_request(ProposeAt { instance: 2, value: 'c' }, &mut sink);
    let said = say(&sink.effects);
    assert_eq!(
        said,
        ["0 a", "1 b", "3 d", "p0 Instance(2, Forward('c'))"],
        "a new instance knows whom to trust"
    );

    let mut answers = Record { me: ME, effects: vec![] };
    process.on_message(ProcessId(0), Recovered(1), &mut answers);
    let said = say(&answers.effects);
    let expected =
        ["p0 Instance(1, Decided('b'))", "p0 Instance(2, Forward('c'))", "p0 Instance(3, Decided('d'))"];
    assert_eq!(said, expected);

    for effect in sink.effects {
        if let Effect::Store { write, .. } = effect {
            disk.apply(write);
        }
    }
    let mut sink = Record { me: ME, effects: vec![] };
    let restarted = Sequence::on_recovery(&parameters, &disk, &mut sink);
    assert_eq!(say(&sink.effects), ["0 a", "1 b", "3 d", "p0 Recovered(2)", "p2 Recovered(2)"]);
    assert_eq!((restarted.first_undecided(), restarted.decided(3)), (2, Some(&'d')));
}
