//! A log judged while it grows, against the same log judged as a whole.

use synod_judge::generate::Random;
use synod_judge::judgement::{Model, judge};
use synod_judge::log::{Kind, Log, LogEvent};
use synod_judge::monitor::{Found, Monitor};
use synod_judge::reading::Conventions;
use synod_judge::{Budget, Client, Value};

/// Random events of a register with compare-and-set and two keys, few of which fit.
fn events(random: &mut Random) -> Vec<LogEvent> {
    let mut running: [Option<LogEvent>; 3] = Default::default();
    let mut events = vec![];
    let number = |random: &mut Random| Value::from(i64::try_from(random.below(3)).unwrap_or(0));
    for line in 1..=4 + random.below(8) as usize {
        let client = random.below(3);
        let running = &mut running[client as usize];
        if let Some(invoked) = running.take() {
            let kind = [Kind::Ok, Kind::Ok, Kind::Ok, Kind::Fail, Kind::Info][random.below(5) as usize];
            let value = match &*invoked.function {
                "read" if random.below(4) == 0 => Value::Nil,
                "read" => number(random),
                _ => invoked.value.clone(),
            };
            events.push(LogEvent { kind, value, line, ..invoked });
            continue;
        }
        let (function, value) = match random.below(4) {
            0 | 1 => ("read", Value::Nil),
            2 => ("write", number(random)),
            _ => ("cas", Value::Sequence(vec![number(random), number(random)])),
        };
        let key = Some(number(random)).filter(|_| random.below(3) == 0);
        let (client, kind) = (Client(client), Kind::Invoke);
        let event = LogEvent { client, kind, function: function.into(), value, key, at: None, line };
        *running = Some(event.clone());
        events.push(event);
    }
    events
}

#[test]
fn a_violation_is_told_with_the_event_that_no_order_explains() {
    let (mut random, mut counts) = (Random::new(3), [0; 2]);
    for round in 0..6_000 {
        let (one, other) = (round % 2 == 0, round % 4 < 2);
        let conventions = Conventions { failed_cas_compared: one, nil_read_says_nothing: other };
        let events = events(&mut random);
        let mut monitor = Monitor::new(Model::CasRegister, conventions);
        let found = events.iter().position(|event| {
            matches!(monitor.push(event.clone()).expect("they make up a log"), Found::Violation(_))
        });
        let first = (0..=events.len()).find(|&length| {
            let log = Log::new(events[..length].iter().cloned()).expect("they make up a log");
            let judged = judge(&log, Model::CasRegister, conventions, Budget::default());
            judged.expect("they mean something").holds() == Some(false)
        });
        assert_eq!(found.map(|index| index + 1), first, "{events:#?}");
        counts[usize::from(found.is_some())] += 1;
    }
    assert!(counts.iter().all(|&count| count > 500), "{counts:?}");
}
