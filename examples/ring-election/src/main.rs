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

use synod::interface::Trust;
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
        ctx.send(ctx.group().after(ctx.me()), Message::Candidate(ctx.me()));
        Self { passes_all }
    }

    // upon event ⟨Elect⟩
    fn on_request(&mut self, (): (), ctx: &mut impl Context<Self>) {
        ctx.send(ctx.group().after(ctx.me()), Message::Candidate(ctx.me()));
    }

    // upon event ⟨Deliver | left, message⟩
    fn on_message(&mut self, _: ProcessId, message: Message, ctx: &mut impl Context<Self>) {
        let me = ctx.me();
        let passed = match message {
            Message::Candidate(p) if p == me => Message::Elected(me),
            Message::Candidate(p) if !self.passes_all => Message::Candidate(p.max(me)),
            Message::Elected(p) if p == me => return, // the news has been round
            Message::Candidate(_) | Message::Elected(_) => message,
        };
        if let Message::Elected(p) = passed {
            ctx.indicate(Trust(p));
        }
        ctx.send(ctx.group().after(me), passed);
    }

    no_timers!();
    no_storage!();
}

/// The algorithm as the grounds take it.
impl Algorithm for Ring {
    type Process = Self;
    type Monitor = LeaderMonitor;
    const NAME: &'static str = "ring-election";
    const PAGE: &'static str = include_str!("main.rs");
    const TWINS: &'static [Twin] = &[Twin::new("passes-all", "ELD2", "lower identities are passed on too")];

    fn scale(ground: GroundKind) -> Scale {
        if ground == GroundKind::Check { Scale::new(4, 1) } else { Scale::new(7, 20) }
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
}

synod::main!(Ring);
