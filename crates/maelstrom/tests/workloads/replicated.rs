//! What is replicated: linearizable, or strict serializable, whatever is cut off; and told otherwise where a leader answers too early.

use crate::checks;
use crate::driver::{End, Latency, Operation, Plan, Run, ms, s};
use crate::recorded::{ended, log, value};
use serde_json::{Value, json};
use synod_algorithms::consensus::raft::Defect;
use synod_judge::Budget;
use synod_judge::judgement::{self, Model};
use synod_judge::log::Kind;
use synod_judge::reading::Conventions;
use synod_judge::transactions::{self, Level, Workload};
use synod_kernel::Random;
use synod_maelstrom::{Name, Options};

/// A workload of five nodes under partitions, asked for what `generate` makes.
fn cut_off(
    name: Name,
    raft_defect: Option<Defect>,
    seed: u64,
    generate: impl FnMut(&mut Random, u64) -> Value,
    last: impl Fn(usize) -> Option<Value>,
) -> Run {
    let plan = Plan {
        clients: 2,
        rate: 60,
        time: s(8),
        latency: Latency::Uniform(ms(5)),
        partitions: Some(ms(1_300)),
        timeout: ms(2_500),
        seed,
        ..Plan::new(5)
    };
    let options = Options { latency: ms(20), raft_defect, ..Options::default() };
    let run = Run::new(plan, name, &options).go(generate, s(3), last);
    assert!(run.dropped > 100, "the cuts were felt");
    assert_eq!(run.complaints, [""; 0]);
    eprintln!(
        "{name}, {raft_defect:?}: {} operations, {:.0} % done, {:.1} messages each",
        run.operations.len(),
        100.0 * run.availability(),
        run.messages_per_operation()
    );
    run
}

/// Sound, and then with a leader that answers before others have what it answers: some seed must show it.
fn refuted(run: impl Fn(Option<Defect>, u64) -> bool) {
    assert!(run(None, 1), "what is sound is refuted");
    let early = Some(Defect::AnswersBeforeCommit);
    assert!((1..=4).any(|seed| !run(early, seed)), "the twin is not told apart");
}

fn registers(random: &mut Random, _: u64) -> Value {
    let key = random.below(4);
    let mut number = || random.below(5);
    let (a, b) = (number(), number());
    match random.below(3) {
        0 => json!({"type": "read", "key": key}),
        1 => json!({"type": "write", "key": key, "value": a}),
        _ => json!({"type": "cas", "key": key, "from": a, "to": b}),
    }
}

fn linearizable(run: &Run) -> Option<bool> {
    let asked = |operation: &Operation| {
        let field = |name: &str| value(&operation.request[name]);
        let key = Some(field("key"));
        match operation.kind() {
            "read" => ("read", key, synod_judge::Value::Nil),
            "write" => ("write", key, field("value")),
            _ => ("cas", key, synod_judge::Value::Sequence(vec![field("from"), field("to")])),
        }
    };
    let came_of = |operation: &Operation| match (operation.kind(), &operation.end) {
        ("read", End::Error(20)) => (Kind::Ok, synod_judge::Value::Nil),
        // it has compared
        ("cas", End::Error(20 | 22)) => (Kind::Ok, synod_judge::Value::Boolean(false)),
        _ => ended(operation, |reply| value(&reply["value"])),
    };
    let log = log(run, asked, came_of);
    let judged = judgement::judge(&log, Model::CasRegister, Conventions::default(), Budget::default());
    judged.expect("it means something").holds()
}

#[test]
fn lin_kv_is_linearizable() {
    refuted(|defect, seed| {
        let run = cut_off(Name::LinKv, defect, seed, registers, |_| Some(json!({"type": "read", "key": 1})));
        assert!(run.kinds_done().is_superset(&["cas", "read", "write"].into()));
        assert!(run.availability() > 0.4, "{}", run.availability());
        let last = run.operations.iter().filter(|operation| operation.last);
        assert!(
            last.clone().count() >= 5 && last.clone().all(|o| o.ok().is_some() || o.end == End::Error(20))
        );
        linearizable(&run).expect("within the budget")
    });
}

