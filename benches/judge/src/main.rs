//! Synod's judge beside todc-utils', in one run: the same histories of a register, turn by turn, and the medians of the ratios.
//!
//! `cargo run --release -p bench-judge -- [ROUNDS]`, in `benches`.

use std::time::{Duration, Instant};
use synod_judge::generate::Random;
use synod_judge::special;
use synod_judge::{Budget, Client, History, Register, RegisterOperation, RegisterReturn, linearizable};
use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History as PeersHistory};
use todc_utils::specifications::register::{RegisterOperation as PeersOperation, RegisterSpecification};

type Ours = History<RegisterOperation<u32>, RegisterReturn<u32>>;
type Theirs = Vec<(usize, Action<PeersOperation<u32>>)>;

/// A race: who has how many clients and operations, and whether one read is wrong.
struct Race {
    clients: u64,
    operations: u64,
    violated: bool,
}

const RACES: [Race; 6] = [
    Race { clients: 4, operations: 100, violated: false },
    Race { clients: 4, operations: 1_000, violated: false },
    Race { clients: 8, operations: 1_000, violated: false },
    Race { clients: 8, operations: 3_000, violated: false },
    Race { clients: 4, operations: 100, violated: true },
    Race { clients: 8, operations: 300, violated: true },
];

/// Operations that take effect somewhere between their invocation and their return. Written values are 1, 2, ..: 0 is there initially.
fn histories(race: &Race, seed: u64) -> (Ours, Theirs) {
    let mut random = Random::new(seed);
    let (mut ours, mut theirs) = (Ours::default(), Theirs::new());
    // per client: what it asked for (nothing: a read), and what it saw once it has taken effect
    let mut running: Vec<Option<(Option<u32>, Option<u32>)>> = vec![None; race.clients as usize];
    let (mut state, mut begun, mut written) = (0, 0, 0);
    // everybody reads what is there initially as 0
    ours.invoke(Client(race.clients), RegisterOperation::Write(0)).expect("it is idle");
    ours.returned(Client(race.clients), RegisterReturn::Written).expect("it runs");
    while begun < race.operations || running.iter().any(Option::is_some) {
        let client = random.below(race.clients);
        let process = client as usize;
        match running[process] {
            None if begun < race.operations => {
                begun += 1;
                let write = (random.below(2) == 0).then(|| {
                    written += 1;
                    written
                });
                running[process] = Some((write, None));
                let asked = write.map_or(RegisterOperation::Read, RegisterOperation::Write);
                ours.invoke(Client(client), asked).expect("it is idle");
                theirs.push((process, Action::Call(write.map_or(PeersOperation::Read(None), PeersOperation::Write))));
            }
            None => {}
            Some((write, None)) => {
                state = write.unwrap_or(state);
                running[process] = Some((write, Some(state)));
            }
            Some((write, Some(seen))) => {
                running[process] = None;
                let is_wrong = race.violated && write.is_none() && begun == race.operations;
                let seen = if is_wrong { written + 1 } else { seen };
                let returned = write.map_or(RegisterReturn::Value(Some(seen)), |_| RegisterReturn::Written);
                ours.returned(Client(client), returned).expect("it runs");
                let said = write.map_or(PeersOperation::Read(Some(seen)), PeersOperation::Write);
                theirs.push((process, Action::Response(said)));
            }
        }
    }
    (ours, theirs)
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    let found = work();
    (found, begin.elapsed())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let rounds: u64 = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(7);
    println!("| clients | operations | verdict | synod, by search | synod, by zones | todc-utils | ratio to the search | to the zones |");
    println!("|---|---|---|---|---|---|---|---|");
    for race in &RACES {
        let (mut search, mut zones, mut peer) = (vec![], vec![], vec![]);
        let mut verdict = None;
        for round in 0..rounds {
            let (ours, theirs) = histories(race, 1 + round);
            let (found, by_search) = timed(|| linearizable(&Register::default(), &ours, Budget::default()));
            let (special, by_zones) = timed(|| special::register(&ours, Budget::default()).0);
            let (peers, by_peer) = timed(|| {
                WGLChecker::<RegisterSpecification<u32>>::is_linearizable(PeersHistory::from_actions(theirs))
            });
            assert_eq!(found.is_linearizable(), peers, "the two differ: seed {}", 1 + round);
            assert_eq!(special.is_linearizable(), peers, "the two differ: seed {}", 1 + round);
            verdict = Some(peers);
            search.push(by_search.as_secs_f64());
            zones.push(by_zones.as_secs_f64());
            peer.push(by_peer.as_secs_f64());
        }
        let ratio = |ours: &[f64]| median(peer.iter().zip(ours).map(|(peer, ours)| peer / ours).collect());
        let (to_search, to_zones) = (ratio(&search), ratio(&zones));
        let verdict = if verdict == Some(true) { "linearizable" } else { "not" };
        let micros = |times: Vec<f64>| median(times) * 1e6;
        println!(
            "| {} | {} | {verdict} | {:.0} µs | {:.0} µs | {:.0} µs | **{to_search:.1}** | **{to_zones:.1}** |",
            race.clients, race.operations, micros(search), micros(zones), micros(peer)
        );
    }
}
