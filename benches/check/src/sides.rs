//! The sides of a race: each explores all of a world, and says how many states it found.

use crate::register_clients::History;
use crate::{abd_world, paxos_world, peer, ring_world};
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use synod_check::{Control, Options, Report, Store, check, check_system};
use synod_gallery::Constants;
use synod_gallery::Published;
use synod_gallery::two_phase_commit::TwoPhaseCommit;
use synod_kernel::Setting;
use synod_model::Process;
use synod_properties::Monitor;

/// Who explores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// States known again by 64 bits of a fingerprint, as stateright does.
    Synod,
    /// States compared in full, as SPIN does.
    SynodExact,
    Stateright,
    Spin,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Synod => "synod",
            Self::SynodExact => "synod-exact",
            Self::Stateright => "stateright",
            Self::Spin => "spin",
        })
    }
}

impl FromStr for Who {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Synod, Self::SynodExact, Self::Stateright, Self::Spin]
            .into_iter()
            .find(|who| who.to_string() == text)
            .ok_or_else(|| format!("no side {text}"))
    }
}

/// What is explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// Servers that agree on one write, and clients.
    Paxos { clients: u32 },
    /// The plain transition system.
    TwoPhase { managers: u32 },
    /// A replicated register, with links in order.
    Abd { clients: u32 },
    /// Dolev, Klawe and Rodeh's election, unreduced or reduced.
    Ring { processes: u32, reduced: bool },
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paxos { clients } => write!(f, "paxos-{clients}"),
            Self::TwoPhase { managers } => write!(f, "two-phase-{managers}"),
            Self::Abd { clients } => write!(f, "abd-{clients}"),
            Self::Ring { processes, reduced: false } => write!(f, "ring-{processes}"),
            Self::Ring { processes, reduced: true } => write!(f, "reduced-ring-{processes}"),
        }
    }
}

impl FromStr for World {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let none = || format!("no world {text}");
        let (name, size) = text.rsplit_once('-').ok_or_else(none)?;
        let size = size.parse().map_err(|_| none())?;
        Ok(match name {
            "paxos" => Self::Paxos { clients: size },
            "two-phase" => Self::TwoPhase { managers: size },
            "abd" => Self::Abd { clients: size },
            "ring" => Self::Ring { processes: size, reduced: false },
            "reduced-ring" => Self::Ring { processes: size, reduced: true },
            _ => return Err(none()),
        })
    }
}

/// What a side says of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explored {
    pub states: u64,
    /// Bytes for states, by its own account, where it gives one.
    pub memory: Option<u64>,
}

impl Explored {
    fn of(states: usize) -> Self {
        Self { states: states as u64, memory: None }
    }
}

/// All of a world, explored in this process; by `program` where the side is a program of its own.
pub fn explore(who: Who, world: World, threads: u32, program: &Path) -> Result<Explored, String> {
    match (who, world) {
        (Who::Synod, _) => ours(world, &Options { threads, ..Options::default() }),
        (Who::SynodExact, _) => ours(world, &Options { threads, store: Store::Exact, ..Options::default() }),
        (Who::Stateright, World::Paxos { clients }) => {
            Ok(Explored::of(peer::paxos::explore(clients.into(), threads as usize)))
        }
        (Who::Stateright, World::TwoPhase { managers }) => {
            Ok(Explored::of(peer::two_phase::explore(managers as usize, threads as usize)))
        }
        (Who::Stateright, World::Abd { clients }) => {
            Ok(Explored::of(peer::abd::explore(clients as usize, threads as usize)))
        }
        (Who::Spin, _) => crate::spin::explore(program),
        _ => Err(format!("{who} has no {world}")),
    }
}

fn ours(world: World, options: &Options) -> Result<Explored, String> {
    match world {
        World::Paxos { clients } => {
            process_world(&paxos_world::setting(clients), &History::default(), options)
        }
        World::TwoPhase { managers } => two_phase(managers, options),
        World::Abd { clients } => {
            process_world(&abd_world::setting(3, clients, true), &History::default(), options)
        }
        World::Ring { processes, reduced } => {
            let options = Options { partial_order: reduced, ..options.clone() };
            process_world(&ring_world::setting(processes), &ring_world::Leader::never(None), &options)
        }
    }
}

/// A world of processes, if all of it is explored and nothing is broken in it.
fn process_world<P, M>(setting: &Setting<P>, monitor: &M, options: &Options) -> Result<Explored, String>
where
    P: Process,
    M: Monitor<P::Request, P::Indication>,
{
    let report: Report<P> = check(setting, monitor, |_| 0, options, &mut |_| Control::Continue);
    if report.complete && report.holds() {
        return Ok(Explored { states: report.states, memory: Some(report.memory) });
    }
    Err(report.to_string())
}

fn two_phase(managers: u32, options: &Options) -> Result<Explored, String> {
    let constants =
        Constants::of::<TwoPhaseCommit>(&[("n", managers.into())]).map_err(|refused| refused.to_string())?;
    let system = TwoPhaseCommit::new(&constants).map_err(|refused| refused.to_string())?;
    let report = check_system(&system, options, &mut |_| Control::Continue);
    Ok(Explored { states: report.states, memory: Some(report.memory) })
}
