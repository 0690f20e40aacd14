//! Raft, with registers by key under it.

use super::{at_least, defect};
use synod_algorithms::consensus::raft::{Payload, Raft, RaftParameters};
use synod_algorithms::machines::{ReadFrom, Registers, WriteTo};
use synod_cli::Entry;
use synod_kernel::{Budget, Environment};
use synod_model::interface::{self, Outcome, ReplicaEvent, Submit, Ticket};
use synod_model::{Datum, Process};
use synod_properties::{
    Algorithm, Ask, Completion, GroundKind, Object, OperationKind, ReplicatedLog, ReplicatedMachine, Scale,
    Told, Twin, usual,
};

pub(super) fn all() -> Vec<Entry> {
    vec![Entry::checked_as::<RaftRegisters<false>, RaftRegisters<true>>().also_checked_in(restarting)]
}

const TWINS: &[Twin] = &[
    Twin::new("vote-not-stored", "election-safety", "term and vote are not stored"),
    Twin::new("term-and-vote-apart", "election-safety", "the vote is stored after it is given"),
    Twin::new(
        "votes-for-older-logs",
        "leader-completeness",
        "a process votes for a candidate whose log is behind its own",
    ),
    Twin {
        n: Some(2),
        requests: Some(2),
        ..Twin::new(
            "truncates-always",
            "state-machine-safety",
            "a follower drops what follows the entries that it is sent, also where they match",
        )
    },
    Twin {
        n: Some(2),
        ..Twin::new(
            "commit-goes-back",
            "state-machine-safety",
            "a follower commits what the leader says last",
        )
    },
    Twin::new("answers-before-commit", "linearizability", "a leader answers before the entry is committed"),
    Twin::new("forgets-sessions", "linearizability", "a command that is asked twice is executed twice"),
];

type Asked = Submit<WriteTo, ReadFrom>;
type Event = ReplicaEvent<Payload<WriteTo>, Option<Datum>>;

/// The k-th of the requests that are made anyway: writes and queries by turns.
fn request(k: u32) -> Asked {
    let key = u64::from(k / 2 % 2);
    let value = Datum(u64::from(k) + 1);
    let ask = match k % 2 {
        0 => interface::Ask::Execute { stamp: None, command: WriteTo { key, value } },
        _ => interface::Ask::Query(ReadFrom { key }),
    };
    Submit { ticket: Ticket(u64::from(k) + 1), ask }
}

/// Explored besides: one process of two that restarts, up to two terms.
fn restarting(scale: &mut Scale, environment: &mut Environment) {
    scale.n = 2;
    environment.processes = 2;
    environment.failures.restarts = Budget::AtMost(1);
    environment.measure = Budget::AtMost(2);
}

/// Explored it is Figure 2 and nothing else; where it runs it has all of its parts.
struct RaftRegisters<const EXPLORED: bool>;

impl<const EXPLORED: bool> Algorithm for RaftRegisters<EXPLORED> {
    type Process = Raft<Registers>;
    type Monitor = (ReplicatedLog<Payload<WriteTo>>, ReplicatedMachine<Registers>);

    const NAME: &'static str = "raft";
    const PAGE: &'static str = include_str!("../../../algorithms/src/consensus/raft.rs");
    const TWINS: &'static [Twin] = TWINS;
    const MEASURE: Option<&'static str> = Some("terms");
    const OPERATIONS: &'static [OperationKind] =
        &[OperationKind::plain("read"), OperationKind::with_value("write")];
    const KEYED: bool = true;
    const OBJECT: Option<Object> = Some(Object::Register);

    fn operation(_: &Scale, ask: &Ask) -> Option<Asked> {
        let command = WriteTo { key: ask.key, value: Datum(ask.value) };
        let asked = if ask.kind.carries {
            interface::Ask::Execute { stamp: None, command }
        } else {
            interface::Ask::Query(ReadFrom { key: ask.key })
        };
        Some(Submit { ticket: Ticket(ask.value), ask: asked })
    }

    fn completes(told: &Told<'_, Asked, Event>) -> Option<Completion> {
        let ReplicaEvent::Settled { ticket, outcome: Outcome::Answer(answer) } = told.indication else {
            return None;
        };
        if (told.by, *ticket) != (told.asked, told.request.ticket) {
            return None;
        }
        Some(match told.request.ask {
            interface::Ask::Query(_) => Completion::Value("value", answer.map(|datum| datum.0)),
            _ => Completion::Done("written"),
        })
    }

    fn measure(process: &Self::Process) -> u64 {
        process.term().0
    }

    fn scale(ground: GroundKind) -> Scale {
        match ground {
            GroundKind::Check => Scale::new(3, 1),
            GroundKind::Sim => Scale::new(5, 40),
            GroundKind::Run => Scale::new(3, 12),
        }
    }

    fn parameters(scale: &Scale) -> Result<RaftParameters, String> {
        at_least(scale, 1, "somebody must lead")?;
        let whole = RaftParameters {
            witnessed: true,
            compact_after: 8,
            compact_keep: 2,
            ..RaftParameters::default()
        };
        let parameters = if EXPLORED { RaftParameters::figure_2() } else { whole };
        Ok(RaftParameters { defect: defect(scale)?, ..parameters })
    }

    fn requests(scale: &Scale) -> Vec<Vec<Asked>> {
        if EXPLORED {
            return vec![(0..scale.requests).map(|k| request(2 * k)).collect()];
        }
        let of = |p| (0..scale.requests).filter(|k| k % scale.n == p).map(request).collect();
        (0..scale.n).map(of).collect()
    }

    fn monitor(_: &Scale) -> Self::Monitor {
        (ReplicatedLog::new(), ReplicatedMachine::new())
    }

    fn environment(ground: GroundKind, scale: &Scale) -> Environment {
        let mut environment = usual::<<Self::Process as Process>::Model>(ground, scale.n);
        if ground == GroundKind::Check {
            environment.failures.stops = Budget::NONE;
            environment.failures.restarts = Budget::NONE;
            environment.links.losses = Budget::NONE;
            environment.links.duplications = Budget::NONE;
            environment.measure = Budget::AtMost(1);
            match scale.defect.as_deref() {
                Some("vote-not-stored" | "term-and-vote-apart") => {
                    environment.failures.restarts = Budget::AtMost(1);
                }
                Some("votes-for-older-logs") => environment.measure = Budget::AtMost(2),
                Some("truncates-always") => environment.links.duplications = Budget::AtMost(1),
                _ => {}
            }
        }
        environment
    }
}
