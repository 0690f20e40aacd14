//! The link ladder, explored in full.

mod explored;

use synod_algorithms::congestion::WindowConstants;
use synod_algorithms::links::{
    FifoLink, FifoOverFairLoss, LinkSend, LoggedOverFairLoss, PerfectOverFairLoss, RetransmitForever,
    SelectiveRepeat, eliminate_duplicates, fifo, log_delivered, retransmit_forever, selective_repeat,
};
use synod_check::{Control, Options, check};
use synod_kernel::{Budget, Durability, Environment, Links, Partition, Setting};
use synod_model::link::{LinkBase, LinkKind};
use synod_model::{Group, Layers, Process, ProcessId};
use synod_properties::Monitor;
use synod_properties::links::{FifoLinks, LoggedLinks, PerfectLinks, StubbornLinks};

use explored::*;

/// Process 0 sends these to process 1.
fn sends(messages: &[char]) -> Vec<Vec<LinkSend<char>>> {
    vec![messages.iter().map(|&message| LinkSend { to: ProcessId(1), message }).collect()]
}

type Perfect = PerfectOverFairLoss<char>;
type PerfectParameters = <Perfect as Process>::Parameters;

fn perfect(environment: Environment, parameters: PerfectParameters, messages: &[char]) -> Setting<Perfect> {
    Setting::new(environment, parameters, sends(messages))
}

#[test]
fn stubborn_links_over_fair_loss_deliver_again_and_again() {
    for environment in [fair_loss(2, 1), restarts(fair_loss(1, 1), 1)] {
        let setting = Setting::<RetransmitForever<char>>::new(
            environment,
            retransmit_forever::Parameters::default(),
            sends(&['a']),
        );
        holds(&setting, &StubbornLinks::default());
    }
}

#[test]
fn stubborn_links_that_stop_retransmitting_lose_as_soon_as_the_network_may_lose_more() {
    let defect = Some(retransmit_forever::Defect::StopsAfter(1));
    let setting = |losses| {
        Setting::<RetransmitForever<char>>::new(
            fair_loss(losses, 0),
            retransmit_forever::Parameters { defect },
            sends(&['a']),
        )
    };
    holds(&setting(0), &StubbornLinks::default());
    refuted(&setting(1), &StubbornLinks::default(), "SL1");
}

#[test]
fn perfect_links_over_fair_loss_keep_pl1_to_pl3_under_loss_and_duplication() {
    let states = [(0, 0), (1, 1), (3, 2)].map(|(losses, duplications)| {
        let environment = fair_loss(losses, duplications);
        holds(&perfect(environment, Layers::default(), &['a', 'b']), &PerfectLinks::default())
    });
    assert_eq!(states, [13, 56, 176]);
}

#[test]
fn perfect_links_deliver_equal_messages_as_often_as_sent() {
    holds(&perfect(fair_loss(1, 1), Layers::default(), &['a', 'a']), &PerfectLinks::default());
}

#[test]
fn pl2_fails_without_the_filter_and_pl1_without_retransmission() {
    let upper = eliminate_duplicates::Parameters { defect: Some(eliminate_duplicates::Defect::NoFilter) };
    let no_filter = Layers { upper, ..Layers::default() };
    refuted(&perfect(fair_loss(0, 0), no_filter, &['a']), &PerfectLinks::default(), "PL2");
    let link = retransmit_forever::Parameters { defect: Some(retransmit_forever::Defect::StopsAfter(0)) };
    let stops = Layers { link, ..Layers::default() };
    refuted(&perfect(fair_loss(1, 0), stops, &['a']), &PerfectLinks::default(), "PL1");
}

