//! The clients of a run: each with one operation at a time, its patience, and its retries.

use super::history::{self, History, Record, RecordedOutcome};
use super::{Arrivals, Keys, Workload};
use crate::cost::{Ended, OperationCost};
use crate::distribution::{Zipf, unit};
use crate::plan::nanos;
use synod_judge::Client;
use synod_kernel::Random;
use synod_model::ProcessId;
use synod_properties::{Ask, Completion, Object, OperationKind, Violation};

/// Apart from the delays, so that what is asked does not depend on how often links draw.
const DRAWS: u64 = 0xa5_c0de;
/// What is asked anyway.
const REQUEST: OperationKind = OperationKind::plain("request");

/// When the clients have something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The next operations of an open loop begin.
    Arrive,
    /// A client begins an operation.
    Begin { client: u32 },
    /// It tries its operation again.
    Retry { operation: u32 },
    /// It has waited long enough for this attempt.
    Timeout { attempt: u32 },
}

/// A request to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    /// Its number.
    pub(crate) number: u32,
    /// Of which operation.
    pub(crate) operation: u32,
    pub(crate) ask: Ask,
}

struct Operation {
    client: u32,
    /// The index of its kind.
    kind: usize,
    key: u64,
    value: u64,
    begun: u64,
    tries: u32,
    /// Whether some attempt may have taken effect.
    unknown: bool,
    ended: Option<(u64, Ended)>,
}

/// An attempt that has not ended for its client.
struct Waiting {
    operation: u32,
    open: bool,
}

pub(crate) struct Driver {
    workload: Workload,
    kinds: Vec<OperationKind>,
    /// By kind: the sum of the weights up to it.
    weights: Vec<f64>,
    zipf: Option<Zipf>,
    keyed: bool,
    clients: Vec<ProcessId>,
    random: Random,
    /// No operation begins after that.
    until: u64,
    operations: Vec<Operation>,
    attempts: Vec<Waiting>,
    /// Open loops: the sessions that wait for nothing, and how many there are.
    free: Vec<u32>,
    sessions: u32,
    history: History,
    /// What is to come, and when.
    pub(crate) due: Vec<(u64, Wake)>,
}

impl Driver {
    pub(crate) fn new(
        workload: &Workload,
        (kinds, keyed): (&[OperationKind], bool),
        clients: Vec<ProcessId>,
        (seed, horizon): (u64, u64),
    ) -> Self {
        let kinds = if kinds.is_empty() { vec![REQUEST] } else { kinds.to_vec() };
        let even = workload.mix.is_empty();
        let mut sum = 0.0;
        let weight = |kind: &OperationKind| {
            if even { 1.0 } else { workload.mix.get(kind.name).copied().unwrap_or(0.0) }
        };
        let weights = kinds
            .iter()
            .map(|kind| {
                sum += weight(kind);
                sum
            })
            .collect();
        let start = nanos(workload.start);
        let until = workload.duration.map_or(horizon / 2, |lasts| start.saturating_add(nanos(lasts)));
        let zipf = match workload.keys {
            Keys::Zipf { count, exponent } if keyed => Some(Zipf::new(count, exponent)),
            _ => None,
        };
        let mut driver = Self {
            workload: workload.clone(),
            kinds,
            weights,
            zipf,
            keyed,
            clients,
            random: Random::new(seed ^ DRAWS),
            until,
            operations: Vec::new(),
            attempts: Vec::new(),
            free: Vec::new(),
            sessions: 0,
            history: History::default(),
            due: Vec::new(),
        };
        driver.start(start);
        driver
    }

    fn start(&mut self, start: u64) {
        match self.workload.arrivals {
            _ if self.clients.is_empty() => {}
            Arrivals::Closed { clients, .. } => {
                self.due.extend((0..clients).map(|client| (start, Wake::Begin { client })));
            }
            Arrivals::Poisson { .. } => {
                let first = start.saturating_add(self.gap());
                self.due.push((first, Wake::Arrive));
            }
            Arrivals::Constant { .. } | Arrivals::Bursts { .. } => self.due.push((start, Wake::Arrive)),
        }
    }

