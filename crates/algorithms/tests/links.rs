//! The ladder of links, sentence by sentence.

mod common;

use common::{Alone, Indicate, Send, Set, Store, link_of};
use synod_algorithms::broadcast::EagerReliableBroadcast;
use synod_algorithms::links::{
    ConfirmedLink, EliminateDuplicates, FifoLink, FifoOverFairLoss, LinkDeliver, LinkSend, LogDeliver,
    LogDelivered, LoggedOverFairLoss, Numbered, PerfectOverFairLoss, RetransmitForever, SequenceNumber,
    StopAndWait, eliminate_duplicates, fifo, log_delivered, retransmit_forever, stop_and_wait,
};
use synod_model::ProcessId;
use synod_model::interface::Broadcast;
use synod_model::system::SystemModel;
use synod_model::{Layer, Layers, Over, Process};

fn send<M>(to: u32, message: M) -> LinkSend<M> {
    LinkSend { to: ProcessId(to), message }
}

fn deliver<M>(from: u32, message: M) -> LinkDeliver<M> {
    LinkDeliver { from: ProcessId(from), message }
}

fn numbered<M>(sn: u64, message: M) -> Numbered<M> {
    Numbered { sn: SequenceNumber(sn), message }
}

const RETRANSMIT: retransmit_forever::Timer = retransmit_forever::Timer::Retransmit;

#[test]
fn retransmit_forever_sends_all_it_ever_sent_at_each_pulse_and_sets_the_pulse_again() {
    let (mut p, did) =
        Alone::<RetransmitForever<char>>::start(0, 3, retransmit_forever::Parameters::default());
    assert_eq!(did, [Set(RETRANSMIT)]);
    assert_eq!(p.request(send(1, 'a')), [Send(1, 'a')]);
    assert_eq!(p.request(send(2, 'b')), [Send(2, 'b')]);
    assert_eq!(p.request(send(1, 'a')), [Send(1, 'a')], "sent is a set");
    for _ in 0..3 {
        assert_eq!(p.timer(RETRANSMIT), [Send(1, 'a'), Send(2, 'b'), Set(RETRANSMIT)]);
    }
}

#[test]
fn retransmit_forever_delivers_whatever_arrives() {
    let mut p = Alone::<RetransmitForever<char>>::new(0, 2, retransmit_forever::Parameters::default());
    for _ in 0..2 {
        assert_eq!(p.message(1, 'a'), [Indicate(deliver(1, 'a'))]);
    }
}

#[test]
fn retransmit_forever_after_a_restart_has_forgotten_what_it_sent() {
    let mut p = Alone::<RetransmitForever<char>>::new(0, 2, retransmit_forever::Parameters::default());
    p.request(send(1, 'a'));
    assert_eq!(p.restart(), [Set(RETRANSMIT)]);
    assert_eq!(p.timer(RETRANSMIT), [Set(RETRANSMIT)]);
}

#[test]
fn the_twin_that_stops_retransmits_no_more_than_its_pulses() {
    let defect = Some(retransmit_forever::Defect::StopsAfter(2));
    let mut p = Alone::<RetransmitForever<char>>::new(0, 2, retransmit_forever::Parameters { defect });
    p.request(send(1, 'a'));
    for _ in 0..2 {
        assert_eq!(p.timer(RETRANSMIT), [Send(1, 'a'), Set(RETRANSMIT)]);
    }
    assert_eq!(p.timer(RETRANSMIT), []);
}

#[test]
fn eliminate_duplicates_delivers_each_message_once_and_equal_ones_as_often_as_sent() {
    let mut p = Alone::<EliminateDuplicates<char>>::new(0, 3, eliminate_duplicates::Parameters::default());
    assert_eq!(p.request(send(1, 'a')), [Send(1, numbered(0, 'a'))]);
    assert_eq!(p.request(send(1, 'a')), [Send(1, numbered(1, 'a'))]);
    for _ in 0..2 {
        p.message(1, numbered(0, 'x'));
    }
    assert_eq!(p.message(1, numbered(0, 'x')), []);
    assert_eq!(p.message(1, numbered(1, 'x')), [Indicate(deliver(1, 'x'))]);
    assert_eq!(p.message(2, numbered(0, 'x')), [Indicate(deliver(2, 'x'))], "numbers are each sender's own");
}

