//! Simulated runs on many machines. A shard is a pure function of the binary and its seeds: whichever machine makes it, however
//! often, its file is the same. Who starts the processes is none of our business: Slurm, Kubernetes, a shell.

use crate::args;
use crate::commands::examine::expected;
use crate::commands::{Desk, program};
use crate::error::Error;
use crate::exit::Exit;
use crate::grounds::sim::header;
use crate::plan::Request;
use crate::report::{count, grouped};
use crate::results::{self, Together, Writing};
use serde_json::json;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use synod_properties::GroundKind;
use synod_sim::results::{Header, Seeds, Summary};
use synod_sim::{FaultKind, Judgement, Options, Simulation, Wanted, records};

/// `campaign`.
pub(super) fn campaign(desk: &Desk<'_>, args: &args::Campaign) -> Result<Exit, Error> {
    match args {
        args::Campaign::Run(args) => run(desk, args),
        args::Campaign::Merge { from, out, expect_violation } => {
            Ok(expected(merge(desk, from, out)?, *expect_violation, desk))
        }
        args::Campaign::Status { from } => status(desk, from),
    }
}

/// A part of a campaign, and where its file goes.
struct Shard<'a> {
    simulation: &'a dyn Simulation,
    options: Options,
    header: Header,
    seeds: Seeds,
    threads: usize,
    directory: &'a Path,
}

/// `campaign run`.
fn run(desk: &Desk<'_>, args: &args::CampaignRun) -> Result<Exit, Error> {
    let (index, parts) = part(args, &|name| std::env::var(name).ok())?;
    let sim = args.sim();
    let (entry, mut request) = Request::new(desk.registry, &args.subject)?;
    let entry = request.place(desk.registry, entry, GroundKind::Sim)?;
    let world = request.world(&entry.subject, GroundKind::Sim)?;
    let simulation = entry.simulation(&world)?;
    let mut asked = request.sim(&sim, &world)?;
    asked.run.coverage = true;
    let command = format!("{}{}", args.subject.line(), sim.how());
    let whole = Seeds::of(args.seeds.start, args.seeds.end);
    let header = header(simulation.as_ref(), &world, &asked.run, command, whole)?;
    results::create(&args.out)?;
    let shard = Shard {
        simulation: simulation.as_ref(),
        options: asked.run,
        header,
        seeds: whole.part(index, parts),
        threads: args.threads.map_or(asked.threads, |threads| threads as usize),
        directory: &args.out,
    };
    let path = results::shard(shard.directory, shard.seeds);
    if !is_made(&shard, &path)? {
        let title = format!("campaign {} {}", entry.name(), shard.seeds);
        let watch =
            crate::watch::Watch::new(title, desk.printer.quiet || desk.printer.json, desk.interrupt.clone());
        if !make(&shard, &path, &watch)? {
            drop(watch);
            desk.printer.talk("interrupted: the same command goes on from there");
            return Ok(Exit::Interrupted);
        }
    }
    let made = results::together(std::slice::from_ref(&path))?;
    tell(desk, &made, shard.seeds, &path);
    let open = made.header.open(&made.summary);
    let exit = if made.summary.first_violation().is_some() {
        Exit::Violation
    } else if open.is_empty() || parts > 1 {
        // what one part leaves open is no matter of its own: the merge says it of all of them
        Exit::Holds
    } else {
        say_open(desk, &open);
        Exit::Inconclusive
    };
    Ok(expected(exit, args.subject.expect_violation, desk))
}

