//! All small register histories, against the definition read aloud: some of the operations whose outcome is unknown,
//! and all that returned, in some order that keeps the order of real time, do what the register does.

use synod_judge::{
    Budget, Client, Event, History, Online, Outcome, Register, RegisterOperation, RegisterReturn,
    SequentialSpecification, Verdict, linearizable,
};

type Registers = History<RegisterOperation<u8>, RegisterReturn<u8>>;
type RegisterEvent = Event<RegisterOperation<u8>, RegisterReturn<u8>>;

/// What a read may return.
const READS: [RegisterReturn<u8>; 3] =
    [RegisterReturn::Value(None), RegisterReturn::Value(Some(1)), RegisterReturn::Value(Some(2))];

/// Calls `visit` on every history of at most `left` operations more by `clients` clients, prefixes included.
fn extend(
    events: &mut Vec<RegisterEvent>,
    running: &mut [Option<bool>],
    left: usize,
    visit: &mut impl FnMut(&[RegisterEvent]),
) {
    visit(events);
    for c in 0..running.len() {
        let client = Client(c as u64);
        if let Some(reads) = running[c] {
            running[c] = None;
            let written = [Outcome::Ok(RegisterReturn::Written), Outcome::Unknown, Outcome::Failed];
            let outcomes: Vec<_> = if reads { READS.map(Outcome::Ok).to_vec() } else { written.to_vec() };
            for outcome in outcomes {
                events.push(Event::end(client, outcome));
                extend(events, running, left, visit);
                events.pop();
            }
            running[c] = Some(reads);
        } else if left > 0 {
            for operation in
                [RegisterOperation::Read, RegisterOperation::Write(1), RegisterOperation::Write(2)]
            {
                running[c] = Some(operation == RegisterOperation::Read);
                events.push(Event::invoke(client, operation));
                extend(events, running, left - 1, visit);
                events.pop();
            }
            running[c] = None;
        }
        // clients are interchangeable: the first use of each comes in order
        if !events.iter().any(|e| matches!(e, Event::Invoke { client: used, .. } if *used == client)) {
            break;
        }
    }
}

/// Whether some permutation of some of the operations explains the history.
fn brute_force(history: &Registers) -> bool {
    fn go(history: &Registers, done: &mut Vec<usize>, state: Option<u8>) -> bool {
        let operations = history.operations();
        let left: Vec<usize> = (0..operations.len()).filter(|i| !done.contains(i)).collect();
        let owed = |&i: &usize| matches!(operations[i].outcome, Outcome::Ok(_));
        if !left.iter().any(owed) {
            return true;
        }
        left.iter().any(|&i| {
            let operation = &operations[i];
            let too_late =
                left.iter().filter(|i| owed(i)).any(|&j| operations[j].returned.unwrap() < operation.invoked);
            let (after, value) = Register::default().apply(&state, &operation.operation);
            let possible = match operation.outcome {
                Outcome::Ok(returned) => value == returned,
                Outcome::Unknown => true,
                Outcome::Failed => false,
            };
            done.push(i);
            let explained = !too_late && possible && go(history, done, after);
            done.pop();
            explained
        })
    }
    go(history, &mut vec![], None)
}

/// Whether this order is a proof.
fn explains(history: &Registers, order: &[usize]) -> bool {
    let operations = history.operations();
    let mut state = None;
    let replayed = order.iter().all(|&i| {
        let (after, value) = Register::default().apply(&state, &operations[i].operation);
        state = after;
        match operations[i].outcome {
            Outcome::Ok(returned) => value == returned,
            Outcome::Unknown => true,
            Outcome::Failed => false,
        }
    });
    let complete = (0..operations.len()).all(|i| {
        !matches!(operations[i].outcome, Outcome::Ok(_)) || order.iter().filter(|&&j| j == i).count() == 1
    });
    let in_time = order.iter().enumerate().all(|(at, &i)| {
        order[at + 1..].iter().all(|&j| {
            !matches!((operations[j].outcome, operations[j].returned), (Outcome::Ok(_), Some(returned)) if returned < operations[i].invoked)
        })
    });
    replayed && complete && in_time
}

/// The index of the first event that the online judge refuses.
fn online(events: &[RegisterEvent]) -> Option<usize> {
    let mut judge = Online::new(Register::default());
    events.iter().position(|event| match *event {
        Event::Invoke { client, operation, .. } => {
            judge.invoke(client, operation);
            false
        }
        Event::Return { client, outcome: Outcome::Ok(value), .. } => judge.returned(client, &value).is_err(),
        Event::Return { client, outcome: Outcome::Unknown, .. } => {
            judge.unknown(client);
            false
        }
        Event::Return { client, outcome: Outcome::Failed, .. } => judge.failed(client).is_err(),
    })
}

/// Judges all histories of these sizes in all three ways; how many are linearizable, and how many are not.
fn cross_check(clients: usize, operations: usize) -> (usize, usize) {
    let (mut yes, mut no) = (0, 0);
    extend(&mut vec![], &mut vec![None; clients], operations, &mut |events| {
        let history = History::new(events.iter().copied()).unwrap();
        match linearizable(&Register::default(), &history, Budget::default()) {
            Verdict::Linearizable { order } => {
                yes += 1;
                assert!(explains(&history, &order), "{order:?} of {events:?}");
                assert_eq!(online(events), None, "{events:?}");
            }
            Verdict::Violation { prefix, order, operation } => {
                no += 1;
                assert!(!brute_force(&history), "{events:?}");
                assert!(explains(&history.prefix(prefix), &order), "{events:?}");
                assert!(!brute_force(&history.prefix(prefix + 1)), "{events:?}");
                assert_eq!(history.operations()[operation].returned, Some(prefix));
                assert_eq!(online(events), Some(prefix), "{events:?}");
            }
            Verdict::Unknown { .. } => panic!("out of budget: {events:?}"),
        }
    });
    (yes, no)
}

#[test]
fn every_history_of_three_operations_of_two_clients_agrees_with_brute_force() {
    let counts = cross_check(2, 3);
    assert_eq!(counts, (9_932, 6_398));
}

#[test]
fn every_history_of_three_operations_of_three_clients_agrees_with_brute_force() {
    let counts = cross_check(3, 3);
    assert_eq!(counts, (19_939, 11_484));
}

#[test]
fn every_history_of_four_operations_of_two_clients_agrees_with_brute_force() {
    let counts = cross_check(2, 4);
    assert_eq!(counts, (306_464, 281_402));
}
