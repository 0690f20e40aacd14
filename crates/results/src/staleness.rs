//! Staleness of partial quorums: probabilistically bounded staleness.

use crate::quorums::missing;
use crate::statistics::{quantile, share};
use crate::{Effort, Finding, How, Provenance, Row, Tolerance};
use std::time::Duration;
use synod_kernel::Random;
use synod_sim::Distribution;
use synod_sim::distribution::Weighted;

pub(crate) const ROWS: &[Row] = &[
    Row {
        id: "B1",
        title: "PBS k-staleness: how old what a partial quorum reads is, in versions",
        source: "Bailis, Venkataraman, Franklin, Hellerstein, Stoica, Probabilistically Bounded Staleness for Practical Partial Quorums, PVLDB 5(8), 2012, §3.1; CACM 57(8), 2014, eq. (2)",
        model: "asynchronous, nobody crashes; quorums are random sets, drawn anew for each write and read, and do not grow",
        tolerance: "exact to the digits printed; Monte Carlo within four standard deviations",
        provenance: &[Provenance::LookedUp, Provenance::Recomputed],
        remarks: &[],
        cheap: true,
        reproduce: k_staleness,
    },
    Row {
        id: "B2",
        title: "PBS t-visibility by WARS, N = 3: LNKD-SSD, LNKD-DISK, YMMR",
        source: "Bailis et al., PVLDB 5(8), 2012, Tables 3 and 4, §5.6",
        model: "Dynamo: a write goes to all N and waits for W, a read to all N and takes the first R; the delays W, A, R, S of each message are independent; the read starts t after the write has returned",
        tolerance: "consistency at t = 0 within one percentage point; latencies within 3 %; t at 99.9 % within 15 %",
        provenance: &[Provenance::LookedUp, Provenance::Recomputed],
        remarks: &[
            "The published t at 99.9 % are of 50,000 samples with a Pareto tail of α = 1.51: larger samples give up to 15 % more.",
        ],
        cheap: false,
        reproduce: wars,
    },
    Row {
        id: "B4",
        title: "PBS over three data centres: the WAN column",
        source: "Bailis et al., PVLDB 5(8), 2012, Table 4",
        model: "as B2 with the delays of LNKD-DISK, and 75 ms more each way to a replica that is not local; the local one of a writer, and of a reader, is any of the three",
        tolerance: "consistency at t = 0 within one percentage point; latencies within 3 %; t at 99.9 % within 15 %",
        provenance: &[Provenance::Recalled, Provenance::Recomputed],
        remarks: &["The table is recalled; the 75 ms and the consistency of .33 at t = 0 were looked up."],
        cheap: false,
        reproduce: wide_area,
    },
];

fn k_staleness(effort: &Effort) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut random = Random::new(effort.seed);
    let samples = effort.samples(1_000_000, 20_000);
    // (N, R, W, k, the probability printed, whether it is that of a read no older than k versions)
    let printed: [(u32, u32, u32, u32, &str, bool); 11] = [
        (3, 1, 1, 1, ".6667", false),
        (3, 1, 1, 2, ".5556", true),
        (3, 1, 1, 3, ".7037", true),
        (3, 1, 1, 5, ".868", true),
        (3, 1, 1, 10, ".983", true),
        (3, 1, 2, 1, ".3333", false),
        (3, 2, 1, 2, ".8889", true),
        (3, 1, 2, 5, ".9959", true),
        (100, 30, 30, 1, "1.88e-6", false),
        (5, 2, 2, 1, ".3", false),
        (10, 1, 1, 1, ".9", false),
    ];
    for (n, r, w, k, published, fresh) in printed {
        let stale = libm::pow(missing(n, w, r), f64::from(k));
        let meaning = if fresh { "read within" } else { "older than" };
        let what = format!("N = {n}, R = {r}, W = {w}: {meaning} {k} versions");
        let value = if fresh { 1.0 - stale } else { stale };
        let how = How::Exact("(C(N - W, R) / C(N, R))^k");
        findings.push(Finding::exact(&what, published, value, how));
        if n > 10 {
            continue; // once in half a million
        }
        let hits = (0..samples).filter(|_| misses((n, r, w), k, &mut random) != fresh).count();
        let drawn = share(hits as u64, samples);
        let how = How::MonteCarlo { samples };
        findings.push(Finding::estimate(&what, published, drawn, Tolerance::FourSigma, how));
    }
    findings
}

/// Whether a random read set meets none of `k` random write sets.
fn misses((n, r, w): (u32, u32, u32), k: u32, random: &mut Random) -> bool {
    let read = random_set(n, r, random);
    (0..k).all(|_| read & random_set(n, w, random) == 0)
}

