//! `models`: the axes of system models, their order, what each grants, and which processes go with which links.

use crate::environment::plays_links;
use crate::exit::Exit;
use crate::output::{Printer, table};
use serde_json::json;
use synod_model::failure::{FailureKind, Who};
use synod_model::link::{Guarantee, LinkBase, LinkKind};
use synod_model::oracle::OracleKind;
use synod_model::timing::TimingKind;

/// Prints all of it.
pub(crate) fn show(printer: Printer) -> Exit {
    if printer.json {
        events(printer);
        return Exit::Holds;
    }
    printer
        .say("A system model is a tuple: (failures, links, timing) or (failures, links, timing, bound).\n");
    printer.say(format!("Axis 1: how processes fail, from least to most severe\n{}", failures()));
    printer.say(format!("\nAxis 2: what links promise between correct processes\n{}", links()));
    printer
        .say(format!("\nAxis 3: what time promises; each promises all that stands above it\n{}", timings()));
    printer.say(format!("\nOracles, beside the timing: With<Asynchronous, Omega>\n{}", oracles()));
    printer.say(format!(
        "\nProcesses x links: what a pair means (what correct means is in axis 1)\n{}",
        pairs_table()
    ));
    printer.say(
        "\nAn algorithm is at home in a world that is at least its model on every axis. Three transformers make links\n\
         better: retransmit-forever (fair-loss -> stubborn), eliminate-duplicates (stubborn -> perfect), log-delivered\n\
         (stubborn -> logged, for processes that recover).",
    );
    Exit::Holds
}

fn who(who: Who) -> &'static str {
    match who {
        Who::Nobody => "-",
        Who::Faulty => "f",
        Who::Anyone => "anyone",
    }
}

/// The others that `all` says are at most what `one` promises.
fn below<T: Copy + PartialEq>(
    one: T,
    all: &[T],
    at_least: fn(T, T) -> bool,
    name: fn(T) -> &'static str,
) -> String {
    let names: Vec<_> = all.iter().filter(|&&o| o != one && at_least(one, o)).map(|&o| name(o)).collect();
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}

fn played(plays: bool) -> &'static str {
    if plays { "yes" } else { "not yet" }
}

fn failures() -> String {
    let mut table = table([
        "failures",
        "stop",
        "restart",
        "omit",
        "lie",
        "correct means",
        "grants",
        "milder than",
        "played",
    ]);
    for kind in FailureKind::ALL {
        let profile = kind.profile();
        table.add_row([
            kind.name(),
            who(profile.stop),
            who(profile.restart),
            who(profile.omit),
            who(profile.lie),
            kind.correct_means(),
            kind.grants(),
            &below(kind, &FailureKind::ALL, FailureKind::at_least, FailureKind::name),
            played(true),
        ]);
    }
    table.to_string()
}

fn links() -> String {
    let mut table = table(["links", "guarantees", "at least", "played"]);
    for base in LinkBase::ALL {
        let names: Vec<_> = base.guarantees().iter().map(Guarantee::name).collect();
        let at_least = |a: LinkBase, b: LinkBase| a.guarantees().include(b.guarantees());
        table.add_row([
            base.name(),
            &names.join(", "),
            &below(base, &LinkBase::ALL, at_least, LinkBase::name),
            played(plays_links(LinkKind::plain(base))),
        ]);
    }
    let plain = LinkKind::plain(LinkBase::Perfect);
    for (name, wrapped) in [
        ("fifo ..", LinkKind { fifo: true, ..plain }),
        ("arbitrary ..", LinkKind { arbitrary: true, ..plain }),
        ("authenticated ..", LinkKind { authenticated: true, ..plain }),
    ] {
        let (with, without) = (wrapped.guarantees(), plain.guarantees());
        let more = with.iter().filter(|&g| !without.has(g)).map(|g| format!("and {}", g.name()));
        let less = without.iter().filter(|&g| !with.has(g)).map(|g| format!("without {}", g.name()));
        let text: Vec<_> =
            ["those of the plain link".to_owned()].into_iter().chain(more).chain(less).collect();
        table.add_row([name, &text.join(", "), "-", played(plays_links(wrapped))]);
    }
    table.to_string()
}

fn timings() -> String {
    let mut table = table(["timing", "grants", "played"]);
    for kind in TimingKind::ALL {
        table.add_row([kind.name(), kind.grants(), played(true)]);
    }
    table.to_string()
}

