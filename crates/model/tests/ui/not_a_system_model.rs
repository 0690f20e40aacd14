//! A system model names all of its axes.

use synod_model::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Vague;

impl Process for Vague {
    type Model = (CrashStop, Perfect);
    type Parameters = ();
    type Indication = ();
    fn on_init((): &(), _: &mut impl Context<Self>) -> Self {
        Self
    }
    no_requests!();
    no_messages!();
    no_timers!();
    no_storage!();
}

fn main() {}
