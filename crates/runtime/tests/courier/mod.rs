//! A small algorithm for the tests of logged links: parcels that are to arrive once.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;
use synod_model::prelude::*;

/// How often each parcel arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Arrived(pub(crate) BTreeMap<u64, u64>);

impl Stable for Arrived {
    type Write = u64;
    fn apply(&mut self, parcel: u64) {
        *self.0.entry(parcel).or_default() += 1;
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Told {
    /// A parcel has arrived, for so many times.
    Arrived(u64, u64),
    /// The process has started again, and these arrived before.
    Found(Vec<(u64, u64)>),
}

impl Told {
    /// What it says has arrived, and how often.
    pub(crate) fn parcels(&self) -> Vec<(u64, u64)> {
        match self {
            Self::Arrived(parcel, times) => vec![(*parcel, *times)],
            Self::Found(all) => all.clone(),
        }
    }
}

macro_rules! courier {
    ($name:ident, $links:ty) => {
        /// Asked to, a process sends a parcel to another, and does nothing for it besides: what becomes of it is up to the
        /// links.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) struct $name(BTreeMap<u64, u64>);

        impl Process for $name {
            type Model = (CrashRecovery, $links, Asynchronous);
            type Parameters = ();
            type Request = (ProcessId, u64);
            type Indication = Told;
            type Message = u64;
            type Stable = Arrived;

            fn on_init((): &(), _: &mut impl Context<Self>) -> Self {
                Self(BTreeMap::new())
            }

            fn on_request(&mut self, (to, parcel): (ProcessId, u64), ctx: &mut impl Context<Self>) {
                ctx.send(to, parcel);
            }

            fn on_message(&mut self, _: ProcessId, parcel: u64, ctx: &mut impl Context<Self>) {
                let times = self.0.entry(parcel).or_default();
                *times += 1;
                let told = Told::Arrived(parcel, *times);
                // before it is stored: too early by itself, but where links are logged it waits all the same
                ctx.indicate(told);
                ctx.store(parcel);
            }

            fn on_recovery((): &(), stable: &Arrived, ctx: &mut impl Context<Self>) -> Self {
                ctx.indicate(Told::Found(stable.0.clone().into_iter().collect()));
                Self(stable.0.clone())
            }

            no_timers!();
        }
    };
}

courier!(OverDurable, Durable);
courier!(OverLogged, Logged);
courier!(OverPerfect, Perfect);