fn oracles() -> String {
    let mut table = table(["oracle", "axioms"]);
    for kind in OracleKind::ALL {
        table.add_row([kind.name(), kind.axioms()]);
    }
    table.to_string()
}

/// What processes that fail so and links that promise that mean together; refused, with the reason, where it is nothing
/// of its own.
fn pair(failures: FailureKind, links: LinkBase) -> Result<&'static str, &'static str> {
    let profile = failures.profile();
    let promises = links.guarantees();
    let survives = promises.has(Guarantee::LoggedDelivery);
    if profile.restart == Who::Nobody && survives {
        // under crash-stop nobody comes back to read a log
        return Err("same as perfect: nobody restarts, so a log is never read");
    }
    if profile.lie != Who::Nobody && survives {
        return Err("a log needs stable storage, which this model does not grant");
    }
    if profile.restart == Who::Anyone {
        return Ok(if promises.has(Guarantee::DurableSending) {
            "a crash of either end loses nothing once its send is stored"
        } else if survives {
            "a crash of the receiver loses nothing; one of the sender, what is in flight"
        } else if promises.has(Guarantee::NoDuplication) {
            "exactly once per pair of incarnations; what is in flight when an end crashes is lost or delivered once"
        } else if promises.has(Guarantee::StubbornDelivery) {
            "for ever while the sender stays up; a restarted receiver hears it again"
        } else {
            "what is in flight when an end crashes may be lost besides; the links forget nothing else"
        });
    }
    if profile.lie != Who::Nobody {
        return Ok(
            "between processes that follow their code; a liar sends what it likes, under its own name",
        );
    }
    if profile.omit != Who::Nobody {
        return Ok("between processes that omit nothing; an omission is at a process, not at its link");
    }
    Ok(if profile.stop == Who::Nobody {
        "as stated"
    } else {
        "as stated; any of what a crashed sender has in flight may be lost"
    })
}

fn pairs_table() -> String {
    let mut table = table(["failures", "links", "meaning"]);
    for failures in FailureKind::ALL {
        let mut name = failures.name();
        for links in LinkBase::ALL {
            let meaning = pair(failures, links).unwrap_or_else(|why| why);
            let refused = if pair(failures, links).is_err() { "refused: " } else { "" };
            table.add_row([std::mem::take(&mut name), links.name(), &format!("{refused}{meaning}")]);
        }
    }
    table.to_string()
}

fn events(printer: Printer) {
    for kind in FailureKind::ALL {
        let milder: Vec<_> =
            FailureKind::ALL.iter().filter(|&&o| o != kind && kind.at_least(o)).map(|o| o.name()).collect();
        printer.event(&json!({
            "event": "failures", "name": kind.name(), "profile": {
                "stop": kind.profile().stop, "restart": kind.profile().restart, "omit": kind.profile().omit,
                "lie": kind.profile().lie,
            }, "grants": kind.grants(), "at_least": milder, "played": true,
        }));
    }
    for base in LinkBase::ALL {
        let names: Vec<_> = base.guarantees().iter().map(Guarantee::name).collect();
        let plain = LinkKind::plain(base);
        printer.event(&json!({
            "event": "links", "name": base.name(), "guarantees": names, "played": plays_links(plain),
        }));
    }
    for kind in TimingKind::ALL {
        printer.event(&json!({
            "event": "timing", "name": kind.name(), "grants": kind.grants(), "played": true,
        }));
    }
    for kind in OracleKind::ALL {
        printer.event(&json!({ "event": "oracle", "name": kind.name(), "axioms": kind.axioms() }));
    }
    for failures in FailureKind::ALL {
        for links in LinkBase::ALL {
            let meaning = pair(failures, links);
            printer.event(&json!({
                "event": "pair", "failures": failures.name(), "links": links.name(), "defined": meaning.is_ok(),
                "meaning": meaning.unwrap_or_else(|why| why),
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_survive_a_restart_are_for_processes_that_restart() {
        for failures in FailureKind::ALL {
            for links in LinkBase::ALL {
                let survives = links.guarantees().has(Guarantee::LoggedDelivery);
                let defined = !survives || failures == FailureKind::CrashRecovery;
                assert_eq!(pair(failures, links).is_ok(), defined, "{failures:?} {links:?}");
            }
        }
    }

    #[test]
    fn the_tables_have_every_model() {
        let (failures, links) = (failures(), links());
        assert!(FailureKind::ALL.iter().all(|k| failures.contains(k.name())));
        assert!(LinkBase::ALL.iter().all(|b| links.contains(b.name())));
    }
}
