//! How the entries of the tables are made: by the kernel's `enabled` and `step`, from the values that the numbers stand for.

use super::change::{Called, Change, Entry, NONE, Told, Whose, whose};
use super::flight::{Envelope, Flying, Landing};
use super::forgetting::Assumptions;
use super::tables::{Asked, Tables};
use super::{BROKEN, HEAD, Tabulated, write_print};
use crate::coverage::{Covered, Faults, Seen};
use crate::fingerprint::{Print, print_of};
use crate::intern::Interner;
use crate::liveness::Owed;
use crate::reference::{Concrete, starts};
use crate::report::Options;
use crate::space::{Rows, Start, Words};
use crate::tested::Tested;
use crate::worlds::{goals, laws};
use synod_kernel::{
    Budget, Choice, Cut, Fairness, Keeping, Move, Network, Observed, Rep, SeatId, Setting, Status, World,
    step,
};
use synod_model::Process;
use synod_properties::{Kind, Monitor, Violation};

/// What makes the tables of a [`Tabulated`]: all that holds an algorithm's values.
pub(crate) struct Maker<'a, P: Process, M> {
    pub(super) tables: Tables<'a, P>,
    pub(super) monitor: &'a M,
    /// How runs begin.
    pub(super) starts: Vec<Vec<Move<P::Message, P::Timer>>>,
    /// Whether moves that change nothing are kept, since they serve a class of fairness.
    idle_too: bool,
    pub(super) monitors: Interner<M>,
    pub(super) observations: Interner<Vec<Observed<u32, u32>>>,
    classes: Interner<Choice<u32, u32>>,
    pub(super) tested: Tested,
    faults: Faults,
    /// What the messages that are forgotten rest on, where such are.
    pub(super) assumptions: Option<Assumptions>,
}

/// Empty tables, and what makes their entries.
pub(crate) fn tables<'a, P: Process, M: Monitor<P::Request, P::Indication>>(
    setting: &'a Setting<P>,
    monitor: &'a M,
    measure: fn(&P) -> u64,
    options: &Options,
) -> (Maker<'a, P, M>, Tabulated) {
    let properties = monitor.properties();
    let live = options.judges_liveness() && properties.iter().any(|p| p.kind == Kind::Liveness);
    let mut observations = Interner::new();
    observations.intern(Vec::new());
    let maker = Maker {
        tables: Tables::new(setting, measure),
        monitor,
        starts: Vec::new(),
        idle_too: live,
        monitors: Interner::new(),
        observations,
        classes: Interner::new(),
        tested: Tested::new(properties.clone()),
        faults: Faults::default(),
        assumptions: None,
    };
    (maker, Tabulated::new(setting, properties))
}

