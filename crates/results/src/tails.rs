//! Tails: how slow the slowest of many is.

use crate::statistics::share;
use crate::{Effort, Finding, How, Provenance, Row, Tolerance};
use synod_kernel::Random;

pub(crate) const ROWS: &[Row] = &[Row {
    id: "I6",
    title: "Fan-out tail: a request to many servers waits for the slowest",
    source: "Dean, Barroso, The Tail at Scale, CACM 56(2), 2013",
    model: "independent servers, each slow with the same probability",
    tolerance: "exact to the digits printed; Monte Carlo within four standard deviations",
    provenance: &[Provenance::LookedUp, Provenance::Recomputed],
    remarks: &["The paper says \"almost one in five\" and .18 for n = 2,000; it is .181277."],
    cheap: true,
    reproduce: fan_out,
}];

/// The probability that one of `n` is slow.
fn some_slow(slow: f64, n: u32) -> f64 {
    1.0 - libm::pow(1.0 - slow, f64::from(n))
}

fn fan_out(effort: &Effort) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut random = Random::new(effort.seed);
    let samples = effort.samples(1_000_000, 20_000);
    for (slow, n, published) in
        [(0.01, 10, ".0956"), (0.01, 50, ".3950"), (0.01, 100, ".633968"), (0.0001, 2000, ".18")]
    {
        let what = format!("1 in {:.0} is slow, n = {n}", 1.0 / slow);
        let how = How::Exact("1 - (1 - p)^n");
        findings.push(Finding::exact(&what, published, some_slow(slow, n), how));
        if n > 100 {
            continue; // as many draws as all others together
        }
        let parts = (slow * 1e6) as u32;
        let hits = (0..samples).filter(|_| (0..n).any(|_| random.chance(parts))).count() as u64;
        let how = How::MonteCarlo { samples };
        findings.push(Finding::estimate(&what, published, share(hits, samples), Tolerance::FourSigma, how));
    }
    findings
}
