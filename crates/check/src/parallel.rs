//! Work on several threads: all of it through one place, so that only there is anything generated for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A piece of work.
pub(crate) type Job<'a> = Box<dyn FnOnce() + Send + 'a>;

/// A piece of work, boxed.
pub(crate) fn job<'a>(work: impl FnOnce() + Send + 'a) -> Job<'a> {
    Box::new(work)
}

/// Threads that wait for work, beside the one that has it.
///
/// Pieces of work are shorter than it takes to wake a thread that sleeps (on a virtual machine some fifty millionths of a
/// second). So threads stay awake for a while when they have nothing to do, and so does the one that waits for them.
pub(crate) struct Threads {
    pool: rayon::ThreadPool,
    /// By thread of the pool: whether it stays awake.
    awake: Arc<[AtomicBool]>,
}

/// How often a thread looks for work before it sleeps: for about a thousandth of a second, no longer, since others may want the
/// processor.
const PATIENCE: u32 = 1_000;

/// Waits a moment.
fn pause() {
    (0..16).for_each(|_| std::hint::spin_loop());
}

/// Looks for work, and does it, until there was none for a while.
fn stay_awake(awake: &[AtomicBool]) {
    let own = rayon::current_thread_index().and_then(|index| awake.get(index));
    let Some(own) = own.filter(|own| !own.swap(true, Ordering::Relaxed)) else { return };
    let mut idle = 0;
    while idle < PATIENCE {
        if rayon::yield_now() == Some(rayon::Yield::Executed) {
            idle = 0;
        } else {
            idle += 1;
            pause();
        }
    }
    own.store(false, Ordering::Relaxed);
}

impl Threads {
    /// So many threads, with the one that asks; none where one is enough.
    pub(crate) fn new(count: u32) -> Option<Self> {
        let others = (count as usize).checked_sub(1).filter(|&others| others > 0)?;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(others).build();
        let awake = (0..others).map(|_| AtomicBool::new(false)).collect();
        Some(Self { pool: pool.expect("an operating system gives a few threads"), awake })
    }

    pub(crate) fn count(&self) -> usize {
        self.awake.len() + 1
    }

    /// Does all of the work, the first piece here; returns when it is done.
    pub(crate) fn run(&self, jobs: Vec<Job<'_>>) {
        if self.awake.iter().any(|awake| !awake.load(Ordering::Relaxed)) {
            let awake = Arc::clone(&self.awake);
            self.pool.spawn_broadcast(move |_| stay_awake(&awake));
        }
        let left = AtomicUsize::new(jobs.len().saturating_sub(1));
        let mut jobs = jobs.into_iter();
        let own = jobs.next();
        self.pool.in_place_scope(|scope| {
            for job in jobs {
                let left = &left;
                scope.spawn(move |_| {
                    job();
                    left.fetch_sub(1, Ordering::Release);
                });
            }
            if let Some(job) = own {
                job();
            }
            for _ in 0..PATIENCE {
                if left.load(Ordering::Acquire) == 0 {
                    break;
                }
                pause();
            }
            // what the pool itself does at the end of a piece of work takes a moment, too
            pause();
        });
    }

    /// Does something with each of `all`, in order on each thread; the same threads get the same ones, so that what they
    /// left in their caches is there.
    pub(crate) fn each<T: Send, C: Send>(
        &self,
        all: &mut [T],
        own: &mut [C],
        work: impl Fn(&mut T, &mut C) + Sync,
    ) {
        let mut shares: Vec<Vec<&mut T>> = own.iter().map(|_| Vec::new()).collect();
        let count = shares.len();
        all.iter_mut().enumerate().for_each(|(at, one)| shares[at % count].push(one));
        let work = &work;
        let jobs = shares.into_iter().zip(own);
        self.run(
            jobs.map(|(share, own)| job(move || share.into_iter().for_each(|one| work(one, own)))).collect(),
        );
    }
}
