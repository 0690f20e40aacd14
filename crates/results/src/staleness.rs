//! Staleness of partial quorums: probabilistically bounded staleness.

use crate::quorums::missing;
use crate::statistics::{integral, quantile, share};
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
            "The scale of YMMR's writes is printed with one digit, as 3 ms: any of [2.5, 3.5) is, and that moves the write latency with W = 1 from 9.8 to 12.5 ms. Read as 2.85 ms it gives the printed 10.83, 10.73 and 10.79, and of the other numbers it moves one alone: consistency at t = 0, from .887 (at 3.00 ms, where that latency is 11.1) to .892, towards the printed .893.",
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
        remarks: &[
            "Write latency with W = 1 is printed as 55.12, 56.36 and 55.19: samples of one number.",
            "The table is recalled; the 75 ms and the consistency of .33 at t = 0 were looked up.",
        ],
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
#[derive(Clone, Copy)]
struct Delays {
    write: Law,
    others: Law,
    /// How much longer, each way, to a replica that is not local: in milliseconds.
    far: f64,
}

/// What is read for the scale that is printed as 3: see the row's remarks.
const YMMR_SCALE: f64 = 2.85;

impl Delays {
    const YMMR_WRITE: Law = Law { share: 0.939, scale: 3.0, shape: 3.35, rate: 0.0028 };

    fn ssd() -> Self {
        let all = Law { share: 0.9122, scale: 0.235, shape: 10.0, rate: 1.66 };
        Self { write: all, others: all, far: 0.0 }
    }

    fn disk() -> Self {
        Self { write: Law { share: 0.38, scale: 1.05, shape: 1.51, rate: 0.183 }, ..Self::ssd() }
    }

    fn ymmr() -> Self {
        let write = Law { scale: YMMR_SCALE, ..Self::YMMR_WRITE };
        Self { write, others: Law { share: 0.982, scale: 1.5, shape: 3.8, rate: 0.0217 }, far: 0.0 }
    }

