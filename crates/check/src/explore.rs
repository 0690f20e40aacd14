//! The search, over any representation of states.

use crate::liveness::{Graph, Open};
use crate::reference::Concrete;
use crate::report::{Control, Counterexample, Options, Order, Progress, Report};
use std::collections::{BTreeSet, VecDeque};
use synod_kernel::{Fairness, InPlace, Laws, Move, Observed, Script, Seat, Setting, Status};
use synod_model::{Output, Process, ProcessId, ProcessSet, When};
use synod_properties::{Kind, Monitor, Obligation, Observation, Property, Verdict, Violation};

/// Where a step leads.
pub(crate) enum Target {
    /// To this state, which is new or not.
    State(u32, bool),
    /// It breaks a property.
    Broken(Violation),
    /// Beyond the environment's bound on the algorithm's own measure.
    Beyond,
}

/// States in some representation, numbered in the order in which they are found.
pub(crate) trait Space<P: Process, M> {
    /// Adds a state.
    fn insert(&mut self, state: Concrete<P, M>) -> (u32, bool);
    /// Calls `visit` with every step out of a state, in an order that depends on the state alone, until it returns false.
    fn successors(&mut self, from: u32, visit: &mut dyn FnMut(Target, Fairness) -> bool);
    /// The step of this place in that order.
    fn nth_move(&mut self, from: u32, place: usize) -> Move<P::Message, P::Timer>;
    /// Calls `see` with the seats and the monitor of a state.
    fn inspect<T>(&self, state: u32, see: impl FnOnce(&[&Seat<P>], &M, u32) -> T) -> T;
    /// How many states there are.
    fn len(&self) -> usize;
    /// Bytes used for them.
    fn memory(&self) -> u64;
    /// How often a handler ran.
    fn handler_calls(&self) -> u64;
}

/// Feeds what was observed to a monitor.
pub(crate) fn judge<Q, I, M: Monitor<Q, I>>(
    monitor: &mut M,
    observed: &Observed<Q, I>,
) -> Result<(), Violation> {
    monitor.observe(&match observed {
        Observed::Request(at, request) => Observation::Request { at: *at, request },
        Observed::Indication(at, indication) => Observation::Indication { at: *at, indication },
        Observed::Crash(at) => Observation::Crash { at: *at },
        Observed::Recover(at) => Observation::Recover { at: *at },
        Observed::Corrupt(at) => Observation::Corrupt { at: *at },
    })
}

const NO_PARENT: u32 = u32::MAX;

/// A run of the search.
struct Search<'a, P: Process, M, S> {
    space: S,
    setting: &'a Setting<P>,
    options: &'a Options,
    properties: Vec<Property>,
    /// By state: the one it was found from; the number of an initial run where there is none.
    parents: Vec<u32>,
    roots: Vec<(u32, Vec<Move<P::Message, P::Timer>>)>,
    graph: Option<Graph>,
    transitions: u64,
    depth: u32,
    reached: BTreeSet<&'static str>,
    /// In no component that a run may stay in for ever do the oracles keep their axioms: nothing is ever owed.
    vacuous: bool,
    monitor: std::marker::PhantomData<M>,
}

/// Why a search ended before all was explored.
enum Ended<P: Process> {
    Broken(Counterexample<P>),
    Limit(String),
}

pub(crate) fn explore<P, M, S>(
    space: S,
    setting: &Setting<P>,
    monitor: &M,
    options: &Options,
    progress: &mut dyn FnMut(&Progress) -> Control,
) -> Report<P>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
    S: Space<P, M>,
{
    let properties = monitor.properties();
    let live = properties.iter().any(|p| p.kind == Kind::Liveness);
    let mut search = Search {
        space,
        setting,
        options,
        properties,
        parents: Vec::new(),
        roots: Vec::new(),
        graph: live.then(Graph::default),
        transitions: 0,
        depth: 0,
        reached: BTreeSet::new(),
        vacuous: false,
        monitor: std::marker::PhantomData,
    };
    let ended = search.start(monitor).and_then(|frontier| search.run(frontier, progress)).err();
    search.report(ended)
}

