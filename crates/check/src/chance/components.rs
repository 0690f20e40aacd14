//! End components: where an adversary can stay for ever, almost surely (de Alfaro 1997).

use super::model::Matrix;

/// The maximal end components of a part of a game: disjoint.
pub(super) struct EndComponents {
    /// By state: the component that it is in.
    pub(super) of: Vec<Option<u32>>,
    /// By component: its states, in ascending order.
    pub(super) members: Vec<Vec<u32>>,
    /// By choice: whether it stays within a component.
    pub(super) stays: Vec<bool>,
}

/// The maximal end components among the states and the choices that are allowed: sets of states in which some choices
/// lead from everywhere to everywhere and never outside.
///
/// Choices that may leave their strongly connected component go, then states without a choice, until nothing changes.
pub(super) fn end_components(
    matrix: &Matrix,
    allowed: &[bool],
    mut admits: impl FnMut(u32) -> bool,
) -> EndComponents {
    let mut alive = allowed.to_vec();
    let mut stays = vec![false; matrix.choice_count() as usize];
    for state in (0..matrix.states()).filter(|&s| allowed[s as usize]) {
        for choice in matrix.choices(state) {
            stays[choice as usize] = admits(choice);
        }
    }
    loop {
        let component = strong_components(matrix, &alive, &stays);
        let mut changed = false;
        for state in (0..matrix.states()).filter(|&s| allowed[s as usize]) {
            let home = component[state as usize];
            let mut can_stay = false;
            for choice in matrix.choices(state) {
                let within = home.is_some() && matrix.targets(choice).all(|t| component[t as usize] == home);
                changed |= stays[choice as usize] && !within;
                stays[choice as usize] &= within;
                can_stay |= stays[choice as usize];
            }
            changed |= alive[state as usize] && !can_stay;
            alive[state as usize] &= can_stay;
        }
        if !changed {
            return collect(component, stays, &alive);
        }
    }
}

fn collect(component: Vec<Option<u32>>, stays: Vec<bool>, alive: &[bool]) -> EndComponents {
    let mut number = vec![None; component.len()];
    let mut members: Vec<Vec<u32>> = Vec::new();
    let mut of = vec![None; component.len()];
    for (state, home) in component.into_iter().enumerate().filter(|&(state, _)| alive[state]) {
        let home = home.expect("a state that is left has a component") as usize;
        let place = *number[home].get_or_insert_with(|| {
            members.push(Vec::new());
            members.len() as u32 - 1
        });
        members[place as usize].push(state as u32);
        of[state] = Some(place);
    }
    EndComponents { of, members, stays }
}

/// By state: the strongly connected component that it is in, where only states and choices that are left count. Tarjan's
/// algorithm (1972), with its own stack.
fn strong_components(matrix: &Matrix, alive: &[bool], stays: &[bool]) -> Vec<Option<u32>> {
    let mut search = Tarjan {
        matrix,
        alive,
        stays,
        index: vec![u32::MAX; alive.len()],
        low: vec![u32::MAX; alive.len()],
        stack: Vec::new(),
        component: vec![None; alive.len()],
        visited: 0,
        components: 0,
    };
    for root in (0..matrix.states()).filter(|&s| alive[s as usize]) {
        if search.index[root as usize] == u32::MAX {
            search.run(root);
        }
    }
    search.component
}

struct Tarjan<'a> {
    matrix: &'a Matrix,
    alive: &'a [bool],
    stays: &'a [bool],
    index: Vec<u32>,
    low: Vec<u32>,
    stack: Vec<u32>,
    component: Vec<Option<u32>>,
    visited: u32,
    components: u32,
}

/// A state being visited, with the choice and the branch that come next.
struct Visit {
    state: u32,
    choice: u32,
    branch: usize,
}

impl Tarjan<'_> {
    fn enter(&mut self, state: u32) -> Visit {
        (self.index[state as usize], self.low[state as usize]) = (self.visited, self.visited);
        self.visited += 1;
        self.stack.push(state);
        Visit { state, choice: self.matrix.choices(state).start, branch: 0 }
    }

    fn run(&mut self, root: u32) {
        let mut path = vec![self.enter(root)];
        while let Some(top) = path.last_mut() {
            let state = top.state as usize;
            match self.next(top) {
                Some(target) if self.index[target as usize] == u32::MAX => path.push(self.enter(target)),
                Some(target) if self.component[target as usize].is_none() => {
                    self.low[state] = self.low[state].min(self.index[target as usize]);
                }
                Some(_) => {}
                None => {
                    self.leave(state as u32);
                    path.pop();
                    if let Some(below) = path.last() {
                        let below = below.state as usize;
                        self.low[below] = self.low[below].min(self.low[state]);
                    }
                }
            }
        }
    }

    /// The next state that a visited one leads to.
    fn next(&self, visit: &mut Visit) -> Option<u32> {
        while visit.choice < self.matrix.choices(visit.state).end {
            let branches = self.matrix.branches(visit.choice);
            if self.stays[visit.choice as usize]
                && let Some(&(target, _)) = branches.get(visit.branch)
            {
                visit.branch += 1;
                if self.alive[target as usize] {
                    return Some(target);
                }
                continue;
            }
            (visit.choice, visit.branch) = (visit.choice + 1, 0);
        }
        None
    }

    fn leave(&mut self, state: u32) {
        if self.low[state as usize] != self.index[state as usize] {
            return;
        }
        loop {
            let member = self.stack.pop().expect("a component ends with its root");
            self.component[member as usize] = Some(self.components);
            if member == state {
                break;
            }
        }
        self.components += 1;
    }
}
