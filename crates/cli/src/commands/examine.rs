//! The grounds, one by one and all together.

use crate::args;
use crate::checkable::Checkable;
use crate::commands::{Desk, failures, from};
use crate::corpus::{self, Corpus};
use crate::error::Error;
use crate::exit::Exit;
use crate::experiment;
use crate::grounds::check::Options;
use crate::grounds::run::scratch_directory;
use crate::grounds::sim;
use crate::grounds::{self, World};
use crate::plan::{Request, check_options, notebook};
use crate::registry::{Entry, Found};
use crate::report::{Report, count, ground_name};
use crate::watch::Watch;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use synod_properties::GroundKind;
use synod_sim::FaultPlan;
use synod_sim::results::{Header, Seeds};

impl Desk<'_> {
    pub(super) fn watch(&self, name: &str, ground: GroundKind) -> Watch {
        let title = format!("{} {name}", ground_name(ground));
        Watch::new(title, self.printer.quiet || self.printer.json, self.interrupt.clone())
    }

    /// Writes and prints what a ground found.
    pub(super) fn tell(&self, report: &mut Report, again: impl Fn(Option<u64>) -> String) -> Exit {
        match failures::keep(report, again) {
            Ok(commands) => {
                self.printer.report(report, &commands);
                report.exit()
            }
            // the verdict stands though its trace is lost
            Err(error) => {
                self.printer.report(report, &[]);
                self.printer.error(&error);
                report.exit().and(error.exit())
            }
        }
    }
}

/// Turns what was found into an exit where a violation is what was wanted.
pub(super) fn expected(exit: Exit, violation_expected: bool, desk: &Desk<'_>) -> Exit {
    match exit {
        Exit::Violation if violation_expected => {
            desk.printer.talk("the violation was expected");
            Exit::Holds
        }
        Exit::Holds if violation_expected => {
            desk.printer.say("? no violation was found, though one was expected");
            Exit::Inconclusive
        }
        exit => exit,
    }
}

/// `check`.
pub(super) fn check(desk: &Desk<'_>, args: &args::Check) -> Result<Exit, Error> {
    let experiment = args.subject.experiment.as_deref().map(experiment::load).transpose()?;
    let named = experiment.as_ref().map(|e| &e.algorithm).or(args.subject.algorithm.as_ref());
    if let Some(name) = named
        && let Found::Checkable(found) = desk.registry.find_checked(name)?
    {
        return check_by_constants(desk, found, experiment.as_ref(), args);
    }
    let (entry, mut request) = Request::new(desk.registry, &args.subject)?;
    let entry = request.place(desk.registry, entry, GroundKind::Check)?;
    if let Some((name, _)) = args.constants.first() {
        return Err(Error::Constant {
            what: format!("`{}` has no constant `{name}`: it is checked in an environment", entry.name()),
            hint: "--n, --requests and the budgets of faults say how large it is".to_owned(),
        });
    }
    let options = request.check(args)?;
    let worlds = request.check_worlds_of(entry, args, options.renumber)?;
    let mut report = {
        let watch = desk.watch(entry.name(), GroundKind::Check).saving(args.save_every);
        explore(entry, &worlds, (args, &options), &watch)?
    };
    report.notes.extend(worlds.first().and_then(|world| world.transformers.clone()));
    report.notes.extend(note_left(args, &report));
    let exit = desk.tell(&mut report, |_| format!("check {}", args.line()));
    Ok(expected(exit, args.subject.expect_violation, desk))
}

/// Where a check that stopped short of its end can be gone on with.
fn note_left(args: &args::Check, report: &Report) -> Option<String> {
    let path = args.resume.as_ref().or(args.save.as_ref())?;
    let left = report.numbers.get("complete") == Some(&false.into()) && path.is_file();
    let path = path.display();
    left.then(|| {
        format!("how far it had come is in {path}: --resume {path}, in place of --save, goes on from there")
    })
}

/// `check`, of what is checked by its constants alone.
fn check_by_constants(
    desk: &Desk<'_>,
    checkable: &dyn Checkable,
    experiment: Option<&experiment::Experiment>,
    args: &args::Check,
) -> Result<Exit, Error> {
    let asked = checkable.asked(experiment, args)?;
    let options = check_options(experiment, args)?;
    let title = desk.registry.title(checkable);
    let mut report = {
        let watch = desk.watch(&title, GroundKind::Check).saving(args.save_every);
        checkable.check(&asked, &options, &watch)?
    };
    report.notes.extend(note_left(args, &report));
    report.algorithm = asked.defect.map_or(title.clone(), |defect| format!("{title}/{defect}"));
    let exit = desk.tell(&mut report, |_| format!("check {}", args.line()));
    Ok(expected(exit, args.subject.expect_violation, desk))
}

