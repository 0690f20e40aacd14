//! Nodes of Maelstrom as OS processes, with pipes between them: what the command line adds to the nodes that are tested in virtual time.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

/// Two nodes, and what carries messages between them.
struct Pair {
    children: Vec<Child>,
    inputs: [Sender<String>; 2],
    /// What nodes say to clients.
    answers: Receiver<Value>,
    asked: u64,
}

fn start(arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_synod"));
    command
        .arg("maelstrom")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command.spawn().expect("it starts")
}

/// Writes lines to a node until there are no more.
fn feed(mut input: ChildStdin, lines: &Receiver<String>) {
    for line in lines {
        if writeln!(input, "{line}").and_then(|()| input.flush()).is_err() {
            return;
        }
    }
}

impl Pair {
    fn new(workload: &str) -> Self {
        let mut children: Vec<_> = (0..2).map(|_| start(&[workload, "--latency", "5ms"])).collect();
        let (answered, answers) = mpsc::channel();
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..2).map(|_| mpsc::channel::<String>()).unzip();
        let inputs: [Sender<String>; 2] = senders.try_into().expect("two");
        for (child, lines) in children.iter_mut().zip(receivers) {
            let (input, output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
            thread::spawn(move || feed(input, &lines));
            let (answered, inputs) = (answered.clone(), inputs.clone());
            thread::spawn(move || {
                for line in BufReader::new(output).lines() {
                    let line = line.expect("UTF-8");
                    let message: Value = serde_json::from_str(&line).expect("nothing but messages");
                    // a node that is gone hears nothing, and a test that is over neither
                    let _ = match message["dest"].as_str() {
                        Some("n0") => inputs[0].send(line).is_ok(),
                        Some("n1") => inputs[1].send(line).is_ok(),
                        _ => answered.send(message["body"].clone()).is_ok(),
                    };
                }
            });
        }
        let mut pair = Self { children, inputs, answers, asked: 0 };
        for node in 0..2 {
            let init = json!({"type": "init", "node_id": format!("n{node}"), "node_ids": ["n0", "n1"]});
            assert_eq!(pair.ask(node, init)["type"], "init_ok");
        }
        pair
    }

    /// Asks a node: what it answers.
    fn ask(&mut self, node: usize, mut body: Value) -> Value {
        self.asked += 1;
        body["msg_id"] = self.asked.into();
        let message = json!({"src": "c1", "dest": format!("n{node}"), "body": body});
        self.inputs[node].send(message.to_string()).expect("it runs");
        loop {
            let answer = self.answers.recv().expect("an answer");
            if answer["in_reply_to"] == self.asked {
                return answer;
            }
        }
    }

    /// Asks again and again, until the answer is as it should be.
    fn ask_until(&mut self, node: usize, body: &Value, good: impl Fn(&Value) -> bool) {
        while !good(&self.ask(node, body.clone())) {
            thread::yield_now();
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill().and_then(|()| child.wait());
        }
    }
}

#[test]
fn a_message_comes_from_one_node_to_the_other() {
    let mut pair = Pair::new("broadcast");
    assert_eq!(pair.ask(0, json!({"type": "broadcast", "message": 7}))["type"], "broadcast_ok");
    pair.ask_until(1, &json!({"type": "read"}), |answer| answer["messages"] == json!([7]));
}

#[test]
fn two_nodes_elect_a_leader_and_agree() {
    let mut pair = Pair::new("lin-kv");
    let write = json!({"type": "write", "key": 1, "value": 5});
    // until there is a leader nothing can be taken on
    pair.ask_until(0, &write, |answer| answer["type"] == "write_ok");
    pair.ask_until(1, &json!({"type": "read", "key": 1}), |answer| answer["value"] == 5);
}

#[test]
fn a_node_ends_with_its_input_and_complains_of_nonsense() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_synod"));
    command.args(["maelstrom", "echo"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    child.stdin.take().expect("piped").write_all(b"nonsense\n\n{}").expect("it reads");
    let ended = child.wait_with_output().expect("it ends");
    assert!(ended.status.success() && ended.stdout.is_empty());
    assert_eq!(String::from_utf8_lossy(&ended.stderr).lines().count(), 2);
    let mut unknown = start(&["ecko"]);
    assert_eq!(unknown.wait().expect("it ends").code(), Some(2));
}
