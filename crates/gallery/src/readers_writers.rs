//! Readers and writers: readers share, a writer is alone, and all are served in the order in which they asked.
//!
//! # Source
//! P. J. Courtois, F. Heymans, D. L. Parnas, *Concurrent control with "readers" and "writers"*, CACM 14(10), 1971; the
//! specification ReadersWriters of the TLA+ examples (I. Wolff), which serves in order.
//!
//! # States and steps
//! An actor that does not yet wait to read (to write) may ask for it. When nobody writes, the first in line is served: a
//! reader joins the readers; a writer begins when nobody reads. A reader or writer stops.
//!
//! # Claims
//! RW1 nobody writes while another writes or reads. RW2 each reads again and again, and writes again and again, if each
//! asks for it, and the one first in line is served, and nobody reads or writes for ever.
//!
//! # Departures from the source
//! None.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, broken, constant};
use crate::fifo::Fifo;
use crate::set::Set;
use serde::{Deserialize, Serialize};
use synod_check::system::{Claim, Justice, Says, System};

/// The most actors: a line of all of them, twice.
const N_MAX: u64 = 7;

/// The system.
#[derive(Clone, Debug)]
pub struct ReadersWriters {
    /// Actors.
    n: usize,
    /// The twin: a writer does not look at the readers.
    broken: bool,
}

/// A state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    readers: Set,
    writers: Set,
    /// Who waits: 2i + 1 for actor i to read, 2i + 2 to write.
    waiting: Fifo,
}

/// What an actor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// It asks to read.
    TryRead(usize),
    /// It asks to write.
    TryWrite(usize),
    /// It is served.
    ReadOrWrite(usize),
    /// It stops.
    Stop(usize),
}

impl System for ReadersWriters {
    type State = State;
    type Action = Action;

    fn initial(&self, each: &mut impl FnMut(State)) {
        each(State::default());
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Action, State)) {
        let State { readers, writers, waiting } = *state;
        for i in 0..self.n {
            let (read, write) = (2 * i as u8 + 1, 2 * i as u8 + 2);
            if waiting.iter().all(|one| one != read) {
                each(Action::TryRead(i), State { waiting: waiting.push(read), ..*state });
            }
            if waiting.iter().all(|one| one != write) {
                each(Action::TryWrite(i), State { waiting: waiting.push(write), ..*state });
            }
        }
        if let Some((first, waiting)) = waiting.pop()
            && writers.is_empty()
        {
            let i = usize::from(first - 1) / 2;
            if first % 2 == 1 {
                each(Action::ReadOrWrite(i), State { readers: readers.with(i), writers, waiting });
            } else if readers.is_empty() || self.broken {
                each(Action::ReadOrWrite(i), State { readers, writers: writers.with(i), waiting });
            }
        }
        for i in readers.or(writers).iter() {
            each(
                Action::Stop(i),
                State { readers: readers.without(i), writers: writers.without(i), waiting },
            );
        }
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        let exclusive = |_: &Self, s: &State| s.writers.is_empty() || s.readers.len() + s.writers.len() <= 1;
        vec![
            Claim::new("RW1", "a writer is alone", Says::Always(exclusive)),
            Claim::new("RW2.r", "actor 0 reads", Says::InfinitelyOften(|_, s: &State| s.readers.has(0))),
            Claim::new("RW2.w", "actor 0 writes", Says::InfinitelyOften(|_, s: &State| s.writers.has(0))),
            Claim::new(
                "RW3",
                "all may read",
                Says::Sometimes(|it: &Self, s: &State| s.readers.len() == it.n),
            ),
        ]
    }

    fn fairness(&self, action: &Action) -> Justice {
        Justice::Weak(match *action {
            Action::TryRead(i) => 4 * i as u64,
            Action::TryWrite(i) => 4 * i as u64 + 1,
            Action::Stop(i) => 4 * i as u64 + 2,
            Action::ReadOrWrite(_) => 3,
        })
    }
}

impl Published for ReadersWriters {
    const NAME: &'static str = "readers-writers";
    const PAGE: &'static str = include_str!("readers_writers.rs");
    const CONSTANTS: &'static [Constant] =
        &[constant("n", "actors", 2, 1, N_MAX), broken("1: a writer does not look at the readers")];
    const ROWS: &'static [Row] = &[Row::new(&[("n", 2)], 390, 9).generating(935).twice()];
    const REFUTED: &'static [Refuted] = &[Refuted { constants: &[("broken", 1)], property: "RW1" }];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        Ok(Self { n: constants.size("n"), broken: constants.broken() })
    }
}
