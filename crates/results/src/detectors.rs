//! Failure detectors: how good they are, in numbers.

use crate::gossip::infection_times;
use crate::simulated::{environment, observe_over};
use crate::statistics::{Sample, integral, share};
use crate::{Effort, Finding, How, Provenance, Row, Tolerance};
use std::time::Duration;
use synod_algorithms::detectors::{FreshnessPoints, Suspicion, Swim, freshness_points, swim};
use synod_kernel::world::Observed;
use synod_kernel::{Random, Setting};
use synod_model::Process;
use synod_sim::Distribution;
use synod_sim::distribution::unit;

pub(crate) const ROWS: &[Row] = &[
    Row {
        id: "E1",
        title: "Quality of service of heartbeats with freshness points (NFD-S)",
        source: "Chen, Toueg, Aguilera, On the Quality of Service of Failure Detectors, IEEE Trans. Computers 51(5), 2002, Theorem 5",
        model: "each heartbeat is lost with p_L and delayed by an exponential law, on its own; synchronised clocks; the process watched does not crash",
        tolerance: "1 %; Monte Carlo and simulated processes within four standard deviations",
        provenance: &[Provenance::Recalled, Provenance::Recomputed],
        remarks: &[
            "The formula is recalled; an independent Monte Carlo agreed with it within 1 %.",
            "Mistakes that are too rare for a sample of theirs are left to the formula.",
        ],
        cheap: false,
        reproduce: freshness,
    },
    Row {
        id: "E3",
        title: "SWIM: how often a probe of a process that is up fails",
        source: "Gupta, Chandra, Goldszmidt, On Scalable and Efficient Distributed Failure Detectors, PODC 2001; Das, Gupta, Motivala, SWIM, DSN 2002, §3.1",
        model: "each message is lost with 1 - q, on its own; a share q_f of the processes is up: all, here",
        tolerance: "the formula to the digits printed; simulated processes within four standard deviations",
        provenance: &[Provenance::Recalled, Provenance::Recomputed],
        remarks: &["The formula is recalled, the numbers are arithmetic on it."],
        cheap: false,
        reproduce: false_suspicions,
    },
    Row {
        id: "E5",
        title: "Infection-style dissemination: how soon a share of the processes knows",
        source: "Das, Gupta, Motivala, SWIM, DSN 2002, §4.1, after Bailey, 1975: x(t) = n / (1 + (n - 1) e^(-(2 - 1/n) t))",
        model: "every process calls one other at any time, on average once a period, and both learn what either knows",
        tolerance: "15 %",
        provenance: &[Provenance::Recalled],
        remarks: &[
            "A continuous approximation without chance: the times compared are those at which shares are reached, on average.",
            "n^-(2λ - 2) is how many processes (not which share of them) do not know after λ ln n periods.",
        ],
        cheap: false,
        reproduce: infection,
    },
];

