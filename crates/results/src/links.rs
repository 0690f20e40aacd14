//! Links and transport: retransmission, timeouts, congestion.

use crate::simulated::{environment, lossy, observe, observe_over};
use crate::statistics::Sample;
use crate::{Effort, Finding, How, Provenance, Row, Tolerance};
use std::time::Duration;
use synod_algorithms::congestion::Aimd;
use synod_algorithms::links::retransmission_timeout::Constants;
use synod_algorithms::links::stop_and_wait::{Parameters, Waits};
use synod_algorithms::links::{ConfirmedLink, LinkSend, RetransmissionTimeout, StopAndWait};
use synod_kernel::world::Observed;
use synod_kernel::{Random, Setting};
use synod_model::{Process, ProcessId};
use synod_sim::distribution::unit;

pub(crate) const ROWS: &[Row] = &[
    Row {
        id: "I1",
        title: "Stop-and-wait: transmissions until a message is delivered, and until it is acknowledged",
        source: "textbook; e.g. Bertsekas, Gallager, Data Networks, 2nd ed. 1992, §2.4",
        model: "fair-loss links that lose each message with the same probability, on its own",
        tolerance: "formulas to the digits printed; Monte Carlo and simulated processes within four standard deviations",
        provenance: &[Provenance::Recomputed],
        remarks: &[
            "p is the loss of messages, r that of acknowledgements; the simulated links lose both alike.",
        ],
        cheap: false,
        reproduce: stop_and_wait,
    },
    Row {
        id: "I3",
        title: "TCP's retransmission timeout: the estimator and the back-off",
        source: "Paxson, Allman, Chu, Sargent, Computing TCP's Retransmission Timer, RFC 6298, 2011",
        model: "a lossy link, a clock of G = 1 ms",
        tolerance: "exact to the digits printed",
        provenance: &[Provenance::LookedUp, Provenance::Recalled, Provenance::Recomputed],
        remarks: &[
            "The document was looked up, its constants are recalled, the trace of values is recomputed.",
        ],
        cheap: true,
        reproduce: timeouts,
    },
    Row {
        id: "I4",
        title: "TCP's square-root law: W √p is a constant",
        source: "Mathis, Semke, Mahdavi, Ott, The Macroscopic Behavior of the TCP Congestion Avoidance Algorithm, CCR 27(3), 1997",
        model: "congestion avoidance alone: no timeouts, no slow start; a loss every 1/p segments, or of each segment on its own",
        tolerance: "2 %",
        provenance: &[Provenance::LookedUp, Provenance::Recalled, Provenance::Recomputed],
        remarks: &[
            "√(3/2) and √(3/4) were looked up, the constants of independent losses (1.31, .93) are recalled.",
        ],
        cheap: false,
        reproduce: square_root_law,
    },
    Row {
        id: "I5",
        title: "TCP's throughput, the full model of Padhye, Firoiu, Towsley, Kurose",
        source: "Padhye, Firoiu, Towsley, Kurose, Modeling TCP Throughput, SIGCOMM 1998",
        model: "TCP Reno; a round trip of 1, a timeout of 4, two segments an acknowledgement",
        tolerance: "the formula to the digits printed",
        provenance: &[Provenance::LookedUp, Provenance::Recomputed],
        remarks: &["The formula was looked up where others quote it, the numbers are arithmetic on it."],
        cheap: true,
        reproduce: padhye,
    },
];

/// Transmissions until a message is acknowledged.
fn until_acknowledged(loss: f64, loss_of_acks: f64) -> f64 {
    1.0 / ((1.0 - loss) * (1.0 - loss_of_acks))
}

