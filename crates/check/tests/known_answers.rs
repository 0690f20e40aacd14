//! State spaces whose exact size is known from elsewhere.

mod paxos_world;

use paxos_world::{History, setting};
use synod_check::{Control, Engine, Options, Order, Report, check};

fn explore(clients: u32, engine: Engine, order: Order) -> Report<paxos_world::Role> {
    let options = Options { engine, order, ..Options::default() };
    let setting = setting(clients);
    check(&setting, &History::default(), |_| 0, &options, &mut |_| Control::Continue)
}

#[test]
fn paxos_with_two_clients_has_16_668_states_on_both_engines() {
    for engine in [Engine::Reference, Engine::Tabulating] {
        let report = explore(2, engine, Order::BreadthFirst);
        assert!(report.complete && report.holds(), "{engine:?}: {report}");
        // the published depth counts levels, the initial state being at level 1
        assert_eq!((report.states, report.transitions, report.depth + 1), (16_668, 32_970, 21), "{engine:?}");
    }
    let depth_first = explore(2, Engine::Tabulating, Order::DepthFirst);
    assert_eq!((depth_first.states, depth_first.transitions), (16_668, 32_970));
}

#[test]
fn paxos_with_three_clients_has_1_194_428_states() {
    let report = explore(3, Engine::Tabulating, Order::BreadthFirst);
    assert!(report.complete && report.holds(), "{report}");
    assert_eq!((report.states, report.transitions, report.depth + 1), (1_194_428, 2_420_476, 28));
}
