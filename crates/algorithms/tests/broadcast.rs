//! Broadcast, sentence by sentence.

mod common;

use common::{Alone, DidOf, Indicate, Send};
use synod_algorithms::broadcast::{
    BestEffortBroadcast, Broadcast, BroadcastDeliver, Data, DoubleEchoBroadcast, EagerReliableBroadcast,
    EchoBroadcast, MajorityAckBroadcast, MessageId, best_effort, double_echo, eager_reliable, echo,
    majority_ack,
};
use synod_algorithms::links::SequenceNumber;
use synod_model::{Process, ProcessId};

fn data(origin: u32, sn: u64, message: char) -> Data<char> {
    Data { id: MessageId { origin: ProcessId(origin), sn: SequenceNumber(sn) }, message }
}

fn delivery(origin: u32, message: char) -> BroadcastDeliver<char> {
    BroadcastDeliver { origin: ProcessId(origin), message }
}

fn to_all<P: Process>(n: u32, message: P::Message) -> Vec<DidOf<P>> {
    (0..n).map(|p| Send(p, message.clone())).collect()
}

#[test]
fn best_effort_sends_to_all_and_delivers_what_arrives() {
    type Beb = BestEffortBroadcast<char>;
    let mut p = Alone::<Beb>::new(1, 3, best_effort::Parameters::default());
    assert_eq!(p.request(Broadcast('a')), to_all::<Beb>(3, 'a'), "also to itself");
    assert_eq!(p.message(0, 'x'), [Indicate(delivery(0, 'x'))]);
    let defect = Some(best_effort::Defect::SkipsTheLast);
    let mut twin = Alone::<Beb>::new(1, 3, best_effort::Parameters { defect });
    assert_eq!(twin.request(Broadcast('a')), to_all::<Beb>(2, 'a'));
}

type Rb = EagerReliableBroadcast<char>;

#[test]
fn eager_reliable_delivers_and_relays_what_it_has_not_delivered() {
    let mut p = Alone::<Rb>::new(1, 3, eager_reliable::Parameters::default());
    let relayed = [vec![Indicate(delivery(0, 'a'))], to_all::<Rb>(3, data(0, 0, 'a'))].concat();
    assert_eq!(p.message(2, data(0, 0, 'a')), relayed, "under its origin, whoever relayed it");
    assert_eq!(p.message(0, data(0, 0, 'a')), []);
    assert_eq!(p.message(0, data(0, 1, 'a')).len(), 4, "an equal message broadcast again is another one");
}

#[test]
fn eager_reliable_delivers_its_own_broadcast_through_the_network() {
    let mut p = Alone::<Rb>::new(1, 2, eager_reliable::Parameters::default());
    assert_eq!(p.request(Broadcast('a')), to_all::<Rb>(2, data(1, 0, 'a')));
    assert_eq!(p.message(1, data(1, 0, 'a'))[0], Indicate(delivery(1, 'a')));
}

#[test]
fn the_twins_of_eager_reliable_differ_in_the_relay() {
    let with = |defect| Alone::<Rb>::new(1, 2, eager_reliable::Parameters { defect: Some(defect) });
    let first = [to_all::<Rb>(2, data(0, 0, 'a')), vec![Indicate(delivery(0, 'a'))]].concat();
    assert_eq!(with(eager_reliable::Defect::RelaysFirst).message(0, data(0, 0, 'a')), first);
    let silent = with(eager_reliable::Defect::NoRelay).message(0, data(0, 0, 'a'));
    assert_eq!(silent, [Indicate(delivery(0, 'a'))]);
}

type Urb = MajorityAckBroadcast<char>;

#[test]
fn majority_ack_relays_at_the_first_and_delivers_at_the_majority() {
    let mut p = Alone::<Urb>::new(2, 5, majority_ack::Parameters::default());
    assert_eq!(p.message(0, data(0, 0, 'a')), to_all::<Urb>(5, data(0, 0, 'a')));
    assert_eq!(p.message(0, data(0, 0, 'a')), [], "the same process again is no second acknowledgement");
    assert_eq!(p.message(1, data(0, 0, 'a')), []);
    assert_eq!(p.message(2, data(0, 0, 'a')), [Indicate(delivery(0, 'a'))], "its own relay counts");
    assert_eq!(p.message(3, data(0, 0, 'a')), []);
}

