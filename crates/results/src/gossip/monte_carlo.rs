//! The same spreads without processes: arrays and draws, as a cross-check.

use synod_kernel::Random;
use synod_sim::distribution::unit;

/// One spread.
pub(crate) struct Spread {
    pub(crate) n: u32,
    /// In which cycle each process learnt it that did.
    pub(crate) learnt: Vec<u32>,
    /// How many times the rumour was sent.
    pub(crate) traffic: u64,
}

/// Nobody told it yet.
const NEVER: u32 = u32::MAX;

/// Who is called by `me`: any of the others.
fn partner(me: u32, n: u32, random: &mut Random) -> u32 {
    let chosen = random.below(u64::from(n - 1)) as u32;
    if chosen >= me { chosen + 1 } else { chosen }
}

fn spread(n: u32, since: &[u32], traffic: u64) -> Spread {
    Spread { n, learnt: since.iter().copied().filter(|&cycle| cycle != NEVER).collect(), traffic }
}

/// Push, feedback of the start of the cycle, a counter that a useful contact resets.
pub(crate) fn push(n: u32, k: u32, random: &mut Random) -> Spread {
    let mut since = vec![NEVER; n as usize];
    let mut counter = vec![0; n as usize];
    since[0] = 0;
    let (mut hot, mut traffic) = (vec![0], 0);
    for cycle in 1.. {
        if hot.is_empty() {
            break;
        }
        let mut still = Vec::with_capacity(hot.len() * 2);
        for &p in &hot {
            let q = partner(p, n, random);
            traffic += 1;
            // nobody else told it before this cycle
            let useful = since[q as usize] >= cycle;
            if since[q as usize] == NEVER {
                since[q as usize] = cycle;
                still.push(q);
            }
            let counter = &mut counter[p as usize];
            *counter = if useful { 0 } else { *counter + 1 };
            if *counter < k {
                still.push(p);
            }
        }
        hot = still;
    }
    spread(n, &since, traffic)
}

/// Pull: everybody asks one other each cycle; the counter goes up at the end of a cycle in which nobody who asked needed it.
pub(crate) fn pull(n: u32, k: u32, random: &mut Random) -> Spread {
    let mut since = vec![NEVER; n as usize];
    let mut counter = vec![0; n as usize];
    let mut hot = vec![false; n as usize];
    (since[0], hot[0]) = (0, true);
    let (mut infective, mut traffic) = (1, 0);
    let mut asked = vec![(false, false); n as usize];
    let mut cycle = 0;
    while infective > 0 {
        cycle += 1;
        asked.fill((false, false));
        for p in 0..n {
            let q = partner(p, n, random) as usize;
            if hot[q] && since[q] < cycle {
                traffic += 1;
                let needed = since[p as usize] >= cycle;
                asked[q] = (true, asked[q].1 || needed);
                if needed {
                    (since[p as usize], hot[p as usize]) = (cycle, true);
                    infective += 1;
                }
            }
        }
        for (q, &(asked, useful)) in asked.iter().enumerate().filter(|(_, (asked, _))| *asked) {
            counter[q] = if useful { 0 } else { counter[q] + u32::from(asked) };
            if counter[q] >= k {
                hot[q] = false;
                infective -= 1;
            }
        }
    }
    spread(n, &since, traffic)
}

/// Push with feedback and a coin, one contact after the other, by a process drawn from those that spread it.
pub(crate) fn one_at_a_time(n: u32, k: u32, random: &mut Random) -> Spread {
    let mut since = vec![NEVER; n as usize];
    since[0] = 0;
    let (mut hot, mut traffic) = (vec![0], 0);
    while !hot.is_empty() {
        let place = random.below(hot.len() as u64) as usize;
        let q = partner(hot[place], n, random);
        traffic += 1;
        if since[q as usize] == NEVER {
            since[q as usize] = 1;
            hot.push(q);
        } else if random.below(u64::from(k)) == 0 {
            hot.swap_remove(place);
        }
    }
    spread(n, &since, traffic)
}

