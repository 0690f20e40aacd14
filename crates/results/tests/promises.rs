//! The algorithms behind the numbers keep what they promise in every run, under random faults. Their twins are found out where all
//! twins are: by the command line's simulations.

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

/// No run breaks anything, and some come to their goal.
fn holds<P, M>(n: u32, parameters: P::Parameters, requests: Vec<Vec<P::Request>>, monitor: M)
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
        assert_eq!(outcome.broken(), None, "seed {seed}");
        reached += usize::from(!outcome.reached.is_empty());
    }
    assert!(reached > 0, "no run came to its goal");
}

#[test]
fn detectors_are_complete() {
    let points = freshness_points::Parameters::default();
    holds::<FreshnessPoints, _>(5, points, vec![], CompletenessMonitor::new(5));
    holds::<Swim, _>(5, swim::Parameters::default(), vec![], CompletenessMonitor::new(5));
}

fn updates() -> Vec<Vec<Update<u32>>> {
    (0..3).map(|k| vec![Update(k)]).collect()
}

#[test]
fn rumors_are_learnt_once() {
    let parameters = rumor_mongering::Parameters::feedback_and_counter(Direction::Push, 3);
    let monitor = EpidemicMonitor::probabilistic(20);
    holds::<Rounds<RumorMongering<u32>>, _>(20, parameters, updates(), monitor);
}

#[test]
fn updates_reach_all() {
    let direction = anti_entropy::Direction::PushPull;
    let parameters = anti_entropy::Parameters { direction, cycles: None, defect: None };
    let monitor = EpidemicMonitor::consistent(20);
    holds::<Rounds<AntiEntropy<u32>>, _>(20, parameters, updates(), monitor.clone());
    holds::<Infection<u32>, _>(20, infection::Parameters::default(), updates(), monitor);
}

#[test]
fn stop_and_wait_is_a_perfect_link() {
    let of = |p: u32| (0..5).map(|k| LinkSend { to: ProcessId(p + 1), message: 100 * p + k }).collect();
    let requests = (0..3).map(of).collect();
    let parameters = stop_and_wait::Parameters::default();
    holds::<StopAndWait<u32>, _>(4, parameters, requests, ConfirmedLinks::default());
}
