//! What a run costs: messages, bytes, message delays and stable writes by operation, and how long operations take.

pub use crate::ground::encoded_length;

use hdrhistogram::Histogram;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How an operation ended for its client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// It took effect.
    Ok,
    /// It did not and will not take effect: every attempt was refused.
    Failed,
    /// Nobody knows.
    #[default]
    Unknown,
}

/// What was sent and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Messages to others.
    pub messages: u64,
    /// The bytes of their payloads, as a cluster puts them into frames.
    pub bytes: u64,
    /// Writes to stable storage, where durability is deferred.
    pub writes: u64,
    /// Timers and pulses that fired.
    pub firings: u64,
}

impl Traffic {
    /// Adds more of it.
    pub fn add(&mut self, more: Self) {
        self.messages += more.messages;
        self.bytes += more.bytes;
        self.writes += more.writes;
        self.firings += more.firings;
    }
}

/// What one operation came to, and what was spent on its account: in the handlers of its request, of the messages sent in
/// those, of the timers set in those, and so on, also after it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationCost {
    /// Which kind: its place among [`Costs::kinds`].
    pub kind: usize,
    /// When it began, in nanoseconds of virtual time.
    pub begun: u64,
    /// When it ended for its client.
    pub ended: Option<u64>,
    /// How.
    pub outcome: Ended,
    /// How often it was asked for again.
    pub retries: u32,
    /// What was sent and written.
    pub traffic: Traffic,
    /// The longest chain of messages from its request to what completed it.
    pub delays: Option<u32>,
    /// The same to the last that any process told the layer above.
    pub delays_to_all: u32,
}

impl OperationCost {
    /// How long it took, if it was answered.
    pub fn latency(&self) -> Option<Duration> {
        let ended = self.ended.filter(|_| self.outcome == Ended::Ok)?;
        Some(Duration::from_nanos(ended.saturating_sub(self.begun)))
    }
}

/// What a process does that runs over links of its own making, beside what becomes of it on the environment's links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stack {
    /// What the layer above asks the links to carry, and what it writes.
    pub upper: Traffic,
    /// All that is sent and written, the links' own retransmissions and writes included.
    pub all: Traffic,
}

impl Stack {
    /// How many messages are sent for each that the layer above asks for.
    pub fn messages_factor(&self) -> Option<f64> {
        (self.upper.messages > 0).then(|| self.all.messages as f64 / self.upper.messages as f64)
    }

    /// How many bytes are sent for each that the layer above asks for.
    pub fn bytes_factor(&self) -> Option<f64> {
        (self.upper.bytes > 0).then(|| self.all.bytes as f64 / self.upper.bytes as f64)
    }

    fn add(&mut self, more: Self) {
        self.upper.add(more.upper);
        self.all.add(more.all);
    }
}

/// What one run cost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Costs {
    /// The names of the kinds of operation.
    pub kinds: Vec<String>,
    /// In the order in which they began.
    pub operations: Vec<OperationCost>,
    /// What was spent on no operation's account: heartbeats, and what follows from a start or a recovery.
    pub background: Traffic,
    /// How much virtual time passed.
    pub time: Duration,
    /// Of processes over links of their own making: what the links cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<Stack>,
}

/// On whose account something happens, and after how many messages in a chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tag {
    /// 0: nobody's; k + 1: that of operation k.
    account: u32,
    depth: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    traffic: Traffic,
    delays: Option<u32>,
    delays_to_all: u32,
}

/// How many operations a process is known to have heard of lately: chains of those before them are not followed.
const HEARD_OF: usize = 256;

/// Counts while a run goes on.
#[derive(Debug)]
pub(crate) struct Meter {
    accounts: Vec<Account>,
    /// By the number of an entry of the agenda: what it is part of.
    tags: BTreeMap<u64, Tag>,
    /// By seat: for each account it has heard of lately, the longest chain that it is the end of.
    heard: Vec<VecDeque<Tag>>,
    /// The step under way.
    now: Tag,
    seat: usize,
}

impl Meter {
    pub(crate) fn new(seats: usize) -> Self {
        Self {
            accounts: vec![Account::default()],
            tags: BTreeMap::new(),
            heard: vec![VecDeque::new(); seats],
            now: Tag::default(),
            seat: 0,
        }
    }

