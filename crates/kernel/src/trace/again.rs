//! A run taken again in part: what can no longer happen is left out.

use super::{Asks, Cause, End, Line, Reader, Recorder, TraceError};
use crate::choice::{Choice, Fairness, Move};
use crate::seat::Seat;
use crate::setting::Setting;
use crate::world::Laws;
use synod_model::{Process, When};

/// A trace as it is written: nothing of it was taken again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recalled<P: Process> {
    /// The setting of the run.
    pub setting: Setting<P>,
    /// Its moves, each with its instant where the ground had a clock.
    pub moves: Vec<Asks<P>>,
    /// How it ended.
    pub end: End,
}

/// Reads a trace without taking its steps.
///
/// # Errors
/// If it is no whole trace of this algorithm.
pub fn recall<P: Process>(content: &str) -> Result<Recalled<P>, TraceError> {
    let mut bytes = content.as_bytes();
    let mut reader = Reader::open(&mut bytes)?;
    let setting = reader.setting()?;
    let mut moves = Vec::new();
    let end = reader.moves::<P>(|asked| moves.push(asked))?;
    Ok(Recalled { setting, moves, end })
}

impl<P: Process> Recorder<'_, P> {
    /// Takes as much of a move as can be taken here: its line. Outcomes that its handler does not ask for are dropped,
    /// others brought below their bounds; a crash beyond its last effect comes after it.
    ///
    /// Nothing happens where the choice is not enabled, or nobody could crash as the move says.
    pub fn attempt(&mut self, at: Option<u64>, chosen: Move<P::Message, P::Timer>) -> Option<Line<P>> {
        self.take_what_is_possible(at, chosen).ok()
    }

    /// A choice that no fair run may pass over for ever, if one is enabled: the first in their order.
    pub fn due(&self) -> Option<Choice<P::Message, P::Timer>> {
        let laws = Laws::from(self.setting);
        let fair = |choice: &Choice<_, _>| self.world.fairness(laws, &self.rep, choice) != Fairness::Unfair;
        self.enabled().into_iter().find(fair)
    }

    /// Whether some process asks an oracle.
    pub fn consults_oracles(&self) -> bool {
        let asks = |seat: &Seat<P>| seat.timers().iter().any(|(_, when)| matches!(when, When::Oracle(_)));
        self.world.seats.iter().any(asks)
    }

    /// What made a choice possible, and when a timer that it fires is due after that.
    pub fn reason(&self, choice: &Choice<P::Message, P::Timer>) -> Option<(Cause, Option<When>)> {
        let cause = self.cause(choice)?;
        let when = match choice {
            Choice::Fire { seat, timer } => self.world.seats[seat.index()].when(timer),
            _ => None,
        };
        Some((cause, when))
    }
}
