//! Gossip: rumours, anti-entropy, infection.

mod monte_carlo;

use self::monte_carlo::Spread;
use crate::simulated::{ROUND, environment, lock_step, observe, round};
use crate::statistics::{Sample, share};
use crate::{Effort, Finding, How, Provenance, Row, Tolerance};
use std::time::Duration;
use synod_algorithms::gossip::{
    AntiEntropy, Infection, RumorMongering, anti_entropy, infection, rumor_mongering,
};
use synod_kernel::world::Observed;
use synod_kernel::{Random, Setting};
use synod_model::interface::Update;
use synod_model::{Process, RoundProcess, Rounds};

pub(crate) const ROWS: &[Row] = &[
    Row {
        id: "F1",
        title: "Rumour mongering by push, feedback and counter, n = 1,000: residue s, traffic m, time t_last",
        source: "Demers et al., Epidemic Algorithms for Replicated Database Maintenance, PODC 1987, Table 1",
        model: "synchronous cycles, reliable links, nobody fails; partners uniform among the others",
        tolerance: "s and m within 5 %, t_last within 3 %",
        provenance: &[Provenance::LookedUp, Provenance::Recomputed],
        remarks: &[
            "Comes out only if the counter is reset by a useful contact, and feedback speaks of the start of the cycle.",
            "The printed t_ave (11.0 to 12.8) does not come out (9.8 to 10.1 do), and is not compared.",
        ],
        cheap: false,
        reproduce: push_rumor,
    },
    Row {
        id: "F3",
        title: "Rumour mongering by pull, feedback and counter, n = 1,000",
        source: "Demers et al., Epidemic Algorithms for Replicated Database Maintenance, PODC 1987, Table 3 and its footnote",
        model: "synchronous cycles, reliable links, nobody fails; every process asks one other each cycle",
        tolerance: "m within 1 %; s within 5 % for k = 1, a factor of 2 for larger k; times within 2 %",
        provenance: &[Provenance::Recalled, Provenance::Recomputed],
        remarks: &[
            "Judged at the end of a cycle: if any who asked needed the rumour the counter is reset, else it goes up by one.",
        ],
        cheap: false,
        reproduce: pull_rumor,
    },
    Row {
        id: "F4",
        title: "Rumour mongering: the residue's fixed point s = e^(-(k + 1)(1 - s)), and s = e^-m of all push variants",
        source: "Demers et al., Epidemic Algorithms for Replicated Database Maintenance, PODC 1987, §1.4",
        model: "mean field: a contact at a time, feedback and a coin of 1/k",
        tolerance: "the fixed point to the digits printed; Monte Carlo within 3 % at n = 20,000",
        provenance: &[Provenance::Recalled, Provenance::Recomputed],
        remarks: &[],
        cheap: true,
        reproduce: residue,
    },
    Row {
        id: "F5",
        title: "Push to all: log2 n + ln n + O(1) cycles",
        source: "Frieze, Grimmett, The Shortest-Path Problem for Graphs with Random Arc-Lengths, 1985; Pittel, On Spreading a Rumor, SIAM J. Appl. Math. 47(1), 1987",
        model: "synchronous cycles, complete graph, nobody fails; whoever knows calls one other each cycle",
        tolerance: "means within 0.1 of another program's; mean - log2 n - ln n in [0.9, 1.3]; of n = 10,000 and of simulated processes, four standard errors more",
        provenance: &[Provenance::Recalled, Provenance::Recomputed],
        remarks: &[
            "The asymptotics are recalled; the means are those of an independent program, not of the papers.",
            "For n = 10,000 that program has 23.58, deviation 1.22; the Markov chain of how many know has 23.678, deviation 1.315. The mean is within 0.1, by .002: samples of ours, which scatter around 23.678, are given four of their standard errors.",
        ],
        cheap: false,
        reproduce: push_to_all,
    },
    Row {
        id: "F9",
        title: "Anti-entropy's tail: the share p that does not know becomes p² by pull, p e^-(1 - p) by push",
        source: "Demers et al., Epidemic Algorithms for Replicated Database Maintenance, PODC 1987, §1.3",
        model: "synchronous cycles, nobody fails; half of the processes know at first",
        tolerance: "the recurrences to the digits printed; simulated within four standard deviations",
        provenance: &[Provenance::Recalled, Provenance::Recomputed],
        remarks: &[
            "Of n processes none is left where the recurrence says less than 1/n: the simulation goes to the third cycle of pull.",
        ],
        cheap: false,
        reproduce: tail,
    },
];