#[test]
fn eliminate_duplicates_loses_its_filter_in_a_restart() {
    let mut p = Alone::<EliminateDuplicates<char>>::new(0, 2, eliminate_duplicates::Parameters::default());
    assert_eq!(p.message(1, numbered(0, 'x')), [Indicate(deliver(1, 'x'))]);
    assert_eq!(p.restart(), []);
    assert_eq!(p.message(1, numbered(0, 'x')), [Indicate(deliver(1, 'x'))]);
}

#[test]
fn the_twin_without_a_filter_delivers_twice() {
    let defect = Some(eliminate_duplicates::Defect::NoFilter);
    let mut p = Alone::<EliminateDuplicates<char>>::new(0, 2, eliminate_duplicates::Parameters { defect });
    for _ in 0..2 {
        assert_eq!(p.message(1, numbered(0, 'x')), [Indicate(deliver(1, 'x'))]);
    }
}

fn entry(from: u32, sn: u64, message: char) -> log_delivered::Entry<char> {
    log_delivered::Entry { from: ProcessId(from), data: numbered(sn, message) }
}

#[test]
fn log_delivered_stores_before_it_delivers_and_delivers_once() {
    let mut p = Alone::<LogDelivered<char>>::new(0, 2, log_delivered::Parameters::default());
    let told = Indicate(LogDeliver::Deliver(deliver(1, 'a')));
    assert_eq!(p.message(1, numbered(0, 'a')), [Store(entry(1, 0, 'a')), told]);
    assert_eq!(p.message(1, numbered(0, 'a')), []);
}

#[test]
fn log_delivered_tells_its_log_after_a_restart_and_delivers_none_of_it_again() {
    let mut p = Alone::<LogDelivered<char>>::new(0, 2, log_delivered::Parameters::default());
    assert_eq!(p.restart(), [Indicate(LogDeliver::Recovered(vec![]))]);
    p.message(1, numbered(5, 'b'));
    p.message(1, numbered(0, 'a'));
    let log = vec![deliver(1, 'b'), deliver(1, 'a')];
    assert_eq!(p.restart(), [Indicate(LogDeliver::Recovered(log))], "in the order of the log");
    assert_eq!(p.message(1, numbered(0, 'a')), []);
}

#[test]
fn log_delivered_takes_another_message_under_a_number_of_before_the_senders_restart() {
    let mut p = Alone::<LogDelivered<char>>::new(0, 2, log_delivered::Parameters::default());
    p.message(1, numbered(0, 'a'));
    assert_eq!(p.message(1, numbered(0, 'b')).len(), 2);
}

#[test]
fn the_twin_that_delivers_before_it_logs_speaks_first() {
    let defect = Some(log_delivered::Defect::DeliversBeforeItLogs);
    let mut p = Alone::<LogDelivered<char>>::new(0, 2, log_delivered::Parameters { defect });
    let told = Indicate(LogDeliver::Deliver(deliver(1, 'a')));
    assert_eq!(p.message(1, numbered(0, 'a')), [told, Store(entry(1, 0, 'a'))]);
}

#[test]
fn fifo_holds_back_what_arrives_too_early() {
    let mut p = Alone::<FifoLink<char>>::new(0, 3, fifo::Parameters::default());
    assert_eq!(p.message(1, numbered(2, 'c')), []);
    assert_eq!(p.message(1, numbered(1, 'b')), []);
    assert_eq!(p.message(2, numbered(0, 'x')), [Indicate(deliver(2, 'x'))], "each sender has its own order");
    assert_eq!(p.message(1, numbered(0, 'a')), ['a', 'b', 'c'].map(|m| Indicate(deliver(1, m))));
}

