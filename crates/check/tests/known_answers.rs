//! State spaces whose exact size is known from elsewhere.

mod abd_world;
mod paxos_world;
mod register_clients;

use register_clients::History;
use synod_check::{Control, Engine, Options, Order, Report, Store, check};

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

fn abd((servers, clients): (u32, u32), fifo: bool, options: &Options) -> Report<abd_world::Role> {
    let setting = abd_world::setting(servers, clients, fifo);
    let report = check(&setting, &History::default(), |_| 0, options, &mut |_| Control::Continue);
    assert!(report.complete && report.holds(), "{report}");
    report
}

#[test]
fn small_abd_registers_have_the_same_states_on_both_engines() {
    for (size, fifo, states) in
        [((2, 2), false, 544), ((2, 1), true, 0), ((2, 2), true, 0), ((3, 1), true, 0)]
    {
        let of = |engine, store| {
            let report = abd(size, fifo, &Options { engine, store, ..Options::default() });
            (report.states, report.transitions, report.depth)
        };
        let plain = of(Engine::Reference, Store::Exact);
        eprintln!("{size:?} {fifo} {plain:?} {states}");
        for store in [Store::Fingerprint64, Store::Exact] {
            assert_eq!(of(Engine::Tabulating, store), plain, "{size:?}, {store:?}");
        }
    }
}

#[test]
fn the_abd_register_with_two_clients_on_links_in_order_has_1_212_979_states() {
    let report = abd((3, 2), true, &Options::default());
    eprintln!("{report} {} {}", report.transitions, report.depth);
    assert_eq!(report.states, 1_212_979);
}