const N: u32 = 1_000;
const RUMOR: &str = "gossip/rumor_mongering.rs";
const ANTI_ENTROPY: &str = "gossip/anti_entropy.rs";

/// What a spread came to, over several runs.
#[derive(Default)]
struct Table {
    residue: Sample,
    traffic: Sample,
    average: Sample,
    last: Sample,
    /// Processes that did not hear of it, in all.
    missed: u64,
    runs: u64,
}

impl Table {
    fn of(spreads: impl Iterator<Item = Spread>) -> Self {
        let mut table = Self::default();
        for spread in spreads {
            let missed = spread.n - spread.learnt.len() as u32;
            table.missed += u64::from(missed);
            table.runs += 1;
            table.residue.add(f64::from(missed) / f64::from(spread.n));
            table.traffic.add(spread.traffic as f64 / f64::from(spread.n));
            let cycles = || spread.learnt.iter().map(|&cycle| f64::from(cycle));
            table.average.add(cycles().sum::<f64>() / spread.learnt.len() as f64);
            table.last.add(cycles().fold(0.0, f64::max));
        }
        table
    }

    /// The residue; where hardly anybody missed it, with the error of a count of one.
    fn residue(&self) -> (f64, f64) {
        let (mean, error) = self.residue.mean();
        (mean, error.max(share(self.missed, self.runs * u64::from(N)).1))
    }
}

/// Runs of processes in rounds, in each of which the first `knowing` learn the update before the first cycle: after how many
/// rounds each learnt it, and how many messages arrived.
fn in_rounds<A>(
    parameters: &A::Parameters,
    (n, knowing): (u32, u32),
    rounds: u32,
    seed: u64,
) -> (Vec<u32>, u64)
where
    A: RoundProcess<Request = Update<u32>>,
{
    let environment = lock_step::<A::Model>(n);
    let requests = (0..knowing).map(|_| vec![Update(0)]).collect();
    let setting = Setting::<Rounds<A>>::new(environment, parameters.clone(), requests);
    // four times as long, for requests and for what is under way at the end
    let (outcome, observed) = observe(&setting, seed, 4 * ROUND * (rounds + 8));
    let learnt = observed.iter().filter(|(_, what)| matches!(what, Observed::Indication(..)));
    (learnt.map(|(at, _)| round(*at)).collect(), outcome.delivered)
}

/// In which cycle what happened at the end of a round happened: cycles of `rounds` follow round 1.
fn cycle(round: u32, rounds: u32) -> u32 {
    round.saturating_sub(1).div_ceil(rounds)
}

fn rumor_runs(
    direction: rumor_mongering::Direction,
    k: u32,
    cycles: u32,
    seeds: std::ops::Range<u64>,
) -> Table {
    let parameters = rumor_mongering::Parameters {
        cycles: Some(cycles),
        ..rumor_mongering::Parameters::feedback_and_counter(direction, k)
    };
    rumor_table(&parameters, cycles, seeds)
}

fn rumor_table(parameters: &rumor_mongering::Parameters, cycles: u32, seeds: std::ops::Range<u64>) -> Table {
    let direction = parameters.direction;
    let rounds = direction.rounds();
    Table::of(seeds.map(|seed| {
        let (learnt, delivered) = in_rounds::<RumorMongering<u32>>(parameters, (N, 1), rounds * cycles, seed);
        // to each rumour its feedback; in pull, everybody's request each cycle
        let requests = if direction == rumor_mongering::Direction::Pull { u64::from(N * cycles) } else { 0 };
        let learnt = learnt.into_iter().map(|round| cycle(round, rounds)).collect();
        Spread { n: N, learnt, traffic: (delivered - requests) / 2 }
    }))
}

