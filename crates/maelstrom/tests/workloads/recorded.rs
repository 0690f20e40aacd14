//! A run as a history that `synod-judge` reads.

use crate::driver::{End, Operation, Run};
use serde_json::Value as Json;
use synod_judge::log::{Kind, Log, LogEvent};
use synod_judge::{Client, Value};

/// What an operation is to the judge: its function, its key, and its argument.
pub(crate) type Asked = (&'static str, Option<Value>, Value);

/// The history of a run, by what each operation is to the judge, and what came of it.
pub(crate) fn log(
    run: &Run,
    asked: impl Fn(&Operation) -> Asked,
    came_of: impl Fn(&Operation) -> (Kind, Value),
) -> Log {
    let mut events = Vec::new();
    for operation in &run.operations {
        let (function, key, argument) = asked(operation);
        let event = |(kind, value)| LogEvent {
            client: Client(operation.client),
            kind,
            function: function.into(),
            value,
            key: key.clone(),
            at: None,
            line: operation.order.0 + 1,
        };
        events.push((operation.order.0, event((Kind::Invoke, argument))));
        if operation.end != End::Unknown {
            events.push((operation.order.1, event(came_of(operation))));
        }
    }
    events.sort_by_key(|(at, _)| *at);
    Log::new(events.into_iter().map(|(_, event)| event)).expect("a client has one request at a time")
}

/// How an operation ended whose answer is `value`.
pub(crate) fn ended(operation: &Operation, value: impl FnOnce(&Json) -> Value) -> (Kind, Value) {
    match &operation.end {
        End::Ok(reply) => (Kind::Ok, value(reply)),
        End::Error(_) if operation.end.failed() => (Kind::Fail, Value::Nil),
        End::Error(_) | End::Unknown => (Kind::Info, Value::Nil),
    }
}

/// A value of JSON, as histories have it.
pub(crate) fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(truth) => Value::Boolean(*truth),
        Json::Number(number) => number.as_i64().map_or_else(|| Value::text(&number.to_string()), Value::from),
        Json::String(text) => Value::text(text),
        Json::Array(elements) => Value::Sequence(elements.iter().map(value).collect()),
        Json::Object(map) => {
            Value::Map(map.iter().map(|(key, one)| (Value::text(key), value(one))).collect())
        }
    }
}
