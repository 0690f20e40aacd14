//! Perfect links between the nodes of one OS process.
//!
//! The sender's thread puts a payload into the receiver's inbox; there is no thread and no queue between them as long
//! as the receiver has room. What it has no room for, what a cut holds, and what comes while the receiver is down waits
//! with the link, in order; the receiver fetches it once a turn ([`Links::poll`]).
//!
//! Who sends is known by whom the links were given to: nothing needs to be proved below the messages. Signatures
//! within messages are made and checked as on every other link, with keys.
//!
//! # Bounds
//! As on TCP: beyond `queue_soft` bytes for a peer that lives the links are congested; when `queue_hard` are reached, all
//! that waits is dropped, and counted as outside of the model if the receiver lives.
//!
//! # Incarnations
//! Each must be greater than all before it, or it is refused; of an older one nothing is taken any more. What waits with a
//! sender is lost with it.

use super::complaints::Complaints;
use super::stream::locked;
use super::{Inbox, LinkError, LinkOptions, LinkSettings, LinkStatus, Links, PAYLOAD_LENGTH_MAX};
use crate::proxy::{Passed, Way};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use synod_model::ProcessId;

/// What joins the nodes of one OS process.
pub struct Network {
    queue_soft: usize,
    queue_hard: usize,
    pairs: BTreeMap<Way, Pair>,
    /// The latest incarnation of each process.
    latest: Mutex<BTreeMap<ProcessId, u64>>,
}

/// A link, one way.
#[derive(Default)]
struct Pair(Mutex<State>);

#[derive(Default)]
struct State {
    /// The sender's incarnation.
    sender: u64,
    /// While it is up.
    receiver: Option<Receiver>,
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    cut: bool,
    met_cut: u64,
    lost: u64,
    outside_model: u64,
    connections: u64,
}

#[derive(Clone)]
struct Receiver {
    inbox: Arc<dyn Inbox>,
    /// Something waits for it with a link.
    behind: Arc<AtomicBool>,
    complaints: Arc<Complaints>,
}

impl Receiver {
    /// Whether it has room. If it has not, it asks by itself once it has.
    fn offer(&self, from: ProcessId, payload: &[u8]) -> bool {
        // tried twice: it may have made room, and looked, before it was told
        self.put(from, payload) || {
            self.behind.store(true, Ordering::SeqCst);
            self.put(from, payload)
        }
    }

    fn put(&self, from: ProcessId, payload: &[u8]) -> bool {
        self.inbox.offer(from, payload).unwrap_or_else(|rejected| {
            self.complaints.rejected(from, &rejected);
            true
        })
    }
}

impl State {
    fn send(&mut self, from: ProcessId, payload: &[u8], queue_hard: usize) {
        self.met_cut += u64::from(self.cut);
        let is_free = !self.cut && self.waiting.is_empty();
        let mut receiver = self.receiver.iter().filter(|_| is_free);
        if receiver.any(|receiver| receiver.offer(from, payload)) {
            return;
        }
        self.waiting.push_back(payload.to_vec());
        self.bytes += payload.len();
        if self.bytes > queue_hard {
            self.forsake();
        }
    }

    fn forsake(&mut self) {
        let count = self.waiting.len() as u64;
        *(if self.receiver.is_some() { &mut self.outside_model } else { &mut self.lost }) += count;
        self.clear();
    }

    fn clear(&mut self) {
        self.waiting.clear();
        self.bytes = 0;
    }

    /// Hands over what waits, as far as there is room.
    fn hand_over(&mut self, from: ProcessId) {
        let Some(receiver) = self.receiver.as_ref().filter(|_| !self.cut) else { return };
        while let Some(payload) = self.waiting.front() {
            if !receiver.offer(from, payload) {
                return;
            }
            self.bytes -= payload.len();
            self.waiting.pop_front();
        }
    }
}

impl Network {
    /// One for so many processes, with the bounds of `settings`.
    pub fn new(settings: &LinkSettings, processes: u32) -> Arc<Self> {
        let all = || (0..processes).map(ProcessId);
        let ways = all().flat_map(|p| all().filter(move |&q| q != p).map(move |q| (p, q)));
        Arc::new(Self {
            queue_soft: settings.queue_soft,
            queue_hard: settings.queue_hard,
            pairs: ways.map(|way| (way, Pair::default())).collect(),
            latest: Mutex::default(),
        })
    }

    fn from(&self, p: ProcessId) -> impl Iterator<Item = (ProcessId, &Mutex<State>)> {
        self.pairs.iter().filter(move |((from, _), _)| *from == p).map(|((_, to), pair)| (*to, &pair.0))
    }

    fn to(&self, p: ProcessId) -> impl Iterator<Item = (ProcessId, &Mutex<State>)> {
        self.pairs.iter().filter(move |((_, to), _)| *to == p).map(|((from, _), pair)| (*from, &pair.0))
    }