    /// The time to the next arrival of an open loop.
    fn gap(&mut self) -> u64 {
        let second = 1e9;
        match self.workload.arrivals {
            Arrivals::Constant { rate } | Arrivals::Bursts { rate, .. } => ((second / rate) as u64).max(1),
            Arrivals::Poisson { rate } => (-libm::log(unit(&mut self.random)) * second / rate) as u64,
            Arrivals::Closed { .. } => u64::MAX,
        }
    }

    /// The request to be made now, if any.
    pub(crate) fn wake(&mut self, wake: Wake, now: u64) -> Option<Attempt> {
        match wake {
            Wake::Arrive => {
                self.arrive(now);
                None
            }
            Wake::Begin { client } => self.begin(client, now),
            Wake::Retry { operation } => Some(self.attempt(operation)),
            Wake::Timeout { attempt } => {
                if self.close(attempt) {
                    let operation = self.attempts[attempt as usize].operation;
                    self.operations[operation as usize].unknown = true;
                    self.record_end(operation, RecordedOutcome::Unknown, now);
                    self.retry_or_end(operation, now);
                }
                None
            }
        }
    }

    fn arrive(&mut self, now: u64) {
        if self.is_over(now) {
            return;
        }
        let several = if let Arrivals::Bursts { size, .. } = self.workload.arrivals { size } else { 1 };
        for _ in 0..several {
            let client = self.free.pop().unwrap_or_else(|| {
                self.sessions += 1;
                self.sessions - 1
            });
            self.due.push((now, Wake::Begin { client }));
        }
        let next = now.saturating_add(self.gap());
        self.due.push((next, Wake::Arrive));
    }

    fn is_over(&self, now: u64) -> bool {
        now > self.until || self.workload.operations.is_some_and(|most| self.operations.len() as u64 >= most)
    }

    fn begin(&mut self, client: u32, now: u64) -> Option<Attempt> {
        if self.is_over(now) {
            return None;
        }
        let operation = Operation {
            client,
            kind: self.kind(),
            key: self.key(),
            value: self.operations.len() as u64 + 1,
            begun: now,
            tries: 0,
            unknown: false,
            ended: None,
        };
        self.operations.push(operation);
        Some(self.attempt(self.operations.len() as u32 - 1))
    }

    fn kind(&mut self) -> usize {
        if self.kinds.len() == 1 {
            return 0;
        }
        let share = unit(&mut self.random) * self.weights[self.weights.len() - 1];
        self.weights.partition_point(|&sum| sum <= share).min(self.weights.len() - 1)
    }

    fn key(&mut self) -> u64 {
        match (&self.zipf, &self.workload.keys) {
            (Some(law), _) => law.draw(&mut self.random).into(),
            (None, Keys::Uniform { count }) if self.keyed => self.random.below((*count).into()),
            _ => 0,
        }
    }

    fn attempt(&mut self, operation: u32) -> Attempt {
        let number = self.attempts.len() as u32;
        self.attempts.push(Waiting { operation, open: true });
        let of = &mut self.operations[operation as usize];
        let at = self.clients[(of.client as usize + of.tries as usize) % self.clients.len()];
        of.tries += 1;
        Attempt {
            number,
            operation,
            ask: Ask { at, kind: self.kinds[of.kind], key: of.key, value: of.value },
        }
    }

    /// The attempt cannot be made: there is nothing left to ask for, and its client is done.
    pub(crate) fn withdraw(&mut self, attempt: Attempt) {
        self.attempts[attempt.number as usize].open = false;
        if self.operations.len() as u32 == attempt.operation + 1 {
            self.operations.pop();
        }
    }