/// Which part of how many this process makes: as it is told, or as a scheduler's environment has it.
fn part(args: &args::CampaignRun, variable: &dyn Fn(&str) -> Option<String>) -> Result<(u64, u64), Error> {
    let wrong = |what: String, hint: &str| Error::Arguments { what, hint: hint.to_owned() };
    let number = |name: &str| {
        let Some(text) = variable(name) else { return Ok(None) };
        let parsed = text.trim().parse::<u64>().map(Some);
        parsed.map_err(|_| {
            wrong(format!("{name} = {text:?} is no number"), "--shard I/N says which part this is")
        })
    };
    if let Some(shard) = args.shard {
        return Ok(shard);
    }
    let (job, task) = (number("JOB_COMPLETION_INDEX")?, number("SLURM_ARRAY_TASK_ID")?);
    let (index, parts) = match (args.shards, job, task) {
        (Some(parts), Some(index), _) | (Some(parts), None, Some(index)) => (index, parts),
        (Some(_), None, None) => {
            let what = "--shards says how many parts there are, and nothing which one this is".to_owned();
            let hint = "set JOB_COMPLETION_INDEX or SLURM_ARRAY_TASK_ID, or give --shard I/N";
            return Err(wrong(what, hint));
        }
        (None, Some(_), _) => {
            let what =
                "JOB_COMPLETION_INDEX says which part this is, and nothing how many there are".to_owned();
            return Err(wrong(what, "give --shards N, the same as the job's `completions`"));
        }
        (None, None, Some(task)) => {
            let first = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
            let step = number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
            let Some(parts) = number("SLURM_ARRAY_TASK_COUNT")? else {
                let what = "SLURM_ARRAY_TASK_ID without SLURM_ARRAY_TASK_COUNT".to_owned();
                return Err(wrong(what, "give --shards N"));
            };
            (task.saturating_sub(first) / step, parts)
        }
        (None, None, None) => (0, 1),
    };
    if index >= parts {
        return Err(wrong(
            format!("there is no part {index} of {parts}"),
            "parts are counted from 0: an array of tasks 0 to N-1, with --shards N",
        ));
    }
    Ok((index, parts))
}

/// Whether the file is there. One of another campaign is refused.
fn is_made(shard: &Shard<'_>, path: &Path) -> Result<bool, Error> {
    if !path.exists() {
        return Ok(false);
    }
    let hint = "take another --out, or the binary and the command that began it".to_owned();
    let made = results::together(&[path.to_owned()])?;
    let refused = |what: String| Error::Results { path: path.to_owned(), what, hint: hint.clone() };
    shard.header.same(&made.header).map_err(|mixed| refused(mixed.to_string()))?;
    // a merge may have written it, of parts of which some are missing
    Ok(made.summary.missing(shard.seeds).is_empty())
}

