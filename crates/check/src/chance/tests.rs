//! The engine against games small enough to try every strategy, and against the traps of the literature.

use super::*;
use crate::report::Control;
use synod_kernel::Random;

/// By state: its actions, each with what comes of it, by parts.
#[derive(Clone, Debug)]
struct Table(Vec<Vec<Vec<(u64, usize)>>>);

impl Game for Table {
    type State = usize;
    type Action = usize;

    fn initial(&self, each: &mut impl FnMut(usize)) {
        each(0);
    }

    fn actions(&self, &state: &usize, each: &mut impl FnMut(usize, Distribution<usize>)) {
        for (name, outcomes) in self.0[state].iter().enumerate() {
            each(name, Distribution::new(outcomes.clone()));
        }
    }
}

fn explored(table: &Table) -> Explored<'_, Table> {
    Explored::new(table, 1 << 20, &mut |_| Control::Continue).expect("small enough")
}

/// The reward of an action, where a test takes it by its name.
fn cost(state: usize, action: usize) -> u32 {
    ((state * 7 + action * 5) % 4) as u32
}

const PRECISION: Precision = Precision { width: 1e-9, sweeps_max: 1_000_000 };
const EXTREMES: [Extreme; 2] = [Extreme::Least, Extreme::Greatest];

/// Under one strategy, by state: the probability of reaching the goal, and the expected cost until then.
fn under(table: &Table, strategy: &[usize], goal: usize) -> (Vec<f64>, Vec<f64>) {
    let n = table.0.len();
    let row = |s: usize| -> Vec<f64> {
        let mut row = vec![0.0; n];
        if s != goal
            && let Some(outcomes) = table.0[s].get(strategy[s])
        {
            let whole: u64 = outcomes.iter().map(|(weight, _)| weight).sum();
            for &(weight, to) in outcomes {
                row[to] += weight as f64 / whole as f64;
            }
        }
        row
    };
    let chain: Vec<Vec<f64>> = (0..n).map(row).collect();
    let mut reaches = vec![false; n];
    reaches[goal] = true;
    for _ in 0..n {
        for s in 0..n {
            reaches[s] |= (0..n).any(|t| chain[s][t] > 0.0 && reaches[t]);
        }
    }
    let coefficients = |s: usize, of: &[bool]| -> Vec<f64> {
        (0..n).map(|t| f64::from(u8::from(s == t)) - if of[s] { chain[s][t] } else { 0.0 }).collect()
    };
    let open: Vec<bool> = (0..n).map(|s| reaches[s] && s != goal).collect();
    let target: Vec<f64> = (0..n).map(|s| f64::from(u8::from(s == goal))).collect();
    let probability = solve((0..n).map(|s| coefficients(s, &open)).collect(), target);
    let sure: Vec<bool> = probability.iter().map(|p| (p - 1.0).abs() < 1e-9).collect();
    let costs = (0..n).map(|s| if sure[s] && s != goal { f64::from(cost(s, strategy[s])) } else { 0.0 });
    let spending: Vec<bool> = (0..n).map(|s| sure[s] && s != goal).collect();
    let expected = solve((0..n).map(|s| coefficients(s, &spending)).collect(), costs.collect());
    let expected = (0..n).map(|s| if sure[s] { expected[s] } else { f64::INFINITY }).collect();
    (probability, expected)
}

/// Gauss's elimination, with pivots.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for column in 0..n {
        let pivot = (column..n).max_by(|&i, &j| a[i][column].abs().total_cmp(&a[j][column].abs())).unwrap();
        a.swap(column, pivot);
        b.swap(column, pivot);
        let (from, right) = (a[column].clone(), b[column]);
        for i in (0..n).filter(|&i| i != column) {
            let factor = a[i][column] / from[column];
            a[i].iter_mut().zip(&from).for_each(|(x, y)| *x -= factor * y);
            b[i] -= factor * right;
        }
    }
    (0..n).map(|i| b[i] / a[i][i]).collect()
}

/// Every way to pick one action in each state.
fn strategies(table: &Table) -> Vec<Vec<usize>> {
    table.0.iter().fold(vec![Vec::new()], |all, actions| {
        let longer = |s: &Vec<usize>| {
            (0..actions.len().max(1)).map(|a| [s.as_slice(), &[a]].concat()).collect::<Vec<_>>()
        };
        all.iter().flat_map(longer).collect()
    })
}

fn random(seed: u64) -> Table {
    let mut random = Random::new(seed);
    let n = 3 + random.below(4);
    let mut actions = || -> Vec<Vec<(u64, usize)>> {
        let count = random.below(4).min(3);
        let mut outcomes =
            || (0..=random.below(3)).map(|_| (1 + random.below(4), random.below(n) as usize)).collect();
        (0..count).map(|_| outcomes()).collect()
    };
    Table((0..n).map(|_| actions()).collect())
}

