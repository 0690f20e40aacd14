//! Epidemics: the processes take turns in making updates. They are simulated alone: a check would try every partner.

use super::{at_least, defect};
use std::time::Duration;
use synod_algorithms::gossip::rumor_mongering::{self, Direction, RumorMongering};
use synod_algorithms::gossip::{AntiEntropy, Bimodal, Infection, Update, anti_entropy, bimodal, infection};
use synod_cli::Entry;
use synod_kernel::Environment;
use synod_model::timing::TimingKind;
use synod_model::{Bounds, Process, Rounds};
use synod_properties::epidemic::EpidemicMonitor;
use synod_properties::{Algorithm, GroundKind, Scale, Twin, usual};

pub(super) fn all() -> Vec<Entry> {
    vec![
        Entry::simulated::<Rumor>(),
        Entry::simulated::<Exchange>(),
        Entry::simulated::<Riding>(),
        Entry::simulated::<Multicast>(),
    ]
}

/// The usual world, with the bounds that rounds are counted by.
fn world<P: Process>(ground: GroundKind, n: u32) -> Environment {
    let mut environment = usual::<P::Model>(ground, n);
    if environment.timing.kind == TimingKind::Synchronous {
        let delay = environment.links.delay_max;
        environment.timing.bounds = Some(Bounds { delay, step: Duration::ZERO, drift_ppm: 0 });
        // who is cut off hears nothing in time: that is not the synchronous model
        environment.partitions = synod_kernel::Budget::NONE;
    }
    environment
}

macro_rules! epidemics {
    ($($(#[$doc:meta])* $name:ident: $process:ty, $text:literal, $page:literal, $monitor:ident, [$($twin:expr),*],
        |$scale:ident| $parameters:expr;)*) => {$(
        $(#[$doc])*
        struct $name;

        impl Algorithm for $name {
            type Process = $process;
            type Monitor = EpidemicMonitor<u32>;

            const NAME: &'static str = $text;
            const PAGE: &'static str = include_str!(concat!("../../../algorithms/src/gossip/", $page));
            const TWINS: &'static [Twin] = &[$($twin),*];

            fn scale(_: GroundKind) -> Scale {
                Scale::new(20, 3)
            }

            fn parameters($scale: &Scale) -> Result<<Self::Process as Process>::Parameters, String> {
                at_least($scale, 2, "an update spreads from one to another")?;
                Ok($parameters)
            }

            fn requests(scale: &Scale) -> Vec<Vec<Update<u32>>> {
                let of = |p| (0..scale.requests).filter(|k| k % scale.n == p).map(Update).collect();
                (0..scale.n).map(of).collect()
            }

            fn monitor(scale: &Scale) -> Self::Monitor {
                EpidemicMonitor::$monitor(scale.n)
            }

            fn environment(ground: GroundKind, scale: &Scale) -> Environment {
                world::<Self::Process>(ground, scale.n)
            }
        }
    )*};
}
epidemics! {
    /// Rumour mongering by push, with feedback and a counter of 3.
    Rumor: Rounds<RumorMongering<u32>>, "rumor-mongering", "rumor_mongering.rs", probabilistic,
        [Twin::new("learns-again", "PB2", "a rumour that comes again is told to the layer above again")],
        |scale| rumor_mongering::Parameters {
            defect: defect(scale)?,
            ..rumor_mongering::Parameters::feedback_and_counter(Direction::Push, 3)
        };
    /// Anti-entropy by push-pull.
    Exchange: Rounds<AntiEntropy<u32>>, "anti-entropy", "anti_entropy.rs", consistent,
        [Twin::new("gives-up-after-2", "EC1", "it calls others in two cycles after it learnt something, and no more")],
        |scale| anti_entropy::Parameters {
            direction: anti_entropy::Direction::PushPull,
            cycles: None,
            defect: gives_up(scale)?,
        };
    /// Infection-style dissemination, for ever.
    Riding: Infection<u32>, "infection", "infection.rs", consistent,
        [Twin::new("told-once", "EC1", "each process passes an update on once")],
        |scale| infection::Parameters { defect: defect(scale)?, ..infection::Parameters::default() };
    /// Bimodal multicast, to all at once.
    Multicast: Bimodal<u32>, "bimodal", "bimodal.rs", consistent,
        [Twin::new("never-compares", "EC1", "nobody compares what it knows with another")],
        |scale| bimodal::Parameters { defect: defect(scale)?, ..bimodal::Parameters::default() };
}

/// The twin that gives up carries a number.
fn gives_up(scale: &Scale) -> Result<Option<anti_entropy::Defect>, String> {
    match scale.defect.as_deref() {
        None => Ok(None),
        Some("gives-up-after-2") => Ok(Some(anti_entropy::Defect::GivesUpAfter(2))),
        Some(name) => Err(format!("there is no defect {name}")),
    }
}
