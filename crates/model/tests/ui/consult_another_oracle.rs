//! Omega names a leader; it suspects nobody.

use synod_model::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Pilgrim;

impl Process for Pilgrim {
    type Model = (CrashStop, Perfect, With<Asynchronous, Omega>);
    type Parameters = ();
    type Indication = ();
    type Timer = ();
    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        ctx.consult::<EventuallyPerfect>(Output::Suspect(ProcessId(0)), ());
        Self
    }
    fn on_timer(&mut self, (): (), _: &mut impl Context<Self>) {}
    no_requests!();
    no_messages!();
    no_storage!();
}

fn main() {}
