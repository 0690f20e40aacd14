//! A round algorithm as a process: rounds counted by the clock.
//!
//! Round r + 1 begins when the messages of round r must have arrived, by the known bounds: no message says so, and a
//! process from which nothing came in a round did not send. Clocks drift and handlers take time, so that rounds grow by
//! what two processes may have moved apart; nothing brings them together again.
//!
//! In *round 0*, before the first, nothing is exchanged: processes start, within one message delay of each other, and
//! the layers above make their requests. A request made later waits for the end of the round.

use crate::context::{Context, Draw, Granted};
use crate::event::{Effect, When};
use crate::identity::{Group, ProcessId};
use crate::mark::Mark;
use crate::process::Process;
use crate::round::{Inbox, Round, RoundEffect, RoundEffectOf, RoundProcess, RoundSink};
use crate::storage::NoStorage;
use crate::timing::Bounds;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One process of the round algorithm `A`, with its clock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rounds<A: RoundProcess> {
    algorithm: A,
    /// The round that runs at present.
    round: Round,
    /// How long before the start of this round its process started, by its own clock, at the least.
    elapsed: Duration,
    /// Requests made in this round.
    asked: Vec<A::Request>,
    /// Messages received: of this round, and of the next from processes whose clocks run ahead.
    received: Vec<(Round, ProcessId, A::Message)>,
    /// What is sent when the first round begins.
    waiting: Vec<(ProcessId, A::Message)>,
    /// How many messages came after the end of their round: each is outside of the model.
    late: u64,
}

/// A message with the round in which it is sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InRound<M> {
    /// The round.
    pub round: Round,
    /// The message.
    pub message: M,
}

/// This round is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoundEnds(pub Round);

impl<A: RoundProcess> Rounds<A> {
    /// The algorithm's own state.
    pub fn algorithm(&self) -> &A {
        &self.algorithm
    }

    /// The round that runs at present.
    pub fn round(&self) -> Round {
        self.round
    }

    /// How many messages came too late: each is outside of the synchronous model.
    pub fn late(&self) -> u64 {
        self.late
    }

    fn set_clock<S: Context<Self>>(&mut self, ctx: &mut S) {
        let length = length(ctx.bounds(), self.round, self.elapsed);
        self.elapsed = self.elapsed.saturating_add(length);
        ctx.emit(Effect::SetTimer { timer: RoundEnds(self.round), when: When::After(length) });
    }

    /// Hands an event to the algorithm; what it sends belongs to the round after this one.
    fn run<S: Context<Self>, T>(
        round: Round,
        ctx: &mut S,
        handle: impl FnOnce(&mut Clocked<'_, A, S>) -> T,
    ) -> T {
        handle(&mut Clocked {
            round: round.next(),
            held: None,
            outer: ctx,
            algorithm: std::marker::PhantomData,
        })
    }

    /// What was received in the round that ends; what is of the next stays.
    fn inbox(&mut self) -> Inbox<A::Message> {
        let (now, later) =
            std::mem::take(&mut self.received).into_iter().partition(|(r, ..)| *r <= self.round);
        self.received = later;
        let now: Vec<(Round, ProcessId, A::Message)> = now;
        Inbox::new(now.into_iter().map(|(_, from, message)| (from, message)).collect())
    }
}

impl<A: RoundProcess> Process for Rounds<A> {
    type Model = A::Model;
    type Parameters = A::Parameters;
    type Request = A::Request;
    type Indication = A::Indication;
    type Message = InRound<A::Message>;
    type Timer = RoundEnds;
    type Stable = NoStorage;

    fn on_init(parameters: &A::Parameters, ctx: &mut impl Context<Self>) -> Self {
        Mark::all_in_rounds::<A>().for_each(|mark| ctx.mark(mark, false));
        let mut waiting = Vec::new();
        let held = Some(&mut waiting);
        let mut clocked =
            Clocked { round: Round(1), held, outer: &mut *ctx, algorithm: std::marker::PhantomData };
        let algorithm = A::on_init(parameters, &mut clocked);
        let mut this = Self {
            algorithm,
            round: Round(0),
            elapsed: Duration::ZERO,
            asked: Vec::new(),
            received: Vec::new(),
            waiting,
            late: 0,
        };
        this.set_clock(ctx);
        this
    }

    fn on_recovery(parameters: &A::Parameters, _: &NoStorage, ctx: &mut impl Context<Self>) -> Self {
        Self::on_init(parameters, ctx)
    }

    fn on_request(&mut self, request: A::Request, _: &mut impl Context<Self>) {
        self.asked.push(request);
    }

    fn on_message(&mut self, from: ProcessId, received: InRound<A::Message>, _: &mut impl Context<Self>) {
        let InRound { round, message } = received;
        if self.algorithm.halted() {
            return;
        }
        if round < self.round {
            self.late += 1;
        } else {
            let place = self.received.partition_point(|r| *r <= (round, from, message.clone()));
            self.received.insert(place, (round, from, message));
        }
    }

