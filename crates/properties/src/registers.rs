//! Shared registers (CGR11 ch. 4): atomic, many writers, many readers.

use crate::monitor::{Monitor, Obligation, Observation, Property, Violation};
use std::collections::{BTreeMap, VecDeque};
use synod_judge::{Client, Online, Register, RegisterOperation, RegisterReturn};
use synod_model::interface::{RegisterRequest, RegisterReturn as Return};
use synod_model::{ProcessId, ProcessSet, State};

/// What a correct client asks for comes back.
pub const TERMINATION: Property = Property::liveness("NNAR1", "termination");
/// Operations seem to take effect one at a time, each between its invocation and its return: the history is
/// linearizable. Those of a client that crashes may take effect at any later time, or never.
pub const ATOMICITY: Property = Property::safety("NNAR2", "atomicity");
/// Some read returns a value that was written.
pub const READ: Property = Property::reachable("read", "a value is read");

/// The monitor of an atomic register.
///
/// A process runs one operation at a time, in the order in which they were asked for: one that is asked for while
/// another runs begins when that one returns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AtomicRegister<V: State> {
    history: Online<Register<V>, Option<V>, RegisterOperation<V>, RegisterReturn<V>>,
    /// What was asked of each process while it was busy.
    waiting: BTreeMap<ProcessId, VecDeque<RegisterOperation<V>>>,
    /// Who is down.
    down: ProcessSet,
    /// Whether a written value has been read.
    read: bool,
}

impl<V: State> Default for AtomicRegister<V> {
    fn default() -> Self {
        Self {
            history: Online::new(Register::default()),
            waiting: BTreeMap::new(),
            down: ProcessSet::new(),
            read: false,
        }
    }
}

fn client(p: ProcessId) -> Client {
    Client(p.0.into())
}

impl<V: State> AtomicRegister<V> {
    /// An empty register.
    pub fn new() -> Self {
        Self::default()
    }

    fn on_request(&mut self, p: ProcessId, request: &RegisterRequest<V>) {
        let operation = match request {
            RegisterRequest::Read => RegisterOperation::Read,
            RegisterRequest::Write(value) => RegisterOperation::Write(value.clone()),
        };
        if self.history.running(client(p)).is_some() {
            self.waiting.entry(p).or_default().push_back(operation);
        } else {
            self.history.invoke(client(p), operation);
        }
        if self.down.contains(p) {
            self.give_up(p);
        }
    }

    fn on_return(&mut self, p: ProcessId, indication: &Return<V>) -> Result<(), Violation> {
        let value = match (self.history.running(client(p)), indication) {
            (Some(RegisterOperation::Read), Return::ReadReturn(value)) => {
                RegisterReturn::Value(value.clone())
            }
            (Some(RegisterOperation::Write(_)), Return::WriteReturn) => RegisterReturn::Written,
            (running, _) => {
                let what = match running {
                    None => format!("{p} returns {indication:?}, and nothing was asked of it"),
                    Some(operation) => format!("{p} returns {indication:?}, asked to {operation:?}"),
                };
                return Err(Violation::new(&ATOMICITY, what));
            }
        };
        self.read |= matches!(value, RegisterReturn::Value(Some(_)));
        self.history.returned(client(p), &value).map_err(|_| {
            let what = format!("{p} returns {indication:?}: no order of the operations explains it");
            Violation::new(&ATOMICITY, what)
        })?;
        self.begin_next(p);
        Ok(())
    }

    fn begin_next(&mut self, p: ProcessId) {
        if let Some(waiting) = self.waiting.get_mut(&p)
            && let Some(operation) = waiting.pop_front()
        {
            self.history.invoke(client(p), operation);
        }
        self.waiting.retain(|_, waiting| !waiting.is_empty());
    }

    fn on_crash(&mut self, p: ProcessId) {
        self.give_up(p);
        self.down.insert(p);
    }

    fn on_recover(&mut self, p: ProcessId) {
        self.give_up(p);
        self.down.remove(p);
    }

    /// Nobody knows what becomes of the operations of `p`, not even of those that had to wait.
    fn give_up(&mut self, p: ProcessId) {
        while self.history.running(client(p)).is_some() {
            self.history.unknown(client(p));
            self.begin_next(p);
        }
    }
}

impl<V: State> Monitor<RegisterRequest<V>, Return<V>> for AtomicRegister<V> {
    fn properties(&self) -> Vec<Property> {
        vec![TERMINATION, ATOMICITY, READ]
    }

