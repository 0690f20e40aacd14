//! Lock-step rounds: a world of round algorithms as a transition system.
//!
//! A step is a round; the only choices are the faults, and the outcomes of draws. A process that crashes in a round
//! reaches any subset of those it sends to in it; one that omits loses any subset of what it sends or receives; one that
//! lies sends each receiver anything from a finite domain, or nothing, chosen anew for each receiver and round. At most f
//! processes are faulty in a run.
//!
//! The same monitors judge that judge the other grounds: in each round the crashes are observed first, then what the
//! processes indicate, in the order of their identities.

mod coverage;

use crate::coverage::is_tossed;
use crate::judged::{self, Judged, PROPERTIES_MAX, has_reached};
use crate::system::{Claim, Says, System};
use synod_kernel::{Draws, Marks, Observed, Script};
use synod_model::{
    Draw, Granted, Group, Inbox, Mark, ProcessId, ProcessSet, Round, RoundEffect, RoundEffectOf,
    RoundProcess, RoundSink,
};
use synod_properties::{Kind, Monitor, Property, Violation};

/// What may go wrong in a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Faults<M> {
    /// f: how many processes may be faulty, in whatever way.
    pub faulty_max: u32,
    /// Faulty processes may stop for ever, in the midst of a round's messages.
    pub stop: bool,
    /// Faulty processes may omit to send.
    pub omit_sending: bool,
    /// Faulty processes may omit to receive.
    pub omit_receiving: bool,
    /// Faulty from the start, and liars.
    pub lies: Lies<M>,
}

/// Processes that an adversary plays.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lies<M> {
    /// Which.
    pub seats: Vec<ProcessId>,
    /// All that they may say: to each receiver, in each round, one of these or nothing.
    pub domain: Vec<M>,
}

impl<M> Lies<M> {
    /// Nobody lies.
    pub const NONE: Self = Self { seats: Vec::new(), domain: Vec::new() };
}

impl<M> Faults<M> {
    /// Nothing goes wrong.
    pub const NONE: Self = Self {
        faulty_max: 0,
        stop: false,
        omit_sending: false,
        omit_receiving: false,
        lies: Lies { seats: Vec::new(), domain: Vec::new() },
    };

    /// At most this many processes crash.
    pub fn crashes(faulty_max: u32) -> Self {
        Self { faulty_max, stop: true, ..Self::NONE }
    }

    /// At most this many processes crash or omit, to send, to receive, or both.
    pub fn omissions(faulty_max: u32, sending: bool, receiving: bool) -> Self {
        Self { faulty_max, stop: true, omit_sending: sending, omit_receiving: receiving, ..Self::NONE }
    }

    /// These processes say anything of `domain`; nobody else is faulty.
    pub fn lies(seats: Vec<ProcessId>, domain: Vec<M>) -> Self {
        Self { faulty_max: seats.len() as u32, lies: Lies { seats, domain }, ..Self::NONE }
    }
}

/// A world in lock-step rounds.
pub struct LockStep<A: RoundProcess, M> {
    group: Group,
    parameters: A::Parameters,
    inputs: Vec<Input<A>>,
    faults: Faults<A::Message>,
    rounds_max: Round,
    monitor: M,
    properties: Vec<Property>,
}

/// By process: what the layer above asks before the first round, in order.
pub type Input<A> = Vec<Vec<<A as RoundProcess>::Request>>;

/// Every way to give each of `n` processes one of these values.
pub fn every_input<V: Clone>(n: u32, values: &[V]) -> Vec<Vec<V>> {
    (0..n).fold(vec![Vec::new()], |inputs, _| {
        let longer = |input: &Vec<V>| {
            values.iter().map(|v| [input.as_slice(), std::slice::from_ref(v)].concat()).collect::<Vec<_>>()
        };
        inputs.iter().flat_map(longer).collect()
    })
}

