//! Runs made by hand, whose delays, steps and clocks are known.

use super::lines::parse;
use super::*;
use serde_json::{Value, json};

const MS: u64 = 1_000_000;

/// The record of a node, by hand.
struct Recorded(Vec<Value>);

impl Recorded {
    fn start(process: u32, at: u64) -> Self {
        Self(vec![json!({"start": {
            "version": 1, "algorithm": "echo", "cluster": 7, "process": process, "incarnation": 1,
            "group": {"first": 0, "count": 2}, "parameters": {}, "disk": {"json": []}, "writes": 0, "at": at,
        }})])
    }

    /// Handler number `handler`, done at `at`, sends a message to `to`, which leaves at `left`.
    fn sends(&mut self, handler: u64, at: u64, to: u32, left: u64, skew: i64) {
        let effects = json!([{"Indicate": {"indication": 1}}, {"Send": {"to": to, "message": {"any": [1]}}}]);
        self.0.push(json!({"handled": {
            "handler": handler, "at": at, "took": 1000, "skew": skew, "event": {"Request": 3}, "effects": effects,
        }}));
        self.0.push(json!({"released": {"at": left, "skew": skew, "stores": 0, "effects": [[handler, 1]]}}));
    }

    /// Takes a message of `from`; its handler begins at `begun` and takes a microsecond.
    fn takes(&mut self, handler: u64, begun: u64, from: u32, cause: u64, skew: i64) {
        self.0.push(json!({"handled": {
            "handler": handler, "at": begun + 1000, "took": 1000, "skew": skew,
            "event": {"Message": [from, "hello"]}, "cause": {"incarnation": 1, "handler": cause, "effect": 1},
        }}));
    }

    fn node(&self) -> Node {
        let text: String = self.0.iter().map(|line| line.to_string() + "\n").collect();
        parse(Path::new("p.jsonl"), text.as_bytes()).unwrap().unwrap()
    }
}

/// p0 sends to p1 a hundred times, and the message of number k is under way for k milliseconds.
fn hundred(lost: u64) -> Coverage {
    let (mut p0, mut p1) = (Recorded::start(0, 0), Recorded::start(1, 0));
    for k in 0..100 {
        let at = k * 1000 * MS + 1000;
        p0.sends(k, at, 1, at + k, 0);
        if k >= lost {
            p1.takes(k - lost, at + k + (k + 1) * MS, 0, k, 0);
        }
    }
    Coverage::of(&[p0.node(), p1.node()])
}

#[test]
fn known_delays_have_known_quantiles() {
    let coverage = hundred(0);
    let link = &coverage.links[&(ProcessId(0), ProcessId(1))];
    assert_eq!((coverage.delays.len(), link, coverage.links.len()), (100, &coverage.delays, 1));
    let quantile = |share| coverage.delays.quantile(share).unwrap() / MS;
    assert_eq!([0.5, 0.9, 0.99, 1.0].map(quantile), [50, 90, 99, 100]);
    assert_eq!(coverage.late(95 * MS), Broken { times: 5, of: 100 });
    assert_eq!(coverage.late(100 * MS).times, 0);
    // of 100 samples the greatest bounds 95 %, and nothing bounds 99 %
    assert_eq!((coverage.delay_for(0.95).map(|d| d / MS), coverage.delay_for(0.99)), (Some(99), None));
    assert_eq!((coverage.algorithm.as_str(), coverage.backwards, coverage.missing.len()), ("echo", 0, 0));
}

#[test]
fn a_step_lasts_until_what_it_says_has_left() {
    let coverage = hundred(0);
    assert_eq!((coverage.steps.len(), coverage.handlers.quantile(1.0)), (200, Some(1000)));
    assert_eq!(coverage.steps.quantile(0.5), Some(1000));
    // the last message left 99 nanoseconds after its handler
    assert_eq!(coverage.slow(1098), Broken { times: 1, of: 200 });
}

#[test]
fn what_never_arrived_is_late_if_its_receiver_lived_to_see_it() {
    let coverage = hundred(3);
    assert_eq!((coverage.delays.len(), coverage.missing.len()), (97, 3));
    assert_eq!(coverage.late(100 * MS), Broken { times: 3, of: 100 });
    // one that was sent shortly before the end tells of no bound that is longer
    assert_eq!(coverage.late(98_500 * MS), Broken { times: 1, of: 98 });
    assert_eq!(coverage.delay_for(0.95), None);
}

#[test]
fn messages_that_arrive_before_they_leave_are_counted_apart() {
    let (mut p0, mut p1) = (Recorded::start(0, 0), Recorded::start(1, 0));
    p0.sends(0, 50 * MS, 1, 50 * MS, 0);
    p1.takes(0, 40 * MS, 0, 0, 0);
    let coverage = Coverage::of(&[p0.node(), p1.node()]);
    assert_eq!((coverage.backwards, coverage.delays.len()), (1, 0));
}

/// p1's clock goes faster by `ppm`; they speak in turns.
fn drifting(ppm: i64) -> Coverage {
    let (mut p0, mut p1) = (Recorded::start(0, 0), Recorded::start(1, 0));
    for round in 0..200 {
        let at = (1 + round) * 50 * MS;
        let skew = |at: u64| (at.cast_signed() / 1_000_000) * ppm;
        p0.sends(2 * round, at, 1, at, 0);
        p1.takes(2 * round, at + MS, 0, 2 * round, skew(at + MS));
        let back = at + 10 * MS;
        p1.sends(2 * round + 1, back, 0, back, skew(back));
        p0.takes(2 * round + 1, back + MS, 1, 2 * round + 1, 0);
    }
    Coverage::of(&[p0.node(), p1.node()])
}

#[test]
fn a_clock_that_drifts_is_found_out() {
    let both = (ProcessId(0), ProcessId(1));
    for ppm in [1000, -1000] {
        let coverage = drifting(ppm);
        let (low, high) = coverage.clocks[&both].ppm.unwrap();
        assert!(low < ppm as f64 && (ppm as f64) < high, "{low} to {high}");
        assert_eq!(coverage.apart(100.0), Broken { times: 1, of: 1 });
        assert_eq!((coverage.apart(2000.0).times, coverage.perhaps_apart(2000.0)), (0, 0));
        // the delays are the observer's: skew is none of them
        assert_eq!(coverage.delays.quantile(1.0), Some(MS));
    }
    let even = drifting(0);
    assert_eq!(
        (even.apart(100.0).times, even.perhaps_apart(100.0), even.clocks[&both].exchanges),
        (0, 1, 200)
    );
}

#[test]
fn a_damaged_record_is_refused_with_its_line() {
    let of = |text: &str| parse(Path::new("p0.1.jsonl"), text.as_bytes());
    assert!(of("").unwrap().is_none() && of("{\"start\":").unwrap().is_none());
    let mut recorded = Recorded::start(0, 0);
    recorded.sends(0, 5, 1, 6, 0);
    let text: String = recorded.0.iter().map(|line| line.to_string() + "\n").collect();
    let error = of(&text.replace("Request", "Reqest")).unwrap_err();
    assert!(error.to_string().starts_with("p0.1.jsonl, line 2 is damaged"), "{error}");
    assert!(matches!(
        of(&text.replace("\"version\":1", "\"version\":9")),
        Err(RecordError::Version { found: 9, .. })
    ));
    assert!(of(&(text.clone() + &text)).unwrap_err().to_string().contains("a second start"));
    assert_eq!(of(&(text + "{\"stopped\":")).unwrap().unwrap().handlers.len(), 1, "a torn line is left out");
}
