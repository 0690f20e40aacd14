//! Broadcast: every process broadcasts, but in the smallest worlds.

use super::transformers::over_weaker_links;
use super::{at_least, defect};
use synod_algorithms::broadcast::{
    BestEffortBroadcast, EagerReliableBroadcast, MajorityAckBroadcast, best_effort, eager_reliable,
    majority_ack,
};
use synod_cli::Entry;
use synod_model::Datum;
use synod_model::interface::{Broadcast, BroadcastDeliver};
use synod_properties::broadcast::BroadcastMonitor;
use synod_properties::{
    Algorithm, Ask, Completion, Cost, GroundKind, Metric, OperationKind, Scale, Told, Twin,
};

pub(super) fn all() -> Vec<Entry> {
    vec![
        over_weaker_links::<EagerReliable, EagerReliable>(Entry::new::<EagerReliable>()),
        over_weaker_links::<MajorityAck, MajorityAck>(Entry::new::<MajorityAck>()),
        over_weaker_links::<BestEffort, BestEffort>(Entry::new::<BestEffort>()),
    ]
}

/// What is broadcast.
type Payload = Datum;

fn scale(ground: GroundKind) -> Scale {
    match ground {
        GroundKind::Check => Scale::new(3, 1),
        GroundKind::Sim => Scale::new(5, 20),
        GroundKind::Run => Scale::new(5, 60),
    }
}

/// The processes take turns, beginning with process 0.
fn requests(scale: &Scale) -> Vec<Vec<Broadcast<Payload>>> {
    let of =
        |p| (0..scale.requests).filter(|k| k % scale.n == p).map(|k| Broadcast(Datum(k.into()))).collect();
    (0..scale.n).map(of).collect()
}

/// Who broadcasts is done when it delivers its own message.
pub(super) fn delivered_to_its_origin(
    told: &Told<'_, Broadcast<Payload>, BroadcastDeliver<Payload>>,
) -> Option<Completion> {
    let BroadcastDeliver { origin, message } = told.indication;
    let own = told.asked == told.by && *origin == told.asked && *message == told.request.0;
    own.then_some(Completion::Done("delivered"))
}

macro_rules! broadcasts {
    ($($(#[$doc:meta])* $name:ident: $process:ident, $module:ident, $text:literal, $page:literal, $monitor:ident,
        costs [$messages:literal, $delays:literal, $to_all:literal], [$($twin:expr),*];)*) => {$(
        $(#[$doc])*
        struct $name;

        impl Algorithm for $name {
            type Process = $process<Payload>;
            type Monitor = BroadcastMonitor<Payload>;

            const NAME: &'static str = $text;
            const PAGE: &'static str = include_str!(concat!("../../../algorithms/src/broadcast/", $page));
            const TWINS: &'static [Twin] = &[$($twin),*];

            const OPERATIONS: &'static [OperationKind] = &[OperationKind::with_value("broadcast")];
            const COSTS: &'static [Cost] = &[
                Cost::operation(Metric::Messages, $messages),
                Cost::operation(Metric::Delays, $delays),
                Cost::operation(Metric::DelaysToAll, $to_all),
                Cost::operation(Metric::Writes, "0"),
            ];

            fn operation(_: &Scale, ask: &Ask) -> Option<Broadcast<Payload>> {
                Some(Broadcast(Datum(ask.value)))
            }

            fn completes(told: &Told<'_, Broadcast<Payload>, BroadcastDeliver<Payload>>) -> Option<Completion> {
                delivered_to_its_origin(told)
            }

            fn scale(ground: GroundKind) -> Scale {
                scale(ground)
            }

            fn parameters(scale: &Scale) -> Result<$module::Parameters, String> {
                at_least(scale, 1, "somebody must broadcast")?;
                Ok($module::Parameters { defect: defect(scale)? })
            }

            fn requests(scale: &Scale) -> Vec<Vec<Broadcast<Payload>>> {
                requests(scale)
            }

            fn monitor(scale: &Scale) -> Self::Monitor {
                BroadcastMonitor::$monitor(scale.n)
            }
        }
    )*};
}
broadcasts! {
    /// Best-effort broadcast.
    BestEffort: BestEffortBroadcast, best_effort, "best-effort-broadcast", "best_effort.rs", best_effort,
        costs ["n - 1", "0", "1"], [Twin::new("skips-the-last", "BEB1", "it does not send to the last process")];
    /// Eager reliable broadcast.
    EagerReliable: EagerReliableBroadcast, eager_reliable, "eager-reliable-broadcast", "eager_reliable.rs", reliable,
        costs ["n^2 - 1", "0", "1"], [Twin::new("no-relay", "RB4", "what is delivered is not relayed")];
    /// Majority-ack uniform reliable broadcast.
    MajorityAck: MajorityAckBroadcast, majority_ack, "majority-ack-broadcast", "majority_ack.rs", uniform,
        costs ["n(n - 1)", "2", "2"], [
            Twin::new("delivers-on-first-ack", "URB4", "it delivers on the first acknowledgement instead of a majority's"),
            Twin::new("waits-for-all", "URB1", "it delivers what all have acknowledged, of whom one may have stopped")
        ];
}