/// In how many cycles one process tells all, if whoever knows calls one other each cycle.
pub(crate) fn push_to_all(n: u32, random: &mut Random) -> u32 {
    let mut knows = vec![false; n as usize];
    knows[0] = true;
    let mut all = vec![0];
    let mut cycles = 0;
    while all.len() < n as usize {
        cycles += 1;
        for place in 0..all.len() {
            let q = partner(all[place], n, random);
            if !knows[q as usize] {
                knows[q as usize] = true;
                all.push(q);
            }
        }
    }
    cycles
}

/// The expectation of [`push_to_all`], without chance: how many know is a Markov chain that never falls.
pub(crate) fn cycles_to_all(n: u32) -> f64 {
    let n = n as usize;
    // by how many know: how many cycles are to come
    let mut left = vec![0.0; n + 1];
    for know in (1..n).rev() {
        let (least, learn) = learners(know, n);
        let stays = if least == 0 { learn[0] } else { 0.0 };
        // as yet nothing is to come from here on
        let after: f64 = learn.iter().zip(&left[know + least..]).map(|(p, left)| p * left).sum();
        left[know] = (1.0 + after) / (1.0 - stays);
    }
    left[1]
}

/// When each of `know` calls one of the `n - 1` others: the least number of them that learn it, and the probability of it and of each
/// greater one, as far as they count.
fn learners(know: usize, n: usize) -> (usize, Vec<f64>) {
    const NEGLIGIBLE: f64 = 1e-18;
    let ignorant = n - know;
    let learns = |learnt: usize| (ignorant - learnt) as f64 / (n - 1) as f64;
    let (mut least, mut of) = (0, vec![1.0]);
    for _ in 0..know {
        if least + of.len() <= ignorant {
            of.push(0.0);
        }
        for at in (0..of.len()).rev() {
            let from_below = if at == 0 { 0.0 } else { of[at - 1] * learns(least + at - 1) };
            of[at] = of[at] * (1.0 - learns(least + at)) + from_below;
        }
        let gone = of.iter().take_while(|p| **p < NEGLIGIBLE).count();
        of.drain(..gone);
        least += gone;
        while of.last().is_some_and(|p| *p < NEGLIGIBLE) {
            of.pop();
        }
    }
    (least, of)
}

/// The shares that do not know after each cycle, half of them at first.
pub(crate) fn anti_entropy(n: u32, pull: bool, cycles: usize, random: &mut Random) -> Vec<f64> {
    let mut knows: Vec<bool> = (0..n).map(|p| p < n / 2).collect();
    let mut shares = vec![0.5];
    for _ in 0..cycles {
        let before = knows.clone();
        for p in 0..n {
            let q = partner(p, n, random);
            let (from, to) = if pull { (q, p) } else { (p, q) };
            knows[to as usize] |= before[from as usize];
        }
        let ignorant = knows.iter().filter(|knows| !**knows).count();
        shares.push(ignorant as f64 / f64::from(n));
    }
    shares
}

/// When each of `n` processes learns what one knows at 0, if each calls one other at the times of a Poisson process of rate 1
/// and both know then what either did; in ascending order.
pub(crate) fn infection(n: u32, random: &mut Random) -> Vec<f64> {
    let mut knows = vec![false; n as usize];
    knows[0] = true;
    let (mut now, mut learnt) = (0.0, vec![0.0]);
    while learnt.len() < n as usize {
        now -= libm::log(unit(random)) / f64::from(n);
        let p = random.below(u64::from(n)) as u32;
        let q = partner(p, n, random);
        if knows[p as usize] != knows[q as usize] {
            (knows[p as usize], knows[q as usize]) = (true, true);
            learnt.push(now);
        }
    }
    learnt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_it_takes_to_tell_all_is_what_samples_say() {
        // one of two is told at once; of three, each cycle after the first tells the last with probability 3/4
        assert!((cycles_to_all(2) - 1.0).abs() < 1e-12);
        assert!((cycles_to_all(3) - (1.0 + 4.0 / 3.0)).abs() < 1e-12, "{}", cycles_to_all(3));
        let (mut random, runs) = (Random::new(2), 4_000);
        let sum: u32 = (0..runs).map(|_| push_to_all(100, &mut random)).sum();
        let (drawn, exact) = (f64::from(sum) / f64::from(runs), cycles_to_all(100));
        assert!((drawn - exact).abs() < 4.0 * 1.33 / f64::from(runs).sqrt(), "{drawn} {exact}");
    }
}