/// Makes a shard's file, and beside it the trace of its first run that refutes something. False if it is interrupted before.
fn make(shard: &Shard<'_>, path: &Path, watch: &crate::watch::Watch) -> Result<bool, Error> {
    let part = results::unfinished(path);
    let Seeds { start, end } = shard.seeds;
    let end = end.expect("a shard has an end");
    let mut first = None;
    let (mut writing, next) = Writing::open(&part, &shard.header, start, &mut |record| {
        first = first.or(record.property.map(|_| record.seed));
    })?;
    let (mut done, mut failed) = (next, None);
    let wanted = Wanted { to_the_first: false, lines: true };
    records(shard.simulation, next..end, &shard.options, shard.threads, wanted, &mut |record, line| {
        first = first.or(record.property.map(|_| record.seed));
        done = record.seed + 1;
        watch.tell(|| format!("{} of {} runs", grouped(done - start), grouped(end - start)));
        failed = writing.line(line).err();
        if failed.is_some() || watch.interrupted() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    failed.map_or(Ok(()), Err)?;
    writing.finish()?;
    if done < end {
        return Ok(false);
    }
    if let Some(seed) = first {
        let (_, trace) = shard.simulation.trace(seed, &shard.options);
        let path = results::trace(shard.directory, seed);
        results::write_whole(&path, |out| {
            let written = out.write_all(trace.as_bytes());
            written.map_err(|source| Error::Unwritable { path: path.clone(), source })
        })?;
    }
    fs::rename(&part, path).map_err(|source| Error::Unwritable { path: path.to_owned(), source })?;
    Ok(true)
}

fn found(from: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let files = results::files(from)?;
    if files.is_empty() {
        let places: Vec<_> = from.iter().map(|place| place.display().to_string()).collect();
        return Err(Error::Arguments {
            what: format!("there are no results in {}", places.join(", ")),
            hint: "`campaign run --out DIRECTORY` writes them".to_owned(),
        });
    }
    Ok(files)
}

/// `campaign merge`.
fn merge(desk: &Desk<'_>, from: &[PathBuf], out: &Path) -> Result<Exit, Error> {
    let files = found(from)?;
    // what it is called depends on what it is of
    let seeds = results::together(&files)?.header.seeds;
    results::create(out)?;
    let path = results::shard(out, seeds);
    let merged = results::merge_into(&path, &files)?;
    if let Some(seed) = merged.summary.first_violation() {
        keep_trace(&files, seed, out)?;
    }
    Ok(conclude(desk, &merged, &path, out))
}

/// The trace of a run, from beside one of these files.
fn keep_trace(files: &[PathBuf], seed: u64, out: &Path) -> Result<(), Error> {
    let kept = results::trace(out, seed);
    let beside = files.iter().filter_map(|file| file.parent()).map(|place| results::trace(place, seed));
    match beside.into_iter().find(|path| path.is_file()) {
        Some(trace) if trace != kept => {
            fs::copy(&trace, &kept).map_err(|source| Error::Unwritable { path: kept, source }).map(|_| ())
        }
        // its seed makes it again
        _ => Ok(()),
    }
}

/// `campaign status`.
fn status(desk: &Desk<'_>, from: &[PathBuf]) -> Result<Exit, Error> {
    let together = results::together(&found(from)?)?;
    let within = from.first().and_then(|file| file.parent()).filter(|place| !place.as_os_str().is_empty());
    let directory = from.iter().map(PathBuf::as_path).find(|place| place.is_dir());
    let directory = directory.or(within).unwrap_or(Path::new("."));
    Ok(conclude(desk, &together, directory, directory))
}

/// Says what there is and what is missing.
fn conclude(desk: &Desk<'_>, together: &Together, path: &Path, directory: &Path) -> Exit {
    let Together { header, summary } = together;
    let missing = tell(desk, together, header.seeds, path);
    for &seeds in &missing {
        desk.printer
            .say(format!("? missing: seeds {seeds}\n  make them:  {}", make_line(header, seeds, directory)));
    }
    let open = if missing.is_empty() { header.open(summary) } else { Vec::new() };
    say_open(desk, &open);
    if summary.first_violation().is_some() {
        Exit::Violation
    } else if missing.is_empty() && open.is_empty() {
        Exit::Holds
    } else {
        Exit::Inconclusive
    }
}

fn say_open(desk: &Desk<'_>, open: &[String]) {
    for why in open {
        desk.printer.say(format!("? {why}"));
    }
}

/// The command that makes the runs of these seeds.
fn make_line(header: &Header, seeds: Seeds, directory: &Path) -> String {
    let out = args::quote(&directory.display().to_string());
    format!("{} campaign run {} --seeds {seeds} --out {out}", program(), header.command)
}

/// Says what runs came to; what of these seeds is missing.
fn tell(desk: &Desk<'_>, together: &Together, seeds: Seeds, path: &Path) -> Vec<Seeds> {
    let Together { header, summary } = together;
    let missing = summary.missing(seeds);
    let first = summary.first_violation();
    let directory = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new(".")) };
    let seed = first.map(|seed| format!("{} sim {} --seed {seed}", program(), header.command));
    let trace = first.map(|seed| results::trace(directory, seed)).filter(|trace| trace.is_file());
    let replay =
        trace.map(|trace| format!("{} replay {}", program(), args::quote(&trace.display().to_string())));
    let make: Vec<_> = missing.iter().map(|&seeds| make_line(header, seeds, directory)).collect();
    desk.printer.event(&json!({
        "event": "campaign", "algorithm": header.algorithm, "binary": header.binary, "command": header.command,
        "seeds": seeds, "path": path, "summary": summary, "missing": missing, "make": make, "seed": seed,
        "replay": replay, "open": if missing.is_empty() { header.open(summary) } else { Vec::new() },
    }));
    if desk.printer.quiet && first.is_none() {
        return missing;
    }
    let sign = if first.is_some() {
        "✗"
    } else if missing.is_empty() {
        "✓"
    } else {
        "?"
    };
    desk.printer.say(format!("{sign} {}  seeds {seeds}: {}", header.algorithm, in_words(summary)));
    for (property, (runs, first)) in &summary.violations {
        let name = header.properties.iter().find(|p| p.id == *property).map_or("", |p| p.name.as_str());
        let runs = count(*runs, "run", "runs");
        desk.printer.say(format!("  {property} {name} violated in {runs}, first by seed {first}"));
    }
    for (label, command) in [("replay:", &replay), ("seed:", &seed)] {
        if let Some(command) = command {
            desk.printer.say(format!("  {label:<8} {command}"));
        }
    }
    desk.printer.say(format!("  {}  binary {}", path.display(), header.binary));
    missing
}