#[test]
fn fifo_numbers_by_receiver() {
    let mut p = Alone::<FifoLink<char>>::new(0, 3, fifo::Parameters::default());
    assert_eq!(p.request(send(1, 'a')), [Send(1, numbered(0, 'a'))]);
    assert_eq!(p.request(send(2, 'b')), [Send(2, numbered(0, 'b'))]);
    assert_eq!(p.request(send(1, 'c')), [Send(1, numbered(1, 'c'))]);
}

#[test]
fn the_twin_without_hold_back_delivers_what_overtook() {
    let defect = Some(fifo::Defect::NoHoldBack);
    let mut p = Alone::<FifoLink<char>>::new(0, 2, fifo::Parameters { defect });
    assert_eq!(p.message(1, numbered(1, 'b')), [Indicate(deliver(1, 'b'))]);
}

#[test]
fn perfect_over_fair_loss_retransmits_below_and_filters_above() {
    let (mut p, did) = Alone::<PerfectOverFairLoss<char>>::start(0, 2, Layers::default());
    assert_eq!(did, [Set(Layer::Link(RETRANSMIT))]);
    assert_eq!(p.request(send(1, 'a')), [Send(1, numbered(0, 'a'))]);
    assert_eq!(p.timer(Layer::Link(RETRANSMIT)), [Send(1, numbered(0, 'a')), Set(Layer::Link(RETRANSMIT))]);
    assert_eq!(p.message(1, numbered(0, 'x')), [Indicate(deliver(1, 'x'))]);
    assert_eq!(p.message(1, numbered(0, 'x')), []);
}

#[test]
fn fifo_over_fair_loss_is_three_layers() {
    let mut p = Alone::<FifoOverFairLoss<char>>::new(0, 2, Layers::default());
    p.request(send(1, 'a'));
    assert_eq!(p.request(send(1, 'b')), [Send(1, numbered(1, numbered(1, 'b')))]);
    let second = numbered(1, numbered(1, 'y'));
    assert_eq!(p.message(1, second.clone()), []);
    assert_eq!(p.message(1, second), [], "a duplicate does not reach the upper layer");
    assert_eq!(p.message(1, numbered(0, numbered(0, 'x'))), ['x', 'y'].map(|m| Indicate(deliver(1, m))));
}

#[test]
fn logged_over_fair_loss_keeps_the_log_in_its_half_of_the_disk() {
    let mut p = Alone::<LoggedOverFairLoss<char>>::new(0, 2, Layers::default());
    p.message(1, numbered(0, 'a'));
    assert_eq!(p.disk.0.0, [entry(1, 0, 'a')]);
    let log = vec![deliver(1, 'a')];
    assert_eq!(p.restart(), [Set(Layer::Link(RETRANSMIT)), Indicate(LogDeliver::Recovered(log))]);
    assert_eq!(p.message(1, numbered(0, 'a')), []);
}

#[test]
fn broadcast_runs_over_fair_loss_through_the_stack() {
    use synod_algorithms::broadcast::Data;
    type Stack = Over<EagerReliableBroadcast<char>, PerfectOverFairLoss<Data<char>>>;
    let mut p = Alone::<Stack>::new(0, 2, Layers::default());
    let sent = p.request(Broadcast('a'));
    // one to itself, one to the other: two messages of the perfect link, numbered apart
    let [Send(0, to_me), Send(1, to_other)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((to_me.sn, to_other.sn), (SequenceNumber(0), SequenceNumber(1)));
    let did = p.message(0, to_me.clone());
    assert!(matches!(did[..], [Indicate(_), Send(0, _), Send(1, _)]), "{did:?}");
    assert_eq!(p.message(0, to_me.clone()), [], "a retransmission is filtered below");
    assert_eq!(link_of::<Stack>(), "fair-loss");
}

#[test]
fn a_stack_assumes_what_its_upper_layer_does_on_the_links_of_the_lower() {
    use synod_model::failure::FailureModel;
    assert_eq!(link_of::<PerfectOverFairLoss<char>>(), "fair-loss");
    assert_eq!(link_of::<FifoOverFairLoss<char>>(), "fair-loss");
    fn failures<P: Process>() -> &'static str {
        <P::Model as SystemModel>::Failures::KIND.name()
    }
    assert_eq!(failures::<PerfectOverFairLoss<char>>(), "crash-stop");
    assert_eq!(failures::<LoggedOverFairLoss<char>>(), "crash-recovery");
}

