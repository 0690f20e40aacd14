//! How long a good period must be for a protocol to come to its end: a search by bisection.

use super::sim::Options;
use super::{World, number, report};
use crate::report::{Answer, Report, count};
use crate::watch::Watch;
use std::sync::Arc;
use std::time::{Duration, Instant};
use synod_kernel::environment::duration;
use synod_model::timing::TimingKind;
use synod_properties::GroundKind;
use synod_sim::platform::{GoodPeriod, Periods, Phase, decided, good_period};
use synod_sim::{Distribution, Platform, Simulation};

/// Into how many parts the longest length is divided: what is found is as precise as one of them.
const PARTS: u32 = 512;

/// The periods to try, where the platform has none: bad ones as before GST.
pub(crate) fn usual(world: &World) -> Periods {
    let environment = &world.environment;
    let (links, timing) = (&environment.links, &environment.timing);
    let longest = match timing.kind {
        TimingKind::PartiallySynchronous => timing.delay_before_gst,
        TimingKind::Asynchronous | TimingKind::Synchronous => links.delay_max.saturating_mul(50),
    };
    let longest = longest.max(links.delay_max);
    Periods {
        good: Distribution::Constant { value: longest },
        bad: Distribution::Constant { value: longest.saturating_mul(4).max(Duration::from_millis(1)) },
        first: Phase::Bad,
        delay: Distribution::uniform(links.delay_max, longest),
        loss: links.loss_probability,
    }
}

/// Looks for the shortest good period, up to `longest`, with which all runs pay what they owe.
pub(crate) fn search(
    simulation: &dyn Simulation,
    world: &World,
    options: &Options,
    longest: Duration,
    watch: &Watch,
) -> Report {
    let started = Instant::now();
    let platform = options.run.platform.as_deref().cloned().unwrap_or_default();
    let periods = platform.periods.clone().unwrap_or_else(|| usual(world));
    let found = good_period(longest, longest / PARTS, |length| {
        watch.tell(|| format!("good periods of {}", duration::rounded(length)));
        let good = Distribution::Constant { value: length };
        let periods = Periods { good, ..periods.clone() };
        let platform = Platform { periods: Some(periods), ..platform.clone() };
        let run = synod_sim::Options { platform: Some(Arc::new(platform)), ..options.run.clone() };
        decided(simulation, options.seeds.clone(), &run, options.threads)
    });
    let mut report = report(simulation.algorithm(), GroundKind::Sim, world, Vec::new());
    report.elapsed = started.elapsed();
    report.interrupted = watch.interrupted();
    describe(&mut report, &found, options, longest, &periods);
    report
}

fn describe(
    report: &mut Report,
    found: &GoodPeriod,
    options: &Options,
    longest: Duration,
    periods: &Periods,
) {
    let runs = options.seeds.end - options.seeds.start;
    report.scope = format!(
        "{} each of {}, seeds from {:#x}, no faults but the script's; bad periods of {}; by bisection up to {}",
        count(runs, "run", "runs"),
        duration::format(options.run.horizon),
        options.seeds.start,
        mean(&periods.bad),
        duration::format(longest),
    );
    for (length, tried) in &found.tried {
        let length = duration::rounded(*length);
        report
            .notes
            .push(format!("good periods of {length}: {} of {} come to their end", tried.decided, tried.runs));
    }
    number(&mut report.numbers, "good_period", serde_json::json!(found));
    let Some(enough) = found.enough else {
        report.inconclusive.push(format!(
            "not all runs come to their end with good periods of {}",
            duration::format(longest)
        ));
        return;
    };
    let precision = match found.short {
        Some((short, tried)) => {
            format!("{} of {} do with {}", tried.decided, tried.runs, duration::rounded(short))
        }
        None => "the shortest that was tried: bad periods do not hinder these runs".to_owned(),
    };
    report.answers.push(Answer {
        name: "good periods with which all runs come to their end".to_owned(),
        found: duration::rounded(enough),
        value: serde_json::json!(enough.as_nanos() as u64),
        precision,
        published: None,
    });
}

/// How long it is, in words.
fn mean(law: &Distribution) -> String {
    match (law.min(), law.max()) {
        (min, Some(max)) if min == max => duration::format(min),
        (min, Some(max)) => format!("{} to {}", duration::format(min), duration::format(max)),
        (min, None) => format!("{} and more", duration::format(min)),
    }
}
