//! Log replication (§5.3), and when an entry is committed (§5.4.2).

use super::message::{AppendEntries, Message, Mismatch, Timer};
use super::requests::Origin;
use super::snapshot::Outgoing;
use super::{Defect, Entry, Payload, Raft, Role};
use std::collections::{BTreeMap, VecDeque};
use synod_model::interface::{LogIndex, StateMachine, Term, Witness};
use synod_model::prelude::*;

/// What a leader knows besides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Leading<S: StateMachine> {
    /// Of each other member.
    pub(super) peers: BTreeMap<ProcessId, Progress<S>>,
    /// The index up to which its own log is durable.
    own_match: LogIndex,
    /// The index of the first entry of its term: once that is committed, all before it are.
    pub(super) first: LogIndex,
    /// Who asked for what is not yet committed.
    pub(super) pending: BTreeMap<LogIndex, Origin>,
    /// Whom it hands its leadership to.
    pub(super) transfer: Option<ProcessId>,
    /// Whether it ever tried to, in this term: who was told to stand may do so late, and nobody holds out for this leader then.
    pub(super) offered: bool,
    pub(super) reads: super::reads::Rounds,
}

/// What a leader knows of a follower.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Progress<S: StateMachine> {
    /// `nextIndex`: of the entry that is sent next.
    pub(super) next_index: LogIndex,
    /// `matchIndex`: up to which the logs are known to match.
    pub(super) match_index: LogIndex,
    pub(super) pace: Pace<S>,
    /// Whether it was heard since the leader last counted.
    pub(super) heard: bool,
    /// Whether it took anything since the last heartbeat.
    moved: bool,
}

/// How a follower is fed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Pace<S: StateMachine> {
    /// Where its log matches is not known: one message, and then its answer.
    Probe { sent: bool },
    /// Messages follow each other; these are on their way, by the index of their last entry.
    Pipeline { in_flight: VecDeque<LogIndex> },
    /// It needs what is not in the log any more.
    Snapshot(Box<Outgoing<S>>),
}

impl<S: StateMachine> Progress<S> {
    fn starting_at(next_index: LogIndex) -> Self {
        let pace = Pace::Probe { sent: false };
        Self { next_index, match_index: LogIndex(0), pace, heard: true, moved: true }
    }

    pub(super) fn each_term(&mut self, each: &mut Renumber<'_>) {
        if let Pace::Snapshot(outgoing) = &mut self.pace {
            each(outgoing.last_term());
        }
    }

    /// Starts again from what is known to match, or from `next`.
    pub(super) fn probe(&mut self, next: LogIndex) {
        self.next_index = next.max(self.match_index.next());
        self.pace = Pace::Probe { sent: false };
    }
}

impl<S: StateMachine> Leading<S> {
    pub(super) fn new(last: LogIndex, members: &ProcessSet, me: ProcessId) -> Self {
        let mut this = Self {
            peers: BTreeMap::new(),
            own_match: last,
            first: last.next(),
            pending: BTreeMap::new(),
            transfer: None,
            offered: false,
            reads: super::reads::Rounds::default(),
        };
        this.serve(members, me, last.next());
        this
    }

    /// Feeds all of these and nobody else.
    fn serve(&mut self, members: &ProcessSet, me: ProcessId, next: LogIndex) {
        self.peers.retain(|&p, _| members.contains(p));
        for p in members.iter().filter(|&p| p != me) {
            self.peers.entry(p).or_insert_with(|| Progress::starting_at(next));
        }
    }

    /// Who was heard since this was asked last.
    pub(super) fn heard(&mut self) -> ProcessSet {
        let heard = self.peers.iter().filter(|(_, progress)| progress.heard).map(|(&p, _)| p).collect();
        self.peers.values_mut().for_each(|progress| progress.heard = false);
        heard
    }

    pub(super) fn match_index(&self, p: ProcessId, me: ProcessId) -> LogIndex {
        if p == me { self.own_match } else { self.peers.get(&p).map_or(LogIndex(0), |peer| peer.match_index) }
    }
}