/// `size` of `n` as a bit mask, each set as likely as any other.
fn random_set(n: u32, size: u32, random: &mut Random) -> u32 {
    // the last is taken, or one before it that is (Floyd)
    (n - size..n).fold(0, |set, last| {
        let chosen = 1 << random.below(u64::from(last) + 1);
        if set & chosen == 0 { set | chosen } else { set | 1 << last }
    })
}

/// How long the four messages of an operation take: the write, its acknowledgement, the read, its answer.
struct Delays {
    write: Distribution,
    others: Distribution,
    /// How much longer, each way, to a replica that is not local.
    far: Duration,
}

/// A share of Pareto's law, the rest exponential: in milliseconds, the rate in 1/ms.
fn body_and_tail(share: f64, (scale, shape): (f64, f64), rate: f64) -> Distribution {
    let ms = |ms: f64| Duration::from_nanos(libm::round(ms * 1e6) as u64);
    let pareto = Distribution::Pareto { scale: ms(scale), shape };
    let exponential = Distribution::Exponential { mean: ms(1.0 / rate) };
    Distribution::Mixture {
        of: vec![
            Weighted { weight: share, distribution: pareto },
            Weighted { weight: 1.0 - share, distribution: exponential },
        ],
    }
}

impl Delays {
    fn ssd() -> Self {
        let all = body_and_tail(0.9122, (0.235, 10.0), 1.66);
        Self { write: all.clone(), others: all, far: Duration::ZERO }
    }

    fn disk() -> Self {
        Self { write: body_and_tail(0.38, (1.05, 1.51), 0.183), ..Self::ssd() }
    }

    fn ymmr() -> Self {
        let write = body_and_tail(0.939, (3.0, 3.35), 0.0028);
        Self { write, others: body_and_tail(0.982, (1.5, 3.8), 0.0217), far: Duration::ZERO }
    }

    fn wide_area() -> Self {
        Self { far: Duration::from_millis(75), ..Self::disk() }
    }
}

const N: usize = 3;

/// A write and a read at all replicas, in milliseconds.
struct Operations {
    /// By replica: when the write arrives, when its acknowledgement returns.
    writes: [(f64, f64); N],
    /// By replica, in the order of the answers: when the answer returns, when the read arrived, and which replica it is.
    reads: [(f64, f64, usize); N],
}

impl Operations {
    fn draw(delays: &Delays, random: &mut Random) -> Self {
        let ms = |law: &Distribution, random: &mut Random| law.draw(random) as f64 / 1e6;
        let far = delays.far.as_secs_f64() * 1e3;
        let away = |local: u64, replica: usize| if local == replica as u64 { 0.0 } else { far };
        let (writer, reader) = (random.below(N as u64), random.below(N as u64));
        let writes = std::array::from_fn(|i| {
            let arrives = ms(&delays.write, random) + away(writer, i);
            (arrives, arrives + ms(&delays.others, random) + away(writer, i))
        });
        let mut reads: [_; N] = std::array::from_fn(|i| {
            let arrives = ms(&delays.others, random) + away(reader, i);
            (arrives + ms(&delays.others, random) + away(reader, i), arrives, i)
        });
        reads.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self { writes, reads }
    }

    /// When the write has `w` acknowledgements.
    fn write_latency(&self, w: usize) -> f64 {
        let mut acks = self.writes.map(|(_, ack)| ack);
        acks.sort_by(f64::total_cmp);
        acks[w - 1]
    }

    /// When the read has `r` answers.
    fn read_latency(&self, r: usize) -> f64 {
        self.reads[r - 1].0
    }

    /// How long after the write's return the read must start at least, to see it at one of its first `r` replicas.
    fn visible_after(&self, r: usize, w: usize) -> f64 {
        let returned = self.write_latency(w);
        let first = self.reads[..r].iter();
        first.map(|&(_, arrives, i)| self.writes[i].0 - arrives - returned).fold(f64::INFINITY, f64::min)
    }
}

