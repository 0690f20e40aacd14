//! `cluster`: one that stays up.

mod soak;
mod tell;

use super::{CLUSTERS, Desk};
use crate::args::{self, Cluster, quote};
use crate::error::Error;
use crate::exit::Exit;
use crate::experiment;
use crate::grounds::World;
use crate::grounds::run::{PULSE, itself, program};
use crate::nearest::nearest;
use crate::plan::Request;
use crate::registry::Entry;
use crate::report::Report;
use crate::watch::Interrupt;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use synod_kernel::Budget;
use synod_properties::GroundKind;
use synod_runtime::cluster::control::{Answer, Control, Description, Home, Order};
use synod_runtime::cluster::limits::Limits;
use synod_runtime::cluster::supervisor::{self, SupervisorError};

/// Does one of these.
pub(super) fn cluster(desk: &Desk<'_>, command: &Cluster) -> Result<Exit, Error> {
    match command {
        Cluster::Up(args) => up(desk, args),
        Cluster::List => list(desk),
        Cluster::Status(at) => status(desk, at),
        Cluster::Request(args) => request(desk, args),
        Cluster::Kill(args) => strike(desk, "kill", args),
        Cluster::Pause(args) => strike(desk, "pause", args),
        Cluster::Resume(args) => strike(desk, "resume", args),
        Cluster::Restart(args) => strike(desk, "restart", args),
        Cluster::Partition(args) => strike(desk, "partition", args),
        Cluster::Delay(args) => strike(desk, "delay", args),
        Cluster::Loss(args) => strike(desk, "loss", args),
        Cluster::Duplicate(args) => strike(desk, "duplicate", args),
        Cluster::Skew(args::Skew { dir, words }) => {
            strike(desk, "skew", &args::Words { words: words.clone(), dir: dir.clone() })
        }
        Cluster::Heal(args) => strike(desk, "heal", args),
        Cluster::Replace(args) => strike(desk, "replace", args),
        Cluster::Grow(at) => grow(at),
        Cluster::Nemesis(args) => nemesis(desk, args),
        Cluster::Judge(at) => judge(desk, &existing(at)?),
        Cluster::Down(args) => down(desk, args),
        Cluster::Soak(args) => soak::soak(&Desk { interrupt: Interrupt::listen(), ..*desk }, args),
    }
}

/// The process in the background.
pub(super) fn supervise(directory: &Path) -> Result<Exit, Error> {
    let home = Home(directory.to_owned());
    let algorithm = home.read().map_err(|source| Error::Unreadable { path: home.description(), source })?;
    supervisor::supervise(&home, itself(&algorithm.algorithm)).map_err(unsupervised)?;
    Ok(Exit::Holds)
}

fn unsupervised(error: SupervisorError) -> Error {
    Error::Cluster { what: error.to_string(), hint: error.hint().to_owned() }
}

fn wrong(what: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::Arguments { what: what.into(), hint: hint.into() }
}

/// The names of the clusters that there are.
fn names() -> Vec<String> {
    let entries = fs::read_dir(CLUSTERS).into_iter().flatten().flatten();
    let named = entries.filter(|entry| Home(entry.path()).description().is_file());
    let mut names: Vec<_> = named.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// A cluster as it is called: by its name, or by its directory.
fn called(home: &Home) -> String {
    match home.0.strip_prefix(CLUSTERS) {
        Ok(name) => quote(&name.display().to_string()),
        Err(_) => format!("--dir {}", quote(&home.0.display().to_string())),
    }
}

fn named(name: &str) -> Result<Home, Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return Err(wrong(
            format!("{name:?} is no name of a cluster"),
            "use letters, digits, `-`, `_` and `.`",
        ));
    }
    Ok(Home(Path::new(CLUSTERS).join(name)))
}

