//! Probabilities and expectations by value iteration from both sides (Haddad, Monmege 2018; Baier et al. 2017).
//!
//! What has the value 0, 1 or infinity is found by the graph. In what is left, end components are collapsed: then the
//! equations have one solution, which the iteration from below and the one from above both approach. An expectation has
//! no upper bound to begin with; one is guessed from below, and proved by induction (Hartmanns, Kaminski 2020).
//!
//! Each evaluation of a row is widened by more than what floating-point arithmetic may have lost in it, so that the
//! bounds are bounds.

use super::components::{EndComponents, end_components};
use super::interval::Interval;
use super::model::{Explored, Matrix, Scope};
use super::qualitative::{Backwards, certain, positive};
use super::{Extreme, Game};
use std::fmt;

/// How close the bounds of each value must come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Precision {
    /// The width at which an interval is narrow enough: absolute below 1, relative above.
    pub width: f64,
    /// How many passes over all states it may take; after them the bounds are what they are.
    pub sweeps_max: u32,
}

impl Default for Precision {
    fn default() -> Self {
        Self { width: 1e-9, sweeps_max: 1_000_000 }
    }
}

/// A quantity: from the initial states, and from every state.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Of which adversary.
    pub extreme: Extreme,
    /// From the initial state that is the extreme one.
    pub value: Interval,
    /// From each state, in the order of [`Explored::states`].
    pub values: Vec<Interval>,
    /// Of what.
    pub scope: Scope,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extreme = match self.extreme {
            Extreme::Least => "least",
            Extreme::Greatest => "greatest",
        };
        write!(f, "{extreme} {} ({})", self.value, self.scope)
    }
}

impl<G: Game> Explored<'_, G> {
    /// The extreme probability, over all adversaries, of reaching a goal state.
    pub fn probability(
        &self,
        extreme: Extreme,
        goal: impl Fn(&G::State) -> bool,
        precision: Precision,
    ) -> Answer {
        let goal = self.are(goal);
        let back = Backwards::new(&self.matrix);
        let possible = positive(&self.matrix, &back, &goal, extreme);
        let sure = certain(&self.matrix, &back, &goal, extreme);
        let open: Vec<bool> = possible.iter().zip(&sure).map(|(possible, sure)| *possible && !sure).collect();
        // whoever wants to get there does not stay; who does not, has no component left to stay in
        let components = end_components(&self.matrix, &open, |_| extreme == Extreme::Greatest);
        let problem = Problem::new(
            &self.matrix,
            &open,
            &components,
            |_| true,
            |choice| {
                self.matrix.branches(choice).iter().filter(|(t, _)| sure[*t as usize]).map(|(_, p)| p).sum()
            },
        );
        let solved = problem.solve(extreme, precision, Some(1.0));
        self.answer(extreme, |state| match problem.row_of[state] {
            Some(row) => solved[row as usize],
            None => Interval::exactly(if sure[state] { 1.0 } else { 0.0 }),
        })
    }

    /// The extreme expectation, over all adversaries, of what is accumulated until a goal state is reached: infinite
    /// where the goal is not reached almost surely (by that adversary, for the greatest; by any, for the least).
    ///
    /// `reward` is what an action costs; 1 for each counts the steps.
    pub fn expected(
        &self,
        extreme: Extreme,
        goal: impl Fn(&G::State) -> bool,
        reward: impl Fn(&G::State, &G::Action) -> u32,
        precision: Precision,
    ) -> Answer {
        let goal = self.are(goal);
        let back = Backwards::new(&self.matrix);
        let reaching = match extreme {
            Extreme::Least => Extreme::Greatest,
            Extreme::Greatest => Extreme::Least,
        };
        let sure = certain(&self.matrix, &back, &goal, reaching);
        let open: Vec<bool> = sure.iter().zip(&goal).map(|(sure, goal)| *sure && !goal).collect();
        let rewards = self.rewards(&open, reward);
        let keeps = |choice: u32| self.matrix.targets(choice).all(|t| sure[t as usize]);
        // waiting for free neither costs nor helps: it must not hide what going on costs
        let components =
            end_components(&self.matrix, &open, |choice| keeps(choice) && rewards[choice as usize] == 0);
        let problem = Problem::new(&self.matrix, &open, &components, keeps, |choice| {
            f64::from(rewards[choice as usize])
        });
        let solved = problem.solve(extreme, precision, None);
        self.answer(extreme, |state| match problem.row_of[state] {
            Some(row) => solved[row as usize],
            None => Interval::exactly(if goal[state] { 0.0 } else { f64::INFINITY }),
        })
    }

    /// By choice: its reward, where its state is open.
    fn rewards(&self, open: &[bool], reward: impl Fn(&G::State, &G::Action) -> u32) -> Vec<u32> {
        let mut all = vec![0; self.matrix.choice_count() as usize];
        for (id, state) in self.states().enumerate().filter(|&(id, _)| open[id]) {
            let mut choice = self.matrix.choices(id as u32);
            self.game.actions(state, &mut |action, _| {
                let choice = choice.next().expect("a state has the same actions as before");
                all[choice as usize] = reward(state, &action);
            });
        }
        all
    }

    fn answer(&self, extreme: Extreme, value: impl Fn(usize) -> Interval) -> Answer {
        let values: Vec<Interval> = (0..self.states.len()).map(value).collect();
        let from = self.initial.iter().map(|&state| values[state as usize]);
        let value =
            from.reduce(|a, b| Interval { low: extreme.of(a.low, b.low), high: extreme.of(a.high, b.high) });
        let value = value.expect("a game has an initial state");
        Answer { extreme, value, values, scope: self.scope() }
    }
}

