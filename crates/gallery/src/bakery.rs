//! The bakery algorithm: who wants to enter takes a number, and the lowest number enters. Reads and writes may overlap.
//!
//! # Source
//! Leslie Lamport, *A new solution of Dijkstra's concurrent programming problem*, CACM 17(8), 1974; the specification
//! Bakery, which lets a register that is being written hold anything.
//!
//! # States and steps
//! A process raises its flag, which flickers while it is written; looks at the others' numbers one by one, in any order;
//! writes a number above all it has seen, and meanwhile any number may be read; lowers its flag; then waits, for each
//! other process, until its flag is down and its number is none or higher. On the way out its number flickers again.
//!
//! # Claims
//! ME1 mutual exclusion.
//!
//! # Departures from the source
//! Numbers end at `most`: a process that would need a higher one is stuck. The source's progress is therefore not claimed.

use crate::catalogue::{Constant, Constants, Published, Refused, Refuted, Row, broken, constant};
use crate::set::Set;
use serde::{Deserialize, Serialize};
use synod_check::system::{Claim, Says, System};

/// The most processes.
const N_MAX: usize = 4;

/// The system.
#[derive(Clone, Debug)]
pub struct Bakery {
    /// Processes.
    n: usize,
    /// The highest number.
    most: u8,
    /// The twin: nobody waits for a flag.
    broken: bool,
}

/// Where a process is, by the source's labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Label {
    /// In its non-critical section.
    #[default]
    Ncs,
    /// It raises its flag.
    E1,
    /// It looks at the others' numbers.
    E2,
    /// It writes its number.
    E3,
    /// It lowers its flag.
    E4,
    /// It waits for the next one's flag.
    W1,
    /// It waits for the next one's number.
    W2,
    /// In its critical section.
    Cs,
    /// It writes that it has no number.
    Exit,
}

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    at: [Label; N_MAX],
    number: [u8; N_MAX],
    flag: Set,
    /// Whom it has still to look at, or to wait for.
    unchecked: [Set; N_MAX],
    /// The highest number that it has seen.
    max: [u8; N_MAX],
    /// Whom it waits for.
    next: [u8; N_MAX],
}

/// A step from a label, by a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Step(u8, Label);

impl System for Bakery {
    type State = State;
    type Action = Step;

    fn initial(&self, each: &mut impl FnMut(State)) {
        each(State {
            at: [Label::Ncs; N_MAX],
            number: [0; N_MAX],
            flag: Set::EMPTY,
            unchecked: [Set::EMPTY; N_MAX],
            max: [0; N_MAX],
            next: [0; N_MAX],
        });
    }

    fn steps(&self, state: &State, each: &mut impl FnMut(Step, State)) {
        for p in 0..self.n {
            let label = state.at[p];
            let mut go = |to: Label, change: &dyn Fn(&mut State)| {
                let mut next = *state;
                next.at[p] = to;
                change(&mut next);
                each(Step(p as u8, label), next);
            };
            let others = Set::all(self.n).without(p);
            let flicker = |s: &mut State| s.flag = s.flag.set(p, !s.flag.has(p));
            match label {
                Label::Ncs => go(Label::E1, &|_| ()),
                Label::E1 => {
                    go(Label::E1, &flicker);
                    go(Label::E2, &|s| {
                        s.flag = s.flag.with(p);
                        s.unchecked[p] = others;
                        s.max[p] = 0;
                    });
                }
                Label::E2 if state.unchecked[p].is_empty() => go(Label::E3, &|_| ()),
                Label::E2 => {
                    for q in state.unchecked[p].iter() {
                        go(Label::E2, &|s| {
                            s.unchecked[p] = s.unchecked[p].without(q);
                            s.max[p] = s.max[p].max(s.number[q]);
                        });
                    }
                }
                Label::E3 => {
                    for any in 0..=self.most {
                        go(Label::E3, &|s| s.number[p] = any);
                    }
                    for above in state.max[p] + 1..=self.most {
                        go(Label::E4, &|s| s.number[p] = above);
                    }
                }
                Label::E4 => {
                    go(Label::E4, &flicker);
                    go(Label::W1, &|s| {
                        s.flag = s.flag.without(p);
                        s.unchecked[p] = others;
                    });
                }
                Label::W1 if state.unchecked[p].is_empty() => go(Label::Cs, &|_| ()),
                Label::W1 => {
                    for q in state.unchecked[p].iter().filter(|&q| self.broken || !state.flag.has(q)) {
                        go(Label::W2, &|s| s.next[p] = q as u8);
                    }
                }
                Label::W2 => {
                    let q = usize::from(state.next[p]);
                    if state.number[q] == 0 || (state.number[p], p) < (state.number[q], q) {
                        go(Label::W1, &|s| s.unchecked[p] = s.unchecked[p].without(q));
                    }
                }
                Label::Cs => go(Label::Exit, &|_| ()),
                Label::Exit => {
                    for any in 0..=self.most {
                        go(Label::Exit, &|s| s.number[p] = any);
                    }
                    go(Label::Ncs, &|s| s.number[p] = 0);
                }
            }
        }
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new("ME1", "mutual exclusion", Says::Always(|_, s: &State| s.inside() <= 1)),
            Claim::new("ME3", "one may enter", Says::Sometimes(|_, s: &State| s.inside() == 1)),
        ]
    }
}

impl State {
    fn inside(&self) -> usize {
        self.at.iter().filter(|&&at| at == Label::Cs).count()
    }
}

impl Published for Bakery {
    const NAME: &'static str = "bakery";
    const PAGE: &'static str = include_str!("bakery.rs");
    const CONSTANTS: &'static [Constant] = &[
        constant("n", "processes", 2, 2, N_MAX as u64),
        constant("most", "the highest number", 2, 1, 200),
        broken("1: nobody waits for a flag"),
    ];
    const ROWS: &'static [Row] = &[
        Row::new(&[("most", 2)], 2_303, 39).generating(10_659),
        Row::new(&[("most", 4)], 17_405, 39).generating(117_590),
    ];
    const REFUTED: &'static [Refuted] = &[Refuted { constants: &[("broken", 1)], property: "ME1" }];

    fn new(constants: &Constants) -> Result<Self, Refused> {
        Ok(Self { n: constants.size("n"), most: constants.get("most") as u8, broken: constants.broken() })
    }
}
