//! Platforms: machines and wires under a simulated environment, from experiment files and `--platform FILE`.

use crate::error::Error;
use crate::experiment;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use synod_kernel::Environment;
use synod_sim::Platform;
use synod_sim::platform::Unfit;

/// A file that was read, so that what is wrong can be told with its line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Where it is.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Ok(Self { path: path.to_owned(), text: experiment::content(path)? })
    }

    /// The line, from 1 on, at which `key` is set in the section that begins with one of `headers`; else that of the section.
    fn line_of(&self, headers: &[&str], key: &str) -> Option<usize> {
        let names = |line: &str| {
            let line = line.trim_start();
            line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='))
                || line.starts_with('[') && line.trim_end_matches(']').ends_with(&format!(".{key}"))
                || line.contains(&format!("{key} ="))
        };
        let mut section = None;
        let mut inside = headers.is_empty();
        for (number, line) in (1..).zip(self.text.lines()) {
            if line.trim_start().starts_with('[') && !headers.is_empty() {
                inside = headers.iter().any(|header| line.trim_start().starts_with(header));
                section = section.or(inside.then_some(number));
            }
            if inside && !key.is_empty() && names(line) {
                return Some(number);
            }
        }
        section
    }

    /// The line of the `number`th header of this kind, from 1 on.
    pub(crate) fn line_of_header(&self, header: &str, number: usize) -> Option<usize> {
        let at = |(_, line): &(usize, &str)| line.trim_start().starts_with(header);
        (1..).zip(self.text.lines()).filter(at).nth(number.checked_sub(1)?).map(|(line, _)| line)
    }

    /// What is wrong in a section of this file.
    fn refuse(&self, headers: &[&str], Unfit { what, hint }: Unfit) -> Error {
        let key = what.split('`').nth(1).unwrap_or_default();
        let key = key.rsplit('.').next().unwrap_or_default();
        let what = match self.line_of(headers, key) {
            Some(line) => format!("line {line}: {what}"),
            None => what,
        };
        Error::File { path: self.path.clone(), what, hint }
    }
}

/// The platform of a file of its own: the keys of `[sim.platform]` at its top.
///
/// # Errors
/// If it cannot be read, or makes no sense under `environment`.
pub fn load(path: &Path, environment: &Environment) -> Result<Arc<Platform>, Error> {
    let source = Source::read(path)?;
    let platform: Platform = experiment::read(path, &source.text)?;
    fitting(platform, &source, &[], environment)
}

/// The platform of an experiment.
///
/// # Errors
/// If it makes no sense under `environment`.
pub fn of_experiment(
    platform: &Platform,
    source: &Source,
    environment: &Environment,
) -> Result<Arc<Platform>, Error> {
    fitting(platform.clone(), source, &["[sim.platform", "[[sim.platform"], environment)
}

fn fitting(
    platform: Platform,
    source: &Source,
    headers: &[&str],
    environment: &Environment,
) -> Result<Arc<Platform>, Error> {
    platform.fits(environment).map_err(|unfit| source.refuse(headers, unfit))?;
    Ok(Arc::new(platform))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Experiment;
    use synod_kernel::Budget;

    fn refused(text: &str) -> (String, String) {
        let text = format!("algorithm = \"paxos\"\n\n[sim.platform]\n{text}\n");
        let source = Source { path: PathBuf::from("x.toml"), text };
        let experiment: Experiment = toml::from_str(&source.text).expect("well-formed");
        let platform = experiment.sim.platform.expect("a platform");
        let mut environment = Environment::benign(3);
        environment.links.losses = Budget::NONE;
        let error = of_experiment(&platform, &source, &environment).expect_err("nonsense");
        (error.to_string(), error.hint())
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_line_and_a_hint() {
        for (text, line, why) in [
            ("step = { kind = \"constant\", value = \"1ms\" }\nspeeds = [1, 0]", 5, "speed of 0"),
            ("[sim.platform.loss]\ngood_to_bad = 0.1", 4, "perfect links"),
            ("[sim.platform.topology]\nkind = \"edges\"\nedges = [[0, 1]]", 4, "not connected"),
            ("[sim.platform.regions]\nnames = [\"a\", \"b\"]\none_way = [[1, 2]]", 4, "square"),
            ("[sim.platform.clocks]\ndrift_ppm = [1, 2, 3, 4]", 5, "4 processes, of n = 3"),
            (
                "[[sim.platform.links]]\nfrom = [0]\nto = [7]\ndelay = { kind = \"constant\", value = 3 }",
                4,
                "process 7",
            ),
            ("delay = { kind = \"uniform\", min = \"3ms\", max = \"1ms\" }", 4, "exceeds"),
            ("[sim.platform.bandwidth]\nrate = 0", 5, "nothing gets through"),
            ("[sim.platform.budgets]\nslow = 2", 5, "no effect"),
        ] {
            let (what, hint) = refused(text);
            assert!(what.contains(&format!("line {line}:")), "{what} of {text}");
            assert!(format!("{what} {hint}").contains(why), "{what} ({hint}): {why}");
            assert!(!hint.is_empty());
        }
    }

    #[test]
    fn the_shipped_experiment_makes_sense() {
        let text = include_str!("../../../experiments/leader-cut-off.toml");
        let experiment = experiment::parse(Path::new("x.toml"), text).expect("well-formed");
        let mut environment = Environment::benign(5);
        experiment.sim.environment.clone().apply(&mut environment);
        let platform = experiment.sim.platform.expect("a platform");
        let platform = of_experiment(&platform, &experiment.source, &environment).expect("a sound platform");
        let horizon = std::time::Duration::from_mins(1);
        let script = experiment.sim.script.expect("a script");
        let planned =
            crate::script::plan(&script, &environment, Some(&platform), horizon, &experiment.source);
        let (plan, conditions) = planned.expect("a sound script");
        let synod_sim::FaultPlan::Script(faults) = plan else { panic!("a script is wanted") };
        assert_eq!((faults.len(), conditions.len()), (4, 1));
    }

    #[test]
    fn probabilities_and_unknown_keys_are_refused_by_the_file() {
        for (text, why) in [
            ("[sim.platform.loss]\nbad = 1.5", "[0, 1]"),
            ("dealy = 3", "dealy"),
            ("[sim.platform.topology]\nkind = \"rign\"", "rign"),
            ("[sim.platform.bandwidth]\nrate = \"fast\"", "no rate"),
        ] {
            let text = format!("algorithm = \"paxos\"\n\n[sim.platform]\n{text}\n");
            let error = toml::from_str::<Experiment>(&text).expect_err(why);
            assert!(error.span().is_some() && error.to_string().contains(why), "{error}");
        }
    }
}
