//! What a node of Maelstrom is started with.

use clap::Args;
use std::time::Duration;
use synod_kernel::environment::duration;
use synod_maelstrom::Name;

/// `maelstrom`.
#[derive(Clone, Debug, Args)]
pub struct Maelstrom {
    /// The workload: echo, unique-ids, broadcast, g-set, g-counter, pn-counter, lin-kv, txn-rw-register, txn-list-append or kafka.
    pub workload: Name,
    /// About how long messages take (Maelstrom's `--latency`): timeouts and periods follow from it.
    #[arg(long, value_name = "DURATION", default_value = "20ms", value_parser = latency)]
    pub latency: Duration,
    /// In workloads that spread updates: the first node gathers them for so long, and passes them on together. Fewer messages, later.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub gather: Option<Duration>,
    /// What the node's choices follow from, with its name; drawn unless it is said.
    #[arg(long, value_name = "SEED")]
    pub seed: Option<u64>,
}

fn latency(text: &str) -> Result<Duration, String> {
    const MOST: Duration = Duration::from_mins(1);
    let latency = duration::parse(text)?;
    if latency > MOST { Err("messages take a minute at most".to_owned()) } else { Ok(latency) }
}
