//! What a run took: CPU time of this process, user and system, of all threads.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::{Deserialize, Serialize};

/// A run of one side.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Messages delivered: requests and replies.
    pub messages: u64,
    /// In seconds.
    pub cpu: f64,
    /// The most memory that was resident, in bytes.
    pub peak: u64,
}

impl Sample {
    /// Messages per CPU second.
    #[cfg_attr(madsim, expect(dead_code, reason = "madsim's program prints, and reckons nothing"))]
    pub fn rate(&self) -> f64 {
        self.messages as f64 / self.cpu
    }

    /// What `run`, which delivers so many messages, takes.
    pub fn of(run: impl FnOnce() -> u64) -> Self {
        let before = cpu();
        let messages = run();
        let usage = getrusage(UsageWho::RUSAGE_SELF).expect("Linux tells what was used");
        Self { messages, cpu: cpu() - before, peak: usage.max_rss() as u64 * 1024 }
    }

    pub fn print(&self) {
        println!("{}", serde_json::to_string(self).expect("numbers have a JSON form"));
    }
}

/// The CPU time that this process took so far, in seconds.
pub fn cpu() -> f64 {
    let used = getrusage(UsageWho::RUSAGE_SELF).expect("Linux tells what was used");
    (used.user_time().num_microseconds() + used.system_time().num_microseconds()) as f64 / 1e6
}