fn stop_and_wait(effort: &Effort) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut random = Random::new(effort.seed);
    let samples = effort.samples(1_000_000, 20_000);
    for (p, r, published) in [(0.1, 0.1, "1.2346"), (0.2, 0.1, "1.3889"), (0.5, 0.5, "4")] {
        let what = format!("p = {p}, r = {r}: transmissions until acknowledged");
        let formula = How::Exact("1 / ((1 - p)(1 - r))");
        findings.push(Finding::exact(&what, published, until_acknowledged(p, r), formula));
        let drawn: Sample = (0..samples).map(|_| transmissions(p, r, &mut random)).collect();
        let how = How::MonteCarlo { samples };
        findings.push(Finding::estimate(&what, published, drawn.mean(), Tolerance::FourSigma, how));
        #[expect(clippy::float_cmp, reason = "the same literal")]
        if p == r {
            let (runs, messages) = (effort.samples(100, 4), 1_000);
            let (mut delivered, mut acknowledged) = (Sample::default(), Sample::default());
            for run in 0..runs {
                simulate(p, messages, effort.seed + run, &mut delivered, &mut acknowledged);
            }
            let algorithm = "links/stop_and_wait.rs";
            let how = || How::Simulated { algorithm, processes: 2, runs };
            findings.push(Finding::estimate(
                &what,
                published,
                acknowledged.mean(),
                Tolerance::FourSigma,
                how(),
            ));
            let until = if p < 0.2 { "1.1111" } else { "2" };
            let what = format!("p = {p}: transmissions until delivered");
            let formula = How::Exact("1 / (1 - p)");
            findings.push(Finding::exact(&what, until, 1.0 / (1.0 - p), formula));
            findings.push(Finding::estimate(&what, until, delivered.mean(), Tolerance::FourSigma, how()));
        }
    }
    for (p, published) in [(0.01, ".92523"), (0.1, ".52941")] {
        let what = format!("go-back-N, W = 8, p = {p}: efficiency");
        let how = How::Exact("(1 - p) / (1 - p + p W)");
        findings.push(Finding::exact(&what, published, (1.0 - p) / (1.0 - p + 8.0 * p), how));
        // a segment that is lost costs its window
        let slots: Sample =
            (0..samples).map(|_| 1.0 + 8.0 * (transmissions(p, 0.0, &mut random) - 1.0)).collect();
        let (mean, error) = slots.mean();
        let efficiency = (1.0 / mean, error / mean / mean);
        let how = How::MonteCarlo { samples };
        findings.push(Finding::estimate(&what, published, efficiency, Tolerance::FourSigma, how));
    }
    findings
}

fn transmissions(loss: f64, loss_of_acks: f64, random: &mut Random) -> f64 {
    let mut count = 1.0;
    while unit(random) < loss || unit(random) < loss_of_acks {
        count += 1.0;
    }
    count
}

/// A sender with many messages for one receiver: how often each was transmitted until it was delivered, and until that was
/// confirmed.
fn simulate(loss: f64, messages: u32, seed: u64, delivered: &mut Sample, acknowledged: &mut Sample) {
    let ms = Duration::from_millis;
    let (delay, timeout) = (ms(1), ms(10));
    let parameters = Parameters { waits: Waits::Fixed(timeout), defect: None };
    let links = environment::<<StopAndWait<u32> as Process>::Model>(2, delay);
    let requests = (0..messages).map(|message| LinkSend { to: ProcessId(1), message }).collect();
    let setting = Setting::<StopAndWait<u32>>::new(links, parameters, vec![requests]);
    // each takes some four transmissions
    let observed = observe_over(setting, (loss, None), seed, 40 * timeout * messages);
    // when the message under way was first transmitted, if the one before was confirmed
    let (mut started, mut asked) = (None, 0);
    for (at, what) in observed {
        match what {
            Observed::Request(..) => {
                asked += 1;
                started = started.or(Some(at));
            }
            Observed::Indication(_, ConfirmedLink::Deliver(_)) => {
                let since = at.saturating_sub(started.unwrap_or_default() + delay);
                delivered.add(1.0 + libm::round(since.as_secs_f64() / timeout.as_secs_f64()));
            }
            Observed::Indication(_, ConfirmedLink::Confirm { transmissions, .. }) => {
                acknowledged.add(f64::from(transmissions));
                asked -= 1;
                started = (asked > 0).then_some(at);
            }
            _ => {}
        }
    }
}

fn timeouts(_: &Effort) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut timeout = RetransmissionTimeout::new(Constants::default());
    let trace = [
        (500, "1.5", ".5"),
        (500, "1.25", ".5"),
        (500, "1.0625", ".5"),
        (500, "1.0", ".5"),
        (2_000, "2.503906", ".6875"),
        (500, "2.213867", ".664062"),
    ];
    for (step, (ms, rto, smoothed)) in (1..).zip(trace) {
        timeout.measured(Duration::from_millis(ms));
        let how = || How::Exact("the library's links/retransmission_timeout.rs");
        let what = format!("measurement {step}, {} s", ms as f64 / 1e3);
        let seconds = timeout.current().as_secs_f64();
        findings.push(Finding::exact(format!("{what}: RTO"), rto, seconds, how()));
        let seconds = timeout.smoothed().unwrap_or_default().as_secs_f64();
        findings.push(Finding::exact(format!("{what}: SRTT"), smoothed, seconds, how()));
    }
    for (k, published) in (1..).zip(["1", "3", "7", "15", "31", "63", "123"]) {
        let what = format!("retransmission {k} after so many seconds without an answer");
        let how = How::Simulated { algorithm: "links/stop_and_wait.rs", processes: 2, runs: 1 };
        findings.push(Finding::exact(what, published, simulate_back_off(k), how));
    }
    findings
}