fn push_rumor(effort: &Effort) -> Vec<Finding> {
    let printed = [
        (".18", "1.7", "16.8"),
        (".037", "3.3", "16.9"),
        (".011", "4.5", "17.4"),
        (".0036", "5.6", "17.5"),
        (".0012", "6.7", "17.7"),
    ];
    let samples = effort.samples(4_000, 100);
    let runs = effort.samples(100, 3);
    let mut findings = Vec::new();
    for (k, (s, m, t_last)) in (1..).zip(printed) {
        let mut random = Random::new(effort.seed + u64::from(k));
        let drawn = Table::of((0..samples).map(|_| monte_carlo::push(N, k, &mut random)));
        let processes = rumor_runs(rumor_mongering::Direction::Push, k, 60, effort.seed..effort.seed + runs);
        let hows = [How::MonteCarlo { samples }, How::Simulated { algorithm: RUMOR, processes: N, runs }];
        for (table, how) in [drawn, processes].into_iter().zip(hows) {
            let sampled = matches!(how, How::Simulated { .. });
            for (name, published, value, tolerance) in [
                ("s", s, table.residue(), 0.05),
                ("m", m, table.traffic.mean(), 0.05),
                ("t_last", t_last, table.last.mean(), 0.03),
            ] {
                let what = format!("k = {k}: {name}");
                let mut found =
                    Finding::estimate(what, published, value, Tolerance::Share(tolerance), how.clone());
                if sampled {
                    found.allow_for_sampling();
                }
                findings.push(found);
            }
        }
    }
    findings
}

fn pull_rumor(effort: &Effort) -> Vec<Finding> {
    let printed = [
        ("3.1e-2", "2.7", "9.97", "17.63"),
        ("5.8e-4", "4.49", "10.07", "15.39"),
        ("4.0e-6", "6.09", "10.08", "14.00"),
    ];
    let samples = effort.samples(4_000, 100);
    let runs = effort.samples(40, 2);
    let mut findings = Vec::new();
    for (k, (s, m, t_ave, t_last)) in (1..).zip(printed) {
        let mut random = Random::new(effort.seed + u64::from(k));
        let drawn = Table::of((0..samples).map(|_| monte_carlo::pull(N, k, &mut random)));
        let processes = rumor_runs(rumor_mongering::Direction::Pull, k, 45, effort.seed..effort.seed + runs);
        let hows = [How::MonteCarlo { samples }, How::Simulated { algorithm: RUMOR, processes: N, runs }];
        for (table, how) in [drawn, processes].into_iter().zip(hows) {
            let sampled = matches!(how, How::Simulated { .. });
            let residue = if k == 1 { Tolerance::Share(0.05) } else { Tolerance::Factor(2.0) };
            for (name, published, value, tolerance) in [
                ("s", s, table.residue(), residue),
                ("m", m, table.traffic.mean(), Tolerance::Share(0.01)),
                ("t_ave", t_ave, table.average.mean(), Tolerance::Share(0.02)),
                ("t_last", t_last, table.last.mean(), Tolerance::Share(0.02)),
            ] {
                let what = format!("k = {k}: {name}");
                let mut found = Finding::estimate(what, published, value, tolerance, how.clone());
                if sampled {
                    found.allow_for_sampling();
                }
                findings.push(found);
            }
        }
    }
    findings
}

/// The solution below 1 of s = e^(-(k + 1)(1 - s)).
fn fixed_point(k: u32) -> f64 {
    // from 0 on it goes up to the smaller of the two solutions
    (0..10_000).fold(0.0, |s: f64, _| libm::exp(-(f64::from(k) + 1.0) * (1.0 - s)))
}

fn residue(effort: &Effort) -> Vec<Finding> {
    const LARGE: u32 = 20_000;
    let samples = effort.samples(100, 3);
    let mut random = Random::new(effort.seed);
    let mut findings = Vec::new();
    for (k, published) in (1..).zip([".20319", ".05952", ".01983", ".00698", ".00252"]) {
        let how = How::Exact("s = e^(-(k + 1)(1 - s)), by iteration");
        findings.push(Finding::exact(format!("k = {k}: s"), published, fixed_point(k), how));
        let (mut residue, mut traffic) = (Sample::default(), Sample::default());
        for _ in 0..samples {
            let spread = monte_carlo::one_at_a_time(LARGE, k, &mut random);
            residue.add(1.0 - spread.learnt.len() as f64 / f64::from(LARGE));
            traffic.add(spread.traffic as f64 / f64::from(LARGE));
        }
        let how = || How::MonteCarlo { samples };
        let what = format!("k = {k}: s at n = {LARGE}");
        findings.push(Finding::estimate(what, published, residue.mean(), Tolerance::Share(0.03), how()));
        let ((s, error), (m, _)) = (residue.mean(), traffic.mean());
        let e_m = libm::exp(m);
        let what = format!("k = {k}: s e^m at n = {LARGE}");
        findings.push(Finding::estimate(what, "1", (s * e_m, error * e_m), Tolerance::Share(0.03), how()));
    }
    findings
}

