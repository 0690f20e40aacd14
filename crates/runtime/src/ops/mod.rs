//! What operators ask of a node, over HTTP at an address of its own: `/metrics`, `/healthz`, `/readyz`; and how its OS
//! process is told to end ([`signals`]).
//!
//! The thread that owns the process counts in plain fields ([`Tally`]), and looks once a turn whether it is asked. If so, it
//! copies its figures out: that it answers is the sign that it turns. An answer costs the message path nothing; whoever
//! asks waits a little, and is told the figures before if there are no new ones.

mod answers;
mod http;
mod metrics;
pub(crate) mod signals;

pub(crate) use answers::{About, Desk};
pub(crate) use http::Server;

use crate::client::NodeStatus;
use serde::{Deserialize, Deserializer};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use synod_model::{Group, ProcessId};

/// Upper bounds of the classes of sync latencies, in microseconds.
const LATENCIES: [u64; 16] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 10_000_000,
];

/// Reads where operators ask: an address, or a port alone, which is one of loopback.
pub(crate) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a port, or an address such as \"127.0.0.1:9100\"")]
    enum Place {
        Port(u16),
        Address(SocketAddr),
    }
    Ok(Option::<Place>::deserialize(deserializer)?.map(|place| match place {
        Place::Port(port) => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        Place::Address(address) => address,
    }))
}

/// What the node's thread counts besides what its parts count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// By process: how many messages were sent to it, and came from it.
    traffic: Vec<Traffic>,
    pub(crate) requests_taken: u64,
    pub(crate) requests_refused: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Traffic {
    sent: u64,
    received: u64,
}

impl Tally {
    pub(crate) fn new(group: Group) -> Self {
        let count = group.members().map(|p| p.index() + 1).max().unwrap_or(0);
        Self { traffic: vec![Traffic::default(); count], ..Self::default() }
    }

    pub(crate) fn sent(&mut self, to: ProcessId) {
        if let Some(traffic) = self.traffic.get_mut(to.index()) {
            traffic.sent += 1;
        }
    }

    pub(crate) fn received(&mut self, from: ProcessId) {
        if let Some(traffic) = self.traffic.get_mut(from.index()) {
            traffic.received += 1;
        }
    }

    fn traffic(&self, p: ProcessId) -> Traffic {
        self.traffic.get(p.index()).copied().unwrap_or_default()
    }
}

/// How long something took, again and again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies {
    /// By class; the last one has what is beyond all bounds.
    classes: [u64; LATENCIES.len() + 1],
    total: Duration,
}

impl Latencies {
    pub(crate) fn add(&mut self, took: Duration) {
        let class = LATENCIES.partition_point(|&most| Duration::from_micros(most) < took);
        self.classes[class] += 1;
        self.total += took;
    }

    fn count(&self) -> u64 {
        self.classes.iter().sum()
    }
}

/// How a node is, in numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) status: NodeStatus,
    pub(crate) tally: Tally,
    pub(crate) syncs: Latencies,
    /// How many writes are durable, and how many snapshots were made.
    pub(crate) writes: u64,
    pub(crate) snapshots: u64,
    pub(crate) clients: usize,
    /// How many inputs wait for their turn, and how many bytes the messages among them have.
    pub(crate) waiting: usize,
    pub(crate) waiting_bytes: usize,
    pub(crate) congested: bool,
}

/// How far a node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It reads its log.
    #[default]
    Recovers,
    /// It turns.
    Runs,
    /// It takes nothing any more, and lets leave what is left.
    Stops,
}

/// What the node's thread and those who ask have in common.
pub(crate) struct Watch {
    /// Somebody waits for figures.
    asked: AtomicBool,
    known: Mutex<Known>,
    answered: Condvar,
    /// Makes a node turn that has nothing to do.
    wake: Box<dyn Fn() + Send + Sync>,
}

/// What is known of a node.
#[derive(Clone, Default)]
pub(crate) struct Known {
    phase: Phase,
    /// The latest figures, and when they were true.
    figures: Option<(Instant, Arc<Figures>)>,
    /// Since when it is asked in vain.
    asked_at: Option<Instant>,
}

impl Watch {
    pub(crate) fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            asked: AtomicBool::new(false),
            known: Mutex::default(),
            answered: Condvar::new(),
            wake: Box::new(wake),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The node gets this far.
    pub(crate) fn enter(&self, phase: Phase) {
        self.lock().phase = phase;
        self.answered.notify_all();
    }

    /// Whether the node's thread is to answer in this turn.
    #[inline]
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// It answers.
    pub(crate) fn answer(&self, figures: Figures) {
        self.asked.store(false, Ordering::SeqCst);
        let mut known = self.lock();
        (known.figures, known.asked_at) = (Some((Instant::now(), Arc::new(figures))), None);
        self.answered.notify_all();
    }

    /// What is known now; waits so long for something new.
    fn ask(&self, patience: Duration) -> Known {
        let mut known = self.lock();
        if known.phase != Phase::Runs {
            return known.clone();
        }
        let now = Instant::now();
        known.asked_at.get_or_insert(now);
        if !self.asked.swap(true, Ordering::SeqCst) {
            (self.wake)();
        }
        let old = |known: &mut Known| {
            known.phase == Phase::Runs && known.figures.as_ref().is_none_or(|(at, _)| *at <= now)
        };
        let waited = self.answered.wait_timeout_while(known, patience, old);
        waited.unwrap_or_else(PoisonError::into_inner).0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn a_node_that_turns_answers_and_one_that_does_not_is_told_by_since_when() {
        let (wake, woken) = mpsc::sync_channel(1);
        let watch = Arc::new(Watch::new(move || wake.send(()).unwrap()));
        assert!(watch.ask(Duration::MAX).figures.is_none(), "it reads its log: nobody waits");
        watch.enter(Phase::Runs);
        let node = thread::spawn({
            let watch = Arc::clone(&watch);
            move || {
                woken.recv().unwrap();
                assert!(watch.is_asked());
                watch.answer(Figures { clients: 7, ..Figures::default() });
                woken
            }
        });
        let known = watch.ask(Duration::from_mins(1));
        let woken = node.join().unwrap();
        assert_eq!((known.figures.map(|(_, figures)| figures.clients), known.asked_at), (Some(7), None));
        // now it hangs: it is woken once, and remembered since when
        let since = watch.ask(Duration::ZERO).asked_at;
        assert!(since.is_some() && watch.ask(Duration::ZERO).asked_at == since);
        assert_eq!((woken.try_recv(), woken.try_recv().is_err()), (Ok(()), true));
    }

    #[test]
    fn latencies_are_counted_in_the_class_that_bounds_them() {
        let mut latencies = Latencies::default();
        for micros in [1, 50, 51, 100, 3_000, 60_000_000] {
            latencies.add(Duration::from_micros(micros));
        }
        assert_eq!((latencies.classes[0], latencies.classes[1], latencies.classes[6]), (2, 2, 1));
        assert_eq!((latencies.classes[LATENCIES.len()], latencies.count()), (1, 6));
    }

    #[test]
    fn a_port_alone_is_one_of_loopback() {
        let read = |text: &str| address(&mut serde_json::Deserializer::from_str(text));
        assert_eq!(read("9100").unwrap(), read("\"127.0.0.1:9100\"").unwrap());
        assert_eq!(read("\"0.0.0.0:9100\"").unwrap(), Some(SocketAddr::from(([0, 0, 0, 0], 9100))));
        assert_eq!(read("null").unwrap(), None);
        let refused = read("\"here\"").unwrap_err().to_string();
        assert!(refused.contains("a port, or an address"), "{refused}");
    }
}