/// The leader.
impl<S: StateMachine> Raft<S> {
    /// Appends an entry of its term, and has it replicated.
    pub(super) fn propose(
        &mut self,
        payload: Payload<S::Command>,
        origin: Option<Origin>,
        ctx: &mut impl Context<Self>,
    ) {
        let (after, me) = (self.log.last_index(), ctx.me());
        let changes = matches!(payload, Payload::Configuration(_));
        let entry = Entry { term: self.current_term, payload };
        let index = after.next();
        if self.parameters.write_in_parallel {
            // sent while it is written; its own acknowledgement is held back until it is
            self.log.replace_after(after, [entry.clone()]);
            self.proposed(index, origin, changes, me);
            self.replicate_all(ctx);
            self.write(after, vec![entry], ctx);
            self.acknowledge_own(ctx);
        } else {
            self.write(after, vec![entry], ctx);
            self.proposed(index, origin, changes, me);
            self.replicate_all(ctx);
            self.on_own_match(index, ctx);
        }
    }

    /// Tells itself up to where its log is durable: this is held back until it is, and may be lost.
    fn acknowledge_own(&self, ctx: &mut impl Context<Self>) {
        let Role::Leader(leading) = &self.role else { return };
        let last = self.log.last_index();
        if leading.own_match < last {
            let appended = Message::Appended { term: self.current_term, result: Ok(last), round: 0 };
            ctx.send(ctx.me(), appended);
        }
    }

    fn proposed(&mut self, index: LogIndex, origin: Option<Origin>, changes: bool, me: ProcessId) {
        let members = changes.then(|| self.configuration().members());
        let Role::Leader(leading) = &mut self.role else { unreachable!("a leader proposes") };
        if let Some(members) = members {
            leading.serve(&members, me, index);
        }
        if let Some(origin) = origin {
            leading.pending.insert(index, origin);
        }
    }

    /// Its own log is durable up to here.
    fn on_own_match(&mut self, index: LogIndex, ctx: &mut impl Context<Self>) {
        let Role::Leader(leading) = &mut self.role else { return };
        leading.own_match = leading.own_match.max(index);
        self.try_commit(ctx);
    }

    pub(super) fn replicate_all(&mut self, ctx: &mut impl Context<Self>) {
        let Role::Leader(leading) = &self.role else { return };
        for p in leading.peers.keys().copied().collect::<Vec<_>>() {
            self.replicate(p, ctx);
        }
    }

    /// Sends a follower what it may be sent now.
    pub(super) fn replicate(&mut self, to: ProcessId, ctx: &mut impl Context<Self>) {
        while let Some(message) = self.next_message(to) {
            ctx.send(to, message);
        }
    }

    /// The next message with entries that a follower may be sent now.
    fn next_message(&mut self, to: ProcessId) -> Option<Message<S>> {
        let (last, base) = (self.log.last_index(), self.log.base());
        let (entries_max, in_flight_max) = (self.parameters.entries_max, self.parameters.in_flight_max);
        let Role::Leader(leading) = &mut self.role else { return None };
        let progress = leading.peers.get_mut(&to)?;
        if progress.next_index <= base && !matches!(progress.pace, Pace::Snapshot(_)) {
            return self.begin_snapshot(to);
        }
        let prev = progress.next_index.previous();
        match &mut progress.pace {
            Pace::Probe { sent: true } | Pace::Snapshot(_) => return None,
            Pace::Probe { sent } if progress.next_index <= last => *sent = true,
            Pace::Pipeline { in_flight }
                if in_flight.len() < in_flight_max && progress.next_index <= last =>
            {
                let until = (prev + entries_max).min(last);
                in_flight.push_back(until);
                progress.next_index = until.next();
            }
            Pace::Probe { .. } | Pace::Pipeline { .. } => return None,
        }
        Some(self.append_entries(prev, entries_max))
    }

    /// At most so many entries after `prev`.
    fn append_entries(&self, prev: LogIndex, entries_max: usize) -> Message<S> {
        let Role::Leader(leading) = &self.role else { unreachable!("a leader sends entries") };
        let entries = self.log.after(prev);
        Message::AppendEntries(AppendEntries {
            term: self.current_term,
            prev_log_index: prev,
            prev_log_term: self.log.term_at(prev).unwrap_or_default(),
            entries: entries[..entries.len().min(entries_max)].to_vec(),
            leader_commit: self.commit_index,
            round: leading.reads.round(),
        })
    }

