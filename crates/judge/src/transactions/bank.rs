//! A bank: transfers between accounts leave the total as it is, and no account below nothing; a read sees all accounts (Jepsen's workload).

use super::Workload;
use super::anomaly::Phenomenon;
use super::report::{Anomaly, Report};
use crate::log::{End, Log};
use crate::reading::Meaningless;
use crate::value::Value;
use std::collections::BTreeMap;

/// Compares what was read to the first read.
pub(super) fn judge(log: &Log) -> Result<Report, Meaningless> {
    let mut anomalies = vec![];
    let mut first: Option<(usize, Vec<&Value>, i128)> = None;
    for (index, operation) in log.operations().iter().enumerate() {
        let End::Ok(value) = &operation.end else { continue };
        match &*operation.function {
            "transfer" => continue,
            "read" => {}
            other => {
                let what = format!("`{other}` is nothing that a bank does: read, transfer");
                return Err(Meaningless { line: operation.line, what });
            }
        }
        let line = operation.end_line.unwrap_or(operation.line);
        let Value::Map(balances) = value else {
            let what: String = value.to_string().chars().take(60).collect();
            return Err(Meaningless { line, what: format!("`{what}` is no map from accounts to balances") });
        };
        let mut tell = |phenomenon, operations: Vec<usize>, why: String| {
            anomalies.push(Anomaly::of_log(log, phenomenon, operations, vec![why]));
        };
        let name = format!("T{index} (line {line})");
        let missing = balances.iter().find(|(_, balance)| balance.integer().is_none());
        if let Some((account, balance)) = missing {
            tell(
                Phenomenon::Garbage,
                vec![index],
                format!("{name} read {balance} as the balance of {account}"),
            );
            continue;
        }
        if let Some((account, balance)) = balances.iter().find(|(_, balance)| balance.integer() < Some(0)) {
            let why = format!("{name} read a balance of {balance} in account {account}");
            tell(Phenomenon::NegativeBalance, vec![index], why);
        }
        let (accounts, total) = sum(balances);
        let Some((first_index, known, expected)) = &first else {
            first = Some((index, accounts, total));
            continue;
        };
        if accounts != *known {
            let why = format!("{name} read other accounts than T{first_index} did");
            tell(Phenomenon::Garbage, vec![*first_index, index], why);
        } else if total != *expected {
            let why = format!("{name} read balances of {total} in all, T{first_index} of {expected}");
            tell(Phenomenon::ChangedTotal, vec![*first_index, index], why);
        }
    }
    let mut report = Report::of_anomalies(Workload::Bank, log.operations().len(), anomalies);
    report.notes.push(match first {
        Some((index, _, total)) => format!("the total is that of the first read, T{index}: {total}"),
        None => "nothing was read".to_owned(),
    });
    Ok(report)
}

fn sum(balances: &BTreeMap<Value, Value>) -> (Vec<&Value>, i128) {
    let total = balances.values().filter_map(Value::integer).map(i128::from).sum();
    (balances.keys().collect(), total)
}