/// A world between two rounds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Between<A: RoundProcess, M> {
    /// The round that ended last; 0 before the first.
    pub round: Round,
    /// By process.
    pub seats: Vec<Seat<A>>,
    /// Who is faulty so far.
    pub faulty: ProcessSet,
    /// What judges the run.
    pub monitor: M,
    /// What was broken: then the run is not followed any further.
    pub broken: Option<Violation>,
}

/// A process of a world in rounds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Seat<A: RoundProcess> {
    /// It follows its code.
    Up {
        /// Its state.
        local: A,
        /// What it sends in the round that comes next.
        outbox: Vec<(ProcessId, A::Message)>,
    },
    /// It crashed.
    Stopped,
    /// The adversary plays it.
    Liar,
}

/// A round, by what the adversary and chance do in it: all else follows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InRound<M> {
    /// Its number.
    pub round: Round,
    /// Who crashes in it.
    pub crashed: Vec<ProcessId>,
    /// Which messages are lost by a crash or an omission: sender, receiver, message.
    pub lost: Vec<(ProcessId, ProcessId, M)>,
    /// What liars say: liar, receiver, message.
    pub lies: Vec<(ProcessId, ProcessId, M)>,
    /// The outcomes of draws, of processes that drew.
    pub draws: Vec<(ProcessId, Vec<u32>)>,
}

/// A message on its way in a round.
struct Letter<'a, M> {
    from: ProcessId,
    to: ProcessId,
    message: &'a M,
}

/// What a handler came to, with one list of outcomes of its draws.
#[derive(Clone)]
pub(crate) struct Outcome<A: RoundProcess> {
    seat: Seat<A>,
    indications: Vec<A::Indication>,
    pub(crate) draws: Vec<u32>,
    tosses: bool,
    marks: Marks,
}

/// A run of a handler, and what it drew.
pub(crate) struct Stepped<A: RoundProcess> {
    pub(crate) outcome: Outcome<A>,
    pub(crate) script: Script,
}

/// A round in which messages have been received, and nobody has taken its step yet.
pub(crate) struct Received<A: RoundProcess, M> {
    pub(crate) state: Between<A, M>,
    /// Of those that end the round.
    pub(crate) inboxes: Vec<(ProcessId, Inbox<A::Message>)>,
}

/// Runs a handler once for every list of outcomes of its draws.
fn every_script<A: RoundProcess>(mut run: impl FnMut(Script) -> Stepped<A>) -> Vec<Outcome<A>> {
    let mut all = Vec::new();
    let mut next = Some(Script::default());
    while let Some(script) = next {
        let Stepped { outcome, script } = run(script);
        all.push(outcome);
        next = script.successor();
    }
    all
}

/// Where the effects of a handler go.
struct Record<'a, A: RoundProcess> {
    me: ProcessId,
    group: Group,
    script: &'a mut Script,
    outbox: Vec<(ProcessId, A::Message)>,
    indications: Vec<A::Indication>,
}

impl<A: RoundProcess> RoundSink<A> for Record<'_, A> {
    fn me(&self) -> ProcessId {
        self.me
    }

    fn group(&self) -> Group {
        self.group
    }

    fn emit(&mut self, effect: RoundEffectOf<A>) {
        match effect {
            RoundEffect::Send { to, message, .. } => self.outbox.push((to, message)),
            RoundEffect::Indicate { indication, .. } => self.indications.push(indication),
        }
    }

    fn draw(&mut self, draw: Draw) -> u32 {
        self.script.draw(draw)
    }

    fn mark(&mut self, mark: Mark) {
        self.script.mark(mark, true);
    }

    fn ground_sign(&mut self, statement: &str, _: Granted) -> Vec<u8> {
        symbolic_signature(self.me, statement)
    }

    fn ground_verify(&self, signer: ProcessId, statement: &str, signature: &[u8], _: Granted) -> bool {
        symbolic_signature(signer, statement) == signature
    }
}

/// A signature as theory has it: who and what.
fn symbolic_signature(signer: ProcessId, statement: &str) -> Vec<u8> {
    [&signer.0.to_le_bytes(), statement.as_bytes()].concat()
}

