//! Transactions as they are kept: what a log says, without its values.

use super::graph::NONE;
use super::names::{Names, number};
use super::scans::{Range, Scan, missed};
use crate::log::{End, Kind, Log};
use crate::reading::Meaningless;
use crate::value::Value;
use rustc_hash::{FxHashMap, FxHashSet};

/// What transactions are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Objects {
    Lists,
    Registers,
}

/// What came of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Committed,
    Aborted,
    /// It may have been committed.
    Unknown,
}

/// A transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transaction {
    pub(super) client: u64,
    pub(super) status: Status,
    /// The indices of its events; [`NONE`] if it did not return.
    pub(super) invoked: u32,
    pub(super) returned: u32,
    pub(super) line: u32,
    pub(super) end_line: u32,
    first: u32,
    length: u32,
}

/// What a micro-operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Writes or appends the value.
    Write,
    /// The same, and the transaction writes this key again.
    WriteIntermediate,
    /// Reads the initial state of a register.
    ReadNothing,
    /// Reads a register that has the value.
    ReadValue,
    /// Reads a list of which it sees the first so many elements; those it appended itself are not counted.
    ReadPrefix,
    /// Reads a list that is none of those: the value is its index among [`Transactions::odd`].
    ReadOdd,
    /// Reads what cannot be compared.
    ReadStrange,
}

/// A micro-operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct MicroOperation {
    pub(super) value: i64,
    pub(super) key: u32,
    pub(super) what: What,
}

/// The longest list that was read of a key.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace {
    pub(super) elements: Vec<i64>,
    /// How much of it agrees with all that was read.
    pub(super) agreed: usize,
    /// Who read it.
    pub(super) reader: u32,
}

/// A list that was read and is no beginning of the longest.
#[derive(Clone, Debug)]
pub(super) struct Odd {
    pub(super) key: u32,
    pub(super) elements: Vec<i64>,
    pub(super) reader: u32,
    /// How much of it is as in the longest.
    pub(super) common: usize,
}

/// A transaction that contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Internal {
    pub(super) transaction: u32,
    pub(super) key: u32,
    /// It reads what it writes later.
    pub(super) future: bool,
}

fn wrong_at(line: usize, what: &str) -> Meaningless {
    Meaningless { line, what: what.to_owned() }
}

/// The beginning of a value, in words.
fn short(value: &Value) -> String {
    value.to_string().chars().take(60).collect()
}

#[derive(Clone, Copy, Debug)]
enum Raw {
    Write(i64),
    /// What is read is not known.
    Asked,
    Nothing,
    Value(i64),
    /// Where its elements are.
    List(usize, usize),
    /// A scan, which found so many of those before it.
    Scan(Range, usize),
}

/// Where a micro-operation stands: whose it is, and what else its transaction does.
#[derive(Clone, Copy)]
struct Place<'a> {
    transaction: u32,
    before: &'a [(u32, Raw)],
    after: &'a [(u32, Raw)],
}

impl Raw {
    /// What of an object there is before all writes.
    fn nothing(objects: Objects) -> Self {
        match objects {
            Objects::Lists => Self::List(0, 0),
            Objects::Registers => Self::Nothing,
        }
    }
}

#[derive(Clone, Debug)]
struct Pending {
    transaction: u32,
    raw: Vec<(u32, Raw)>,
}

/// Transactions, gathered event by event. Of what was read of lists only the length is kept where it is the beginning of a longer one.
#[derive(Clone, Debug)]
pub(super) struct Transactions {
    pub(super) objects: Objects,
    pub(super) names: Names,
    pub(super) all: Vec<Transaction>,
    micro: Vec<MicroOperation>,
    pub(super) traces: Vec<Trace>,
    pub(super) odd: Vec<Odd>,
    pub(super) internal: Vec<Internal>,
    pub(super) scans: Vec<Scan>,
    /// Who looked for which keys and did not find them, in order: known once all is known.
    pub(super) missed: Vec<(u32, u32)>,
    running: FxHashMap<u64, Pending>,
    events: u32,
    scratch: Vec<i64>,
    raw: Vec<(u32, Raw)>,
    spare: Vec<Vec<(u32, Raw)>>,
}

impl Transactions {
    /// None yet.
    pub(super) fn new(objects: Objects) -> Self {
        Self {
            objects,
            names: Names::default(),
            all: vec![],
            micro: vec![],
            traces: vec![],
            odd: vec![],
            internal: vec![],
            scans: vec![],
            missed: vec![],
            running: FxHashMap::default(),
            events: 0,
            scratch: vec![],
            raw: vec![],
            spare: vec![],
        }
    }