impl<P, M, S> Search<'_, P, M, S>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
    S: Space<P, M>,
{
    /// The initial states: every outcome of every process's start.
    fn start(&mut self, monitor: &M) -> Result<VecDeque<(u32, u32)>, Ended<P>> {
        let mut frontier = VecDeque::new();
        for (state, moves) in crate::reference::initial(self.setting, monitor) {
            match state {
                Ok(state) => {
                    let (id, new) = self.space.insert(state);
                    if new {
                        self.parents.push(NO_PARENT);
                        self.roots.push((id, moves));
                        self.found(id);
                        frontier.push_back((id, 0));
                    }
                }
                Err(violation) => return Err(Ended::Broken(broken(violation, moves))),
            }
        }
        Ok(frontier)
    }

    fn run(
        &mut self,
        mut frontier: VecDeque<(u32, u32)>,
        progress: &mut dyn FnMut(&Progress) -> Control,
    ) -> Result<(), Ended<P>> {
        let mut expanded = 0_u64;
        let mut shallow = false;
        while let Some((state, depth)) = match self.options.order {
            Order::BreadthFirst => frontier.pop_front(),
            Order::DepthFirst => frontier.pop_back(),
        } {
            self.depth = self.depth.max(depth);
            if self.options.depth_max.is_some_and(|max| depth >= max) {
                shallow = true;
                continue;
            }
            self.expand(state, depth, &mut frontier)?;
            expanded += 1;
            if self.space.len() as u64 > self.options.states_max {
                return Err(Ended::Limit(format!("the limit of {} states", self.options.states_max)));
            }
            if expanded.is_multiple_of(4096) {
                self.check_limits(frontier.len(), progress)?;
            }
        }
        match self.options.depth_max {
            Some(max) if shallow => Err(Ended::Limit(format!("the depth limit of {max} steps"))),
            _ => Ok(()),
        }
    }

    fn check_limits(
        &self,
        frontier: usize,
        progress: &mut dyn FnMut(&Progress) -> Control,
    ) -> Result<(), Ended<P>> {
        let now = Progress {
            states: self.space.len() as u64,
            transitions: self.transitions,
            depth: self.depth,
            frontier: frontier as u64,
        };
        if progress(&now) == Control::Stop {
            return Err(Ended::Limit("stopped on request".to_owned()));
        }
        if self.memory() > self.options.memory_max {
            return Err(Ended::Limit(format!("the memory limit of {} MB", self.options.memory_max >> 20)));
        }
        Ok(())
    }

    fn memory(&self) -> u64 {
        self.space.memory()
            + self.parents.capacity() as u64 * 4
            + self.graph.as_ref().map_or(0, Graph::memory)
    }

    fn expand(&mut self, from: u32, depth: u32, frontier: &mut VecDeque<(u32, u32)>) -> Result<(), Ended<P>> {
        let mut broken_at = None;
        let mut beyond = false;
        let mut place = 0;
        let first_new = self.space.len() as u32;
        let (parents, transitions, graph) = (&mut self.parents, &mut self.transitions, &mut self.graph);
        if let Some(graph) = graph {
            graph.open(from);
        }
        self.space.successors(from, &mut |target, fairness| {
            match target {
                Target::State(to, new) => {
                    *transitions += u64::from(to != from);
                    if new {
                        parents.push(from);
                        frontier.push_back((to, depth + 1));
                    }
                    if let (Some(graph), Fairness::Fair) = (graph.as_mut(), fairness) {
                        graph.edge(to);
                    }
                }
                Target::Broken(violation) => {
                    broken_at = Some((place, violation));
                    return false;
                }
                Target::Beyond => beyond = true,
            }
            place += 1;
            true
        });
        for new in first_new..self.space.len() as u32 {
            self.found(new);
        }
        if beyond && let Some(graph) = &mut self.graph {
            graph.mark(from, Open::Beyond);
        }
        match broken_at {
            None => Ok(()),
            Some((place, violation)) => {
                self.depth = self.depth.max(depth + 1);
                let mut moves = self.path(from);
                moves.push(self.space.nth_move(from, place));
                Err(Ended::Broken(broken(violation, moves)))
            }
        }
    }

    /// A new state: which goals it reaches, and what keeps its component from being judged.
    fn found(&mut self, state: u32) {
        let (reached, graph) = (&mut self.reached, &mut self.graph);
        self.space.inspect(state, |seats, monitor, pulses_left| {
            monitor.reached(&mut |goal| _ = reached.insert(goal));
            let Some(graph) = graph else { return };
            for (_, when) in seats.iter().flat_map(|seat| seat.timers()) {
                match when {
                    When::After(_) => graph.mark(state, Open::Timed),
                    When::Pulse if pulses_left == 0 => graph.mark(state, Open::Pulses),
                    When::Pulse | When::Oracle(_) => {}
                }
            }
        });
    }

    /// The run to a state.
    fn path(&mut self, state: u32) -> Vec<Move<P::Message, P::Timer>> {
        let mut states = vec![state];
        while self.parents[states[states.len() - 1] as usize] != NO_PARENT {
            states.push(self.parents[states[states.len() - 1] as usize]);
        }
        states.reverse();
        let root =
            self.roots.iter().find(|(id, _)| *id == states[0]).expect("a run starts at an initial state");
        let mut moves = root.1.clone();
        for pair in states.windows(2) {
            moves.push(self.step_between(pair[0], pair[1]));
        }
        moves
    }

    fn step_between(&mut self, from: u32, to: u32) -> Move<P::Message, P::Timer> {
        let (mut place, mut found) = (0, None);
        self.space.successors(from, &mut |target, _| {
            if matches!(target, Target::State(id, _) if id == to) {
                found = Some(place);
            }
            place += 1;
            found.is_none()
        });
        self.space.nth_move(from, found.expect("a parent has a step to its child"))
    }

    fn report(mut self, ended: Option<Ended<P>>) -> Report<P> {
        let mut stopped = match &ended {
            None => None,
            Some(Ended::Limit(why)) => Some(why.clone()),
            Some(Ended::Broken(_)) => Some("stopped at the violation".to_owned()),
        };
        let mut counterexample = match ended {
            Some(Ended::Broken(counterexample)) => Some(counterexample),
            _ => None,
        };
        let mut unjudged = BTreeSet::new();
        if stopped.is_none() && self.graph.is_some() {
            counterexample = self.judge_liveness(&mut unjudged);
        }
        let complete = stopped.is_none();
        if let (None, Some(c)) = (&stopped, &counterexample)
            && c.cycle_from.is_none()
        {
            stopped = Some("stopped at the violation".to_owned());
        }
        let verdicts = self.verdicts(stopped.as_deref(), counterexample.as_ref(), &unjudged);
        Report {
            verdicts,
            states: self.space.len() as u64,
            transitions: self.transitions,
            depth: self.depth,
            complete,
            stopped,
            handler_calls: self.space.handler_calls(),
            memory: self.memory(),
            counterexample,
        }
    }

    fn verdicts(
        &self,
        stopped: Option<&str>,
        counterexample: Option<&Counterexample<P>>,
        unjudged: &BTreeSet<(String, String)>,
    ) -> Vec<(Property, Verdict)> {
        let verdict = |property: &Property| {
            if let Some(c) = counterexample.filter(|c| c.property == property.id) {
                return Verdict::Violated { what: c.what.clone() };
            }
            let unknown = |why: &str| Verdict::Unknown { why: why.to_owned() };
            match property.kind {
                Kind::Reachable if self.reached.contains(property.id) => Verdict::Holds,
                Kind::Reachable if stopped.is_none() => {
                    unknown("never reached: what it stands for was not exercised")
                }
                Kind::Liveness if stopped.is_none() && self.vacuous => Verdict::vacuous(
                    "the oracles keep their axioms in no run to its end, so nothing is owed; grant them more outputs",
                ),
                Kind::Liveness if stopped.is_none() => unjudged
                    .iter()
                    .find(|(id, _)| id == property.id)
                    .map_or(Verdict::Holds, |(_, why)| unknown(why)),
                Kind::Safety if stopped.is_none() => Verdict::Holds,
                _ => unknown(&format!("not complete: {}", stopped.unwrap_or("stopped"))),
            }
        };
        self.properties.iter().map(|p| (*p, verdict(p))).collect()
    }

    /// Judges the obligations in every component that no fair choice leaves: in such a component a fair run may stay for
    /// ever, and then visits every state of it again and again, so what is owed in all of them is never paid.
    fn judge_liveness(&mut self, unjudged: &mut BTreeSet<(String, String)>) -> Option<Counterexample<P>> {
        let graph = self.graph.take().expect("liveness is judged where it is recorded");
        if self.setting.environment.links.ignored_stay {
            // a message that waits until it is heeded is fairer than any link: what would starve may seem to thrive
            let live = self.properties.iter().filter(|p| p.kind == Kind::Liveness);
            unjudged.extend(
                live.map(|p| (p.id.to_owned(), "not judged: ignored messages stay in flight".to_owned())),
            );
            return None;
        }
        let mut worst: Option<(u32, Obligation, Vec<u32>)> = None;
        let mut oracles_keep = false;
        graph.bottom_components(self.space.len() as u32, &mut |component, open| {
            let owed = self.owed_throughout(component);
            oracles_keep |= self.space.inspect(component[0], |seats, _, _| axioms_hold(self.setting, seats));
            if let Some(open) = open {
                unjudged.extend(owed.into_iter().map(|o| (o.property, open.why().to_owned())));
                return;
            }
            let first = component.iter().copied().min().expect("a component has a state");
            let better = worst.as_ref().is_none_or(|(state, _, _)| first < *state);
            if let (true, Some(obligation)) = (better, owed.into_iter().next()) {
                worst = Some((first, obligation, component.to_vec()));
            }
        });
        self.vacuous = !oracles_keep;
        let (first, obligation, component) = worst?;
        let mut moves = self.path(first);
        let cycle_from = moves.len();
        moves.extend(self.cycle(&graph, first, &component));
        let Obligation { property, what, .. } = obligation;
        Some(Counterexample {
            property,
            what: format!("{what}, for ever"),
            moves,
            cycle_from: Some(cycle_from),
        })
    }

    /// What is owed in every state of a component, where its debtors are correct and the oracles keep their axioms.
    fn owed_throughout(&self, component: &[u32]) -> BTreeSet<Obligation> {
        let owed = |state: u32| -> BTreeSet<Obligation> {
            self.space.inspect(state, |seats, monitor, _| {
                let mut owed = BTreeSet::new();
                if !axioms_hold(self.setting, seats) {
                    return owed;
                }
                let faulty = stopped(self.setting, seats);
                monitor.owed(&mut |o| {
                    if o.among.is_disjoint(&faulty) {
                        owed.insert(o);
                    }
                });
                owed
            })
        };
        let mut throughout = owed(component[0]);
        for &state in &component[1..] {
            if throughout.is_empty() {
                break;
            }
            let here = owed(state);
            throughout.retain(|o| here.contains(o));
        }
        throughout
    }

    /// Steps around a component from `start` back to it, if it has more than one state: as a sample of how the run goes on.
    fn cycle(&mut self, graph: &Graph, start: u32, component: &[u32]) -> Vec<Move<P::Message, P::Timer>> {
        let states = graph.cycle(start, component);
        states.windows(2).map(|pair| self.step_between(pair[0], pair[1])).collect()
    }
}

