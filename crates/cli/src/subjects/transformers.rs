//! The library's link transformers, and the chains of them that algorithms are made over.

use synod_algorithms::links::{EliminateDuplicates, FifoLink, PerfectOverFairLoss, RetransmitForever};
use synod_cli::Entry;
use synod_cli::transformers::{Chain, LinkFor, Rung};
use synod_model::{Layers, Process, RunsOver, Value};
use synod_properties::Algorithm;

/// All that build links for a layer above. (`log-delivered` tells of its log, `stop-and-wait` confirms: their layers above
/// are of another kind.)
pub(crate) fn all() -> Vec<Rung> {
    vec![
        Rung::of::<RetransmitForever<u8>>("retransmit-forever"),
        Rung::of::<EliminateDuplicates<u8>>("eliminate-duplicates"),
        Rung::of::<FifoLink<u8>>("fifo-link"),
    ]
}

/// Perfect links of fair-loss ones.
pub(super) struct FromFairLoss;

impl Chain for FromFairLoss {
    type Link<M: Value> = PerfectOverFairLoss<M>;
    const NAMES: &'static [&'static str] = &["eliminate-duplicates", "retransmit-forever"];

    fn parameters<M: Value>() -> <PerfectOverFairLoss<M> as Process>::Parameters {
        Layers::default()
    }
}

/// Perfect links of stubborn ones.
pub(super) struct FromStubborn;

impl Chain for FromStubborn {
    type Link<M: Value> = EliminateDuplicates<M>;
    const NAMES: &'static [&'static str] = &["eliminate-duplicates"];

    fn parameters<M: Value>() -> <EliminateDuplicates<M> as Process>::Parameters {
        synod_algorithms::links::eliminate_duplicates::Parameters::default()
    }
}

/// An algorithm for perfect links, checked as `K`: also over those that are made of weaker ones.
pub(super) fn over_weaker_links<A: Algorithm, K: Algorithm>(entry: Entry) -> Entry
where
    A::Process: RunsOver<LinkFor<A, FromFairLoss>> + RunsOver<LinkFor<A, FromStubborn>>,
    K::Process: RunsOver<LinkFor<K, FromFairLoss>> + RunsOver<LinkFor<K, FromStubborn>>,
{
    entry.over::<A, K, FromFairLoss>().over::<A, K, FromStubborn>()
}