    fn on_timer(&mut self, RoundEnds(round): RoundEnds, ctx: &mut impl Context<Self>) {
        assert_eq!(round, self.round, "one clock, one round");
        for (to, message) in std::mem::take(&mut self.waiting) {
            ctx.send(to, InRound { round: round.next(), message });
        }
        if round > Round(0) {
            let inbox = self.inbox();
            Self::run(round, ctx, |ctx| self.algorithm.on_round(round, inbox, ctx));
        }
        for request in std::mem::take(&mut self.asked) {
            Self::run(round, ctx, |ctx| self.algorithm.on_request(request, ctx));
        }
        self.round = round.next();
        if self.algorithm.halted() {
            self.received.clear();
        } else {
            self.set_clock(ctx);
        }
    }
}

/// How long `round` must last, at a process that started `elapsed` before it: until the messages of the slowest process
/// have been handled at the fastest one.
///
/// With start skew s (one delay), drift rho, delay d and step p: the slowest begins the round, which is number k, by
/// the time s + (elapsed + k p) / (1 - rho), its messages are handled d + 2p later, and the fastest clock shows
/// (1 + rho) times that.
fn length(bounds: Bounds, round: Round, elapsed: Duration) -> Duration {
    const MILLION: u128 = 1_000_000;
    let drift = u128::from(bounds.drift_ppm).min(MILLION - 1);
    let late = elapsed.as_nanos() + u128::from(round.0) * bounds.step.as_nanos();
    let slowest = (late * MILLION).div_ceil(MILLION - drift);
    let handled = slowest + 2 * bounds.delay.as_nanos() + 2 * bounds.step.as_nanos();
    let ends = (handled * (MILLION + drift)).div_ceil(MILLION);
    // a timer of no length would never be late, and never early
    let nanos = (ends - elapsed.as_nanos()).max(1);
    u64::try_from(nanos).map_or(Duration::MAX, Duration::from_nanos)
}

/// The context of the algorithm: the host's, but that a message carries its round, or waits for the first.
struct Clocked<'a, A: RoundProcess, S> {
    round: Round,
    held: Option<&'a mut Vec<(ProcessId, A::Message)>>,
    outer: &'a mut S,
    algorithm: std::marker::PhantomData<A>,
}

impl<A: RoundProcess, S: Context<Rounds<A>>> RoundSink<A> for Clocked<'_, A, S> {
    fn me(&self) -> ProcessId {
        self.outer.me()
    }

    fn group(&self) -> Group {
        self.outer.group()
    }

    fn emit(&mut self, effect: RoundEffectOf<A>) {
        match (effect, &mut self.held) {
            (RoundEffect::Send { to, message }, Some(held)) => held.push((to, message)),
            (RoundEffect::Send { to, message }, None) => {
                self.outer.send(to, InRound { round: self.round, message });
            }
            (RoundEffect::Indicate { indication }, _) => self.outer.indicate(indication),
        }
    }

    fn draw(&mut self, draw: Draw) -> u32 {
        self.outer.draw(draw)
    }

    fn mark(&mut self, mark: Mark) {
        self.outer.mark(mark, true);
    }

    fn ground_sign(&mut self, statement: &str, granted: Granted) -> Vec<u8> {
        self.outer.ground_sign(statement, granted)
    }

    fn ground_verify(&self, signer: ProcessId, statement: &str, signature: &[u8], granted: Granted) -> bool {
        self.outer.ground_verify(signer, statement, signature, granted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(drift_ppm: u32) -> Bounds {
        Bounds { delay: Duration::from_millis(10), step: Duration::from_millis(1), drift_ppm }
    }

    #[test]
    fn without_drift_a_round_lasts_two_delays_and_two_steps_and_the_steps_before_it() {
        assert_eq!(length(bounds(0), Round(0), Duration::ZERO), Duration::from_millis(22));
        assert_eq!(length(bounds(0), Round(3), Duration::from_secs(1)), Duration::from_millis(25));
    }

    /// The slowest process against the fastest, by clocks that drift at their extremes: no message is late.
    #[test]
    fn rounds_outgrow_the_drift() {
        let bounds = bounds(10_000);
        let (delay, step) = (bounds.delay.as_secs_f64(), bounds.step.as_secs_f64());
        let (mut elapsed, mut slow, mut fast) = (Duration::ZERO, delay, 0.0);
        for round in 0..50 {
            let lasts = length(bounds, Round(round), elapsed);
            elapsed += lasts;
            fast += lasts.as_secs_f64() / 1.01;
            assert!(
                slow + delay + step <= fast + 1e-9,
                "sent at the start of {round}, handled after its end"
            );
            slow += lasts.as_secs_f64() / 0.99 + step;
        }
        assert!(length(bounds, Round(50), elapsed) > length(bounds, Round(0), Duration::ZERO));
    }
}
