//! Discrete time modulo a renumbering: states that differ in how great their numbers are, and not in their order, are
//! one.
//!
//! What [`renumbered`](crate::renumbered) says of worlds without time holds here too: all that time is about -
//! windows, clocks, debts - is free of numbers. Here a message is late or delivered, so that none waits for ever while
//! time goes on.

use super::{Moment, Passage, Timed};
use crate::fingerprint::print_of;
use crate::reference::is_beyond;
use crate::renumbered::{Numbered, Renumbered, Rows, each_of_seats};
use crate::report::RENUMBERING;
use std::collections::BTreeSet;
use synod_model::{Process, Renumber, Renumbering};
use synod_properties::{Monitor, Violation};

impl<P: Process, M: Clone> Numbered<P> for Moment<P, M> {
    fn each_number(&mut self, declared: &Renumbering<P>, each: &mut Renumber<'_>) {
        each_of_seats(&mut self.world.seats, declared, each);
        self.in_flight.iter_mut().for_each(|flight| (declared.message)(&mut flight.message, each));
        self.in_flight.sort_unstable();
    }
}

type PassageOf<P> = Passage<<P as Process>::Message, <P as Process>::Timer>;

impl<P, M> Timed<'_, P, M>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    /// Calls `each` with every passage out of a state of the quotient.
    pub(super) fn expand_quotient(
        &self,
        by: &Renumbered<P>,
        state: &Moment<P, M>,
        each: &mut impl FnMut(PassageOf<P>, Moment<P, M>),
    ) {
        let run = |state: Moment<P, M>, rows: Rows<'_>| {
            let mut all = Vec::new();
            self.expand_plain(&state, &mut |_, _, _| {}, &mut |passage, next| {
                all.push((translated(by, passage, rows), by.canonical(next).0));
            });
            all
        };
        let differ = |one: &(PassageOf<P>, Moment<P, M>), two: &(PassageOf<P>, Moment<P, M>)| {
            let seats = |came: &(PassageOf<P>, Moment<P, M>)| format!("{:?}", came.1.world.seats);
            format!("of `{}` comes {}; where numbers are further apart, {}", one.0, seats(one), seats(two))
        };
        match by.outcomes(state, run, differ) {
            Err(what) => {
                let broken = Some(Violation::new(&RENUMBERING, what));
                each(Passage::Stabilise, Moment { broken, ..state.clone() });
            }
            Ok(all) => {
                let mut told = BTreeSet::new();
                for (passage, next) in all {
                    // the bound is one on what happens before bounds hold
                    let outside = !next.stable && is_beyond(self.setting, &next.world, self.measure);
                    if !outside && told.insert((print_of(&passage), print_of(&next))) {
                        each(passage, next);
                    }
                }
            }
        }
    }

    /// Goes along a run of the quotient with numbers as they are, three times round its loop: by how much the greatest
    /// of them grows each time round.
    ///
    /// # Errors
    /// Where there is no such run.
    pub fn along(&self, run: &[PassageOf<P>], cycle_from: usize) -> Result<u64, String> {
        const ROUNDS: usize = 4;
        let Some(by) = &self.modulo else { return Ok(0) };
        let mut here = Vec::new();
        self.begin(&mut |state| here.push(state));
        let (stem, cycle) = run.split_at(cycle_from);
        let mut why = "there is no initial state".to_owned();
        'starts: for start in here {
            let mut state = start;
            let walk = |state: &mut Moment<P, M>, passages: &[PassageOf<P>]| {
                passages.iter().try_for_each(|wanted| self.pass(by, state, wanted))
            };
            if let Err(not) = walk(&mut state, stem) {
                why = not;
                continue;
            }
            let first = by.canonical(state.clone()).0;
            let mut rows = Vec::new();
            for _ in 0..ROUNDS {
                if let Err(not) = walk(&mut state, cycle) {
                    why = not;
                    continue 'starts;
                }
                let (canonical, row, _) = by.canonical(state.clone());
                if canonical != first {
                    "it does not come back to where it began".clone_into(&mut why);
                    continue 'starts;
                }
                rows.push(row);
            }
            return by.grown(&rows);
        }
        Err(why)
    }

    /// Takes the passage that is this one in the numbers of the representative.
    fn pass(
        &self,
        by: &Renumbered<P>,
        state: &mut Moment<P, M>,
        wanted: &PassageOf<P>,
    ) -> Result<(), String> {
        let (_, row, pressed) = by.canonical(state.clone());
        let mut found = None;
        self.expand_plain(state, &mut |_, _, _| {}, &mut |passage, next| {
            if translated(by, passage, (&row, &pressed)) == *wanted {
                found.get_or_insert(next);
            }
        });
        *state = found.ok_or_else(|| format!("not possible there: {wanted}"))?;
        Ok(())
    }
}

/// A passage, its numbers those of another row.
fn translated<P: Process>(by: &Renumbered<P>, passage: PassageOf<P>, rows: Rows<'_>) -> PassageOf<P> {
    match passage {
        Passage::Do(chosen) => Passage::Do(by.translated(chosen, rows)),
        other => other,
    }
}
