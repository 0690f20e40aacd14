//! Schedules of faults for a run: spread over all of it, at most one process in trouble at a time.

use crate::drive::Fault;
use synod_kernel::Random;
use synod_model::{Group, ProcessId};

/// What a nemesis may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Powers {
    /// Whom it may trouble.
    pub among: Group,
    /// How many processes it may kill for good.
    pub stops: u32,
    /// How often it may kill a process and start it again.
    pub restarts: u32,
    /// How often it may cut all links from a process, and heal them.
    pub cuts: u32,
}

/// A kind of trouble.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Restart,
    Cut,
    Stop,
}

/// The faults by round, in order of the rounds. Each trouble begins in a round and ends in a later one; the last ends
/// before the last round, so that the run goes on after it. A run too short for all of them gets fewer.
pub fn schedule(powers: Powers, rounds: usize, seed: u64) -> Vec<(usize, Fault)> {
    let mut random = Random::new(seed);
    let troubles = troubles(powers, &mut random);
    // Two rounds of quiet at either end; a trouble takes two thirds of its share of the others.
    let share = (rounds.saturating_sub(4) / troubles.len().max(1)).max(3);
    let mut up: Vec<ProcessId> = powers.among.members().collect();
    let mut faults = vec![];
    for (number, trouble) in troubles.into_iter().enumerate() {
        let begin = 2 + number * share;
        let end = begin + (share * 2 / 3).max(1);
        if end + 1 >= rounds || up.is_empty() {
            break;
        }
        let place = random.below(up.len() as u64) as usize;
        match trouble {
            Trouble::Restart => {
                faults.extend([(begin, Fault::Kill(up[place])), (end, Fault::Restart(up[place]))]);
            }
            Trouble::Cut => {
                faults.extend([(begin, Fault::Mute(up[place])), (end, Fault::Unmute(up[place]))]);
            }
            Trouble::Stop => faults.push((begin, Fault::Kill(up.remove(place)))),
        }
    }
    faults
}

/// The kinds in turn, so that a short run sees each; what is for good comes last.
fn troubles(powers: Powers, random: &mut Random) -> Vec<Trouble> {
    let (mut restarts, mut cuts) = (powers.restarts, powers.cuts);
    let mut troubles = vec![];
    while restarts + cuts > 0 {
        let cut = cuts > 0 && (restarts == 0 || random.below(u64::from(restarts + cuts)) < u64::from(cuts));
        let left = if cut { &mut cuts } else { &mut restarts };
        *left -= 1;
        troubles.push(if cut { Trouble::Cut } else { Trouble::Restart });
    }
    troubles.extend((0..powers.stops).map(|_| Trouble::Stop));
    troubles
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// At most one process is in trouble at a time, and all trouble but a stop ends before the last round.
    fn check(powers: Powers, rounds: usize, seed: u64) -> Vec<(usize, Fault)> {
        let faults = schedule(powers, rounds, seed);
        assert!(faults.is_sorted_by_key(|(round, _)| *round));
        assert!(faults.iter().all(|(round, _)| (2..rounds - 1).contains(round)));
        let (mut down, mut muted) = (BTreeSet::new(), BTreeSet::new());
        for (_, fault) in &faults {
            match *fault {
                Fault::Kill(p) => assert!(down.insert(p)),
                Fault::Restart(p) => assert!(down.remove(&p)),
                Fault::Mute(p) => assert!(muted.insert(p)),
                Fault::Unmute(p) => assert!(muted.remove(&p)),
                Fault::Cut(..) | Fault::Heal(..) => panic!("whole processes are troubled"),
            }
            assert!(down.union(&muted).count() <= 1 + powers.stops as usize);
            assert!(down.union(&muted).all(|&p| powers.among.contains(p)));
        }
        assert!(muted.is_empty() && down.len() <= powers.stops as usize);
        faults
    }

    #[test]
    fn trouble_comes_one_by_one_and_ends() {
        for seed in 0..50 {
            let recovering = Powers { among: Group::first(5), stops: 0, restarts: 4, cuts: 2 };
            let faults = check(recovering, 100, seed);
            assert_eq!(faults.iter().filter(|(_, fault)| matches!(fault, Fault::Restart(_))).count(), 4);
            assert_eq!(faults.iter().filter(|(_, fault)| matches!(fault, Fault::Unmute(_))).count(), 2);
            let stopping = Powers { among: Group::new(2, 3), stops: 1, restarts: 0, cuts: 1 };
            let faults = check(stopping, 30, seed);
            assert_eq!(faults.iter().filter(|(_, fault)| matches!(fault, Fault::Kill(_))).count(), 1);
            check(recovering, 7, seed);
        }
        assert_eq!(schedule(Powers { among: Group::first(3), stops: 1, restarts: 1, cuts: 1 }, 3, 0), []);
    }

    #[test]
    fn one_seed_gives_one_schedule() {
        let powers = Powers { among: Group::first(5), stops: 0, restarts: 4, cuts: 2 };
        assert_eq!(schedule(powers, 100, 7), schedule(powers, 100, 7));
        assert_ne!(schedule(powers, 100, 7), schedule(powers, 100, 8));
    }
}
