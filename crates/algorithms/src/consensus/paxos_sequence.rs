//! A sequence of consensus instances: many decrees, one leader detector.
//!
//! # Source
//! Lam01 §3 (a sequence of instances of the algorithm); Lam98 §3.1.
//!
//! # Model
//! crash-recovery x perfect links x the detector's timing (partially synchronous, or asynchronous with an oracle);
//! `n > 2f`.
//!
//! # Properties
//! C1 termination · C2 validity · C3 integrity · UC4 uniform agreement, of each instance; as [`SingleDecree`], twins
//! included. Instances are independent: nothing orders their decisions.
//!
//! # Cost
//! The detector's, once; that of [`SingleDecree`] for each instance. With k decided instances a change of leader costs
//! k messages from each process to the new leader and k(n - 1) from it; a recovery costs n - 1 messages, and from each
//! process one or two answers for each instance from the first that the recovered process has not decided.
//!
//! # Departures from the source
//! - Those of [`SingleDecree`]. Every instance runs both phases: the source's leader runs phase 1 once for all
//!   instances.
//! - An instance exists at a process from the first request or message that names it.
//! - A process that recovers asks the others once, for all instances, since it may not know of some; it names the
//!   first instance that it has not decided, and is told of none below.
//!
//! # Bounds
//! Not explored; its instances are [`SingleDecree`]. Random walks: see `tests/paxos_walks.rs`.

use super::paxos::{PaxosParameters, PracticalDetector};
use super::single_decree::{self, Defect, Ledger, SingleDecree};
use crate::detectors::Trust;
use std::collections::BTreeMap;
use std::convert::identity;
use synod_model::interface::{Decide, DecideAt, ProposeAt};
use synod_model::prelude::*;
use synod_model::renumbering::of_module;
use synod_model::{Either, Lifted};

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaxosSequence<V, D> {
    defect: Option<Defect>,
    detector: D,
    /// Whom the detector trusts: a new instance must be told.
    trusted: Option<ProcessId>,
    /// The instances that it has heard of, by number.
    instances: BTreeMap<u64, SingleDecree<V>>,
}

/// The messages of its modules, and its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Message<V, M> {
    /// Of the leader detector.
    Detector(M),
    /// Of the instance of this number.
    Instance(u64, single_decree::Message<V>),
    /// I am back, with a decision in every instance below this, and may have missed something in the others.
    Recovered(u64),
}

fn of_instance<A, V: Value>(
    instance: u64,
    write: single_decree::Write<V>,
) -> Either<A, (u64, single_decree::Write<V>)> {
    Either::Right((instance, write))
}

embed! { [V: Value, D: PracticalDetector] PaxosSequence<V, D> {
    D: message Message::Detector, timer identity, write Either::Left;
    SingleDecree<V> at u64: message Message::Instance, write of_instance;
} }

impl<V: Value, D: PracticalDetector> Process for PaxosSequence<V, D> {
    type Model = D::PracticalModel;
    type Parameters = PaxosParameters;
    type Request = ProposeAt<V>;
    type Indication = DecideAt<V>;
    type Message = Message<V, D::Message>;
    type Timer = D::Timer;
    type Stable = (D::Stable, BTreeMap<u64, Ledger<V>>);

    const RENUMBERING: Option<Renumbering<Self>> = Some(Renumbering {
        apart: 2,
        state: |process, each| {
            of_module::<D>(|detector| (detector.state)(&mut process.detector, each));
            of_module::<SingleDecree<V>>(|instance| {
                process.instances.values_mut().for_each(|k| (instance.state)(k, each));
            });
        },
        stable: |(epochs, ledgers), each| {
            of_module::<D>(|detector| (detector.stable)(epochs, each));
            of_module::<SingleDecree<V>>(|instance| {
                for ledger in ledgers.values_mut() {
                    (instance.stable)(ledger, each);
                }
            });
        },
        message: |message, each| match message {
            Message::Detector(m) => of_module::<D>(|detector| (detector.message)(m, each)),
            Message::Instance(_, m) => of_module::<SingleDecree<V>>(|instance| (instance.message)(m, each)),
            Message::Recovered(_) => {}
        },
    });

    // upon event ⟨c, Init⟩
    fn on_init(parameters: &PaxosParameters, ctx: &mut impl Context<Self>) -> Self {
        let (detector, trusts) = ctx.start(|ctx| D::on_init(&parameters.detector, ctx));
        let mut this =
            Self { defect: parameters.defect, detector, trusted: None, instances: BTreeMap::new() };
        for trust in trusts {
            this.on_trust(trust, ctx);
        }
        this
    }