impl<P: Process, M: Monitor<P::Request, P::Indication>> Maker<'_, P, M> {
    /// How runs begin.
    pub(crate) fn start(&mut self, space: &mut Tabulated) -> Start<Words> {
        let (start, moves) = starts(self.tables.setting, self.monitor, &self.tested);
        self.starts = moves;
        let mut rows = Words::default();
        for (state, moves) in start.rows.into_iter().zip(0..) {
            self.note_start(moves);
            let mut words = self.words(space, state);
            self.forget_dead(space, &mut words);
            rows.add(&words);
        }
        self.note_values(space);
        Start { rows, broken: start.broken }
    }

    /// Takes note of what happens in a start.
    fn note_start(&mut self, place: usize) {
        for Move { choice, draws, cut } in &self.starts[place] {
            self.faults.note(choice, *cut);
            if let Choice::Init { seat } = choice {
                self.tables.init(*seat, draws);
            }
        }
    }

    /// What explored runs came to.
    pub(super) fn covered(&self) -> Covered {
        let Tables { messages, timers, indications, request_values, reached, .. } = &self.tables;
        let message = |&number: &u32| messages.get(number).clone();
        let timer = |number: u32| timers.get(number).clone();
        Covered {
            requests: Seen::with(
                reached.requests.iter().map(|(&q, &came)| (request_values.get(q).clone(), came)),
            ),
            sent: Seen::of(reached.sent.iter().map(message)),
            handled: Seen::with(reached.handled.iter().map(|(m, &came)| (message(m), came))),
            // a timer gets its number when it is set
            set: Seen::of((0..timers.len() as u32).map(timer)),
            fired: Seen::with(reached.fired.iter().map(|(&t, &came)| (timer(t), came))),
            indicated: Seen::of((0..indications.len() as u32).map(|number| indications.get(number).clone())),
            recovered: reached.recovered,
            coin: reached.coin,
            faults: self.faults,
        }
    }

    /// Makes all entries that the expansion of a state needs.
    pub(crate) fn fill(&mut self, space: &mut Tabulated, words: &[u32]) {
        let (rest, monitor) = (words[HEAD + space.seats], words[HEAD + space.seats + 1]);
        let world = space.world(words);
        for seat in 0..space.seats {
            let state = words[HEAD + seat];
            let known = space.stance(rest, seat, state);
            let stance = known.unwrap_or_else(|| self.make_stance(space, &world, rest, seat));
            self.judge_all(space, monitor, space.own[stance as usize]);
        }
        if space.global[rest as usize].0 == NONE {
            let range = self.entry(space, &world, Entry::Global);
            space.global[rest as usize] = range;
        }
        self.judge_all(space, monitor, space.global[rest as usize]);
        let mut last = NONE;
        for &envelope in &words[HEAD + space.seats + 2..] {
            if space.is_behind(std::mem::replace(&mut last, envelope), envelope) {
                continue;
            }
            let range = space.heard(words, rest, envelope);
            let range = range.unwrap_or_else(|_| self.make_heard(space, &world, (rest, envelope), words));
            self.judge_all(space, monitor, range);
        }
        self.decide(space, words);
        self.note_values(space);
    }

    /// Tells the space what it knows of values beside their numbers.
    pub(super) fn note_values(&self, space: &mut Tabulated) {
        space.down.extend(self.tables.facts[space.down.len()..].iter().map(|facts| facts.down));
        space.values = self.tables.seats.memory() + self.monitors.memory();
    }

    fn seat_part(&self, seat: usize, state: u32) -> Print {
        print_of(&("seat", seat as u32, self.tables.seats.print(state)))
    }

    fn monitor(&mut self, space: &mut Tabulated, monitor: M) -> u32 {
        let (id, new) = self.monitors.intern(monitor);
        if new {
            space.monitor_parts.push(print_of(&("monitor", self.monitors.print(id))));
            space.goals.push(goals(&space.properties, self.monitors.get(id)));
            space.distances.push(self.monitors.get(id).distance());
        }
        id
    }

    fn envelope(&self, space: &mut Tabulated, envelope: Envelope) -> u32 {
        space.envelopes.number(envelope, self.tables.messages.print(envelope.2))
    }

    /// A state of plain values as words.
    fn words(&mut self, space: &mut Tabulated, state: Concrete<P, M>) -> Vec<u32> {
        let Concrete { world, network, monitor } = state;
        let mut words = vec![0; HEAD];
        words.extend(world.seats.into_iter().map(|seat| self.tables.seat(seat)));
        let (rest, monitor) = (space.rest(world.rest), self.monitor(space, monitor));
        words.extend([rest, monitor]);
        words.extend(self.numbers(space, &network));
        let mut print = space.rest_parts[rest as usize].wrapping_add(space.monitor_parts[monitor as usize]);
        for seat in 0..space.seats {
            print = print.wrapping_add(self.seat_part(seat, words[HEAD + seat]));
        }
        print = print.wrapping_add(space.print_in_flight(space.in_flight(&words)));
        write_print(&mut words, print);
        words
    }

    /// What is in flight in a plain network, as numbers in the order in which a state has them.
    fn numbers(&mut self, space: &mut Tabulated, network: &Network<P::Message>) -> Vec<u32> {
        let mut numbers = Vec::new();
        for envelope in network.copies() {
            let message = self.tables.messages.intern(envelope.message.clone()).0;
            numbers.push(self.envelope(space, (envelope.to, envelope.from, message)));
        }
        if space.keeping != Keeping::Queues {
            numbers.sort_unstable();
        }
        numbers
    }

    /// A seat in a state and a rest in which it was not seen yet.
    pub(super) fn make_stance(
        &mut self,
        space: &mut Tabulated,
        world: &World<u32>,
        rest: u32,
        seat: usize,
    ) -> u32 {
        let own = self.entry(space, world, Entry::Own(SeatId(seat as u32)));
        self.note_stance(space, seat, (world.seats[seat], rest));
        space.add_stance((rest, seat, world.seats[seat]), own)
    }

    /// What comes of a message in flight that was not tried on this stance yet.
    pub(super) fn make_heard(
        &mut self,
        space: &mut Tabulated,
        world: &World<u32>,
        (rest, envelope): (u32, u32),
        words: &[u32],
    ) -> (u32, u32) {
        let range = self.entry(space, world, Entry::Heard(space.envelopes.values[envelope as usize]));
        space.add_heard((rest, envelope), words, range);
        range
    }

    /// Makes an entry of the table: all moves of one kind out of a world, by the kernel's `enabled` and `step`.
    fn entry(&mut self, space: &mut Tabulated, world: &World<u32>, entry: Entry) -> (u32, u32) {
        let laws = laws(self.tables.setting);
        let flying = match entry {
            Entry::Heard(envelope) => Flying(Some(envelope)),
            Entry::Own(_) | Entry::Global => Flying(None),
        };
        let mut choices = Vec::new();
        world.enabled(laws, &self.tables, &flying, |choice| {
            let wanted = match entry {
                Entry::Own(seat) => whose(&choice) == Whose::Seat(seat),
                Entry::Global => whose(&choice) == Whose::Nobodys,
                Entry::Heard(_) => {
                    matches!(choice, Choice::Deliver { .. } | Choice::Duplicate { .. } | Choice::Lose { .. })
                }
            };
            if wanted {
                choices.push(choice);
            }
        });
        let first = space.changes.len() as u32;
        for choice in choices {
            self.moves(space, world, &choice);
        }
        (first, space.changes.len() as u32)
    }

    /// Adds every move of a choice: every outcome of its handler's draws, every crash inside it that matters.
    fn moves(&mut self, space: &mut Tabulated, world: &World<u32>, choice: &Choice<u32, u32>) {
        let Some(list) = self.ways(world, choice) else {
            return self.take(space, world, choice, None, None);
        };
        let budgets = &world.rest.budgets;
        let crashes = [(false, budgets.restarts.any()), (true, budgets.stops.any())];
        for pick in 0..self.tables.outcome_lists[list as usize].len() {
            let outcome = &self.tables.outcome_lists[list as usize][pick];
            if let Err(violation) = &outcome.then {
                let violation = violation.clone();
                self.fail(space, choice, (list, pick), violation);
                continue;
            }
            let places: Vec<u32> = outcome.cuts.iter().map(|(before, _)| *before).collect();
            self.take(space, world, choice, Some((list, pick)), None);
            for before in places {
                for (forever, _) in crashes.into_iter().filter(|(_, any)| *any) {
                    self.take(space, world, choice, Some((list, pick)), Some(Cut { before, forever }));
                }
            }
        }
    }

    /// The outcomes of a choice's handler, if one runs.
    fn ways(&mut self, world: &World<u32>, choice: &Choice<u32, u32>) -> Option<u32> {
        let seat = choice.handler_seat()?;
        let mut state = world.seats[seat.index()];
        if let Choice::Output { output, .. } = choice {
            let timer = self.tables.hear(&mut state, *output).expect("an enabled output is consulted");
            return Some(self.tables.outcomes(seat, state, Asked::Timer(timer)));
        }
        let recovers = matches!(choice, Choice::Recover { .. });
        if self.tables.status(&state) != Status::Up && !recovers {
            return None;
        }
        let asked = self.tables.asked_by(choice, world.rest.asked[seat.index()])?;
        Some(self.tables.outcomes(seat, state, asked))
    }

    /// Adds one move, which the kernel takes here, once for all states in which it is the same; `outcome` is that of its
    /// handler, if one runs.
    fn take(
        &mut self,
        space: &mut Tabulated,
        world: &World<u32>,
        choice: &Choice<u32, u32>,
        outcome: Option<(u32, usize)>,
        cut: Option<Cut>,
    ) {
        self.faults.note(choice, cut);
        self.tables.next = outcome.unwrap_or_default();
        let (mut after, mut landing) = (world.clone(), Landing::default());
        let laws = laws(self.tables.setting);
        let chosen = Move { choice: choice.clone(), draws: Vec::new(), cut };
        step(&mut after, laws, &mut self.tables, &mut landing, chosen);
        let fairness = match cut {
            // a crash is never fair, not even inside the handler of a fair choice
            Some(_) => Fairness::Unfair,
            None => world.fairness(laws, &self.tables, choice),
        };
        let number = self.classes.intern(choice.clone()).0;
        let called = Move { choice: choice.clone(), draws: Vec::new(), cut };
        let class = Owed::of(&called, fairness).class(u64::from(number));
        let (told, change) = self.change(space, (world, after), landing, class);
        let idle = change.seat == NONE
            && change.rest == NONE
            && told.observed == 0
            && change.discarded == NONE
            && change.taken == NONE
            && change.sent.0 == change.sent.1;
        if idle && !(self.idle_too && class != 0) {
            return;
        }
        space.told.push(told);
        space.changes.push(change);
        let draws = outcome.map_or_else(Vec::new, |(list, pick)| {
            self.tables.outcome_lists[list as usize][pick].draws.clone()
        });
        space.called.push(Called { choice: choice.clone(), draws, cut });
    }

    /// Adds a move whose handler fails.
    fn fail(
        &mut self,
        space: &mut Tabulated,
        choice: &Choice<u32, u32>,
        next: (u32, usize),
        violation: Violation,
    ) {
        let failure = space.failures.len() as u32;
        space.failures.push(violation);
        space.told.push(Told { failure, ..Told::NOTHING });
        space.changes.push(Change::NOTHING);
        let draws = self.tables.outcome_lists[next.0 as usize][next.1].draws.clone();
        space.called.push(Called { choice: choice.clone(), draws, cut: None });
    }

    fn change(
        &mut self,
        space: &mut Tabulated,
        (before, after): (&World<u32>, World<u32>),
        landing: Landing,
        class: u64,
    ) -> (Told, Change) {
        let (mut told, mut change) = (Told::NOTHING, Change { class, ..Change::NOTHING });
        let mut changed = (0..space.seats).filter(|&s| before.seats[s] != after.seats[s]);
        if let Some(seat) = changed.next() {
            assert!(changed.next().is_none(), "a step changes one seat");
            (change.seat, change.after) = (seat as u32, after.seats[seat]);
            self.note_step(space, seat, (before.seats[seat], change.after));
            let (new, old) = (self.seat_part(seat, change.after), self.seat_part(seat, before.seats[seat]));
            told.delta = told.delta.wrapping_add(new).wrapping_sub(old);
            if let Budget::AtMost(max) = self.tables.setting.environment.measure {
                told.beyond = self.tables.facts[change.after as usize].measure > u64::from(max);
            }
        }
        if before.rest != after.rest {
            let (old, new) = (space.rest(before.rest.clone()), space.rest(after.rest));
            change.rest = new;
            let parts = (space.rest_parts[new as usize], space.rest_parts[old as usize]);
            told.delta = told.delta.wrapping_add(parts.0).wrapping_sub(parts.1);
        }
        let (mut taken, mut sent) = (landing.taken, landing.sent);
        if let Some(envelope) = taken
            && space.keeping != Keeping::Queues
            && let Some(at) = sent.iter().position(|s| *s == envelope)
        {
            // taken and sent again
            sent.remove(at);
            taken = None;
        }
        let first = space.sent.len() as u32;
        for envelope in sent {
            let number = self.envelope(space, envelope);
            space.sent.push(number);
        }
        change.sent = (first, space.sent.len() as u32);
        change.taken = taken.map_or(NONE, |envelope| self.envelope(space, envelope));
        change.discarded = landing.discarded.map_or(NONE, |seat| seat.0);
        told.observed = self.observations.intern(landing.observed).0;
        let nothing = taken.is_none() && change.sent.0 == change.sent.1;
        told.depends = change.discarded != NONE || !(nothing || space.keeping == Keeping::Bag);
        if change.discarded == NONE && space.keeping != Keeping::Set {
            // of queues as if each message were alone in its own: what their places add is up to the state
            let part = |&e: &u32| space.envelopes.part(e, 0);
            let sent = space.sent[first as usize..].iter().map(part);
            told.delta = sent.fold(told.delta, Print::wrapping_add);
            told.delta = told.delta.wrapping_sub(taken.map_or(0, |_| part(&change.taken)));
        }
        (told, change)
    }

    /// Makes what the moves of a range need to be judged by a monitor.
    fn judge_all(&mut self, space: &mut Tabulated, monitor: u32, (from, to): (u32, u32)) {
        for change in from..to {
            let observed = space.told[change as usize].observed;
            let key = u64::from(monitor) << 32 | u64::from(observed);
            if observed == 0 || space.judged.get(key).is_some() {
                continue;
            }
            let after = match self.judge(space, monitor, observed) {
                Ok(after) => after,
                Err(violation) => {
                    space.failures.push(violation);
                    BROKEN + space.failures.len() as u32 - 1
                }
            };
            space.judged.insert(key, (after, 0));
        }
    }

    fn judge(&mut self, space: &mut Tabulated, monitor: u32, observed: u32) -> Result<u32, Violation> {
        let mut after = self.monitors.get(monitor).clone();
        let tables = &self.tables;
        for observed in self.observations.get(observed) {
            let observed = match *observed {
                Observed::Request(at, q) => Observed::Request(at, tables.request_values.get(q).clone()),
                Observed::Indication(at, i) => Observed::Indication(at, tables.indications.get(i).clone()),
                Observed::Crash(at) => Observed::Crash(at),
                Observed::Recover(at) => Observed::Recover(at),
                Observed::Corrupt(at) => Observed::Corrupt(at),
            };
            self.tested.judge(&mut after, &observed)?;
        }
        Ok(self.monitor(space, after))
    }
}
