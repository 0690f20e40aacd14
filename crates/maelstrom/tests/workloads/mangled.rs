//! Lines that were changed at random: a node answers, complains or is silent, and lives on.

use crate::driver::{Plan, Run, ms, s};
use serde_json::{Value, json};
use synod_kernel::Random;
use synod_maelstrom::{Name, Options};

/// What is put in the place of bytes.
const WORDS: [&[u8]; 14] = [
    b"0",
    b"-1",
    b"18446744073709551615",
    b"9223372036854775808",
    b"1e999",
    b"\"\"",
    b"[",
    b"}",
    b"null",
    b"{}",
    b"true",
    b"\"n1\"",
    b"\"peer\"",
    b"\xff",
];

fn change(line: &mut Vec<u8>, random: &mut Random) {
    let (a, b) = (random.below(line.len() as u64 + 1) as usize, random.below(12) as usize);
    let range = a..(a + b).min(line.len());
    match random.below(4) {
        0 => _ = line.drain(range),
        1 => {
            let again = line[range.clone()].to_vec();
            line.splice(a..a, again);
        }
        2 => {
            let word = WORDS[random.below(WORDS.len() as u64) as usize];
            line.splice(range, word.iter().copied());
        }
        _ => line.iter_mut().skip(a).take(1).for_each(|byte| *byte ^= 1 << random.below(8)),
    }
}

/// Any request of any workload.
fn any(random: &mut Random) -> Value {
    let (key, number) = (random.below(3), random.below(100));
    match random.below(12) {
        0 => json!({"type": "echo", "echo": number}),
        1 => json!({"type": "generate"}),
        2 => json!({"type": "broadcast", "message": number}),
        3 => json!({"type": "add", "element": number, "delta": number}),
        4 => json!({"type": "read", "key": key}),
        5 => json!({"type": "write", "key": key, "value": number}),
        6 => json!({"type": "cas", "key": key, "from": number, "to": number, "create_if_not_exists": true}),
        7 => json!({"type": "txn", "txn": [["r", key, null], ["w", key, number], ["append", key, number]]}),
        8 => json!({"type": "send", "key": "k", "msg": number}),
        9 => json!({"type": "poll", "offsets": {"k": number}}),
        10 => json!({"type": "commit_offsets", "offsets": {"k": number}}),
        _ => json!({"type": "list_committed_offsets", "keys": ["k"]}),
    }
}

#[test]
fn no_line_makes_a_node_panic() {
    for name in Name::ALL {
        let plan = Plan { time: s(3), rate: 60, ..Plan::new(3) };
        let run = Run::new(plan, name, &Options::default()).go(|random, _| any(random), ms(0), |_| None);
        assert!(run.tape.len() > 30);
        let mut random = Random::new(5);
        let mut node = name.node(&Options::default(), 1);
        let (mut now, mut complaints, mut answers) = (ms(0), 0, 0);
        for k in 0..3_000 {
            let at = random.below(run.tape.len() as u64) as usize;
            let mut line = run.tape[if k == 0 { 0 } else { at }].clone().into_bytes();
            for _ in 0..random.below(4).min(k) {
                change(&mut line, &mut random);
            }
            now += ms(random.below(20));
            let said = node.take(&line, now);
            (complaints, answers) = (complaints + said.complaints.len(), answers + said.lines.len());
            if node.deadline().is_some_and(|at| at <= now) {
                node.wake(now);
            }
        }
        assert!(complaints > 100 && answers > 100, "{name}: {complaints} complaints, {answers} answers");
    }
}