    // upon event ⟨c, Recovery⟩
    fn on_recovery(
        parameters: &PaxosParameters,
        (epochs, ledgers): &(D::Stable, BTreeMap<u64, Ledger<V>>),
        ctx: &mut impl Context<Self>,
    ) -> Self {
        let defect = parameters.defect;
        let mut instances = BTreeMap::new();
        for (&k, ledger) in ledgers {
            let (instance, decided) = ctx.start_at(k, |ctx| SingleDecree::restart(defect, ledger, ctx));
            Self::indicate(k, decided, ctx);
            instances.insert(k, instance);
        }
        let (detector, trusts) = ctx.start(|ctx| D::on_recovery(&parameters.detector, epochs, ctx));
        let mut this = Self { defect, detector, trusted: None, instances };
        ctx.send_others(&Message::Recovered(this.first_undecided()));
        for trust in trusts {
            this.on_trust(trust, ctx);
        }
        this
    }

    // upon event ⟨c, Propose | k, v⟩
    fn on_request(&mut self, ProposeAt { instance, value }: ProposeAt<V>, ctx: &mut impl Context<Self>) {
        self.with_instance(instance, ctx, |c, ctx| c.on_request(single_decree::Request::Propose(value), ctx));
    }

    // upon event ⟨pl, Deliver | from, m⟩
    fn on_message(&mut self, from: ProcessId, message: Message<V, D::Message>, ctx: &mut impl Context<Self>) {
        match message {
            Message::Detector(m) => {
                for trust in ctx.embed(&mut self.detector, |d, ctx| d.on_message(from, m, ctx)) {
                    self.on_trust(trust, ctx);
                }
            }
            Message::Instance(k, m) => self.with_instance(k, ctx, |c, ctx| c.on_message(from, m, ctx)),
            Message::Recovered(first_undecided) => self.on_recovered(from, first_undecided, ctx),
        }
    }

    // upon event ⟨Timeout⟩, of the detector
    fn on_timer(&mut self, timer: D::Timer, ctx: &mut impl Context<Self>) {
        for trust in ctx.embed(&mut self.detector, |d, ctx| d.on_timer(timer, ctx)) {
            self.on_trust(trust, ctx);
        }
    }
}

impl<V: Value, D: PracticalDetector> PaxosSequence<V, D> {
    // upon event ⟨Ω, Trust | p⟩
    fn on_trust(&mut self, Trust(p): Trust, ctx: &mut impl Context<Self>) {
        self.trusted = Some(p);
        for (&k, instance) in &mut self.instances {
            Self::run(k, instance, ctx, |c, ctx| c.on_request(single_decree::Request::Trust(p), ctx));
        }
    }

    // upon event ⟨pl, Deliver | from, [RECOVERED, first]⟩
    fn on_recovered(&mut self, from: ProcessId, first_undecided: u64, ctx: &mut impl Context<Self>) {
        for (&k, instance) in self.instances.range_mut(first_undecided..) {
            Self::run(k, instance, ctx, |c, ctx| c.on_message(from, single_decree::Message::Recovered, ctx));
        }
    }

    /// Hands an event to instance `k`, which starts with it if it has not yet.
    fn with_instance<C: Context<Self>>(
        &mut self,
        k: u64,
        ctx: &mut C,
        event: impl FnOnce(&mut SingleDecree<V>, &mut Lifted<'_, Self, SingleDecree<V>, C>),
    ) {
        let instance = self.instances.entry(k).or_insert_with(|| {
            let (mut instance, decided) = ctx.start_at(k, |ctx| SingleDecree::on_init(&self.defect, ctx));
            decided.expect_none("nothing is decided at the start");
            if let Some(p) = self.trusted {
                Self::run(k, &mut instance, ctx, |c, ctx| {
                    c.on_request(single_decree::Request::Trust(p), ctx);
                });
            }
            instance
        });
        Self::run(k, instance, ctx, event);
    }

    fn run<C: Context<Self>>(
        k: u64,
        instance: &mut SingleDecree<V>,
        ctx: &mut C,
        event: impl FnOnce(&mut SingleDecree<V>, &mut Lifted<'_, Self, SingleDecree<V>, C>),
    ) {
        let decided = ctx.embed_at(k, instance, event);
        Self::indicate(k, decided, ctx);
    }

    fn indicate(k: u64, decided: Indications<Decide<V>>, ctx: &mut impl Context<Self>) {
        for Decide(value) in decided {
            ctx.indicate(DecideAt { instance: k, value });
        }
    }
}

impl<V: Value, D> PaxosSequence<V, D> {
    /// What instance `k` decided.
    pub fn decided(&self, k: u64) -> Option<&V> {
        self.instances.get(&k)?.decided()
    }

    /// The least number of an instance that is not known here to be decided.
    pub fn first_undecided(&self) -> u64 {
        let mut k = 0;
        while self.decided(k).is_some() {
            k += 1;
        }
        k
    }

    /// The greatest round of a ballot that it has taken part in: a measure to bound an exploration by.
    pub fn ballot_round(&self) -> u64 {
        self.instances.values().map(SingleDecree::ballot_round).max().unwrap_or(0)
    }
}