impl<A, M> LockStep<A, M>
where
    A: RoundProcess,
    M: Monitor<A::Request, A::Indication>,
{
    /// A world of `n` processes, followed up to `rounds_max` rounds; every input is an initial state of its own.
    ///
    /// # Panics
    /// If a liar does not exist, if there are more liars than may be faulty, or if the monitor has more properties than
    /// can be told apart (32).
    pub fn new(
        n: u32,
        parameters: A::Parameters,
        inputs: Vec<Input<A>>,
        faults: Faults<A::Message>,
        rounds_max: Round,
        monitor: M,
    ) -> Self {
        let group = Group::first(n);
        assert!(faults.lies.seats.iter().all(|&p| group.contains(p)), "a liar is one of the processes");
        assert!(faults.lies.seats.len() <= faults.faulty_max as usize, "a liar is faulty");
        let properties = monitor.properties();
        assert!(properties.len() <= PROPERTIES_MAX, "at most {PROPERTIES_MAX} properties");
        Self { group, parameters, inputs, faults, rounds_max, monitor, properties }
    }

    /// Runs a handler with these outcomes of its draws.
    fn run(
        &self,
        me: ProcessId,
        script: &mut Script,
        handle: impl FnOnce(&mut Record<'_, A>) -> A,
    ) -> Outcome<A> {
        let (outbox, indications) = (Vec::new(), Vec::new());
        let mut record = Record { me, group: self.group, script, outbox, indications };
        let local = handle(&mut record);
        let (outbox, indications) = (record.outbox, record.indications);
        let (seat, draws, tosses) = (Seat::Up { local, outbox }, script.drawn(), is_tossed(script));
        Outcome { seat, indications, draws, tosses, marks: script.marks().clone() }
    }

    /// Everybody starts and is asked; once for every combination of outcomes.
    fn start(&self, input: &Input<A>, each: &mut impl FnMut(Between<A, M>)) {
        let blank = Between {
            round: Round(0),
            seats: Vec::new(),
            faulty: self.faults.lies.seats.iter().copied().collect(),
            monitor: self.monitor.clone(),
            broken: None,
        };
        let mut runs = vec![blank];
        for p in self.group.members() {
            let asked = input.get(p.index()).map_or(&[][..], Vec::as_slice);
            runs = runs.into_iter().flat_map(|run| self.started(run, p, asked)).collect();
        }
        runs.into_iter().for_each(each);
    }

    /// Every way in which a process starts and is asked this.
    fn starts(&self, p: ProcessId, asked: &[A::Request]) -> Vec<Outcome<A>> {
        every_script(|mut script| {
            let outcome = self.run(p, &mut script, |ctx| {
                let mut local = A::on_init(&self.parameters, ctx);
                for request in asked {
                    local.on_request(request.clone(), ctx);
                }
                local
            });
            Stepped { outcome, script }
        })
    }

    fn started(&self, mut run: Between<A, M>, p: ProcessId, asked: &[A::Request]) -> Vec<Between<A, M>> {
        if run.faulty.contains(p) {
            run.seats.push(Seat::Liar);
            return vec![run];
        }
        let outcomes = self.starts(p, asked);
        let with = |outcome: Outcome<A>| {
            let mut run = run.clone();
            run.seats.push(outcome.seat);
            for request in asked {
                run.observe(&Observed::Request(p, request.clone()));
            }
            outcome.indications.into_iter().for_each(|i| run.observe(&Observed::Indication(p, i)));
            run
        };
        outcomes.into_iter().map(with).collect()
    }

    /// Calls `each` with every set of processes that may be faulty at the end of the round: those that are, and more.
    fn faulty_sets(&self, state: &Between<A, M>, mut each: impl FnMut(&ProcessSet)) {
        let can_fail = self.faults.stop || self.faults.omit_sending || self.faults.omit_receiving;
        let candidates: Vec<_> = self
            .group
            .members()
            .filter(|&p| can_fail && state.may_act(p) && !state.faulty.contains(p))
            .collect();
        let left = (self.faults.faulty_max as usize).saturating_sub(state.faulty.len());
        subsets(&candidates, |more| {
            if more.len() <= left {
                each(&state.faulty.iter().chain(more.iter().copied()).collect());
            }
        });
    }

    /// Calls `each` with everything that faults may do in the next round, but for lies.
    fn faults(&self, state: &Between<A, M>, mut each: impl FnMut(&ProcessSet, &[ProcessId], &[bool])) {
        let letters = state.letters();
        self.faulty_sets(state, |faulty| {
            let may_stop: Vec<_> = faulty.iter().filter(|&p| self.faults.stop && state.may_act(p)).collect();
            subsets(&may_stop, |crashed| {
                let losable: Vec<usize> = (0..letters.len())
                    .filter(|&i| self.may_be_lost(&letters[i], state, faulty, crashed))
                    .collect();
                subsets(&losable, |lost| {
                    if self.blames_all(state, faulty, crashed, lost.iter().map(|&i| &letters[i])) {
                        let mut is_lost = vec![false; letters.len()];
                        for &i in lost {
                            is_lost[i] = true;
                        }
                        each(faulty, crashed, &is_lost);
                    }
                });
            });
        });
    }

    /// A message to oneself is never lost; whether one arrives where nobody ends the round makes no difference.
    fn may_be_lost(
        &self,
        letter: &Letter<'_, A::Message>,
        state: &Between<A, M>,
        faulty: &ProcessSet,
        crashed: &[ProcessId],
    ) -> bool {
        let Letter { from, to, .. } = *letter;
        from != to
            && state.is_active(to)
            && !crashed.contains(&to)
            && (crashed.contains(&from)
                || (self.faults.omit_sending && faulty.contains(from))
                || (self.faults.omit_receiving && faulty.contains(to)))
    }

    /// Whether each process that is newly faulty does something wrong: a run has one description.
    fn blames_all<'a>(
        &self,
        state: &Between<A, M>,
        faulty: &ProcessSet,
        crashed: &[ProcessId],
        lost: impl Iterator<Item = &'a Letter<'a, A::Message>> + Clone,
    ) -> bool {
        let omits = |p: ProcessId| {
            lost.clone().any(|letter| {
                (self.faults.omit_sending && letter.from == p)
                    || (self.faults.omit_receiving && letter.to == p)
            })
        };
        faulty.iter().all(|p| state.faulty.contains(p) || crashed.contains(&p) || omits(p))
    }

    /// Calls `each` with everything that liars may say in a round.
    fn lies(&self, hearers: &[ProcessId], mut each: impl FnMut(&[(ProcessId, ProcessId, A::Message)])) {
        let Lies { seats, domain } = &self.faults.lies;
        let pairs: Vec<_> = seats.iter().flat_map(|&liar| hearers.iter().map(move |&p| (liar, p))).collect();
        // by pair: 0 for silence, or 1 + the place of the message in the domain
        let mut said = vec![0; pairs.len()];
        loop {
            let told = |(&(liar, to), &at): (&(ProcessId, ProcessId), &usize)| {
                let message = domain.get(at.checked_sub(1)?)?;
                Some((liar, to, message.clone()))
            };
            each(&pairs.iter().zip(&said).filter_map(told).collect::<Vec<_>>());
            let Some(place) = said.iter().position(|&at| at < domain.len()) else { return };
            said[..place].fill(0);
            said[place] += 1;
        }
    }

    /// Calls `each` with every round that may come next, up to where messages are received: nobody has drawn yet.
    pub(crate) fn rounds(
        &self,
        state: &Between<A, M>,
        each: &mut impl FnMut(InRound<A::Message>, &Received<A, M>),
    ) {
        if self.is_over(state) {
            return;
        }
        let letters = state.letters();
        self.faults(state, |faulty, crashed, is_lost| {
            let hearers = state.hearers(self.group, crashed);
            let next = state.faulted(faulty, crashed);
            let pick = |lost: bool| {
                let picked = letters.iter().zip(is_lost).filter(move |(_, is)| **is == lost);
                picked.map(|(l, _)| (l.from, l.to, l.message.clone())).collect::<Vec<_>>()
            };
            let (arrived, lost) = (pick(false), pick(true));
            self.lies(&hearers, |lies| {
                let inbox = |&p: &ProcessId| {
                    let received = arrived.iter().chain(lies).filter(|(_, to, _)| *to == p);
                    (p, Inbox::new(received.map(|(from, _, message)| (*from, message.clone())).collect()))
                };
                let received = Received { state: next.clone(), inboxes: hearers.iter().map(inbox).collect() };
                let (crashed, lost, lies) = (crashed.to_vec(), lost.clone(), lies.to_vec());
                each(InRound { round: next.round, crashed, lost, lies, draws: Vec::new() }, &received);
            });
        });
    }

    /// One process's step, with these outcomes of its draws.
    pub(crate) fn step(&self, received: &Received<A, M>, at: usize, mut script: Script) -> Stepped<A> {
        let (p, inbox) = &received.inboxes[at];
        let Seat::Up { local, .. } = &received.state.seats[p.index()] else {
            unreachable!("who ends a round is up")
        };
        let mut local = local.clone();
        let outcome = self.run(*p, &mut script, |ctx| {
            local.on_round(received.state.round, inbox.clone(), ctx);
            local
        });
        Stepped { outcome, script }
    }

    /// The rest of a round whose faults are chosen: every process that is left receives and takes its step, once for
    /// every combination of outcomes of draws.
    fn finish(
        &self,
        received: &Received<A, M>,
        each: &mut impl FnMut(Vec<(ProcessId, Vec<u32>)>, Between<A, M>),
    ) {
        let mut runs = vec![(Vec::new(), received.state.clone())];
        for (at, (p, _)) in received.inboxes.iter().enumerate() {
            let outcomes = every_script(|script| self.step(received, at, script));
            let mut all = Vec::new();
            for (draws, run) in runs {
                for outcome in &outcomes {
                    let mut draws: Vec<_> = Vec::clone(&draws);
                    if !outcome.draws.is_empty() {
                        draws.push((*p, outcome.draws.clone()));
                    }
                    all.push((draws, run.with(*p, outcome)));
                }
            }
            runs = all;
        }
        for (draws, run) in runs {
            each(draws, run);
        }
    }

    /// Whether the run is followed no further.
    fn is_over(&self, state: &Between<A, M>) -> bool {
        state.broken.is_some()
            || state.round >= self.rounds_max
            || !self.group.members().any(|p| state.may_act(p))
    }

    /// Whether nothing of the property of this place is owed, by processes that are correct so far.
    fn nothing_owed(&self, state: &Between<A, M>, at: usize) -> bool {
        let mut paid = true;
        state.monitor.owed(&mut |debt| {
            paid &= debt.property != self.properties[at].id || !debt.among.is_disjoint(&state.faulty);
        });
        paid
    }
}