/// Explores these worlds, up to one that refutes something.
fn explore(
    entry: &Entry,
    worlds: &[World],
    (args, options): (&args::Check, &Options),
    watch: &Watch,
) -> Result<Report, Error> {
    let (first, others) = worlds.split_first().expect("a check has a world");
    let mut report = (entry.check)(first, options, watch)?;
    for (number, world) in others.iter().enumerate() {
        if report.exit() == Exit::Violation || watch.interrupted() {
            break;
        }
        let options = Options { notebook: notebook(args, number + 1)?, ..options.clone() };
        report = report.with((entry.check)(world, &options, watch)?);
    }
    Ok(report)
}

/// `sim`.
pub(super) fn simulate(desk: &Desk<'_>, args: &args::Sim) -> Result<Exit, Error> {
    let (entry, mut request) = Request::new(desk.registry, &args.subject)?;
    let entry = request.place(desk.registry, entry, GroundKind::Sim)?;
    let mut world = request.world(&entry.subject, GroundKind::Sim)?;
    if let Some(path) = &args.from {
        world = from::continued(desk, entry, world, (path, args.at), args.subject.flags())?;
    }
    if let Some(longest) = args.good_period {
        return good_period(desk, args, (entry, &request, &world), longest);
    }
    let mut options = request.sim(args, &world)?;
    if world.from.is_some() {
        from::limit(&mut options)?;
    }
    if args.self_check {
        let (_, content) = entry.simulation(&world)?.trace(options.seeds.start, &options.run);
        desk.printer.raw(&content);
        return Ok(Exit::Holds);
    }
    if let (Some(path), true) = (&args.out, options.guided) {
        return Err(Error::Arguments {
            what: format!(
                "{} would have a line a seed, and runs that go on otherwise are no seed's",
                path.display()
            ),
            hint: "leave out --out or --search coverage".to_owned(),
        });
    }
    options.out =
        args.out.as_deref().map(|path| results_of(entry, &world, args, &options, path)).transpose()?;
    let is_campaign = options.seeds.end - options.seeds.start > 1;
    let settings = corpus::settings(&world, &options.run);
    let keeps = is_campaign && !args.no_corpus && !options.guided && world.from.is_none();
    let mut corpus = keeps.then(|| Corpus::open(entry.name()));
    if let Some(corpus) = corpus.as_ref().filter(|_| args.out.is_none()) {
        options.corpus = corpus.seeds(&settings);
    }
    // a search puts the run that it found in their place
    let asked = options.clone();
    let mut args = args.clone();
    let mut report = {
        let watch = desk.watch(entry.name(), GroundKind::Sim);
        let mut searched = None;
        if options.guided {
            let (found, much) = sim::guided(entry.simulation(&world)?.as_ref(), &options, &watch);
            args.then.clone_from(&found.run.then);
            (options, searched) = (found, Some(much));
        }
        let mut report = entry.simulate(&world, &options, &watch)?;
        if let Some([runs, steps, features]) = searched {
            let (runs_, features_) = (count(runs, "run", "runs"), count(features, "feature", "features"));
            report.notes.push(format!("searched by coverage: {runs_}, {features_} in all"));
            report
                .numbers
                .insert("searched".to_owned(), json!({ "runs": runs, "steps": steps, "features": features }));
        }
        report
    };
    #[cfg(feature = "parquet")]
    if let (Some(to), Some((lines, _))) = (args.out.as_deref(), &options.out)
        && to.extension().is_some_and(|extension| extension == "parquet")
    {
        crate::results::as_parquet(lines, to)?;
    }
    if is_campaign && report.nondeterminism.is_none() {
        report.nondeterminism = differs_elsewhere(entry, &world, &asked)?;
    }
    if let Some(path) = &args.measured.history {
        write_history(entry, &world, &options, &mut report, path)?;
    }
    let mut exit = desk.tell(&mut report, |seed| seed_line(&args, seed.unwrap_or_default()));
    let failed = report.failures.first().and_then(|failure| Some((failure.seed?, &failure.property)));
    if let (Some(corpus), Some((seed, property))) = (&mut corpus, failed)
        && let Err(error) = corpus.keep(seed, &settings, property)
    {
        // the verdict stands though its seed is lost
        desk.printer.error(&error);
        exit = exit.and(error.exit());
    }
    if let Some(path) = &args.trace {
        entry.record(&world, &options, path)?;
    }
    // outside of the model a violation refutes nothing; whoever expects one has it all the same
    let shown = args.subject.expect_violation && exit == Exit::Inconclusive && report.violated();
    Ok(expected(if shown { Exit::Violation } else { exit }, args.subject.expect_violation, desk))
}

