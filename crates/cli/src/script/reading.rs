//! How a file writes a fault and its occasion.

use super::{Occasion, Scripted};
use crate::environment::Span;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use std::time::Duration;
use synod_model::ProcessId;
use synod_sim::{Condition, Fault, Happening, NAMED, OTHERS, THERE};
use toml::{Table, Value};

/// What a condition's fault may say in place of a process.
const RELATIVE: [(&str, ProcessId); 3] = [("there", THERE), ("named", NAMED), ("others", OTHERS)];

impl<'de> Deserialize<'de> for Scripted {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let mut table = Table::deserialize(d)?;
        let when = occasion(&mut table).map_err(D::Error::custom)?;
        let relative = matches!(when, Occasion::When(..));
        let mut fault = Value::Table(table);
        if relative {
            numbered(&mut fault);
        }
        // what is written is a fault of the simulator's, in the words that it has for them
        let fault = Fault::deserialize(fault).map_err(|error| D::Error::custom(error.message()))?;
        Ok(Self { when, fault })
    }
}

/// Puts numbers in place of the names of processes that are known when something happened.
fn numbered(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some((_, p)) = RELATIVE.iter().find(|(name, _)| name == text) {
                *value = Value::Integer(p.0.into());
            }
        }
        Value::Array(all) => all.iter_mut().for_each(numbered),
        Value::Table(table) => table.iter_mut().for_each(|(_, value)| numbered(value)),
        _ => {}
    }
}

/// Takes one key out of a table.
fn taken<T: DeserializeOwned>(table: &mut Table, key: &str) -> Result<Option<T>, String> {
    let Some(value) = table.remove(key) else { return Ok(None) };
    T::deserialize(value).map(Some).map_err(|error| format!("`{key}`: {}", error.message()))
}

/// Takes out when it strikes.
fn occasion(table: &mut Table) -> Result<Occasion, String> {
    let span = |table: &mut Table, key: &str| Ok::<_, String>(taken::<Span>(table, key)?.map(|span| span.0));
    let at = span(table, "at")?;
    let every = span(table, "every")?;
    let until = span(table, "until")?;
    let times = taken::<u64>(table, "times")?;
    let after = span(table, "after")?;
    let when = taken::<When>(table, "when")?;
    let beside = |key: &str, other: &str| Err(format!("`{key}` beside `{other}`: leave one of them out"));
    match (when, at, every) {
        (Some(_), Some(_), _) => beside("at", "when"),
        (Some(_), _, Some(_)) => beside("every", "when"),
        (Some(when), None, None) => {
            if until.is_some() || times.is_some() {
                return Err(
                    "`until` and `times` go with `every`; a condition has a `times` of its own".to_owned()
                );
            }
            Ok(Occasion::When(when.condition()?, after.unwrap_or(Duration::ZERO)))
        }
        (None, ..) if after.is_some() => {
            Err("`after` goes with `when`: how long after what happened".to_owned())
        }
        (None, at, Some(every)) => {
            Ok(Occasion::Every { at: at.unwrap_or(Duration::ZERO), every, until, times })
        }
        (None, _, None) if until.is_some() || times.is_some() => {
            Err("`until` and `times` go with `every`: how long from one time to the next".to_owned())
        }
        (None, Some(at), None) => Ok(Occasion::At(at)),
        (None, None, None) => {
            Err("missing field `at`: when the fault strikes; or `every`, or `when`".to_owned())
        }
    }
}

/// A condition as a file writes it: `{ indication = "Trust", process = 1, number = 2 }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct When {
    request: Option<Kind>,
    indication: Option<Kind>,
    message: Option<Kind>,
    crash: Option<bool>,
    recovery: Option<bool>,
    process: Option<ProcessId>,
    number: Option<u32>,
    times: Option<u32>,
}

/// A kind, or any.
#[derive(Deserialize)]
#[serde(untagged)]
enum Kind {
    Any(bool),
    Named(String),
}

impl When {
    fn condition(self) -> Result<Condition, String> {
        let Self { request, indication, message, crash, recovery, process, number, times } = self;
        let told = |what, kind: Option<Kind>| match kind {
            None | Some(Kind::Any(false)) => None,
            Some(Kind::Any(true)) => Some((what, None)),
            Some(Kind::Named(kind)) => Some((what, Some(kind))),
        };
        let all = [
            told(Happening::Request, request),
            told(Happening::Indication, indication),
            told(Happening::Message, message),
            told(Happening::Crash, crash.map(Kind::Any)),
            told(Happening::Recovery, recovery.map(Kind::Any)),
        ];
        let mut all = all.into_iter().flatten();
        let (Some((what, kind)), None) = (all.next(), all.next()) else {
            let known = "`request`, `indication`, `message`, `crash` or `recovery`";
            return Err(format!("`when` waits for one thing: {known}"));
        };
        let [number, times] = [(number, "number"), (times, "times")].map(|(given, key)| match given {
            Some(0) => Err(format!("`when.{key}` is counted from 1")),
            given => Ok(given.unwrap_or(1)),
        });
        Ok(Condition { what, kind, process, number: number?, times: times? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use synod_kernel::Partition;

    fn read(text: &str) -> Result<Scripted, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_condition_tells_who_is_cut_off() {
        let read = read(
            "when = { indication = \"Trust\", number = 2 }\nafter = \"5ms\"\nkind = \"sever\"\n\
             partition = { from = [\"named\"], to = [\"others\"] }",
        );
        let partition = Partition { from: vec![NAMED], to: vec![OTHERS], one_way: false };
        let when = Condition { number: 2, ..Condition::first(Happening::Indication, "Trust") };
        let when = Occasion::When(when, Duration::from_millis(5));
        assert_eq!(read, Ok(Scripted { when, fault: Fault::Sever { partition } }));
    }

    #[test]
    fn schedules_have_instants() {
        let instants = |text: &str| {
            let scripted = read(&format!("{text}\nkind = \"heal\"")).expect("a fault");
            let instants = scripted.when.instants(Duration::from_secs(1));
            instants.map(|at| at.as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(instants("at = \"300ms\""), [300]);
        assert_eq!(instants("every = \"300ms\""), [0, 300, 600, 900]);
        assert_eq!(instants("at = \"100ms\"\nevery = \"300ms\"\nuntil = \"600ms\""), [100, 400]);
        assert_eq!(instants("at = \"100ms\"\nevery = \"300ms\"\ntimes = 2"), [100, 400]);
    }

    #[test]
    fn contradictions_are_refused() {
        let refused = |text: &str, why: &str| {
            let error =
                read(&format!("{text}\nkind = \"pause\"\nprocess = 0\nlasts = \"1s\"")).expect_err(why);
            assert!(error.contains(why), "{error}");
        };
        refused("at = 1\nwhen = { crash = true }", "`at` beside `when`");
        refused("at = 1\ntimes = 2", "go with `every`");
        refused("at = 1\nafter = 2", "goes with `when`");
        refused("when = { process = 1 }", "waits for one thing");
        refused("when = { crash = true, message = \"Ack\" }", "waits for one thing");
        refused("when = { crash = true, number = 0 }", "counted from 1");
        refused("when = { crsh = true }", "crsh");
        refused("", "missing field `at`");
    }
}
