//! The machines and wires under an environment: when messages arrive and handlers run, and what time does to them.
//!
//! The environment says what may happen, in bounds and budgets; a [`Platform`] says how it comes about: by which law
//! messages are delayed and lost, over which wires they go, how fast clocks and processes are. Every part is optional: what
//! it does not say is the environment's. What it makes happen is never more than the environment's budgets admit; where
//! its times exceed the environment's bounds, the run is outside of the model, and says so ([`Breach`]).

mod assumptions;
mod clock;
mod host;
mod loss;
mod machinery;
mod period;
mod quantity;
mod regions;
mod strikes;
mod topology;
mod uplink;

pub(crate) use assumptions::Assumptions;
pub use assumptions::{Assumption, Breach, Outside};
pub use clock::Clocks;
pub use host::Disk;
pub use loss::Bursts;
pub(crate) use loss::Fate;
pub(crate) use machinery::Machinery;
pub use period::{GoodPeriod, Periods, Phase, Tried, decided, good_period};
pub use quantity::{Lapse, Rate, Size};
pub use regions::{Regions, TABLES, Table};
pub use strikes::Strikes;
pub use topology::Topology;
pub use uplink::{Bandwidth, Per};

use crate::distribution::Distribution;
use serde::{Deserialize, Serialize};
use synod_kernel::environment::duration;
use synod_kernel::{Environment, Probability};
use synod_model::ProcessId;
use synod_model::link::Guarantee;

/// What is under an environment. In files: `[sim.platform]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Platform {
    /// How long a message takes over any link, in place of the environment's `delay_min` to `delay_max`.
    pub delay: Option<Distribution>,
    /// The same for some links: of several that speak of a link, the last.
    pub links: Vec<Link>,
    /// Where processes are, and how far apart.
    pub regions: Option<Regions>,
    /// Which processes are neighbours; the messages of others take several hops.
    pub topology: Option<Topology>,
    /// How messages are lost, in place of the environment's `loss_probability`.
    pub loss: Option<Bursts>,
    /// The chance that a message is duplicated, in place of the environment's.
    pub duplication: Option<Probability>,
    /// The chance that a message is corrupted on its way. Over links that let anything in, a changed one arrives beside it, within
    /// the budget of injections; over others a checksum notices, and it is lost, within the budget of losses.
    pub corruption: Option<Probability>,
    /// Messages that take longer than the others.
    pub reordering: Option<Reordering>,
    /// How much fits through a wire.
    pub bandwidth: Option<Bandwidth>,
    /// How clocks run.
    pub clocks: Option<Clocks>,
    /// How long a handler takes: as long, the process is busy, and what it says leaves at the end.
    pub step: Option<Distribution>,
    /// By process: how fast it is, 1 where nothing is said. Its steps take so much less time.
    pub speeds: Vec<f64>,
    /// How long disks take.
    pub disk: Option<Disk>,
    /// Good times and bad ones.
    pub periods: Option<Periods>,
    /// How many faults of this vocabulary strike by chance.
    pub budgets: Strikes,
    /// Whether what strikes by chance goes on beyond the first half of a run. What is owed at the end of a run is then
    /// due only where the run fell silent.
    pub lasting: bool,
}

/// How long messages take between some processes. In files: `{ from = [0], to = [1, 2], delay = .. }`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// From these.
    pub from: Vec<ProcessId>,
    /// To these, and back.
    pub to: Vec<ProcessId>,
    /// Not back.
    #[serde(default)]
    pub one_way: bool,
    /// So long.
    pub delay: Distribution,
}

impl Link {
    fn is_of(&self, from: ProcessId, to: ProcessId) -> bool {
        let joins = |a, b| self.from.contains(&a) && self.to.contains(&b);
        joins(from, to) || (!self.one_way && joins(to, from))
    }
}

/// A share of the messages is delayed further, so that later ones overtake them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reordering {
    /// Of how many.
    pub share: Probability,
    /// By how much.
    pub by: Distribution,
}

/// What is wrong with a platform, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Unfit {
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub hint: String,
}

impl Unfit {
    pub(crate) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }
}

type Fits = Result<(), Unfit>;

/// Refuses a law whose parameters make no sense.
fn law_fits(key: &str, law: &Distribution) -> Fits {
    law.fits().map_err(|why| {
        Unfit::new(format!("`{key}`: {why}"), "docs/experiments.md has the parameters of every distribution")
    })
}

fn known(key: &str, p: ProcessId, n: u32) -> Fits {
    if p.0 < n {
        return Ok(());
    }
    Err(Unfit::new(format!("`{key}` names process {} of n = {n}", p.0), "processes are counted from 0"))
}