#[test]
fn pl2_is_refuted_across_a_receivers_restart_and_lpl_holds() {
    let environment = || restarts(fair_loss(0, 0), 1);
    refuted(&perfect(environment(), Layers::default(), &['a']), &PerfectLinks::default(), "PL2");
    let logged = |environment, parameters| {
        Setting::<LoggedOverFairLoss<char>>::new(environment, parameters, sends(&['a', 'b']))
    };
    for environment in [environment(), deferred(environment()), restarts(fair_loss(1, 1), 1)] {
        holds(&logged(environment, Layers::default()), &LoggedLinks::default());
    }
    let upper = log_delivered::Parameters { defect: Some(log_delivered::Defect::DeliversBeforeItLogs) };
    for environment in [environment(), deferred(environment())] {
        let twin = Layers { upper, ..Layers::default() };
        refuted(&logged(environment, twin), &LoggedLinks::default(), "LPL2");
    }
}

#[test]
fn fifo_links_keep_the_order_and_the_twin_without_hold_back_does_not() {
    let fifo = |defect| {
        let parameters = fifo::Parameters { defect };
        Setting::<FifoLink<char>>::new(crash_stop(2, 1), parameters, sends(&['a', 'b', 'c']))
    };
    holds(&fifo(None), &FifoLinks::default());
    refuted(&fifo(Some(fifo::Defect::NoHoldBack)), &FifoLinks::default(), "FPL4");
}

#[test]
fn fifo_links_over_fair_loss_are_three_layers_that_hold() {
    let setting =
        Setting::<FifoOverFairLoss<char>>::new(fair_loss(1, 1), Layers::default(), sends(&['a', 'b']));
    holds(&setting, &FifoLinks::default());
}

/// Selective repeat where all that is many elsewhere is one or two: so many pulses until a timeout, so many messages an acknowledgement.
fn selective(
    timeout: u64,
    every: u32,
    defect: Option<selective_repeat::Defect>,
) -> selective_repeat::Parameters {
    let mut parameters = selective_repeat::Parameters::default();
    let pulses = std::time::Duration::from_millis(timeout);
    (parameters.timeout.initial, parameters.timeout.min, parameters.timeout.max) = (pulses, pulses, pulses);
    parameters.window = WindowConstants { initial: 1, step: 1, max: 2 };
    selective_repeat::Parameters {
        acknowledge_every: every,
        reordering: 1,
        jitter: false,
        defect,
        ..parameters
    }
}

fn repeats(
    environment: Environment,
    parameters: selective_repeat::Parameters,
    messages: &[char],
) -> Setting<SelectiveRepeat<char>> {
    Setting::new(environment, parameters, sends(messages))
}

#[test]
fn selective_repeat_keeps_pl1_to_pl3_under_loss_duplication_and_reordering() {
    let monitor = PerfectLinks::default();
    let states = [(0, 0), (1, 1), (2, 1)].map(|(losses, duplications)| {
        holds(&repeats(fair_loss(losses, duplications), selective(1, 1, None), &['a', 'b']), &monitor)
    });
    assert_eq!(states, [482, 3_374, 5_305]);
    holds(&repeats(fair_loss(1, 0), selective(2, 2, None), &['a', 'b']), &monitor);
    holds(&repeats(fair_loss(1, 1), selective(1, 1, None), &['a', 'a']), &monitor);
}

#[test]
fn selective_repeat_delivers_once_across_restarts_of_either_end() {
    let environment = |losses, duplications| restarts(fair_loss(losses, duplications), 1);
    let states = [(0, 0), (1, 0), (0, 1)].map(|(losses, duplications)| {
        let environment = environment(losses, duplications);
        holds(&repeats(environment, selective(1, 1, None), &['a']), &PerfectLinks::default())
    });
    assert_eq!(states, [1_085, 2_625, 3_071]);
    // a second message may be sent before its sender hears of the restart: to deliver it might be to deliver it twice
    let two = repeats(environment(0, 0), selective(1, 1, None), &['a', 'b']);
    refuted(&two, &PerfectLinks::default(), "PL1");
}