    fn observe(
        &mut self,
        observation: &Observation<'_, RegisterRequest<V>, Return<V>>,
    ) -> Result<(), Violation> {
        match *observation {
            Observation::Request { at, request } => self.on_request(at, request),
            Observation::Indication { at, indication } => self.on_return(at, indication)?,
            // what a client that lies asks for, nobody sees
            Observation::Crash { at } | Observation::Corrupt { at } => self.on_crash(at),
            Observation::Recover { at } => self.on_recover(at),
        }
        Ok(())
    }

    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        let running =
            self.history.all_running().map(|(Client(p), operation)| (ProcessId(p as u32), operation));
        let waiting =
            self.waiting.iter().flat_map(|(&p, all)| all.iter().map(move |operation| (p, operation)));
        for (p, operation) in running.chain(waiting) {
            owe(Obligation::new(&TERMINATION, [p], format!("{p} has not returned from {operation:?}")));
        }
    }

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        if self.read {
            reach(READ.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: ProcessId = ProcessId(0);
    const Q: ProcessId = ProcessId(1);

    struct Run(AtomicRegister<char>);

    impl Run {
        fn new() -> Self {
            Self(AtomicRegister::new())
        }
        fn ask(&mut self, at: ProcessId, request: RegisterRequest<char>) {
            self.0.observe(&Observation::Request { at, request: &request }).unwrap();
        }
        fn get(&mut self, at: ProcessId, indication: Return<char>) -> Result<(), String> {
            self.0.observe(&Observation::Indication { at, indication: &indication }).map_err(|v| v.what)
        }
        fn owed(&self) -> Vec<String> {
            let mut all = vec![];
            self.0.owed(&mut |obligation| all.push(obligation.what));
            all
        }
    }

    #[test]
    fn nnar2_a_read_after_a_write_returns_it() {
        let mut run = Run::new();
        run.ask(P, RegisterRequest::Write('a'));
        run.ask(Q, RegisterRequest::Read);
        run.get(P, Return::WriteReturn).unwrap();
        run.get(Q, Return::ReadReturn(None)).unwrap();
        run.ask(Q, RegisterRequest::Read);
        let what = "p1 returns ReadReturn(None): no order of the operations explains it";
        assert_eq!(run.get(Q, Return::ReadReturn(None)).unwrap_err(), what);
    }

    #[test]
    fn nnar2_the_write_of_a_crashed_client_takes_effect_late_or_never() {
        let mut run = Run::new();
        run.ask(P, RegisterRequest::Write('a'));
        run.0.observe(&Observation::Crash { at: P }).unwrap();
        for value in [None, Some('a'), Some('a')] {
            run.ask(Q, RegisterRequest::Read);
            run.get(Q, Return::ReadReturn(value)).unwrap();
        }
        run.ask(Q, RegisterRequest::Read);
        assert!(run.get(Q, Return::ReadReturn(None)).is_err(), "but once");
    }

    #[test]
    fn nnar2_a_return_answers_a_request_of_its_kind() {
        let mut run = Run::new();
        let unasked = "p0 returns WriteReturn, and nothing was asked of it";
        assert_eq!(run.get(P, Return::WriteReturn).unwrap_err(), unasked);
        run.ask(P, RegisterRequest::Read);
        assert_eq!(run.get(P, Return::WriteReturn).unwrap_err(), "p0 returns WriteReturn, asked to Read");
    }

    #[test]
    fn nnar1_a_request_is_owed_a_return_unless_its_client_crashes() {
        let mut run = Run::new();
        run.ask(P, RegisterRequest::Write('a'));
        run.ask(Q, RegisterRequest::Read);
        assert_eq!(run.owed(), ["p0 has not returned from Write('a')", "p1 has not returned from Read"]);
        run.0.observe(&Observation::Crash { at: P }).unwrap();
        run.get(Q, Return::ReadReturn(Some('a'))).unwrap();
        assert!(run.owed().is_empty());
        run.ask(P, RegisterRequest::Read);
        assert!(run.owed().is_empty(), "a request to a process that is down is lost");
        run.0.observe(&Observation::Recover { at: P }).unwrap();
        run.ask(P, RegisterRequest::Read);
        assert_eq!(run.owed().len(), 1);
    }

    #[test]
    fn a_process_runs_one_operation_after_the_other() {
        let mut run = Run::new();
        run.ask(P, RegisterRequest::Write('a'));
        run.ask(P, RegisterRequest::Read);
        assert_eq!(run.owed().len(), 2);
        let mut crashed = run.0.clone();
        run.get(P, Return::WriteReturn).unwrap();
        assert!(run.get(P, Return::ReadReturn(None)).is_err(), "it began after the write");
        crashed.observe(&Observation::Crash { at: P }).unwrap();
        let mut nothing_owed = true;
        crashed.owed(&mut |_| nothing_owed = false);
        assert!(nothing_owed);
    }

    #[test]
    fn histories_that_leave_the_same_open_are_one_state() {
        let (mut long, mut short) = (Run::new(), Run::new());
        for value in ['b', 'a'] {
            long.ask(P, RegisterRequest::Write(value));
            long.get(P, Return::WriteReturn).unwrap();
        }
        short.ask(Q, RegisterRequest::Write('a'));
        short.get(Q, Return::WriteReturn).unwrap();
        assert_eq!(long.0, short.0);
    }
}
