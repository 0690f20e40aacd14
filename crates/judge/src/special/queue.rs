//! Queues into which nothing is put twice: near linear time.
//!
//! An order exists if and only if nothing is taken that was not put, no element is put certainly before another and taken certainly after it,
//! and each who found the queue empty has a gap in which nothing need be there (Henzinger, Sezgin, Vafeiadis 2013; Bouajjani, Emmi, Enea, Hamza 2015).
//! The order is made as by Lee, Mathur (2024): an element that may be both the first put and the first taken of all that are left goes next.
//!
//! Who takes something, nobody knows what, takes an element that was put and that nobody is known to have taken. When it has to be gone
//! is known: before whoever is put certainly after it is certainly gone, and before the gap in which somebody finds nothing. So elements are given away by their
//! deadlines. A gap in which somebody finds nothing asks for all that must have been put by then, whatever others ask for; any gap will do
//! in which, and at all times after it, as many may take as have to.

use super::levels::Levels;
use super::lives::{Collection, Life, Lives, Read, Span};
use crate::history::History;
use crate::search::Found;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// No order.
const NONE: Found = Found::None { prefix: 0, order: vec![] };

/// Whether there is an order; nothing where something is put twice.
pub(super) fn decide<C: Collection>(history: &History<C::Operation, C::Return>) -> Option<Found> {
    Some(match Lives::read::<C>(history) {
        Read::Ambiguous => return None,
        Read::Impossible => NONE,
        Read::Lives(mut lives) => {
            give_away(&mut lives).and_then(|()| order(&lives)).map_or(NONE, Found::Order)
        }
    })
}

/// Has those who took something, nobody knows what, take what has to go; nothing if they cannot.
fn give_away(lives: &mut Lives) -> Option<()> {
    let has_left = lives.all.iter().any(|life| life.takes.is_none());
    if lives.spare.is_empty() || !has_left {
        return Some(());
    }
    let mut deadlines = overtaken(lives);
    let found = findings(lives, &deadlines)?;
    for (life, deadline) in lives.all.iter().zip(&mut deadlines) {
        let next = found.partition_point(|&gap| gap < life.put.until);
        *deadline = found.get(next).copied().unwrap_or(usize::MAX).min(*deadline);
    }
    let due = |&index: &usize| lives.all[index].takes.is_none() && deadlines[index] < lives.end;
    let mut owed: Vec<usize> = (0..lives.all.len()).filter(due).collect();
    owed.sort_by_key(|&index| deadlines[index]);
    let spare = std::mem::take(&mut lives.spare);
    if owed.len() > spare.len() {
        return None;
    }
    for (index, (from, by)) in owed.into_iter().zip(spare) {
        if from > deadlines[index] {
            return None;
        }
        let until = lives.end + 1;
        lives.all[index].is_taken(Span { from, until }, by)?;
    }
    Some(())
}

/// Of each element that nobody is known to have taken, the last gap in which it may go: one that is put after it goes then.
fn overtaken(lives: &Lives) -> Vec<usize> {
    let mut later: Vec<&Life> = lives.all.iter().filter(|life| life.takes.is_some()).collect();
    later.sort_by_key(|life| Reverse(life.put.from));
    let mut later = later.into_iter().peekable();
    let mut deadlines = vec![usize::MAX; lives.all.len()];
    let mut first_gone = usize::MAX;
    for (index, life) in lives.all.iter().enumerate().rev() {
        while let Some(next) = later.next_if(|next| next.put.from > life.put.until) {
            first_gone = first_gone.min(next.taken.until - 1);
        }
        if life.takes.is_none() {
            deadlines[index] = first_gone;
        }
    }
    deadlines
}

