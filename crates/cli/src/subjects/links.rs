//! The ladder of links, each rung over the ones below it, down to fair-loss links: process p sends to process p + 1.

use super::{at_least, defect};
use std::time::Duration;
use synod_algorithms::congestion::WindowConstants;
use synod_algorithms::links::retransmission_timeout::Constants;
use synod_algorithms::links::{
    FifoOverFairLoss, LinkSend, LoggedOverFairLoss, PerfectOverFairLoss, RetransmitForever, SelectiveRepeat,
    StopAndWait, eliminate_duplicates, fifo, log_delivered, retransmit_forever, selective_repeat,
    stop_and_wait,
};
use synod_cli::Entry;
use synod_kernel::{Budget, Environment};
use synod_model::failure::FailureKind;
use synod_model::interface::{ConfirmedLink, LinkDeliver, LogDeliver};
use synod_model::{Layers, Process, ProcessId};
use synod_properties::confirmed_links::ConfirmedLinks;
use synod_properties::links::{FifoLinks, LoggedLinks, PerfectLinks, StubbornLinks};
use synod_properties::{
    Algorithm, Ask, Completion, Cost, GroundKind, Metric, OperationKind, Scale, Told, Twin, usual,
};

pub(super) fn all() -> Vec<Entry> {
    vec![
        Entry::new::<Stubborn>(),
        Entry::new::<Perfect>(),
        Entry::new::<Logged>(),
        Entry::new::<Fifo>(),
        Entry::simulated::<Acknowledged>(),
        Entry::new::<Selective>(),
    ]
}

/// What is sent.
type Payload = u32;

fn scale(ground: GroundKind) -> Scale {
    match ground {
        GroundKind::Check => Scale::new(2, 2),
        GroundKind::Sim => Scale::new(4, 5),
        GroundKind::Run => Scale::new(4, 40),
    }
}

fn requests(scale: &Scale) -> Vec<Vec<LinkSend<Payload>>> {
    let of = |p: u32| {
        let send = |k| LinkSend { to: ProcessId(p + 1), message: 100 * p + k };
        (0..scale.requests).map(send).collect()
    };
    (0..scale.n - 1).map(of).collect()
}

fn two(scale: &Scale) -> Result<(), String> {
    at_least(scale, 2, "a link has two ends")
}