/// A case of E1: δ, p_L, the mean delay (η is 1); and as printed E(T_MR), E(T_M), P_A.
type Case = (f64, f64, f64, [&'static str; 3]);

const CASES: [Case; 7] = [
    (0.5, 0.01, 0.02, ["101.01", ".530101", ".994752"]),
    (1.0, 0.01, 0.02, ["101.01", ".030101", ".999702"]),
    (1.05, 0.01, 0.02, ["1106.79", ".1252", ""]),
    (1.5, 0.01, 0.02, ["10101.0", ".530101", ""]),
    (2.05, 0.01, 0.02, ["110679", ".1252", ""]),
    (0.5, 0.1, 0.25, ["5.02193", ".517064", ".897039"]),
    (1.0, 0.1, 0.5, ["5.10294", ".413743", ".918921"]),
];

/// Of fewer mistakes a sample says little: most of them last alike, the rare ones several times as long.
const MISTAKES_MIN: f64 = 300.0;

/// Theorem 5 with η = 1: E(T_MR), E(T_M), P_A.
fn theorem_5(shift: f64, loss: f64, mean: f64) -> [f64; 3] {
    let later = |t: f64| if t <= 0.0 { 1.0 } else { libm::exp(-t / mean) };
    // the heartbeat of j periods later has not come x after the freshness point
    let p = |j: u32, x: f64| loss + (1.0 - loss) * later(shift + x - f64::from(j));
    let last = libm::ceil(shift) as u32;
    let u = |x: f64| (0..=last).map(|j| p(j, x)).product::<f64>();
    let before = (1.0 - loss) * (1.0 - later(shift + 1.0));
    let mistakes = before * u(0.0);
    // from the kink on the heartbeat that is sent next begins to come
    let kink = libm::ceil(shift) - shift;
    let wrong = integral(&u, (0.0, kink), 1e-10) + integral(&u, (kink, 1.0), 1e-10);
    [1.0 / mistakes, wrong / mistakes, 1.0 - wrong]
}

/// What a detector did in a number of periods: how often it began to suspect, and for how long, in periods, each time.
struct Mistakes {
    periods: f64,
    durations: Sample,
    count: u64,
}

impl Mistakes {
    fn recurrence(&self) -> (f64, f64) {
        let mean = self.periods / self.count as f64;
        (mean, mean / libm::sqrt(self.count as f64))
    }

    /// The accuracy: the error of how often and of how long.
    fn accuracy(&self) -> (f64, f64) {
        let ((mean, error), count) = (self.durations.mean(), self.count as f64);
        let total = libm::hypot(error * count, mean * libm::sqrt(count));
        (1.0 - mean * count / self.periods, total / self.periods)
    }
}

/// Freshness points without processes: heartbeat j leaves at j, and is fresh up to the freshness point after its own.
fn draw_freshness((shift, loss, mean): (f64, f64, f64), periods: u64, random: &mut Random) -> Mistakes {
    let ahead = libm::ceil(shift) as usize + 1;
    let mut arrival = |j: u64| {
        let delay = -mean * libm::log(unit(random));
        if unit(random) < loss { f64::INFINITY } else { j as f64 + delay }
    };
    let mut arrivals: std::collections::VecDeque<f64> = (1..=ahead as u64).map(&mut arrival).collect();
    let (mut durations, mut count) = (Sample::default(), 0);
    // since when it suspects
    let mut since = None;
    for i in 1..=periods {
        let point = i as f64 + shift;
        arrivals.push_back(arrival(i + ahead as u64));
        let first = arrivals.iter().copied().fold(f64::INFINITY, f64::min);
        if first > point && since.is_none() {
            (since, count) = (Some(point), count + 1);
        }
        if first < point + 1.0
            && let Some(since) = since.take()
        {
            durations.add(first.max(point) - since);
        }
        arrivals.pop_front();
    }
    Mistakes { periods: periods as f64, durations, count }
}

/// Two processes that watch each other.
fn simulate_freshness((shift, loss, mean): (f64, f64, f64), periods: u32, seed: u64) -> Mistakes {
    let period = Duration::from_secs(1);
    let parameters = freshness_points::Parameters { period, shift: period.mul_f64(shift), defect: None };
    let links = environment::<<FreshnessPoints as Process>::Model>(2, Duration::ZERO);
    let setting = Setting::<FreshnessPoints>::new(links, parameters, vec![]);
    let end = period * periods;
    let delay = Distribution::Exponential { mean: period.mul_f64(mean) };
    let observed = observe_over(setting, (loss, Some(delay)), seed, end);
    let (mut durations, mut count) = (Sample::default(), 0);
    let mut since = [None; 2];
    for (at, what) in observed {
        match what {
            Observed::Indication(p, Suspicion::Suspect(_)) => {
                (since[p.index()], count) = (Some(at), count + 1);
            }
            Observed::Indication(p, Suspicion::Restore(_)) => {
                let suspected = since[p.index()].take();
                durations.add(suspected.map_or(0.0, |since| at.checked_sub(since).unwrap().as_secs_f64()));
            }
            _ => {}
        }
    }
    Mistakes { periods: 2.0 * f64::from(periods), durations, count }
}

fn freshness(effort: &Effort) -> Vec<Finding> {
    let names = ["E(T_MR)", "E(T_M)", "P_A"];
    let mut findings = Vec::new();
    let mut random = Random::new(effort.seed);
    for (shift, loss, mean, printed) in CASES {
        let case = format!("δ = {shift}, p_L = {loss}, E(D) = {mean}");
        let computed = theorem_5(shift, loss, mean);
        for ((name, published), value) in names.into_iter().zip(printed).zip(computed) {
            if !published.is_empty() {
                let how = How::Exact("Theorem 5, the integral by Simpson's rule");
                let what = format!("{case}: {name}");
                findings.push(Finding::estimate(what, published, (value, 0.0), Tolerance::Share(0.01), how));
            }
        }
        let samples = effort.samples(4_000_000, 200_000);
        if computed[0] * MISTAKES_MIN < samples as f64 {
            let found = draw_freshness((shift, loss, mean), samples, &mut random);
            compare(&mut findings, &case, printed, &found, &How::MonteCarlo { samples });
        }
        let periods = effort.samples(500_000, 20_000) as u32;
        if computed[0] * MISTAKES_MIN < 2.0 * f64::from(periods) {
            let found = simulate_freshness((shift, loss, mean), periods, effort.seed);
            let algorithm = "detectors/freshness_points.rs";
            let how = How::Simulated { algorithm, processes: 2, runs: 1 };
            compare(&mut findings, &case, printed, &found, &how);
        }
    }
    findings
}

fn compare(findings: &mut Vec<Finding>, case: &str, printed: [&str; 3], found: &Mistakes, how: &How) {
    let values = [found.recurrence(), found.durations.mean(), found.accuracy()];
    for ((name, published), value) in ["E(T_MR)", "E(T_M)", "P_A"].into_iter().zip(printed).zip(values) {
        if !published.is_empty() {
            let what = format!("{case}: {name}");
            let tolerance = Tolerance::FourSigma;
            findings.push(Finding::estimate(what, published, value, tolerance, how.clone()));
        }
    }
}

/// How often a probe with the help of k others fails, with messages that arrive with probability `q`.
fn probe_fails(q: f64, k: u32) -> f64 {
    (1.0 - q * q) * libm::pow(1.0 - q * q * q * q, f64::from(k))
}

fn false_suspicions(effort: &Effort) -> Vec<Finding> {
    let mut findings = Vec::new();
    let table: [(f64, [&str; 4]); 2] = [
        (0.05, [".0975", ".0180856", ".0033548", ".00062229"]),
        (0.01, [".0199", "7.8414e-4", "3.0898e-5", "1.2175e-6"]),
    ];
    for (loss, row) in table {
        for (k, published) in (0..).zip(row) {
            let what = format!("loss {loss}, k = {k}: a probe fails");
            let fails = probe_fails(1.0 - loss, k);
            let how = How::Exact("(1 - q²) (1 - q⁴)^k");
            findings.push(Finding::exact(&what, published, fails, how));
            // enough to fail some hundred times
            let probes = effort.samples(2_000_000, 40_000);
            if fails * probes as f64 > 20.0 {
                let (failed, probes) = simulate_probes(loss, k, probes, effort.seed);
                let how = How::Simulated { algorithm: "detectors/swim.rs", processes: MEMBERS, runs: 1 };
                let value = share(failed, probes);
                findings.push(Finding::estimate(&what, published, value, Tolerance::FourSigma, how));
            }
        }
    }
    // each member is probed in a period by a number of others that is Poisson, given that there is one
    let any = std::f64::consts::E / (std::f64::consts::E - 1.0);
    for (k, published) in (0..).zip([".154243", ".028611", ".0053072", ".00098445"]) {
        let what = format!("loss 0.05, k = {k}: PM(T)");
        let how = How::Exact("(1 - q²) (1 - q⁴)^k e / (e - 1)");
        findings.push(Finding::exact(what, published, probe_fails(0.95, k) * any, how));
    }
    let needed = libm::log(1e-3 / (probe_fails(0.95, 0) * any)) / libm::log(1.0 - libm::pow(0.95, 4.0));
    let how = How::Exact("k with PM(T) = 10^-3");
    findings.push(Finding::exact("loss 0.05: k for PM(T) = 10^-3", "2.99", needed, how));
    findings
}

const MEMBERS: u32 = 6;

/// How many probes failed, and how many there were.
fn simulate_probes(loss: f64, helpers: u32, probes: u64, seed: u64) -> (u64, u64) {
    let ms = Duration::from_millis;
    let parameters = swim::Parameters { period: ms(100), timeout: ms(10), helpers, defect: None };
    let links = environment::<<Swim as Process>::Model>(MEMBERS, ms(1));
    let setting = Setting::<Swim>::new(links, parameters, vec![]);
    let periods = (probes / u64::from(MEMBERS)) as u32;
    let end = parameters.period * periods;
    // the end of the last period is among those that count
    let observed = observe_over(setting, (loss, None), seed, end);
    let fails = |(_, what): &&(Duration, _)| matches!(what, Observed::Indication(_, Suspicion::Suspect(_)));
    (observed.iter().filter(fails).count() as u64, u64::from(periods) * u64::from(MEMBERS))
}

/// When x(t) is this share of n.
fn logistic_time(n: f64, share: f64) -> f64 {
    libm::log((n - 1.0) * share / (1.0 - share)) / (2.0 - 1.0 / n)
}

fn infection(effort: &Effort) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (n, samples, runs) in [
        (100, effort.samples(4_000, 200), effort.samples(200, 10)),
        (1_000, effort.samples(1_000, 50), effort.samples(50, 2)),
    ] {
        for (times, how) in infection_times(n, samples, runs, effort.seed) {
            for part in [0.5, 0.9, 0.99] {
                let reached: Sample =
                    times.iter().map(|learnt| learnt[(part * f64::from(n)) as usize - 1]).collect();
                let what = format!("n = {n}: periods until {} % know", part * 100.0);
                let published = format!("{:.3}", logistic_time(f64::from(n), part));
                let tolerance = Tolerance::Share(0.15);
                findings.push(Finding::estimate(what, published, reached.mean(), tolerance, how.clone()));
            }
        }
    }
    findings
}
