//! Everything that some model grants, called as algorithms call it.

use synod_model::Unverified;
use synod_model::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Signer;

impl Process for Signer {
    type Model = (AuthenticatedByzantine, Perfect, With<Synchronous, LocalCoin>, ThirdFaulty);
    type Parameters = ();
    type Indication = bool;
    type Message = Unverified<u8>;
    type Timer = ();
    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        let signed = ctx.sign(1_u8).into_unverified();
        ctx.send_others(&signed);
        let delay = ctx.bounds().delay;
        ctx.set_timer((), delay);
        Self
    }
    fn on_message(&mut self, _: ProcessId, claim: Unverified<u8>, ctx: &mut impl Context<Self>) {
        if ctx.verify(claim).is_some() {
            let heads = ctx.coin();
            ctx.indicate(heads);
        }
    }
    fn on_timer(&mut self, (): (), ctx: &mut impl Context<Self>) {
        ctx.set_pulse(());
    }
    no_requests!();
    no_storage!();
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Recoverer;

impl Process for Recoverer {
    type Model = (CrashRecovery, Logged, With<PartiallySynchronous, Omega>, Majority);
    type Parameters = ();
    type Indication = ();
    type Timer = ();
    type Stable = Whole<u8>;
    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        ctx.store(1);
        ctx.set_timer((), Duration::from_millis(1));
        ctx.consult::<Omega>(Output::Trust(ProcessId(0)), ());
        Self
    }
    fn on_timer(&mut self, (): (), ctx: &mut impl Context<Self>) {
        ctx.cancel(());
    }
    fn on_recovery((): &(), _: &Whole<u8>, _: &mut impl Context<Self>) -> Self {
        Self
    }
    no_requests!();
    no_messages!();
}

fn main() {}