    /// The process goes on with an operation that it was asked for before.
    pub(crate) fn goes_on(&mut self, operation: u32) {
        self.enter(self.seat, Tag { account: operation + 1, depth: 0 });
    }

    /// An entry of the agenda happens, at a seat.
    pub(crate) fn happens(&mut self, number: u64, seat: Option<usize>) {
        let tag = self.tags.remove(&number).unwrap_or_default();
        match seat {
            Some(seat) => self.enter(seat, tag),
            None => self.now = tag,
        }
    }

    /// A request of this operation is made at a seat.
    pub(crate) fn asked(&mut self, operation: u32, seat: usize) {
        let account = operation + 1;
        self.accounts.resize((account as usize + 1).max(self.accounts.len()), Account::default());
        self.enter(seat, Tag { account, depth: 0 });
    }

    fn enter(&mut self, seat: usize, tag: Tag) {
        self.now = tag;
        self.seat = seat;
        if tag.account == 0 {
            return;
        }
        let heard = &mut self.heard[seat];
        if let Some(known) = heard.iter_mut().rev().find(|known| known.account == tag.account) {
            known.depth = known.depth.max(tag.depth);
            self.now = *known;
            return;
        }
        if heard.len() == HEARD_OF {
            heard.pop_front();
        }
        heard.push_back(tag);
    }

    /// What happens now goes on with the entry of this number.
    pub(crate) fn keep(&mut self, number: u64) {
        if self.now.account > 0 {
            self.tags.insert(number, self.now);
        }
    }

    fn account(&mut self) -> &mut Account {
        &mut self.accounts[self.now.account as usize]
    }

    /// A message leaves.
    pub(crate) fn sent(&mut self, number: u64, to_itself: bool, bytes: impl FnOnce() -> u64) {
        if !to_itself {
            let bytes = bytes();
            let traffic = &mut self.account().traffic;
            traffic.messages += 1;
            traffic.bytes += bytes;
        }
        if self.now.account > 0 {
            let depth = self.now.depth + u32::from(!to_itself);
            self.tags.insert(number, Tag { depth, ..self.now });
        }
    }

    /// A write begins.
    pub(crate) fn stored(&mut self, number: u64) {
        self.account().traffic.writes += 1;
        self.keep(number);
    }

    /// A timer or a pulse fires.
    pub(crate) fn fired(&mut self) {
        self.account().traffic.firings += 1;
    }

    /// A process tells the layer above something.
    pub(crate) fn told(&mut self) {
        let depth = self.now.depth;
        let account = self.account();
        account.delays_to_all = account.delays_to_all.max(depth);
    }

    /// What is told completes an operation.
    pub(crate) fn completed(&mut self, operation: u32) {
        let account = operation + 1;
        let heard = self.heard[self.seat].iter().find(|known| known.account == account);
        let depth = heard.map(|known| known.depth);
        if let Some(account) = self.accounts.get_mut(account as usize) {
            account.delays = depth;
        }
    }

    pub(crate) fn costs(
        &self,
        (kinds, mut operations): (Vec<String>, Vec<OperationCost>),
        time: Duration,
    ) -> Costs {
        for (operation, account) in operations.iter_mut().zip(self.accounts.iter().skip(1)) {
            operation.traffic = account.traffic;
            operation.delays = account.delays;
            operation.delays_to_all = account.delays_to_all;
        }
        Costs { kinds, operations, background: self.accounts[0].traffic, time, stack: None }
    }

    /// All that was sent and written, on whosever account.
    pub(crate) fn all(&self) -> Traffic {
        let mut all = Traffic::default();
        self.accounts.iter().for_each(|account| all.add(account.traffic));
        all
    }
}

/// How values are spread: three significant digits, whatever their size.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    histogram: Histogram<u64>,
    sum: u64,
    max: u64,
}

impl Default for Spread {
    fn default() -> Self {
        Self { histogram: Histogram::new(3).expect("three digits are in bounds"), sum: 0, max: 0 }
    }
}

impl Spread {
    /// Adds a value.
    pub fn record(&mut self, value: u64) {
        self.histogram.record(value).expect("it grows as it must");
        self.sum = self.sum.saturating_add(value);
        self.max = self.max.max(value);
    }