/// The cluster of this name, or the only one.
fn existing(at: &args::At) -> Result<Home, Error> {
    let home = match (&at.dir, &at.name) {
        (Some(dir), _) => Home(dir.clone()),
        (None, Some(name)) => named(name)?,
        (None, None) => match &names()[..] {
            [only] => named(only)?,
            [] => return Err(wrong("there is no cluster", "`cluster up NAME` starts one")),
            all => return Err(wrong("which cluster?", format!("there are {}", all.join(", ")))),
        },
    };
    if home.description().is_file() {
        return Ok(home);
    }
    let all = names();
    let name = at.name.as_deref().unwrap_or_default();
    Err(wrong(
        format!("there is no cluster in {}", home.0.display()),
        match nearest(name, all.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`cluster list` shows which there are, `cluster up NAME` starts one".to_owned(),
        },
    ))
}

/// The cluster that words begin with, or the only one; and the other words.
fn split(args: &args::Words) -> Result<(Home, Vec<String>), Error> {
    let (name, words) = match args.words.split_first() {
        _ if args.dir.is_some() => (None, args.words.clone()),
        Some((first, rest)) if is_name(first) => (Some(first.clone()), rest.to_vec()),
        _ => (None, args.words.clone()),
    };
    Ok((existing(&args::At { name, dir: args.dir.clone() })?, words))
}

/// Whether a word is a cluster's name and no process, link or number; where there is no such cluster that is told.
fn is_name(word: &str) -> bool {
    let number = word.strip_prefix('p').unwrap_or(word);
    let is_value = number.starts_with(|c: char| c.is_ascii_digit() || "+-{[\"".contains(c));
    names().iter().any(|name| name == word) || !is_value
}

/// A connection to the supervisor of a cluster that is up.
fn connect(home: &Home) -> Result<Control, Error> {
    let down = |what: String, hint: String| Err(Error::Cluster { what, hint });
    let name = called(home);
    if !home.is_taken() {
        let unclean = home.socket().exists();
        let what = format!(
            "the cluster in {} is {}",
            home.0.display(),
            if unclean { "down: its supervisor ended without a word, and its nodes with it" } else { "down" }
        );
        return down(
            what,
            format!("`cluster judge {name}` judges what it did, `cluster up .. --fresh` starts anew"),
        );
    }
    Control::connect(home).or_else(|e| {
        down(
            format!("the supervisor of {} does not answer: {e}", home.0.display()),
            format!("look at {}; if it hangs, kill it: its nodes end with it", home.log().display()),
        )
    })
}

/// Gives an order, and takes what is refused for an error.
fn order(home: &Home, control: &mut Control, order: &Order) -> Result<Answer, Error> {
    match control.order(order) {
        Ok(Answer::Refused { what, hint }) => Err(wrong(what, hint)),
        Ok(answer) => Ok(answer),
        Err(e) => Err(Error::Cluster {
            what: format!("the supervisor of {} broke off: {e}", home.0.display()),
            hint: format!("look at {}", home.log().display()),
        }),
    }
}

/// What is to be brought up: the algorithm, and its world.
fn wanted<'a>(desk: &Desk<'a>, args: &args::Up) -> Result<(&'a Entry, World), Error> {
    let subject = args::Subject {
        algorithm: args.algorithm.clone(),
        experiment: args.experiment.clone(),
        n: args.n,
        requests: args.requests,
        defect: args.defect.clone(),
        stops: args.stops,
        ..args::Subject::default()
    };
    let (entry, request) = Request::new(desk.registry, &subject)?;
    if let Some(name) = &args.defect {
        entry.subject.twin(name)?;
    }
    let world = request.world(&entry.subject, GroundKind::Run)?;
    Ok((entry, world))
}

fn home_of(entry: &Entry, args: &args::Up) -> Result<Home, Error> {
    match &args.dir {
        Some(dir) => Ok(Home(dir.clone())),
        None => named(args.name.as_deref().unwrap_or(entry.name())),
    }
}