    /// An incarnation of a process joins. The one before it is fenced.
    pub fn join(
        self: &Arc<Self>,
        options: &LinkOptions,
        inbox: Arc<dyn Inbox>,
    ) -> Result<MemoryLinks, LinkError> {
        let &LinkOptions { me, incarnation, .. } = options;
        let mut latest = locked(&self.latest);
        let before = latest.get(&me).copied().unwrap_or(0);
        if incarnation <= before {
            return Err(LinkError::Fenced { process: me, incarnation, latest: before });
        }
        latest.insert(me, incarnation);
        for (_, pair) in self.from(me) {
            let mut state = locked(pair);
            state.sender = incarnation;
            state.clear();
        }
        let (behind, complaints) = (Arc::default(), Arc::default());
        let receiver = Receiver { inbox, behind, complaints };
        for (from, pair) in self.to(me) {
            let mut state = locked(pair);
            state.receiver = Some(receiver.clone());
            state.connections += 1;
            state.hand_over(from);
        }
        Ok(MemoryLinks { network: Arc::clone(self), me, incarnation, receiver })
    }

    fn state(&self, way: Way) -> Result<&Mutex<State>, LinkError> {
        self.pairs.get(&way).map(|pair| &pair.0).ok_or(LinkError::NoSuchPeer(way.1))
    }

    /// Cuts a link, one way: what is sent on it waits, also for incarnations to come.
    pub fn cut(&self, way: Way) -> Result<(), LinkError> {
        locked(self.state(way)?).cut = true;
        Ok(())
    }

    /// Heals it. How many payloads waited.
    pub fn heal(&self, way: Way) -> Result<usize, LinkError> {
        let mut state = locked(self.state(way)?);
        let waited = state.waiting.len();
        state.cut = false;
        state.hand_over(way.0);
        Ok(waited)
    }

    /// What is cut.
    pub fn cuts(&self) -> BTreeSet<Way> {
        self.pairs.iter().filter(|(_, pair)| locked(&pair.0).cut).map(|(&way, _)| way).collect()
    }

    /// What met a cut.
    pub fn passed(&self) -> BTreeMap<Way, Passed> {
        let passed = |pair: &Pair| Passed { met_cut: locked(&pair.0).met_cut, ..Passed::default() };
        self.pairs.iter().map(|(&way, pair)| (way, passed(pair))).collect()
    }
}

/// All links of one incarnation. Dropped, it has left.
pub struct MemoryLinks {
    network: Arc<Network>,
    me: ProcessId,
    incarnation: u64,
    receiver: Receiver,
}

impl Links for MemoryLinks {
    fn send(&self, to: ProcessId, payload: &[u8]) -> Result<(), LinkError> {
        let length = payload.len();
        if length > PAYLOAD_LENGTH_MAX {
            return Err(LinkError::TooLong { length });
        }
        let mut state = locked(self.network.state((self.me, to))?);
        // of an incarnation that is over nothing is taken
        if state.sender == self.incarnation {
            state.send(self.me, payload, self.network.queue_hard);
        }
        Ok(())
    }

    fn poll(&self) {
        if self.receiver.behind.swap(false, Ordering::SeqCst) {
            self.network.to(self.me).for_each(|(from, pair)| locked(pair).hand_over(from));
        }
    }

    fn is_congested(&self) -> bool {
        self.network.from(self.me).any(|(_, pair)| {
            let state = locked(pair);
            state.receiver.is_some() && !state.cut && state.bytes > self.network.queue_soft
        })
    }

    fn cut(&self, to: ProcessId) -> Result<(), LinkError> {
        self.network.cut((self.me, to))
    }

    fn heal(&self, to: ProcessId) -> Result<usize, LinkError> {
        self.network.heal((self.me, to))
    }

    fn status(&self) -> BTreeMap<ProcessId, LinkStatus> {
        let status = |(to, pair): (ProcessId, &Mutex<State>)| {
            let state = locked(pair);
            let status = LinkStatus {
                cut: state.cut,
                connected: state.receiver.is_some() && !state.cut,
                unacknowledged: state.waiting.len(),
                lost: state.lost,
                connections: state.connections,
                queued_bytes: state.bytes,
                outside_model: state.outside_model,
                dropped: self.receiver.complaints.dropped(Some(to)),
                ..LinkStatus::default()
            };
            (to, status)
        };
        self.network.from(self.me).map(status).collect()
    }
}