impl<A: RoundProcess, M: Monitor<A::Request, A::Indication>> Between<A, M> {
    /// Whether a process follows its code and has not ended.
    fn is_active(&self, p: ProcessId) -> bool {
        matches!(&self.seats[p.index()], Seat::Up { local, .. } if !local.halted())
    }

    /// Whether a process has something left to do or to send: then it may fail.
    fn may_act(&self, p: ProcessId) -> bool {
        matches!(&self.seats[p.index()], Seat::Up { local, outbox } if !local.halted() || !outbox.is_empty())
    }

    fn observe(&mut self, observed: &Observed<A::Request, A::Indication>) {
        if self.broken.is_none() {
            self.broken = crate::worlds::judge(&mut self.monitor, observed).err();
        }
    }

    /// How many messages are sent in the round that comes next.
    pub fn sent(&self) -> usize {
        self.letters().len()
    }

    /// What is sent in the next round.
    fn letters(&self) -> Vec<Letter<'_, A::Message>> {
        let mut letters = Vec::new();
        for (from, seat) in self.seats.iter().enumerate() {
            if let Seat::Up { outbox, .. } = seat {
                let from = ProcessId(from as u32);
                letters.extend(outbox.iter().map(|(to, message)| Letter { from, to: *to, message }));
            }
        }
        letters
    }

    /// The next round with these faults, before anybody has received anything.
    fn faulted(&self, faulty: &ProcessSet, crashed: &[ProcessId]) -> Self {
        let mut next = self.clone();
        next.round = self.round.next();
        next.faulty = faulty.clone();
        for seat in &mut next.seats {
            if let Seat::Up { outbox, .. } = seat {
                outbox.clear();
            }
        }
        for &p in crashed {
            next.seats[p.index()] = Seat::Stopped;
            next.observe(&Observed::Crash(p));
        }
        next
    }

    /// After one process's step.
    pub(crate) fn with(&self, p: ProcessId, outcome: &Outcome<A>) -> Self {
        let mut next = self.clone();
        next.seats[p.index()] = outcome.seat.clone();
        for indication in &outcome.indications {
            next.observe(&Observed::Indication(p, indication.clone()));
        }
        next
    }

    /// Who ends the round: follows its code, has not halted, does not crash.
    fn hearers(&self, group: Group, crashed: &[ProcessId]) -> Vec<ProcessId> {
        group.members().filter(|&p| self.is_active(p) && !crashed.contains(&p)).collect()
    }
}