/// What the world of a cluster has of faults.
fn limits(world: &World) -> Limits {
    let n = world.environment.processes;
    let f = match world.environment.failures.stops {
        Budget::AtMost(f) => f,
        Budget::Unlimited => n,
    };
    let timing = &world.environment.timing;
    Limits { failures: world.environment.failures.kind, timing: timing.kind, f, bounds: timing.bounds }
}

/// `cluster up`.
fn up(desk: &Desk<'_>, args: &args::Up) -> Result<Exit, Error> {
    let (entry, world) = wanted(desk, args)?;
    let home = home_of(entry, args)?;
    let deployment = (entry.deploy)(&world)?;
    let (links, said) = deployment.links(args.transport.map(Into::into), args.security.map(Into::into))?;
    let description = Description {
        algorithm: entry.name().to_owned(),
        processes: world.environment.processes,
        requests: world.scale.requests,
        defect: world.scale.defect.clone(),
        parameters: deployment.parameters,
        model: world.model.clone(),
        limits: limits(&world),
        pulse: PULSE,
        seed: args.seed.unwrap_or(0),
        first_port: args.port,
        links,
        record: args.record == args::Switch::On,
        network: args.network.into(),
        beyond: Vec::new(),
    };
    prepare(&home, args.fresh)?;
    home.write(&description).map_err(|source| Error::Unwritable { path: home.description(), source })?;
    let mut command = Command::new(program());
    command.arg("supervise").arg(&home.0);
    let mut control = supervisor::launch(&home, command).map_err(|error| {
        // it was never up: nothing is in the way of the next attempt
        let _ = fs::remove_dir_all(home.nodes());
        let _ = fs::remove_file(home.description());
        unsupervised(error)
    })?;
    if let Answer::Status(status) = order(&home, &mut control, &Order::Status)? {
        tell::up(desk.printer, &called(&home), &status, &deployment.requests);
        if let Some(said) = &said {
            desk.printer.talk(format!("  {said}"));
        }
        if !description.record {
            desk.printer.talk("  nothing is recorded: what it does can neither be judged nor replayed");
        }
    }
    Ok(Exit::Holds)
}

/// Makes room for a cluster, unless there is one.
fn prepare(home: &Home, fresh: bool) -> Result<(), Error> {
    let name = called(home);
    let unwritable = |source| Error::Unwritable { path: home.0.clone(), source };
    let Some(_lock) = home.take().map_err(unwritable)? else {
        let hint = format!(
            "`cluster status {name}` shows it, `cluster down {name}` ends it, --as gives another name"
        );
        return Err(wrong(format!("the cluster in {} is up already", home.0.display()), hint));
    };
    if home.nodes().exists() && fresh {
        fs::remove_dir_all(home.nodes()).map_err(unwritable)?;
    }
    let is_foreign = |entry: &fs::DirEntry| {
        let known = ["lock", "cluster.json", "supervisor.log", "socket", "nodes"];
        !known.iter().any(|name| entry.file_name() == *name)
            && entry.path().extension().is_none_or(|e| e != "jsonl")
    };
    let mut entries = fs::read_dir(&home.0).map_err(unwritable)?.flatten();
    if let Some(foreign) = entries.find(is_foreign) {
        let what =
            format!("{} is no cluster's: it has {} in it", home.0.display(), foreign.file_name().display());
        return Err(wrong(what, "name a new directory, or an empty one"));
    }
    // made while it is held: whoever comes second finds it
    fs::create_dir(home.nodes()).map_err(|source| match source.kind() {
        std::io::ErrorKind::AlreadyExists => {
            let hint = format!(
                "`cluster judge {name}` judges what it did; --fresh removes it, --as gives another name"
            );
            wrong(format!("{} has what a cluster left that was up before", home.0.display()), hint)
        }
        _ => unwritable(source),
    })
}