    fn wide_area() -> Self {
        Self { far: 75.0, ..Self::disk() }
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
    fn draw((write, others, far): (&Distribution, &Distribution, f64), random: &mut Random) -> Self {
        let ms = |law: &Distribution, random: &mut Random| law.draw(random) as f64 / 1e6;
        let away = |local: u64, replica: usize| if local == replica as u64 { 0.0 } else { far };
        let (writer, reader) = (random.below(N as u64), random.below(N as u64));
        let writes = std::array::from_fn(|i| {
            let arrives = ms(write, random) + away(writer, i);
            (arrives, arrives + ms(others, random) + away(writer, i))
        });
        let mut reads: [_; N] = std::array::from_fn(|i| {
            let arrives = ms(others, random) + away(reader, i);
            (arrives + ms(others, random) + away(reader, i), arrives, i)
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

/// A share of Pareto's law, the rest exponential: as numbers.
#[derive(Clone, Copy)]
struct Law {
    share: f64,
    scale: f64,
    shape: f64,
    rate: f64,
}

impl Law {
    /// As the simulator's.
    fn distribution(self) -> Distribution {
        let ms = |ms: f64| Duration::from_nanos(libm::round(ms * 1e6) as u64);
        let pareto = Distribution::Pareto { scale: ms(self.scale), shape: self.shape };
        let exponential = Distribution::Exponential { mean: ms(1.0 / self.rate) };
        Distribution::Mixture {
            of: vec![
                Weighted { weight: self.share, distribution: pareto },
                Weighted { weight: 1.0 - self.share, distribution: exponential },
            ],
        }
    }

    /// The probability of more than `x` ms.
    fn above(self, x: f64) -> f64 {
        let pareto = if x <= self.scale { 1.0 } else { libm::pow(self.scale / x, self.shape) };
        let exponential = if x <= 0.0 { 1.0 } else { libm::exp(-self.rate * x) };
        self.share * pareto + (1.0 - self.share) * exponential
    }

    /// The density at `a` ms.
    fn density(self, a: f64) -> f64 {
        let pareto =
            if a < self.scale { 0.0 } else { self.shape / a * libm::pow(self.scale / a, self.shape) };
        self.share * pareto + (1.0 - self.share) * self.rate * libm::exp(-self.rate * a)
    }

    /// The probability that this and another of the law `other` are more than `x` ms together.
    fn above_with(self, other: Self, x: f64) -> f64 {
        if x <= 0.0 {
            return 1.0;
        }
        // where a density begins, and where the other's does: smooth in between
        let mut places = [0.0, self.scale.min(x), (x - other.scale).clamp(0.0, x), x];
        places.sort_by(f64::total_cmp);
        let both = |a: f64| self.density(a) * other.above(x - a);
        let parts = places.windows(2).map(|ends| integral(&both, (ends[0], ends[1]), 1e-8));
        self.above(x) + parts.sum::<f64>()
    }
}

/// The latency that one in a thousand exceeds, where `first` of the three answers are waited for: by the laws, without chance.
fn latency(first: usize, message: Law, answer: Law, far: f64, exceeded: f64) -> f64 {
    // what of the three is late, by which replicas are: the local one is the first
    let late = |x: f64| {
        let local = message.above_with(answer, x);
        let remote = if far > 0.0 { message.above_with(answer, x - 2.0 * far) } else { local };
        let of = |late: bool, p: f64| if late { p } else { 1.0 - p };
        (0..1_usize << N)
            .filter(|set| N - (set.count_ones() as usize) < first)
            .map(|set| of(set & 1 != 0, local) * of(set & 2 != 0, remote) * of(set & 4 != 0, remote))
            .sum::<f64>()
    };
    let (mut low, mut high) = (0.0, 1e4);
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if late(middle) > exceeded { low = middle } else { high = middle }
    }
    low
}

/// R, W, and as printed: the 99.9th percentiles of the read's and the write's latency, and of t.
type Printed = (usize, usize, &'static str, &'static str, &'static str);

fn percentiles(
    (name, delays): (&str, Delays),
    all: &[Operations],
    table: &[Printed],
    findings: &mut Vec<Finding>,
) {
    let how = || How::MonteCarlo { samples: all.len() as u64 };
    let sorted = |of: &dyn Fn(&Operations) -> f64| {
        let mut values: Vec<f64> = all.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let Delays { write: law, others, far } = delays;
    let exact = |law| std::array::from_fn::<_, N, _>(|i| latency(i + 1, law, others, far, 0.001));
    let (reads, writes) = (exact(others), exact(law));
    for &(r, w, read, write, visible) in table {
        let quorums = format!("{name}, R = {r}, W = {w}");
        let share = Tolerance::Share;
        for (what, published, exact, values) in [
            ("read", read, reads[r - 1], sorted(&|o| o.read_latency(r))),
            ("write", write, writes[w - 1], sorted(&|o| o.write_latency(w))),
        ] {
            let close = share(0.03);
            let what = format!("{quorums}: {what} latency at 99.9 %, ms");
            findings.push(Finding::estimate(&what, published, (exact, 0.0), close, CONVOLVED));
            let mut drawn = Finding::estimate(&what, published, quantile(&values, 0.999), close, how());
            drawn.allow_for_sampling();
            findings.push(drawn);
        }
        let values = sorted(&|o| o.visible_after(r, w).max(0.0));
        let what = format!("{quorums}: t at 99.9 %, ms");
        findings.push(Finding::estimate(what, visible, quantile(&values, 0.999), share(0.15), how()));
    }
}

const CONVOLVED: How =
    How::Exact("the laws of two messages convolved, the order statistics of three replicas");

/// How many reads that start `t` after the write see it.
fn consistent(all: &[Operations], (r, w): (usize, usize), t: f64) -> (f64, f64) {
    share(all.iter().filter(|o| o.visible_after(r, w) <= t).count() as u64, all.len() as u64)
}

fn draws(delays: &Delays, effort: &Effort) -> Vec<Operations> {
    let mut random = Random::new(effort.seed);
    let (write, others) = (delays.write.distribution(), delays.others.distribution());
    let laws = (&write, &others, delays.far);
    (0..effort.samples(1_000_000, 20_000)).map(|_| Operations::draw(laws, &mut random)).collect()
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
            let median = latency(1, delays.write, delays.others, 0.0, 0.5);
            let what = "LNKD-DISK, W = 1: median write latency, ms";
            findings.push(Finding::estimate(what, "1.50", (median, 0.0), Tolerance::Share(0.03), CONVOLVED));
        }
        if name == "LNKD-SSD" {
            let median = latency(1, delays.others, delays.others, 0.0, 0.5);
            let what = "LNKD-SSD, R = 1: median read latency, ms";
            findings.push(Finding::estimate(what, ".489", (median, 0.0), Tolerance::Share(0.03), CONVOLVED));
        }
        percentiles((name, delays), &all, table, &mut findings);
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
    let delays = Delays::wide_area();
    let all = draws(&delays, effort);
    let how = How::MonteCarlo { samples: all.len() as u64 };
    let at_once = consistent(&all, (1, 1), 0.0);
    let what = "WAN, R = W = 1: consistent at t = 0";
    let mut findings = vec![Finding::estimate(what, ".33", at_once, Tolerance::Absolute(0.01), how)];
    percentiles(("WAN", delays), &all, WAN, &mut findings);
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
    fn sums_of_two_laws_are_those_of_samples() {
        let (delays, mut random) = (Delays::ymmr(), Random::new(8));
        let laws = [delays.write.distribution(), delays.others.distribution()];
        let samples = 20_000;
        for x in [6.0, 11.0, 400.0] {
            let mut sum = || laws.iter().map(|law| law.draw(&mut random) as f64 / 1e6).sum::<f64>();
            let drawn = share((0..samples).filter(|_| sum() > x).count() as u64, samples);
            let computed = delays.write.above_with(delays.others, x);
            assert!((computed - drawn.0).abs() < 4.0 * drawn.1, "{x}: {computed} {drawn:?}");
        }
    }

    /// 99.9 % with three replicas of which the first will do is 90 % of each.
    #[test]
    fn the_printed_digit_of_a_scale_holds_the_printed_latency_and_the_scale_itself_does_not() {
        let others = Delays::ymmr().others;
        let at = |scale| latency(1, Law { scale, ..Delays::YMMR_WRITE }, others, 0.0, 0.001);
        let off = |scale: f64, printed: f64| (at(scale) / printed - 1.0).abs();
        assert!(off(3.0, 10.73) > 0.03 && (at(3.0) - 11.115).abs() < 0.005, "{}", at(3.0));
        assert!([10.83, 10.73, 10.79].iter().all(|&printed| off(YMMR_SCALE, printed) < 0.02));
        assert!(at(2.5) < 10.73 && at(3.5) > 10.83, "{} {}", at(2.5), at(3.5));
    }

    #[test]
    fn where_quorums_meet_a_read_sees_the_write_at_once() {
        let mut random = Random::new(5);
        let (write, others) = (Delays::ymmr().write.distribution(), Delays::ymmr().others.distribution());
        let all: Vec<_> = (0..1_000).map(|_| Operations::draw((&write, &others, 0.0), &mut random)).collect();
        for (r, w) in [(2, 2), (3, 1), (1, 3)] {
            assert!(all.iter().all(|o| o.visible_after(r, w) <= 0.0), "{r} {w}");
        }
    }
}