#[test]
fn what_may_have_been_done_is_not_said_to_have_failed() {
    let plan = Plan { clients: 2, rate: 60, time: s(12), partitions: Some(s(3)), ..Plan::new(3) };
    let run = Run::new(plan, Name::LinKv, &Options::default()).go(registers, s(1), |_| None);
    let ended = |end: &End| run.operations.iter().filter(|operation| operation.end == *end).count();
    assert!(ended(&End::Error(0)) > 0, "a leader that is cut off gave up what it had begun");
    assert_eq!(linearizable(&run), Some(true));
}

#[test]
fn lin_kv_works_where_messages_are_slow() {
    let plan = Plan { rate: 20, latency: Latency::Constant(ms(100)), time: s(20), ..Plan::new(3) };
    let options = Options { latency: ms(100), ..Options::default() };
    let run = Run::new(plan, Name::LinKv, &options).go(registers, s(1), |_| None);
    assert!(run.operations.iter().filter(|operation| operation.end == End::Unknown).count() < 4);
    assert_eq!(linearizable(&run), Some(true));
}

/// Transactions of up to four steps; `write` is what writes a value, none of which is used twice.
fn steps(write: &'static str) -> impl FnMut(&mut Random, u64) -> Value {
    let mut next = 0;
    move |random, _| {
        let step = |_| {
            let key = random.below(6);
            next += 1;
            if random.below(2) == 0 { json!(["r", key, null]) } else { json!([write, key, next]) }
        };
        let steps: Vec<_> = (0..4).map(step).collect();
        let count = 1 + random.below(4) as usize;
        json!({"type": "txn", "txn": steps[..count]})
    }
}

fn strict_serializable(run: &Run, workload: Workload) -> bool {
    let asked = |operation: &Operation| ("txn", None, value(&operation.request["txn"]));
    let log = log(run, asked, |operation| ended(operation, |reply| value(&reply["txn"])));
    transactions::judge(&log, workload).expect("they mean something").holds(Level::StrictSerializable)
}

#[test]
fn transactions_are_strict_serializable() {
    let kinds = [
        (Name::TxnListAppend, "append", Workload::ListAppend),
        (Name::TxnRwRegister, "w", Workload::RwRegister),
    ];
    for (name, write, workload) in kinds {
        refuted(|defect, seed| {
            let all: Vec<_> = (0..6).map(|key| json!(["r", key, null])).collect();
            let run = cut_off(name, defect, seed, steps(write), |_| Some(json!({"type": "txn", "txn": all})));
            assert!(run.availability() > 0.4, "{}", run.availability());
            strict_serializable(&run, workload)
        });
    }
}

fn logs() -> impl FnMut(&mut Random, u64) -> Value {
    let mut next = 0;
    move |random, _| {
        let key = format!("k{}", random.below(3));
        match random.below(5) {
            0 | 1 => {
                next += 1;
                json!({"type": "send", "key": key, "msg": next})
            }
            2 => json!({"type": "poll", "offsets": {key: random.below(20), "k9": 0}}),
            3 => json!({"type": "commit_offsets", "offsets": {key: random.below(20)}}),
            _ => json!({"type": "list_committed_offsets", "keys": ["k0", "k1", "k2", "k9"]}),
        }
    }
}

#[test]
fn logs_lose_nothing_and_never_go_back() {
    let everything = json!({"type": "poll", "offsets": {"k0": 0, "k1": 0, "k2": 0}});
    refuted(|defect, seed| {
        let run = cut_off(Name::Kafka, defect, seed, logs(), |_| Some(everything.clone()));
        assert_eq!(run.kinds_done().len(), 4);
        let judged = checks::kafka(&run);
        if defect.is_none() {
            judged.as_ref().expect("all there");
        }
        judged.is_ok()
    });
}
