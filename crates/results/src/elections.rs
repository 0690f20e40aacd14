//! Elections of Raft: how long they take, and how often votes are split.
//!
//! The unit of time is the least election timeout; timeouts are spread over as much again.

use crate::simulated::{environment, observe_stopped};
use crate::statistics::{Sample, share};
use crate::{Effort, Finding, How, Provenance, Row, Tolerance};
use std::time::Duration;
use synod_algorithms::consensus::raft::{Raft, RaftParameters};
use synod_algorithms::machines::Registers;
use synod_kernel::Setting;
use synod_kernel::world::Observed;
use synod_model::Process;
use synod_model::interface::{ReplicaEvent, Term, Witness};

const MODEL: &str = "n servers of which s are up, their timeouts uniform in [1, 2] from the same last heartbeat on; constant one-way latency; writing takes no time; no pre-vote";

pub(crate) const ROWS: &[Row] = &[
    Row {
        id: "D1",
        title: "Raft: when the first of s servers times out",
        source: "Ongaro, Consensus: Bridging Theory and Practice, Stanford, 2014, §9.1: Pr(M_s <= t) = 1 - (1 - t)^s",
        model: MODEL,
        tolerance: "1 %; shares within four standard deviations",
        provenance: &[Provenance::LookedUp, Provenance::Recomputed],
        remarks: &["Seen by the election that follows, with a latency that is next to nothing."],
        cheap: false,
        reproduce: first_timeouts,
    },
    Row {
        id: "D2",
        title: "Raft: how often a vote is split, at fixed latency",
        source: "Ongaro 2014, §9.2: the sum over k from c - 1 to s of C(s, k) l^k (1 - l)^(s - k), with c = s - floor(n / 2) + 1",
        model: MODEL,
        tolerance: "the formula to the digits printed; simulated processes within four standard deviations",
        provenance: &[Provenance::LookedUp, Provenance::Recomputed],
        remarks: &[
            "The text prints .06 %, 5.2 %, 18.1 %, about 50, 70, 35, 15 and 10 %; the digits here are the formula's.",
        ],
        cheap: false,
        reproduce: split_votes,
    },
    Row {
        id: "D4",
        title: "Raft: how long elections take in all",
        source: "Ongaro 2014, §9.3: (1 + 1 / (s + 1) + l) / (1 - r) + l + W - 1/4, r by D2",
        model: MODEL,
        tolerance: "the formula to the digits printed; simulated processes within 2 %",
        provenance: &[Provenance::LookedUp, Provenance::Recomputed],
        remarks: &[
            "The formula lets each term begin anew, at all servers at once. Who stood began up to l earlier than who voted, so that the next term comes sooner: processes take up to 2.3 % less where votes are split often (n = 9, s = 5, l = .1: 1.951 with a standard error of .006, where the formula says 1.9951). A Monte Carlo of timers that are staggered so says 1.948, one of timers that are not 1.994. Of that case the formula alone is compared.",
            "The leader crashes at a time that is uniform in its heartbeat interval of one half: 1/4 after its last one on average, which is taken off what is simulated.",
        ],
        cheap: false,
        reproduce: total_times,
    },
];

const UNIT: Duration = Duration::from_secs(1);

/// What s of n servers come to, in so many elections from the last heartbeat on.
struct Elections {
    /// In how many nobody was elected in the first term.
    split: u64,
    /// Until somebody was.
    times: Vec<f64>,
}

impl Elections {
    fn simulate((n, s): (u32, u32), latency: f64, runs: u64, seed: u64) -> Self {
        let parameters = RaftParameters {
            election: UNIT,
            election_spread: UNIT,
            election_steps: 1_000_000,
            heartbeat: UNIT / 2,
            pre_vote: false,
            check_quorum: false,
            witnessed: true,
            ..RaftParameters::default()
        };
        let environment = environment::<<Raft<Registers> as Process>::Model>(n, UNIT.mul_f64(latency));
        let setting = Setting::<Raft<Registers>>::new(environment, parameters, vec![]);
        let mut this = Self { split: 0, times: Vec::new() };
        for run in 0..runs {
            let seed = seed.wrapping_add(run);
            // the same run, for as long as it takes
            let elected = [4, 16, 64].iter().find_map(|&units| first(&setting, n - s, seed, units * UNIT));
            let (at, term) = elected.expect("a majority is up");
            this.split += u64::from(term.0 > 1);
            this.times.push(at.as_secs_f64());
        }
        this
    }

    fn mean(&self) -> (f64, f64) {
        self.times.iter().copied().collect::<Sample>().mean()
    }
}

/// When somebody is elected first, and in which term.
fn first(
    setting: &Setting<Raft<Registers>>,
    stopped: u32,
    seed: u64,
    within: Duration,
) -> Option<(Duration, Term)> {
    observe_stopped(setting, stopped, seed, within).iter().find_map(|(at, what)| match what {
        Observed::Indication(_, ReplicaEvent::Witness(Witness::Elected(term))) => Some((*at, *term)),
        _ => None,
    })
}

fn simulated(processes: u32, runs: u64) -> How {
    How::Simulated { algorithm: "consensus/raft.rs", processes, runs }
}

