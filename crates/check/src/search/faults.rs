//! Of all shortest runs that break the same, one with the fewest faults.

use super::{Ended, Found};
use crate::fingerprint::{Print, Printer};
use crate::report::Options;
use crate::space::{Edge, Rows, Run, Space, StateOf};
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use std::hash::BuildHasherDefault;
use synod_properties::Violation;

/// How a state is reached by a shortest run, with the fewest faults.
struct Node {
    /// The state before it, or the place of the start.
    from: u32,
    place: u32,
    faults: u32,
}

/// The states of the depth that is expanded, and their nodes.
struct Level<R> {
    rows: R,
    nodes: Vec<u32>,
}

/// A search, breadth-first, for runs with fewer faults than one that is known.
struct Fewer {
    nodes: Vec<Node>,
    seen: HashMap<Print, u32, BuildHasherDefault<Printer>>,
    /// As many faults are too many.
    too_many: u32,
    best: Option<(Violation, u32, u32)>,
}

impl<S: Space> Found<S> {
    /// Where something is broken by a shortest run with faults, looks for one as short with fewer. States in which as many
    /// faults have happened are passed by, so it visits fewer than the search did.
    pub(super) fn with_fewest_faults(
        mut self,
        fill: &mut dyn FnMut(&mut S, &StateOf<S>),
        options: &Options,
    ) -> Self {
        let Some(Ended::Broken(violation, run)) = &self.ended else { return self };
        if !self.shortest || options.partial_order {
            return self;
        }
        let mut faults = self
            .roots
            .places
            .iter()
            .position(|&place| place == run.start)
            .map_or(0, |root| self.space.faults_before(self.roots.rows.at(root)));
        self.walk(run, |state, place| faults += self.space.faults(state).get(place as usize).unwrap_or(&0));
        if faults == 0 {
            return self;
        }
        let (broken, length) = (violation.property.clone(), run.places.len());
        let mut fewer = Fewer { nodes: Vec::new(), seen: HashMap::default(), too_many: faults, best: None };
        let mut level = fewer.start(&self);
        for left in (1..=length).rev() {
            level = fewer.expand(&mut self.space, fill, &level, (left == 1).then_some(&broken));
            // a node, its place in the table, its state: no more than the search may have
            if (fewer.nodes.len() as u64) * 64 + level.rows.memory() > options.memory_max {
                return self;
            }
        }
        if let Some((violation, node, place)) = fewer.best.take() {
            self.ended = Some(Ended::Broken(violation, fewer.run(&self, node, place)));
        }
        self
    }
}

impl Fewer {
    fn start<S: Space>(&mut self, found: &Found<S>) -> Level<S::Rows> {
        let mut level = Level { rows: S::Rows::default(), nodes: Vec::new() };
        for root in 0..found.roots.rows.len() {
            let state = found.roots.rows.at(root);
            let faults = found.space.faults_before(state);
            if faults < self.too_many {
                level.nodes.push(self.nodes.len() as u32);
                level.rows.add(state);
                self.seen.insert(found.space.print(state), self.nodes.len() as u32);
                self.nodes.push(Node { from: root as u32, place: u32::MAX, faults });
            }
        }
        level
    }

    /// Expands a level; at the last one, looks for what is broken.
    fn expand<S: Space>(
        &mut self,
        space: &mut S,
        fill: &mut dyn FnMut(&mut S, &StateOf<S>),
        level: &Level<S::Rows>,
        broken: Option<&str>,
    ) -> Level<S::Rows> {
        let mut next = Level { rows: S::Rows::default(), nodes: Vec::new() };
        let first = self.nodes.len() as u32;
        for (at, &node) in level.nodes.iter().enumerate() {
            let (state, before) = (level.rows.at(at), self.nodes[node as usize].faults);
            let mut edges = Vec::new();
            if space.expand(state, &mut |edge| edges.push(edge)).is_err() {
                edges.clear();
                fill(space, state);
                space.expand(state, &mut |edge| edges.push(edge)).expect("what was filled lacks nothing");
            }
            let faults = space.faults(state);
            for (edge, place) in edges.into_iter().zip(0..) {
                let faults = before + faults.get(place as usize).unwrap_or(&0);
                if faults >= self.too_many {
                    continue;
                }
                match edge {
                    Edge::Broken(violation)
                        if broken.is_some_and(|property| property == violation.property) =>
                    {
                        (self.too_many, self.best) = (faults, Some((violation, node, place)));
                    }
                    Edge::To { print, step } if broken.is_none() => {
                        let found = Node { from: node, place, faults };
                        if self.reach(print, found, first) {
                            next.nodes.push(self.nodes.len() as u32 - 1);
                            space.build(state, (print, step), &mut next.rows);
                        }
                    }
                    _ => {}
                }
            }
        }
        next
    }

