//! Byzantine broadcast, checked whole: at its bound, one below, and each twin; whoever lies.

use synod_algorithms::broadcast::{Broadcast, DoubleEchoBroadcast, EchoBroadcast, double_echo, echo};
use synod_check::{Control, Engine, Options, Report, check};
use synod_kernel::trace::replay;
use synod_kernel::{Budget, Environment, Setting};
use synod_model::failure::FailureKind;
use synod_model::{Group, Process, ProcessId};
use synod_properties::byzantine_broadcast::ByzantineBroadcast;
use synod_properties::{Monitor, Verdict};

const S: ProcessId = ProcessId(0);

fn environment(n: u32, liars: u32) -> Environment {
    let mut environment = Environment::benign(n);
    environment.failures.kind = FailureKind::Byzantine;
    environment.failures.lies = Budget::AtMost(liars);
    environment
}

type Echo = EchoBroadcast<char>;

fn echo(n: u32, f: u32, defect: Option<echo::Defect>) -> Setting<Echo> {
    let parameters = echo::Parameters { sender: S, f, defect };
    let lies = ['a', 'b'].into_iter().flat_map(|m| [echo::Message::Send(m), echo::Message::Echo(m)]);
    Setting::new(environment(n, 1), parameters, vec![vec![Broadcast('a')]]).with_lies(lies.collect())
}

fn run<P, M>(setting: &Setting<P>, monitor: &M, engine: Engine) -> Report<P>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let options = Options { engine, ..Options::default() };
    check(setting, monitor, |_| 0, &options, &mut |_| Control::Continue)
}

/// Both engines' (states, transitions, depth), which must be the same.
fn counts<P, M>(setting: &Setting<P>, monitor: &M) -> (Report<P>, (u64, u64, u32))
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let [fast, plain] = [Engine::Tabulating, Engine::Reference].map(|engine| run(setting, monitor, engine));
    let of = |report: &Report<P>| (report.states, report.transitions, report.depth);
    let length = |report: &Report<P>| report.counterexample.as_ref().map(|c| c.moves.len());
    assert_eq!((fast.complete, length(&fast)), (plain.complete, length(&plain)));
    if fast.complete {
        // where a violation ends the search, what was seen until then is a matter of order
        assert_eq!(of(&fast), of(&plain));
        assert_eq!(fast.verdicts, plain.verdicts);
    }
    let counts = of(&fast);
    (fast, counts)
}

/// What happens in a shortest run that breaks `property`: it replays, and both engines find one of this length.
fn refuted<P, M>(setting: &Setting<P>, monitor: &M, property: &str) -> Vec<String>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let (report, _) = counts(setting, monitor);
    let found = report.counterexample.expect("it is refuted");
    assert_eq!(found.property, property, "{}", found.what);
    let trace = found.trace("byzantine", setting);
    let replayed = replay::<P>(&trace).expect("a counterexample replays");
    assert_eq!(replayed.setting, *setting);
    assert_eq!(replayed.lines.len(), found.moves.len());
    found.moves.iter().map(|m| m.choice.to_string()).collect()
}

fn lies(run: &[String]) -> usize {
    run.iter().filter(|step| step.ends_with("(a lie)")).count()
}

#[test]
fn echo_broadcast_at_its_bound_holds_whoever_lies() {
    let setting = echo(4, 1, None);
    let report = run(&setting, &ByzantineBroadcast::consistent(4, S), Engine::Tabulating);
    assert!(report.complete && report.holds(), "{report}");
    // counted once more by a program that knows nothing of this one: 83,522 states where nobody lies, 126,293 where
    // the sender does, 16,534 for each of the other three
    assert_eq!((report.states, report.transitions, report.depth), (259_417, 1_810_393, 21));
}

#[test]
fn echo_broadcast_with_a_lying_sender_has_the_same_states_in_both_engines() {
    let setting = lying_sender(echo(4, 1, None));
    let (report, counts) = counts(&setting, &ByzantineBroadcast::consistent(4, S));
    assert!(report.holds(), "{report}");
    assert_eq!(counts.0, 83_522 + 126_293);
}

#[test]
fn echo_broadcast_below_its_bound_is_stuck_not_inconsistent() {
    let setting = echo(3, 1, None);
    let monitor = ByzantineBroadcast::consistent(3, S);
    let run = refuted(&setting, &monitor, "BCB1");
    assert_eq!(lies(&run), 0, "silence is enough: {run:#?}");
    let (report, (states, ..)) = counts(&setting, &monitor);
    assert!(report.complete);
    assert_eq!(*report.verdict("BCB4"), Verdict::Holds, "two quorums still share a correct process");
    assert_eq!(states, 1_927, "counted once more by a program that knows nothing of this one");
}

