//! Registers: two clients, the other processes are servers.

use super::transformers::over_weaker_links;
use super::{at_least, defect};
use synod_algorithms::registers::{AbdRegister, RegisterRequest, RegisterReturn, abd};
use synod_cli::Entry;
use synod_kernel::{Budget, Environment};
use synod_model::{Datum, Process};
use synod_properties::{
    Algorithm, Ask, AtomicRegister, Completion, Cost, GroundKind, Metric, Object, OperationKind, Scale, Told,
    Twin, usual,
};

pub(super) fn all() -> Vec<Entry> {
    vec![over_weaker_links::<Abd, Abd>(Entry::new::<Abd>())]
}

/// What is written.
type Value = Datum;

const CLIENTS: u32 = 2;

/// The ABD register.
struct Abd;

impl Algorithm for Abd {
    type Process = AbdRegister<Value>;
    type Monitor = AtomicRegister<Value>;

    const NAME: &'static str = "abd";
    const PAGE: &'static str = include_str!("../../../algorithms/src/registers/abd.rs");
    const TWINS: &'static [Twin] = &[
        Twin {
            requests: Some(4),
            ..Twin::new("no-write-back", "NNAR2", "a read returns what it found without telling a majority")
        },
        Twin {
            requests: Some(1),
            ..Twin::new(
                "waits-for-all",
                "NNAR1",
                "a client waits for all servers, of which one may have stopped",
            )
        },
    ];

    const OPERATIONS: &'static [OperationKind] =
        &[OperationKind::plain("read"), OperationKind::with_value("write")];
    const IN_ORDER: bool = true;
    const OBJECT: Option<Object> = Some(Object::Register);
    const COSTS: &'static [Cost] = &[
        Cost::operation(Metric::Messages, "4(n - 2)"),
        Cost::operation(Metric::Delays, "4"),
        Cost::operation(Metric::DelaysToAll, "4"),
        Cost::operation(Metric::Writes, "0"),
    ];

    fn operation(_: &Scale, ask: &Ask) -> Option<RegisterRequest<Value>> {
        Some(if ask.kind.carries { RegisterRequest::Write(Datum(ask.value)) } else { RegisterRequest::Read })
    }

    fn completes(told: &Told<'_, RegisterRequest<Value>, RegisterReturn<Value>>) -> Option<Completion> {
        match (told.request, told.indication) {
            _ if told.asked != told.by => None,
            (RegisterRequest::Read, RegisterReturn::ReadReturn(value)) => {
                Some(Completion::Value("value", value.map(|value| value.0)))
            }
            (RegisterRequest::Write(_), RegisterReturn::WriteReturn) => Some(Completion::Done("written")),
            _ => None,
        }
    }

    fn scale(ground: GroundKind) -> Scale {
        match ground {
            GroundKind::Check => Scale::new(5, 2),
            GroundKind::Sim => Scale::new(7, 12),
            GroundKind::Run => Scale::new(7, 80),
        }
    }

    fn parameters(scale: &Scale) -> Result<abd::Parameters, String> {
        at_least(scale, CLIENTS + 1, "there are two clients, the rest are servers")?;
        Ok(abd::Parameters { servers: scale.n - CLIENTS, clients: CLIENTS, defect: defect(scale)? })
    }

    /// Of three operations of a client one writes: the first client's first, the second client's third.
    fn requests(scale: &Scale) -> Vec<Vec<RegisterRequest<Value>>> {
        let servers = scale.n.saturating_sub(CLIENTS);
        let ask = |k: u32| match (k / CLIENTS + k % CLIENTS) % 3 {
            0 => RegisterRequest::Write(Datum(k.into())),
            _ => RegisterRequest::Read,
        };
        let of = |client| (0..scale.requests).filter(|k| k % CLIENTS == client).map(ask).collect();
        (0..servers).map(|_| Vec::new()).chain((0..CLIENTS).map(of)).collect()
    }

    fn monitor(_: &Scale) -> Self::Monitor {
        AtomicRegister::new()
    }

    /// Servers fail, a minority of them.
    fn environment(ground: GroundKind, scale: &Scale) -> Environment {
        let mut environment = usual::<<Self::Process as Process>::Model>(ground, scale.n);
        let servers = scale.n.saturating_sub(CLIENTS);
        environment.failures.among = Some(synod_model::Group::first(servers));
        environment.failures.stops = Budget::AtMost(servers.saturating_sub(1) / 2);
        environment
    }
}
