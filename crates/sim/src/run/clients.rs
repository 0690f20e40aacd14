//! The clients of a run: their requests as moves, and what they are told.

use super::{Prefix, Run};
use crate::agenda::Due;
use crate::cost::{Costs, Stack};
use crate::ground::{Entry, Length};
use crate::outcome::Ended;
use crate::workload::{Attempt, Driver, Wake, Workload};
use std::collections::VecDeque;
use std::time::Duration;
use synod_kernel::{Choice, SeatId, Status};
use synod_model::{Process, ProcessId};
use synod_properties::{Monitor, Operations, Told};

/// What is simulated, beside its setting.
pub(crate) struct Subject<'a, P: Process, M> {
    pub(crate) monitor: &'a M,
    /// What clients can ask for.
    pub(crate) operations: Option<&'a Operations<P::Request, P::Indication>>,
    /// Of a process over links of its own making: how long a message is that they carry.
    pub(crate) carried: Option<Length>,
    /// Where it begins, if not at the start.
    pub(crate) prefix: Option<&'a Prefix<P>>,
}

impl<P: Process, M> Clone for Subject<'_, P, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Process, M> Copy for Subject<'_, P, M> {}

/// The clients of a run, with what they wait for.
pub(crate) struct Clients<P: Process> {
    pub(crate) driver: Driver,
    operations: Operations<P::Request, P::Indication>,
    /// By process: how much of what it is asked anyway was asked.
    own: Vec<usize>,
    /// By process: the attempts that it was asked for and that nothing has completed, oldest first. Where processes answer
    /// in order, those that clients gave up are among them.
    open: Vec<VecDeque<(u32, P::Request)>>,
}

impl<P: Process> Clients<P> {
    /// The request that an attempt makes, if there is one.
    fn request(&mut self, attempt: &Attempt) -> Option<P::Request> {
        let Self { operations, own, .. } = self;
        if !operations.kinds.is_empty() {
            return (operations.make)(&operations.scale, &attempt.ask);
        }
        let at = attempt.ask.at.index();
        let request = operations.own.get(at)?.get(own[at])?.clone();
        own[at] += 1;
        Some(request)
    }

    /// What a process tells may complete the oldest request that it may complete: of its own, or of another's.
    /// The operation whose client waited for that, and the one that a process that answers in order goes on with.
    pub(crate) fn told(
        &mut self,
        by: ProcessId,
        indication: &P::Indication,
        now: u64,
    ) -> (Option<u32>, Option<u32>) {
        let completes = self.operations.completes;
        if !self.operations.in_order {
            for open in &mut self.open {
                open.retain(|(attempt, _)| self.driver.waits(*attempt));
            }
        }
        let processes = self.open.len();
        let others = (0..processes).filter(|&at| at != by.index());
        for at in std::iter::once(by.index()).chain(others) {
            let asked = ProcessId(at as u32);
            let found = self.open[at].iter().enumerate().find_map(|(place, (attempt, request))| {
                let completion = completes(&Told { asked, request, by, indication })?;
                Some((place, *attempt, completion))
            });
            if let Some((place, attempt, completion)) = found {
                self.open[at].remove(place);
                let completed = self.driver.completed(attempt, completion, now);
                let next = self.open[at].front().filter(|_| self.operations.in_order);
                return (completed, next.map(|(attempt, _)| self.driver.operation_of(*attempt)));
            }
        }
        (None, None)
    }

    /// A process forgets what it was asked.
    pub(crate) fn crashed(&mut self, at: ProcessId) {
        if let Some(open) = self.open.get_mut(at.index()) {
            open.clear();
        }
    }
}