    // upon event ⟨Timeout⟩, of the heartbeat
    pub(super) fn on_heartbeat(&mut self, ctx: &mut impl Context<Self>) {
        ctx.set_timer(Timer::Heartbeat, self.parameters.heartbeat);
        self.begin_lease(ctx);
        self.acknowledge_own(ctx);
        self.heartbeat_all(ctx);
    }

    pub(super) fn heartbeat_all(&mut self, ctx: &mut impl Context<Self>) {
        let Role::Leader(leading) = &self.role else { return };
        for p in leading.peers.keys().copied().collect::<Vec<_>>() {
            self.heartbeat(p, ctx);
        }
    }

    /// Lets a follower hear its leader; one that took nothing since the last time is sent what it should have had again.
    fn heartbeat(&mut self, to: ProcessId, ctx: &mut impl Context<Self>) {
        let Role::Leader(leading) = &mut self.role else { return };
        let Some(progress) = leading.peers.get_mut(&to) else { return };
        let stuck = !std::mem::take(&mut progress.moved);
        match &mut progress.pace {
            Pace::Snapshot(outgoing) => return ctx.send(to, outgoing.message(self.current_term)),
            Pace::Pipeline { in_flight } if stuck && !in_flight.is_empty() => progress.probe(LogIndex(0)),
            Pace::Probe { sent } => *sent = false,
            Pace::Pipeline { .. } => {}
        }
        let prev = progress.next_index.previous();
        if self.has(Defect::CommitsUnmatched) {
            return ctx.send(to, self.append_entries(prev, 0));
        }
        match self.next_message(to) {
            Some(message) => ctx.send(to, message),
            None => ctx.send(to, self.append_entries(prev, 0)),
        }
    }

    // upon event ⟨fll, Deliver | from, [APPENDED, term, result]⟩
    pub(super) fn on_appended(
        &mut self,
        from: ProcessId,
        term: Term,
        result: Result<LogIndex, Mismatch>,
        round: u64,
        ctx: &mut impl Context<Self>,
    ) {
        self.see(term, ctx);
        if term != self.current_term {
            return;
        }
        let me = ctx.me();
        match result {
            Ok(index) if from == me => return self.on_own_match(index, ctx),
            Ok(index) => self.on_match(from, index, ctx),
            Err(mismatch) => self.on_mismatch(from, mismatch),
        }
        self.on_round(from, round, ctx);
        self.replicate(from, ctx);
    }

    fn on_match(&mut self, from: ProcessId, index: LogIndex, ctx: &mut impl Context<Self>) {
        let Role::Leader(leading) = &mut self.role else { return };
        let Some(progress) = leading.peers.get_mut(&from) else { return };
        progress.heard = true;
        progress.moved |= index > progress.match_index;
        progress.match_index = progress.match_index.max(index);
        match &mut progress.pace {
            Pace::Pipeline { in_flight } => in_flight.retain(|&last| last > index),
            Pace::Probe { .. } => {
                progress.pace = Pace::Pipeline { in_flight: VecDeque::new() };
                progress.next_index = progress.match_index.next();
            }
            Pace::Snapshot(_) => {}
        }
        self.hand_over(ctx);
        self.try_commit(ctx);
    }

    fn on_mismatch(&mut self, from: ProcessId, mismatch: Mismatch) {
        let Role::Leader(leading) = &mut self.role else { return };
        let Some(progress) = leading.peers.get_mut(&from) else { return };
        progress.heard = true;
        // an answer that was late: since then it has matched further
        let stale = mismatch.prev_log_index <= progress.match_index;
        if !stale && !matches!(progress.pace, Pace::Snapshot(_)) {
            progress.probe(mismatch.hint.next().min(mismatch.prev_log_index));
        }
    }

    /// "If there exists an N > commitIndex such that a majority of matchIndex\[i\] ≥ N, and log\[N\].term = currentTerm" (Figure 2).
    fn try_commit(&mut self, ctx: &mut impl Context<Self>) {
        let me = ctx.me();
        let Role::Leader(leading) = &self.role else { return };
        let reached = self.configuration().reached_by(|p| leading.match_index(p, me).0);
        let index = LogIndex(reached).min(self.log.last_index());
        let of_this_term = self.log.term_at(index) == Some(self.current_term);
        if of_this_term || self.has(Defect::CommitsOlderTerms) {
            self.commit(index, ctx);
        }
    }
}

