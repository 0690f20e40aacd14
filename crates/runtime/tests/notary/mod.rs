//! A small algorithm whose model grants signatures.

use synod_model::prelude::*;
use synod_model::{AuthenticatedByzantine, ThirdFaulty, Unverified};

/// Signs what it is asked to, for a process; tells what reaches it under a genuine signature, or without one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Notary;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Letter {
    Plain(u8),
    Sealed(Unverified<u8>),
}

impl Process for Notary {
    type Model = (AuthenticatedByzantine, Perfect, Asynchronous, ThirdFaulty);
    type Parameters = ();
    type Request = (ProcessId, u8);
    type Indication = (ProcessId, u8);
    type Message = Letter;

    fn on_init((): &(), _: &mut impl Context<Self>) -> Self {
        Self
    }

    fn on_request(&mut self, (to, value): (ProcessId, u8), ctx: &mut impl Context<Self>) {
        let sealed = ctx.sign(value).into_unverified();
        ctx.send(to, Letter::Sealed(sealed));
    }

    fn on_message(&mut self, from: ProcessId, letter: Letter, ctx: &mut impl Context<Self>) {
        match letter {
            Letter::Plain(value) => ctx.indicate((from, value)),
            Letter::Sealed(seal) => {
                if let Some(signed) = ctx.verify(seal) {
                    ctx.indicate((signed.signer(), *signed.value()));
                }
            }
        }
    }

    no_timers!();
    no_storage!();
}