/// `sim --good-period`.
fn good_period(
    desk: &Desk<'_>,
    args: &args::Sim,
    (entry, request, world): (&Entry, &Request, &World),
    longest: Duration,
) -> Result<Exit, Error> {
    /// How many runs each length has where nothing is said.
    const RUNS: u64 = 100;
    if longest.is_zero() {
        return Err(Error::Arguments {
            what: "--good-period 0s: there is nothing below it to look at".to_owned(),
            hint: "name the longest period that is to be tried, as in 10s".to_owned(),
        });
    }
    let mut options = request.sim(args, world)?;
    let first = options.seeds.start;
    options.seeds = first..first.saturating_add(args.runs.unwrap_or(RUNS));
    options.run.swarm = false;
    if options.run.faults == FaultPlan::Random {
        // whether bad periods are over in time is the question, not what crashes do besides
        options.run.faults = FaultPlan::Script(Vec::new());
    }
    let mut world = world.clone();
    // periods take the place of GST
    world.environment.timing.gst = Duration::ZERO;
    let mut report = {
        let watch = desk.watch(entry.name(), GroundKind::Sim);
        grounds::good_period::search(entry.simulation(&world)?.as_ref(), &world, &options, longest, &watch)
    };
    Ok(desk.tell(&mut report, |_| format!("sim {}{}", args.subject.line(), args.how())))
}

/// What another process of this program, called as this one was, does differently in the first run: what depends on addresses
/// in memory, or on the environment's variables of a process, two runs in one process do not show.
fn differs_elsewhere(entry: &Entry, world: &World, options: &sim::Options) -> Result<Option<String>, Error> {
    let Ok(program) = std::env::current_exe() else { return Ok(None) };
    let mut other = std::process::Command::new(program);
    other.args(std::env::args_os().skip(1)).arg("--self-check").stdin(Stdio::null()).stderr(Stdio::null());
    // where no process starts there is nothing to compare
    let Some(ran) = other.output().ok().filter(|ran| ran.status.success()) else { return Ok(None) };
    let seed = options.seeds.start;
    let (_, content) = entry.simulation(world)?.trace(seed, &options.run);
    let difference = synod_sim::compare(seed, &content, &String::from_utf8_lossy(&ran.stdout)).err();
    Ok(difference.map(|difference| format!("in another process {difference}")))
}

/// Writes what clients saw in the run that refutes something, or in the first.
fn write_history(
    entry: &Entry,
    world: &World,
    options: &sim::Options,
    report: &mut Report,
    path: &Path,
) -> Result<(), Error> {
    let seed = report.failures.iter().find_map(|failure| failure.seed).unwrap_or(options.seeds.start);
    let options = synod_sim::Options { history: true, ..options.run.clone() };
    let history = entry.simulation(world)?.run(seed, &options).history;
    let Some(text) = history.and_then(|history| history.to_json_lines().ok()) else {
        return Err(Error::Arguments {
            what: "--history has nothing to write: there are no clients".to_owned(),
            hint: "--clients NUMBER or --rate NUMBER makes some, or `[sim.workload]` in an experiment"
                .to_owned(),
        });
    };
    failures::save(path, &text)?;
    report.notes.push(format!("what clients saw in the run of seed {seed:#x}: {}", path.display()));
    Ok(())
}

/// Where a simulation's results go, and how they begin.
fn results_of(
    entry: &Entry,
    world: &World,
    args: &args::Sim,
    options: &sim::Options,
    path: &Path,
) -> Result<(PathBuf, Header), Error> {
    let path = match path.extension().and_then(|extension| extension.to_str()) {
        Some("jsonl") => path.to_owned(),
        #[cfg(feature = "parquet")]
        Some("parquet") => path.with_extension("jsonl"),
        #[cfg(not(feature = "parquet"))]
        Some("parquet") => {
            return Err(Error::Unsupported {
                what: "this program was built without Parquet".to_owned(),
                hint: "build it with `--features parquet`, or name a file that ends in .jsonl".to_owned(),
            });
        }
        None => path.join("runs.jsonl"),
        Some(other) => {
            return Err(Error::Arguments {
                what: format!("results are not written as .{other}"),
                hint: "name a file that ends in .jsonl, or a directory".to_owned(),
            });
        }
    };
    let command = format!("{}{}", args.subject.line(), args.how());
    // how many runs there are is no part of what they are: the same file takes more
    let seeds = Seeds { start: options.seeds.start, end: None };
    let header = sim::header(entry.simulation(world)?.as_ref(), world, &options.run, command, seeds)?;
    Ok((path, header))
}

