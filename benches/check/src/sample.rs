//! One run of one side, measured: in a process of its own, so that no run inherits another's memory.

use crate::arguments::Side;
use crate::sides::{Who, World, explore};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// What a run took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub states: u64,
    /// User and system time of all threads, in seconds.
    pub cpu: f64,
    /// Elapsed time, in seconds.
    pub wall: f64,
    /// The most memory it had resident, in bytes.
    pub peak: u64,
    /// By how much that is more than before it began.
    pub grown: u64,
    /// Bytes for states, by its own account, where it gives one.
    pub account: Option<u64>,
}

impl Sample {
    /// Thousands of states per CPU second.
    pub fn rate(&self) -> f64 {
        self.states as f64 / self.cpu / 1000.0
    }

    /// By how many bytes memory grew for each state.
    pub fn bytes_a_state(&self) -> f64 {
        self.grown as f64 / self.states as f64
    }

    /// Runs a side in a process of its own.
    pub fn take(who: Who, world: World, threads: u32, program: &Path) -> Result<Self, String> {
        let this = std::env::current_exe().map_err(|e| format!("this program has no path: {e}"))?;
        let output = Command::new(this)
            .args(["--threads", &threads.to_string(), "--side", &who.to_string(), &world.to_string()])
            .arg(program)
            .output()
            .map_err(|e| format!("{who} cannot be started: {e}"))?;
        if !output.status.success() {
            return Err(format!("{who} on {world}: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().last().unwrap_or_default();
        serde_json::from_str(line).map_err(|e| format!("{who} on {world} printed {text:?}: {e}"))
    }

    /// Measures a side in this process, or in the only child of this process.
    pub fn measure(side: &Side, threads: u32) -> Result<Self, String> {
        let who = side.name.parse()?;
        let (before, started) = (resident("VmRSS:")?, Instant::now());
        let explored = explore(who, side.world.parse()?, threads, &side.program)?;
        let wall = started.elapsed().as_secs_f64();
        let (used, peak, before) = if who == Who::Spin {
            let used = usage(UsageWho::RUSAGE_CHILDREN)?;
            (used, used.max_rss() as u64 * 1024, 0)
        } else {
            (usage(UsageWho::RUSAGE_SELF)?, resident("VmHWM:")?, before)
        };
        let microseconds = used.user_time().num_microseconds() + used.system_time().num_microseconds();
        Ok(Self {
            states: explored.states,
            cpu: microseconds as f64 / 1e6,
            wall,
            peak,
            grown: peak.saturating_sub(before),
            account: explored.memory,
        })
    }
}

fn usage(of: UsageWho) -> Result<Usage, String> {
    getrusage(of).map_err(|e| format!("the system does not tell what was used: {e}"))
}

/// A line of what Linux tells of this process's memory, in bytes.
fn resident(line: &str) -> Result<u64, String> {
    let status =
        std::fs::read_to_string("/proc/self/status").map_err(|e| format!("not a Linux system: {e}"))?;
    let value =
        status.lines().find_map(|l| l.strip_prefix(line)?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    value.map(|kilobytes| kilobytes * 1024).ok_or_else(|| format!("no {line} in /proc/self/status"))
}
