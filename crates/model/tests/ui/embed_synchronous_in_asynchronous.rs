//! A module that counts on bounded delays, in a host that has none.

use synod_model::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Module;

impl Process for Module {
    type Model = (CrashStop, Perfect, Synchronous);
    type Parameters = ();
    type Indication = ();
    type Message = u8;
    fn on_init((): &(), _: &mut impl Context<Self>) -> Self {
        Self
    }
    fn on_message(&mut self, _: ProcessId, _: u8, _: &mut impl Context<Self>) {}
    no_requests!();
    no_timers!();
    no_storage!();
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Host(Module);

impl Process for Host {
    type Model = (CrashStop, Perfect, Asynchronous);
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