    /// Adds all values of another.
    pub fn merge(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).expect("it grows as it must");
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The value that this share, in [0, 1], does not exceed.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        (self.count() > 0).then(|| self.histogram.value_at_quantile(share).min(self.max))
    }

    /// The exact mean.
    pub fn mean(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.sum as f64 / self.count() as f64)
    }

    /// The greatest value, exactly.
    pub fn max(&self) -> Option<u64> {
        (self.count() > 0).then_some(self.max)
    }
}

impl Serialize for Spread {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("count", &self.count())?;
        map.serialize_entry("mean", &self.mean())?;
        for (name, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999)] {
            map.serialize_entry(name, &self.quantile(share))?;
        }
        map.serialize_entry("max", &self.max())?;
        map.end()
    }
}

/// What the operations of a kind came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct KindSummary {
    /// How many were answered.
    pub ok: u64,
    /// How many were refused, the last attempt included.
    pub failed: u64,
    /// Of how many nobody knows.
    pub unknown: u64,
    /// How often they were asked for again.
    pub retries: u64,
    /// How long those took that were answered, in microseconds.
    pub latency_us: Spread,
    /// Messages an operation.
    pub messages: Spread,
    /// Bytes an operation.
    pub bytes: Spread,
    /// Stable writes an operation.
    pub writes: Spread,
    /// Message delays to the answer.
    pub delays: Spread,
}

/// Of the operations that began in some time, how many were answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Window {
    /// How many began.
    pub begun: u64,
    /// How many of them were answered while their clients waited.
    pub answered: u64,
}

/// What many runs cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// By kind of operation.
    pub kinds: BTreeMap<String, KindSummary>,
    /// What was spent on no operation's account.
    pub background: Traffic,
    /// By second of virtual time since the start: the share of operations that were answered.
    pub availability: Vec<Window>,
    /// How many runs there were.
    pub runs: u64,
    /// How much virtual time passed from the first beginning of an operation to the last end of one, in all runs together, in seconds.
    pub busy_seconds: f64,
    /// Of processes over links of their own making: what the links cost, in all runs together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<Stack>,
}

/// The width of a window of availability.
pub const WINDOW: Duration = Duration::from_secs(1);

impl Summary {
    /// Adds a run.
    pub fn add(&mut self, costs: &Costs) {
        self.runs += 1;
        self.background.add(costs.background);
        self.add_stack(costs.stack);
        let begun = costs.operations.iter().map(|operation| operation.begun).min();
        let ended = costs.operations.iter().filter_map(|operation| operation.ended).max();
        if let (Some(begun), Some(ended)) = (begun, ended) {
            self.busy_seconds += ended.saturating_sub(begun) as f64 / 1e9;
        }
        for operation in &costs.operations {
            self.add_operation(costs.kinds.get(operation.kind).map_or("", String::as_str), operation);
        }
    }

    fn add_stack(&mut self, stack: Option<Stack>) {
        if let Some(more) = stack {
            self.stack.get_or_insert_default().add(more);
        }
    }

    fn add_operation(&mut self, kind: &str, operation: &OperationCost) {
        let kind = self.kinds.entry(kind.to_owned()).or_default();
        let window = (operation.begun / WINDOW.as_nanos() as u64) as usize;
        if self.availability.len() <= window {
            self.availability.resize(window + 1, Window::default());
        }
        let window = &mut self.availability[window];
        window.begun += 1;
        match operation.outcome {
            Ended::Ok => {
                window.answered += 1;
                kind.ok += 1;
            }
            Ended::Failed => kind.failed += 1,
            Ended::Unknown => kind.unknown += 1,
        }
        kind.retries += u64::from(operation.retries);
        if let Some(latency) = operation.latency() {
            kind.latency_us.record(latency.as_micros() as u64);
        }
        kind.messages.record(operation.traffic.messages);
        kind.bytes.record(operation.traffic.bytes);
        kind.writes.record(operation.traffic.writes);
        if let Some(delays) = operation.delays {
            kind.delays.record(delays.into());
        }
    }

