//! Which faults the machine at hand can make, and why not the others.
//!
//! Every probe makes the fault in small where that harms nobody: signals go to a child of its own, sockets are on loopback,
//! rules of a firewall and file systems live in namespaces of their own, which the kernel takes down with the child that
//! has them; control groups are removed again, and the file that is written and synced has no name any more. What a tool of
//! this program does not use itself is said to be by hand.

mod disk;
mod kernel;
mod machine;
pub(crate) mod tool;

pub use self::disk::SyncTimes;

use serde::Serialize;
use std::path::Path;

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnosis {
    /// The machine.
    pub machine: Machine,
    /// The faults.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// Whether a cluster can run here at all: processes, sockets, a disk.
    pub fn has_basics(&self) -> bool {
        self.findings.iter().all(|finding| !finding.basic || finding.answer.is_yes())
    }
}

/// What a cluster has to live on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// How many threads run at once.
    pub cores: usize,
    /// Whether this runs as root.
    pub root: bool,
    /// How many files and sockets an OS process may have open; `None` if there is no limit.
    pub open_files: Option<u64>,
    /// How many processes and threads the user may have; `None` if there is no limit.
    pub processes: Option<u64>,
    /// How many ports were looked at of those that clusters take.
    pub ports_tried: usize,
    /// How many of those are free.
    pub ports_free: usize,
    /// How long the disk of the data directory takes; `None` if it cannot be written to.
    pub sync: Option<SyncTimes>,
}

/// A fault, and whether it can be made here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The fault.
    pub fault: &'static str,
    /// Whether nothing runs without what makes it.
    pub basic: bool,
    /// Whether it can be made.
    #[serde(flatten)]
    pub answer: Answer,
}

/// Whether a fault can be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "can", rename_all = "kebab-case")]
pub enum Answer {
    /// It can.
    Yes {
        /// By what.
        how: String,
    },
    /// It cannot.
    No {
        /// What is in the way.
        why: String,
        /// What to do about it.
        remedy: String,
    },
}

impl Answer {
    /// Whether it can.
    pub fn is_yes(&self) -> bool {
        matches!(self, Self::Yes { .. })
    }

    fn yes(how: impl Into<String>) -> Self {
        Self::Yes { how: how.into() }
    }

    fn no(why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::No { why: why.into(), remedy: remedy.into() }
    }
}

/// Whether nodes can have network namespaces here, and their ways be cut.
pub(crate) fn namespaces() -> Answer {
    kernel::namespaces()
}

/// Looks at the machine; the disk is that of `directory`.
pub fn examine(directory: &Path) -> Diagnosis {
    let finding = |fault, answer| Finding { fault, basic: false, answer };
    let basic = |fault, answer| Finding { fault, basic: true, answer };
    let (sync, volume) = disk::sync_times(directory);
    let streams = machine::streams();
    let datagrams = machine::datagrams();
    let proxied = |answer: &Answer, how: &str| match answer {
        Answer::Yes { .. } => Answer::yes(how),
        Answer::No { .. } => answer.clone(),
    };
    let findings = vec![
        basic("kill, restart", machine::kills()),
        finding("pause, resume", machine::pauses()),
        basic("streams on loopback", streams.clone()),
        finding("datagrams on loopback", datagrams.clone()),
        finding(
            "partition, one-way cut, delay",
            proxied(&streams, "the link proxy: `synod cluster partition`, `delay`"),
        ),
        finding(
            "datagrams lost, duplicated",
            proxied(&datagrams, "the link proxy: `synod cluster loss`, `duplicate`"),
        ),
        finding(
            "clock jumps, drifts",
            Answer::yes("in the node itself: `synod cluster skew`; the machine's clock is left alone"),
        ),
        basic("replace, with its volume or without", volume),
        finding(
            "errors of the disk, torn writes",
            Answer::yes("the faulty disk under the log's tests: `cargo test -p synod-runtime --test wal`"),
        ),
        finding("loss of power", disk::power()),
        finding("full disk, read-only disk", disk::full()),
        finding("network namespaces", kernel::namespaces()),
        finding("packets dropped by iptables", kernel::iptables()),
        finding("packets dropped by nft", kernel::nft()),
        finding("packets late, lost by netem", kernel::netem()),
        finding("freezer", kernel::control_group(&kernel::FREEZER)),
        finding("little processor time", kernel::control_group(&kernel::PROCESSOR)),
        finding("little memory", kernel::control_group(&kernel::MEMORY)),
        finding("slow disk", kernel::control_group(&kernel::DISK)),
        finding("file system of one's own (FUSE)", kernel::fuse()),
        finding("bad and slow sectors (device mapper)", kernel::device_mapper()),
    ];
    Diagnosis { machine: machine::machine(sync), findings }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_not_there_is_not_fit() {
        let missing = tempfile::tempdir().unwrap().path().join("missing");
        let (times, answer) = disk::sync_times(&missing);
        assert_eq!(times, None);
        let finding = |answer| Finding { fault: "replace", basic: true, answer };
        let machine = machine::machine(None);
        let sick = Diagnosis { machine, findings: vec![finding(answer)] };
        assert!(!sick.has_basics());
        assert!(Diagnosis { machine, findings: vec![finding(Answer::yes("so"))] }.has_basics());
    }

    #[test]
    fn a_diagnosis_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let diagnosis = examine(directory.path());
        assert!(diagnosis.has_basics(), "{diagnosis:#?}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        let times = diagnosis.machine.sync.unwrap();
        assert!(times.p50_ns <= times.p99_ns && times.p50_ns > 0);
        for Finding { answer, fault, .. } in &diagnosis.findings {
            if let Answer::No { why, remedy } = answer {
                assert!(!why.is_empty() && !remedy.is_empty(), "{fault}");
            }
        }
        assert!(!kernel::leftovers(), "a control group of ours is still there");
    }
}