#[test]
fn echo_broadcast_below_its_bound_that_waits_for_no_liar_is_inconsistent() {
    // n = 3 admits f = 0: a quorum is two of three, and one lies all the same
    let mut run = refuted(&echo(3, 0, None), &ByzantineBroadcast::consistent(3, S), "BCB4");
    let mut expected = [
        "p0 lies from now on",
        "p1 starts",
        "p2 starts",
        "p0 -> p1  Send('a') (a lie)",
        "p1 -> p1  Echo('a')",
        "p0 -> p2  Send('b') (a lie)",
        "p2 -> p2  Echo('b')",
        "p0 -> p1  Echo('a') (a lie)",
        "p0 -> p2  Echo('b') (a lie)",
    ];
    // among the shortest runs that differ in their order alone, any will do
    run.sort();
    expected.sort_unstable();
    assert_eq!(run, expected, "the sender tells each of the others what the other does not hear");
}

/// Only the sender may lie, and the world is that of `setting` otherwise.
fn lying_sender<P: Process>(mut setting: Setting<P>) -> Setting<P> {
    setting.environment.failures.among = Some(Group::first(1));
    setting
}

#[test]
fn echo_broadcasts_twins_are_inconsistent_where_the_sender_tells_two_stories() {
    use echo::Defect::{CountsEchoes, SmallQuorum};
    let monitor = ByzantineBroadcast::consistent(4, S);
    for defect in [SmallQuorum, CountsEchoes] {
        let equivocates = lying_sender(echo(4, 1, Some(defect)));
        let run = refuted(&equivocates, &monitor, "BCB4");
        assert_eq!(run.len(), 10, "{run:#?}");
        let merely_silent = equivocates.with_lies(Vec::new());
        let report = self::run(&merely_silent, &monitor, Engine::Tabulating);
        assert!(report.complete && report.holds(), "{defect:?} survives silence: {report}");
    }
}

#[test]
fn the_twin_that_counts_echoes_believes_one_process_that_repeats_itself() {
    let setting = echo(4, 1, Some(echo::Defect::CountsEchoes));
    let run = refuted(&setting, &ByzantineBroadcast::consistent(4, S), "BCB3");
    assert_eq!(lies(&run), 3, "{run:#?}");
}

type DoubleEcho = DoubleEchoBroadcast<char>;

fn double_echo(n: u32, f: u32, defect: Option<double_echo::Defect>) -> Setting<DoubleEcho> {
    use double_echo::Message::{Echo, Ready, Send};
    let parameters = double_echo::Parameters { sender: S, f, defect };
    let lies = ['a', 'b'].into_iter().flat_map(|m| [Send(m), Echo(m), Ready(m)]);
    Setting::new(environment(n, 1), parameters, vec![vec![Broadcast('a')]]).with_lies(lies.collect())
}

/// The sender is asked for nothing and may lie, saying one value alone: what it does not say, nobody delivers.
fn one_story(defect: Option<double_echo::Defect>) -> Setting<DoubleEcho> {
    use double_echo::Message::{Echo, Ready, Send};
    let mut setting = lying_sender(double_echo(4, 1, defect));
    setting.requests[0].clear();
    setting.with_lies(vec![Send('a'), Echo('a'), Ready('a')])
}

/// All holds of one story; validity and integrity, which speak of correct senders that are asked, of nothing.
fn holds_of_one_story(report: &Report<DoubleEcho>) {
    assert!(report.complete, "{report}");
    for (property, verdict) in &report.verdicts {
        match property.id {
            "BRB1" | "BRB3" => assert!(verdict.is_vacuous(), "{report}"),
            _ => assert_eq!(*verdict, Verdict::Holds, "{report}"),
        }
    }
}

#[test]
fn double_echo_broadcast_of_a_sender_that_all_believe_holds() {
    let setting = Setting { environment: environment(3, 0), ..double_echo(3, 0, None) };
    let report = run(&setting, &ByzantineBroadcast::reliable(3, S), Engine::Tabulating);
    assert!(report.complete && report.holds(), "{report}");
}

#[test]
fn double_echo_broadcast_at_its_bound_is_total() {
    let report = run(&one_story(None), &ByzantineBroadcast::reliable(4, S), Engine::Tabulating);
    holds_of_one_story(&report);
    assert_eq!(report.states, 1_066_551, "counted once more by a program that knows nothing of this one");
}

