//! A module that stores, in a host that has no disk to lift its writes to.

use synod_model::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Module;

impl Process for Module {
    type Model = (CrashRecovery, Perfect, Asynchronous);
    type Parameters = ();
    type Indication = ();
    type Message = u8;
    type Stable = Whole<u8>;
    fn on_init((): &(), _: &mut impl Context<Self>) -> Self {
        Self
    }
    fn on_message(&mut self, _: ProcessId, seen: u8, ctx: &mut impl Context<Self>) {
        ctx.store(seen);
    }
    fn on_recovery((): &(), _: &Whole<u8>, _: &mut impl Context<Self>) -> Self {
        Self
    }
    no_requests!();
    no_timers!();
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Host(Module);

impl Process for Host {
    type Model = (CrashRecovery, Perfect, Asynchronous);
    type Parameters = ();
    type Indication = ();
    type Message = HostMessage;
    fn on_init((): &(), ctx: &mut impl Context<Self>) -> Self {
        let (module, said) = ctx.start(|ctx| Module::on_init(&(), ctx));
        said.expect_none("it starts in silence");
        Self(module)
    }
    fn on_message(&mut self, from: ProcessId, HostMessage::Module(m): HostMessage, ctx: &mut impl Context<Self>) {
        ctx.embed(&mut self.0, |module, ctx| module.on_message(from, m, ctx)).expect_none("it is silent");
    }
    no_requests!();
    no_timers!();
    no_storage!();
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum HostMessage {
    Module(u8),
}

embed! { Host {
    Module: message HostMessage::Module;
} }

fn main() {}
