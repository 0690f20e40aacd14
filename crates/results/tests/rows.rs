//! Every published number of the catalogue comes out again: in the cheap form, with few samples and four standard deviations of them.

use std::path::Path;
use synod_results::{Effort, Finding, How, row, rows};

fn reproduced(ids: &[&str]) {
    for id in ids {
        let row = row(id).expect("it is in the catalogue");
        let findings = row.reproduce(&Effort::CHEAP);
        assert!(findings.len() > 1, "{id}");
        for found in findings {
            let Finding { what, published, ours, how, .. } = &found;
            let range = found.range();
            assert!(
                found.agrees(),
                "{id}, {what}: published {published}, ours {ours} not in {range:?} ({how})"
            );
            assert!(found.standard_error.is_finite() && !range.0.is_nan(), "{found:?}");
            if let How::Simulated { algorithm, runs, .. } = how {
                let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../algorithms/src").join(algorithm);
                assert!(page.is_file() && *runs > 0, "{found:?}");
            }
        }
    }
}

macro_rules! reproduced {
    ($($name:ident: $($id:literal)*;)*) => {
        $(#[test]
        fn $name() {
            reproduced(&[$($id),*]);
        })*

        #[test]
        fn no_result_is_left_out() {
            let tested = [$($($id),*),*];
            let all: Vec<_> = rows().map(|row| row.id).collect();
            assert_eq!(all.iter().filter(|id| !tested.contains(id)).count(), 0, "{all:?}");
            assert_eq!(all.len(), tested.len());
        }
    };
}
reproduced! {
    staleness: "B1" "B2" "B4";
    quorums: "B5" "B7" "B8";
    elections: "D1" "D2" "D4";
    detectors: "E1" "E3" "E5";
    pushed_rumors: "F1";
    pulled_rumors: "F3";
    gossip: "F4" "F5" "F9";
    links_and_tails: "I1" "I3" "I4" "I5" "I6";
}

#[test]
fn what_is_random_is_the_seeds_alone() {
    let of = |seed| row("b1").expect("in either case").reproduce(&Effort { seed, ..Effort::CHEAP });
    assert_eq!(of(7), of(7));
    assert_ne!(of(7), of(8));
}