#[test]
fn majority_ack_does_not_relay_what_it_broadcast_itself() {
    let mut p = Alone::<Urb>::new(0, 3, majority_ack::Parameters::default());
    assert_eq!(p.request(Broadcast('a')), to_all::<Urb>(3, data(0, 0, 'a')));
    assert_eq!(p.message(0, data(0, 0, 'a')), []);
    assert_eq!(p.message(2, data(0, 0, 'a')), [Indicate(delivery(0, 'a'))]);
}

#[test]
fn majority_ack_of_two_needs_both() {
    let mut p = Alone::<Urb>::new(0, 2, majority_ack::Parameters::default());
    p.request(Broadcast('a'));
    assert_eq!(p.message(0, data(0, 0, 'a')), []);
    assert_eq!(p.message(1, data(0, 0, 'a')), [Indicate(delivery(0, 'a'))]);
}

#[test]
fn the_twin_of_majority_ack_delivers_at_the_first() {
    let defect = Some(majority_ack::Defect::DeliversOnFirstAck);
    let mut p = Alone::<Urb>::new(2, 3, majority_ack::Parameters { defect });
    let did = p.message(0, data(0, 0, 'a'));
    assert_eq!(did.last(), Some(&Indicate(delivery(0, 'a'))));
}

type Bcb = EchoBroadcast<char>;

fn echo_parameters(f: u32) -> echo::Parameters {
    echo::Parameters { sender: ProcessId(0), f, defect: None }
}

#[test]
fn echo_broadcast_echoes_the_senders_first_send_alone_and_delivers_at_the_quorum() {
    use echo::Message;
    let mut p = Alone::<Bcb>::new(1, 4, echo_parameters(1));
    assert_eq!(p.message(2, Message::Send('x')), [], "not the sender");
    assert_eq!(p.message(0, Message::Send('a')), to_all::<Bcb>(4, Message::Echo('a')));
    assert_eq!(p.message(0, Message::Send('b')), [], "once");
    assert_eq!(p.message(1, Message::Echo('a')), []);
    assert_eq!(p.message(2, Message::Echo('b')), []);
    assert_eq!(p.message(2, Message::Echo('a')), [], "the first echo of each counts");
    assert_eq!(p.message(0, Message::Echo('a')), [], "2 of 4 are not more than (4 + 1)/2");
    assert_eq!(p.message(3, Message::Echo('a')), [Indicate(delivery(0, 'a'))]);
    assert_eq!(p.message(3, Message::Echo('a')), [], "and no more");
}

type Brb = DoubleEchoBroadcast<char>;

#[test]
fn double_echo_broadcast_is_ready_once_after_the_echoes_or_after_f_plus_one_others() {
    use double_echo::Message;
    let parameters = double_echo::Parameters { sender: ProcessId(0), f: 1, defect: None };
    let mut p = Alone::<Brb>::new(1, 4, parameters);
    assert_eq!(p.message(0, Message::Send('a')), to_all::<Brb>(4, Message::Echo('a')));
    assert_eq!(p.message(0, Message::Echo('a')), []);
    assert_eq!(p.message(1, Message::Echo('a')), []);
    assert_eq!(p.message(2, Message::Echo('a')), to_all::<Brb>(4, Message::Ready('a')));
    let mut q = Alone::<Brb>::new(2, 4, parameters);
    assert_eq!(q.message(0, Message::Ready('a')), [], "one may lie");
    assert_eq!(q.message(0, Message::Ready('a')), [], "and be one all the same");
    assert_eq!(q.message(1, Message::Ready('a')), to_all::<Brb>(4, Message::Ready('a')));
    assert_eq!(q.message(2, Message::Ready('a')), [Indicate(delivery(0, 'a'))], "more than 2f");
    assert_eq!(q.message(3, Message::Ready('a')), []);
}