/// R, W, and as printed: the 99.9th percentiles of the read's and the write's latency, and of t.
type Printed = (usize, usize, &'static str, &'static str, &'static str);

fn percentiles(name: &str, all: &[Operations], table: &[Printed], findings: &mut Vec<Finding>) {
    let how = || How::MonteCarlo { samples: all.len() as u64 };
    let sorted = |of: &dyn Fn(&Operations) -> f64| {
        let mut values: Vec<f64> = all.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    for &(r, w, read, write, visible) in table {
        let quorums = format!("{name}, R = {r}, W = {w}");
        for (what, published, values, tolerance) in [
            ("read latency", read, sorted(&|o| o.read_latency(r)), 0.03),
            ("write latency", write, sorted(&|o| o.write_latency(w)), 0.03),
            ("t", visible, sorted(&|o| o.visible_after(r, w).max(0.0)), 0.15),
        ] {
            let what = format!("{quorums}: {what} at 99.9 %, ms");
            let value = quantile(&values, 0.999);
            findings.push(Finding::estimate(what, published, value, Tolerance::Share(tolerance), how()));
        }
    }
}

/// How many reads that start `t` after the write see it.
fn consistent(all: &[Operations], (r, w): (usize, usize), t: f64) -> (f64, f64) {
    share(all.iter().filter(|o| o.visible_after(r, w) <= t).count() as u64, all.len() as u64)
}

fn draws(delays: &Delays, effort: &Effort) -> Vec<Operations> {
    let mut random = Random::new(effort.seed);
    (0..effort.samples(1_000_000, 20_000)).map(|_| Operations::draw(delays, &mut random)).collect()
}

fn wars(effort: &Effort) -> Vec<Finding> {
    const SSD: &[Printed] = &[
        (1, 1, ".66", ".66", "1.85"),
        (1, 2, ".66", "1.63", "1.79"),
        (2, 1, "1.63", ".65", "0"),
        (2, 2, "1.62", "1.64", "0"),
        (3, 1, "4.14", ".65", "0"),
        (1, 3, ".65", "4.09", "0"),
    ];
    const DISK: &[Printed] = &[
        (1, 1, ".66", "10.99", "45.5"),
        (1, 2, ".65", "20.97", "43.3"),
        (2, 1, "1.63", "10.9", "13.6"),
        (2, 2, "1.64", "20.96", "0"),
        (3, 1, "4.12", "10.89", "0"),
        (1, 3, ".65", "112.65", "0"),
    ];
    const YMMR: &[Printed] = &[
        (1, 1, "5.58", "10.83", "1364.0"),
        (1, 2, "5.61", "427.12", "1352.0"),
        (2, 1, "32.6", "10.73", "202.0"),
        (2, 2, "33.18", "428.11", "0"),
        (3, 1, "219.27", "10.79", "0"),
        (1, 3, "5.63", "1870.86", "0"),
    ];
    let mut findings = Vec::new();
    for (name, delays, table, at_once) in [
        ("LNKD-SSD", Delays::ssd(), SSD, ".974"),
        ("LNKD-DISK", Delays::disk(), DISK, ".439"),
        ("YMMR", Delays::ymmr(), YMMR, ".893"),
    ] {
        let all = draws(&delays, effort);
        let how = || How::MonteCarlo { samples: all.len() as u64 };
        let point = Tolerance::Absolute(0.01);
        let what = format!("{name}, R = W = 1: consistent at t = 0");
        findings.push(Finding::estimate(what, at_once, consistent(&all, (1, 1), 0.0), point, how()));
        if name == "LNKD-DISK" {
            let what = "LNKD-DISK, R = W = 1: consistent at t = 10 ms";
            findings.push(Finding::estimate(what, ".925", consistent(&all, (1, 1), 10.0), point, how()));
            let mut first: Vec<f64> = all.iter().map(|o| o.write_latency(1)).collect();
            first.sort_by(f64::total_cmp);
            let median = quantile(&first, 0.5);
            let what = "LNKD-DISK, W = 1: median write latency, ms";
            findings.push(Finding::estimate(what, "1.50", median, Tolerance::Share(0.03), how()));
        }
        percentiles(name, &all, table, &mut findings);
    }
    findings
}

fn wide_area(effort: &Effort) -> Vec<Finding> {
    const WAN: &[Printed] = &[
        (1, 1, "3.4", "55.12", "113.0"),
        (1, 2, "3.4", "167.64", "0"),
        (2, 1, "151.3", "56.36", "30.2"),
        (2, 2, "151.31", "167.72", "0"),
        (3, 1, "153.86", "55.19", "0"),
        (1, 3, "3.44", "241.55", "0"),
    ];
    let all = draws(&Delays::wide_area(), effort);
    let how = How::MonteCarlo { samples: all.len() as u64 };
    let at_once = consistent(&all, (1, 1), 0.0);
    let what = "WAN, R = W = 1: consistent at t = 0";
    let mut findings = vec![Finding::estimate(what, ".33", at_once, Tolerance::Absolute(0.01), how)];
    percentiles("WAN", &all, WAN, &mut findings);
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_is_as_likely_as_any_other() {
        let mut random = Random::new(3);
        let mut times = std::collections::BTreeMap::new();
        for _ in 0..10_000 {
            *times.entry(random_set(5, 2, &mut random)).or_insert(0_u32) += 1;
        }
        assert_eq!(times.len(), 10);
        assert!(times.values().all(|&t| (880..1120).contains(&t)), "{times:?}");
    }

    #[test]
    fn where_quorums_meet_a_read_sees_the_write_at_once() {
        let mut random = Random::new(5);
        let all: Vec<_> = (0..1_000).map(|_| Operations::draw(&Delays::ymmr(), &mut random)).collect();
        for (r, w) in [(2, 2), (3, 1), (1, 3)] {
            assert!(all.iter().all(|o| o.visible_after(r, w) <= 0.0), "{r} {w}");
        }
    }
}
