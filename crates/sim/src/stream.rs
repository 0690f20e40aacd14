//! Work on one seed after the other, over many threads, its results in the order of the seeds, in bounded memory.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Condvar, Mutex, PoisonError};

/// How many chunks for each thread may be under way or wait for a slower one before them.
const AHEAD: u64 = 8;

/// What came of one seed.
pub(crate) struct Done<T> {
    /// It.
    pub(crate) result: T,
    /// Whether nothing is wanted of later seeds.
    pub(crate) last: bool,
}

/// Which chunk is next, and how far those may go that are ahead of what was taken.
struct Gate {
    state: Mutex<State>,
    moved: Condvar,
}

struct State {
    next: u64,
    taken: u64,
    end: u64,
}

impl Gate {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next chunk, once it is not too far ahead.
    fn chunk(&self, window: u64) -> Option<u64> {
        let mut state = self.lock();
        while state.next < state.end && state.next >= state.taken + window {
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let chunk = (state.next < state.end).then_some(state.next)?;
        state.next += 1;
        Some(chunk)
    }

    /// Whoever waits looks again.
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.moved.notify_all();
    }

    /// No chunk is begun any more.
    fn close(&self) {
        self.change(|state| state.end = state.end.min(state.next));
    }
}

/// A thread that panics never hands in its chunk: nobody waits for it.
struct Unwinding<'a>(&'a Gate);

impl Drop for Unwinding<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.change(|state| state.end = 0);
        }
    }
}

/// Does `work` for each of `seeds` over `threads` threads, so many of them at a time, and hands the results to `take`, on this thread, in the order of the
/// seeds, up to the first that is the last, or after which `take` has enough.
pub(crate) fn in_order<T: Send>(
    seeds: &Range<u64>,
    chunk_len: u64,
    threads: usize,
    work: &(dyn Fn(u64) -> Done<T> + Sync),
    take: &mut dyn FnMut(u64, T) -> ControlFlow<()>,
) {
    let chunks = seeds.end.saturating_sub(seeds.start).div_ceil(chunk_len);
    let gate = Gate { state: Mutex::new(State { next: 0, taken: 0, end: chunks }), moved: Condvar::new() };
    let threads = threads.max(1);
    std::thread::scope(|scope| {
        let (sender, receiver) = channel();
        for _ in 0..threads {
            let (sender, gate) = (sender.clone(), &gate);
            let seeds = seeds.clone();
            scope.spawn(move || chunks_of((&seeds, chunk_len), gate, AHEAD * threads as u64, work, &sender));
        }
        drop(sender);
        let mut early: BTreeMap<u64, Vec<Done<T>>> = BTreeMap::new();
        let mut next = 0;
        for (chunk, done) in receiver {
            early.insert(chunk, done);
            while let Some(done) = early.remove(&next) {
                let first = seeds.start + next * chunk_len;
                for (seed, Done { result, last }) in (first..).zip(done) {
                    if take(seed, result).is_break() || last {
                        return gate.change(|state| state.end = 0);
                    }
                }
                next += 1;
                gate.change(|state| state.taken = next);
            }
        }
    });
}

/// Takes one chunk of seeds after the other, until there are no more, or a lower one was the last.
fn chunks_of<T>(
    (seeds, chunk_len): (&Range<u64>, u64),
    gate: &Gate,
    window: u64,
    work: &(dyn Fn(u64) -> Done<T> + Sync),
    results: &Sender<(u64, Vec<Done<T>>)>,
) {
    let _unwinding = Unwinding(gate);
    while let Some(chunk) = gate.chunk(window) {
        let first = seeds.start + chunk * chunk_len;
        let mut done = Vec::new();
        for seed in first..first.saturating_add(chunk_len).min(seeds.end) {
            done.push(work(seed));
            if done.last().is_some_and(|done| done.last) {
                // chunks are taken in order: all lower ones are done or under way
                gate.close();
                break;
            }
        }
        if results.send((chunk, done)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn results_come_in_order_and_none_is_far_ahead_of_a_slow_one() {
        let slow = Mutex::new(());
        let (begun, threads) = (AtomicU64::new(0), 3);
        let work = |seed| {
            begun.fetch_add(1, Ordering::Relaxed);
            if seed == 0 {
                drop(slow.lock());
            }
            Done { result: seed * 2, last: false }
        };
        let held = slow.lock().expect("nobody panicked");
        let mut taken = Vec::new();
        std::thread::scope(|scope| {
            let running = scope.spawn(|| {
                in_order(&(0..100_000), 16, threads, &work, &mut |seed, result| {
                    taken.push((seed, result));
                    if seed == 50_000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                });
            });
            // all but the first wait for it, after what they may do
            let most = 1 + (AHEAD * 3 - 1) * 16;
            while begun.load(Ordering::Relaxed) < most {
                std::thread::yield_now();
            }
            assert_eq!(begun.load(Ordering::Relaxed), most);
            drop(held);
            running.join().expect("it ends");
        });
        assert!(taken.iter().copied().eq((0..=50_000).map(|seed| (seed, seed * 2))));
    }

    #[test]
    fn the_lowest_last_one_is_the_last() {
        for threads in 1..4 {
            let mut taken = Vec::new();
            in_order(
                &(5..5_000),
                7,
                threads,
                &|seed| Done { result: seed, last: seed % 700 == 650 },
                &mut |seed, _| {
                    taken.push(seed);
                    ControlFlow::Continue(())
                },
            );
            assert!(taken.into_iter().eq(5..=650));
        }
        in_order(&(7..7), 16, 2, &|seed| Done { result: seed, last: false }, &mut |_, _| panic!("no seed"));
    }
}