#[test]
fn double_echo_broadcast_below_its_bound_is_stuck_not_inconsistent() {
    let setting = lying_sender(double_echo(3, 1, None));
    let monitor = ByzantineBroadcast::reliable(3, S);
    let run = refuted(&setting, &monitor, "BRB5");
    assert!(lies(&run) > 0, "{run:#?}");
    let (report, (states, ..)) = counts(&setting, &monitor);
    assert!(report.complete);
    assert_eq!(*report.verdict("BRB4"), Verdict::Holds);
    assert_eq!(states, 13_988, "counted once more by a program that knows nothing of this one");
}

#[test]
fn double_echo_broadcast_below_its_bound_that_waits_for_no_liar_is_inconsistent() {
    let setting = lying_sender(double_echo(3, 0, None));
    let run = refuted(&setting, &ByzantineBroadcast::reliable(3, S), "BRB4");
    let told = ["p0 -> p1  Ready('a') (a lie)", "p0 -> p2  Ready('b') (a lie)"];
    assert_eq!(run[3..], told, "with f = 0 a single ready is believed");
}

#[test]
fn the_twin_that_delivers_with_f_plus_one_readies_falls_to_a_lie_in_the_last_round() {
    let setting = one_story(Some(double_echo::Defect::SmallReadyQuorum));
    let report = run(&setting, &ByzantineBroadcast::reliable(4, S), Engine::Tabulating);
    let found = report.counterexample.as_ref().expect("it is refuted");
    assert_eq!(found.property, "BRB5", "{report}");
    let run: Vec<_> = found.moves.iter().map(|m| m.choice.to_string()).collect();
    let lie = |step: &String| step.starts_with("p0") && step.contains("Ready") && step.ends_with("(a lie)");
    assert!(run.iter().any(lie), "{run:#?}");
    replay::<DoubleEcho>(&found.trace("byzantine", &setting)).expect("it replays");
    // without that lie it is as good as the sound one
    let honest_at_last = one_story(Some(double_echo::Defect::SmallReadyQuorum));
    let lies = honest_at_last.lies.iter().filter(|m| !matches!(m, double_echo::Message::Ready(_))).cloned();
    let honest_at_last = Setting { lies: lies.collect(), ..honest_at_last.clone() };
    let report = self::run(&honest_at_last, &ByzantineBroadcast::reliable(4, S), Engine::Tabulating);
    holds_of_one_story(&report);
}

#[test]
fn the_twin_that_amplifies_no_ready_is_not_total() {
    let setting = one_story(Some(double_echo::Defect::NoAmplification));
    let report = run(&setting, &ByzantineBroadcast::reliable(4, S), Engine::Tabulating);
    assert_eq!(report.counterexample.expect("it is refuted").property, "BRB5");
}

#[test]
fn a_correct_senders_broadcast_is_delivered_whoever_is_silent() {
    // one correct process, its echoes and readies left out, is as good as a liar that says nothing
    let silent = |among| {
        let mut setting = echo(4, 1, None).with_lies(Vec::new());
        setting.environment.failures.among = Some(among);
        let report = run(&setting, &ByzantineBroadcast::consistent(4, S), Engine::Tabulating);
        assert!(report.complete && report.holds(), "{report}");
        report.states
    };
    assert_eq!(silent(Group::new(3, 1)), silent(Group::new(1, 1)), "whichever it is");
}

/// Whether all safety properties hold in the world of an environment.
fn is_safe(environment: &Environment) -> bool {
    let setting = Setting { environment: environment.clone(), ..echo(3, 0, None) };
    let report = run(&setting, &ByzantineBroadcast::consistent(3, S), Engine::Tabulating);
    report.counterexample.is_none_or(|found| found.property == "BCB1")
}

#[test]
fn what_is_safe_among_more_liars_is_safe_among_fewer() {
    let among = [None, Some(Group::first(1)), Some(Group::new(1, 1)), Some(Group::new(1, 2))];
    let worlds = among.into_iter().flat_map(|among| {
        (0..=2).map(move |liars| {
            let mut environment = self::environment(3, liars);
            environment.failures.among = among;
            environment
        })
    });
    let judged: Vec<_> = worlds.map(|environment| (is_safe(&environment), environment)).collect();
    let mut transferred = 0;
    for (safe, weaker) in &judged {
        for (also, environment) in judged.iter().filter(|(_, e)| e.refines(weaker)) {
            assert!(!safe || *also, "{:?} refines {:?}", environment.failures, weaker.failures);
            transferred += usize::from(*safe && environment != weaker);
        }
    }
    let safe = judged.iter().filter(|(safe, _)| *safe).count();
    assert_eq!((safe, judged.len()), (7, 12), "a liar is no threat where it is not the sender, two are");
    assert!(transferred > 0, "some verdict is carried over");
}