/// The equations of the values that the graph does not tell: x = best over choices of (base + sum of p x).
struct Problem {
    rows: Matrix,
    /// By choice of a row.
    base: Vec<f64>,
    /// By choice of a row: more than the roundings in an evaluation of it.
    roundings: Vec<f64>,
    /// By state: its row; that of its component where it is in one.
    row_of: Vec<Option<u32>>,
}

impl Problem {
    /// Of the states that are open, each component as one row with the choices by which it is left. A branch to a state
    /// without a row adds nothing but what `base` says.
    fn new(
        matrix: &Matrix,
        open: &[bool],
        components: &EndComponents,
        keeps: impl Fn(u32) -> bool,
        base: impl Fn(u32) -> f64,
    ) -> Self {
        let mut row_of = vec![None; open.len()];
        let mut members: Vec<Vec<u32>> = Vec::new();
        for state in (0..matrix.states()).filter(|&s| open[s as usize]) {
            if row_of[state as usize].is_some() {
                continue;
            }
            let own = vec![state];
            let together = components.of[state as usize]
                .map_or(&own, |component| &components.members[component as usize]);
            for &member in together {
                row_of[member as usize] = Some(members.len() as u32);
            }
            members.push(together.clone());
        }
        let mut this = Self { rows: Matrix::default(), base: Vec::new(), roundings: Vec::new(), row_of };
        for together in members {
            for choice in together.iter().flat_map(|&state| matrix.choices(state)) {
                if keeps(choice) && !components.stays[choice as usize] {
                    this.add(matrix.branches(choice), base(choice));
                }
            }
            this.rows.close_state();
        }
        this
    }

    fn add(&mut self, branches: &[(u32, f64)], base: f64) {
        // each term: its probability, the product, the sum, and the sum in the base; and some to spare
        self.roundings.push((4 * branches.len() + 8) as f64);
        let branches: Vec<_> = branches
            .iter()
            .filter_map(|&(target, probability)| Some((self.row_of[target as usize]?, probability)))
            .collect();
        self.rows.close_choice(branches);
        self.base.push(base);
    }

    /// The value of a row under `values`, widened downward (`side` = -1) or upward (`side` = 1).
    fn evaluate(&self, row: u32, extreme: Extreme, values: &[f64], side: f64) -> f64 {
        let choice = |choice: u32| {
            let branches = self.rows.branches(choice);
            let sum: f64 = branches.iter().map(|&(t, p)| p * values[t as usize]).sum();
            // all terms are nonnegative: the relative error is at most that of so many roundings
            let widened = 1.0 + side * self.roundings[choice as usize] * f64::EPSILON;
            (self.base[choice as usize] + sum) * widened
        };
        self.rows.choices(row).map(choice).reduce(|a, b| extreme.of(a, b)).unwrap_or(0.0)
    }

    /// Rows from the last found to the first: what is decided last is near the goal.
    fn order(&self) -> impl Iterator<Item = u32> + use<> {
        (0..self.rows.states()).rev()
    }

    /// Brings lower bounds up by one pass.
    fn raise(&self, extreme: Extreme, low: &mut [f64]) {
        for row in self.order() {
            low[row as usize] = low[row as usize].max(self.evaluate(row, extreme, low, -1.0));
        }
    }

    /// Brings upper bounds down by one pass.
    fn sink(&self, extreme: Extreme, high: &mut [f64]) {
        for row in self.order() {
            high[row as usize] = high[row as usize].min(self.evaluate(row, extreme, high, 1.0));
        }
    }

    fn solve(&self, extreme: Extreme, precision: Precision, most: Option<f64>) -> Vec<Interval> {
        let rows = self.rows.states() as usize;
        let mut low = vec![0.0; rows];
        let mut sweeps = 0;
        let mut high = match most {
            Some(most) => vec![most; rows],
            None => self.bound(extreme, &mut low, &mut sweeps, precision),
        };
        let narrow = |(low, high): (&f64, &f64)| high - low <= precision.width * high.max(1.0);
        while sweeps < precision.sweeps_max && !low.iter().zip(&high).all(narrow) {
            self.raise(extreme, &mut low);
            self.sink(extreme, &mut high);
            sweeps += 1;
        }
        low.into_iter().zip(high).map(|(low, high)| Interval { low, high }).collect()
    }

    /// An upper bound on every expectation; infinite if none is found in the passes that are left.
    ///
    /// If m passes over a guess take no row above the guess, the guess is at least the least solution: the guess is a
    /// bound, and so is what the passes made of it.
    fn bound(&self, extreme: Extreme, low: &mut [f64], sweeps: &mut u32, precision: Precision) -> Vec<f64> {
        let mut passes = 16;
        while *sweeps < precision.sweeps_max {
            for _ in 0..passes {
                self.raise(extreme, low);
            }
            let guess: Vec<f64> = low.iter().map(|low| low * 1.01 + 0.01).collect();
            let mut high = guess.clone();
            for _ in 0..passes {
                for row in self.order() {
                    high[row as usize] = self.evaluate(row, extreme, &high, 1.0);
                }
                if high.iter().zip(&guess).all(|(high, guess)| high <= guess) {
                    return high;
                }
            }
            *sweeps += 2 * passes;
            passes *= 2;
        }
        vec![f64::INFINITY; low.len()]
    }
}
