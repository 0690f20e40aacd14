//! The algorithms behind the numbers keep what they promise in every run, under random faults; each of their twins is found out.

use std::time::Duration;
use synod_algorithms::detectors::{FreshnessPoints, Swim, freshness_points, swim};
use synod_algorithms::gossip::rumor_mongering::{self, Direction, RumorMongering};
use synod_algorithms::gossip::{AntiEntropy, Infection, anti_entropy, infection};
use synod_algorithms::links::{LinkSend, StopAndWait, stop_and_wait};
use synod_kernel::Setting;
use synod_model::interface::Update;
use synod_model::timing::TimingKind;
use synod_model::{Bounds, Process, ProcessId, Rounds};
use synod_properties::completeness::CompletenessMonitor;
use synod_properties::confirmed_links::ConfirmedLinks;
use synod_properties::epidemic::EpidemicMonitor;
use synod_properties::{GroundKind, Monitor, usual};
use synod_sim::{Options, run};

/// The property that the first of these runs breaks that breaks one, and how many of them reached a goal.
fn broken<P, M>(
    n: u32,
    parameters: P::Parameters,
    requests: Vec<Vec<P::Request>>,
    monitor: M,
) -> (Option<String>, usize)
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let mut environment = usual::<P::Model>(GroundKind::Sim, n);
    if environment.timing.kind == TimingKind::Synchronous {
        let delay = environment.links.delay_max;
        environment.timing.bounds = Some(Bounds { delay, step: Duration::ZERO, drift_ppm: 0 });
    }
    let setting = Setting::<P>::new(environment, parameters, requests);
    let mut reached = 0;
    for seed in 0..60 {
        let outcome = run(&setting, &monitor, seed, &Options::default());
        reached += usize::from(!outcome.reached.is_empty());
        if let Some(broken) = outcome.broken() {
            return (Some(broken.property), reached);
        }
    }
    (None, reached)
}

fn holds((broken, reached): (Option<String>, usize)) {
    assert_eq!(broken, None);
    assert!(reached > 0, "no run came to its goal");
}

fn breaks(property: &str, (broken, _): (Option<String>, usize)) {
    assert_eq!(broken.as_deref(), Some(property));
}

#[test]
fn detectors_are_complete() {
    let points = |defect| {
        let parameters = freshness_points::Parameters { defect, ..freshness_points::Parameters::default() };
        broken::<FreshnessPoints, _>(5, parameters, vec![], CompletenessMonitor::new(5))
    };
    holds(points(None));
    breaks("EPFD1", points(Some(freshness_points::Defect::AnyIsFresh)));
    let probes = |defect| {
        let parameters = swim::Parameters { defect, ..swim::Parameters::default() };
        broken::<Swim, _>(5, parameters, vec![], CompletenessMonitor::new(5))
    };
    holds(probes(None));
    breaks("EPFD1", probes(Some(swim::Defect::Vouches)));
}

fn updates() -> Vec<Vec<Update<u32>>> {
    (0..3).map(|k| vec![Update(k)]).collect()
}

#[test]
fn rumors_are_learnt_once() {
    let rumor = |defect| {
        let parameters = rumor_mongering::Parameters::feedback_and_counter(Direction::Push, 3);
        let parameters = rumor_mongering::Parameters { defect, ..parameters };
        broken::<Rounds<RumorMongering<u32>>, _>(
            20,
            parameters,
            updates(),
            EpidemicMonitor::probabilistic(20),
        )
    };
    holds(rumor(None));
    breaks("PB2", rumor(Some(rumor_mongering::Defect::LearnsAgain)));
}

#[test]
fn updates_reach_all() {
    let exchange = |defect| {
        let direction = anti_entropy::Direction::PushPull;
        let parameters = anti_entropy::Parameters { direction, cycles: None, defect };
        broken::<Rounds<AntiEntropy<u32>>, _>(20, parameters, updates(), EpidemicMonitor::consistent(20))
    };
    holds(exchange(None));
    breaks("EC1", exchange(Some(anti_entropy::Defect::GivesUpAfter(2))));
    let riding = |defect| {
        let parameters = infection::Parameters { defect, ..infection::Parameters::default() };
        broken::<Infection<u32>, _>(20, parameters, updates(), EpidemicMonitor::consistent(20))
    };
    holds(riding(None));
    breaks("EC1", riding(Some(infection::Defect::ToldOnce)));
}

#[test]
fn stop_and_wait_is_a_perfect_link() {
    let requests = || {
        let of = |p: u32| (0..5).map(|k| LinkSend { to: ProcessId(p + 1), message: 100 * p + k }).collect();
        (0..3).map(of).collect()
    };
    let link = |defect| {
        let parameters = stop_and_wait::Parameters { defect, ..stop_and_wait::Parameters::default() };
        broken::<StopAndWait<u32>, _>(4, parameters, requests(), ConfirmedLinks::default())
    };
    holds(link(None));
    breaks("FPL4", link(Some(stop_and_wait::Defect::GivesUp)));
    breaks("PL2", link(Some(stop_and_wait::Defect::CountsNoCopies)));
    breaks("confirmation", link(Some(stop_and_wait::Defect::AnyAcknowledgement)));
}