    /// Adds other runs.
    pub fn merge(&mut self, other: &Self) {
        self.runs += other.runs;
        self.busy_seconds += other.busy_seconds;
        self.background.add(other.background);
        self.add_stack(other.stack);
        if self.availability.len() < other.availability.len() {
            self.availability.resize(other.availability.len(), Window::default());
        }
        for (mine, theirs) in self.availability.iter_mut().zip(&other.availability) {
            mine.begun += theirs.begun;
            mine.answered += theirs.answered;
        }
        for (kind, theirs) in &other.kinds {
            let mine = self.kinds.entry(kind.clone()).or_default();
            mine.ok += theirs.ok;
            mine.failed += theirs.failed;
            mine.unknown += theirs.unknown;
            mine.retries += theirs.retries;
            for (mine, theirs) in [
                (&mut mine.latency_us, &theirs.latency_us),
                (&mut mine.messages, &theirs.messages),
                (&mut mine.bytes, &theirs.bytes),
                (&mut mine.writes, &theirs.writes),
                (&mut mine.delays, &theirs.delays),
            ] {
                mine.merge(theirs);
            }
        }
    }

    /// Of all operations.
    pub fn total(&self) -> KindSummary {
        let mut total = Self::default();
        for summary in self.kinds.values() {
            let one = Self { kinds: [("all".to_owned(), summary.clone())].into(), ..Self::default() };
            total.merge(&one);
        }
        total.kinds.remove("all").unwrap_or_default()
    }

    /// Operations that were answered, a second of virtual time in which there was work.
    pub fn throughput(&self) -> Option<f64> {
        (self.busy_seconds > 0.0).then(|| self.total().ok as f64 / self.busy_seconds)
    }

    /// The share of operations that were answered while their clients waited.
    pub fn availability(&self) -> Option<f64> {
        let (begun, answered) = self
            .availability
            .iter()
            .fold((0, 0), |(begun, answered), window| (begun + window.begun, answered + window.answered));
        (begun > 0).then(|| answered as f64 / begun as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// p0 asks p1 and p2; p2 has heard of it from p1 when p0's own message comes.
    #[test]
    fn message_delays_are_the_longest_chain_that_a_process_has_heard_of() {
        let mut meter = Meter::new(3);
        meter.asked(0, 0);
        meter.sent(1, false, || 10);
        meter.sent(2, false, || 10);
        meter.sent(3, true, || 10);
        meter.happens(1, Some(1));
        meter.sent(4, false, || 5);
        meter.stored(5);
        meter.happens(4, Some(2));
        meter.happens(2, Some(2));
        meter.told();
        meter.sent(6, false, || 5);
        meter.happens(6, Some(0));
        meter.completed(0);
        meter.happens(99, Some(1));
        meter.sent(7, false, || 1);
        let costs = meter.costs((vec!["a".to_owned()], vec![OperationCost::default()]), Duration::ZERO);
        let operation = costs.operations[0];
        assert_eq!((operation.delays, operation.delays_to_all), (Some(3), 2));
        assert_eq!(operation.traffic, Traffic { messages: 4, bytes: 30, writes: 1, firings: 0 });
        assert_eq!(costs.background, Traffic { messages: 1, bytes: 1, writes: 0, firings: 0 });
    }

    fn run(latencies: &[u64]) -> Costs {
        let operation = |&latency: &u64| OperationCost {
            begun: latency,
            ended: Some(latency * 1_001),
            outcome: Ended::Ok,
            traffic: Traffic { messages: latency, ..Traffic::default() },
            ..OperationCost::default()
        };
        Costs {
            kinds: vec!["a".to_owned()],
            operations: latencies.iter().map(operation).collect(),
            ..Costs::default()
        }
    }

    #[test]
    fn runs_that_are_merged_are_as_runs_that_are_added() {
        let runs = [run(&[1, 2, 3]), run(&[500, 7_000_000]), run(&[])];
        let mut added = Summary::default();
        for run in &runs {
            added.add(run);
        }
        let mut merged = Summary::default();
        for run in &runs {
            let mut one = Summary::default();
            one.add(run);
            merged.merge(&one);
        }
        assert_eq!(merged, added);
        let total = added.total();
        assert_eq!((total.ok, total.messages.max()), (5, Some(7_000_000)));
        assert_eq!((total.latency_us.quantile(0.5), added.availability()), (Some(3), Some(1.0)));
        let spread = serde_json::to_value(&total.latency_us).expect("plain data");
        assert_eq!(spread["p50"], 3);
    }

    #[test]
    fn an_empty_spread_has_no_quantiles() {
        let spread = Spread::default();
        assert_eq!((spread.quantile(0.5), spread.mean(), spread.max()), (None, None, None));
    }
}
