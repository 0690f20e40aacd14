//! Threads on cores.

/// Keeps this thread on one of the cores that the OS process may use: the `index`-th, going round. Which it is.
#[cfg(target_os = "linux")]
pub(super) fn pin(index: usize) -> Result<usize, String> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let allowed = sched_getaffinity(None).map_err(|e| e.to_string())?;
    let cores: Vec<_> = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).collect();
    let core = *cores.get(index % cores.len().max(1)).ok_or("there is no core")?;
    let mut one = CpuSet::new();
    one.set(core);
    sched_setaffinity(None, &one).map_err(|e| e.to_string())?;
    Ok(core)
}

/// Keeps this thread on a core: on this system it cannot.
#[cfg(not(target_os = "linux"))]
pub(super) fn pin(_: usize) -> Result<usize, String> {
    Err("this system has no such call".to_owned())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use rustix::thread::{sched_getaffinity, sched_getcpu};

    #[test]
    fn a_pinned_thread_has_one_core() {
        let pinned = std::thread::spawn(|| {
            let core = pin(7).unwrap();
            assert_eq!(sched_getaffinity(None).unwrap().count(), 1);
            assert_eq!(sched_getcpu(), core);
        });
        pinned.join().unwrap();
        assert!(sched_getaffinity(None).unwrap().count() >= 1);
    }
}
