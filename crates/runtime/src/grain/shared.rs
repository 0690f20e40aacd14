//! Many nodes in one thread: each has its turn.
//!
//! They share a fate: where one panics, all end. One that ends with an error ends alone.

use super::inside::{Runner, WayIn, said};
use crate::cluster::ClusterError;
use crate::disk::OsDisk;
use crate::mailbox::Mailbox;
use crate::node::{Input, Node, NodeConfig, RunError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::Instant;
use synod_model::{Process, ProcessId};

/// How many words to the thread wait at most.
const ORDERS_MAX: usize = 256;

/// What the thread is told.
enum Order<P: Process> {
    Start(ProcessId, SyncSender<Result<u64, RunError>>),
    Input(ProcessId, Input<P>),
}

/// The thread, from outside.
pub(super) struct Shared<P: Process> {
    orders: SyncSender<Order<P>>,
    /// Who has ended, and how.
    ends: Receiver<(ProcessId, Result<(), RunError>)>,
    ended: BTreeMap<ProcessId, Result<(), String>>,
    thread: Option<JoinHandle<()>>,
}

impl<P: Process> Shared<P> {
    pub(super) fn start(configs: Vec<NodeConfig<P>>, way_in: WayIn) -> Result<Self, ClusterError> {
        let (orders, obeyed) = mpsc::sync_channel(ORDERS_MAX);
        let (end, ends) = mpsc::channel();
        let run = move || {
            let nodes = configs.iter().map(|_| None).collect();
            let mut turns = Turns { configs: &configs, way_in, nodes };
            turns.run(&obeyed, &|p, ended| _ = end.send((p, ended)));
        };
        let spawned = thread::Builder::new().name("processes".to_owned()).spawn(run);
        let thread = spawned.map_err(|source| ClusterError::Run(RunError::Thread(source)))?;
        Ok(Self { orders, ends, ended: BTreeMap::new(), thread: Some(thread) })
    }

    /// Why there is no thread any more.
    fn why(&mut self) -> String {
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(panic)) => said(&*panic),
            _ => "the thread of all processes has ended".to_owned(),
        }
    }

    fn hear(&mut self) {
        while let Ok((p, ended)) = self.ends.try_recv() {
            self.ended.insert(p, ended.map_err(|e| e.to_string()));
        }
    }
}

impl<P: Process> Runner<P> for Shared<P> {
    fn start(&mut self, p: ProcessId) -> Result<u64, String> {
        self.hear();
        self.ended.remove(&p);
        let (started, starts) = mpsc::sync_channel(1);
        let _ = self.orders.send(Order::Start(p, started));
        match starts.recv() {
            Ok(started) => started.map_err(|e| e.to_string()),
            Err(_) => Err(self.why()),
        }
    }

    fn put(&mut self, p: ProcessId, input: Input<P>) -> bool {
        self.orders.send(Order::Input(p, input)).is_ok()
    }

    fn has_ended(&mut self, p: ProcessId) -> bool {
        self.hear();
        self.ended.contains_key(&p) || self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn wait(&mut self, p: ProcessId) -> Result<(), String> {
        loop {
            if let Some(ended) = self.ended.remove(&p) {
                return ended;
            }
            let Ok((q, ended)) = self.ends.recv() else { return Err(self.why()) };
            self.ended.insert(q, ended.map_err(|e| e.to_string()));
        }
    }
}

/// The thread, from inside.
struct Turns<'a, P: Process> {
    configs: &'a [NodeConfig<P>],
    way_in: WayIn,
    nodes: Vec<Option<Seat<'a, P>>>,
}

struct Seat<'a, P: Process> {
    node: Node<'a, P>,
    inputs: Arc<Mailbox<Input<P>>>,
}

impl<P: Process> Turns<'_, P> {
    /// Until nobody is there to say anything.
    fn run(&mut self, orders: &Receiver<Order<P>>, end: &impl Fn(ProcessId, Result<(), RunError>)) {
        loop {
            match next(orders, self.deadline()) {
                Ok(order) => self.obey(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            for index in 0..self.nodes.len() {
                if let Some(ended) = self.turn(index) {
                    self.nodes[index] = None;
                    end(ProcessId(index as u32), ended);
                }
            }
        }
    }

    /// A turn of one of them. If it was the last, how it ended.
    fn turn(&mut self, index: usize) -> Option<Result<(), RunError>> {
        let node = &mut self.nodes[index].as_mut()?.node;
        match node.turn(false) {
            Ok(true) => None,
            Ok(false) => Some(node.finish()),
            Err(error) => Some(Err(error)),
        }
    }

    /// Until when nobody has anything to do unless there is an order.
    fn deadline(&self) -> Option<Instant> {
        self.nodes.iter().flatten().filter_map(|seat| seat.node.deadline()).min()
    }

    fn obey(&mut self, order: Order<P>) {
        match order {
            Order::Start(p, started) => {
                let _ = started.send(self.start(p));
            }
            Order::Input(p, input) => {
                if let Some(seat) = &self.nodes[p.index()] {
                    seat.inputs.notice(input);
                }
            }
        }
    }

    fn start(&mut self, p: ProcessId) -> Result<u64, RunError> {
        let config = &self.configs[p.index()];
        let inputs = Arc::new(Mailbox::new(config.links.inbox));
        let way_in = &self.way_in;
        let connect = |options, inbox| way_in.join(&options, inbox);
        let mut node = Node::open(&OsDisk, config, Arc::clone(&inputs), None, connect)?;
        way_in.listen(&mut node, p);
        let incarnation = node.incarnation();
        self.nodes[p.index()] = Some(Seat { node, inputs });
        Ok(incarnation)
    }
}

/// The next order, if there is one in time.
fn next<T>(orders: &Receiver<T>, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
    match deadline {
        Some(deadline) => orders.recv_timeout(deadline.saturating_duration_since(Instant::now())),
        None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
    }
}
