//! A small algorithm for the tests of this ground: entries kept durably by a majority.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use synod_model::prelude::*;
use synod_properties::{Monitor, Obligation, Observation, Property, Violation};

/// Asked to keep an entry, a process sends it to all until all have acknowledged that they store it; it is *kept* once
/// a majority has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ledger {
    stored: BTreeSet<u64>,
    /// By entry to be kept: who has acknowledged it.
    acknowledged: BTreeMap<u64, BTreeSet<ProcessId>>,
    amnesiac: bool,
    /// What it saw of a clock.
    seen: u64,
    watches: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Message {
    Store {
        entry: u64,
        /// Tells copies of a message apart; drawn, so that a replay must draw the same.
        salt: u32,
    },
    Stored(u64),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Told {
    /// This process has the entry on its disk.
    Stored(u64),
    /// A majority has.
    Kept(u64),
    /// It has started again, and these are on its disk.
    Found(BTreeSet<u64>),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Entries(BTreeSet<u64>);

impl Stable for Entries {
    type Write = u64;
    fn apply(&mut self, entry: u64) {
        self.0.insert(entry);
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Timer {
    Resend,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Twin {
    Sound,
    /// Says that it stores, and does not.
    Amnesiac,
    /// Has a bug that ends it at the entry 13.
    Superstitious,
    /// Looks at a clock when it is told that an entry is stored, and shows it to others when it is asked for 14.
    Clockwatcher,
}

/// A clock that no context has.
fn tick() -> u64 {
    static CLOCK: AtomicU64 = AtomicU64::new(1000);
    CLOCK.fetch_add(1, Ordering::Relaxed)
}

impl Ledger {
    fn resend(&mut self, ctx: &mut impl Context<Self>) {
        for (&entry, acknowledged) in &self.acknowledged {
            for p in ctx.processes().filter(|p| !acknowledged.contains(p)) {
                let salt = ctx.choose(1000);
                ctx.send(p, Message::Store { entry, salt });
            }
        }
        let n = ctx.n();
        self.acknowledged.retain(|_, acknowledged| acknowledged.len() < n);
        if !self.acknowledged.is_empty() {
            ctx.set_pulse(Timer::Resend);
        }
    }

    fn on_store(&mut self, from: ProcessId, entry: u64, ctx: &mut impl Context<Self>) {
        if self.stored.insert(entry) {
            if !self.amnesiac {
                ctx.store(entry);
            }
            ctx.indicate(Told::Stored(entry));
        }
        ctx.send(from, Message::Stored(entry));
    }

    fn on_stored(&mut self, from: ProcessId, entry: u64, ctx: &mut impl Context<Self>) {
        if self.watches {
            self.seen = tick();
        }
        let majority = ctx.n() / 2 + 1;
        let Some(acknowledged) = self.acknowledged.get_mut(&entry) else { return };
        if acknowledged.insert(from) && acknowledged.len() == majority {
            ctx.indicate(Told::Kept(entry));
        }
    }
}

impl Process for Ledger {
    type Model = (CrashRecovery, Perfect, Asynchronous, Majority);
    type Parameters = Twin;
    type Request = u64;
    type Indication = Told;
    type Message = Message;
    type Timer = Timer;
    type Stable = Entries;

    fn on_init(parameters: &Twin, _: &mut impl Context<Self>) -> Self {
        let amnesiac = *parameters == Twin::Amnesiac;
        let watches = *parameters == Twin::Clockwatcher;
        Self { stored: BTreeSet::new(), acknowledged: BTreeMap::new(), amnesiac, seen: 0, watches }
    }

    fn on_request(&mut self, entry: u64, ctx: &mut impl Context<Self>) {
        assert!(entry != 13, "thirteen!");
        if self.watches && entry == 14 {
            ctx.send(ctx.me(), Message::Stored(tick()));
        }
        self.acknowledged.insert(entry, BTreeSet::new());
        self.resend(ctx);
    }

    fn on_message(&mut self, from: ProcessId, message: Message, ctx: &mut impl Context<Self>) {
        match message {
            Message::Store { entry, .. } => self.on_store(from, entry, ctx),
            Message::Stored(entry) => self.on_stored(from, entry, ctx),
        }
    }

    fn on_timer(&mut self, _: Timer, ctx: &mut impl Context<Self>) {
        self.resend(ctx);
    }

    fn on_recovery(parameters: &Twin, stable: &Entries, ctx: &mut impl Context<Self>) -> Self {
        ctx.indicate(Told::Found(stable.0.clone()));
        Self { stored: stable.0.clone(), ..Self::on_init(parameters, ctx) }
    }
}

pub(crate) const DURABILITY: Property = Property::safety("L1", "durability");
pub(crate) const NO_CREATION: Property = Property::safety("L2", "no creation");
pub(crate) const TERMINATION: Property = Property::liveness("L3", "termination");
pub(crate) const FOUND: Property = Property::reachable("L4", "a restarted process finds an entry");

/// What a ledger promises.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LedgerMonitor {
    asked: BTreeSet<u64>,
    owed: BTreeMap<u64, ProcessId>,
    stored: BTreeMap<ProcessId, BTreeSet<u64>>,
    found: bool,
}

impl Monitor<u64, Told> for LedgerMonitor {
    fn properties(&self) -> Vec<Property> {
        vec![DURABILITY, NO_CREATION, TERMINATION, FOUND]
    }

    fn observe(&mut self, observation: &Observation<'_, u64, Told>) -> Result<(), Violation> {
        match observation {
            Observation::Request { at, request } => {
                self.asked.insert(**request);
                self.owed.insert(**request, *at);
            }
            Observation::Indication { at, indication: Told::Stored(entry) } => {
                self.stored.entry(*at).or_default().insert(*entry);
            }
            Observation::Indication { indication: Told::Kept(entry), .. } => {
                self.owed.remove(entry);
                if !self.asked.contains(entry) {
                    return Err(Violation::new(
                        &NO_CREATION,
                        format!("{entry} is kept, nobody asked for it"),
                    ));
                }
            }
            Observation::Indication { at, indication: Told::Found(found) } => {
                self.found |= !found.is_empty();
                if let Some(lost) = self.stored.entry(*at).or_default().difference(found).next() {
                    return Err(Violation::new(&DURABILITY, format!("{at} has forgotten {lost}")));
                }
            }
            Observation::Crash { at } => self.owed.retain(|_, by| by != at),
            Observation::Recover { .. } | Observation::Corrupt { .. } => {}
        }
        Ok(())
    }

    fn owed(&self, owe: &mut impl FnMut(Obligation)) {
        for (entry, by) in &self.owed {
            owe(Obligation::new(&TERMINATION, [*by], format!("{by} has not kept {entry}")));
        }
    }

    fn reached(&self, reach: &mut impl FnMut(&'static str)) {
        if self.found {
            reach(FOUND.id);
        }
    }
}
