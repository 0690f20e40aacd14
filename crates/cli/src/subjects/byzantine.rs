//! Byzantine broadcast: process 0 is the sender, one of all may lie.

use super::broadcast::delivered_to_its_origin;
use super::{at_least, defect};
use synod_algorithms::broadcast::{DoubleEchoBroadcast, EchoBroadcast, double_echo, echo};
use synod_cli::Entry;
use synod_kernel::Environment;
use synod_model::bound::Bound;
use synod_model::interface::{Broadcast, BroadcastDeliver};
use synod_model::{Datum, Group, Process, ProcessId, ThirdFaulty};
use synod_properties::byzantine_broadcast::ByzantineBroadcast;
use synod_properties::{Algorithm, Completion, Cost, GroundKind, Metric, Scale, Told, Twin, usual};

pub(super) fn all() -> Vec<Entry> {
    vec![Entry::new::<Echo>(), Entry::new::<DoubleEcho>().also_checked_in(believed)]
}

/// Three of whom nobody may lie, with a sender that is asked to broadcast: validity and integrity speak of it alone.
fn believed(scale: &mut Scale, environment: &mut Environment) {
    (scale.n, scale.requests) = (scale.n.min(3), scale.requests.max(1));
    *environment = DoubleEcho::environment(GroundKind::Check, scale);
}

/// What is broadcast.
type Payload = Datum;

const SENDER: ProcessId = ProcessId(0);
/// What the sender is asked to broadcast, and what it is not: with two values one can tell two stories.
const VALUES: [Payload; 2] = [Datum(0), Datum(1)];

/// One instance, one broadcast.
fn requests(scale: &Scale) -> Vec<Vec<Broadcast<Payload>>> {
    vec![(scale.requests > 0).then_some(Broadcast(VALUES[0])).into_iter().collect()]
}

macro_rules! broadcasts {
    ($($(#[$doc:meta])* $name:ident: $process:ident, $module:ident, $text:literal, $page:literal, $monitor:ident,
        [$($say:ident),*], stories $stories:literal, asked $asked:literal, among $among:expr, costs [$messages:literal, $delays:literal],
        [$($twin:expr),*];)*) => {$(
        $(#[$doc])*
        struct $name;

        impl Algorithm for $name {
            type Process = $process<Payload>;
            type Monitor = ByzantineBroadcast<Payload>;

            const NAME: &'static str = $text;
            const PAGE: &'static str = include_str!(concat!("../../../algorithms/src/broadcast/", $page));
            const TWINS: &'static [Twin] = &[$($twin),*];

            const COSTS: &'static [Cost] = &[
                Cost::operation(Metric::Messages, $messages),
                Cost::operation(Metric::DelaysToAll, $delays),
                Cost::operation(Metric::Writes, "0"),
            ];

            fn completes(told: &Told<'_, Broadcast<Payload>, BroadcastDeliver<Payload>>) -> Option<Completion> {
                delivered_to_its_origin(told)
            }

            fn scale(ground: GroundKind) -> Scale {
                Scale::new(4, if ground == GroundKind::Check { $asked } else { 1 })
            }

            fn parameters(scale: &Scale) -> Result<$module::Parameters, String> {
                at_least(scale, 1, "somebody must broadcast")?;
                let f = ThirdFaulty::faulty_max(scale.n);
                Ok($module::Parameters { sender: SENDER, f, defect: defect(scale)? })
            }

            fn requests(scale: &Scale) -> Vec<Vec<Broadcast<Payload>>> {
                requests(scale)
            }

            fn lies(_: &Scale) -> Vec<$module::Message<Payload>> {
                VALUES.into_iter().take($stories).flat_map(|m| [$($module::Message::$say(m)),*]).collect()
            }

            /// The sender's second copy broadcasts something else.
            fn second_seat(scale: &Scale, process: ProcessId) -> Vec<Broadcast<Payload>> {
                let asked = process == SENDER && scale.requests > 0;
                asked.then_some(Broadcast(VALUES[1])).into_iter().collect()
            }

            fn monitor(scale: &Scale) -> Self::Monitor {
                ByzantineBroadcast::$monitor(scale.n, SENDER)
            }

            fn environment(ground: GroundKind, scale: &Scale) -> Environment {
                let mut environment = usual::<<Self::Process as Process>::Model>(ground, scale.n);
                if ground == GroundKind::Check {
                    environment.failures.among = $among;
                }
                environment
            }
        }
    )*};
}
broadcasts! {
    /// Authenticated echo broadcast.
    Echo: EchoBroadcast, echo, "echo-broadcast", "echo.rs", consistent, [Send, Echo],
        stories 2, asked 1, among None, costs ["n^2 - 1", "2"], [
        Twin::new("small-quorum", "BCB4", "it delivers what n - 2f have echoed: the sender tells two stories"),
        Twin::new("counts-echoes", "BCB3", "it counts echoes, not processes: one that repeats itself is many")
    ];
    /// Authenticated double-echo broadcast. Its two rounds of echoes make the world of a sender that all believe, and that
    /// of one with two stories, some thirty times larger: the sender is asked for nothing, and may lie with one.
    DoubleEcho: DoubleEchoBroadcast, double_echo, "double-echo-broadcast", "double_echo.rs", reliable,
        [Send, Echo, Ready], stories 1, asked 0, among Some(Group::first(1)),
        costs ["2n^2 - n - 1", "3"], [
        Twin::new("small-ready-quorum", "BRB5", "it delivers what f + 1 are ready for"),
        Twin::new("no-amplification", "BRB5", "it is ready for what was echoed alone, however many others are")
    ];
}
