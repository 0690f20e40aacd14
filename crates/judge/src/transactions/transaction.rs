//! Transactions in numbers.

use super::Workload;
use crate::history::Client;
use crate::log::{End, Log, LogOperation};
use crate::reading::Meaningless;
use crate::value::Value;
use rustc_hash::FxHashMap;

/// No value: what a register or a list has before anything is written.
pub(super) const NIL: u32 = u32::MAX;

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Committed,
    Aborted,
    Unknown,
}

/// A part of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Write {
        key: u32,
        value: u32,
    },
    /// What was read, if that is known: of a register one value, of a list all.
    Read {
        key: u32,
        values: Option<Vec<u32>>,
    },
}

pub(super) struct Transaction {
    /// Which operation of the log it is.
    pub(super) operation: usize,
    pub(super) client: Client,
    pub(super) status: Status,
    pub(super) parts: Vec<Part>,
    pub(super) invoked: usize,
    /// Where it is over, if it is.
    pub(super) returned: Option<usize>,
}

/// Numbers for values.
#[derive(Default)]
pub(super) struct Names {
    numbers: FxHashMap<Value, u32>,
    pub(super) values: Vec<Value>,
}

impl Names {
    fn number(&mut self, value: &Value) -> u32 {
        if let Some(&number) = self.numbers.get(value) {
            return number;
        }
        let number = self.values.len() as u32;
        self.values.push(value.clone());
        self.numbers.insert(value.clone(), number);
        number
    }

    pub(super) fn name(&self, number: u32) -> String {
        if number == NIL { "nothing".to_owned() } else { self.values[number as usize].to_string() }
    }
}

/// All that took effect, or may have.
pub(super) struct Transactions {
    pub(super) list: Vec<Transaction>,
    pub(super) keys: Names,
    pub(super) values: Names,
    /// Who wrote a value to a key, by its place in the list.
    pub(super) writers: FxHashMap<(u32, u32), usize>,
}

impl Transactions {
    pub(super) fn read(log: &Log, workload: Workload) -> Result<Self, Meaningless> {
        let mut all = Self {
            list: vec![],
            keys: Names::default(),
            values: Names::default(),
            writers: FxHashMap::default(),
        };
        for (index, operation) in log.operations().iter().enumerate() {
            let bad = |what: String| Meaningless { line: operation.end_line.unwrap_or(operation.line), what };
            let transaction = all.transaction(index, operation, workload).map_err(bad)?;
            let place = all.list.len();
            for part in &transaction.parts {
                if let Part::Write { key, value } = part
                    && let Some(other) = all.writers.insert((*key, *value), place)
                {
                    let (key, value) = (all.keys.name(*key), all.values.name(*value));
                    let line =
                        all.list.get(other).map_or(operation.line, |t| log.operations()[t.operation].line);
                    return Err(bad(format!(
                        "{value} is written to {key}, as in line {line}: what is written twice tells nothing"
                    )));
                }
            }
            all.list.push(transaction);
        }
        Ok(all)
    }

    fn transaction(
        &mut self,
        index: usize,
        o: &LogOperation,
        workload: Workload,
    ) -> Result<Transaction, String> {
        let (status, said) = match &o.end {
            End::Ok(value) => (Status::Committed, value),
            End::Failed(_) => (Status::Aborted, &o.argument),
            End::Unknown => (Status::Unknown, &o.argument),
        };
        let said = if *said == Value::Nil { &o.argument } else { said };
        let Value::Sequence(parts) = said else {
            return Err(format!("a transaction is a list of reads and writes, not `{said}`"));
        };
        let read = |part| self.part(part, workload, status == Status::Committed);
        let parts = parts.iter().map(read).collect::<Result<_, String>>()?;
        let returned = o.returned.filter(|_| status == Status::Committed);
        let (operation, client, invoked) = (index, o.client, o.invoked);
        Ok(Transaction { operation, client, status, parts, invoked, returned })
    }

    fn part(&mut self, part: &Value, workload: Workload, is_seen: bool) -> Result<Part, String> {
        let Value::Sequence(words) = part else {
            return Err(format!("`{part}` is neither a read nor a write"));
        };
        let [Value::Text(function), key, value] = &words[..] else {
            return Err(format!("`{part}` is neither a read nor a write"));
        };
        let key = self.keys.number(key);
        let write = if workload == Workload::ListAppend { "append" } else { "w" };
        match (&**function, value) {
            ("r", _) if !is_seen => Ok(Part::Read { key, values: None }),
            ("r", Value::Nil) => Ok(Part::Read { key, values: Some(vec![]) }),
            ("r", Value::Sequence(list)) if workload == Workload::ListAppend => {
                Ok(Part::Read { key, values: Some(list.iter().map(|v| self.values.number(v)).collect()) })
            }
            ("r", value) if workload == Workload::RwRegister => {
                Ok(Part::Read { key, values: Some(vec![self.values.number(value)]) })
            }
            ("r", other) => Err(format!("`{other}` was read, which is no list")),
            (function, value) if function == write => {
                Ok(Part::Write { key, value: self.values.number(value) })
            }
            (other, _) => Err(format!("`{other}` is nothing that these transactions do: r, {write}")),
        }
    }

    /// A transaction in words: "T3 (line 7)" is for the reader to find it.
    pub(super) fn name(&self, place: usize) -> String {
        format!("T{}", self.list[place].operation)
    }
}