/// `cluster list`.
fn list(desk: &Desk<'_>) -> Result<Exit, Error> {
    let mut rows = vec![["name", "state", "algorithm"].map(str::to_owned).to_vec()];
    for name in names() {
        let home = named(&name)?;
        let state = if home.is_taken() { "up" } else { "down" };
        let algorithm = home.read().map_or_else(|e| format!("? {e}"), |description| description.algorithm);
        desk.printer
            .event(&json!({ "event": "cluster", "name": name, "state": state, "algorithm": algorithm }));
        rows.push(vec![name, state.to_owned(), algorithm]);
    }
    if rows.len() == 1 {
        desk.printer.talk("there is none; `cluster up NAME` starts one");
    } else {
        for line in crate::output::columns(&rows) {
            desk.printer.say(line);
        }
    }
    Ok(Exit::Holds)
}

/// `cluster status`.
fn status(desk: &Desk<'_>, at: &args::At) -> Result<Exit, Error> {
    let home = existing(at)?;
    let mut control = connect(&home)?;
    if let Answer::Status(status) = order(&home, &mut control, &Order::Status)? {
        tell::status(desk.printer, &called(&home), &status);
    }
    Ok(Exit::Holds)
}

/// `cluster request`.
fn request(desk: &Desk<'_>, args: &args::ClusterRequest) -> Result<Exit, Error> {
    let (home, words) = split(&args.words)?;
    let [process, value] = &words[..] else {
        return Err(wrong(
            "a request names a process and what it is asked",
            "as in `cluster request NAME 0 '{\"propose\":7}'`",
        ));
    };
    let process = args::process(process).map_err(|e| wrong(e, "name one of the cluster's processes"))?;
    let value: Value = serde_json::from_str(value).map_err(|e| {
        wrong(format!("{value} is no JSON: {e}"), "put it between single quotes, strings in double ones")
    })?;
    let mut control = connect(&home)?;
    let asked = Order::Request { process: synod_model::ProcessId(process), value, wait: args.wait };
    let Answer::Requested { handled, told } = order(&home, &mut control, &asked)? else {
        return Ok(Exit::Holds);
    };
    for said in &told {
        desk.printer.say(format!("{} {}", said.process, said.indication));
        desk.printer.event(&json!({
            "event": "indication", "process": said.process, "indication": said.indication,
        }));
    }
    if !handled {
        desk.printer.say("? it is not known whether the request was handled");
        return Ok(Exit::Inconclusive);
    }
    if told.is_empty() {
        desk.printer.talk("handled; nothing was told yet (--wait listens longer)");
    }
    Ok(Exit::Holds)
}

/// A fault.
fn strike(desk: &Desk<'_>, verb: &str, args: &args::Words) -> Result<Exit, Error> {
    let (home, words) = split(args)?;
    let words = format!("{verb} {}", words.join(" "));
    // what is wrong with it is told before anybody is asked
    words
        .parse::<synod_runtime::cluster::Fault>()
        .map_err(|what| wrong(what, "`cluster --help` shows examples"))?;
    let mut control = connect(&home)?;
    struck(desk, &home, &mut control, words)
}

fn struck(desk: &Desk<'_>, home: &Home, control: &mut Control, words: String) -> Result<Exit, Error> {
    let said = words.trim().to_owned();
    let answer = order(home, control, &Order::Strike(words))?;
    let Answer::Struck { changed, beyond, note } = answer else { return Ok(Exit::Holds) };
    desk.printer.event(&json!({
        "event": "fault", "fault": said, "changed": changed, "beyond": beyond, "note": note,
    }));
    let remark = note.map_or_else(String::new, |note| format!("  ({note})"));
    desk.printer.say(format!("{} {said}{remark}", if changed { "✓" } else { "·" }));
    if let Some(beyond) = beyond {
        desk.printer
            .talk(format!("? beyond the model: {beyond}; from now on a broken property refutes nothing"));
    }
    Ok(Exit::Holds)
}

