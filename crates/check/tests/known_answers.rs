//! State spaces whose exact size is known from elsewhere.

mod abd_world;
mod paxos_world;
mod register_clients;

use register_clients::History;
use synod_check::{Control, Engine, Options, Order, Report, Store, check};
use synod_kernel::Setting;

fn paxos(clients: u32, engine: Engine, order: Order) -> Report<paxos_world::Role> {
    let options = Options { engine, order, ..Options::default() };
    let setting = paxos_world::setting(clients);
    check(&setting, &History::default(), |_| 0, &options, &mut |_| Control::Continue)
}

#[test]
fn paxos_with_two_clients_has_16_668_states_on_both_engines() {
    for engine in [Engine::Reference, Engine::Tabulating] {
        let report = paxos(2, engine, Order::BreadthFirst);
        assert!(report.complete && report.holds(), "{engine:?}: {report}");
        // the published depth counts levels, the initial state being at level 1
        assert_eq!((report.states, report.transitions, report.depth + 1), (16_668, 32_970, 21), "{engine:?}");
    }
    let depth_first = paxos(2, Engine::Tabulating, Order::DepthFirst);
    assert_eq!((depth_first.states, depth_first.transitions), (16_668, 32_970));
}

#[test]
fn paxos_with_three_clients_has_1_194_428_states() {
    let report = paxos(3, Engine::Tabulating, Order::BreadthFirst);
    assert!(report.complete && report.holds(), "{report}");
    assert_eq!((report.states, report.transitions, report.depth + 1), (1_194_428, 2_420_476, 28));
}

fn abd(setting: &Setting<abd_world::Role>, engine: Engine, store: Store) -> (u64, u64, u32) {
    let options = Options { engine, store, ..Options::default() };
    let report = check(setting, &History::default(), |_| 0, &options, &mut |_| Control::Continue);
    assert!(report.complete && report.holds(), "{engine:?}, {store:?}: {report}");
    (report.states, report.transitions, report.depth)
}

#[test]
fn small_abd_registers_have_known_numbers_of_states_on_both_engines() {
    // the first is published; the others are those of a model on the other checker, run beside this one
    for (servers, clients, fifo, states) in
        [(2, 2, false, 544), (2, 1, true, 13), (2, 2, true, 620), (3, 1, true, 559)]
    {
        let setting = abd_world::setting(servers, clients, fifo);
        let plain = abd(&setting, Engine::Reference, Store::Exact);
        assert_eq!(plain.0, states, "{servers} servers, {clients} clients");
        for store in [Store::Fingerprint64, Store::Fingerprint128, Store::Exact] {
            let tabulated = abd(&setting, Engine::Tabulating, store);
            assert_eq!(tabulated, plain, "{servers} servers, {clients} clients, {store:?}");
        }
    }
}

#[test]
fn the_abd_register_on_links_in_order_has_1_212_979_states() {
    let setting = abd_world::setting(3, 2, true);
    let found = abd(&setting, Engine::Tabulating, Store::Fingerprint64);
    assert_eq!(found, (1_212_979, 4_730_933, 40));
}

#[test]
fn an_ignored_message_that_stays_blocks_its_queue_on_both_engines() {
    let of = |stays, engine, store| {
        let mut setting = abd_world::setting(2, 2, true);
        setting.environment.links.ignored_stay = stays;
        let options = Options { engine, store, ..Options::default() };
        let report = check(&setting, &History::default(), |_| 0, &options, &mut |_| Control::Continue);
        assert!(report.complete, "{report}");
        (report.states, report.transitions, report.depth)
    };
    let plain = of(true, Engine::Reference, Store::Exact);
    for store in [Store::Fingerprint64, Store::Exact] {
        assert_eq!(of(true, Engine::Tabulating, store), plain, "{store:?}");
    }
    // nobody gets past what a busy server leaves lying
    assert!(plain.0 < of(false, Engine::Reference, Store::Exact).0);
}

#[test]
fn of_paxos_a_quarter_is_left_without_what_nobody_will_heed() {
    for (clients, threads, left) in [(2, 1, 6_038), (3, 1, 280_499), (3, 2, 280_499)] {
        let options = Options { forget: true, threads, ..Options::default() };
        let setting = paxos_world::setting(clients);
        let report = check(&setting, &History::default(), |_| 0, &options, &mut |_| Control::Continue);
        assert!(report.complete && report.holds(), "{report}");
        assert_eq!(report.states, left, "{clients} clients, {threads} threads");
    }
}

#[test]
fn of_paxos_with_two_clients_a_seventh_is_left_by_all_reductions() {
    for (partial_order, forget, left) in
        [(false, true, (6_038, 15_149)), (true, false, (8_747, 10_406)), (true, true, (2_436, 3_459))]
    {
        for threads in [1, 2] {
            let options = Options { partial_order, forget, threads, ..Options::default() };
            let setting = paxos_world::setting(2);
            let report = check(&setting, &History::default(), |_| 0, &options, &mut |_| Control::Continue);
            assert!(report.complete && report.holds(), "{report}");
            assert_eq!((report.states, report.transitions), left, "{threads} threads");
        }
    }
}

#[test]
fn what_a_register_can_be_refuted_in_still_is_with_steps_left_out() {
    for (servers, clients, fifo) in [(2, 2, false), (2, 2, true), (3, 1, true)] {
        let setting = abd_world::setting(servers, clients, fifo);
        let of = |partial_order| {
            let options = Options { partial_order, ..Options::default() };
            let report = check(&setting, &History::default(), |_| 0, &options, &mut |_| Control::Continue);
            (report.verdicts, report.states)
        };
        let ((whole, all), (reduced, left)) = (of(false), of(true));
        assert_eq!(reduced, whole);
        assert!(left < all, "{left} of {all} states");
    }
}