    /// Of a log.
    pub(super) fn of_log(log: &Log, objects: Objects) -> Result<Self, Meaningless> {
        let mut events = vec![];
        for operation in log.operations() {
            events.push((operation.invoked, Kind::Invoke, operation, &operation.argument, operation.line));
            if let Some(returned) = operation.returned {
                let line = operation.end_line.unwrap_or(operation.line);
                let (kind, value) = match &operation.end {
                    End::Ok(value) => (Kind::Ok, value),
                    End::Failed(value) => (Kind::Fail, value),
                    End::Unknown => (Kind::Info, &operation.argument),
                };
                events.push((returned, kind, operation, value, line));
            }
        }
        events.sort_unstable_by_key(|&(at, ..)| at);
        let mut transactions = Self::new(objects);
        for (_, kind, operation, value, line) in events {
            transactions.push(operation.client.0, kind, value, line)?;
        }
        Ok(transactions)
    }

    /// How many micro-operations there are.
    pub(super) fn micro_operations_count(&self) -> usize {
        self.micro.len()
    }

    /// The micro-operations of a transaction.
    pub(super) fn of(&self, transaction: u32) -> &[MicroOperation] {
        let Transaction { first, length, .. } = self.all[transaction as usize];
        &self.micro[first as usize..(first + length) as usize]
    }

    /// Takes the next event.
    pub(super) fn push(
        &mut self,
        client: u64,
        kind: Kind,
        value: &Value,
        line: usize,
    ) -> Result<(), Meaningless> {
        let event = self.events;
        if event == NONE - 1 {
            return Err(wrong_at(line, "there are more events than can be judged"));
        }
        self.events += 1;
        if kind == Kind::Invoke {
            return self.invoke(client, value, line, event);
        }
        let Some(pending) = self.running.remove(&client) else {
            return Err(wrong_at(line, "a client ends a transaction that it did not invoke"));
        };
        let transaction = &mut self.all[pending.transaction as usize];
        transaction.end_line = line as u32;
        match kind {
            Kind::Ok => {
                transaction.status = Status::Committed;
                transaction.returned = event;
                self.parse(value, line, true)?;
                let raw = std::mem::take(&mut self.raw);
                self.keep(pending.transaction, &raw);
                self.raw = raw;
            }
            Kind::Fail => {
                transaction.status = Status::Aborted;
                self.keep(pending.transaction, &pending.raw);
            }
            Kind::Info | Kind::Invoke => self.keep(pending.transaction, &pending.raw),
        }
        self.spare.push(pending.raw);
        Ok(())
    }

    fn invoke(&mut self, client: u64, value: &Value, line: usize, event: u32) -> Result<(), Meaningless> {
        if self.running.contains_key(&client) {
            return Err(wrong_at(line, "a client invokes a transaction while it waits for another"));
        }
        self.parse(value, line, false)?;
        let transaction = self.all.len() as u32;
        self.all.push(Transaction {
            client,
            status: Status::Unknown,
            invoked: event,
            returned: NONE,
            line: line as u32,
            end_line: 0,
            first: 0,
            length: 0,
        });
        let mut raw = self.spare.pop().unwrap_or_default();
        std::mem::swap(&mut raw, &mut self.raw);
        self.running.insert(client, Pending { transaction, raw });
        Ok(())
    }

    /// Those that have not ended are kept with what they ask for; and of scans it is seen what they missed.
    pub(super) fn finish(&mut self) -> Result<(), Meaningless> {
        let mut left: Vec<Pending> = std::mem::take(&mut self.running).into_values().collect();
        left.sort_unstable_by_key(|pending| pending.transaction);
        for pending in left {
            self.keep(pending.transaction, &pending.raw);
        }
        self.missed = missed(&self.scans, &self.names).map_err(|one| {
            let line = self.all[one as usize].line as usize;
            wrong_at(line, "scans do not find more keys than can be judged")
        })?;
        Ok(())
    }

    /// What a value asks for or what came back, into `raw` and `scratch`.
    fn parse(&mut self, value: &Value, line: usize, returned: bool) -> Result<(), Meaningless> {
        self.raw.clear();
        self.scratch.clear();
        let can = match self.objects {
            Objects::Lists => "r, append, scan",
            Objects::Registers => "r, w, scan",
        };
        let strange = |what: &Value| {
            wrong_at(line, &format!("a transaction is a list of micro-operations, not `{}`", short(what)))
        };
        let Value::Sequence(micro) = value else {
            // nothing was asked for, or nothing said of what came back
            return if *value == Value::Nil { Ok(()) } else { Err(strange(value)) };
        };
        for operation in micro {
            let Value::Sequence(parts) = operation else { return Err(strange(operation)) };
            let [function, key, value] = &parts[..] else {
                let what = format!("`{}` is neither a read nor a write: [:r KEY VALUE]", short(operation));
                return Err(wrong_at(line, &what));
            };
            if function.as_text() == Some("scan") {
                self.parse_scan(key, value, line, returned)?;
                continue;
            }
            let key = self.names.key(key);
            let raw = match (function.as_text(), self.objects, value) {
                (Some("append"), Objects::Lists, element) => Raw::Write(self.names.code(element)),
                (Some("w" | "write"), Objects::Registers, value) if *value != Value::Nil => {
                    Raw::Write(self.names.code(value))
                }
                (Some("r" | "read"), ..) if !returned => Raw::Asked,
                (Some("r" | "read"), ..) => self.parse_read(value, line)?,
                (Some("w" | "write"), Objects::Registers, _) => {
                    return Err(wrong_at(line, "nil is the state before all writes: it is not written"));
                }
                _ => {
                    let what = format!("`{}` is nothing that these transactions do: {can}", short(function));
                    return Err(wrong_at(line, &what));
                }
            };
            self.raw.push((key, raw));
        }
        self.traces.resize_with(self.names.keys(), Trace::default);
        Ok(())
    }

