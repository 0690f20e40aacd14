//! What many runs of an algorithm come to.

use super::{checked, simulated};
use synod_kernel::Setting;
use synod_kernel::trace::replay;
use synod_model::Process;
use synod_properties::regression::judge;
use synod_properties::{Monitor, Verdict};
use synod_sim::shrink::{Limits, Shrunk, Size, minimise, taken};
use synod_sim::{Campaign, Options, campaign};

pub fn examine<P, M>(setting: &Setting<P>, monitor: &M, seeds: u64, options: &Options) -> Campaign
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    for seed in 0..2 {
        checked(setting, monitor, seed, options);
    }
    campaign(&simulated(setting, monitor), 0..seeds, options, 2, &|_| {})
}

/// Every property holds, every goal is reached.
pub fn holds<P, M>(setting: &Setting<P>, monitor: &M, seeds: u64, options: &Options)
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let found = examine(setting, monitor, seeds, options);
    assert_eq!(found.failure, None);
    for (property, verdict) in &found.verdicts {
        assert_eq!(
            verdict,
            &Verdict::Holds,
            "{} {}, faults {:?}",
            property.id,
            property.name,
            found.counts.faults
        );
    }
}

pub fn refuted<P, M>(setting: &Setting<P>, monitor: &M, seeds: u64, options: &Options, property: &str)
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let found = examine(setting, monitor, seeds, options);
    let failure = found.failure.unwrap_or_else(|| panic!("{property} holds in {} runs", found.counts.runs));
    let (outcome, trace) = checked(setting, monitor, failure.seed, options);
    assert_eq!(outcome, failure.outcome);
    assert_eq!(outcome.broken().expect("it is broken").property, property);
    shrinks::<P, M>(monitor, &trace, property);
}

/// A failing run shrinks to a trace that replays and breaks the same property, and nothing can be left out of that.
fn shrinks<P, M>(monitor: &M, trace: &str, property: &str)
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let run = taken::<P, M>(trace, |_| monitor.clone()).expect("a trace").expect("it can be taken in part");
    let before = Size::of(run.as_ref());
    let Shrunk { run, minimal, .. } = minimise(run, &Limits::default(), &|| false);
    let after = Size::of(run.as_ref());
    assert!(minimal && after.events <= before.events && after.faults <= before.faults);
    assert_eq!(run.broken().property, property);
    for place in (0..run.units().len()).filter(|&place| !run.is_debt() || run.units()[place].chosen) {
        let kept: Vec<_> = (0..run.units().len()).map(|other| other != place).collect();
        assert!(run.attempt(&kept, &mut 0).is_none(), "{place} of {:?} can go", run.units());
    }
    for reduced in [false, true] {
        let small = replay::<P>(&run.trace(reduced)).expect("it replays");
        assert_eq!(small.end.steps, after.events);
        assert!(judge(monitor.clone(), &small.setting.seating, &small.lines, Some(run.broken())).is_some());
        assert!(small.lines.iter().map(|line| line.at).is_sorted());
    }
}
