//! Messages that nobody will ever heed are forgotten: states that differ in those alone are one.
//!
//! A process does not *heed* a message if its delivery does nothing but take it from the network. A message is **dead** where
//! its receiver heeds it neither in the state it is in nor in any that it may come to. A dead message enables nothing and
//! changes nothing, so two states that differ in dead messages have the same runs, but for deliveries that do nothing:
//! what is observed is the same (a bisimulation), and so is what happens for ever: that a dead message must be delivered in the
//! end is asked of no loop that matters, since its delivery does nothing. Many a protocol leaves most of its messages behind: votes for a ballot that
//! was given up, a third answer where two were enough.
//!
//! What a process may come to is not known before it is explored, so deadness is **assumed** where no state that is known
//! to follow heeds the message, and the assumption is held against every state of the process that is found later: each is
//! tried on all messages that were forgotten on some way to it. Where one turns out to be heeded, the exploration is taken to
//! its end all the same (what it visits are states of real runs, in which such a message merely is late) and then begun
//! anew, with what is known now. It ends when nothing that was assumed was refuted: what is known only grows. So a
//! counterexample is a real run, and a shortest one: a shorter one, by a message that was forgotten, would have passed through
//! the state that heeds it, and refuted the assumption.
//!
//! A process is tried on messages in states in which it may never receive them; what comes of that is part of no run.

use super::change::{Bits, Change, NONE};
use super::making::Maker;
use super::{HEAD, Tabulated, read_print, write_print};
use crate::fingerprint::Print;
use crate::space::Missing;
use std::collections::BTreeSet;
use synod_kernel::{Keeping, World};
use synod_model::Process;
use synod_properties::Monitor;

/// What is assumed to be dead: read by whoever expands a state.
#[derive(Default)]
pub(super) struct Forgotten {
    /// By node, a process in a state of its own: the messages that were decided on, by their place among those that go
    /// there; and those that are dead.
    decided: Bits,
    dead: Bits,
}

/// A process in a state of its own.
type Node = u32;

/// What a node is known to follow, to be followed by, to heed.
#[derive(Default)]
struct Known {
    successors: BTreeSet<Node>,
    predecessors: BTreeSet<Node>,
    /// The rests of worlds in which it was seen.
    rests: Vec<u32>,
    /// The envelopes that it heeds, or one that may follow it.
    heeded: BTreeSet<u32>,
    /// The envelopes that were forgotten at it, or at one that it may follow: it must not heed them.
    forgotten: BTreeSet<u32>,
}

/// What the assumptions rest on.
#[derive(Default)]
pub(super) struct Assumptions {
    nodes: Vec<Known>,
    /// Steps of a process that were not followed up yet.
    steps: Vec<(Node, Node)>,
    /// Nodes that are yet to be tried on an envelope, in a rest.
    trials: Vec<(Node, u32, u32)>,
    refuted: bool,
}

impl Assumptions {
    fn at(&mut self, node: Node) -> &mut Known {
        if self.nodes.len() <= node as usize {
            self.nodes.resize_with(node as usize + 1, Known::default);
        }
        &mut self.nodes[node as usize]
    }

    /// A process takes a step.
    pub(super) fn step(&mut self, from: Node, to: Node) {
        if from != to {
            self.steps.push((from, to));
        }
    }

    /// A node is seen in a rest for the first time.
    pub(super) fn seen(&mut self, node: Node, rest: u32) {
        let known = self.at(node);
        known.rests.push(rest);
        let trials: Vec<_> = known.forgotten.iter().map(|&envelope| (node, envelope, rest)).collect();
        self.trials.extend(trials);
    }

    /// A node must not heed this envelope, nor may what follows it.
    fn forget(&mut self, node: Node, envelope: u32) {
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            let known = self.at(node);
            if known.forgotten.insert(envelope) {
                open.extend(&known.successors);
                let trials: Vec<_> = known.rests.iter().map(|&rest| (node, envelope, rest)).collect();
                self.trials.extend(trials);
            }
        }
    }

    /// A node heeds this envelope: for all that it may follow it is not dead.
    fn heed(&mut self, forgotten: &Forgotten, node: Node, (envelope, place): (u32, u32)) {
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            let known = self.at(node);
            if known.heeded.insert(envelope) {
                open.extend(&known.predecessors);
                self.refuted |= forgotten.is_dead(node, place) == Some(true);
            }
        }
    }
}