    /// What was read of an object.
    fn parse_read(&mut self, value: &Value, line: usize) -> Result<Raw, Meaningless> {
        Ok(match (self.objects, value) {
            (objects, Value::Nil) => Raw::nothing(objects),
            (Objects::Registers, value) => Raw::Value(self.names.code(value)),
            (Objects::Lists, Value::Sequence(elements)) => {
                let from = self.scratch.len();
                for element in elements {
                    let code = self.names.code(element);
                    self.scratch.push(code);
                }
                Raw::List(from, self.scratch.len())
            }
            (Objects::Lists, other) => {
                return Err(wrong_at(line, &format!("`{}` is no list that could be read", short(other))));
            }
        })
    }

    /// What a scan found: reads of these, and that there was nothing else.
    fn parse_scan(
        &mut self,
        predicate: &Value,
        value: &Value,
        line: usize,
        returned: bool,
    ) -> Result<(), Meaningless> {
        let range = Range::of(predicate).ok_or_else(|| {
            let what =
                format!("a scan is of :all, or of whole numbers [FROM TO], not `{}`", short(predicate));
            wrong_at(line, &what)
        })?;
        if !returned {
            self.raw.push((NONE, Raw::Asked));
            return Ok(());
        }
        let found: Vec<(&Value, &Value)> = match value {
            Value::Nil => vec![],
            Value::Map(map) => map.iter().collect(),
            Value::Sequence(pairs) => {
                pairs.iter().map(Value::pair).collect::<Option<_>>().ok_or_else(|| {
                    wrong_at(
                        line,
                        &format!("a scan finds a map, or pairs of keys and values, not `{}`", short(value)),
                    )
                })?
            }
            other => {
                return Err(wrong_at(line, &format!("a scan finds a map, not `{}`", short(other))));
            }
        };
        let mut once = FxHashSet::default();
        for &(key, value) in &found {
            if !range.has(key) {
                return Err(wrong_at(line, &format!("a scan of {range} does not look for {}", short(key))));
            }
            let key = self.names.key(key);
            if !once.insert(key) {
                return Err(wrong_at(line, "a scan finds a key once"));
            }
            let read = self.parse_read(value, line)?;
            self.raw.push((key, read));
        }
        self.raw.push((NONE, Raw::Scan(range, found.len())));
        Ok(())
    }

    /// Keeps the micro-operations of a transaction, and sees whether they agree with each other.
    fn keep(&mut self, transaction: u32, raw: &[(u32, Raw)]) {
        let first = self.micro.len();
        self.all[transaction as usize].first = first as u32;
        for (index, (key, operation)) in raw.iter().enumerate() {
            let (key, before, after) = (*key, &raw[..index], &raw[index + 1..]);
            let place = Place { transaction, before, after };
            let again = |(other, raw): &(u32, Raw)| *other == key && matches!(raw, Raw::Write(_));
            let (what, value) = match *operation {
                Raw::Write(value) if after.iter().any(again) => (What::WriteIntermediate, value),
                Raw::Write(value) => (What::Write, value),
                Raw::Asked => continue,
                Raw::Scan(range, found) => {
                    let (before, found) = before.split_at(index - found);
                    self.keep_scan(Place { before, ..place }, range, found);
                    continue;
                }
                Raw::Nothing | Raw::Value(_) | Raw::List(..) => match self.keep_read(place, key, operation) {
                    Some(kept) => kept,
                    None => continue,
                },
            };
            self.micro.push(MicroOperation { value, key, what });
        }
        self.all[transaction as usize].length = (self.micro.len() - first) as u32;
    }