/// Where those find nothing who did, in order; nothing if one of them cannot.
fn findings(lives: &Lives, deadlines: &[usize]) -> Option<Vec<usize>> {
    let free = lives.free(|life| life.takes.is_some());
    // of each gap: how many may have taken something by then, less how many have to
    let mut slack = vec![0_isize; lives.end + 1];
    lives.spare.iter().for_each(|&(from, _)| slack[from] += 1);
    let left = || lives.all.iter().zip(deadlines).filter(|(life, _)| life.takes.is_none());
    left().filter(|&(_, &deadline)| deadline < lives.end).for_each(|(_, &deadline)| slack[deadline] -= 1);
    for gap in 1..=lives.end {
        slack[gap] += slack[gap - 1];
    }
    let mut slack = Levels::new(&slack[..lives.end]);
    let mut left = left().peekable();
    let mut next = vec![usize::MAX; lives.end + 1];
    let mut allowed = vec![false; lives.end];
    for gap in 0..lives.end {
        while let Some((life, &deadline)) = left.next_if(|(life, _)| life.put.until <= gap) {
            slack.add(life.put.until..deadline.min(lives.end), -1);
        }
        allowed[gap] = free[gap] == gap && slack.first_at_most(gap..lives.end, -1).is_none();
    }
    for gap in (0..lives.end).rev() {
        next[gap] = if allowed[gap] { gap } else { next[gap + 1] };
    }
    let gap = |(span, _): &(Span, usize)| Some(next[span.from]).filter(|&gap| gap < span.until);
    let mut found = lives.empty.iter().map(gap).collect::<Option<Vec<_>>>()?;
    found.sort_unstable();
    Some(found)
}

/// The order of all, if there is one.
fn order(lives: &Lives) -> Option<Vec<usize>> {
    let mut placed = vec![];
    let (mut begin, mut floor) = (0, 0);
    let emptied = lives.emptied()?;
    for &(gap, operation) in &emptied {
        let end = lives.begun(gap);
        place(&lives.all[begin..end], begin, floor, &mut placed)?;
        placed.push(((gap, 2 * end), operation));
        (begin, floor) = (end, gap);
    }
    place(&lives.all[begin..], begin, floor, &mut placed)?;
    // in the same gap what was placed first comes first, of either kind
    placed.sort_by_key(|&(at, _)| at);
    Some(placed.into_iter().map(|(_, operation)| operation).collect())
}

/// Where an operation stands: its gap, and in a gap by its element's number, doubled to have room between two for who found nothing.
type Place = (usize, usize);

/// Puts elements, no earlier than a gap, one after the other each as early as it can be.
fn place(lives: &[Life], first: usize, floor: usize, placed: &mut Vec<(Place, usize)>) -> Option<()> {
    let (mut put, mut taken) = (floor, floor);
    for (number, index) in in_turn(lives)?.into_iter().enumerate() {
        let life = &lives[index];
        put = put.max(life.put.from);
        taken = taken.max(life.taken.from); // nor earlier than it is put: no life begins to be taken before
        let turn = 2 * (first + number) + 1;
        placed.push(((put, turn), life.puts));
        placed.extend(life.takes.map(|takes| ((taken, turn), takes)));
    }
    Some(())
}

/// The elements in an order in which they may be put and taken.
fn in_turn(lives: &[Life]) -> Option<Vec<usize>> {
    let sorted = |key: &dyn Fn(&Life) -> usize| {
        let mut sorted: Vec<usize> = (0..lives.len()).collect();
        sorted.sort_by_key(|&index| key(&lives[index]));
        sorted
    };
    // of putting and of taking: who has to be done first, and who may begin first
    let by_end = [sorted(&|life| life.put.until), sorted(&|life| life.taken.until)];
    let by_begin = [sorted(&|life| life.put.from), sorted(&|life| life.taken.from)];
    let span = |kind: usize, index: usize| if kind == 0 { lives[index].put } else { lives[index].taken };
    let (mut ended, mut begun) = ([0, 0], [0, 0]);
    let mut may: Vec<u8> = vec![0; lives.len()];
    let mut done = vec![false; lives.len()];
    let mut ready = BinaryHeap::new();
    let mut order = vec![];
    while order.len() < lives.len() {
        for kind in 0..2 {
            while done[by_end[kind][ended[kind]]] {
                ended[kind] += 1;
            }
            let until = span(kind, by_end[kind][ended[kind]]).until;
            while let Some(&next) = by_begin[kind].get(begun[kind]) {
                if span(kind, next).from >= until {
                    break;
                }
                begun[kind] += 1;
                may[next] += 1;
                if may[next] == 2 {
                    ready.push(Reverse(next));
                }
            }
        }
        let Reverse(next) = ready.pop()?;
        done[next] = true;
        order.push(next);
    }
    Some(order)
}