impl<P: Process, M: Monitor<P::Request, P::Indication>> Run<'_, P, M> {
    /// Clients ask in place of the setting's requests.
    pub(super) fn plan_clients(&mut self, workload: &Workload, subject: Subject<'_, P, M>, seed: u64) {
        let seats = self.setting.seating.len();
        let Some(operations) = subject.operations.cloned() else { return };
        let kinds = (operations.kinds, operations.keyed);
        let driver = Driver::new(workload, kinds, operations.clients.clone(), (seed, self.calendar.horizon));
        self.ground.clients = Some(Box::new(Clients {
            driver,
            operations,
            own: vec![0; seats],
            open: (0..seats).map(|_| VecDeque::new()).collect(),
        }));
        self.rep.requests = Some(vec![Vec::new(); seats]);
        self.ground.schedule_clients();
    }

    /// A client has something to do.
    pub(super) fn wake_client(&mut self, wake: Wake) {
        let now = self.ground.now;
        let Some(mut clients) = self.ground.clients.take() else { return };
        let attempt = clients.driver.wake(wake, now);
        let request = attempt.and_then(|attempt| {
            let request = clients.request(&attempt);
            if request.is_none() {
                clients.driver.withdraw(attempt);
            }
            Some((attempt, request?))
        });
        let made = request.filter(|(attempt, request)| {
            let up = self.status(SeatId(attempt.ask.at.0)) == Status::Up;
            let made = clients.driver.invoke(*attempt, up, now);
            if made {
                clients.open[attempt.ask.at.index()].push_back((attempt.number, request.clone()));
            }
            made
        });
        self.ground.clients = Some(clients);
        if let Some((attempt, request)) = made {
            self.ask(attempt, request);
        }
        self.ground.schedule_clients();
    }

    fn ask(&mut self, attempt: Attempt, request: P::Request) {
        let seat = SeatId(attempt.ask.at.0);
        if let Some(meter) = &mut self.ground.meter {
            meter.asked(attempt.operation, seat.index());
        }
        if self.status(seat) == Status::Lying {
            return self.ask_copy_of(seat, request);
        }
        if let Some(requests) = &mut self.rep.requests {
            requests[seat.index()].push(request);
        }
        self.last_asked = self.ground.now;
        self.take(Choice::Request { seat });
    }

    /// Whether what clients saw is judged, and there is something to judge.
    pub(super) fn is_history_judged(&self) -> bool {
        self.ground
            .clients
            .as_ref()
            .is_some_and(|clients| clients.driver.is_judged(clients.operations.object))
    }

    /// What clients saw is judged where nothing else was wrong.
    pub(super) fn judge_history(&mut self, ended: Ended) {
        let Some(clients) = &self.ground.clients else { return };
        if self.ground.violation.is_none() && ended != Ended::Violation {
            self.ground.violation = clients.driver.judge(clients.operations.object);
        }
    }

    // --- what it costs ---

    /// An entry of the agenda happens.
    pub(super) fn measure(&mut self, due: &Due<Entry<P::Message, P::Timer>>) {
        let Some(meter) = &mut self.ground.meter else { return };
        let (seat, fires) = match &due.entry {
            Entry::Deliver { to, .. } | Entry::Lose { to, .. } => (Some(*to), false),
            Entry::Fire { seat, .. } => (Some(*seat), true),
            Entry::Sync { seat }
            | Entry::Request { seat }
            | Entry::Recover { seat }
            | Entry::Oracle { seat } => (Some(*seat), false),
            Entry::Fault { .. } | Entry::Client { .. } | Entry::Plot { .. } => (None, false),
        };
        meter.happens(due.number, seat.map(SeatId::index));
        if fires {
            meter.fired();
        }
    }

    /// What happens now goes on with the entry of this number.
    pub(super) fn keep_measuring(&mut self, number: u64) {
        if let Some(meter) = &mut self.ground.meter {
            meter.keep(number);
        }
    }

    pub(super) fn costs(&self) -> Option<Costs> {
        let meter = self.ground.meter.as_ref()?;
        let operations = self.ground.clients.as_ref().map(|clients| clients.driver.operations());
        let time = Duration::from_nanos(self.ground.now);
        let upper = self.rep.draws.upper.as_ref().map(|(_, upper)| *upper);
        let stack = upper.map(|upper| Stack { upper, all: meter.all() });
        Some(Costs { stack, ..meter.costs(operations.unwrap_or_default(), time) })
    }
}