    /// A scan. What its transaction did before says of some keys what must have been found.
    fn keep_scan(&mut self, place: Place<'_>, range: Range, found: &[(u32, Raw)]) {
        let mut known: Vec<u32> = found.iter().map(|&(key, _)| key).collect();
        let nothing = Raw::nothing(self.objects);
        for &(key, ref raw) in place.before {
            let is_used = !matches!(raw, Raw::Asked | Raw::Scan(..)) && range.has(self.names.key_name(key));
            if !is_used || known.contains(&key) {
                continue;
            }
            known.push(key);
            if let Some((what, value)) = self.keep_read(place, key, &nothing) {
                self.micro.push(MicroOperation { value, key, what });
            }
        }
        known.sort_unstable();
        let transaction = place.transaction;
        let at = self.micro.len() - self.all[transaction as usize].first as usize;
        self.scans.push(Scan { transaction, range, known, at });
    }

    /// A read: what is to be kept of it.
    fn keep_read(&mut self, place: Place<'_>, key: u32, read: &Raw) -> Option<(What, i64)> {
        match *read {
            Raw::List(from, to) => self.keep_list(place, key, (from, to)),
            _ => self.keep_value(place, key, read),
        }
    }

    fn wrong(&mut self, transaction: u32, key: u32, future: bool) {
        self.internal.push(Internal { transaction, key, future });
    }

    /// The read of a register: nothing if the transaction's own operations before say what it must be, and it is that.
    fn keep_value(&mut self, place: Place<'_>, key: u32, read: &Raw) -> Option<(What, i64)> {
        let Place { transaction, before, after } = place;
        let seen = |raw: &Raw| match raw {
            Raw::Write(value) | Raw::Value(value) => Some(Some(*value)),
            Raw::Nothing => Some(None),
            _ => None,
        };
        let value = seen(read)?;
        let known = before.iter().rev().find(|(other, _)| *other == key).and_then(|(_, raw)| seen(raw));
        if known == Some(value) {
            return None;
        }
        if known.is_some() {
            self.wrong(transaction, key, false);
        }
        let later = |(other, raw): &(u32, Raw)| {
            *other == key && matches!(raw, Raw::Write(written) if Some(*written) == value)
        };
        if after.iter().any(later) {
            self.wrong(transaction, key, true);
            return Some((What::ReadStrange, 0));
        }
        if before.iter().any(later) {
            return Some((What::ReadStrange, 0)); // its own, overwritten
        }
        Some(value.map_or((What::ReadNothing, 0), |value| (What::ReadValue, value)))
    }

    /// The read of a list: what of it others wrote.
    fn keep_list(&mut self, place: Place<'_>, key: u32, (from, to): (usize, usize)) -> Option<(What, i64)> {
        let Place { transaction, before, after } = place;
        let mut own = vec![];
        let mut read_before = None;
        for (_, raw) in before.iter().filter(|(other, _)| *other == key) {
            match raw {
                Raw::Write(value) => own.push(*value),
                Raw::List(from, to) => read_before = Some((*from, *to, own.len())),
                _ => {}
            }
        }
        let scratch = std::mem::take(&mut self.scratch);
        let elements = &scratch[from..to];
        let future = after.iter().any(|(other, raw)| {
            *other == key && matches!(raw, Raw::Write(value) if elements.contains(value))
        });
        let known = read_before.map(|(from, to, own_then)| (&scratch[from..to], &own[own_then..]));
        let agrees = match known {
            Some((seen, new)) => {
                elements.len() == seen.len() + new.len()
                    && elements.starts_with(seen)
                    && elements.ends_with(new)
            }
            None => elements.ends_with(&own),
        };
        if future || !agrees {
            self.wrong(transaction, key, future);
        }
        let kept = if agrees && !future {
            // what was seen before says as much
            known.is_none().then(|| self.offer(transaction, key, &elements[..elements.len() - own.len()]))
        } else if elements.iter().any(|element| own.contains(element)) {
            Some((What::ReadStrange, 0))
        } else {
            Some(self.offer(transaction, key, elements))
        };
        self.scratch = scratch;
        kept
    }

    /// Compares a list that was read to the longest.
    fn offer(&mut self, reader: u32, key: u32, elements: &[i64]) -> (What, i64) {
        let trace = &mut self.traces[key as usize];
        let shorter = trace.elements.len().min(elements.len());
        if trace.elements[..shorter] == elements[..shorter] {
            if elements.len() > shorter {
                if trace.agreed == shorter {
                    trace.agreed = elements.len();
                }
                trace.elements.extend_from_slice(&elements[shorter..]);
                trace.reader = reader;
            }
            return (What::ReadPrefix, number(elements.len()));
        }
        let same = trace.elements.iter().zip(elements).take_while(|(one, other)| one == other);
        let common = same.count();
        trace.agreed = trace.agreed.min(common);
        self.odd.push(Odd { key, elements: elements.to_vec(), reader, common });
        (What::ReadOdd, number(self.odd.len() - 1))
    }
}
