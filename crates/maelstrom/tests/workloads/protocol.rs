//! What a node answers to lines that are not as they should be.

use crate::driver::ms;
use serde_json::{Value, json};
use synod_maelstrom::{Line, Name, Options};

fn node(name: Name) -> Box<dyn Line> {
    name.node(&Options::default(), 7)
}

/// Takes a line: the bodies that it answers.
fn take(node: &mut dyn Line, line: &str) -> Vec<Value> {
    let said = node.take(line.as_bytes(), ms(0));
    let body = |line: &String| serde_json::from_str::<Value>(line).expect("a message")["body"].clone();
    said.lines.iter().map(body).collect()
}

fn to_n1(body: &Value) -> String {
    json!({"id": 3, "src": "c1", "dest": "n1", "body": body}).to_string()
}

fn init() -> String {
    to_n1(&json!({"type": "init", "msg_id": 1, "node_id": "n1", "node_ids": ["n1", "n2"]}))
}

/// A node that has been told who it is.
fn started(name: Name) -> Box<dyn Line> {
    let mut node = node(name);
    assert_eq!(take(&mut *node, &init()), [json!({"type": "init_ok", "in_reply_to": 1})]);
    node
}

#[test]
fn a_node_is_told_who_it_is_once() {
    let mut node = started(Name::Echo);
    assert_eq!(take(&mut *node, &init()).len(), 1, "the same again is answered again");
    let other = to_n1(&json!({"type": "init", "msg_id": 2, "node_id": "n1", "node_ids": ["n1"]}));
    assert_eq!(take(&mut *node, &other)[0]["code"], 22);
}

#[test]
fn what_is_wrong_with_a_request_is_answered_by_its_code() {
    let mut early = node(Name::Echo);
    let echo = to_n1(&json!({"type": "echo", "msg_id": 1, "echo": 1}));
    assert_eq!(take(&mut *early, &echo)[0]["code"], 11);
    let code = |body: Value| take(&mut *started(Name::Echo), &to_n1(&body))[0]["code"].clone();
    assert_eq!(code(json!({"type": "generate", "msg_id": 5})), 10);
    assert_eq!(code(json!({"type": "echo", "msg_id": 5})), 12);
    assert_eq!(code(json!({"msg_id": 5})), 12);
    for ids in [json!(null), json!(["n1", "n1"]), json!(["n2"]), json!([1])] {
        let init = json!({"type": "init", "msg_id": 5, "node_id": "n1", "node_ids": ids});
        assert_eq!(take(&mut *node(Name::Echo), &to_n1(&init))[0]["code"], 12);
    }
}

#[test]
fn what_another_node_said_is_taken_as_it_was_written_or_not_at_all() {
    let mut other = node(Name::Broadcast);
    let init = init()
        .replace("\"node_id\":\"n1\"", "\"node_id\":\"n2\"")
        .replace("\"dest\":\"n1\"", "\"dest\":\"n2\"");
    take(&mut *other, &init);
    let broadcast = to_n1(&json!({"type": "broadcast", "msg_id": 2, "message": 4321})).replace("n1", "n2");
    let lines = other.take(broadcast.as_bytes(), ms(0)).lines;
    let line = lines.iter().find(|line| line.contains("\"dest\":\"n1\"")).expect("it tells the other");
    let mut node = started(Name::Broadcast);
    let changed = line.replace("4321", "4322");
    assert_ne!(changed, *line);
    assert_eq!(node.take(changed.as_bytes(), ms(0)).complaints.len(), 1);
    let read = to_n1(&json!({"type": "read", "msg_id": 3}));
    assert_eq!(take(&mut *node, &read)[0]["messages"], json!([]));
    assert_eq!(node.take(line.as_bytes(), ms(0)).complaints, [""; 0]);
    assert_eq!(take(&mut *node, &read)[0]["messages"], json!([4321]));
}

#[test]
fn what_nobody_can_be_answered_is_complained_of() {
    let mut node = started(Name::UniqueIds);
    let lines = [
        "nonsense".to_owned(),
        "{\"src\":\"c1\"}".to_owned(),
        to_n1(&json!({"type": "generate"})),
        to_n1(&json!({"type": "generate", "msg_id": 4, "in_reply_to": 9})),
        to_n1(&json!({"type": "peer", "said": 4})),
        init().replace("\"dest\":\"n1\"", "\"dest\":\"n9\""),
        "[".repeat(100_000),
    ];
    for line in lines {
        let said = node.take(line.as_bytes(), ms(0));
        assert_eq!((said.lines.len(), said.complaints.len()), (0, 1), "{line:.80}");
    }
    assert_eq!(node.take(b"\xff\xfe", ms(0)).complaints.len(), 1);
    assert_eq!(node.take(b" \r", ms(0)), synod_maelstrom::Said::default());
}
