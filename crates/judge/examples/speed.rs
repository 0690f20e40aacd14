//! How long generated histories take: `cargo run --release -p synod-judge --example speed`
#![expect(clippy::print_stdout, reason = "it is what an example is for")]

use std::time::Instant;
use synod_judge::generate::{Shape, linearizable as generate};
use synod_judge::model::{TextMap, TextOperation};
use synod_judge::special::{register as of_register, versioned};
use synod_judge::{Budget, Event, History, Outcome, Register, RegisterOperation, RegisterReturn, Verdict};

fn told(what: &str, verdict: &Verdict, begin: Instant) {
    let verdict = match verdict {
        Verdict::Linearizable { .. } => "linearizable".to_owned(),
        Verdict::Violation { prefix, .. } => format!("violation after {prefix} events"),
        Verdict::Unknown { prefix } => format!("unknown, {prefix} events explained"),
    };
    println!("{what}: {verdict}, {:?}", begin.elapsed());
}

fn main() {
    for seed in 0..3 {
        let shape = Shape { clients: 10, operations: 2000, unknown: 0 };
        let mut number = 0;
        let history = generate(&TextMap, shape, seed, |random| {
            number += 1;
            match random.below(10) {
                0..5 => TextOperation::Get,
                5..9 => TextOperation::Append(format!("x {number} y").into()),
                _ => TextOperation::Put(format!("x {number} y").into()),
            }
        });
        let begin = Instant::now();
        told("kv, 10 clients, 2,000 operations", &versioned(&TextMap, &history, Budget::default()).0, begin);
    }
    for (clients, values, unknown) in [(50, u64::MAX, 0), (50, 5, 0), (50, 5, 1), (10, 5, 10)] {
        let shape = Shape { clients, operations: 100_000, unknown };
        let mut number = 0;
        let register = Register::default();
        let history = generate(&register, shape, 1, |random| {
            number += 1;
            match random.below(2) {
                0 => RegisterOperation::Read,
                _ => RegisterOperation::Write(number % values),
            }
        });
        let begin = Instant::now();
        let what = format!(
            "register, {clients} clients, 100,000 operations, values {values}, unknown {unknown}/1000"
        );
        told(&what, &of_register(&history, Budget::steps(3_000_000)).0, begin);
        // a read of what is long gone, near the end
        let mut events = history.events().to_vec();
        let at = events.len() - 1000;
        let read = events[at..].iter_mut().find_map(|event| match event {
            Event::Return { outcome: Outcome::Ok(RegisterReturn::Value(value)), .. } => Some(value),
            _ => None,
        });
        *read.unwrap() = Some(u64::MAX - 1);
        let history = History::new(events).unwrap();
        let begin = Instant::now();
        told(
            "  .. and with a wrong read near the end",
            &of_register(&history, Budget::steps(3_000_000)).0,
            begin,
        );
    }
}
