//! Oracles speak through timers, when they have something new to say, within their budget.

use crate::puppet::*;
use synod_kernel::{Budget, Choice};
use synod_model::Output::{Restore, Suspect, Trust};
use synod_model::{Output, ProcessId};

const P0: ProcessId = ProcessId(0);
const P1: ProcessId = ProcessId(1);

fn outputs(run: &Run<'_>) -> Vec<Output> {
    run.picks(|c| match c {
        Choice::Output { output, .. } => Some(output),
        _ => None,
    })
    .into_iter()
    .collect()
}

#[test]
fn an_oracle_that_nobody_consults_is_silent() {
    let setting = setting(quiet(2), &[&[&[Act::Say(1)]]]);
    assert_eq!(outputs(&Run::started(&setting)), []);
}

#[test]
fn omega_speaks_when_its_leader_changes() {
    let setting = setting(quiet(2), &[&[&[Act::Consult(Trust(P0)), Act::Consult(Trust(P1))]]]);
    let mut run = Run::started(&setting);
    run.take(ask(0));
    assert_eq!(outputs(&run), [Trust(P0), Trust(P1)]);
    assert_eq!(told(&run.take(output(0, Trust(P1)))), [Told::Fired(Timer::Oracle(Trust(P1)))]);
    assert_eq!(outputs(&run), [Trust(P0)], "p1 is trusted already");
    run.take(output(0, Trust(P0)));
    assert_eq!(outputs(&run), [Trust(P1)], "the timer of an oracle stays set");
}

#[test]
fn eventually_p_restores_only_whom_it_suspects() {
    let setting = setting(quiet(2), &[&[&[Act::Consult(Suspect(P1)), Act::Consult(Restore(P1))]]]);
    let mut run = Run::started(&setting);
    run.take(ask(0));
    assert_eq!(outputs(&run), [Suspect(P1)]);
    run.take(output(0, Suspect(P1)));
    assert_eq!(outputs(&run), [Restore(P1)]);
    run.take(output(0, Restore(P1)));
    assert_eq!(outputs(&run), [Suspect(P1)]);
}

#[test]
fn outputs_are_spent_and_a_crash_forgets_them() {
    let mut e = quiet(2);
    e.oracles.outputs = Budget::AtMost(2);
    e.failures.restarts = Budget::AtMost(1);
    let consult: &[Act] = &[Act::Consult(Trust(P0)), Act::Consult(Trust(P1))];
    let setting = setting(e, &[&[consult, consult]]);
    let mut run = Run::started(&setting);
    run.take_all([ask(0), output(0, Trust(P1)), crash(0, false, 0, false), recover(0)]);
    assert_eq!(outputs(&run), [], "it consults nobody yet");
    run.take(ask(0));
    assert_eq!(outputs(&run), [Trust(P0), Trust(P1)], "and trusts nobody yet");
    run.take(output(0, Trust(P1)));
    assert_eq!(outputs(&run), [], "the budget is spent");
}
