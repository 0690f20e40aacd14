//! What of its world a failure needs: conditions taken away one by one, each time with a range of seeds.

use crate::args::{Arguments, Command, Sim, program_name, quote};
use crate::commands::{Desk, failures, program};
use crate::environment::Flags;
use crate::error::Error;
use crate::experiment;
use crate::grounds::{World, sim};
use crate::plan::Request;
use crate::registry::Entry;
use clap::Parser;
use serde_json::json;
use std::path::Path;
use synod_kernel::environment::duration;
use synod_properties::GroundKind;
use toml::{Table, Value};

/// Among so many runs one must fail, or the condition that was taken away is needed.
const RUNS: u64 = 256;
/// The budgets of faults, and where a file has them.
const BUDGETS: [(&str, &str); 12] = [
    ("stops", "failures.stops"),
    ("restarts", "failures.restarts"),
    ("omissions", "failures.omissions"),
    ("lies", "failures.lies"),
    ("torn writes", "storage.torn_writes"),
    ("bit rot", "storage.bit_rot"),
    ("misdirected writes", "storage.misdirected_writes"),
    ("failed writes", "storage.failed_writes"),
    ("losses", "links.losses"),
    ("duplications", "links.duplications"),
    ("injections", "links.injections"),
    ("partitions", "partitions"),
];

/// What a failure needs of its world, as far as that was tried.
pub(super) struct Conditions {
    needs: Vec<String>,
    spares: Vec<String>,
    /// The least experiment, and its first seed that fails.
    file: String,
    seed: u64,
    /// The command line of it.
    command: String,
    complete: bool,
}

/// A way to take a condition away.
enum Without {
    /// The key is removed.
    Key(&'static str, String),
    /// The entry of the script.
    Entry(usize),
    /// A value is set in the environment.
    Value(&'static str, Value),
}

/// One that was or is to be tried.
struct Candidate {
    name: String,
    without: Without,
}

/// The experiments that are tried.
struct Trials<'a> {
    desk: &'a Desk<'a>,
    args: Sim,
    property: &'a str,
    path: &'a Path,
}

/// An experiment as it is simulated.
struct Trial<'a> {
    entry: &'a Entry,
    world: World,
    options: sim::Options,
}

/// What the failure needs that was found by this command, if it is one of a simulation that fails again.
pub(super) fn find(
    desk: &Desk<'_>,
    command: &str,
    property: &str,
    stop: &dyn Fn() -> bool,
) -> Result<Option<Conditions>, Error> {
    let words = std::iter::once(program_name()).chain(words(command));
    let Ok(Arguments { command: Some(Command::Sim(mut args)), .. }) = Arguments::try_parse_from(words) else {
        return Ok(None);
    };
    if args.from.is_some() {
        // what a run needs that goes on from another is in that other
        return Ok(None);
    }
    let path = args.subject.experiment.take();
    let mut document = match &path {
        Some(path) => experiment::read::<Table>(path, &experiment::content(path)?)?,
        None => Table::from_iter([(
            "algorithm".to_owned(),
            Value::from(args.subject.algorithm.take().unwrap_or_default()),
        )]),
    };
    if let Some(platform) = args.platform.take() {
        let keys = experiment::read::<Table>(&platform, &experiment::content(&platform)?)?;
        table(&mut document, "sim").insert("platform".to_owned(), keys.into());
    }
    args.then.clear();
    args.runs = Some(RUNS);
    let path = path.unwrap_or_else(|| "experiment".into());
    let trials = Trials { desk, args, property, path: &path };
    let Some(seed) = trials.fails(&trials.of(&document)?, stop) else { return Ok(None) };
    Ok(Some(trials.take_away(document, seed, stop)))
}

