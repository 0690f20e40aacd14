//! No handler is silently empty: a process without timers says so with `no_timers!()`.

use synod_model::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Forgetful;

impl Process for Forgetful {
    type Model = (CrashStop, Perfect, PartiallySynchronous);
    type Parameters = ();
    type Indication = ();
    type Timer = ();
    fn on_init((): &(), _: &mut impl Context<Self>) -> Self {
        Self
    }
    no_requests!();
    no_messages!();
    no_storage!();
}

fn main() {}