fn in_words(summary: &Summary) -> String {
    let verdicts = [
        (Judgement::Violated, "refute a property"),
        (Judgement::Undecided, "ended in debts that were not due"),
        (Judgement::Outside, "were outside of the model"),
        (Judgement::Holds, "hold"),
    ];
    let verdicts = verdicts.iter().filter_map(|(verdict, what)| {
        summary.verdicts.get(verdict).map(|runs| format!("{} {what}", grouped(*runs)))
    });
    let mut words = vec![count(summary.counts.runs, "run", "runs")];
    words.extend(verdicts);
    words.push(count(summary.counts.steps, "step", "steps"));
    let faults = |kind: &FaultKind| summary.counts.faults.get(kind).copied().unwrap_or(0);
    let kinds = FaultKind::ALL.iter().filter(|kind| faults(kind) > 0);
    let faults: Vec<_> = kinds.map(|kind| format!("{} {kind}", grouped(faults(kind)))).collect();
    if !faults.is_empty() {
        words.push(format!("what struck: {}", faults.join(", ")));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn part_of(line: &str, variables: &[(&str, &str)]) -> Result<(u64, u64), String> {
        let line = format!("synod campaign run paxos --seeds 0..9 --out d {line}");
        let parsed = args::Arguments::try_parse_from(line.split_whitespace()).expect("a command");
        let Some(args::Command::Campaign(args::Campaign::Run(args))) = parsed.command else {
            panic!("a run")
        };
        let variable =
            |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        part(&args, &variable).map_err(|error| format!("{error}; {}", error.hint()))
    }

    #[test]
    fn a_scheduler_says_which_part_it_is() {
        let slurm =
            [("SLURM_ARRAY_TASK_ID", "7"), ("SLURM_ARRAY_TASK_MIN", "3"), ("SLURM_ARRAY_TASK_COUNT", "8")];
        assert_eq!(part_of("", &[]), Ok((0, 1)));
        assert_eq!(part_of("--shard 2/5", &slurm), Ok((2, 5)), "what is said is what counts");
        assert_eq!(part_of("", &slurm), Ok((4, 8)));
        assert_eq!(part_of("--shards 9", &slurm), Ok((7, 9)), "one task of an array made again alone");
        let stepping = [&slurm[..], &[("SLURM_ARRAY_TASK_STEP", "2")]].concat();
        assert_eq!(part_of("", &stepping), Ok((2, 8)));
        let kubernetes = [("JOB_COMPLETION_INDEX", "3")];
        assert_eq!(part_of("--shards 4", &kubernetes), Ok((3, 4)));
        assert!(part_of("", &kubernetes).unwrap_err().contains("--shards N"));
        assert!(part_of("--shards 3", &kubernetes).unwrap_err().contains("counted from 0"));
        assert!(part_of("--shards 4", &[]).unwrap_err().contains("--shard I/N"));
        assert!(part_of("", &[("SLURM_ARRAY_TASK_ID", "x")]).unwrap_err().contains("is no number"));
        assert!(part_of("", &[("SLURM_ARRAY_TASK_ID", "1")]).unwrap_err().contains("--shards N"));
    }

    /// The leaves of a YAML document of maps and lists by indentation, by path: "spec.completions".
    fn leaves(document: &str) -> Vec<(String, String)> {
        let mut leaves = Vec::new();
        let mut path: Vec<(usize, String)> = Vec::new();
        let mut items = 0;
        for line in document.lines() {
            let line = line.split(" #").next().unwrap_or_default();
            let text = line.trim_start();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let mut indent = line.len() - text.len();
            path.retain(|(at, _)| *at < indent);
            let mut text = text.trim_end();
            while let Some(rest) = text.strip_prefix("- ") {
                items += 1;
                path.push((indent, format!("-{items}")));
                indent += 2;
                text = rest;
            }
            let (key, value) = match text.split_once(": ") {
                Some((key, value)) => (key, value.trim()),
                None => (text.strip_suffix(':').unwrap_or(""), if text.ends_with(':') { "" } else { text }),
            };
            if !key.is_empty() {
                path.push((indent, key.to_owned()));
            }
            if !value.is_empty() {
                let names: Vec<_> = path.iter().map(|(_, name)| name.as_str()).collect();
                leaves.push((names.join("."), value.trim_matches('"').to_owned()));
            }
        }
        leaves
    }

    #[test]
    fn the_job_for_kubernetes_speaks_of_this_command_line() {
        let leaves = leaves(include_str!("../../../../deploy/kubernetes/campaign.yaml"));
        // a list's items are -1, -2, ..: `*` is any
        let all = |pattern: &str| -> Vec<&str> {
            let parts: Vec<_> = pattern.split('.').collect();
            let is = |path: &str| {
                let names: Vec<_> = path.split('.').collect();
                names.len() == parts.len()
                    && names.iter().zip(&parts).all(|(n, p)| n == p || (*p == "*" && n.starts_with('-')))
            };
            leaves.iter().filter(|(path, _)| is(path)).map(|(_, value)| value.as_str()).collect()
        };
        let one = |pattern: &str| match all(pattern)[..] {
            [value] => value,
            ref other => panic!("{pattern}: {other:?} in {leaves:?}"),
        };
        assert_eq!((one("apiVersion"), one("kind")), ("batch/v1", "Job"));
        assert_eq!(one("spec.completionMode"), "Indexed", "the pods have JOB_COMPLETION_INDEX");
        assert!(one("spec.backoffLimitPerIndex").parse::<u32>().expect("a number") > 0);
        let parts: u64 = one("spec.completions").parse().expect("a number");
        assert_eq!(one("spec.template.spec.restartPolicy"), "Never", "a policy for failures demands it");
        let container = one("spec.template.spec.containers.*.name");
        assert_eq!(one("spec.podFailurePolicy.rules.*.onExitCodes.containerName"), container);
        let given = [Exit::Violation, Exit::Usage, Exit::Nondeterminism].map(Exit::code);
        assert_eq!(one("spec.podFailurePolicy.rules.*.onExitCodes.values"), format!("{given:?}"));

        let line = std::iter::once("synod").chain(all("spec.template.spec.containers.*.args.*"));
        let parsed = args::Arguments::try_parse_from(line).expect("its arguments are a command");
        let Some(args::Command::Campaign(args::Campaign::Run(args))) = parsed.command else {
            panic!("a run")
        };
        for index in 0..parts {
            let variable = |name: &str| (name == "JOB_COMPLETION_INDEX").then(|| index.to_string());
            assert_eq!(part(&args, &variable).expect("a part"), (index, parts));
        }
        let threads = args.threads.expect("as many as it has cores").to_string();
        assert!(
            one("spec.template.spec.containers.*.resources.limits").contains(&format!("cpu: \"{threads}\""))
        );
        assert_eq!(args.out, Path::new(one("spec.template.spec.containers.*.volumeMounts.*.mountPath")));
        let mount = one("spec.template.spec.containers.*.volumeMounts.*.name");
        assert_eq!(one("spec.template.spec.volumes.*.name"), mount);
    }
}