impl<'a> Trials<'a> {
    fn of(&self, document: &Table) -> Result<Trial<'a>, Error> {
        let text = toml::to_string(document).expect("what was read can be written");
        let experiment = experiment::parse(self.path, &text)?;
        let (entry, mut request) = Request::with(self.desk.registry, &self.args.subject, Some(experiment))?;
        let entry = request.place(self.desk.registry, entry, GroundKind::Sim)?;
        let world = request.world(&entry.subject, GroundKind::Sim)?;
        let options = request.sim(&self.args, &world)?;
        Ok(Trial { entry, world, options })
    }

    /// The first seed that breaks the same property, within the model.
    fn fails(&self, trial: &Trial<'_>, stop: &dyn Fn() -> bool) -> Option<u64> {
        let simulation = trial.entry.simulation(&trial.world).ok()?;
        let mut seeds = trial.options.seeds.clone();
        while !seeds.is_empty() && !stop() {
            let options = &trial.options;
            let campaign = synod_sim::campaign(
                simulation.as_ref(),
                seeds.clone(),
                &options.run,
                options.threads,
                &|_| {},
            );
            let failure = campaign.failure?;
            let same = failure.outcome.broken().is_some_and(|broken| broken.property == self.property);
            if same && failure.outcome.outside.is_empty() {
                return Some(failure.seed);
            }
            seeds.start = failure.seed.saturating_add(1);
        }
        None
    }

    /// Takes away what it fails without, until every condition that is left was tried on what is left.
    fn take_away(&self, mut document: Table, mut seed: u64, stop: &dyn Fn() -> bool) -> Conditions {
        let (mut spares, mut needs, mut complete) = (Vec::new(), Vec::new(), false);
        while !complete && !stop() {
            (needs, complete) = (Vec::new(), true);
            // from the last on: the places of those before it stay what they are
            for candidate in candidates(&document, self.of(&document).ok().as_ref()).into_iter().rev() {
                let less = candidate.without.from(document.clone());
                let Ok(trial) = self.of(&less) else { continue };
                if self.of(&document).is_ok_and(|whole| whole.is_like(&trial)) {
                    continue;
                }
                let failing = self.fails(&trial, stop);
                if stop() {
                    complete = false;
                    break;
                }
                match failing {
                    Some(found) => {
                        (document, seed, complete) = (less, found, false);
                        spares.push(candidate.name);
                    }
                    None => needs.push(candidate.name),
                }
            }
        }
        needs.reverse();
        // what flags say of the environment stands in no file: it was not taken away
        complete &= self.args.subject.flags() == Flags::default() && self.args.subject.env.is_none();
        let mut args = self.args.clone();
        (args.seed, args.runs) = (Some(seed), None);
        let subject = args.subject.line();
        let space = if subject.is_empty() { "" } else { " " };
        let command = format!("{space}{subject}{}", args.how());
        let file = toml::to_string(&document).expect("what was read can be written");
        Conditions { needs, spares, file, seed, command, complete }
    }
}

impl Trial<'_> {
    fn is_like(&self, other: &Self) -> bool {
        self.world.environment == other.world.environment && self.options.run == other.options.run
    }
}

/// What may be taken away.
fn candidates(document: &Table, trial: Option<&Trial<'_>>) -> Vec<Candidate> {
    let sim = document.get("sim").and_then(Value::as_table);
    let mut all = Vec::new();
    if let Some(platform) = sim.and_then(|sim| sim.get("platform")).and_then(Value::as_table) {
        for key in platform.keys() {
            match platform[key].as_table().filter(|_| key == "budgets") {
                Some(budgets) => all.extend(budgets.keys().map(|budget| Candidate {
                    name: budget.replace('_', " "),
                    without: Without::Key("platform.budgets", budget.clone()),
                })),
                None => all.push(Candidate {
                    name: format!("platform.{key}"),
                    without: Without::Key("platform", key.clone()),
                }),
            }
        }
    }
    if sim.is_some_and(|sim| sim.contains_key("workload")) {
        all.push(Candidate { name: "clients".to_owned(), without: Without::Key("", "workload".to_owned()) });
    }
    let script = sim.and_then(|sim| sim.get("script")).and_then(Value::as_array);
    for (place, entry) in script.into_iter().flatten().enumerate() {
        let said = |key| entry.get(key).map_or_else(String::new, |v| v.as_str().unwrap_or("..").to_owned());
        let when = if entry.get("when").is_some() { "on a condition".to_owned() } else { said("at") };
        let name = format!("{} {when} (entry {} of the script)", said("kind"), place + 1);
        all.push(Candidate { name, without: Without::Entry(place) });
    }
    if let Some(trial) = trial {
        let links = &trial.world.environment.links;
        let budgets = BUDGETS.map(|(name, key)| (name, key, Value::from(0)));
        let delay =
            ("differences between delays", "links.delay_min", duration::format(links.delay_max).into());
        let gst = ("the time before GST", "timing.gst", Value::from("0ms"));
        for (name, key, value) in budgets.into_iter().chain([delay, gst]) {
            all.push(Candidate { name: name.to_owned(), without: Without::Value(key, value) });
        }
    }
    all
}

