//! The ABD register, sentence by sentence.

mod common;

use common::{Alone, DidOf, Indicate, Send};
use synod_algorithms::registers::abd::{Defect, Message, OperationNumber, Parameters, Tag, Tagged};
use synod_algorithms::registers::{AbdRegister, RegisterRequest, RegisterReturn};
use synod_model::ProcessId;

type Abd = AbdRegister<char>;

/// 3 servers (0, 1, 2) and 2 clients (3, 4).
const PARAMETERS: Parameters = Parameters { servers: 3, clients: 2, defect: None };

fn process(me: u32) -> Alone<Abd> {
    Alone::new(me, 5, PARAMETERS)
}

fn op(number: u64) -> OperationNumber {
    OperationNumber(number)
}

fn tagged(number: u64, writer: u32, value: char) -> Tagged<char> {
    Tagged { tag: Tag { number, writer: Some(ProcessId(writer)) }, value: Some(value) }
}

fn to_servers(message: &Message<char>) -> Vec<DidOf<Abd>> {
    (0..3).map(|server| Send(server, message.clone())).collect()
}

#[test]
fn the_first_ids_are_servers_and_the_rest_clients() {
    for (me, server) in [(0, true), (2, true), (3, false), (4, false)] {
        assert_eq!(matches!(process(me).process, AbdRegister::Server(..)), server, "p{me}");
    }
}

#[test]
fn a_server_keeps_the_greatest_tag_and_answers_always() {
    let mut server = process(0);
    assert_eq!(
        server.message(3, Message::Query(op(1))),
        [Send(3, Message::QueryReply(op(1), Tagged::default()))]
    );
    for written in [tagged(2, 3, 'b'), tagged(1, 4, 'a'), tagged(2, 0, 'c')] {
        assert_eq!(server.message(3, Message::Update(op(1), written)), [Send(3, Message::UpdateAck(op(1)))]);
    }
    let answer = Message::QueryReply(op(9), tagged(2, 3, 'b'));
    assert_eq!(server.message(4, Message::Query(op(9))), [Send(4, answer)]);
}

#[test]
fn a_write_takes_a_tag_above_all_that_a_majority_has() {
    let mut client = process(3);
    assert_eq!(client.request(RegisterRequest::Write('x')), to_servers(&Message::Query(op(1))));
    assert_eq!(client.message(0, Message::QueryReply(op(1), tagged(4, 4, 'o'))), []);
    assert_eq!(
        client.message(0, Message::QueryReply(op(1), tagged(4, 4, 'o'))),
        [],
        "one server is one answer"
    );
    let update = Message::Update(op(1), tagged(5, 3, 'x'));
    assert_eq!(client.message(1, Message::QueryReply(op(1), Tagged::default())), to_servers(&update));
    assert_eq!(client.message(2, Message::QueryReply(op(1), tagged(9, 4, 'z'))), [], "the phase is over");
    assert_eq!(client.message(0, Message::UpdateAck(op(1))), []);
    assert_eq!(client.message(2, Message::UpdateAck(op(1))), [Indicate(RegisterReturn::WriteReturn)]);
    assert_eq!(client.message(1, Message::UpdateAck(op(1))), []);
}

#[test]
fn a_read_writes_back_what_it_returns() {
    let mut client = process(4);
    client.request(RegisterRequest::Read);
    client.message(2, Message::QueryReply(op(1), tagged(1, 3, 'x')));
    let update = Message::Update(op(1), tagged(1, 3, 'x'));
    assert_eq!(client.message(0, Message::QueryReply(op(1), Tagged::default())), to_servers(&update));
    client.message(0, Message::UpdateAck(op(1)));
    let returned = Indicate(RegisterReturn::ReadReturn(Some('x')));
    assert_eq!(client.message(1, Message::UpdateAck(op(1))), [returned]);
}

#[test]
fn the_twin_returns_without_a_write_back() {
    let parameters = Parameters { defect: Some(Defect::NoWriteBack), ..PARAMETERS };
    let mut client = Alone::<Abd>::new(4, 5, parameters);
    client.request(RegisterRequest::Read);
    client.message(2, Message::QueryReply(op(1), tagged(1, 3, 'x')));
    let returned = Indicate(RegisterReturn::ReadReturn(Some('x')));
    assert_eq!(client.message(0, Message::QueryReply(op(1), Tagged::default())), [returned]);
}

#[test]
fn the_twin_that_waits_for_all_is_not_content_with_a_majority() {
    let parameters = Parameters { defect: Some(Defect::WaitsForAll), ..PARAMETERS };
    let mut client = Alone::<Abd>::new(4, 5, parameters);
    client.request(RegisterRequest::Read);
    let reply = Message::QueryReply(op(1), Tagged::default());
    assert_eq!((client.message(2, reply.clone()), client.message(0, reply.clone())), (vec![], vec![]));
    assert_eq!(client.message(1, reply).len(), 3, "the write-back");
}

#[test]
fn a_busy_client_queues_and_answers_to_the_earlier_operation_count_for_nothing() {
    let mut client = process(3);
    client.request(RegisterRequest::Read);
    assert_eq!(client.request(RegisterRequest::Write('y')), []);
    for server in [0, 1] {
        client.message(server, Message::QueryReply(op(1), Tagged::default()));
    }
    client.message(0, Message::UpdateAck(op(1)));
    let next =
        [vec![Indicate(RegisterReturn::ReadReturn(None))], to_servers(&Message::Query(op(2)))].concat();
    assert_eq!(client.message(1, Message::UpdateAck(op(1))), next);
    for server in [1, 2] {
        assert_eq!(client.message(server, Message::QueryReply(op(1), Tagged::default())), []);
    }
}

#[test]
fn who_asks_a_server_gets_no_answer_and_answers_to_servers_are_ignored() {
    let mut server = process(1);
    assert_eq!(server.request(RegisterRequest::Read), []);
    assert_eq!(server.message(3, Message::UpdateAck(op(1))), []);
}
