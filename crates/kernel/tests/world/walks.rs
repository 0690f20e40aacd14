//! Random walks: whatever is enabled can be taken, budgets only shrink, and the trace of every walk replays.

use crate::puppet::*;
use proptest::prelude::*;
use synod_kernel::trace::{Header, Recorder, Writer, replay};
use synod_kernel::{Budget, Budgets, Choice, Cut, Durability, Environment, Move, Random, Setting, Takeover};
use synod_model::Output::{Restore, Suspect, Trust};
use synod_model::ProcessId;
use synod_model::link::{LinkBase, LinkKind};

/// A world in which everything may happen.
fn wild(base: LinkBase, durability: Durability) -> Environment {
    let mut e = quiet(3);
    e.failures.stops = Budget::AtMost(1);
    e.failures.restarts = Budget::AtMost(3);
    e.storage.durability = durability;
    e.storage.torn_writes = Budget::AtMost(1);
    e.links.kind = LinkKind::plain(base);
    e.links.losses = Budget::AtMost(2);
    e.links.duplications = Budget::AtMost(2);
    e.links.as_set = base == LinkBase::FairLoss;
    e.partitions = Budget::AtMost(2);
    e.failures.omissions = Budget::AtMost(1);
    e.failures.lies = Budget::AtMost(1);
    e.failures.takeover = Takeover::AnyTime;
    e.storage.bit_rot = Budget::AtMost(1);
    e.storage.misdirected_writes = Budget::AtMost(1);
    e.storage.failed_writes = Budget::AtMost(1);
    e.links.kind.arbitrary = true;
    e.links.injections = Budget::AtMost(2);
    e.oracles.outputs = Budget::AtMost(4);
    e
}

pub(crate) fn wild_setting(base: LinkBase, durability: Durability) -> Setting<Puppet> {
    let (p0, p1) = (ProcessId(0), ProcessId(1));
    let busy: &[Act] = &[Act::Send(1, 1), Act::Store(2), Act::Send(2, 3), Act::Say(4), Act::Timer(5)];
    let drawing: &[Act] = &[Act::Choose(3), Act::Flip, Act::Pulse(6), Act::Store(7), Act::Send(0, 8)];
    let consulting: &[Act] = &[
        Act::Consult(Trust(p0)),
        Act::Consult(Trust(p1)),
        Act::Consult(Suspect(p1)),
        Act::Consult(Restore(p1)),
    ];
    setting(wild(base, durability), &[&[busy, drawing], &[consulting, busy], &[drawing, &[Act::Cancel(6)]]])
        .with_lies(vec![9])
}

/// One of the enabled moves: a choice, with outcomes for its draws and now and then a crash in its handler.
fn random_move(recorder: &Recorder<'_, Puppet>, random: &mut Random) -> Option<Move<u8, Timer>> {
    let enabled = recorder.enabled();
    let choice = enabled.get(random.below(enabled.len().max(1) as u64) as usize)?.clone();
    let draws = match &choice {
        Choice::Request { seat } => {
            let at = &recorder.world().seats[seat.index()];
            let drawing = matches!((seat.0, recorder.world().rest.asked[seat.index()]), (0, 1) | (2, 0));
            let up = at.local().is_some() && drawing;
            if up { vec![random.below(3) as u32, random.below(2) as u32] } else { vec![] }
        }
        _ => vec![],
    };
    let asks =
        matches!(choice, Choice::Request { seat } if recorder.world().seats[seat.index()].local().is_some());
    let may = asks && recorder.world().rest.budgets.restarts.any() && random.chance(200_000);
    let cut = may.then(|| Cut::before(random.below(2) as u32, false));
    let cut = cut.or_else(|| cut_release(recorder, &choice, random));
    Some(Move { choice, draws, cut })
}

/// Now and then a crash where a write has become durable, and something that waited for it has left.
fn cut_release(recorder: &Recorder<'_, Puppet>, choice: &PuppetChoice, random: &mut Random) -> Option<Cut> {
    let Choice::Sync { seat } = *choice else { return None };
    let at = &recorder.world().seats[seat.index()];
    let before = at.release_cuts().next()?;
    let may = recorder.world().rest.budgets.restarts.any() && random.chance(500_000);
    let kept = random.below(at.stores_pending() as u64) as u32;
    may.then_some(Cut { before, forever: false, kept, torn: false })
}

fn shrank(before: &Budgets, after: &Budgets) -> bool {
    let all = |b: &Budgets| {
        let (faults, network) =
            ([b.stops, b.restarts, b.torn_writes], [b.losses, b.duplications, b.partitions]);
        let adversary = [b.omissions, b.lies, b.injections];
        let disks = [b.bit_rot, b.misdirected_writes, b.failed_writes];
        [faults, network, adversary, disks, [b.outputs, b.firings, b.pulses]].concat()
    };
    all(before).iter().zip(all(after)).all(|(before, after)| after <= *before)
}

/// A walk of so many steps, as a trace.
pub(crate) fn walk(setting: &Setting<Puppet>, seed: u64, steps: usize) -> String {
    let mut random = Random::new(seed);
    let mut recorder = Recorder::new(setting);
    let mut writer = Writer::new(&Header::new("puppet", "sim", Some(seed), setting));
    for at in 0..steps as u64 {
        let Some(chosen) = random_move(&recorder, &mut random) else { break };
        let before = recorder.world().rest.budgets.clone();
        let enabled = recorder.enabled().len() as u64;
        let line = recorder
            .step(Some(at * 1000), chosen.clone())
            .unwrap_or_else(|| panic!("{chosen:?} was enabled"));
        assert!(shrank(&before, &recorder.world().rest.budgets), "{chosen:?} gave a budget back");
        assert_eq!(line.enabled, enabled, "{chosen:?} was counted among others");
        writer.step(&line);
    }
    writer.finish(None)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_trace_of_a_walk_replays(
        seed in any::<u64>(),
        base in prop::sample::select(LinkBase::ALL.to_vec()),
        durability in prop::sample::select(vec![Durability::Immediate, Durability::Deferred]),
    ) {
        let setting = wild_setting(base, durability);
        let trace = walk(&setting, seed, 60);
        let replayed = replay::<Puppet>(&trace).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(&replayed.setting, &setting);
        prop_assert_eq!(replayed.lines.len() as u64, replayed.end.steps);
        prop_assert_eq!(&trace, &walk(&setting, seed, 60), "same seed, same bytes");
    }
}

/// The walks would prove little if some kind of choice never occurred in them.
#[test]
fn every_kind_of_choice_occurs_in_walks() {
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 0..150 {
        let trace = walk(&wild_setting(LinkBase::FairLoss, Durability::Deferred), seed, 60);
        for line in replay::<Puppet>(&trace).unwrap().lines {
            let value = serde_json::to_value(&line.choice).unwrap();
            let kind = value.as_object().and_then(|o| o.keys().next().cloned());
            kinds.insert(kind.or_else(|| value.as_str().map(str::to_owned)).unwrap());
            let released = matches!(line.choice, Choice::Sync { .. });
            kinds.extend(line.cut.map(|_| if released { "cut release" } else { "cut" }.to_owned()));
            kinds.extend(line.draws.iter().any(|&d| d > 0).then(|| "draw".to_owned()));
        }
    }
    let expected = [
        "corrupt",
        "crash",
        "cut",
        "cut release",
        "deliver",
        "disk",
        "draw",
        "duplicate",
        "fire",
        "heal",
        "init",
        "inject",
        "lie",
        "lose",
        "omit",
        "output",
        "recover",
        "request",
        "sever",
        "sync",
    ];
    assert_eq!(kinds.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}
