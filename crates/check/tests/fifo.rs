//! Queues on links, and what a reduction by partial order makes of them.

mod ring_world;

use ring_world::{Elector, Leader, setting};
use synod_check::{Control, Engine, Measure, Options, Order, Report, Store, check};
use synod_model::ProcessId;
use synod_properties::Verdict;

fn explore(n: u32, never: Option<ProcessId>, options: &Options) -> Report<Elector> {
    let monitor = Leader::never(never);
    check(&setting(n), &monitor, |_| 0, options, &mut |_| Control::Continue)
}

#[test]
fn both_engines_count_the_same_states_of_queues() {
    for n in [2, 3, 4] {
        let of = |engine, store| {
            let report = explore(n, None, &Options { engine, store, ..Options::default() });
            assert!(report.complete && report.holds(), "{report}");
            (report.states, report.transitions, report.depth)
        };
        let plain = of(Engine::Reference, Store::Exact);
        for store in [Store::Fingerprint64, Store::Fingerprint128, Store::Exact] {
            assert_eq!(of(Engine::Tabulating, store), plain, "n = {n}, {store:?}");
        }
    }
}

#[test]
fn the_reduction_keeps_a_verdict_and_little_more_than_one_run() {
    let reduced = Options { partial_order: true, ..Options::default() };
    // SPIN has 399, 15,779, 106,435 and 723,053 states of these, and 61, 97, 115 and 133 with its reduction
    for (n, unreduced, least) in [(3, 25, 13), (5, 150, 21), (6, 384, 25), (7, 995, 29)] {
        let whole = explore(n, None, &Options::default());
        let report = explore(n, None, &reduced);
        assert!(report.complete && report.holds() && whole.holds(), "{report}");
        assert_eq!((whole.states, report.states), (unreduced, least), "n = {n}");
        assert!(
            whole.unreached.is_some() && report.unreached.is_none(),
            "what is left out may be what came to it"
        );
        // what can be refuted still is, by a run that replays
        let leader = number_of_the_greatest(n);
        let refuted = explore(n, Some(leader), &reduced);
        assert!(matches!(refuted.verdict("ONE"), Verdict::Violated { .. }), "n = {n}: {refuted}");
        let found = refuted.counterexample.expect("it is refuted");
        let trace = found.trace("ring", &setting(n));
        let replayed = synod_kernel::trace::replay::<Elector>(&trace).expect("it replays");
        assert_eq!(replayed.lines.len(), found.moves.len());
    }
}

#[test]
fn the_reduction_keeps_a_verdict_in_every_order() {
    let leader = number_of_the_greatest(5);
    let guided = [Measure::Coverage, Measure::Distance].map(|by| Order::Guided { by });
    let swarm = Order::Swarm { seed: 2, searches: 2, states_each: 1_000 };
    for order in [Order::DepthFirst, swarm].into_iter().chain(guided) {
        let options = Options { order, partial_order: true, ..Options::default() };
        let report = explore(5, None, &options);
        assert!(report.complete && report.holds() && report.states < 150, "{order:?}: {report}");
        let refuted = explore(5, Some(leader), &options);
        assert!(matches!(refuted.verdict("ONE"), Verdict::Violated { .. }), "{order:?}: {refuted}");
        assert!(!refuted.shortest, "what is left out may be shorter");
    }
}

/// Who wins: whoever is elected in a run.
fn number_of_the_greatest(n: u32) -> ProcessId {
    let winners = (0..n).map(ProcessId).filter(|&p| !explore(n, Some(p), &Options::default()).holds());
    let winners: Vec<_> = winners.collect();
    assert_eq!(winners.len(), 1, "one and the same in every run: {winners:?}");
    winners[0]
}

#[test]
fn the_reduction_gives_the_same_with_any_number_of_threads() {
    let of = |threads| {
        let report = explore(6, None, &Options { partial_order: true, threads, ..Options::default() });
        (report.states, report.transitions, report.depth)
    };
    assert_eq!(of(1), of(2));
}