/// When the k-th retransmission leaves, if all before it is lost: the time at which the first message arrives over a link that
/// loses everything until just before that.
fn simulate_back_off(k: u32) -> f64 {
    let delay = Duration::from_micros(1);
    let parameters = Parameters { waits: Waits::Adaptive(Constants::default()), defect: None };
    let links = environment::<<StopAndWait<u32> as Process>::Model>(2, delay);
    let requests = vec![vec![LinkSend { to: ProcessId(1), message: 0 }]];
    let setting = Setting::<StopAndWait<u32>>::new(lossy(links, 1.0), parameters, requests);
    // of the time of a run the first half loses: until a quarter of a second before
    let expected = [1, 3, 7, 15, 31, 63, 123][k as usize - 1];
    let (_, observed) = observe(&setting, 1, Duration::from_millis(2 * (1_000 * expected - 250)));
    let asked = observed.iter().find(|(_, what)| matches!(what, Observed::Request(..))).map(|(at, _)| *at);
    let arrived = observed
        .iter()
        .find(|(_, what)| matches!(what, Observed::Indication(_, ConfirmedLink::Deliver(_))))
        .map(|(at, _)| *at);
    match (asked, arrived) {
        (Some(asked), Some(arrived)) => arrived.as_secs_f64() - asked.as_secs_f64() - delay.as_secs_f64(),
        _ => f64::NAN,
    }
}

/// The mean window, in segments, over so many losses.
fn mean_window(loss: f64, segments_per_ack: u32, losses: u64, random: Option<&mut Random>) -> (f64, f64) {
    let mut window = Aimd::new(libm::sqrt(1.5 / loss), segments_per_ack);
    let every = libm::round(1.0 / loss) as u64;
    // the losses of the beginning are not counted; the rest goes into parts, whose means are as good as independent
    const PARTS: u64 = 50;
    let mut parts = Sample::default();
    let mut random = random;
    for part in 0..=PARTS {
        let (mut segments, mut time) = (0_u64, 0.0);
        for _ in 0..losses.div_ceil(PARTS) {
            let gap = match &mut random {
                None => every,
                // geometric: up to the first that is lost
                Some(random) => 1 + libm::floor(libm::log(unit(random)) / libm::log1p(-loss)) as u64,
            };
            for _ in 0..gap {
                time += 1.0 / window.window();
                window.on_segment();
            }
            window.on_loss();
            segments += gap;
        }
        if part > 0 {
            parts.add(segments as f64 / time);
        }
    }
    parts.mean()
}

fn square_root_law(effort: &Effort) -> Vec<Finding> {
    let mut findings = Vec::new();
    let two = Tolerance::Share(0.02);
    for (p, published) in [(1e-4, "122.5"), (1e-3, "38.7"), (1e-2, "12.2")] {
        let what = format!("p = {p}: segments a round trip");
        let how = How::Exact("√(3/2) / √p");
        findings.push(Finding::exact(&what, published, libm::sqrt(1.5 / p), how));
        if p > 1e-3 {
            continue; // a window of a few segments is not smooth
        }
        for (b, constant, name) in [(1, "1.2247", "every segment"), (2, ".866", "every second segment")] {
            let losses = effort.samples(2_000, 100);
            let (window, error) = mean_window(p, b, losses, None);
            let root = libm::sqrt(p);
            let what = format!("p = {p}, a loss every 1/p segments, {name} acknowledged: W √p");
            let how = How::MonteCarlo { samples: losses };
            findings.push(Finding::estimate(what, constant, (window * root, error * root), two, how));
        }
    }
    let mut random = Random::new(effort.seed);
    for p in [1e-3, 1e-4] {
        for (b, constant, name) in [(1, "1.31", "every segment"), (2, ".93", "every second segment")] {
            let losses = effort.samples(20_000, 500);
            let (window, error) = mean_window(p, b, losses, Some(&mut random));
            let root = libm::sqrt(p);
            let what = format!("p = {p}, independent losses, {name} acknowledged: W √p");
            let how = How::MonteCarlo { samples: losses };
            findings.push(Finding::estimate(what, constant, (window * root, error * root), two, how));
        }
    }
    findings
}

/// Segments a second: of round trips and timeouts in seconds, where one acknowledgement is for `b` segments.
fn throughput(p: f64, round_trip: f64, timeout: f64, b: f64) -> f64 {
    let waits = timeout * f64::min(1.0, 3.0 * libm::sqrt(3.0 * b * p / 8.0)) * p * (1.0 + 32.0 * p * p);
    1.0 / (round_trip * libm::sqrt(2.0 * b * p / 3.0) + waits)
}

fn padhye(_: &Effort) -> Vec<Finding> {
    let printed = [(0.001, "27.14"), (0.01, "7.943"), (0.05, "2.606"), (0.1, "1.252")];
    let found = |(p, published)| {
        let how = How::Exact("1 / (RTT √(2bp/3) + T0 min(1, 3 √(3bp/8)) p (1 + 32 p²))");
        Finding::exact(
            format!("p = {p}: segments a round trip"),
            published,
            throughput(p, 1.0, 4.0, 2.0),
            how,
        )
    };
    printed.into_iter().map(found).collect()
}