fn close(interval: Interval, exact: f64) -> bool {
    if exact.is_infinite() {
        return interval.low.is_infinite();
    }
    // the elimination above is exact to about this much
    let slack = 1e-9 * exact.max(1.0);
    interval.low <= exact + slack && exact - slack <= interval.high && interval.width() <= slack
}

/// Strategies without memory are as good as any (Puterman 1994), so that trying all of them gives the exact answer.
#[test]
fn every_answer_is_that_of_the_best_of_all_strategies() {
    let (mut infinite, mut between, mut escapes) = (0, 0, 0);
    for seed in 0..1500 {
        let table = random(seed);
        let goal = table.0.len() - 1;
        let tried: Vec<_> = strategies(&table).iter().map(|s| under(&table, s, goal)).collect();
        let model = explored(&table);
        for extreme in EXTREMES {
            let probability = model.probability(extreme, |&s| s == goal, PRECISION);
            let expected = model.expected(extreme, |&s| s == goal, |&s, &a| cost(s, a), PRECISION);
            for (at, &state) in model.states().enumerate() {
                let best = |of: &dyn Fn(&(Vec<f64>, Vec<f64>)) -> f64| {
                    tried.iter().map(of).reduce(|a, b| extreme.of(a, b)).unwrap()
                };
                let exact = best(&|tried| tried.0[state]);
                assert!(
                    close(probability.values[at], exact),
                    "{seed}, {extreme:?}, from {state}: {exact}, {:?} {table:?}",
                    probability.values[at]
                );
                between += u32::from(exact > 0.01 && exact < 0.99);
                let exact = best(&|tried| tried.1[state]);
                assert!(
                    close(expected.values[at], exact),
                    "{seed}, {extreme:?}, expected from {state}: {exact}, {:?} {table:?}",
                    expected.values[at]
                );
                infinite += u32::from(exact.is_infinite());
            }
        }
        let least = tried.iter().map(|tried| tried.0[0]).fold(1.0, f64::min);
        let surely = model.almost_surely(|&s| s == goal);
        assert_eq!(surely == AlmostSurely::Holds, least > 1.0 - 1e-9, "{seed}: {table:?}");
        if let AlmostSurely::Escapes(escape) = surely {
            escapes += 1;
            is_an_escape(&table, goal, &escape);
        }
    }
    assert!(infinite > 100 && between > 100 && escapes > 100, "{infinite}, {between}, {escapes}");
}

/// The run is one of the game, short of the goal; the actions stay, and lead from everywhere to everywhere.
fn is_an_escape(table: &Table, goal: usize, escape: &Escape<usize, usize>) {
    let mut at = escape.start;
    for &(action, to) in &escape.stem {
        assert!(at != goal && table.0[at][action].iter().any(|&(_, t)| t == to));
        at = to;
    }
    let inside: Vec<usize> = escape.stays.iter().map(|(state, _)| *state).collect();
    assert!(inside.contains(&at) && !inside.contains(&goal));
    if let [(state, actions)] = escape.stays.as_slice()
        && actions.is_empty()
    {
        assert!(table.0[*state].is_empty());
        return;
    }
    for (state, actions) in &escape.stays {
        assert!(!actions.is_empty());
        for &action in actions {
            assert!(table.0[*state][action].iter().all(|(_, to)| inside.contains(to)));
        }
        let mut reached = vec![*state];
        let mut next = 0;
        while next < reached.len() {
            let here = escape.stays.iter().find(|(s, _)| *s == reached[next]).unwrap();
            for &(_, to) in here.1.iter().flat_map(|&action| &table.0[here.0][action]) {
                if !reached.contains(&to) {
                    reached.push(to);
                }
            }
            next += 1;
        }
        assert_eq!(reached.len(), inside.len());
    }
}

/// Haddad, Monmege 2018: iteration from below alone stops, with a change below any threshold, far from the value.
#[test]
fn a_slow_chain_is_not_stopped_early() {
    // a walk from the middle that falls back to the start at each step with probability 1/2: one half, after 2^20 tries
    let steps = 20;
    let (won, lost) = (2 * steps - 1, 2 * steps);
    let mut table = vec![vec![vec![(1, 1), (1, steps)]]];
    for at in 1..steps {
        table.push(vec![vec![(1, 0), (1, if at + 1 == steps { won } else { at + 1 })]]);
    }
    for at in steps..2 * steps - 1 {
        table.push(vec![vec![(1, 0), (1, if at + 2 == 2 * steps { lost } else { at + 1 })]]);
    }
    table.extend([vec![], vec![]]);
    let table = Table(table);
    let few = Precision { width: 1e-3, sweeps_max: 1 << 16 };
    for extreme in EXTREMES {
        let answer = explored(&table).probability(extreme, |&s| s == won, few).value;
        assert!(answer.contains(0.5), "{answer:?}");
        assert!(answer.width() > 0.5 || answer.width() < 1e-2, "the bounds say how far it is: {answer:?}");
    }
}