    /// The request is made; or, if who is asked is down, refused. Whether it is made.
    pub(crate) fn invoke(&mut self, attempt: Attempt, up: bool, now: u64) -> bool {
        let of = &self.operations[attempt.operation as usize];
        let event = Record::Invoke {
            client: Client(of.client.into()),
            operation: attempt.ask,
            key: self.keyed.then_some(of.key),
            retry: of.tries > 1,
            at: Some(now),
        };
        self.history.push(event).expect("a client has one operation at a time");
        if !up {
            self.close(attempt.number);
            self.record_end(attempt.operation, RecordedOutcome::Failed, now);
            self.retry_or_end(attempt.operation, now);
            return false;
        }
        let patience = nanos(self.workload.timeout);
        if patience < u64::MAX {
            self.due.push((now.saturating_add(patience), Wake::Timeout { attempt: attempt.number }));
        }
        true
    }

    /// What an attempt asked for is done. Its client may have given it up.
    pub(crate) fn completed(&mut self, attempt: u32, completion: Completion, now: u64) -> Option<u32> {
        if !self.close(attempt) {
            return None;
        }
        let operation = self.attempts[attempt as usize].operation;
        self.record_end(operation, RecordedOutcome::Ok(completion), now);
        self.end(operation, Ended::Ok, now);
        Some(operation)
    }

    /// Of which operation an attempt is.
    pub(crate) fn operation_of(&self, attempt: u32) -> u32 {
        self.attempts[attempt as usize].operation
    }

    /// Whether its client still waits for this attempt.
    pub(crate) fn waits(&self, attempt: u32) -> bool {
        self.attempts[attempt as usize].open
    }

    /// Whether the attempt was open until now.
    fn close(&mut self, attempt: u32) -> bool {
        std::mem::replace(&mut self.attempts[attempt as usize].open, false)
    }

    fn record_end(&mut self, operation: u32, outcome: RecordedOutcome, now: u64) {
        let client = Client(self.operations[operation as usize].client.into());
        let event = Record::Return { client, outcome, at: Some(now) };
        self.history.push(event).expect("it was invoked");
    }

    fn retry_or_end(&mut self, operation: u32, now: u64) {
        let of = &self.operations[operation as usize];
        if of.tries <= self.workload.retries {
            let at = now.saturating_add(self.workload.backoff.draw(&mut self.random));
            self.due.push((at, Wake::Retry { operation }));
        } else {
            let ended = if of.unknown { Ended::Unknown } else { Ended::Failed };
            self.end(operation, ended, now);
        }
    }

    fn end(&mut self, operation: u32, ended: Ended, now: u64) {
        let of = &mut self.operations[operation as usize];
        of.ended = Some((now, ended));
        let client = of.client;
        match &self.workload.arrivals {
            Arrivals::Closed { think, .. } => {
                // who is refused at once asks again later: time goes on
                let pause = think.draw(&mut self.random).max(u64::from(ended != Ended::Ok) * 1_000_000);
                self.due.push((now.saturating_add(pause), Wake::Begin { client }));
            }
            _ => self.free.push(client),
        }
    }

    /// The names of the kinds of operation, and what each operation came to.
    pub(crate) fn operations(&self) -> (Vec<String>, Vec<OperationCost>) {
        let cost = |of: &Operation| OperationCost {
            kind: of.kind,
            begun: of.begun,
            ended: of.ended.map(|(at, _)| at),
            outcome: of.ended.map_or(Ended::Unknown, |(_, ended)| ended),
            retries: of.tries.saturating_sub(1),
            ..OperationCost::default()
        };
        let kinds = self.kinds.iter().map(|kind| kind.name.to_owned()).collect();
        (kinds, self.operations.iter().map(cost).collect())
    }

    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// Whether what clients saw is judged, and something was answered.
    pub(crate) fn is_judged(&self, object: Option<Object>) -> bool {
        object.is_some()
            && self
                .operations
                .iter()
                .any(|operation| operation.ended.is_some_and(|(_, ended)| ended == Ended::Ok))
    }

    /// What is wrong with what clients saw.
    pub(crate) fn judge(&self, object: Option<Object>) -> Option<Violation> {
        history::judge(&self.history, object?)
    }
}
