//! Quorums: how large they are, how often none is left, how often two miss each other.

use crate::{Effort, Finding, How, Provenance, Row};
use synod_algorithms::quorums::{QuorumSystem, threshold};

pub(crate) const ROWS: &[Row] = &[
    Row {
        id: "B5",
        title: "Unavailability of majority quorums",
        source: "Peleg, Wool, The Availability of Quorum Systems, Information and Computation 123(2), 1995; Naor, Wool, The Load, Capacity, and Availability of Quorum Systems, SIAM J. Comput. 27(2), 1998",
        model: "each process has crashed with probability p on its own, in a snapshot",
        tolerance: "exact to the digits printed",
        provenance: &[Provenance::LookedUp, Provenance::Recomputed],
        remarks: &["The definition was looked up, the numbers are recomputed."],
        cheap: true,
        reproduce: unavailability,
    },
    Row {
        id: "B7",
        title: "Probabilistic quorums: l √n random processes twice miss each other with at most e^-l²",
        source: "Malkhi, Reiter, Wright, Probabilistic Quorum Systems, PODC 1997",
        model: "random sets of one size, each as likely as any other",
        tolerance: "exact to the digits printed",
        provenance: &[Provenance::Recalled, Provenance::Recomputed],
        remarks: &[
            "The bound is recalled; that for n = 100, q = 30 was looked up (Bailis et al. 2012); the numbers are recomputed.",
        ],
        cheap: true,
        reproduce: probabilistic,
    },
    Row {
        id: "B8",
        title: "Sizes of quorums: majority, Fast Paxos, EPaxos, Flexible Paxos, Byzantine",
        source: "Lamport, Fast Paxos, 2006; Moraru, Andersen, Kaminsky, SOSP 2013 (EPaxos); Howard, Malkhi, Spiegelman, 2016 (Flexible Paxos); Castro, Liskov, OSDI 1999 (PBFT); Malkhi, Reiter, Byzantine Quorum Systems, 1998",
        model: "crashes, or f Byzantine processes",
        tolerance: "exact; each size is the least with its intersections, by enumeration for n <= 11",
        provenance: &[Provenance::Recalled, Provenance::Recomputed],
        remarks: &[
            "EPaxos's sizes were looked up (a comment of its authors), the others are recalled and recomputed.",
        ],
        cheap: true,
        reproduce: sizes,
    },
];

/// Which majorities fail how often, as far as it was printed.
const UNAVAILABLE: &[(u32, f64, &str)] = &[
    (3, 0.01, "2.98e-4"),
    (3, 0.05, ".00725"),
    (3, 0.1, ".028"),
    (3, 0.3, ".216"),
    (5, 0.01, "9.8506e-6"),
    (5, 0.05, ".00115813"),
    (5, 0.1, ".00856"),
    (5, 0.3, ".16308"),
    (7, 0.01, "3.4167e-7"),
    (7, 0.05, "1.93578e-4"),
    (7, 0.1, ".002728"),
    (7, 0.3, ".126036"),
    (9, 0.01, "1.21854e-8"),
    (9, 0.05, "3.32222e-5"),
    (9, 0.1, "8.9092e-4"),
    (9, 0.3, ".0988087"),
    (5, 0.5, ".5"),
];

fn unavailability(_: &Effort) -> Vec<Finding> {
    let found = |&(n, p, published): &(u32, f64, &'static str)| {
        let majorities = QuorumSystem::of_size(n, threshold::majority(n));
        let how = How::Enumeration(format!("the 2^{n} sets of crashed processes"));
        Finding::exact(format!("n = {n}, p = {p}"), published, majorities.unavailability(p), how)
    };
    UNAVAILABLE.iter().map(found).collect()
}

/// C(n - q, q) / C(n, q): the probability that a random set of q misses another.
pub(crate) fn missing(n: u32, written: u32, read: u32) -> f64 {
    let factor = |k: u32| f64::from(n.saturating_sub(written).saturating_sub(k)) / f64::from(n - k);
    (0..read).map(factor).product()
}

