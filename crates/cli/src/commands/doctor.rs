//! `doctor`.

use super::Desk;
use crate::args::Doctor;
use crate::exit::Exit;
use crate::output::table;
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Duration;
use synod_model::duration;
use synod_runtime::doctor::{self, Answer, Machine};

/// Looks at the machine, and tells which faults it can make.
pub(crate) fn doctor(desk: &Desk<'_>, args: &Doctor) -> Exit {
    let diagnosis = doctor::examine(&args.directory);
    let printer = desk.printer;
    printer.event(&tagged("machine", &diagnosis.machine));
    for line in &machine(&diagnosis.machine) {
        printer.say(line);
    }
    let mut table = table(["fault", "can", "how, or why not"]);
    for finding in &diagnosis.findings {
        printer.event(&tagged("fault", finding));
        let (can, more) = match &finding.answer {
            Answer::Yes { how } => ("yes", how.clone()),
            Answer::No { why, remedy } => ("no", format!("{why}\nto do: {remedy}")),
        };
        table.add_row([finding.fault, can, &more]);
    }
    printer.say(format!("\n{table}"));
    if diagnosis.has_basics() {
        return Exit::Holds;
    }
    printer.talk("no cluster can run here: processes, streams on loopback and a disk are needed");
    Exit::Environment
}

/// An object of the JSON output.
fn tagged(event: &str, what: &impl Serialize) -> Value {
    let mut object = json!({ "event": event });
    if let (Some(object), Ok(Value::Object(fields))) = (object.as_object_mut(), serde_json::to_value(what)) {
        object.extend(fields);
    }
    object
}

fn machine(machine: &Machine) -> Vec<String> {
    let Machine { cores, root, open_files, processes, ports_tried, ports_free, sync } = machine;
    let limit = |limit: &Option<u64>| limit.map_or_else(|| "any number of".to_owned(), |n| n.to_string());
    let user = if *root { "root" } else { "not root: what needs root is not tried" };
    let mut lines = vec![
        format!("{cores} cores, {user}"),
        format!("{} open files a process, {} processes a user", limit(open_files), limit(processes)),
        format!("{ports_free} of {ports_tried} ports that were looked at are free"),
    ];
    if let Some(sync) = sync {
        let time = |ns| duration::rounded(Duration::from_nanos(ns));
        let (p50, p99) = (time(sync.p50_ns), time(sync.p99_ns));
        lines.push(format!("fdatasync: p50 {p50}, p99 {p99}, of {} writes", sync.count));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_with_its_reasons() {
        let finding = doctor::Finding {
            fault: "freezer",
            basic: false,
            answer: Answer::No { why: "not mounted".to_owned(), remedy: "mount it".to_owned() },
        };
        let object = tagged("fault", &finding);
        assert_eq!(
            object,
            json!({
                "event": "fault", "fault": "freezer", "basic": false, "can": "no",
                "why": "not mounted", "remedy": "mount it",
            })
        );
    }

    #[test]
    fn a_machine_is_told_in_lines() {
        let mut it = Machine {
            cores: 2,
            root: false,
            open_files: Some(1024),
            processes: None,
            ports_tried: 128,
            ports_free: 127,
            sync: None,
        };
        assert_eq!(machine(&it).len(), 3);
        it.sync = Some(doctor::SyncTimes { count: 64, p50_ns: 150_000, p99_ns: 2_000_000 });
        let lines = machine(&it);
        assert_eq!(lines[1], "1024 open files a process, any number of processes a user");
        assert!(lines[3].contains("p99 2ms"), "{}", lines[3]);
    }
}
