//! Under partial synchrony there are bounds, but nobody knows them.

use synod_model::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Punctual;

impl Process for Punctual {
    type Model = (CrashStop, Perfect, PartiallySynchronous);
    type Parameters = ();
    type Indication = ();
    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        let _ = ctx.bounds();
        Self
    }
    no_requests!();
    no_messages!();
    no_timers!();
    no_storage!();
}

fn main() {}