impl Without {
    fn from(&self, mut document: Table) -> Table {
        let sim = table(&mut document, "sim");
        match self {
            Self::Key(section, key) => _ = section_of(sim, section).remove(key),
            Self::Entry(place) => {
                if let Some(Value::Array(script)) = sim.get_mut("script") {
                    script.remove(*place);
                }
            }
            Self::Value(key, value) => {
                let (section, key) = key.rsplit_once('.').unwrap_or(("", key));
                section_of(table(sim, "environment"), section).insert(key.to_owned(), value.clone());
            }
        }
        document
    }
}

fn section_of<'a>(from: &'a mut Table, section: &str) -> &'a mut Table {
    section.split('.').filter(|part| !part.is_empty()).fold(from, table)
}

/// The table of this name, made where there is none.
fn table<'a>(from: &'a mut Table, name: &str) -> &'a mut Table {
    let entry = from.entry(name).or_insert_with(|| Table::new().into());
    if !entry.is_table() {
        *entry = Table::new().into();
    }
    entry.as_table_mut().expect("it is one")
}

impl Conditions {
    /// Writes the least experiment, and says what it is.
    pub(super) fn tell(&self, desk: &Desk<'_>, to: &Path) -> Result<(), Error> {
        failures::save(to, &self.file)?;
        let listed =
            |names: &[String]| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        let Self { needs, spares, seed, complete, .. } = self;
        let to = quote(&to.display().to_string());
        let command = format!("{} sim --experiment {to}{} --seed {seed:#x}", program(), self.command);
        let (any, more) = if *complete {
            (format!("  (without any one of them, none of {RUNS} runs fails so)"), "")
        } else {
            (String::new(), "  (not tried to the end)")
        };
        let any = if needs.is_empty() { String::new() } else { any };
        desk.printer.say(format!("  needs:   {}{any}{more}", listed(needs)));
        desk.printer.say(format!("  spares:  {}", listed(spares)));
        desk.printer.say(format!("  least:   {command}"));
        desk.printer.event(&json!({
            "event": "conditions", "needs": needs, "spares": spares, "runs": RUNS, "complete": complete,
            "experiment": self.file, "seed": format!("{seed:#x}"), "command": command,
        }));
        Ok(())
    }
}

/// The words of a command line that was printed by [`quote`].
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let (mut quoted, mut escaped) = (false, false);
    for c in line.chars() {
        match c {
            _ if escaped => {
                escaped = false;
                word.get_or_insert_default().push(c);
            }
            '\\' if !quoted => escaped = true,
            '\'' => (quoted, _) = (!quoted, word.get_or_insert_default()),
            ' ' if !quoted => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_command_line_is_read_again() {
        for all in [vec!["sim", "a b", "--env", "it's", ""], vec!["sim"]] {
            let line: Vec<_> = all.iter().map(|word| quote(word)).collect();
            assert_eq!(words(&line.join(" ")), all);
        }
    }

    #[test]
    fn conditions_are_taken_away_one_by_one() {
        let document: Table = toml::from_str(
            "algorithm = \"a\"\n[sim.platform]\nspeeds = [1.0]\n[sim.platform.budgets]\npauses = 1\n\
             [[sim.script]]\nat = \"1s\"\nkind = \"heal\"\n[[sim.script]]\nwhen = {}\nkind = \"crash\"\n",
        )
        .expect("TOML");
        let all = candidates(&document, None);
        let names: Vec<_> = all.iter().map(|candidate| candidate.name.as_str()).collect();
        let heal = "heal 1s (entry 1 of the script)";
        let crash = "crash on a condition (entry 2 of the script)";
        assert_eq!(names, ["pauses", "platform.speeds", heal, crash]);
        let none = all.iter().rev().fold(document, |left, candidate| candidate.without.from(left));
        let left = "algorithm = \"a\"\n\n[sim]\nscript = []\n\n[sim.platform.budgets]\n";
        assert_eq!(toml::to_string(&none).expect("TOML"), left);
        let set = Without::Value("links.losses", Value::from(0)).from(none);
        assert_eq!(set["sim"]["environment"]["links"]["losses"].as_integer(), Some(0));
    }
}
