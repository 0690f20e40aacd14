//! The link ladder, explored in full.

mod explored;

use synod_algorithms::links::{
    FifoLink, FifoOverFairLoss, LinkSend, LoggedOverFairLoss, PerfectOverFairLoss, RetransmitForever,
    eliminate_duplicates, fifo, log_delivered, retransmit_forever,
};
use synod_kernel::{Environment, Setting};
use synod_model::{Layers, Process, ProcessId};
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