impl Forgotten {
    /// Whether a message is dead, by its place among those that go to a node; nothing where that is not decided.
    #[inline]
    fn is_dead(&self, node: Node, place: u32) -> Option<bool> {
        let known = (node as usize) < self.decided.sets.len() && self.decided.has(node, place);
        known.then(|| self.dead.has(node, place))
    }

    fn decide(&mut self, node: Node, place: u32, dead: bool) {
        while self.decided.sets.len() <= node as usize {
            self.decided.add_set();
            self.dead.add_set();
        }
        self.decided.add(node, place);
        if dead {
            self.dead.add(node, place);
        }
    }
}

impl Tabulated {
    #[inline]
    pub(super) fn node(&self, seat: usize, state: u32) -> Node {
        state * self.seats as u32 + seat as u32
    }

    /// Whether a message is dead after a change.
    #[inline]
    fn is_dead_after(&self, forgotten: &Forgotten, words: &[u32], c: &Change, envelope: u32) -> Option<bool> {
        let (to, _, place) = self.envelopes.ends[envelope as usize];
        let state = if u32::from(to) == c.seat { c.after } else { words[HEAD + usize::from(to)] };
        forgotten.is_dead(self.node(usize::from(to), state), place)
    }

    /// The messages that a change may make dead: those that are in flight to the process that it changes, and those it sends.
    #[inline]
    fn doubtful<'a>(&'a self, words: &'a [u32], c: &'a Change) -> impl Iterator<Item = u32> + 'a {
        let (mut taken, stays) = (c.taken, c.seat != NONE && c.discarded != c.seat);
        let waiting = self.in_flight(words).iter().copied().filter(move |&envelope| {
            if envelope == taken {
                taken = NONE;
                return false;
            }
            stays && u32::from(self.envelopes.ends[envelope as usize].0) == c.seat
        });
        waiting.chain(self.sent[c.sent.0 as usize..c.sent.1 as usize].iter().copied())
    }

    /// What the messages that are dead after a change add to a fingerprint.
    #[inline]
    pub(super) fn print_of_dead(&self, words: &[u32], c: &Change) -> Result<Print, Missing> {
        let Some(forgotten) = &self.forgotten else { return Ok(0) };
        let mut sum: Print = 0;
        for envelope in self.doubtful(words, c) {
            if self.is_dead_after(forgotten, words, c, envelope).ok_or(Missing)? {
                sum = sum.wrapping_add(self.envelopes.part(envelope, 0));
            }
        }
        Ok(sum)
    }

    /// Takes out of a state, which begins at `start`, the messages that are dead in it.
    pub(super) fn take_out_dead(&self, words: &mut Vec<u32>, start: usize) {
        let Some(forgotten) = &self.forgotten else { return };
        let first = start + HEAD + self.seats + 2;
        let mut kept = first;
        for at in first..words.len() {
            let (to, _, place) = self.envelopes.ends[words[at] as usize];
            let node = self.node(usize::from(to), words[start + HEAD + usize::from(to)]);
            if forgotten.is_dead(node, place) != Some(true) {
                words[kept] = words[at];
                kept += 1;
            }
        }
        words.truncate(kept);
    }

    /// Whether moves do anything but take a message.
    fn heeds(&self, (from, to): (u32, u32)) -> bool {
        (from..to).any(|at| {
            let (c, told) = (&self.changes[at as usize], &self.told[at as usize]);
            let nothing = c.seat == NONE && c.rest == NONE && c.discarded == NONE && c.sent.0 == c.sent.1;
            !nothing || told.observed != 0 || told.failure != NONE
        })
    }
}

