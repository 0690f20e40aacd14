//! Stacks onto which nothing is pushed twice: near linear time.
//!
//! Where in some gap nothing need be there, what must have been pushed by then may be gone before it, and all else may come after it: an order with an empty stack there
//! can be made of any other. Between two such gaps the stack is never empty, so something lies at the bottom all the time: it is pushed
//! before all others must have been, and popped after all others may have begun to be. Any element of which both can be so will do, since what remains has an order without
//! it if it had one with it. So a history is split at gaps and rid of bottoms until nothing is left (as by Abdulla et al. 2025; Lee, Mathur 2024).
//! Of the two parts of a split the smaller one is set up anew, which makes it near linear.
//!
//! Who pops something, nobody knows what, is a help where an element that nobody popped lies in the way. Which elements have to go is found
//! with all of them popped as early as anybody might: where the stack is never empty from some time on, and nothing that stays can be at its bottom, the one
//! of those that stay which must have been pushed first has to go. If there is no order even so, there is none. Who pops which of them follows
//! by their deadlines in the order found so; where that does not lead to an order, the search decides.

use super::lives::{Collection, Life, Lives, Read, Span};
use super::nest::{Nest, Step};
use crate::history::History;
use crate::search::Found;
use rustc_hash::FxHashSet;

/// No order.
const NO_ORDER: Found = Found::None { prefix: 0, order: vec![] };
/// How often deadlines are drawn closer.
const ROUNDS_MAX: usize = 64;

/// Whether there is an order; nothing where this does not tell.
pub(super) fn decide<C: Collection>(history: &History<C::Operation, C::Return>) -> Option<Found> {
    let lives = match Lives::read::<C>(history) {
        Read::Ambiguous => return None,
        Read::Impossible => return Some(NO_ORDER),
        Read::Lives(lives) => lives,
    };
    if lives.spare.is_empty() {
        let nest = |emptied: Vec<_>| Nest::new(lives.all.clone(), lives.end, |_| false, None).run(&emptied);
        return Some(lives.emptied().and_then(nest).map_or(NO_ORDER, |nest| Found::Order(operations(&nest))));
    }
    let Some(deadlines) = hopeful(&lives) else { return Some(NO_ORDER) };
    given_away(&lives, deadlines).map(Found::Order)
}

fn stays(life: &Life) -> bool {
    life.takes.is_none()
}

/// The operations in the order found.
fn operations(nest: &Nest) -> Vec<usize> {
    let operation = |step: &Step| match *step {
        Step::Push(life) => Some(nest.lives[life].puts),
        Step::Pop(life) => nest.lives[life].takes,
        Step::Empty(operation) => Some(operation),
    };
    nest.steps.iter().filter_map(operation).collect()
}

/// By when each has to go that nobody is known to have popped; nothing if there is no order even if somebody popped all of these at once.
fn hopeful(lives: &Lives) -> Option<Vec<usize>> {
    let mut deadlines = vec![usize::MAX; lives.all.len()];
    let mut hopeful = lives.clone();
    let earliest = lives.spare[0].0;
    let emptied = found_empty(&mut hopeful, earliest, &mut deadlines)?;
    let nest =
        Nest::new(hopeful.all, lives.end, |life| stays(life) && life.taken.from == lives.end, Some(earliest));
    for (life, deadline) in nest.run(&emptied)?.let_go {
        deadlines[life] = deadline;
    }
    let owed = deadlines.iter().filter(|&&deadline| deadline < lives.end).count();
    (owed <= lives.spare.len()).then_some(deadlines)
}

/// An order in which everything goes by its deadline, or earlier where that is not early enough; nothing if none is found.
fn given_away(lives: &Lives, mut deadlines: Vec<usize>) -> Option<Vec<usize>> {
    let earliest = lives.spare[0].0;
    let known: FxHashSet<usize> = lives.all.iter().filter_map(|life| life.takes).collect();
    for _ in 0..ROUNDS_MAX {
        let mut popped = lives.clone();
        pop_by(&mut popped, &deadlines)?;
        let emptied = popped.emptied()?;
        let may_go = |life: &Life| life.takes.is_none_or(|takes| !known.contains(&takes));
        let nest = Nest::new(popped.all, lives.end, may_go, Some(earliest)).run(&emptied)?;
        if nest.let_go.is_empty() {
            return Some(operations(&nest));
        }
        for (life, deadline) in nest.let_go {
            deadlines[life] = deadline;
        }
    }
    None
}

/// Has elements popped by their deadlines, those with the earliest first.
fn pop_by(lives: &mut Lives, deadlines: &[usize]) -> Option<()> {
    let mut owed: Vec<usize> = (0..deadlines.len()).filter(|&life| deadlines[life] < lives.end).collect();
    owed.sort_by_key(|&life| deadlines[life]);
    if owed.len() > lives.spare.len() {
        return None;
    }
    let until = lives.end + 1;
    for (life, (from, by)) in owed.into_iter().zip(std::mem::take(&mut lives.spare)) {
        if from > deadlines[life] {
            return None;
        }
        lives.all[life].is_taken(Span { from, until }, by)?;
    }
    Some(())
}

/// Where those find nothing who did, each as early as it can: what must have been pushed by then and was not popped has to go.
fn found_empty(lives: &mut Lives, earliest: usize, deadlines: &mut [usize]) -> Option<Vec<(usize, usize)>> {
    let free = lives.free(|life| !stays(life));
    let first_left = lives.all.iter().find(|life| stays(life)).map_or(usize::MAX, |life| life.put.until);
    let mut emptied = vec![];
    for &(span, operation) in &lives.empty {
        let mut gap = free[span.from];
        if gap >= first_left && gap < earliest {
            gap = free[earliest.min(lives.end)];
        }
        if gap >= span.until {
            return None;
        }
        emptied.push((gap, operation));
    }
    emptied.sort_unstable();
    for (life, deadline) in lives.all.iter_mut().zip(deadlines).filter(|(life, _)| stays(life)) {
        let next = emptied.partition_point(|&(gap, _)| gap < life.put.until);
        if let Some(&(gap, _)) = emptied.get(next) {
            *deadline = gap;
            life.taken.from = earliest.max(life.put.from);
        }
    }
    Some(emptied)
}
