//! A thread per node.

use super::inside::{Runner, WayIn, said};
use super::pin::pin;
use crate::disk::OsDisk;
use crate::mailbox::Mailbox;
use crate::node::{Input, Node, NodeConfig, RunError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use synod_model::{Process, ProcessId};

/// The nodes that run.
pub(super) struct Threads<P: Process> {
    configs: Vec<NodeConfig<P>>,
    way_in: WayIn,
    running: BTreeMap<ProcessId, Running<P>>,
}

struct Running<P: Process> {
    inputs: Arc<Mailbox<Input<P>>>,
    thread: JoinHandle<Result<(), RunError>>,
}

impl<P: Process> Threads<P> {
    pub(super) fn new(configs: Vec<NodeConfig<P>>, way_in: WayIn) -> Self {
        Self { configs, way_in, running: BTreeMap::new() }
    }
}

impl<P: Process> Runner<P> for Threads<P> {
    fn start(&mut self, p: ProcessId) -> Result<u64, String> {
        let config = self.configs[p.index()].clone();
        let way_in = self.way_in.clone();
        let inputs = Arc::new(Mailbox::new(config.links.inbox));
        let (started, starts) = mpsc::channel();
        let input = Arc::clone(&inputs);
        let run = move || run::<P>(&config, &way_in, input, &started);
        let thread = thread::Builder::new().name(p.to_string()).spawn(run).map_err(|e| e.to_string())?;
        if let Ok(incarnation) = starts.recv() {
            self.running.insert(p, Running { inputs, thread });
            Ok(incarnation)
        } else {
            Err(ended(thread).err().unwrap_or_default())
        }
    }

    fn put(&mut self, p: ProcessId, input: Input<P>) -> bool {
        self.running.get(&p).is_some_and(|running| running.inputs.notice(input))
    }

    fn has_ended(&mut self, p: ProcessId) -> bool {
        self.running.get(&p).is_none_or(|running| running.thread.is_finished())
    }

    fn wait(&mut self, p: ProcessId) -> Result<(), String> {
        self.running.remove(&p).map_or(Ok(()), |running| ended(running.thread))
    }
}

fn ended(thread: JoinHandle<Result<(), RunError>>) -> Result<(), String> {
    match thread.join() {
        Ok(ended) => ended.map_err(|e| e.to_string()),
        Err(panic) => Err(said(&*panic)),
    }
}

fn run<P: Process>(
    config: &NodeConfig<P>,
    way_in: &WayIn,
    inputs: Arc<Mailbox<Input<P>>>,
    started: &Sender<u64>,
) -> Result<(), RunError> {
    if let Err(why) = pin(config.process.index()) {
        tracing::warn!(process = %config.process, "its thread is on no core of its own: {why}");
    }
    let mut node =
        Node::<P>::open(&OsDisk, config, inputs, None, |options, inbox| way_in.join(&options, inbox))?;
    way_in.listen(&mut node, config.process);
    let _ = started.send(node.incarnation());
    node.run()
}
