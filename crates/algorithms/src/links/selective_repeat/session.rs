//! The two ends of a session of selective repeat.

use super::super::{RetransmissionTimeout, SequenceNumber};
use super::{Incarnation, Parameters, SelectiveRepeat};
use crate::congestion::CongestionWindow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use synod_model::prelude::*;

/// What is kept of another process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Peer<M> {
    /// Its incarnation, once known.
    pub(super) incarnation: Option<Incarnation>,
    pub(super) outgoing: Outgoing<M>,
    pub(super) incoming: Incoming,
}

impl<M: Value> Peer<M> {
    pub(super) fn new(parameters: &Parameters) -> Self {
        Self { incarnation: None, outgoing: Outgoing::new(parameters), incoming: Incoming::default() }
    }
}

/// The receiver's end of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Incoming {
    /// All before this number has arrived.
    pub(super) next: u64,
    /// What has arrived beyond it: from a number up to another, without it.
    pub(super) beyond: BTreeMap<u64, u64>,
    /// How many have arrived since the last acknowledgement.
    pub(super) arrived: u32,
}

impl Incoming {
    /// Whether it is the first of this number.
    pub(super) fn insert(&mut self, sn: u64) -> bool {
        if sn == self.next {
            self.next += 1;
            if let Some(to) = self.beyond.remove(&self.next) {
                self.next = to;
            }
            return true;
        }
        let below = self.beyond.range(..=sn).next_back().map(|(&from, &to)| (from, to));
        if sn < self.next || below.is_some_and(|(_, to)| sn < to) {
            return false;
        }
        let to = self.beyond.remove(&(sn + 1)).unwrap_or(sn + 1);
        let from = below.filter(|&(_, to)| to == sn).map_or(sn, |(from, _)| from);
        self.beyond.insert(from, to);
        true
    }
}

/// A message that was transmitted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct UnderWay<M> {
    /// Nothing once it is acknowledged.
    message: Option<M>,
    /// The number that was next when it was transmitted last: what has a number from here on was sent after it.
    before: u64,
}

/// The sender's end of a session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Outgoing<M> {
    /// What was never transmitted in this session.
    pub(super) queue: VecDeque<M>,
    /// What was, from the first on that is not acknowledged.
    under_way: VecDeque<UnderWay<M>>,
    /// The number of the first of them.
    pub(super) first: u64,
    /// How many of them are acknowledged.
    pub(super) acknowledged: usize,
    /// Which of them are taken to be lost.
    pub(super) lost: BTreeSet<u64>,
    pub(super) window: CongestionWindow,
    pub(super) timeout: RetransmissionTimeout,
    /// After how many pulses without news all that is under way is taken to be lost.
    pub(super) patience: u32,
    /// Whose round trip is measured, and how many pulses it has taken.
    pub(super) timed: Option<(u64, u32)>,
    /// The window was made smaller for a loss: those of messages before this one belong to it.
    pub(super) recovery: u64,
    pub(super) lost_with_incarnations: usize,
}

impl<M: Value> Outgoing<M> {
    pub(super) fn new(parameters: &Parameters) -> Self {
        let timeout = RetransmissionTimeout::new(parameters.timeout);
        Self {
            queue: VecDeque::new(),
            under_way: VecDeque::new(),
            first: 0,
            acknowledged: 0,
            lost: BTreeSet::new(),
            window: CongestionWindow::new(parameters.window),
            timeout,
            patience: pulses(&timeout),
            timed: None,
            recovery: 0,
            lost_with_incarnations: 0,
        }
    }

    /// The session with another incarnation of the receiver.
    pub(super) fn renew(&mut self, parameters: &Parameters) {
        let queue = std::mem::take(&mut self.queue);
        let lost_with_incarnations = self.lost_with_incarnations + self.unacknowledged();
        *self = Self { queue, lost_with_incarnations, ..Self::new(parameters) };
    }

    /// The number of the next message that is new.
    pub(super) fn next_sn(&self) -> u64 {
        self.first + self.under_way.len() as u64
    }