fn broken<P: Process>(violation: Violation, moves: Vec<Move<P::Message, P::Timer>>) -> Counterexample<P> {
    Counterexample { property: violation.property, what: violation.what, moves, cycle_from: None }
}

/// The processes that stopped for ever, or lie.
fn stopped<P: Process>(setting: &Setting<P>, seats: &[&Seat<P>]) -> ProcessSet {
    setting
        .seating
        .seats()
        .filter(|s| matches!(seats[s.index()].status(), Status::Stopped | Status::Lying))
        .map(|s| setting.seating.identity(s))
        .collect()
}

/// Whether what the oracles said last is within their axioms, were it to stay so: all correct processes that consult
/// Omega trust one and the same correct process; all that consult eventually-P suspect exactly the crashed.
fn axioms_hold<P: Process>(setting: &Setting<P>, seats: &[&Seat<P>]) -> bool {
    let faulty = stopped(setting, seats);
    let consults = |seat: &Seat<P>, omega: bool| {
        seat.timers().iter().any(
            |(_, when)| matches!(when, When::Oracle(output) if matches!(output, Output::Trust(_)) == omega),
        )
    };
    let up = || seats.iter().filter(|seat| seat.status() == Status::Up);
    let trusted: BTreeSet<Option<ProcessId>> =
        up().filter(|s| consults(s, true)).map(|s| s.trusts()).collect();
    let agreed = trusted.is_empty()
        || (trusted.len() == 1 && trusted.iter().all(|t| t.is_some_and(|leader| !faulty.contains(leader))));
    agreed && up().filter(|s| consults(s, false)).all(|s| *s.suspects() == faulty)
}

/// A representation for running one step with a script.
pub(crate) type Scripted<'a, P> = InPlace<'a, P, Script>;

/// What holds throughout.
pub(crate) fn laws<P: Process>(setting: &Setting<P>) -> Laws<'_> {
    Laws::from(setting)
}
