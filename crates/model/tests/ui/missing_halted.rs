//! Whether it has ended is said, not assumed.

use synod_model::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Rounder;

impl RoundProcess for Rounder {
    type Model = (CrashStop, Perfect, Synchronous);
    type Parameters = ();
    type Request = ();
    type Indication = ();
    type Message = ();
    fn on_init((): &(), _: &mut impl RoundContext<Self>) -> Self {
        Self
    }
    fn on_request(&mut self, (): (), ctx: &mut impl RoundContext<Self>) {
        ctx.indicate(());
    }
    fn on_round(&mut self, _: Round, _: Inbox<()>, _: &mut impl RoundContext<Self>) {}
}

fn main() {}
