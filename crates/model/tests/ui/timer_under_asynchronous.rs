//! No clock under asynchrony: nothing to set a timer by.

use synod_model::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Impatient;

impl Process for Impatient {
    type Model = (CrashStop, Perfect, Asynchronous);
    type Parameters = ();
    type Indication = ();
    type Timer = ();
    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        ctx.set_timer((), Duration::from_secs(1));
        Self
    }
    fn on_timer(&mut self, (): (), _: &mut impl Context<Self>) {}
    no_requests!();
    no_messages!();
    no_storage!();
}

fn main() {}