impl<A, M> System for LockStep<A, M>
where
    A: RoundProcess,
    M: Monitor<A::Request, A::Indication>,
{
    type State = Between<A, M>;
    type Action = InRound<A::Message>;

    fn initial(&self, each: &mut impl FnMut(Self::State)) {
        self.inputs.iter().for_each(|input| self.start(input, each));
    }

    fn steps(&self, state: &Self::State, each: &mut impl FnMut(Self::Action, Self::State)) {
        self.rounds(state, &mut |action, received| {
            self.finish(received, &mut |draws, end| each(InRound { draws, ..action.clone() }, end));
        });
    }

    /// The monitor's properties. What is owed must be paid when the run is over: when all have halted, or after the last
    /// round that is followed.
    fn claims(&self) -> Vec<Claim<Self>> {
        let claim = |(at, property): (usize, &Property)| {
            let says = match property.kind {
                Kind::Safety => Says::Always(judged::unbroken()[at]),
                Kind::Liveness => Says::Always(judged::paid()[at]),
                Kind::Reachable => Says::Sometimes(judged::reached()[at]),
            };
            Claim::new(property.id, property.name, says)
        };
        self.properties.iter().enumerate().map(claim).collect()
    }

    fn distance(&self, state: &Self::State) -> Option<u64> {
        Some(state.monitor.distance())
    }
}

impl<A, M> Judged for LockStep<A, M>
where
    A: RoundProcess,
    M: Monitor<A::Request, A::Indication>,
{
    fn is_unbroken(&self, state: &Self::State, at: usize) -> bool {
        state.broken.as_ref().is_none_or(|violation| violation.property != self.properties[at].id)
    }

    fn is_paid(&self, state: &Self::State, at: usize) -> bool {
        state.broken.is_some() || !self.is_over(state) || self.nothing_owed(state, at)
    }

    fn is_reached(&self, state: &Self::State, at: usize) -> bool {
        has_reached(&state.monitor, &self.properties[at])
    }
}

/// Calls `each` with every subset, the empty one first, each in the order of `all`.
fn subsets<T: Clone>(all: &[T], mut each: impl FnMut(&[T])) {
    assert!(all.len() < 64, "fewer than 2^64 subsets");
    for bits in 0..1_u64 << all.len() {
        let members = all.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1);
        each(&members.map(|(_, member)| member.clone()).collect::<Vec<_>>());
    }
}
