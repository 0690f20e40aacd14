//! What is said of clusters.

use crate::args::{program_name, quote};
use crate::output::{Printer, columns};
use crate::report::{Report, count};
use serde_json::{Value, json};
use synod_runtime::cluster::control::{ClusterStatus, Description, NodeReport, NodeState};

/// A cluster has come up.
pub(super) fn up(printer: Printer, name: &str, status: &ClusterStatus, requests: &[Vec<Value>]) {
    let program = quote(&program_name());
    printer.event(&json!({ "event": "up", "cluster": name, "status": status }));
    printer.say(format!("✓ {name} is up: {}, {}", processes(status), status.model));
    for node in &status.nodes {
        printer.say(format!("  {}  {}  pid {}", node.process, node.address, node.pid.unwrap_or(0)));
    }
    let asked = requests.iter().enumerate().find_map(|(p, all)| Some((p, all.first()?)));
    if let Some((p, value)) = asked {
        printer
            .talk(format!("  ask it:   {program} cluster request {name} {p} {}", quote(&value.to_string())));
    }
    printer.talk(format!("  look:     {program} cluster status {name}"));
    printer.talk(format!("  harm it:  {program} cluster kill {name} {}", status.nodes.len() - 1));
    printer.talk(format!("  end it:   {program} cluster down {name}"));
}

fn processes(status: &ClusterStatus) -> String {
    count(status.nodes.len() as u64, "process", "processes")
}

/// How a cluster is.
pub(super) fn status(printer: Printer, name: &str, status: &ClusterStatus) {
    printer.event(&json!({ "event": "status", "cluster": name, "status": status }));
    printer.say(format!(
        "{name}: {} of {}, {}, up for {} s, pid {}{}",
        processes(status),
        status.algorithm,
        status.model,
        status.uptime.as_secs(),
        status.pid,
        memory(status.memory_kib),
    ));
    let heads = [
        "",
        "state",
        "incarnation",
        "address",
        "operators",
        "pid",
        "memory",
        "handlers",
        "stores",
        "syncs",
        "waiting",
        "clock",
    ];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(status.nodes.iter().map(row));
    for line in columns(&rows) {
        printer.say(line);
    }
    for node in &status.nodes {
        if let NodeState::Died(said) = &node.state {
            printer.say(format!("  {} ended by itself: {said}", node.process));
        }
    }
    for (from, to, rule) in &status.rules {
        printer.say(format!("  {from} -> {to}: {rule}"));
    }
    let passed = status.passed.map_or_else(
        || "not counted".to_owned(),
        |passed| {
            let connections = count(passed.connections, "connection", "connections");
            let datagrams = count(passed.datagrams, "datagram", "datagrams");
            format!("{} over {connections}, {datagrams}", bytes(passed.bytes))
        },
    );
    printer.say(format!("  passed: {passed}; {} struck", count(status.faults, "fault", "faults")));
    for what in &status.beyond {
        printer.say(format!("  ? beyond the model: {what}"));
    }
}

fn row(node: &NodeReport) -> Vec<String> {
    let state = match node.state {
        NodeState::Up => "up",
        NodeState::Outlived => "up, of no instance",
        NodeState::Paused => "paused",
        NodeState::Down => "down",
        NodeState::Died(_) => "died",
    };
    let of = |number: fn(&synod_runtime::client::NodeStatus) -> u64| {
        node.status.as_ref().map_or_else(|| "-".to_owned(), |status| number(status).to_string())
    };
    vec![
        node.process.to_string(),
        state.to_owned(),
        node.incarnation.to_string(),
        node.address.to_string(),
        node.operators.map_or_else(|| "-".to_owned(), |address| address.to_string()),
        node.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
        node.memory_kib.map_or_else(|| "-".to_owned(), |kib| bytes(kib << 10)),
        of(|status| status.handlers),
        of(|status| status.stores),
        of(|status| status.syncs),
        of(|status| status.links.values().map(|link| link.unacknowledged as u64).sum()),
        format!("x{}", node.clock_rate),
    ]
}

fn memory(kib: Option<u64>) -> String {
    kib.map_or_else(String::new, |kib| format!(", {}", bytes(kib << 10)))
}

/// A size for people.
pub(super) fn bytes(bytes: u64) -> String {
    match bytes {
        0..0x2800 => format!("{bytes} B"),
        0x2800..0xa0_0000 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

/// What a judgement of a cluster covers.
pub(super) fn scope(description: &Description, report: &Report) -> String {
    let observed = report.numbers.get("observations").and_then(Value::as_u64).unwrap_or(0);
    format!(
        "{} on loopback, {} observed; one schedule of one machine, not all",
        count(description.processes.into(), "OS process", "OS processes"),
        count(observed, "event", "events"),
    )
}
