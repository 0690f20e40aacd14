//! Nodes in this OS process, and the hand that asks and troubles them.

use super::Around;
use crate::audience::Listener;
use crate::client::{Command, Reply};
use crate::clock::ClockSettings;
use crate::cluster::{Change, ClusterError, ClusterOptions, Fault, Told, Volume, renew_volume};
use crate::drive::Deployment;
use crate::link::memory::Network;
use crate::link::{Inbox, LinkOptions, LinkSettings, Links, Transport};
use crate::node::{Input, Node, NodeConfig, RunError, stop_within};
use crate::proxy::{Passed, Way};
use crate::wal::{Identity, WalOptions};
use serde::Deserialize;
use serde_json::Value;
use std::any::Any;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use synod_model::{Group, Process, ProcessId};

/// The hand, among the clients of a node.
const HAND: u64 = 0;
/// Many logs share a disk here: short segments.
const LOG: WalOptions = WalOptions { segment_length: 64 << 10, snapshot_after: 128 << 10 };

/// Where the loops of nodes run.
pub(super) trait Runner<P: Process>: Send {
    /// Starts a node. Its incarnation.
    fn start(&mut self, p: ProcessId) -> Result<u64, String>;
    /// Tells a node something. Whether it is there.
    fn put(&mut self, p: ProcessId, input: Input<P>) -> bool;
    /// Whether a node that was started runs no more.
    fn has_ended(&mut self, p: ProcessId) -> bool;
    /// Waits for the end of a node.
    fn wait(&mut self, p: ProcessId) -> Result<(), String>;
}

/// How a node comes to its links and to the hand.
#[derive(Clone)]
pub(super) struct WayIn {
    network: Arc<Network>,
    around: Option<Around>,
    tell: Sender<Told>,
}

impl WayIn {
    pub(super) fn join(
        &self,
        options: &LinkOptions,
        inbox: Arc<dyn Inbox>,
    ) -> Result<Box<dyn Links>, RunError> {
        let inbox = self.around.as_ref().map_or_else(|| Arc::clone(&inbox), |around| around(inbox.clone()));
        Ok(Box::new(self.network.join(options, inbox)?))
    }

    /// What the node says goes to the hand.
    pub(super) fn listen<P: Process>(&self, node: &mut Node<'_, P>, process: ProcessId) {
        let (tell, incarnation) = (self.tell.clone(), node.incarnation());
        let take = move |line: &[u8]| {
            if let Ok(reply) = serde_json::from_slice::<Reply<Value>>(line) {
                // a hand that is gone hears nothing
                let _ = tell.send(Told { process, incarnation, reply });
            }
        };
        node.admit(HAND, Listener::Inside(Box::new(take)));
    }
}

/// Nodes in this OS process. Dropping it kills them.
pub(super) struct Inside<P: Process> {
    places: Vec<Place>,
    cluster: u64,
    network: Arc<Network>,
    runner: Box<dyn Runner<P>>,
}

struct Place {
    directory: std::path::PathBuf,
    incarnation: u64,
    is_up: bool,
}

impl<P: Process> Inside<P> {
    /// Starts all nodes, on what `runner` makes of their configurations.
    pub(super) fn start(
        options: &ClusterOptions,
        around: Option<Around>,
        runner: impl FnOnce(Vec<NodeConfig<P>>, WayIn) -> Result<Box<dyn Runner<P>>, ClusterError>,
    ) -> Result<(Self, Receiver<Told>), ClusterError> {
        let parameters = P::Parameters::deserialize(&options.parameters).map_err(|e| {
            let what = format!("the parameters: {e}");
            RunError::Config { path: options.directory.clone(), what }
        })?;
        let cluster = RandomState::new().hash_one(std::process::id());
        let network = Network::new(&options.links, options.processes);
        let (tell, told) = mpsc::channel();
        let config = |p| config::<P>(options, cluster, p, parameters.clone());
        let configs: Vec<_> = (0..options.processes).map(|p| config(ProcessId(p))).collect();
        let place = |config: &NodeConfig<P>| {
            let directory = config.directory.clone();
            Place { directory, incarnation: 0, is_up: false }
        };
        let places = configs.iter().map(place).collect();
        let runner = runner(configs, WayIn { network: Arc::clone(&network), around, tell })?;
        let mut inside = Self { places, cluster, network, runner };
        for p in inside.processes() {
            inside.up(p)?;
        }
        Ok((inside, told))
    }

    fn processes(&self) -> impl Iterator<Item = ProcessId> + use<P> {
        (0..self.places.len() as u32).map(ProcessId)
    }

    fn up(&mut self, p: ProcessId) -> Result<(), ClusterError> {
        let incarnation = self.runner.start(p).map_err(|why| ClusterError::Ended { process: p, why })?;
        let place = &mut self.places[p.index()];
        (place.incarnation, place.is_up) = (incarnation, true);
        Ok(())
    }

    /// Whether there was a node to kill.
    fn kill(&mut self, p: ProcessId) -> bool {
        if !std::mem::take(&mut self.places[p.index()].is_up) {
            return false;
        }
        self.runner.put(p, Input::Killed);
        // how it ends is no matter
        let _ = self.runner.wait(p);
        true
    }