fn push_to_all(effort: &Effort) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut random = Random::new(effort.seed);
    let printed = [(100, "12.30", "11.25"), (1_000, "18.02", "16.87"), (10_000, "23.58", "22.50")];
    for (n, mean, leading) in printed {
        let expected = libm::log2(f64::from(n)) + libm::log(f64::from(n));
        let how = How::Exact("log2 n + ln n");
        findings.push(Finding::exact(format!("n = {n}: the leading term"), leading, expected, how));
        if n <= N || effort.full {
            let mean_of = monte_carlo::cycles_to_all(n);
            let how = How::Exact("the Markov chain of how many know");
            let close = Tolerance::Absolute(0.1);
            findings.push(Finding::estimate(format!("n = {n}: cycles"), mean, (mean_of, 0.0), close, how));
        }
        let samples = if n == 10_000 { effort.samples(2_000, 50) } else { effort.samples(4_000, 200) };
        let drawn: Sample =
            (0..samples).map(|_| f64::from(monte_carlo::push_to_all(n, &mut random))).collect();
        let how = How::MonteCarlo { samples };
        cycles_to_all(&mut findings, n, mean, expected, &drawn, &how);
        let runs = match n {
            N => effort.samples(200, 3),
            _ if n < N => effort.samples(2_000, 40),
            _ if effort.full => 50,
            _ => continue,
        };
        let all: Sample =
            (0..runs).map(|run| f64::from(simulated_push_to_all(n, effort.seed + run))).collect();
        let how = How::Simulated { algorithm: ANTI_ENTROPY, processes: n, runs };
        cycles_to_all(&mut findings, n, mean, expected, &all, &how);
    }
    findings
}

fn cycles_to_all(
    findings: &mut Vec<Finding>,
    n: u32,
    published: &str,
    expected: f64,
    cycles: &Sample,
    how: &How,
) {
    let (mean, error) = cycles.mean();
    let close = Tolerance::Absolute(0.1);
    let mut whole =
        Finding::estimate(format!("n = {n}: cycles"), published, (mean, error), close, how.clone());
    // the middle of [0.9, 1.3]
    let mut offset = Finding::estimate(
        format!("n = {n}: cycles beyond the leading term"),
        "1.1",
        (mean - expected, error),
        Tolerance::Absolute(0.2),
        how.clone(),
    );
    // what another program has for the largest is at the edge: see the row's remarks
    if n > N || matches!(how, How::Simulated { .. }) {
        whole.allow_for_sampling();
        offset.allow_for_sampling();
    }
    findings.extend([whole, offset]);
}

fn simulated_push_to_all(n: u32, seed: u64) -> u32 {
    let direction = anti_entropy::Direction::Push;
    let parameters = anti_entropy::Parameters { direction, cycles: Some(40), defect: None };
    let (learnt, _) = in_rounds::<AntiEntropy<u32>>(&parameters, (n, 1), 40, seed);
    assert_eq!(learnt.len() as u32, n, "40 cycles are more than enough for {n}");
    learnt.into_iter().map(|round| cycle(round, direction.rounds())).max().unwrap_or(0)
}

