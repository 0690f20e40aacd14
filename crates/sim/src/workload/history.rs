//! What clients saw of a run: who asked for what, when, and what came of it; and whether that can be.

use std::collections::BTreeMap;
use synod_judge::{
    Budget, Event, Outcome, Register, RegisterOperation, RegisterReturn, Verdict, linearizable,
};
use synod_properties::{Ask, Completion, Object, Property, Violation};

/// One event of a history.
pub type Record = Event<Ask, Completion>;
/// What came of an operation.
pub type RecordedOutcome = Outcome<Completion>;
/// The history of a run: its JSON Lines are those that `synod_judge` reads.
pub type History = synod_judge::History<Ask, Completion>;

/// Some order of the operations, each within the time that its client waited, explains all that clients were told.
pub const LINEARIZABLE: Property =
    Property::safety("HISTORY", "the history that clients saw is linearizable");

/// How much work the judgement of a history may cost. One that costs more is not judged.
const BUDGET: Budget<'_> = Budget::steps(2_000_000);

/// What is wrong with a history of this object.
pub(super) fn judge(history: &History, object: Object) -> Option<Violation> {
    match object {
        Object::Register => {
            history.by_key().into_iter().find_map(|(key, history)| judge_register(key, &history))
        }
    }
}

fn judge_register(key: Option<u64>, history: &History) -> Option<Violation> {
    let verdict = linearizable(&Register::default(), &as_register(history), BUDGET);
    let Verdict::Violation { operation, .. } = verdict else { return None };
    let operation = &history.operations()[operation];
    let told = |completion: &Completion| serde_json::to_string(completion).unwrap_or_default();
    let outcome = match &operation.outcome {
        Outcome::Ok(completion) => told(completion),
        Outcome::Failed => "failed".to_owned(),
        Outcome::Unknown => "unknown".to_owned(),
    };
    let asked = serde_json::to_string(&operation.operation).unwrap_or_default();
    let of = key.map(|key| format!(" of object {key}")).unwrap_or_default();
    let what = format!(
        "no order of the operations{of} explains that {} was told {outcome} when it asked for {asked}",
        operation.client
    );
    Some(Violation::new(&LINEARIZABLE, what))
}

/// The same in the register's own words.
fn as_register(history: &History) -> synod_judge::History<RegisterOperation<u64>, RegisterReturn<u64>> {
    let operation = |ask: &Ask| {
        if ask.kind.carries { RegisterOperation::Write(ask.value) } else { RegisterOperation::Read }
    };
    let mut kinds = BTreeMap::new();
    let events = history.events().iter().map(|event| match event {
        Event::Invoke { client, operation: ask, .. } => {
            kinds.insert(*client, ask.kind.carries);
            Event::invoke(*client, operation(ask))
        }
        Event::Return { client, outcome, .. } => {
            let outcome = match outcome {
                Outcome::Ok(Completion::Value(_, value)) => Outcome::Ok(RegisterReturn::Value(*value)),
                Outcome::Ok(Completion::Done(_)) => Outcome::Ok(RegisterReturn::Written),
                Outcome::Failed => Outcome::Failed,
                Outcome::Unknown => Outcome::Unknown,
            };
            Event::end(*client, outcome)
        }
    });
    synod_judge::History::new(events).expect("the same events in other words")
}

#[cfg(test)]
mod tests {
    use super::*;
    use synod_judge::Client;
    use synod_model::ProcessId;
    use synod_properties::OperationKind;

    fn ask(kind: OperationKind, value: u64) -> Ask {
        Ask { at: ProcessId(0), kind, key: 0, value }
    }

    const READ: OperationKind = OperationKind::plain("read");
    const WRITE: OperationKind = OperationKind::with_value("write");

    #[test]
    fn a_history_is_written_as_the_judge_reads_it_and_judged() {
        let mut history = History::default();
        let (one, two) = (Client(1), Client(2));
        history.invoke(one, ask(WRITE, 5)).unwrap();
        history.returned(one, Completion::Done("written")).unwrap();
        let invocation =
            Event::Invoke { client: two, operation: ask(READ, 6), key: None, retry: true, at: Some(7) };
        history.push(invocation).unwrap();
        history.returned(two, Completion::Value("value", Some(5))).unwrap();
        assert_eq!(judge(&history, Object::Register), None);
        history.invoke(two, ask(READ, 7)).unwrap();
        history.returned(two, Completion::Value("value", None)).unwrap();
        let text = history.to_json_lines().unwrap();
        assert!(text.contains(r#"{"invoke":{"client":2,"operation":"read","retry":true,"at":7}}"#), "{text}");
        type Registers = synod_judge::History<RegisterOperation<u64>, RegisterReturn<u64>>;
        let read = Registers::from_json_lines(&text).expect(&text);
        assert!(linearizable(&Register::default(), &read, BUDGET).is_violation());
        let violation = judge(&history, Object::Register).expect("the write is lost");
        assert!(
            violation.what.ends_with(r#"client 2 was told {"value":null} when it asked for "read""#),
            "{}",
            violation.what
        );
    }
}
