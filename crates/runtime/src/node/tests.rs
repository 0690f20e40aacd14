//! In which order a node that is late handles what it finds.

use super::*;
use crate::link::Transport;
use crate::link::memory::Network;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::thread::sleep;
use synod_model::prelude::*;

/// Short, and over long before a handler that [`Drowsy`] sleeps in has ended.
const TIMEOUT: Duration = Duration::from_millis(1);

/// Where the node's inputs come in, and what it has handled.
#[derive(Default)]
struct Desk {
    inputs: Option<Arc<Mailbox<Input<Drowsy>>>>,
    handled: Vec<&'static str>,
}

static DESK: Mutex<Desk> = Mutex::new(Desk { inputs: None, handled: vec![] });

/// Asked to wait, it sets a timer; asked to sleep, it does so beyond the timeout, and meanwhile the answer comes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Drowsy;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Asked {
    Wait,
    Sleep,
    Answer,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Timeout;

fn put(asked: Asked) {
    let desk = DESK.lock().unwrap();
    desk.inputs.as_ref().unwrap().notice(Input::Command(0, Command::Request(asked)));
}

impl Process for Drowsy {
    type Model = (CrashStop, Perfect, PartiallySynchronous);
    type Parameters = ();
    type Request = Asked;
    type Indication = ();
    type Message = ();
    type Timer = Timeout;

    fn on_init((): &(), _: &mut impl Context<Self>) -> Self {
        Self
    }

    fn on_request(&mut self, asked: Asked, ctx: &mut impl Context<Self>) {
        DESK.lock().unwrap().handled.push(match asked {
            Asked::Wait => "wait",
            Asked::Sleep => "sleep",
            Asked::Answer => "answer",
        });
        match asked {
            Asked::Wait => ctx.set_timer(Timeout, TIMEOUT),
            Asked::Sleep => {
                put(Asked::Answer);
                sleep(4 * TIMEOUT);
            }
            Asked::Answer => {}
        }
    }

    fn on_message(&mut self, _: ProcessId, (): (), _: &mut impl Context<Self>) {}

    fn on_timer(&mut self, Timeout: Timeout, _: &mut impl Context<Self>) {
        DESK.lock().unwrap().handled.push("timeout");
    }

    no_storage!();
}

#[test]
fn what_arrived_before_a_timeout_is_handled_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut config =
        NodeConfig::<Drowsy>::new(ProcessId(0), &[nowhere.into()], nowhere, directory.path(), ());
    config.links.transport = Transport::Memory;
    let network = Network::new(&config.links, 1);
    let inputs = Arc::new(Mailbox::new(config.links.inbox));
    DESK.lock().unwrap().inputs = Some(Arc::clone(&inputs));
    let connect =
        |options: LinkOptions, inbox| Ok(Box::new(network.join(&options, inbox)?) as Box<dyn Links>);
    let mut node = Node::open(&OsDisk, &config, inputs, None, connect).unwrap();
    put(Asked::Wait);
    put(Asked::Sleep);
    while DESK.lock().unwrap().handled.len() < 4 {
        node.turn(true).unwrap();
    }
    assert_eq!(DESK.lock().unwrap().handled, ["wait", "sleep", "answer", "timeout"]);
}
