//! Broadcasts, sets that grow, counters: nothing is lost under partitions, and what it costs.

use crate::checks::{self, Spread};
use crate::driver::{Latency, Plan, Run, ms, s};
use serde_json::{Value, json};
use synod_algorithms::gossip::bimodal::Defect;
use synod_kernel::Random;
use synod_maelstrom::{Name, Options};

/// Broadcasts of numbers that are never used twice, and reads, half and half.
fn broadcasts() -> impl FnMut(&mut Random, u64) -> Value {
    let mut next = 0;
    move |random, _| {
        if random.below(2) == 0 {
            return json!({"type": "read"});
        }
        next += 1;
        json!({"type": "broadcast", "message": next})
    }
}

/// Twenty-five nodes, 100 ms apart, 100 requests a second: what the challenges 3d and 3e ask for.
fn challenge(gather: Option<std::time::Duration>, partitions: Option<std::time::Duration>) -> (f64, Spread) {
    let plan = Plan { latency: Latency::Constant(ms(100)), partitions, ..Plan::new(25) };
    let options = Options { latency: ms(100), gather, ..Options::default() };
    let run = Run::new(plan, Name::Broadcast, &options);
    let run = run.go(broadcasts(), s(10), |node| (node < 25).then(|| json!({"type": "read"})));
    assert!(run.operations.len() > 900 && run.availability() > 0.999);
    assert_eq!(run.complaints, [""; 0]);
    let spread = checks::spread(&run, "broadcast", "message", "messages").expect("nothing is lost");
    let messages = run.messages_per_operation();
    let quantiles = [0.5, 0.95, 0.99, 1.0].map(|share| spread.quantile(share).as_millis());
    eprintln!(
        "gather {gather:?}, partitions {partitions:?}: {messages:.2} messages an operation, {quantiles:?} ms"
    );
    (messages, spread)
}

#[test]
fn to_all_at_once_takes_one_hop_and_less_than_acknowledgements_would() {
    let (messages, spread) = challenge(None, None);
    assert!(messages < 24.0, "{messages}");
    assert!(spread.quantile(0.5) <= ms(200) && spread.quantile(1.0) <= ms(400));
}

#[test]
fn gathered_it_takes_two_hops_and_few_messages() {
    let (messages, spread) = challenge(Some(ms(100)), None);
    assert!(messages < 9.0, "{messages}");
    assert!(spread.quantile(0.5) <= s(1) && spread.quantile(1.0) <= ms(1_500));
}

#[test]
fn nothing_is_lost_where_nodes_are_cut_off_from_each_other() {
    for gather in [None, Some(ms(100))] {
        let (_, spread) = challenge(gather, Some(s(2)));
        assert!(spread.quantile(1.0) > s(1), "the cuts were felt");
    }
}

/// A workload of five nodes under partitions, asked for what `generate` makes.
fn cut_off(
    name: Name,
    spread_defect: Option<Defect>,
    generate: impl FnMut(&mut Random, u64) -> Value,
) -> Run {
    let plan = Plan { partitions: Some(s(1)), latency: Latency::Uniform(ms(10)), ..Plan::new(5) };
    let run = Run::new(plan, name, &Options { spread_defect, ..Options::default() });
    let run = run.go(generate, s(3), |_| Some(json!({"type": "read"})));
    assert!(run.dropped > 100, "the cuts were felt");
    run
}

fn adds(field: &'static str, value: fn(i64) -> i64) -> impl FnMut(&mut Random, u64) -> Value {
    let mut next = 0;
    move |random, _| {
        if random.below(2) == 0 {
            return json!({"type": "read"});
        }
        next += 1;
        json!({"type": "add", field: value(next)})
    }
}

#[test]
fn nodes_that_never_compare_lose_what_was_dropped() {
    let judge = |defect| {
        let run = cut_off(Name::Broadcast, defect, broadcasts());
        checks::spread(&run, "broadcast", "message", "messages").map(|_| ())
    };
    judge(None).expect("nothing is lost");
    assert!(judge(Some(Defect::NeverCompares)).unwrap_err().contains("has lost"));
}

#[test]
fn a_set_that_grows_has_all_elements_at_last() {
    let judge = |defect| {
        let run = cut_off(Name::GSet, defect, adds("element", |n| n));
        checks::spread(&run, "add", "element", "value").map(|_| ())
    };
    judge(None).expect("nothing is lost");
    assert!(judge(Some(Defect::NeverCompares)).unwrap_err().contains("has lost"));
}

#[test]
fn counters_are_the_sum_of_all_at_last() {
    let deltas: [(Name, fn(i64) -> i64); 2] = [(Name::GCounter, |n| n % 7), (Name::PnCounter, |n| n % 7 - 3)];
    for (name, delta) in deltas {
        let judge = |defect| checks::counter(&cut_off(name, defect, adds("delta", delta)));
        judge(None).expect("all is counted, once");
        assert!(judge(Some(Defect::NeverCompares)).is_err());
    }
    let growing = cut_off(Name::GCounter, None, adds("delta", |n| n - 3));
    let refused = growing.operations.iter().filter(|operation| operation.end.failed()).count();
    assert_eq!(refused, 2, "it does not shrink");
}