    /// How many were transmitted and are not acknowledged.
    pub(super) fn unacknowledged(&self) -> usize {
        self.under_way.len() - self.acknowledged
    }

    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.unacknowledged() == 0
    }

    /// Whether the window lets no more through: of what is taken to be lost nothing is under way.
    pub(super) fn is_full(&self) -> bool {
        self.unacknowledged() - self.lost.len() >= self.window.current() as usize
    }

    pub(super) fn is_spanned(&self, parameters: &Parameters) -> bool {
        self.under_way.len() as u64 >= parameters.span()
    }

    /// Whether something waits for an acknowledgement to be sent.
    pub(super) fn waits_for_room(&self, parameters: &Parameters) -> bool {
        let waits = !self.lost.is_empty() || !self.queue.is_empty();
        waits && (self.is_full() || self.lost.is_empty() && self.is_spanned(parameters))
    }

    /// The next message to transmit.
    pub(super) fn next(&mut self, parameters: &Parameters) -> Option<(SequenceNumber, M)> {
        if self.is_full() {
            return None;
        }
        let next_sn = self.next_sn();
        if let Some(sn) = self.lost.pop_first() {
            let again = &mut self.under_way[(sn - self.first) as usize];
            again.before = next_sn;
            // of what is sent twice no round trip is measured
            self.timed.take_if(|(timed, _)| *timed == sn);
            return again.message.clone().map(|message| (SequenceNumber(sn), message));
        }
        if self.is_spanned(parameters) {
            return None;
        }
        let message = self.queue.pop_front()?;
        self.under_way.push_back(UnderWay { message: Some(message.clone()), before: next_sn + 1 });
        self.timed.get_or_insert((next_sn, 0));
        Some((SequenceNumber(next_sn), message))
    }

    /// How many of them are acknowledged for the first time. (Of what was never sent, none.)
    pub(super) fn acknowledge_all_before(&mut self, next: u64) -> u32 {
        let newly = self.acknowledge(self.first..next);
        while self.under_way.front().is_some_and(|front| front.message.is_none()) {
            self.under_way.pop_front();
            self.first += 1;
            self.acknowledged -= 1;
        }
        newly
    }

    pub(super) fn acknowledge(&mut self, numbers: Range<u64>) -> u32 {
        let mut newly = 0;
        for sn in numbers.start.max(self.first)..numbers.end.min(self.next_sn()) {
            if self.under_way[(sn - self.first) as usize].message.take().is_some() {
                newly += 1;
                self.lost.remove(&sn);
                if let Some((_, pulses)) = self.timed.take_if(|(timed, _)| *timed == sn) {
                    self.timeout.measured(PULSE * pulses);
                }
            }
        }
        self.acknowledged += newly as usize;
        newly
    }

    /// `highest` has arrived: what was sent so much before it and has not is lost. Whether there was such.
    pub(super) fn infer_losses(&mut self, highest: u64, parameters: &Parameters) -> bool {
        let mut found = None;
        let sent = self.under_way.iter().zip(self.first..);
        for (_, sn) in sent.take_while(|&(_, sn)| sn < highest).filter(|(sent, _)| {
            sent.message.is_some() && sent.before + u64::from(parameters.reordering) <= highest + 1
        }) {
            if self.lost.insert(sn) {
                found = Some(sn);
            }
        }
        if found.is_some_and(|last| last >= self.recovery) {
            self.recovery = self.next_sn();
            self.window.lost();
        }
        found.is_some()
    }

    /// A pulse without news. Whether that was too long.
    pub(super) fn pulse(&mut self) -> bool {
        if let Some((_, pulses)) = &mut self.timed {
            *pulses += 1;
        }
        self.patience = self.patience.saturating_sub(1);
        self.patience == 0
    }

    /// All that is under way is taken to be lost.
    pub(super) fn expire(&mut self) {
        self.timeout.expired();
        self.timed = None;
        if self.unacknowledged() > 0 {
            self.window.expired();
            self.recovery = self.next_sn();
        }
        let sent = self.under_way.iter().zip(self.first..);
        self.lost.extend(sent.filter(|(sent, _)| sent.message.is_some()).map(|(_, sn)| sn));
    }

    /// There was news: the timeout begins anew.
    pub(super) fn wait(&mut self, parameters: &Parameters, ctx: &mut impl Context<SelectiveRepeat<M>>) {
        let timeout = pulses(&self.timeout);
        // any lengthening is safe: the timeout is a guess
        let longer = if parameters.jitter { ctx.choose(1 + timeout / 4) } else { 0 };
        self.patience = timeout + longer;
    }
}

/// What stands for a pulse in durations.
const PULSE: Duration = Duration::from_millis(1);

/// The timeout in pulses.
fn pulses(timeout: &RetransmissionTimeout) -> u32 {
    (timeout.current().as_millis() as u32).max(1)
}