fn tail(effort: &Effort) -> Vec<Finding> {
    let pull: [&str; 6] = [".5", ".25", ".0625", ".0039", "1.5e-5", "2.3e-10"];
    let push: [&str; 6] = [".5", ".303", ".151", ".0646", ".0254", ".00957"];
    let mut findings = Vec::new();
    for (name, direction, printed, compared) in
        [("pull", anti_entropy::Direction::Pull, pull, 3), ("push", anti_entropy::Direction::Push, push, 5)]
    {
        let next = |p: f64| if name == "pull" { p * p } else { p * libm::exp(-(1.0 - p)) };
        let expected: Vec<f64> = std::iter::successors(Some(0.5), |&p| Some(next(p))).take(6).collect();
        let formula = if name == "pull" { "p²" } else { "p e^-(1 - p)" };
        for (cycle, (&published, &p)) in printed.iter().zip(&expected).enumerate() {
            findings.push(Finding::exact(
                format!("{name}, cycle {cycle}: p"),
                published,
                p,
                How::Exact(formula),
            ));
        }
        let n = 100_000;
        let samples = effort.samples(100, 4);
        let mut random = Random::new(effort.seed);
        let mut drawn = vec![Sample::default(); compared + 1];
        for _ in 0..samples {
            let shares = monte_carlo::anti_entropy(n, name == "pull", compared, &mut random);
            drawn.iter_mut().zip(shares).for_each(|(sample, p)| sample.add(p));
        }
        let runs = effort.samples(400, 8);
        let mut simulated = vec![Sample::default(); compared + 1];
        for run in 0..runs {
            let shares = simulated_tail(direction, compared, effort.seed + run);
            simulated.iter_mut().zip(shares).for_each(|(sample, p)| sample.add(p));
        }
        for cycle in 1..=compared {
            let what = format!("{name}, cycle {cycle}: p");
            for (sample, how) in [
                (&drawn[cycle], How::MonteCarlo { samples: samples * u64::from(n) }),
                (&simulated[cycle], How::Simulated { algorithm: ANTI_ENTROPY, processes: N, runs }),
            ] {
                let tolerance = Tolerance::FourSigma;
                findings.push(Finding::estimate(&what, printed[cycle], sample.mean(), tolerance, how));
            }
        }
    }
    findings
}

/// The shares that do not know after each cycle.
fn simulated_tail(direction: anti_entropy::Direction, cycles: usize, seed: u64) -> Vec<f64> {
    let parameters = anti_entropy::Parameters { direction, cycles: Some(cycles as u32), defect: None };
    let rounds = direction.rounds();
    let (learnt, _) = in_rounds::<AntiEntropy<u32>>(&parameters, (N, N / 2), rounds * cycles as u32, seed);
    let by = |last: u32| learnt.iter().filter(|&&round| cycle(round, rounds) <= last).count();
    (0..=cycles as u32).map(|last| 1.0 - by(last) as f64 / f64::from(N)).collect()
}

/// For each way of computing it, when each process learnt what one knew at first: in periods, ascending, a list a run.
pub(crate) fn infection_times(n: u32, samples: u64, runs: u64, seed: u64) -> [(Vec<Vec<f64>>, How); 2] {
    let mut random = Random::new(seed);
    let drawn = (0..samples).map(|_| monte_carlo::infection(n, &mut random)).collect();
    let simulated = (0..runs).map(|run| simulated_infection(n, seed + run)).collect();
    let algorithm = "gossip/infection.rs";
    [(drawn, How::MonteCarlo { samples }), (simulated, How::Simulated { algorithm, processes: n, runs })]
}

/// Pings at any time, on average one a period.
fn simulated_infection(n: u32, seed: u64) -> Vec<f64> {
    let period = Duration::from_secs(1);
    let parameters = infection::Parameters { period, ticks: 20, times: None, defect: None };
    let environment = environment::<<Infection<u32> as Process>::Model>(n, Duration::from_micros(1));
    let setting = Setting::<Infection<u32>>::new(environment, parameters, vec![vec![Update(0)]]);
    let (_, observed) = observe(&setting, seed, period * 25);
    let mut learnt = observed.iter().filter(|(_, what)| matches!(what, Observed::Indication(..)));
    let first = learnt.clone().next().map_or(Duration::ZERO, |(at, _)| *at);
    let times: Vec<f64> =
        learnt.by_ref().map(|(at, _)| (*at).checked_sub(first).unwrap().as_secs_f64()).collect();
    assert_eq!(times.len() as u32, n, "25 periods are more than enough for {n}");
    times
}

#[cfg(test)]
mod tests {
    use super::*;
    use synod_algorithms::gossip::rumor_mongering::{Defect, Direction, Parameters};

    /// The published table is what tells the twin from the algorithm.
    #[test]
    fn without_the_reset_of_the_counter_the_traffic_is_another_one() {
        let sound = Parameters { cycles: Some(60), ..Parameters::feedback_and_counter(Direction::Push, 3) };
        let twin = Parameters { defect: Some(Defect::CounterNotReset), ..sound };
        let traffic = |parameters| rumor_table(parameters, 60, 1..4).traffic.mean();
        let ((m, error), (wrong, wrong_error)) = (traffic(&sound), traffic(&twin));
        assert!((m - 4.5).abs() < 0.05 * 4.5 + 4.0 * error, "{m} {error}");
        assert!(wrong < 4.5 * 0.95 - wrong_error, "{wrong} {wrong_error}");
    }
}
