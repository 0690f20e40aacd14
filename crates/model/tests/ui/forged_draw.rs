//! A coin flipped past the model.

use synod_model::prelude::*;
use synod_model::{Draw, DrawKind};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Cheat;

impl Process for Cheat {
    type Model = (CrashStop, Perfect, Asynchronous);
    type Parameters = ();
    type Indication = u32;
    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        let heads = ctx.draw(Draw { kind: DrawKind::Coin, bound: 2 });
        ctx.indicate(heads);
        Self
    }
    no_requests!();
    no_messages!();
    no_timers!();
    no_storage!();
}

fn main() {}
