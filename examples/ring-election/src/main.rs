//! Ring election: processes in a ring, each of which sends to its right-hand neighbour alone, come to trust one leader.
//! A process sends its identity round the ring, and whoever is greater puts its own in its place; one that comes home has
//! beaten all others.
//!
//! # Source
//! Chang, Roberts 1979; without their mark of who takes part already, since elections may be held again.
//!
//! # Model
//! reliable processes x perfect links x asynchronous.
//!
//! # Properties
//! ELD1 eventual accuracy · ELD2 eventual agreement.
//! Twin "passes-all": lower identities come home too, and there is a leader for each (ELD2 fails).
//!
//! # Cost
//! At most 3n messages an election.

use synod::model::interface::Trust;
use synod::prelude::*;
use synod::properties::leader::LeaderMonitor;

/// One process of the ring.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Ring {
    passes_all: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(crate = "synod::serde")]
enum Message {
    Candidate(ProcessId),
    Elected(ProcessId),
}

impl Process for Ring {
    type Model = (Reliable, Perfect, Asynchronous);
    type Parameters = bool;
    type Request = (); // hold an election
    type Indication = Trust;
    type Message = Message;

    // upon event ⟨Init⟩
    fn on_init(&passes_all: &bool, ctx: &mut impl Context<Self>) -> Self {
        Self::pass(Message::Candidate(ctx.me()), ctx);
        Self { passes_all }
    }

    // upon event ⟨Elect⟩
    fn on_request(&mut self, (): (), ctx: &mut impl Context<Self>) {
        Self::pass(Message::Candidate(ctx.me()), ctx);
    }

    // upon event ⟨Deliver | left, message⟩
    fn on_message(&mut self, _: ProcessId, message: Message, ctx: &mut impl Context<Self>) {
        match message {
            Message::Candidate(p) if p == ctx.me() => {
                ctx.indicate(Trust(p));
                Self::pass(Message::Elected(p), ctx);
            }
            Message::Candidate(_) if self.passes_all => Self::pass(message, ctx),
            Message::Candidate(p) => Self::pass(Message::Candidate(p.max(ctx.me())), ctx),
            Message::Elected(p) if p != ctx.me() => {
                ctx.indicate(Trust(p));
                Self::pass(message, ctx);
            }
            Message::Elected(_) => {} // the news has been round
        }
    }

    no_timers!();
    no_storage!();
}

impl Ring {
    fn pass(message: Message, ctx: &mut impl Context<Self>) {
        let right = (ctx.me().0 + 1) % ctx.n() as u32;
        ctx.send(ProcessId(right), message);
    }
}

/// The algorithm as the grounds take it.
struct RingElection;

impl Algorithm for RingElection {
    type Process = Ring;
    type Monitor = LeaderMonitor;
    const NAME: &'static str = "ring-election";
    const PAGE: &'static str = include_str!("main.rs");
    const TWINS: &'static [Twin] = &[Twin::new("passes-all", "ELD2", "lower identities are passed on too")];

    fn scale(ground: GroundKind) -> Scale {
        let (n, requests) = if ground == GroundKind::Check { (4, 1) } else { (7, 20) };
        Scale { n, requests, defect: None }
    }
    fn parameters(scale: &Scale) -> Result<bool, String> {
        Ok(scale.defect.is_some())
    }
    fn requests(scale: &Scale) -> Vec<Vec<()>> {
        vec![vec![(); scale.requests as usize]] // of process 0
    }
    fn monitor(scale: &Scale) -> LeaderMonitor {
        LeaderMonitor::new(scale.n)
    }
    fn environment(ground: GroundKind, scale: &Scale) -> Environment {
        usual::<<Ring as Process>::Model>(ground, scale.n)
    }
}

synod::main!(RingElection);