/// The command that makes the run of one seed again.
fn seed_line(args: &args::Sim, seed: u64) -> String {
    format!("sim {} --seed {seed:#x}{}", args.subject.line(), args.how())
}

/// `run`.
pub(super) fn run(desk: &Desk<'_>, args: &args::Run) -> Result<Exit, Error> {
    let (entry, mut request) = Request::new(desk.registry, &args.subject)?;
    let entry = request.place(desk.registry, entry, GroundKind::Run)?;
    let world = request.world(&entry.subject, GroundKind::Run)?;
    let directory = args.directory.clone().map_or_else(|| scratch_directory(entry.name()), Ok)?;
    let options = request.run(args, directory.clone());
    let mut report = {
        let watch = desk.watch(entry.name(), GroundKind::Run);
        grounds::run::run(entry, &world, &options, &watch)?
    };
    if args.directory.is_none() {
        tidy(&mut report, &directory);
    }
    let exit = desk.tell(&mut report, |_| String::new());
    Ok(expected(exit, args.subject.expect_violation, desk))
}

/// Removes logs and records that nobody needs; says where the others are.
fn tidy(report: &mut Report, directory: &std::path::Path) {
    if report.exit() == Exit::Holds {
        // what cannot be removed does no harm
        let _ = std::fs::remove_dir_all(directory);
    } else {
        report.notes.push(format!("logs and records: {}", directory.display()));
    }
}

/// `verify`: the three grounds, one after the other, and one table.
pub(super) fn verify(desk: &Desk<'_>, args: &args::Verify) -> Result<Exit, Error> {
    let (entry, mut request) = Request::verify(desk.registry, args)?;
    let check = args::Check { states_max: args.states_max, ..args::Check::default() };
    let subject = args::Subject {
        algorithm: args.experiment.is_none().then(|| entry.name().to_owned()),
        experiment: args.experiment.clone(),
        defect: args.defect.clone(),
        ..args::Subject::default()
    };
    let sim = args::Sim {
        subject,
        seed: args.seed,
        runs: args.runs.or(args.seed.map(|_| 1)),
        ..args::Sim::default()
    };
    let mut worlds = Vec::new();
    for ground in [GroundKind::Check, GroundKind::Sim, GroundKind::Run] {
        let entry = request.place(desk.registry, entry, ground)?;
        let of_ground = match ground {
            GroundKind::Check => request.check_worlds(entry, false)?,
            GroundKind::Sim | GroundKind::Run => vec![request.world(&entry.subject, ground)?],
        };
        worlds.push((ground, entry, of_ground));
    }
    let mut reports: Vec<Report> = Vec::new();
    let mut exit = Exit::Holds;
    for (ground, entry, worlds) in &worlds {
        if desk.interrupt.is_set() {
            break;
        }
        let watch = desk.watch(entry.name(), *ground);
        let mut report = match ground {
            GroundKind::Check => explore(entry, worlds, (&check, &request.check(&check)?), &watch)?,
            GroundKind::Sim => entry.simulate(&worlds[0], &request.sim(&sim, &worlds[0])?, &watch)?,
            GroundKind::Run => {
                let directory = scratch_directory(entry.name())?;
                let options = request.run(&args::Run::default(), directory.clone());
                let mut report = grounds::run::run(entry, &worlds[0], &options, &watch)?;
                tidy(&mut report, &directory);
                report
            }
        };
        drop(watch);
        exit = exit.and(desk.tell(&mut report, |seed| seed_line(&sim, seed.unwrap_or_default())));
        desk.printer.say("");
        reports.push(report);
    }
    desk.printer.table(&reports);
    conclude(desk, entry, &reports, exit);
    Ok(expected(exit, args.expect_violation, desk))
}

fn conclude(desk: &Desk<'_>, entry: &Entry, reports: &[Report], exit: Exit) {
    let grounds: Vec<_> = reports.iter().map(|r| ground_name(r.ground)).collect();
    let grounds = grounds.join(", ");
    desk.printer.say(match exit {
        Exit::Holds => format!("✓ {}: all properties hold on {grounds}, within these scopes", entry.name()),
        Exit::Violation => format!("✗ {}: violated; the counterexample is above", entry.name()),
        Exit::Interrupted => format!("? {}: interrupted; only {grounds} came to an end", entry.name()),
        _ => format!("? {}: not conclusive on every one of {grounds}; the reasons are above", entry.name()),
    });
}