#[test]
fn stop_and_wait_has_one_message_under_way_until_it_is_acknowledged() {
    use common::Did;
    use stop_and_wait::{Message, Parameters, Timer};
    let mut p = Alone::<StopAndWait<char>>::new(0, 2, Parameters::default());
    let data = |sn, message| Send(1, Message::Data(SequenceNumber(sn), message));
    let timeout = Set(Timer::Timeout);
    assert_eq!(p.request(send(1, 'a')), [data(0, 'a'), timeout.clone()]);
    assert_eq!(p.request(send(1, 'b')), []);
    assert_eq!(p.timer(Timer::Timeout), [data(0, 'a'), timeout.clone()]);
    assert_eq!(p.message(1, Message::Ack(SequenceNumber(1))), [], "of nothing that was sent");
    let confirmed = Indicate(ConfirmedLink::Confirm { to: ProcessId(1), transmissions: 2 });
    let next = [Did::Cancel(Timer::Timeout), Did::Cancel(Timer::Tick), confirmed, data(1, 'b'), timeout];
    assert_eq!(p.message(1, Message::Ack(SequenceNumber(0))), next);
    assert_eq!(p.message(1, Message::Ack(SequenceNumber(0))), [], "a second one");
}

#[test]
fn stop_and_wait_delivers_once_and_acknowledges_every_copy() {
    use stop_and_wait::{Message, Parameters};
    let mut p = Alone::<StopAndWait<char>>::new(1, 2, Parameters::default());
    let ack = |sn| Send(0, Message::Ack(SequenceNumber(sn)));
    let data = |sn, message| Message::Data(SequenceNumber(sn), message);
    let delivers = |message| Indicate(ConfirmedLink::Deliver(deliver(0, message)));
    assert_eq!(p.message(0, data(0, 'a')), [delivers('a'), ack(0)], "delivered before it is confirmed");
    assert_eq!(p.message(0, data(0, 'a')), [ack(0)]);
    assert_eq!(p.message(0, data(1, 'a')), [delivers('a'), ack(1)]);
}

/// RFC 6298 by a clock that ticks: a round trip of five ticks of 100 ms makes 0.5 s, and so a timeout of 1.5 s.
#[test]
fn stop_and_wait_measures_round_trips_in_ticks() {
    use std::time::Duration;
    use stop_and_wait::{Message, Parameters, Timer, Waits};
    use synod_algorithms::links::retransmission_timeout::Constants;
    let constants = Constants { granularity: Duration::from_millis(100), ..Constants::default() };
    let parameters = Parameters { waits: Waits::Adaptive(constants), defect: None };
    let mut p = Alone::<StopAndWait<char>>::new(0, 2, parameters);
    p.request(send(1, 'a'));
    for _ in 0..5 {
        assert_eq!(p.timer(Timer::Tick), [Set(Timer::Tick)]);
    }
    p.message(1, Message::Ack(SequenceNumber(0)));
    assert_eq!(p.process.timeout(), Duration::from_millis(1500));
    p.request(send(1, 'b'));
    p.timer(Timer::Timeout);
    assert_eq!(p.process.timeout(), Duration::from_secs(3), "it is backed off");
    assert_eq!(p.timer(Timer::Tick), [], "of what was sent twice no round trip is measured");
}