macro_rules! links {
    ($($(#[$doc:meta])* $name:ident: $process:ident, $text:literal, $page:literal, $monitor:ident, messages $messages:literal, writes $writes:literal,
        delivers $delivers:expr, [$($twin:expr),*],
        |$scale:ident| $parameters:expr;)*) => {$(
        $(#[$doc])*
        struct $name;

        impl Algorithm for $name {
            type Process = $process<Payload>;
            type Monitor = $monitor<Payload>;

            const NAME: &'static str = $text;
            const PAGE: &'static str = include_str!(concat!("../../../algorithms/src/links/", $page));
            const TWINS: &'static [Twin] = &[$($twin),*];

            const OPERATIONS: &'static [OperationKind] = &[OperationKind::with_value("send")];
            const COSTS: &'static [Cost] = if $messages.is_empty() {
                &[]
            } else {
                &[
                    Cost::operation(Metric::Messages, $messages),
                    Cost::operation(Metric::Delays, "1"),
                    Cost::operation(Metric::Writes, $writes),
                ]
            };

            fn environment(ground: GroundKind, scale: &Scale) -> Environment {
                let mut environment = usual::<<Self::Process as Process>::Model>(ground, scale.n);
                if Self::NAME == Selective::NAME {
                    none_restarts(&mut environment);
                }
                environment
            }

            fn operation(_: &Scale, ask: &Ask) -> Option<LinkSend<Payload>> {
                Some(LinkSend { to: ProcessId(ask.at.0 + 1), message: ask.value as Payload })
            }

            fn completes(
                told: &Told<'_, LinkSend<Payload>, <Self::Process as Process>::Indication>,
            ) -> Option<Completion> {
                let LinkSend { to, message } = told.request;
                let delivers: fn(&<Self::Process as Process>::Indication) -> Option<&LinkDeliver<Payload>> = $delivers;
                let delivered = delivers(told.indication)?;
                let it = told.by == *to && delivered.from == told.asked && delivered.message == *message;
                it.then_some(Completion::Done("delivered"))
            }

            fn scale(ground: GroundKind) -> Scale {
                scale(ground)
            }

            fn parameters($scale: &Scale) -> Result<<Self::Process as Process>::Parameters, String> {
                two($scale)?;
                Ok($parameters)
            }

            fn requests(scale: &Scale) -> Vec<Vec<LinkSend<Payload>>> {
                requests(scale)
            }

            fn monitor(_: &Scale) -> Self::Monitor {
                $monitor::default()
            }
        }
    )*};
}
links! {
    /// Retransmit forever, over fair-loss links.
    Stubborn: RetransmitForever, "retransmit-forever", "retransmit_forever.rs", StubbornLinks, messages "1 + firings", writes "0", delivers |told| Some(told),
        [Twin::new("stops-after-1", "SL1", "it retransmits once and no more")],
        |scale| retransmit_forever::Parameters { defect: stops(scale)? };
    /// Eliminate duplicates, over retransmit forever.
    Perfect: PerfectOverFairLoss, "eliminate-duplicates", "eliminate_duplicates.rs", PerfectLinks, messages "1 + firings", writes "0", delivers |told| Some(told),
        [Twin::new("no-filter", "PL2", "it delivers whatever arrives")],
        |scale| Layers { upper: eliminate_duplicates::Parameters { defect: defect(scale)? }, ..Layers::default() };
    /// Log delivered, over retransmit forever.
    Logged: LoggedOverFairLoss, "log-delivered", "log_delivered.rs", LoggedLinks, messages "1 + firings", writes "1", delivers entry,
        [Twin::new("delivers-before-it-logs", "LPL2", "it delivers first, and logs then")],
        |scale| Layers { upper: log_delivered::Parameters { defect: defect(scale)? }, ..Layers::default() };
    /// FIFO links, over eliminate duplicates, over retransmit forever: the whole ladder.
    Fifo: FifoOverFairLoss, "fifo-link", "fifo.rs", FifoLinks, messages "1 + firings", writes "0", delivers |told| Some(told),
        [Twin::new("no-hold-back", "FPL4", "it delivers in the order of arrival")],
        |scale| Layers { upper: fifo::Parameters { defect: defect(scale)? }, ..Layers::default() };
    /// Selective repeat, with a congestion window. What it costs depends on what was sent before.
    Selective: SelectiveRepeat, "selective-repeat", "selective_repeat.rs", PerfectLinks,
        messages "", writes "0", delivers |told| Some(told),
        [
            Twin::new("no-filter", "PL2", "the receiver delivers every copy"),
            Twin::new("highest-for-all", "PL1", "an acknowledgement beyond a gap is taken for all before it")
        ],
        |scale| selective_repeat::Parameters { defect: defect(scale)?, ..selective(scale) };
    /// Stop-and-wait, with a fixed timeout.
    Acknowledged: StopAndWait, "stop-and-wait", "stop_and_wait.rs", ConfirmedLinks,
        messages "2", writes "0", delivers delivered,
        [
            Twin::new("gives-up", "FPL4", "it takes the next message after two transmissions"),
            Twin::new("any-acknowledgement", "confirmation", "it takes any acknowledgement for that of the message under way"),
            Twin::new("counts-no-copies", "PL2", "the receiver delivers every copy")
        ],
        |scale| stop_and_wait::Parameters { defect: defect(scale)?, ..stop_and_wait::Parameters::default() };
}

/// It stands under processes that restart, and what is under way to them is lost: the promises are those between others.
fn none_restarts(environment: &mut Environment) {
    environment.failures.kind = FailureKind::CrashStop;
    environment.failures.restarts = Budget::NONE;
    environment.storage.torn_writes = Budget::NONE;
}

/// Between two processes all that is many elsewhere is one or two, for the checker.
fn selective(scale: &Scale) -> selective_repeat::Parameters {
    let usual = selective_repeat::Parameters::default();
    if scale.n > 2 {
        return usual;
    }
    let pulse = Duration::from_millis(1);
    selective_repeat::Parameters {
        window: WindowConstants { initial: 2, step: 1, max: 2 },
        timeout: Constants { initial: pulse, min: pulse, max: pulse, granularity: pulse },
        acknowledge_every: 1,
        reordering: 1,
        jitter: false,
        ..usual
    }
}

/// What is delivered, of what a link that acknowledges tells.
fn delivered(told: &ConfirmedLink<Payload>) -> Option<&LinkDeliver<Payload>> {
    match told {
        ConfirmedLink::Deliver(delivered) => Some(delivered),
        ConfirmedLink::Confirm { .. } => None,
    }
}

/// By how much the log has grown.
fn entry(told: &LogDeliver<Payload>) -> Option<&LinkDeliver<Payload>> {
    match told {
        LogDeliver::Deliver(entry) => Some(entry),
        LogDeliver::Recovered(_) => None,
    }
}

/// The twin that stops carries a number.
fn stops(scale: &Scale) -> Result<Option<retransmit_forever::Defect>, String> {
    match scale.defect.as_deref() {
        None => Ok(None),
        Some("stops-after-1") => Ok(Some(retransmit_forever::Defect::StopsAfter(1))),
        Some(name) => Err(format!("there is no defect {name}")),
    }
}
