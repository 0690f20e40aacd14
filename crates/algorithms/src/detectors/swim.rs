//! SWIM's failure detector: each process probes one other a period, chosen at random, and where it hears nothing asks k more to
//! probe it. The load of a process does not grow with n, and a lossy link between two is not taken for a crash.
//!
//! # Source
//! Das, Gupta, Motivala 2002 (SWIM) §3.1; its analysis: Gupta, Chandra, Goldszmidt 2001.
//!
//! # Model
//! crash-stop x fair-loss links x partially synchronous, for timers; any number of faulty processes. The source's numbers are
//! for links that lose each message independently, with the probability 1 - q.
//!
//! # Properties
//! EPFD1 strong completeness, with probability 1. Accuracy holds with a probability: a probe of a process that is up fails with
//! (1 - q^2)(1 - q^4)^k where all are up (`synod reproduce E3`).
//! Twin "vouches": who is asked to probe answers at once, whether it hears anything or not (EPFD1 fails).
//!
//! # Cost
//! 2 messages a process and period without losses, up to 2 + 4k with them, for ever. Somebody first finds a crash after e / (e - 1)
//! periods on average, a given process after about n - 1.
//!
//! # Departures from the source
//! - Dissemination is a page of its own, [`Infection`](crate::gossip::Infection): here each process finds every crash by itself.
//! - Nobody is taken out of the list of members: a suspicion is taken back when a probe of the same process succeeds.
//! - ⟨Suspect⟩ is told for each probe that fails, also of a process that is suspected already.
//! - Of the other members each is as likely to be probed next as any other: the basic protocol, without the round robin of
//!   the source's §4.3.
//! - Who probes for another keeps nothing in mind: the ping and its acknowledgement say on whose behalf they are.
//!
//! # Bounds
//! Simulated alone.

use super::Suspicion;
use synod_model::prelude::*;

/// What the processes know from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// T': the protocol period. Longer than the timeout and two round trips together.
    #[serde(with = "synod_model::duration")]
    pub period: Duration,
    /// How long an answer is waited for before others are asked. Longer than a round trip.
    #[serde(with = "synod_model::duration")]
    pub timeout: Duration,
    /// k: how many others are asked.
    pub helpers: u32,
    /// The broken twin, if any.
    #[serde(default)]
    pub defect: Option<Defect>,
}

impl Default for Parameters {
    /// A probe every 200 ms, by one other process after 40 ms.
    fn default() -> Self {
        let (period, timeout) = (Duration::from_millis(200), Duration::from_millis(40));
        Self { period, timeout, helpers: 1, defect: None }
    }
}

/// The broken twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// Who is asked to probe answers in the name of the other.
    Vouches,
}

/// A probe: the period in which it is made, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Probe {
    /// Who wants to know.
    pub by: ProcessId,
    /// In which of its periods.
    pub period: u64,
}

/// Its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Message {
    /// Are you there?
    Ping(Probe),
    /// Is this process there?
    PingReq(Probe, ProcessId),
    /// The one who is probed is.
    Ack(Probe),
}

/// Its timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Timer {
    /// A period is over.
    Period,
    /// An answer would be here.
    Timeout,
}

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Swim {
    parameters: Parameters,
    /// The number of its period; 0 before the first.
    period: u64,
    /// Whom it probes in this period, as long as it has not heard of it.
    target: Option<ProcessId>,
    /// Whom it suspects.
    suspected: ProcessSet,
    /// Whom it probed, heard or not.
    probed: Option<ProcessId>,
}

impl Process for Swim {
    type Model = (CrashStop, FairLoss, PartiallySynchronous, AnyNumber);
    type Parameters = Parameters;
    type Indication = Suspicion;
    type Message = Message;
    type Timer = Timer;
    const MARKS: &'static [&'static str] = &["asks others", "takes a suspicion back"];

    fn on_init(parameters: &Parameters, ctx: &mut impl Context<Self>) -> Self {
        let suspected = ProcessSet::new();
        let mut this = Self { parameters: *parameters, period: 0, target: None, suspected, probed: None };
        this.start_period(ctx);
        this
    }

    fn on_timer(&mut self, timer: Timer, ctx: &mut impl Context<Self>) {
        match timer {
            Timer::Timeout => self.ask_others(ctx),
            Timer::Period => {
                if let Some(target) = self.target.take() {
                    self.suspected.insert(target);
                    ctx.indicate(Suspicion::Suspect(target));
                }
                self.start_period(ctx);
            }
        }
    }

    fn on_message(&mut self, q: ProcessId, message: Message, ctx: &mut impl Context<Self>) {
        match message {
            Message::Ping(probe) => ctx.send(q, Message::Ack(probe)),
            Message::PingReq(probe, _) if self.parameters.defect == Some(Defect::Vouches) => {
                ctx.send(q, Message::Ack(probe));
            }
            Message::PingReq(probe, target) => ctx.send(target, Message::Ping(probe)),
            Message::Ack(probe) if probe.by != ctx.me() => ctx.send(probe.by, Message::Ack(probe)),
            Message::Ack(probe) => self.on_ack(probe, ctx),
        }
    }

    no_requests!();
    no_storage!();
}

impl Swim {
    /// The period's probe.
    fn start_period(&mut self, ctx: &mut impl Context<Self>) {
        self.period += 1;
        ctx.set_timer(Timer::Period, self.parameters.period);
        let mut others: Vec<_> = ctx.others().collect();
        self.target = pick(&mut others, ctx);
        self.probed = self.target;
        if let Some(target) = self.target {
            ctx.send(target, Message::Ping(self.probe(ctx.me())));
            ctx.set_timer(Timer::Timeout, self.parameters.timeout);
        }
    }

    fn probe(&self, me: ProcessId) -> Probe {
        Probe { by: me, period: self.period }
    }

    fn ask_others(&mut self, ctx: &mut impl Context<Self>) {
        let Some(target) = self.target else { return };
        let mut helpers: Vec<_> = ctx.others().filter(|&p| p != target).collect();
        for _ in 0..self.parameters.helpers {
            let Some(helper) = pick(&mut helpers, ctx) else { return };
            ctx.reach("asks others");
            ctx.send(helper, Message::PingReq(self.probe(ctx.me()), target));
        }
    }

    fn on_ack(&mut self, probe: Probe, ctx: &mut impl Context<Self>) {
        if probe.period != self.period {
            return; // too late: its period is over
        }
        self.target = None;
        if let Some(probed) = self.probed
            && self.suspected.remove(probed)
        {
            ctx.reach("takes a suspicion back");
            ctx.indicate(Suspicion::Restore(probed));
        }
    }
}

/// Takes one of them, as likely as any other where chance chooses.
fn pick(among: &mut Vec<ProcessId>, ctx: &mut impl Context<Swim>) -> Option<ProcessId> {
    let bound = u32::try_from(among.len()).ok().filter(|&bound| bound > 0)?;
    Some(among.swap_remove(ctx.choose(bound) as usize))
}
