//! A run that goes on from where another stood: what the steps of a trace come to, and a world that begins there.
//!
//! Its world, what is in flight, what is on disks and which timers are set are those of the trace; its monitor has seen what was
//! observed there. What is not known of a trace is drawn anew: how long a message in flight is still under way, when a pending write
//! becomes durable, when a pulse fires, when a process that is down starts again and a cut heals. A timer that was set is due when
//! it would have been, by the trace's clock.

use super::Run;
use crate::fault::Fault;
use crate::ground::Entry;
use synod_kernel::trace::{Asks, Chosen, Reader, Recorder, TraceError, check};
use synod_kernel::{Environment, Observed, Seat, SeatId, Setting, Status, World};
use synod_model::{Process, When};
use synod_properties::{Monitor, Violation};
use thiserror::Error;

/// Why nothing can go on from a trace.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PrefixError {
    /// The trace cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// It has no such step.
    #[error("there is no step {at} in a trace of {steps} steps")]
    NoStep {
        /// Which.
        at: u64,
        /// How many there are.
        steps: u64,
    },
    /// Its steps cannot be taken in the world that is to go on.
    #[error("step {step} of the trace cannot happen in this world: {choice}")]
    Refused {
        /// Which.
        step: u64,
        /// What it wanted to do.
        choice: String,
    },
    /// Somebody lies in it.
    #[error("a process lies in the trace, and what it had in mind is not in it")]
    Lies,
    /// It breaks a property by itself.
    #[error("{} is broken already at step {step}: {}", violation.property, violation.what)]
    Broken {
        /// Where.
        step: u64,
        /// What, and how.
        violation: Violation,
    },
}

/// A timer that is set: where, what, for how long, and how long ago.
type Armed<P> = (SeatId, <P as Process>::Timer, When, u64);

/// Where a run stood.
pub struct Prefix<P: Process> {
    taken: Vec<Asks<P>>,
    /// When its last step was, in nanoseconds.
    now: u64,
    world: World<Seat<P>>,
    in_flight: Vec<(SeatId, SeatId, P::Message)>,
    timers: Vec<Armed<P>>,
    observed: Vec<Observed<P::Request, P::Indication>>,
}

impl<P: Process> Prefix<P> {
    /// Takes the steps of a trace up to the one of this number, or all of them, in its setting with this environment: where the run
    /// stands then, and the setting.
    ///
    /// # Errors
    /// If they cannot be taken, or break a property already.
    pub fn of<M: Monitor<P::Request, P::Indication>>(
        content: &str,
        at: Option<u64>,
        environment: &Environment,
        monitor: impl FnOnce(&Setting<P>) -> M,
    ) -> Result<(Self, Setting<P>), PrefixError> {
        check(content)?;
        let mut bytes = content.as_bytes();
        let mut reader = Reader::open(&mut bytes)?;
        let mut setting = reader.setting::<P>()?;
        setting.environment = environment.clone();
        setting.environment.links.as_set = false;
        setting.environment.links.ignored_stay = false;
        let mut taken: Vec<Asks<P>> = Vec::new();
        reader.moves::<P>(|asked| taken.push(asked))?;
        let steps = taken.len() as u64;
        if let Some(at) = at {
            if at >= steps {
                return Err(PrefixError::NoStep { at, steps });
            }
            taken.truncate(at as usize + 1);
        }
        let monitor = monitor(&setting);
        Ok((Self::taking(taken, &setting, monitor)?, setting))
    }

    fn taking<M: Monitor<P::Request, P::Indication>>(
        taken: Vec<Asks<P>>,
        setting: &Setting<P>,
        mut monitor: M,
    ) -> Result<Self, PrefixError> {
        let mut recorder = Recorder::new(setting);
        let (mut observed, mut times) = (Vec::new(), Vec::with_capacity(taken.len()));
        for (step, (at, chosen)) in taken.iter().enumerate() {
            let step = step as u64;
            let refused = |choice: String| PrefixError::Refused { step, choice };
            let line = recorder.take(*at, chosen.clone()).map_err(|m| refused(m.choice.to_string()))?;
            times.push(at.or(times.last().copied()).unwrap_or(0));
            for seen in line.observed {
                let broken = |violation| PrefixError::Broken { step, violation };
                monitor.observe(&synod_properties::Observation::of(&seen)).map_err(broken)?;
                observed.push(seen);
            }
        }
        let world = recorder.world().clone();
        if !world.rest.lying.is_empty() {
            return Err(PrefixError::Lies);
        }
        let now = times.last().copied().unwrap_or(0);
        let set_at = |seat, timer: &P::Timer| {
            let step = recorder.armed_in(seat, timer);
            step.and_then(|step| times.get(step as usize).copied()).unwrap_or(now)
        };
        let timers = setting.seating.seats().flat_map(|seat| {
            let all = world.seats[seat.index()].timers().iter();
            all.map(move |(timer, when)| (seat, timer.clone(), *when))
        });
        let timers: Vec<Armed<P>> = timers
            .map(|(seat, timer, when)| (seat, timer.clone(), when, now - set_at(seat, &timer)))
            .collect();
        let in_flight = recorder.in_flight();
        Ok(Self { taken, now, world, in_flight, timers, observed })
    }

    /// How many steps there are.
    pub fn steps(&self) -> u64 {
        self.taken.len() as u64
    }
}

impl<P: Process, M: Monitor<P::Request, P::Indication>> Run<'_, P, M> {
    /// Begins where another run stood. The clock starts anew; the lines of the trace go on by the other's.
    pub(super) fn stand_at(&mut self, prefix: &Prefix<P>) {
        self.world = prefix.world.clone();
        self.steps = prefix.steps();
        self.steps_max = self.steps_max.saturating_add(self.steps);
        self.epoch = prefix.now;
        for seen in &prefix.observed {
            synod_kernel::Ground::observe(&mut self.ground, seen.clone());
        }
        for (from, to, message) in prefix.in_flight.iter().cloned() {
            let arrival = self.ground.arrival(from, to);
            self.ground.put_in_flight(arrival, from, to, message);
        }
        for (seat, timer, when, ago) in prefix.timers.iter().cloned() {
            self.ground.set_before(seat, timer, when, ago);
        }
        for seat in self.setting.seating.seats() {
            for _ in 0..self.world.seats[seat.index()].stores_pending() {
                synod_kernel::Ground::stored(&mut self.ground, seat);
            }
            if self.status(seat) == Status::Down {
                let at = self.soon();
                self.ground.agenda.push(at, Entry::Recover { seat });
            }
        }
        if !self.world.rest.severed.is_empty() {
            self.adopt_cuts();
            let at = self.soon();
            self.plan_fault(at, Fault::Heal {});
        }
    }

    /// Writes the steps that another run took, if this one is recorded.
    pub(super) fn write_before(&mut self, prefix: &Prefix<P>) {
        let Some(recording) = &mut self.recording else { return };
        for (at, chosen) in prefix.taken.iter().cloned() {
            match &mut recording.recorder {
                None => recording.writer.chosen(&Chosen::new(at, chosen)),
                Some(recorder) => match recorder.take(at, chosen) {
                    Ok(line) => recording.writer.step(&line),
                    Err(chosen) => recording.refused = Some(chosen.choice.to_string()),
                },
            }
        }
    }

    /// Within the time in which faults come.
    fn soon(&mut self) -> u64 {
        let most = self.calendar.unit.saturating_mul(8).min(self.calendar.faults_end).max(1);
        1 + self.ground.random.below(most)
    }
}