/// `cluster grow`.
fn grow(at: &args::At) -> Result<Exit, Error> {
    let home = existing(at)?;
    let description = home.read().map_err(|source| Error::Unreadable { path: home.description(), source })?;
    Err(Error::Unsupported {
        what: format!(
            "`{}` cannot take in a process: its {} members are fixed when it starts",
            description.algorithm, description.processes
        ),
        hint: "that needs an algorithm that agrees on its members; `cluster up .. -n NUMBER --fresh` starts a larger one"
            .to_owned(),
    })
}

/// `cluster nemesis`.
fn nemesis(desk: &Desk<'_>, args: &args::Nemesis) -> Result<Exit, Error> {
    let experiment = experiment::load(&args.experiment)?;
    let home = existing(&args.at)?;
    let schedule = experiment.run.schedule;
    if schedule.is_empty() {
        return Err(Error::File {
            path: args.experiment.clone(),
            what: "it has no schedule".to_owned(),
            hint: "write [[run.schedule]] with at = \"2s\" and fault = \"kill 1\"".to_owned(),
        });
    }
    let mut control = connect(&home)?;
    let begun = Instant::now();
    for scheduled in schedule {
        thread::sleep(scheduled.at.0.saturating_sub(begun.elapsed()));
        struck(desk, &home, &mut control, scheduled.fault.0.to_string())?;
    }
    Ok(Exit::Holds)
}

/// `cluster judge`.
fn judge(desk: &Desk<'_>, home: &Home) -> Result<Exit, Error> {
    let description = home.read().map_err(|source| Error::Unreadable { path: home.description(), source })?;
    if !description.record {
        return Err(wrong(
            format!("{} records nothing: there is no verdict about what it does", called(home)),
            "start it without `--record off`, and it is judged from its first step on",
        ));
    }
    let subject = args::Subject {
        algorithm: Some(description.algorithm.clone()),
        n: Some(description.processes),
        requests: Some(description.requests),
        defect: description.defect.clone(),
        stops: Some(Budget::AtMost(description.limits.f)),
        outside_model: true,
        ..args::Subject::default()
    };
    let (entry, request) = Request::new(desk.registry, &subject)?;
    let world = request.world(&entry.subject, GroundKind::Run)?;
    let begun = Instant::now();
    let mut report = {
        let watch = desk.watch(entry.name(), GroundKind::Run);
        watch.tell(|| "judging the records".to_owned());
        (entry.judge)(&world, &home.nodes().join("records"), Some(&home.nodes()))?
    };
    report.elapsed = begun.elapsed();
    report.scope = tell::scope(&description, &report);
    excuse(&mut report, &description.beyond);
    if home.is_taken() {
        report.notes.push("the cluster is up: judged as if all of its processes had crashed now".to_owned());
    }
    Ok(desk.tell(&mut report, |_| String::new()))
}

/// What struck was more than the model has: whatever came of it is no verdict about the algorithm.
fn excuse(report: &mut Report, beyond: &[String]) {
    report.excused = !beyond.is_empty();
    report.inconclusive.extend(beyond.iter().map(|what| format!("beyond the model: {what}")));
    if report.excused {
        unforeseen(report);
    }
}

/// A disk that is gone makes a process do what nobody could foresee: that is no nondeterminism of its own.
fn unforeseen(report: &mut Report) {
    report.inconclusive.extend(report.nondeterminism.take());
}

/// `cluster down`.
fn down(desk: &Desk<'_>, args: &args::Down) -> Result<Exit, Error> {
    let home = existing(&args.at)?;
    let mut control = connect(&home)?;
    order(&home, &mut control, &Order::Down)?;
    let begun = Instant::now();
    while home.is_taken() && begun.elapsed() < Duration::from_secs(5) {
        thread::sleep(Duration::from_millis(5));
    }
    if home.is_taken() {
        return Err(Error::Cluster {
            what: format!("the supervisor of {} does not end", called(&home)),
            hint: format!("see what it says in {}", home.log().display()),
        });
    }
    desk.printer.talk(format!("{} is down", called(&home)));
    if args.no_judge { Ok(Exit::Holds) } else { judge(desk, &home) }
}