    fn restart(&mut self, p: ProcessId) -> Result<bool, ClusterError> {
        if self.places[p.index()].is_up {
            return Ok(false);
        }
        self.up(p).map(|()| true)
    }

    fn replace(&mut self, p: ProcessId, volume: Volume) -> Result<bool, ClusterError> {
        self.kill(p);
        if volume == Volume::Lost {
            let Place { directory, incarnation, .. } = &self.places[p.index()];
            renew_volume(directory, Identity { cluster: self.cluster, process: p }, *incarnation)?;
        }
        self.restart(p)
    }

    fn cut(&self, ways: impl IntoIterator<Item = Way>) -> Result<bool, ClusterError> {
        ways.into_iter().try_for_each(|way| self.network.cut(way))?;
        Ok(true)
    }

    fn heal(&self, ways: impl IntoIterator<Item = Way>) -> Result<bool, ClusterError> {
        ways.into_iter().try_for_each(|way| self.network.heal(way).map(drop))?;
        Ok(true)
    }

    fn command(&mut self, p: ProcessId, command: Command<P::Request>) -> bool {
        self.places[p.index()].is_up && self.runner.put(p, Input::Command(HAND, command))
    }

    /// Waits for the end of a node.
    fn ended(&mut self, process: ProcessId) -> Result<(), ClusterError> {
        self.places[process.index()].is_up = false;
        self.runner.wait(process).map_err(|why| ClusterError::Ended { process, why })
    }
}

impl<P: Process> Deployment for Inside<P> {
    fn count(&self) -> u32 {
        self.places.len() as u32
    }

    fn is_up(&self, p: ProcessId) -> bool {
        self.places[p.index()].is_up
    }

    fn incarnation(&self, p: ProcessId) -> u64 {
        self.places[p.index()].incarnation
    }

    fn pid(&self, _: ProcessId) -> Option<u32> {
        None
    }

    fn is_troubled(&self) -> bool {
        !self.network.cuts().is_empty()
    }

    fn passed(&self) -> Option<BTreeMap<Way, Passed>> {
        Some(self.network.passed())
    }

    fn check_all(&mut self) -> Result<(), ClusterError> {
        for p in self.processes() {
            if self.is_up(p) && self.runner.has_ended(p) {
                self.ended(p)?;
            }
        }
        Ok(())
    }

    fn strike(&mut self, fault: &Fault) -> Result<bool, ClusterError> {
        let count = self.places.len();
        if let Some(&process) = fault.processes().iter().find(|p| p.index() >= count) {
            return Err(ClusterError::NoSuchProcess { process, count });
        }
        match fault {
            Fault::Kill(p) => Ok(self.kill(*p)),
            Fault::Restart(p) => self.restart(*p),
            Fault::Replace(p, volume) => self.replace(*p, *volume),
            // nobody is paused
            Fault::Resume(_) => Ok(false),
            _ => match fault.on_links(count) {
                Some((ways, Change::Cut)) => self.cut(ways),
                Some((ways, Change::Mend | Change::Clear)) => self.heal(ways),
                _ => Err(ClusterError::Idle(format!("within one OS process there is no `{fault}`"))),
            },
        }
    }

    fn request(&mut self, p: ProcessId, request: &Value) -> bool {
        // what is no request of this algorithm reaches nobody
        P::Request::deserialize(request).is_ok_and(|request| self.command(p, Command::Request(request)))
    }

    fn ask_status(&mut self, p: ProcessId) -> bool {
        self.command(p, Command::Status)
    }

    fn stop(mut self: Box<Self>) -> Result<(), ClusterError> {
        self.check_all()?;
        let running: Vec<_> = self.processes().filter(|&p| self.command(p, Command::Stop)).collect();
        running.into_iter().try_for_each(|p| self.ended(p))
    }
}

impl<P: Process> Drop for Inside<P> {
    fn drop(&mut self) {
        for p in self.processes() {
            self.kill(p);
        }
    }
}

/// What a thread said as it panicked.
pub(super) fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("it panicked: {}", text.unwrap_or_default())
}

fn config<P: Process>(
    options: &ClusterOptions,
    cluster: u64,
    process: ProcessId,
    parameters: P::Parameters,
) -> NodeConfig<P> {
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let others = (0..options.processes).map(ProcessId).filter(|&p| p != process);
    let keys = options.links.keys.as_ref().map(|keys| keys.join(process.to_string()));
    NodeConfig::<P> {
        algorithm: options.algorithm.clone(),
        cluster,
        process,
        group: Group::first(options.processes),
        parameters,
        bounds: options.bounds,
        listen: nowhere,
        peers: others.map(|p| (p, nowhere.into())).collect(),
        directory: options.directory.join(process.to_string()),
        log: LOG,
        records: options.directory.join("records"),
        pulse: options.pulse,
        links: LinkSettings { transport: Transport::Memory, keys, ..options.links.clone() },
        stop_with_input: false,
        clock: ClockSettings::default(),
        operators: None,
        stop_within: stop_within(),
    }
}