/// A loop in which one may stay for ever: from above, iteration never leaves 1 unless the loop is collapsed.
#[test]
fn an_end_component_does_not_hold_up_the_upper_bound() {
    let table = Table(vec![vec![vec![(1, 1)]], vec![vec![(1, 0)], vec![(1, 2), (3, 3)]], vec![], vec![]]);
    let answer = explored(&table).probability(Extreme::Greatest, |&s| s == 2, PRECISION);
    assert!(answer.value.contains(0.25) && answer.value.width() < 1e-9);
}

/// Waiting for free for ever must not pass for a way to pay nothing.
#[test]
fn a_free_loop_does_not_hide_the_cost_of_going_on() {
    let table = Table(vec![vec![vec![(1, 0)], vec![(1, 1)]], vec![]]);
    let reward = |_: &usize, action: &usize| if *action == 0 { 0 } else { 5 };
    let least = explored(&table).expected(Extreme::Least, |&s| s == 1, reward, PRECISION);
    assert!(least.value.contains(5.0) && least.value.width() < 1e-8);
    let greatest = explored(&table).expected(Extreme::Greatest, |&s| s == 1, reward, PRECISION);
    assert!(greatest.value.low.is_infinite(), "it need not go on at all");
}

/// No answer comes out narrower than it is known.
#[test]
fn a_third_is_within_its_bounds() {
    let table = Table(vec![vec![vec![(1, 0), (1, 1), (2, 2)]], vec![], vec![]]);
    for extreme in EXTREMES {
        let Interval { low, high } = explored(&table).probability(extreme, |&s| s == 1, PRECISION).value;
        // 3 low <= 1 <= 3 high, exactly: 1/3 lies between two neighbouring floating-point numbers
        assert!(low < 1.0 / 3.0 + 1e-17 && high > 1.0 / 3.0 && high - low < 1e-9, "{low} {high}");
    }
}

#[test]
fn chance_picks_among_distributions_exactly() {
    let thirds = Distribution::new(vec![(1, 'a'), (2, 'b')]);
    let mixed = Distribution::mixed(vec![thirds, Distribution::certain('c')]);
    assert_eq!(mixed.outcomes().collect::<Vec<_>>(), [(1, &'a'), (2, &'b'), (3, &'c')]);
    assert_eq!(mixed.whole(), 6);
}

/// A game in which action 1 of state 0 is owed.
struct Owing(Table, Justice);

impl Game for Owing {
    type State = usize;
    type Action = usize;

    fn initial(&self, each: &mut impl FnMut(usize)) {
        self.0.initial(each);
    }

    fn actions(&self, state: &usize, each: &mut impl FnMut(usize, Distribution<usize>)) {
        self.0.actions(state, &mut |action, distribution| each(10 * state + action, distribution));
    }

    fn fairness(&self, &action: &usize) -> Justice {
        if action == 1 { self.1 } else { Justice::None }
    }
}

fn surely(table: Vec<Vec<Vec<(u64, usize)>>>, justice: Justice, goal: usize) -> bool {
    let game = Owing(Table(table), justice);
    let explored = Explored::new(&game, 1 << 20, &mut |_| Control::Continue).expect("small enough");
    explored.almost_surely(|&s| s == goal) == AlmostSurely::Holds
}

#[test]
fn a_fair_adversary_cannot_pass_over_for_ever_what_it_owes() {
    // wait, or try with an even chance
    let trying = || vec![vec![vec![(1, 0)], vec![(1, 0), (1, 1)]], vec![]];
    assert!(!surely(trying(), Justice::None, 1));
    assert!(surely(trying(), Justice::Weak(0), 1));
    // to and fro, and a way out on one side alone
    let swinging = || vec![vec![vec![(1, 1)], vec![(1, 2)]], vec![vec![(1, 0)]], vec![]];
    assert!(!surely(swinging(), Justice::Weak(0), 2), "on the other side it is not enabled");
    assert!(surely(swinging(), Justice::Strong(0), 2));
    // on the other side one may stay as well
    let resting = vec![vec![vec![(1, 1)], vec![(1, 2)]], vec![vec![(1, 0)], vec![(1, 1)]], vec![]];
    assert!(!surely(resting, Justice::Strong(0), 2), "a smaller component is fair");
    // the owed action does not help
    let in_vain = vec![vec![vec![(1, 1)], vec![(1, 1)]], vec![vec![(1, 0), (1, 1)]], vec![]];
    assert!(!surely(in_vain, Justice::Strong(0), 2), "it is taken there");
}
