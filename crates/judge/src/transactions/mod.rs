//! Histories of transactions: which isolation they had, and what contradicts more.
//!
//! From what was read and written follows who wrote before whom (ww), who read what whom wrote (wr), and who read before whom wrote (rw);
//! from clients and clocks who came before whom. What a level forbids is a cycle of some of these (Adya 1999), found in linear time
//! (Tarjan 1972), and a few things besides; the shortest cycle of each kind is then searched where there are any. As Elle does it
//! (Kingsbury, Alvaro 2020).
//!
//! On lists of which all was read at last the verdict is exact. On registers it is one-sided: what is contradicted is contradicted, but
//! of the order of writes only that is used which follows from the reads.
//!
//! ```
//! use synod_judge::log::Log;
//! use synod_judge::transactions::{Level, Workload, judge};
//!
//! let text = "{:process 0 :type :invoke :f :txn :value [[:r x nil] [:append y 1]]}
//!             {:process 1 :type :invoke :f :txn :value [[:r y nil] [:append x 1]]}
//!             {:process 0 :type :ok     :f :txn :value [[:r x []]  [:append y 1]]}
//!             {:process 1 :type :ok     :f :txn :value [[:r y []]  [:append x 1]]}";
//! let (log, _) = Log::from_text(text)?;
//! let report = judge(&log, Workload::ListAppend)?;
//! assert!(!report.holds(Level::Serializable)); // write skew
//! assert_eq!(report.strongest(), [Level::StrongSnapshotIsolation]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod anomaly;
mod bank;
mod collect;
mod cycle;
mod dependencies;
mod graph;
mod level;
mod lists;
mod long_fork;
mod met;
mod names;
mod order;
mod registers;
mod report;
mod scans;
mod stream;
mod weak;
mod words;

use crate::log::Log;
use crate::reading::Meaningless;
use anomaly::refutes;
pub use anomaly::{Outer, Pattern, Phenomenon};
use collect::{Objects, Transactions};
use cycle::Core;
use dependencies::Dependencies;
use graph::Graph;
pub use level::Level;
pub use report::{Anomaly, Holds, Involved, Report};
use std::collections::BTreeMap;
pub use stream::{Incoming, Recorded, Unjudged, judge_text};
use words::Words;

/// What transactions work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Workload {
    /// Lists: `[:append KEY VALUE]`, each value once, and `[:r KEY LIST]`.
    ListAppend,
    /// Registers: `[:w KEY VALUE]` and `[:r KEY VALUE]`.
    RwRegister,
    /// Registers that are written once, `[:w KEY VALUE]`, and reads of groups of them: looked for is a long fork alone.
    LongFork,
    /// A bank: `read` of all accounts, a map to their balances, and `transfer`. Looked for is a total that changes, or a balance below 0.
    Bank,
}

impl Workload {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ListAppend, Self::RwRegister, Self::LongFork, Self::Bank];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ListAppend => "list-append",
            Self::RwRegister => "rw-register",
            Self::LongFork => "long-fork",
            Self::Bank => "bank",
        }
    }
}

/// Judges the transactions of a log.
pub fn judge(log: &Log, workload: Workload) -> Result<Report, Meaningless> {
    match workload {
        Workload::ListAppend => Transactions::of_log(log, Objects::Lists)?.judge(),
        Workload::RwRegister => Transactions::of_log(log, Objects::Registers)?.judge(),
        Workload::LongFork => long_fork::judge(log),
        Workload::Bank => bank::judge(log),
    }
}

impl Transactions {
    /// Judges them. What has not ended may or may not have been committed.
    fn judge(mut self) -> Result<Report, Meaningless> {
        self.finish()?;
        let mut found = match self.objects {
            Objects::Lists => lists::dependencies(&self)?,
            Objects::Registers => registers::dependencies(&self),
        };
        for internal in &self.internal {
            let phenomenon = if internal.future { Phenomenon::FutureRead } else { Phenomenon::Internal };
            found.anomalies.of_reads(phenomenon, internal.key, &[internal.transaction]);
        }
        order::session(&self, &mut found);
        order::real_time(&self, &mut found);
        let graph = Graph::new(found.nodes as usize, &std::mem::take(&mut found.edges));
        let core = Core::of(&graph, self.all.len() as u32);
        drop(graph);
        let levels = levels(core.as_ref(), &mut found);
        Ok(report(&self, &found, levels))
    }
}

/// Which levels hold; on the way the anomalies are found that say why not.
fn levels(core: Option<&Core>, found: &mut Dependencies) -> BTreeMap<Level, Holds> {
    let mut refuted: Vec<Level> = vec![];
    let mut unknown: Vec<Level> = vec![];
    if let Some(core) = core {
        weak::fractured_reads(core, found);
        for outer in [Outer::None, Outer::Session] {
            let seen_before = found.anomalies.has(Phenomenon::Fractured, Outer::None)
                || found.anomalies.has(Phenomenon::Causality, Outer::None);
            if !seen_before && core.cyclic(Phenomenon::G2, outer) && !weak::causality(core, outer, found) {
                unknown.extend(refutes((Phenomenon::Causality, outer)));
            }
        }
        core.cycles(&mut found.anomalies);
        // the search has a budget; whether there is something to be found is known without
        for outer in Outer::ALL {
            let cyclic = Phenomenon::CYCLES.into_iter().filter(|&cycle| core.cyclic(cycle, outer));
            refuted.extend(cyclic.flat_map(|cycle| refutes((cycle, outer))));
        }
    }
    refuted.extend(found.anomalies.counts.keys().flat_map(|&kind| refutes(kind)));
    let holds = |level: Level| {
        if refuted.iter().any(|&weaker| level.implies(weaker)) {
            Holds::No
        } else if unknown.iter().any(|&weaker| level.implies(weaker)) {
            Holds::Unknown
        } else {
            Holds::Yes
        }
    };
    Level::ALL.into_iter().map(|level| (level, holds(level))).collect()
}

fn report(transactions: &Transactions, found: &Dependencies, levels: BTreeMap<Level, Holds>) -> Report {
    let words = Words { transactions, found };
    let mut in_order: Vec<_> = found.anomalies.found.iter().collect();
    in_order.sort_by_key(|one| one.kind);
    Report {
        workload: match transactions.objects {
            Objects::Lists => Workload::ListAppend,
            Objects::Registers => Workload::RwRegister,
        },
        transactions: transactions.all.len(),
        anomalies: in_order.into_iter().map(|one| words.anomaly(one)).collect(),
        counts: found.anomalies.counts.clone(),
        notes: found.notes.clone(),
        levels,
    }
}