fn first_timeouts(effort: &Effort) -> Vec<Finding> {
    const LATENCY: f64 = 1e-6;
    let runs = effort.samples(100_000, 1_000);
    let mut findings = vec![Finding::exact(
        "s = 4: Pr(M <= 1/4)",
        ".6836",
        1.0 - libm::pow(0.75, 4.0),
        How::Exact("1 - (1 - t)^s"),
    )];
    for (n, s, mean) in [(3, 2, ".33333"), (5, 4, ".2"), (9, 8, ".11111")] {
        let elections = Elections::simulate((n, s), LATENCY, runs, effort.seed);
        let how = simulated(n, runs);
        if s == 4 {
            let early = elections.times.iter().filter(|&&at| at <= 1.25 + 2.0 * LATENCY).count();
            let drawn = share(early as u64, runs);
            let what = "s = 4: Pr(M <= 1/4)";
            findings.push(Finding::estimate(what, ".6836", drawn, Tolerance::FourSigma, how.clone()));
        }
        let (ours, error) = elections.mean();
        let drawn = (ours - 1.0 - 2.0 * LATENCY, error);
        let what = format!("s = {s}: E(M)");
        findings.push(Finding::estimate(what, mean, drawn, Tolerance::Share(0.01), how));
    }
    findings
}

/// How often votes are split by the formula of §9.2.
fn split_rate((n, s): (u32, u32), latency: f64) -> f64 {
    let enough = s - n / 2; // c - 1: so many others stand before they hear of the first
    let choose = |k: u32| (0..k).fold(1.0, |c, i| c * f64::from(s - i) / f64::from(i + 1));
    let of =
        |k: u32| choose(k) * libm::pow(latency, f64::from(k)) * libm::pow(1.0 - latency, f64::from(s - k));
    (enough..=s).map(of).sum()
}

/// A number that is printed of s servers of n at a latency.
struct Printed {
    cluster: (u32, u32),
    latency: f64,
    number: &'static str,
    /// Whether processes are compared with it, and not the formula alone.
    is_simulated: bool,
}

const fn printed(n: u32, s: u32, latency: f64, number: &'static str) -> Printed {
    Printed { cluster: (n, s), latency, number, is_simulated: true }
}

/// What is printed comes from a formula: both are compared with it, the formula and what elections of processes come to.
struct Formula {
    of: &'static str,
    written: &'static str,
    exact: fn((u32, u32), f64) -> f64,
    drawn: fn(&Elections) -> (f64, f64),
    tolerance: Tolerance,
}

impl Formula {
    fn compare(&self, all: &[Printed], effort: &Effort) -> Vec<Finding> {
        let runs = effort.samples(50_000, 400);
        let mut findings = Vec::new();
        for &Printed { cluster, latency, number, is_simulated } in all {
            let (n, s) = cluster;
            let what = format!("n = {n}, s = {s}, l = {latency}: {}", self.of);
            let exact = (self.exact)(cluster, latency);
            findings.push(Finding::exact(&what, number, exact, How::Exact(self.written)));
            if is_simulated {
                let drawn = (self.drawn)(&Elections::simulate(cluster, latency, runs, effort.seed));
                findings.push(Finding::estimate(what, number, drawn, self.tolerance, simulated(n, runs)));
            }
        }
        findings
    }
}

fn split_votes(effort: &Effort) -> Vec<Finding> {
    let formula = Formula {
        of: "a vote is split",
        written: "sum of C(s, k) l^k (1 - l)^(s - k)",
        exact: split_rate,
        drawn: |elections| share(elections.split, elections.times.len() as u64),
        tolerance: Tolerance::FourSigma,
    };
    let all = [
        printed(5, 4, 0.01, ".00059"),
        printed(5, 4, 0.1, ".0523"),
        printed(5, 4, 0.2, ".1808"),
        printed(5, 3, 0.01, ".0297"),
        printed(5, 3, 0.1, ".271"),
        printed(5, 3, 0.2, ".488"),
        printed(9, 5, 0.01, ".049"),
        printed(9, 5, 0.1, ".4095"),
        printed(9, 5, 0.2, ".6723"),
        printed(9, 7, 0.2, ".148"),
        printed(9, 6, 0.2, ".3446"),
        printed(7, 6, 0.2, ".0989"),
        printed(3, 2, 0.01, ".0199"),
        printed(3, 2, 0.1, ".19"),
        printed(3, 2, 0.2, ".36"),
    ];
    formula.compare(&all, effort)
}

/// How long elections take in all by the formula of §9.3.
fn total_time((n, s): (u32, u32), latency: f64) -> f64 {
    let each = 1.0 + 1.0 / f64::from(s + 1) + latency;
    each / (1.0 - split_rate((n, s), latency)) + latency - 0.25
}

fn total_times(effort: &Effort) -> Vec<Finding> {
    let formula = Formula {
        of: "until a leader is elected",
        written: "(1 + 1/(s + 1) + l) / (1 - r) + l - 1/4",
        exact: total_time,
        drawn: |elections| {
            let (mean, error) = elections.mean();
            (mean - 0.25, error)
        },
        tolerance: Tolerance::Share(0.02),
    };
    let all = [
        printed(3, 2, 0.1, "1.6195"),
        printed(5, 4, 0.1, "1.2217"),
        printed(5, 3, 0.1, "1.7019"),
        printed(9, 8, 0.1, "1.0672"),
        Printed { is_simulated: false, ..printed(9, 5, 0.1, "1.9951") }, // see the row's remarks
        printed(3, 2, 0.05, "1.3328"),
        printed(5, 4, 0.05, "1.0678"),
        printed(5, 3, 0.05, "1.3163"),
        printed(9, 8, 0.05, ".9615"),
        printed(9, 5, 0.05, "1.3724"),
    ];
    formula.compare(&all, effort)
}
