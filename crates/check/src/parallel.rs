//! Work on several threads: all of it through one place, so that only there is anything generated for it.

/// A piece of work.
pub(crate) type Job<'a> = Box<dyn FnOnce() + Send + 'a>;

/// A piece of work, boxed.
pub(crate) fn job<'a>(work: impl FnOnce() + Send + 'a) -> Job<'a> {
    Box::new(work)
}

/// Threads that wait for work, beside the one that has it.
pub(crate) struct Threads(rayon::ThreadPool);

impl Threads {
    /// So many threads, with the one that asks; none where one is enough.
    pub(crate) fn new(count: u32) -> Option<Self> {
        let pool = || rayon::ThreadPoolBuilder::new().num_threads(count as usize - 1).build();
        (count > 1).then(|| Self(pool().expect("an operating system gives a few threads")))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.current_num_threads() + 1
    }

    /// Does all of the work, the first piece here; returns when it is done.
    pub(crate) fn run(&self, jobs: Vec<Job<'_>>) {
        let mut jobs = jobs.into_iter();
        let own = jobs.next();
        self.0.in_place_scope(|scope| {
            jobs.for_each(|job| scope.spawn(|_| job()));
            if let Some(job) = own {
                job();
            }
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
