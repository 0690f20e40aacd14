//! Echoes and unique names.

use crate::checks;
use crate::driver::{Plan, Run, ms, s};
use serde_json::json;
use synod_maelstrom::{Name, Options};

#[test]
fn what_is_said_comes_back() {
    let run = Run::new(Plan::new(1), Name::Echo, &Options::default());
    let run = run.go(|random, _| json!({"type": "echo", "echo": random.below(100)}), ms(0), |_| None);
    checks::echo(&run).expect("echoes");
    assert!(run.operations.len() > 900 && run.availability() > 0.999, "{}", run.operations.len());
    assert_eq!(run.complaints, [""; 0]);
}

#[test]
fn names_are_given_once_whatever_is_cut_off() {
    let plan = Plan { rate: 1_000, time: s(3), partitions: Some(s(1)), ..Plan::new(3) };
    let run = Run::new(plan, Name::UniqueIds, &Options::default());
    let mut run = run.go(|_, _| json!({"type": "generate"}), ms(0), |_| None);
    checks::unique_ids(&run).expect("each once");
    assert!(run.availability() > 0.999 && run.between_nodes == 0);
    // the twin: nodes that do not put their names to it
    for operation in &mut run.operations {
        if let crate::driver::End::Ok(reply) = &mut operation.end {
            let number =
                reply["id"].as_str().and_then(|id| id.split('-').nth(1)).expect("a number").to_owned();
            reply["id"] = number.into();
        }
    }
    assert!(checks::unique_ids(&run).is_err());
}
