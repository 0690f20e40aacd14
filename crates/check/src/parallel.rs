//! Work on several threads: all of it through one place, so that only there is anything generated for it.

/// A piece of work.
pub(crate) type Job<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Threads that wait for work.
pub(crate) struct Threads(rayon::ThreadPool);

/// A piece of work, boxed.
pub(crate) fn job<'a>(work: impl FnOnce() + Send + 'a) -> Job<'a> {
    Box::new(work)
}

impl Threads {
    /// So many threads; none where one is enough.
    pub(crate) fn new(count: u32) -> Option<Self> {
        let pool = || rayon::ThreadPoolBuilder::new().num_threads(count as usize).build();
        (count > 1).then(|| Self(pool().expect("an operating system gives a few threads")))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.current_num_threads()
    }

    /// Does all of the work; returns when it is done.
    pub(crate) fn run(&self, jobs: Vec<Job<'_>>) {
        self.0.scope(|scope| {
            for job in jobs {
                scope.spawn(|_| job());
            }
        });
    }
}
