//! Nobody detects failures under asynchrony, unless the model has an oracle that does.

use synod_model::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Pilgrim;

impl Process for Pilgrim {
    type Model = (CrashStop, Perfect, Asynchronous);
    type Parameters = ();
    type Indication = ();
    type Timer = ();
    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        ctx.consult::<Omega>(Output::Trust(ProcessId(0)), ());
        Self
    }
    fn on_timer(&mut self, (): (), _: &mut impl Context<Self>) {}
    no_requests!();
    no_messages!();
    no_storage!();
}

fn main() {}