impl<P: Process, M: Monitor<P::Request, P::Indication>> Maker<'_, P, M> {
    /// Forgets messages from now on, where links keep a message until it is taken and no order among them.
    pub(crate) fn begin_to_forget(&mut self, space: &mut Tabulated) {
        if space.keeping == Keeping::Bag {
            self.assumptions = Some(Assumptions::default());
            space.forgotten = Some(Forgotten::default());
        }
    }

    /// Whether something that was assumed of this exploration was refuted: then it is to begin anew, with what is known now.
    pub(crate) fn assumes_anew(&mut self, space: &mut Tabulated) -> bool {
        let Some(assumptions) = self.assumptions.as_mut().filter(|all| all.refuted) else { return false };
        assumptions.refuted = false;
        assumptions.nodes.iter_mut().for_each(|known| known.forgotten.clear());
        space.forgotten = Some(Forgotten::default());
        true
    }

    /// Decides which messages are dead after each move out of a state.
    pub(super) fn decide(&mut self, space: &mut Tabulated, words: &[u32]) {
        if self.assumptions.is_none() {
            return;
        }
        let mut changes = Vec::new();
        space.each_change(words, &mut |change| changes.push(change));
        for change in changes {
            let (told, c) = (&space.told[change as usize], space.changes[change as usize]);
            if told.failure != NONE || told.beyond {
                continue;
            }
            let doubtful: Vec<u32> = space.doubtful(words, &c).collect();
            let mut after = words[..HEAD + space.seats + 2].to_vec();
            if c.seat != NONE {
                after[HEAD + c.seat as usize] = c.after;
            }
            if c.rest != NONE {
                after[HEAD + space.seats] = c.rest;
            }
            for envelope in doubtful {
                self.decide_one(space, &after, envelope);
            }
        }
        self.follow_up(space, words);
    }

    /// Forgets the messages that are dead in an initial state.
    pub(super) fn forget_dead(&mut self, space: &mut Tabulated, words: &mut Vec<u32>) {
        let in_flight = space.in_flight(words).to_vec();
        for &envelope in &in_flight {
            self.decide_one(space, words, envelope);
        }
        let before = space.print_in_flight(&in_flight);
        space.take_out_dead(words, 0);
        let after = space.print_in_flight(space.in_flight(words));
        let print = read_print(words).wrapping_sub(before).wrapping_add(after);
        write_print(words, print);
    }

    /// Decides whether a message in flight is dead in a world.
    pub(super) fn decide_one(&mut self, space: &mut Tabulated, words: &[u32], envelope: u32) {
        let (to, _, place) = space.envelopes.ends[envelope as usize];
        let node = space.node(usize::from(to), words[HEAD + usize::from(to)]);
        let is_decided =
            |space: &Tabulated| space.forgotten.as_ref().is_none_or(|all| all.is_dead(node, place).is_some());
        if is_decided(space) {
            return;
        }
        self.try_on(space, words, node, (envelope, words[HEAD + space.seats]));
        let Some(assumptions) = &mut self.assumptions else { return };
        assumptions.forget(node, envelope);
        self.follow_up(space, words);
        let heeded = self.assumptions.as_mut().is_some_and(|all| all.at(node).heeded.contains(&envelope));
        if let Some(forgotten) = &mut space.forgotten {
            forgotten.decide(node, place, !heeded);
        }
    }

    /// Holds what is assumed against what is known.
    fn follow_up(&mut self, space: &mut Tabulated, words: &[u32]) {
        while let Some(assumptions) = &mut self.assumptions {
            if let Some((from, to)) = assumptions.steps.pop() {
                if !assumptions.at(from).successors.insert(to) {
                    continue;
                }
                assumptions.at(to).predecessors.insert(from);
                let forgotten: Vec<u32> = assumptions.at(from).forgotten.iter().copied().collect();
                for envelope in forgotten {
                    assumptions.forget(to, envelope);
                }
                let heeded: Vec<u32> = assumptions.at(to).heeded.iter().copied().collect();
                for envelope in heeded {
                    let place = space.envelopes.ends[envelope as usize].2;
                    if let Some(forgotten) = &space.forgotten {
                        assumptions.heed(forgotten, from, (envelope, place));
                    }
                }
            } else if let Some((node, envelope, rest)) = assumptions.trials.pop() {
                self.try_on(space, words, node, (envelope, rest));
            } else {
                return;
            }
        }
    }

    /// Finds out whether a node heeds an envelope, in a rest. Of the others' states nothing counts.
    fn try_on(&mut self, space: &mut Tabulated, words: &[u32], node: Node, (envelope, rest): (u32, u32)) {
        let (seat, state) = (node as usize % space.seats, node / space.seats as u32);
        let mut words = words[..HEAD + space.seats + 2].to_vec();
        words[HEAD + seat] = state;
        words[HEAD + space.seats] = rest;
        // who is down has to be known of states that were made just now
        self.note_values(space);
        let world: World<u32> = space.world(&words);
        if space.stance(rest, seat, state).is_none() {
            self.make_stance(space, &world, rest, seat);
        }
        let range = space.heard(&words, rest, envelope);
        let range = range.unwrap_or_else(|_| self.make_heard(space, &world, (rest, envelope), &words));
        let place = space.envelopes.ends[envelope as usize].2;
        if let (Some(assumptions), Some(forgotten)) = (&mut self.assumptions, &space.forgotten)
            && space.heeds(range)
        {
            assumptions.heed(forgotten, node, (envelope, place));
        }
    }

    /// Takes note of a step of a process.
    pub(super) fn note_step(&mut self, space: &Tabulated, seat: usize, (from, to): (u32, u32)) {
        if let Some(assumptions) = &mut self.assumptions {
            assumptions.step(space.node(seat, from), space.node(seat, to));
        }
    }

    /// Takes note of a process in a state and a rest that were not seen before.
    pub(super) fn note_stance(&mut self, space: &Tabulated, seat: usize, (state, rest): (u32, u32)) {
        if let Some(assumptions) = &mut self.assumptions {
            assumptions.seen(space.node(seat, state), rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::reference::{Concrete, Reference};
    use crate::{Control, Options, check};
    use std::collections::{BTreeMap, BTreeSet};
    use synod_kernel::network::Envelope;
    use synod_kernel::{Budget, Choice, Environment, Seat, Setting};
    use synod_model::failure::FailureKind;
    use synod_model::prelude::*;
    use synod_properties::{Monitor, Obligation, Observation, Property, Violation};

    /// The first process asks the others for votes, round after round; it goes on to the next once two agree. What comes later is
    /// left behind; a vote for a round to come is ignored until then.
    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    struct Pollster {
        round: u8,
        votes: u8,
    }

    const ROUNDS: u8 = 2;

    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    enum Poll {
        Ask(u8),
        Vote(u8),
    }

    impl Process for Pollster {
        type Model = (CrashStop, Perfect, Asynchronous, AnyNumber);
        type Parameters = ();
        type Indication = u8;
        type Message = Poll;
        fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
            if ctx.me() == ProcessId(0) {
                (1..ctx.group().count).for_each(|p| ctx.send(ProcessId(p), Poll::Ask(0)));
            }
            Self { round: 0, votes: 0 }
        }
        fn on_message(&mut self, from: ProcessId, message: Poll, ctx: &mut impl Context<Self>) {
            match message {
                // one who was asked for a later round does not look back
                Poll::Ask(round) if round + 1 > self.round => {
                    self.round = round + 1;
                    ctx.send(from, Poll::Vote(round));
                    // ignored until that round comes
                    ctx.send(from, Poll::Vote(round + 1));
                }
                Poll::Vote(round) if round == self.round => {
                    self.votes += 1;
                    if self.votes == 2 {
                        (self.round, self.votes) = (round + 1, 0);
                        ctx.indicate(round);
                        if self.round < ROUNDS {
                            (1..ctx.group().count)
                                .for_each(|p| ctx.send(ProcessId(p), Poll::Ask(self.round)));
                        }
                    }
                }
                Poll::Ask(_) | Poll::Vote(_) => {}
            }
        }
        no_timers!();
        no_storage!();
        no_requests!();
    }

    /// Knows what was indicated last; with a limit, that it must not be reached.
    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    struct Last {
        last: Option<u8>,
        never: Option<u8>,
    }

    const NEVER: Property = Property::safety("NEVER", "a round does not end");

    impl<Q> Monitor<Q, u8> for Last {
        fn properties(&self) -> Vec<Property> {
            vec![NEVER]
        }
        fn observe(&mut self, observation: &Observation<'_, Q, u8>) -> Result<(), Violation> {
            let Observation::Indication { indication, .. } = observation else { return Ok(()) };
            self.last = Some(**indication);
            if self.never == self.last { Err(Violation::new(&NEVER, "it ended")) } else { Ok(()) }
        }
        fn owed(&self, _: &mut impl FnMut(Obligation)) {}
        fn reached(&self, _: &mut impl FnMut(&'static str)) {}
    }

    fn pollsters(n: u32, stops: u32, stay: bool) -> Setting<Pollster> {
        let mut environment = Environment::benign(n);
        environment.failures.kind = FailureKind::CrashStop;
        environment.failures.stops = Budget::AtMost(stops);
        environment.links.ignored_stay = stay;
        Setting::new(environment, (), vec![Vec::new(); n as usize])
    }

    type State = Concrete<Pollster, Last>;
    type Node = (usize, Seat<Pollster>);

    fn in_flight(state: &State) -> Vec<Envelope<Poll>> {
        let mut all: Vec<_> = state.network.copies().cloned().collect();
        all.sort();
        all
    }

    /// All states, and what processes may come to and heed, by their plain values.
    #[derive(Default)]
    struct Explored {
        states: BTreeMap<String, State>,
        steps: BTreeMap<Node, BTreeSet<Node>>,
        heeded: BTreeMap<Node, BTreeSet<Envelope<Poll>>>,
    }

    fn node(state: &State, at: usize) -> Node {
        (at, state.world.seats[at].clone())
    }

    /// Whether a move did anything but take this message.
    fn did_more(from: &State, to: &State, message: &Envelope<Poll>) -> bool {
        let mut left = in_flight(from);
        let at = left.iter().position(|m| m == message).expect("it is in flight");
        left.remove(at);
        from.world != to.world
            || from.monitor != to.monitor
            || ![left, in_flight(from)].contains(&in_flight(to))
    }

    fn explore(setting: &Setting<Pollster>, monitor: &Last) -> Explored {
        let space = Reference::new(setting, monitor, |_| 0);
        let mut open = space.start().0.rows;
        let mut all = Explored::default();
        while let Some(state) = open.pop() {
            if all.states.insert(format!("{state:?}"), state.clone()).is_some() {
                continue;
            }
            space.all_moves(&state, &mut |chosen, result, _, _| {
                let next = result.expect("nothing is refuted");
                for at in
                    (0..state.world.seats.len()).filter(|&at| state.world.seats[at] != next.world.seats[at])
                {
                    all.steps.entry(node(&state, at)).or_default().insert(node(&next, at));
                }
                if let Choice::Deliver { from, to, message } = chosen.choice {
                    let message = Envelope { to, from, message };
                    if did_more(&state, &next, &message) {
                        all.heeded.entry(node(&state, to.index())).or_default().insert(message);
                    }
                }
                open.push(next);
                true
            });
        }
        all
    }

    /// How many states there are where those that differ in dead messages alone are one.
    fn without_dead(mut all: Explored) -> usize {
        loop {
            let mut more = false;
            for (node, successors) in &all.steps {
                let later: Vec<_> =
                    successors.iter().filter_map(|n| all.heeded.get(n)).flatten().cloned().collect();
                let heeded = all.heeded.entry(node.clone()).or_default();
                more |= later.into_iter().map(|message| heeded.insert(message)).fold(false, |a, b| a | b);
            }
            if !more {
                break;
            }
        }
        let lives = |state: &State, m: &Envelope<Poll>| {
            all.heeded.get(&node(state, m.to.index())).is_some_and(|heeded| heeded.contains(m))
        };
        let rest = |state: &State| {
            let messages: Vec<_> = in_flight(state).into_iter().filter(|m| lives(state, m)).collect();
            (state.world.clone(), state.monitor.clone(), messages)
        };
        all.states.values().map(rest).collect::<BTreeSet<_>>().len()
    }

    #[test]
    fn the_states_that_are_left_are_those_that_differ_in_what_may_be_heeded() {
        for (n, stops, stay) in [(3, 0, true), (4, 0, false), (4, 0, true), (3, 1, false), (4, 1, true)] {
            let setting = pollsters(n, stops, stay);
            let monitor = Last { last: None, never: None };
            let run = |forget| {
                let options = Options { forget, ..Options::default() };
                let report = check(&setting, &monitor, |_| 0, &options, &mut |_| Control::Continue);
                assert!(report.complete, "{report}");
                report.states as usize
            };
            let all = explore(&setting, &monitor);
            let (whole, left) = (all.states.len(), without_dead(all));
            // of three, both voters are needed
            assert!(left < whole || n == 3, "n = {n}: {left} of {whole}");
            assert_eq!(
                (run(false), run(true)),
                (whole, left),
                "n = {n}, at most {stops} stops, stay: {stay}"
            );
        }
    }

    #[test]
    fn what_can_be_refuted_still_is_by_a_run_that_replays() {
        let setting = pollsters(4, 1, false);
        for never in 0..ROUNDS {
            let monitor = Last { last: None, never: Some(never) };
            let run = |forget| {
                let options = Options { forget, ..Options::default() };
                let report = check(&setting, &monitor, |_| 0, &options, &mut |_| Control::Continue);
                report.counterexample.expect("a round ends")
            };
            let (whole, left) = (run(false), run(true));
            assert_eq!(left.moves.len(), whole.moves.len(), "a shortest one");
            let replayed = synod_kernel::trace::replay::<Pollster>(&left.trace("poll", &setting));
            assert_eq!(replayed.expect("it replays").lines.len(), left.moves.len());
        }
    }
}
