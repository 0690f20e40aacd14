//! What the clients of each workload may see: a checker each.

use crate::driver::Run;
use serde_json::Value;
use std::collections::BTreeSet;

/// `echo`: the reply equals the request.
pub(crate) fn echo(run: &Run) -> Result<(), String> {
    for operation in &run.operations {
        match operation.ok() {
            Some(reply) if reply["echo"] == operation.request["echo"] => {}
            other => return Err(format!("{} is answered {other:?}", operation.request)),
        }
    }
    Ok(())
}

/// `unique-ids`: no name is given twice.
pub(crate) fn unique_ids(run: &Run) -> Result<(), String> {
    let mut given = BTreeSet::new();
    for reply in run.operations.iter().filter_map(|operation| operation.ok()) {
        let id: &Value = &reply["id"];
        if id.is_null() || !given.insert(id.to_string()) {
            return Err(format!("{id} is given twice"));
        }
    }
    Ok(())
}