#[test]
fn selective_repeat_fails_without_its_filter_its_ranges_and_its_incarnations() {
    use selective_repeat::Defect::{HighestForAll, IgnoresIncarnations, NoFilter};
    let refuted = |environment, defect, messages: &[char], property| {
        let parameters = selective(1, 1, Some(defect));
        refuted(&repeats(environment, parameters, messages), &PerfectLinks::default(), property)
    };
    refuted(fair_loss(0, 1), NoFilter, &['a'], "PL2");
    refuted(fair_loss(1, 0), HighestForAll, &['a', 'b', 'c'], "PL1");
    refuted(restarts(fair_loss(0, 1), 1), IgnoresIncarnations, &['a'], "PL2");
}

/// Worlds of two processes, on every axis that links meet.
fn worlds() -> Vec<Environment> {
    let axes: [fn(&mut Environment); 9] = [
        |e| e.failures.restarts = Budget::AtMost(1),
        |e| e.failures.among = Some(Group::first(1)),
        |e| e.failures.stops = Budget::AtMost(1),
        |e| e.storage.durability = Durability::Deferred,
        |e| e.storage.torn_writes = Budget::AtMost(1),
        |e| e.links.kind.fifo = false,
        |e| e.links.losses = Budget::AtMost(1),
        |e| e.links.duplications = Budget::AtMost(1),
        |e| {
            let (from, to) = (vec![ProcessId(0)], vec![ProcessId(1)]);
            e.cuts = Some([Partition { from, to, one_way: true }].into());
            e.partitions = Budget::AtMost(1);
        },
    ];
    let world = |which: u32| {
        let mut environment = restarts(crash_stop(2, 0), 0);
        environment.links = Links::of(LinkKind { fifo: true, ..LinkKind::plain(LinkBase::FairLoss) });
        environment.timing.pulses = Budget::AtMost(1);
        let chosen = axes.iter().enumerate().filter(|(bit, _)| which >> bit & 1 == 1);
        chosen.for_each(|(_, change)| change(&mut environment));
        environment
    };
    (0..1 << axes.len()).map(world).collect()
}

/// How many of the worlds are safe; and how often that carries over from one to another that refines it.
fn carried_over<P, M>(parameters: &P::Parameters, monitor: &M) -> (usize, usize)
where
    P: Process<Request = LinkSend<char>>,
    M: Monitor<P::Request, P::Indication>,
{
    let options = Options { safety: true, ..Options::default() };
    let is_safe = |environment: &Environment| {
        let setting = Setting::<P>::new(environment.clone(), parameters.clone(), sends(&['a', 'b']));
        let report = check(&setting, monitor, |_| 0, &options, &mut |_| Control::Continue);
        assert!(report.complete || report.counterexample.is_some(), "{report}");
        report.counterexample.is_none()
    };
    let judged: Vec<_> = worlds().into_iter().map(|e| (is_safe(&e), e)).collect();
    let mut carried = 0;
    for (_, weaker) in judged.iter().filter(|(safe, _)| *safe) {
        for (safe, stronger) in judged.iter().filter(|(_, e)| e != weaker && e.refines(weaker)) {
            assert!(safe, "{stronger:#?} refines {weaker:#?}");
            carried += 1;
        }
    }
    (judged.iter().filter(|(safe, _)| *safe).count(), carried)
}

#[test]
fn what_is_safe_where_more_may_happen_is_safe_where_less_may() {
    let no_hold_back = fifo::Parameters { defect: Some(fifo::Defect::NoHoldBack) };
    let log_last = log_delivered::Parameters { defect: Some(log_delivered::Defect::DeliversBeforeItLogs) };
    let found = [
        carried_over::<Perfect, _>(&Layers::default(), &PerfectLinks::default()),
        carried_over::<FifoLink<char>, _>(&no_hold_back, &FifoLinks::default()),
        carried_over::<LoggedOverFairLoss<char>, _>(
            &Layers { upper: log_last, ..Layers::default() },
            &LoggedLinks::default(),
        ),
    ];
    // of 512 worlds those in which nobody's filter is forgotten, no message overtakes another, no log lacks what was told
    assert_eq!(found, [(384, 4_476), (8, 10), (384, 4_476)]);
}