/// The follower.
impl<S: StateMachine> Raft<S> {
    // upon event ⟨fll, Deliver | ℓ, [APPEND-ENTRIES, ..]⟩
    pub(super) fn on_append_entries(
        &mut self,
        leader: ProcessId,
        append: AppendEntries<S::Command>,
        ctx: &mut impl Context<Self>,
    ) {
        let AppendEntries { term, prev_log_index, round, leader_commit, .. } = append;
        if !self.hears(leader, term, ctx) {
            let result = Err(Mismatch { prev_log_index, hint: LogIndex(0) });
            return ctx.send(leader, Message::Appended { term: self.current_term, result, round });
        }
        let result = self.take(append, ctx);
        ctx.send(leader, Message::Appended { term, result, round });
        if let Ok(matches) = result {
            let up_to = if self.has(Defect::CommitsUnmatched) { self.log.last_index() } else { matches };
            self.commit(leader_commit.min(up_to), ctx);
        }
    }

    /// Takes entries into its log, if they follow what is there; the index up to which it matches the leader's then.
    fn take(
        &mut self,
        append: AppendEntries<S::Command>,
        ctx: &mut impl Context<Self>,
    ) -> Result<LogIndex, Mismatch> {
        let AppendEntries { prev_log_index: prev, prev_log_term, entries, .. } = append;
        // what the base stands for is committed, and so it matches
        if prev >= self.log.base() && self.log.term_at(prev) != Some(prev_log_term) {
            let hint = self.log.last_up_to(prev.previous(), prev_log_term);
            return Err(Mismatch { prev_log_index: prev, hint });
        }
        let last = prev + entries.len();
        // "If an existing entry conflicts with a new one (same index but different terms), delete it and all that follow" - and no
        // other: what follows a match may be newer than this message.
        let mut index = prev;
        let mut new = entries.into_iter().skip_while(|entry| {
            let there = index.next() <= self.log.base() || self.log.term_at(index.next()) == Some(entry.term);
            index = if there { index.next() } else { index };
            there
        });
        let first = new.next();
        let new: Vec<_> = first.into_iter().chain(new).collect();
        if !new.is_empty() || (self.has(Defect::TruncatesAlways) && last < self.log.last_index()) {
            self.write(index.max(self.log.base()), new, ctx);
        }
        Ok(last)
    }
}

/// Both, once they know what is committed.
impl<S: StateMachine> Raft<S> {
    /// All up to `index` is committed: it is executed.
    pub(super) fn commit(&mut self, index: LogIndex, ctx: &mut impl Context<Self>) {
        if index <= self.commit_index {
            if self.has(Defect::CommitGoesBack) && index < self.commit_index {
                self.commit_index = index;
                self.witness(|_| Witness::Committed { index, term: self.current_term }, ctx);
            }
            return;
        }
        self.commit_index = index;
        self.witness(|_| Witness::Committed { index, term: self.current_term }, ctx);
        self.apply(ctx);
        self.compact(ctx);
    }

    /// "If commitIndex > lastApplied: increment lastApplied, apply log\[lastApplied\] to state machine."
    fn apply(&mut self, ctx: &mut impl Context<Self>) {
        while self.replica.last_applied < self.commit_index {
            let index = self.replica.last_applied.next();
            let Some(entry) = self.log.get(index) else { break };
            let (outcome, afresh) = self.replica.apply(&entry.payload);
            self.witness(|_| Witness::Executed { index, payload: entry.payload.clone(), afresh }, ctx);
            let changes = matches!(entry.payload, Payload::Configuration(_));
            let origin = match &mut self.role {
                Role::Leader(leading) => leading.pending.remove(&index),
                _ => None,
            };
            if changes {
                self.on_configuration(index, origin, ctx);
            } else if let Some(origin) = origin {
                self.tell(origin, outcome, ctx);
            }
        }
        self.answer_queries(ctx);
    }
}