impl Platform {
    /// Whether it makes sense under `environment`.
    ///
    /// # Errors
    /// The first part that does not, and what to do.
    pub fn fits(&self, environment: &Environment) -> Result<(), Unfit> {
        let n = environment.processes;
        // every part is named, so that none is forgotten
        let Self {
            delay,
            links,
            regions,
            topology,
            loss,
            duplication,
            corruption,
            reordering,
            bandwidth,
            clocks,
            step,
            speeds,
            disk,
            periods,
            budgets,
            lasting: _,
        } = self;
        delay.iter().try_for_each(|law| law_fits("delay", law))?;
        links.iter().try_for_each(|link| link_fits(link, n))?;
        if let Some(regions) = regions {
            if delay.is_some() {
                return Err(Unfit::new(
                    "`delay` beside `regions`: the table says how long messages take",
                    "leave `delay` out, or make it the `jitter` of the regions",
                ));
            }
            regions.fits(n)?;
        }
        topology.iter().try_for_each(|topology| topology.fits(n))?;
        if let Some(loss) = loss {
            if !environment.links.losses.any() {
                return Err(Unfit::new(
                    format!("`loss` over {} links, of which none may be lost", environment.links.kind),
                    "set `links.losses` of the environment, and `links.kind = \"fair-loss\"`",
                ));
            }
            loss.fits()?;
        }
        if duplication.is_some_and(|p| p != Probability::ZERO) && !environment.links.duplications.any() {
            return Err(Unfit::new(
                format!("`duplication` over {} links, which never duplicate", environment.links.kind),
                "set `links.duplications` of the environment, and `links.kind = \"fair-loss\"`",
            ));
        }
        if corruption.is_some_and(|p| p != Probability::ZERO)
            && !environment.links.inject()
            && !environment.links.losses.any()
        {
            return Err(Unfit::new(
                format!("`corruption` over {} links, which deliver what was sent", environment.links.kind),
                "set `links.injections` of the environment over arbitrary links, or `links.losses` over those where a checksum notices",
            ));
        }
        if let Some(reordering) = reordering {
            if environment.links.kind.fifo {
                return Err(Unfit::new(
                    format!("`reordering` over {} links, which keep the order", environment.links.kind),
                    "leave it out, or choose links that are not fifo",
                ));
            }
            law_fits("reordering.by", &reordering.by)?;
        }
        bandwidth.iter().try_for_each(Bandwidth::fits)?;
        clocks.iter().try_for_each(|clocks| clocks.fits(n))?;
        step.iter().try_for_each(|law| law_fits("step", law))?;
        speeds_fit(speeds, step.is_some(), n)?;
        disk.iter().try_for_each(|disk| disk.fits(environment))?;
        periods.iter().try_for_each(|periods| periods.fits(environment))?;
        budgets.fit(self, environment)
    }

    /// Whether links that promise delivery hold back what another would lose.
    pub(crate) fn holds_back(environment: &Environment) -> bool {
        environment.links.kind.guarantees().has(Guarantee::AtLeastOnce) || !environment.links.losses.any()
    }

    /// In words, what it says: "delays by a law, regions, drifting clocks".
    pub fn describe(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut say = |there: bool, what: String| words.extend(there.then_some(what));
        say(self.delay.is_some() || !self.links.is_empty(), "delays by a law".to_owned());
        say(self.regions.is_some(), self.regions.as_ref().map_or_else(String::new, Regions::describe));
        say(self.topology.is_some(), self.topology.as_ref().map_or_else(String::new, Topology::describe));
        say(self.loss.is_some(), "losses in bursts".to_owned());
        say(self.duplication.is_some(), "duplication by chance".to_owned());
        say(self.corruption.is_some(), "corruption by chance".to_owned());
        say(self.reordering.is_some(), "reordering".to_owned());
        say(self.bandwidth.is_some(), self.bandwidth.as_ref().map_or_else(String::new, Bandwidth::describe));
        say(self.clocks.is_some(), "drifting clocks".to_owned());
        say(self.step.is_some(), "steps that take time".to_owned());
        say(self.disk.is_some(), "disks by a law".to_owned());
        say(self.periods.is_some(), "good and bad periods in turns".to_owned());
        words
    }
}

fn link_fits(link: &Link, n: u32) -> Fits {
    link.from.iter().chain(&link.to).try_for_each(|&p| known("links", p, n))?;
    if link.from.is_empty() || link.to.is_empty() {
        return Err(Unfit::new(
            "`links` joins nobody",
            "`from` and `to` are lists with at least one process each",
        ));
    }
    law_fits("links.delay", &link.delay)
}

fn speeds_fit(speeds: &[f64], has_steps: bool, n: u32) -> Fits {
    if speeds.len() > n as usize {
        return Err(Unfit::new(
            format!("`speeds` of {} processes, of n = {n}", speeds.len()),
            "leave some out",
        ));
    }
    if let Some(speed) = speeds.iter().find(|speed| !(speed.is_finite() && **speed > 0.0)) {
        return Err(Unfit::new(
            format!("`speeds`: a speed of {speed}"),
            "a speed is a positive number: 0.5 is half as fast",
        ));
    }
    if !speeds.is_empty() && !has_steps {
        return Err(Unfit::new(
            "`speeds` where steps take no time",
            "say with `step` how long a handler takes",
        ));
    }
    Ok(())
}

/// A duration in words.
fn span(nanos: u64) -> String {
    duration::rounded(std::time::Duration::from_nanos(nanos))
}