impl Drop for MemoryLinks {
    fn drop(&mut self) {
        let latest = locked(&self.network.latest);
        // where a later incarnation has joined, there is nothing left of this one
        if latest.get(&self.me) == Some(&self.incarnation) {
            self.network.from(self.me).for_each(|(_, pair)| locked(pair).clear());
            self.network.to(self.me).for_each(|(_, pair)| locked(pair).receiver = None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Rejected;

    const P: ProcessId = ProcessId(0);
    const Q: ProcessId = ProcessId(1);

    /// Takes so many payloads until it is emptied.
    struct Bounded {
        room: usize,
        taken: Mutex<Vec<u8>>,
    }

    impl Bounded {
        fn new(room: usize) -> Arc<Self> {
            Arc::new(Self { room, taken: Mutex::default() })
        }

        fn empty(&self) -> Vec<u8> {
            std::mem::take(&mut locked(&self.taken))
        }
    }

    impl Inbox for Bounded {
        fn deliver(&self, _: ProcessId, _: &[u8]) -> Result<(), Rejected> {
            unreachable!("these links do not wait")
        }

        fn offer(&self, _: ProcessId, payload: &[u8]) -> Result<bool, Rejected> {
            if payload.is_empty() {
                return Err(Rejected::Malformed("empty".to_owned()));
            }
            let mut taken = locked(&self.taken);
            let has_room = taken.len() < self.room;
            taken.extend(payload.iter().filter(|_| has_room));
            Ok(has_room)
        }

        fn client(&self, _: std::net::TcpStream) {}
    }

    fn network() -> Arc<Network> {
        Network::new(&LinkSettings { queue_soft: 4, queue_hard: 8, ..LinkSettings::default() }, 2)
    }

    fn join(
        network: &Arc<Network>,
        me: ProcessId,
        incarnation: u64,
        inbox: &Arc<Bounded>,
    ) -> Result<MemoryLinks, LinkError> {
        let options = LinkOptions { cluster: 7, me, incarnation, peers: BTreeMap::new(), stack: None };
        network.join(&options, Arc::clone(inbox) as Arc<dyn Inbox>)
    }

    fn send(links: &MemoryLinks, payloads: impl IntoIterator<Item = u8>) {
        payloads.into_iter().for_each(|payload| links.send(Q, &[payload]).unwrap());
    }

    #[test]
    fn what_finds_no_room_waits_in_order_and_holds_up_requests_alone() {
        let (network, inbox) = (network(), Bounded::new(2));
        let (p, q) = (join(&network, P, 1, &inbox).unwrap(), join(&network, Q, 1, &inbox).unwrap());
        send(&p, 1..=7);
        assert!(p.is_congested());
        let mut all = inbox.empty();
        while p.status()[&Q].unacknowledged > 0 {
            q.poll();
            all.extend(inbox.empty());
        }
        assert_eq!(all, [1, 2, 3, 4, 5, 6, 7]);
        assert!(!p.is_congested());
        assert!(matches!(p.send(ProcessId(9), &[1]), Err(LinkError::NoSuchPeer(ProcessId(9)))));
    }

    #[test]
    fn a_queue_beyond_its_bound_is_dropped_and_the_loss_is_told() {
        let (network, inbox) = (network(), Bounded::new(0));
        let p = join(&network, P, 1, &inbox).unwrap();
        send(&p, 1..=9);
        assert_eq!((p.status()[&Q].lost, p.status()[&Q].outside_model), (9, 0), "nobody is there");
        let _q = join(&network, Q, 1, &inbox).unwrap();
        send(&p, 1..=10);
        assert_eq!((p.status()[&Q].lost, p.status()[&Q].outside_model), (9, 9), "it lives");
        assert_eq!(p.status()[&Q].queued_bytes, 1);
    }

    #[test]
    fn a_cut_holds_what_is_sent_until_it_is_healed_or_the_sender_is_gone() {
        let (network, inbox) = (network(), Bounded::new(9));
        let (p, _q) = (join(&network, P, 1, &inbox).unwrap(), join(&network, Q, 1, &inbox).unwrap());
        p.cut(Q).unwrap();
        send(&p, [1, 2]);
        assert_eq!((inbox.empty(), network.passed()[&(P, Q)].met_cut), (vec![], 2));
        assert_eq!((p.heal(Q).unwrap(), inbox.empty()), (2, vec![1, 2]));
        p.cut(Q).unwrap();
        send(&p, [3]);
        drop(p);
        assert_eq!(network.heal((P, Q)).unwrap(), 0, "what waits with a sender is lost with it");
    }

    #[test]
    fn an_incarnation_that_is_over_is_fenced() {
        let (network, inbox) = (network(), Bounded::new(9));
        let old = join(&network, P, 2, &inbox).unwrap();
        send(&old, [1]);
        let new = join(&network, P, 3, &inbox).unwrap();
        send(&old, [2]);
        send(&new, [3]);
        drop(old);
        let _q = join(&network, Q, 1, &inbox).unwrap();
        assert_eq!(inbox.empty(), [3], "what waited for a receiver that was down, of the latest sender");
        for incarnation in [2, 3] {
            let refused = join(&network, P, incarnation, &inbox).map(drop);
            assert!(matches!(refused, Err(LinkError::Fenced { latest: 3, .. })), "{refused:?}");
        }
    }

    #[test]
    fn nonsense_is_counted_and_dropped() {
        let (network, inbox) = (network(), Bounded::new(9));
        let (p, q) = (join(&network, P, 1, &inbox).unwrap(), join(&network, Q, 1, &inbox).unwrap());
        p.send(Q, &[]).unwrap();
        send(&p, [1]);
        assert_eq!((inbox.empty(), q.status()[&P].dropped.malformed), (vec![1], 1));
        let long = vec![0; PAYLOAD_LENGTH_MAX + 1];
        assert!(matches!(p.send(Q, &long), Err(LinkError::TooLong { .. })));
    }
}
