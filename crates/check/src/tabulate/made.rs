//! What the folding asks of the values that numbers stand for, so that it is made once for all algorithms.

use super::Tabulated;
use super::folded::Folded;
use super::images::seat;
use super::making::Maker;
use crate::coverage::Unreached;
use crate::fingerprint::Print;
use crate::intern::Interner;
use crate::search::Found;
use crate::shape::Shape;
use crate::space::{Run, Start, Words};
use crate::tested::Tested;
use crate::worlds::Reader;
use std::collections::BTreeSet;
use synod_kernel::renaming::{Names, renamed};
use synod_kernel::{Choice, Cut, Move, Observed, Rest, Seat, SeatId};
use synod_model::{Process, Value};
use synod_properties::{Monitor, Obligation};

/// Whose values are renamed.
#[derive(Clone, Copy)]
pub(crate) enum Of {
    Messages,
    Timers,
    Requests,
    Indications,
}

/// The values that numbers stand for, as far as their renaming asks: so there is one folding for all algorithms.
pub(crate) trait Made {
    /// The number of what a value becomes where processes are named like this; or why it cannot be renamed.
    fn renamed(&mut self, of: Of, number: u32, names: &Names) -> Result<u32, String>;
    /// A value, as text.
    fn text(&self, of: Of, number: u32) -> String;
    /// A choice, as text.
    fn choice(&self, choice: &Choice<u32, u32>) -> String;
    /// The state of a process, as text.
    fn state(&self, state: u32) -> String;
    /// A monitor, as text.
    fn monitor(&self, monitor: u32) -> String;
    /// The fingerprint of a message.
    fn print_of_message(&self, message: u32) -> Print;
    /// Whether a process in this state is down.
    fn is_down(&self, state: u32) -> bool;
    /// What is observed together under this number.
    fn observed(&self, number: u32) -> &[Observed<u32, u32>];
    /// How runs begin, in words.
    fn start(&mut self, space: &mut Tabulated) -> Start<Words>;
    /// How these starts came to be.
    fn begun(&self, names: Option<&Names>) -> Vec<Begun>;
    /// Makes all entries that the expansion of a state needs.
    fn fill(&mut self, space: &mut Tabulated, words: &[u32]);
}

impl<P: Process, M: Monitor<P::Request, P::Indication>> Made for Maker<'_, P, M> {
    fn renamed(&mut self, of: Of, number: u32, names: &Names) -> Result<u32, String> {
        fn image<T: Value>(values: &mut Interner<T>, number: u32, names: &Names) -> Result<u32, String> {
            let image = renamed(values.get(number), names)?;
            Ok(values.intern(image).0)
        }
        match of {
            Of::Messages => image(&mut self.tables.messages, number, names),
            Of::Timers => image(&mut self.tables.timers, number, names),
            Of::Requests => image(&mut self.tables.request_values, number, names),
            Of::Indications => image(&mut self.tables.indications, number, names),
        }
    }

    fn text(&self, of: Of, number: u32) -> String {
        match of {
            Of::Messages => format!("{:?}", self.tables.messages.get(number)),
            Of::Timers => format!("{:?}", self.tables.timers.get(number)),
            Of::Requests => format!("{:?}", self.tables.request_values.get(number)),
            Of::Indications => format!("{:?}", self.tables.indications.get(number)),
        }
    }

    fn choice(&self, choice: &Choice<u32, u32>) -> String {
        let (messages, timers) = (&self.tables.messages, &self.tables.timers);
        choice.clone().map(|m| messages.get(m).clone(), |t| timers.get(t).clone()).to_string()
    }

    fn state(&self, state: u32) -> String {
        let seat = self.tables.seats.get(state);
        seat.local().map_or_else(|| format!("{:?}", seat.status()), |local| format!("{local:?}"))
    }

    fn monitor(&self, monitor: u32) -> String {
        format!("{:?}", self.monitors.get(monitor))
    }

    fn print_of_message(&self, message: u32) -> Print {
        self.tables.messages.print(message)
    }

    fn is_down(&self, state: u32) -> bool {
        self.tables.facts[state as usize].down
    }

    fn observed(&self, number: u32) -> &[Observed<u32, u32>] {
        self.observations.get(number)
    }

    fn start(&mut self, space: &mut Tabulated) -> Start<Words> {
        Maker::start(self, space)
    }

    fn begun(&self, names: Option<&Names>) -> Vec<Begun> {
        self.starts.iter().map(|moves| begun(moves, names)).collect()
    }

    fn fill(&mut self, space: &mut Tabulated, words: &[u32]) {
        Maker::fill(self, space, words);
    }
}

/// How a start came to be, as a key.
pub(crate) type Begun = BTreeSet<(u8, SeatId, Vec<u32>, Option<Cut>)>;

/// How a start came to be; with names, how it would have come to be at the processes that are named so.
fn begun<T, U>(moves: &[Move<T, U>], names: Option<&Names>) -> Begun {
    let named = |at: SeatId| names.map_or(at, |names| seat(names, at));
    let each = moves.iter().filter_map(|chosen| match chosen.choice {
        Choice::Init { seat } => Some((0, named(seat), chosen.draws.clone(), chosen.cut)),
        Choice::Corrupt { seat } => Some((1, named(seat), Vec::new(), None)),
        Choice::Omit { seat } => Some((2, named(seat), Vec::new(), None)),
        _ => None,
    });
    each.collect()
}

/// What reads the states of a [`Folded`]: each of them is the one that was found.
pub(crate) struct Unfolding<'a, P: Process, M>(pub(crate) &'a Maker<'a, P, M>);

impl<P: Process, M: Monitor<P::Request, P::Indication>> Reader<P, Folded> for Unfolding<'_, P, M> {
    fn view<T>(&self, space: &Folded, words: &[u32], see: impl FnOnce(&[&Seat<P>], &Rest) -> T) -> T {
        self.0.view(&space.plain, space.words(words), see)
    }

    fn monitor_number(&self, space: &Folded, words: &[u32]) -> u32 {
        self.0.monitor_number(&space.plain, space.words(words))
    }

    fn owed(&self, monitor: u32) -> Vec<Obligation> {
        self.0.owed(monitor)
    }

    fn start(&self, place: usize) -> Vec<Move<P::Message, P::Timer>> {
        Reader::<P, Tabulated>::start(self.0, place)
    }

    fn step(&self, space: &Folded, from: &[u32], place: u32) -> Move<P::Message, P::Timer> {
        self.0.step(&space.plain, space.words(from), place)
    }

    fn handler_calls(&self) -> u64 {
        self.0.handler_calls()
    }

    fn shape(&self, space: &Folded) -> Shape {
        self.0.shape(&space.plain)
    }

    fn tested(&self) -> &Tested {
        self.0.tested()
    }

    fn unreached(&self) -> Option<Vec<Unreached>> {
        self.0.unreached()
    }

    fn moves(&self, found: &Found<Folded>, run: &Run) -> Vec<Move<P::Message, P::Timer>> {
        let mut moves = Reader::<P, Folded>::start(self, run.start);
        found.walk(run, |words, place| {
            let mut steps = 0;
            found.space.plain.each_change(found.space.words(words), &mut |_| steps += 1);
            // what shows that processes are not alike may be that a step is missing
            if place < steps {
                moves.push(self.step(&found.space, words, place));
            }
        });
        moves
    }
}
