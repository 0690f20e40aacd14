//! Snapshots (§7): the log is compacted, and who needs what it had is sent what that came to.

use super::ledger::install;
use super::message::{InstallSnapshot, Message};
use super::replication::Pace;
use super::{Configuration, Defect, Raft, Replica, Role, Sessions, Snapshot, Write};
use synod_model::interface::{LogIndex, StateMachine, Term, Witness};
use synod_model::prelude::*;

/// A snapshot on its way to a follower.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Outgoing<S: StateMachine> {
    index: LogIndex,
    last_term: Term,
    configuration: Option<Configuration>,
    sessions: Sessions<S::Answer>,
    pieces: Vec<S>,
    /// The piece that is wanted.
    next: usize,
}

impl<S: StateMachine> Outgoing<S> {
    pub(super) fn last_term(&mut self) -> &mut u64 {
        &mut self.last_term.0
    }

    pub(super) fn message(&self, term: Term) -> Message<S> {
        let sessions = if self.next == 0 { self.sessions.clone() } else { Sessions::default() };
        let machine = self.pieces[self.next].clone();
        Message::InstallSnapshot(Box::new(InstallSnapshot {
            term,
            last_term: self.last_term,
            configuration: self.configuration.clone(),
            piece: self.next,
            pieces: self.pieces.len(),
            content: Replica { last_applied: self.index, sessions, machine },
        }))
    }
}

/// A snapshot of which the first pieces are here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Incoming<S: StateMachine> {
    snapshot: Snapshot<S>,
    next: usize,
}

/// Everybody.
impl<S: StateMachine> Raft<S> {
    /// Lets go of what is executed, once there is enough of it.
    pub(super) fn compact(&mut self, ctx: &mut impl Context<Self>) {
        let (after, keep) = (self.parameters.compact_after, self.parameters.compact_keep);
        let executed = (self.replica.last_applied.0 - self.log.base().0) as usize;
        if after == 0 || executed < after + keep {
            return;
        }
        let through = LogIndex(self.replica.last_applied.0 - keep as u64);
        self.log.compact(through);
        ctx.store(Write::Compact { through });
    }
}

/// The leader.
impl<S: StateMachine> Raft<S> {
    /// Begins to send a follower what the log has come to until now.
    pub(super) fn begin_snapshot(&mut self, to: ProcessId) -> Option<Message<S>> {
        let index = self.replica.last_applied;
        let outgoing = Outgoing {
            index,
            last_term: self.log.term_at(index)?,
            configuration: self.log.configuration_at(index).cloned(),
            sessions: self.replica.sessions.clone(),
            pieces: self.replica.machine.pieces(),
            next: 0,
        };
        let message = outgoing.message(self.current_term);
        let Role::Leader(leading) = &mut self.role else { return None };
        leading.peers.get_mut(&to)?.pace = Pace::Snapshot(Box::new(outgoing));
        Some(message)
    }

    // upon event ⟨fll, Deliver | from, [PIECE-TAKEN, term, index, next]⟩
    pub(super) fn on_piece_taken(
        &mut self,
        from: ProcessId,
        term: Term,
        index: LogIndex,
        next: usize,
        ctx: &mut impl Context<Self>,
    ) {
        self.see(term, ctx);
        let current_term = self.current_term;
        let Role::Leader(leading) = &mut self.role else { return };
        let Some(progress) = leading.peers.get_mut(&from).filter(|_| term == current_term) else { return };
        progress.heard = true;
        let Pace::Snapshot(outgoing) = &mut progress.pace else { return };
        if outgoing.index != index || next == outgoing.next {
            return;
        }
        outgoing.next = next;
        if next < outgoing.pieces.len() {
            return ctx.send(from, outgoing.message(current_term));
        }
        progress.match_index = progress.match_index.max(index);
        progress.probe(index.next());
        self.replicate(from, ctx);
    }
}

/// The follower.
impl<S: StateMachine> Raft<S> {
    // upon event ⟨fll, Deliver | ℓ, [INSTALL-SNAPSHOT, ..]⟩
    pub(super) fn on_install_snapshot(
        &mut self,
        leader: ProcessId,
        install: InstallSnapshot<S>,
        ctx: &mut impl Context<Self>,
    ) {
        let (index, pieces) = (install.content.last_applied, install.pieces);
        let heard = self.hears(leader, install.term, ctx);
        let next = match heard {
            false => 0,
            true if index <= self.commit_index => pieces,
            true => self.take_piece(install, ctx),
        };
        ctx.send(leader, Message::PieceTaken { term: self.current_term, index, next });
    }

    /// Takes a piece; which one it wants next.
    fn take_piece(&mut self, install: InstallSnapshot<S>, ctx: &mut impl Context<Self>) -> usize {
        let InstallSnapshot { last_term, configuration, piece, pieces, content, term } = install;
        let index = content.last_applied;
        if piece == 0 && !self.incoming.as_ref().is_some_and(|there| there.is(index, last_term)) {
            let replica = Replica { machine: S::default(), sessions: content.sessions, ..content };
            self.incoming =
                Some(Incoming { snapshot: Snapshot { last_term, configuration, replica }, next: 0 });
        }
        let Some(incoming) = self.incoming.as_mut().filter(|there| there.is(index, last_term)) else {
            return 0;
        };
        if piece == incoming.next {
            incoming.next += 1;
            if self.parameters.defect != Some(Defect::EmptySnapshot) {
                incoming.snapshot.replica.machine.join(content.machine);
            }
        }
        let next = incoming.next;
        if next == pieces
            && let Some(incoming) = self.incoming.take()
        {
            self.install(incoming.snapshot, ctx);
            if self.has(Defect::SnapshotLowersTerm) && term >= last_term {
                self.vote(last_term, None, ctx);
            }
        }
        next
    }

    /// Replaces what it has executed, and the log up to there, by a snapshot.
    fn install(&mut self, snapshot: Snapshot<S>, ctx: &mut impl Context<Self>) {
        let (index, term) = (snapshot.replica.last_applied, snapshot.last_term);
        install(&mut self.log, &snapshot);
        self.replica = snapshot.replica.clone();
        self.commit_index = index;
        ctx.store(Write::Install(Box::new(snapshot)));
        self.witness(|_| Witness::Installed { index, term }, ctx);
        self.witness(|log| Witness::Logged { after: index, entries: log.entries().to_vec() }, ctx);
        self.answer_queries(ctx);
    }
}

impl<S: StateMachine> Incoming<S> {
    pub(super) fn last_term(&mut self) -> &mut u64 {
        &mut self.snapshot.last_term.0
    }

    fn is(&self, index: LogIndex, last_term: Term) -> bool {
        self.snapshot.replica.last_applied == index && self.snapshot.last_term == last_term
    }
}