fn probabilistic(_: &Effort) -> Vec<Finding> {
    let mut findings = Vec::new();
    let printed: [(u32, [&str; 4]); 3] = [
        (100, [".33048", ".0065959", "2.1684e-4", "1.8843e-6"]),
        (400, [".34933", ".011709", "7.7935e-4", "2.4226e-5"]),
        (900, [".35555", ".013749", ".001088", "4.4748e-5"]),
    ];
    let bounds = [".36788", ".018316", ".0019305", "1.2341e-4"];
    let ratios = [1.0, 2.0, 2.5, 3.0];
    for (ratio, bound) in ratios.into_iter().zip(bounds) {
        let how = How::Exact("e^-l²");
        findings.push(Finding::exact(
            format!("the bound, l = {ratio}"),
            bound,
            libm::exp(-ratio * ratio),
            how,
        ));
    }
    for (n, row) in printed {
        for (ratio, published) in ratios.into_iter().zip(row) {
            let size = (ratio * libm::sqrt(f64::from(n))) as u32;
            let what = format!("n = {n}, l = {ratio}: sets of {size} miss each other");
            findings.push(Finding::exact(
                what,
                published,
                missing(n, size, size),
                How::Exact("C(n - q, q) / C(n, q)"),
            ));
        }
    }
    findings
}

/// A size, held against the sets: `right` says whether sets of a size have the intersections that they must.
fn least(what: String, published: u32, stated: u32, n: u32, right: impl Fn(u32) -> bool) -> [Finding; 2] {
    let found = (1..=n).find(|&size| right(size)).unwrap_or(0);
    [
        Finding::exact(
            &what,
            published.to_string(),
            f64::from(stated),
            How::Exact("the size as it is stated"),
        ),
        Finding::exact(
            format!("{what}: the least that has its intersections"),
            published.to_string(),
            f64::from(found),
            How::Enumeration(format!("sets of {n} processes")),
        ),
    ]
}

fn sizes(effort: &Effort) -> Vec<Finding> {
    let of = QuorumSystem::of_size;
    let mut findings = Vec::new();
    for (n, published) in [(3, 2), (4, 3), (5, 3), (7, 4), (9, 5), (11, 6)] {
        let right = |size| of(n, size).meets(&of(n, size), 1);
        findings.extend(least(format!("majority of {n}"), published, threshold::majority(n), n, right));
    }
    // three quorums of eleven are many
    let all = if effort.full { 11 } else { 9 };
    for (n, published) in
        [(3, 3), (4, 3), (5, 4), (7, 6), (9, 7), (11, 9)].into_iter().filter(|(n, _)| *n <= all)
    {
        let classic = of(n, threshold::majority(n));
        let right = |size| classic.common_with_two_min(&of(n, size)) >= 1;
        let what = format!("Fast Paxos, fast quorum of {n} beside majorities");
        findings.extend(least(what, published, threshold::fast_paxos(n), n, right));
    }
    for (n, published) in
        [(3, 3), (4, 3), (5, 4), (7, 5), (9, 7), (11, 8)].into_iter().filter(|(n, _)| *n <= all)
    {
        let right = |size| of(n, size).common_with_two_min(&of(n, size)) >= 1;
        let what = format!("Fast Paxos, one size for all quorums, n = {n}");
        findings.extend(least(what, published, threshold::fast_paxos_uniform(n), n, right));
    }
    for (n, fast, basic) in [(3, 2, 2), (5, 3, 4), (7, 5, 6), (9, 6, 8), (11, 8, 10)] {
        let how = || How::Exact("the size as it is stated");
        let optimised = f64::from(threshold::epaxos(n));
        findings.push(Finding::exact(
            format!("EPaxos, fast quorum of {n}"),
            fast.to_string(),
            optimised,
            how(),
        ));
        let slow = f64::from(threshold::epaxos_basic(n));
        findings.push(Finding::exact(
            format!("basic EPaxos, fast quorum of {n}"),
            basic.to_string(),
            slow,
            how(),
        ));
    }
    findings.extend(least(
        "Flexible Paxos, n = 5: phase 1 beside phase 2 quorums of 2".to_owned(),
        4,
        threshold::flexible_phase_1(5, 2),
        5,
        |size| of(5, size).meets(&of(5, 2), 1),
    ));
    for f in 1..=3 {
        let n = 3 * f + 1;
        let right = |size| of(n, size).meets(&of(n, size), f + 1);
        let what = format!("PBFT and dissemination, f = {f} of {n}");
        findings.extend(least(what, 2 * f + 1, threshold::dissemination(n, f), n, right));
    }
    for (n, f, published) in [(5, 1, 4), (9, 2, 7), (11, 2, 8)] {
        let right = |size| of(n, size).meets(&of(n, size), 2 * f + 1);
        let what = format!("masking, f = {f} of {n}");
        findings.extend(least(what, published, threshold::masking(n, f), n, right));
    }
    findings
}
