//! Reading what the numbers stand for.

use super::change::NONE;
use super::making::Maker;
use super::{HEAD, Tabulated};
use crate::coverage::Unreached;
use crate::shape::Shape;
use crate::tested::Tested;
use crate::worlds::{Reader, owed};
use synod_kernel::{Move, Rest, Seat, SeatId};
use synod_model::Process;
use synod_properties::{Monitor, Obligation};

impl<P: Process, M: Monitor<P::Request, P::Indication>> Reader<P, Tabulated> for Maker<'_, P, M> {
    fn view<T>(&self, space: &Tabulated, words: &[u32], see: impl FnOnce(&[&Seat<P>], &Rest) -> T) -> T {
        let seats = words[HEAD..HEAD + space.seats].iter();
        let seats: Vec<_> = seats.map(|&seat| self.tables.seats.get(seat)).collect();
        let rest = space.rests.get(words[HEAD + space.seats]);
        see(&seats, rest)
    }

    fn monitor_number(&self, space: &Tabulated, words: &[u32]) -> u32 {
        words[HEAD + space.seats + 1]
    }

    fn owed(&self, monitor: u32) -> Vec<Obligation> {
        owed(self.monitors.get(monitor))
    }

    fn start(&self, place: usize) -> Vec<Move<P::Message, P::Timer>> {
        self.starts[place].clone()
    }

    fn step(&self, space: &Tabulated, from: &[u32], place: u32) -> Move<P::Message, P::Timer> {
        let called = space.called(from, place);
        let choice = called
            .choice
            .clone()
            .map(|m| self.tables.messages.get(m).clone(), |t| self.tables.timers.get(t).clone());
        Move { choice, draws: called.draws.clone(), cut: called.cut }
    }

    fn handler_calls(&self) -> u64 {
        self.tables.handler_calls
    }

    fn shape(&self, space: &Tabulated) -> Shape {
        /// How many values of a kind are looked at: the ranking needs no more.
        const MOST: usize = 20_000;
        let mut shape = Shape::default();
        let stances = space.first_stance.iter().enumerate().filter(|(_, stance)| stance.0 != NONE);
        for (place, _) in stances.take(MOST) {
            let (state, seat) = (place / space.seats, place % space.seats);
            let of = format!("{}'s", self.tables.setting.seating.identity(SeatId(seat as u32)));
            if let Some(local) = self.tables.seats.get(state as u32).local() {
                shape.add_fields(&of, local);
            }
        }
        for message in 0..self.tables.messages.len().min(MOST) as u32 {
            shape.add_kind("messages", self.tables.messages.get(message));
        }
        for rest in 0..space.rests.len().min(MOST) as u32 {
            shape.add_fields("the world's", space.rests.get(rest));
        }
        for monitor in 0..self.monitors.len().min(MOST) as u32 {
            shape.add_kind("what is judged by", self.monitors.get(monitor));
        }
        shape
    }

    fn tested(&self) -> &Tested {
        &self.tested
    }

    fn unreached(&self) -> Option<Vec<Unreached>> {
        Some(self.covered().unreached::<P>(&self.tables.setting.environment))
    }
}