    /// Takes note of a way to a state; whether it is new. Of those of the next level the way with the fewest faults counts.
    fn reach(&mut self, print: Print, found: Node, first: u32) -> bool {
        match self.seen.entry(print) {
            Entry::Vacant(place) => {
                place.insert(self.nodes.len() as u32);
                self.nodes.push(found);
                true
            }
            Entry::Occupied(known) => {
                let known = *known.get();
                if known >= first && self.nodes[known as usize].faults > found.faults {
                    self.nodes[known as usize] = found;
                }
                false
            }
        }
    }

    /// The run to a node, and the step of this place out of it.
    fn run<S: Space>(&self, found: &Found<S>, mut node: u32, last: u32) -> Run {
        let mut places = vec![last];
        while self.nodes[node as usize].place != u32::MAX {
            places.push(self.nodes[node as usize].place);
            node = self.nodes[node as usize].from;
        }
        places.reverse();
        Run { start: found.roots.places[self.nodes[node as usize].from as usize], places }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Control, Options, Order, check};
    use synod_kernel::{Budget, Environment, Setting};
    use synod_model::failure::FailureKind;
    use synod_model::prelude::*;
    use synod_properties::{Monitor, Obligation, Observation, Property, Violation};

    /// The first process sends letters to the second, which tells them.
    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    struct Post;

    impl Process for Post {
        type Model = (CrashStop, Perfect, Asynchronous, AnyNumber);
        type Parameters = ();
        type Indication = char;
        type Message = char;
        fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
            if ctx.me() == ProcessId(0) {
                for letter in ['a', 'b', 'c'] {
                    ctx.send(ProcessId(1), letter);
                }
            }
            Self
        }
        fn on_message(&mut self, _: ProcessId, letter: char, ctx: &mut impl Context<Self>) {
            ctx.indicate(letter);
        }
        no_timers!();
        no_storage!();
        no_requests!();
    }

    /// What happened; `!` is a crash.
    #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
    struct Words {
        said: String,
        bad: &'static [&'static str],
    }

    const WORDS: Property = Property::safety("WORDS", "no bad word is said");

    impl<Q> Monitor<Q, char> for Words {
        fn properties(&self) -> Vec<Property> {
            vec![WORDS]
        }
        fn observe(&mut self, observation: &Observation<'_, Q, char>) -> Result<(), Violation> {
            match observation {
                Observation::Indication { indication, .. } => self.said.push(**indication),
                Observation::Crash { .. } => self.said.push('!'),
                _ => {}
            }
            if self.bad.contains(&self.said.as_str()) {
                Err(Violation::new(&WORDS, &*self.said))
            } else {
                Ok(())
            }
        }
        fn owed(&self, _: &mut impl FnMut(Obligation)) {}
        fn reached(&self, _: &mut impl FnMut(&'static str)) {}
    }

    #[test]
    fn of_the_shortest_runs_one_with_the_fewest_faults_is_told() {
        let mut environment = Environment::benign(2);
        environment.failures.kind = FailureKind::CrashStop;
        environment.failures.stops = Budget::AtMost(1);
        let setting = Setting::<Post>::new(environment, (), vec![Vec::new(); 2]);
        let told = |bad, order| {
            let monitor = Words { bad, ..Words::default() };
            let options = Options { order, ..Options::default() };
            let report = check(&setting, &monitor, |_| 0, &options, &mut |_| Control::Continue);
            let found = report.counterexample.expect("a bad word can be said");
            let replayed = synod_kernel::trace::replay::<Post>(&found.trace("post", &setting));
            assert_eq!(replayed.expect("it replays").lines.len(), found.moves.len());
            let faults = found.moves.iter().filter(|m| m.choice.is_fault()).count();
            (found.what, faults)
        };
        for order in [Order::BreadthFirst, Order::Deepening, Order::DepthFirst] {
            assert_eq!(told(&["a!", "bc"], order), ("bc".to_owned(), 0), "{order:?}");
            assert_eq!(told(&["a!", "bca"], order), ("a!".to_owned(), 1), "a shorter one: {order:?}");
            assert_eq!(told(&["a!", "b!", "!c"], order).1, 1, "{order:?}");
        }
    }
}
