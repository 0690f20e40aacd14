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
//! use synod_judge::transactions::{Holds, Level, Workload, judge};
//!
//! let text = "{:process 0 :type :invoke :f :txn :value [[:r x nil] [:append y 1]]}
//!             {:process 1 :type :invoke :f :txn :value [[:r y nil] [:append x 1]]}
//!             {:process 0 :type :ok     :f :txn :value [[:r x []]  [:append y 1]]}
//!             {:process 1 :type :ok     :f :txn :value [[:r y []]  [:append x 1]]}";
//! let (log, _) = Log::from_text(text)?;
//! let report = judge(&log, Workload::ListAppend)?;
//! assert_eq!(report.holds(Level::Serialisable), Holds::No); // write skew
//! assert_eq!(report.strongest(), [Level::StrongSnapshotIsolation]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod anomaly;
mod collect;
mod cycle;
mod dependencies;
mod graph;
mod level;
mod lists;
mod names;
mod order;
mod registers;
mod report;
mod weak;
mod words;

use crate::log::Log;
use crate::reading::Meaningless;
pub use anomaly::{Cycle, Kind, Order, Pattern};
pub use collect::Transactions;
use cycle::Core;
use dependencies::Dependencies;
use graph::Graph;
pub use level::Level;
pub use report::{Anomaly, Holds, Involved, Report};
use std::collections::BTreeMap;
use std::fmt;
use words::Words;

/// What transactions work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Workload {
    /// Lists: `[:append KEY VALUE]`, each value once, and `[:r KEY LIST]`.
    ListAppend,
    /// Registers: `[:w KEY VALUE]` and `[:r KEY VALUE]`.
    RwRegister,
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ListAppend => "list-append",
            Self::RwRegister => "rw-register",
        })
    }
}

/// Judges the transactions of a log.
pub fn judge(log: &Log, workload: Workload) -> Result<Report, Meaningless> {
    Transactions::of_log(log, workload)?.judge()
}

impl Transactions {
    /// Judges them. What has not ended may or may not have been committed.
    pub fn judge(mut self) -> Result<Report, Meaningless> {
        self.finish();
        let mut found = match self.workload {
            Workload::ListAppend => lists::dependencies(&self)?,
            Workload::RwRegister => registers::dependencies(&self),
        };
        for internal in &self.internal {
            let kind = if internal.future { Kind::FutureRead } else { Kind::Internal };
            found.anomalies.of_reads(kind, internal.key, &[internal.transaction]);
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
        for order in [Order::Any, Order::Session] {
            let seen_before = found.anomalies.has(Kind::FracturedRead)
                || found.anomalies.has(Kind::CausalityViolation(Order::Any));
            if !seen_before && core.cyclic(Cycle::G2Item, order) && !weak::causality(core, order, found) {
                unknown.push(Kind::CausalityViolation(order).refutes());
            }
        }
        core.cycles(&mut found.anomalies);
        for order in Order::ALL {
            let kinds = [Cycle::G0, Cycle::G1c, Cycle::GNonadjacent, Cycle::G2Item];
            let cyclic = kinds.into_iter().filter(|&cycle| core.cyclic(cycle, order));
            refuted.extend(cyclic.map(|cycle| Kind::Cycle(cycle, order).refutes()));
        }
    }
    refuted.extend(found.anomalies.counts.keys().map(|kind| kind.refutes()));
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
        workload: transactions.workload,
        transactions: transactions.all.len(),
        anomalies: in_order.into_iter().map(|one| words.anomaly(one)).collect(),
        counts: found.anomalies.counts.clone(),
        remarks: found.remarks.clone(),
        levels,
    }
}
