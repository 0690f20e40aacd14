//! What the processes know from the start, and the broken twins.

use synod_model::prelude::*;

/// What all processes know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RaftParameters {
    /// How many of the processes vote at first, from the first one on; all, unless said otherwise.
    pub voters: Option<u32>,
    /// The least election timeout: how long a follower waits at least for its leader.
    #[serde(with = "synod_model::duration")]
    pub election: Duration,
    /// How much longer it waits at most, at random.
    #[serde(with = "synod_model::duration")]
    pub election_spread: Duration,
    /// How many different timeouts there are in between.
    pub election_steps: u32,
    /// The period of a leader's heartbeats.
    #[serde(with = "synod_model::duration")]
    pub heartbeat: Duration,
    /// Whether a process asks whether it would be elected before it begins a term (Ong14 §9.6).
    pub pre_vote: bool,
    /// Whether a leader that hears no majority for an election timeout steps down, and a process that heard its leader within the least
    /// one does not vote (Ong14 §6.2, §4.2.3).
    pub check_quorum: bool,
    /// Whether a leader begins its term with an entry that says nothing, so that it commits those before it (§8).
    pub no_op: bool,
    /// Whether a leader answers queries within a lease, by clocks that run apart by no more than this (parts in a million), and not
    /// by a round of heartbeats for each (Ong14 §6.4.1). Wants `check_quorum`.
    pub lease_drift_ppm: Option<u32>,
    /// Whether a leader sends entries while it writes them, and not after (Ong14 §10.2.1).
    pub write_in_parallel: bool,
    /// Whether a process that does not lead hands a command without a stamp to the leader, in a session of its own.
    pub forwards: bool,
    /// At most so many entries in one message.
    pub entries_max: usize,
    /// At most so many messages with entries on their way to one follower: what is proposed meanwhile goes together with the next.
    pub in_flight_max: usize,
    /// After so many executed entries the log is compacted; never, if 0.
    pub compact_after: usize,
    /// How many of the executed entries stay in the log then, for followers that are a little late.
    pub compact_keep: usize,
    /// How many requests wait at most for a leader, or for its answer.
    pub waiting_max: usize,
    /// For how long a request waits at least before it is given up (and at most twice as long); never, if 0. A process that was
    /// removed, and does not know, never hears of a leader again.
    #[serde(with = "synod_model::duration")]
    pub give_up_after: Duration,
    /// Whether each process tells what judges it: elections, and every change of its log.
    pub witnessed: bool,
    /// The broken twin, if any.
    pub defect: Option<Defect>,
}

impl Default for RaftParameters {
    /// Timeouts of 150 to 300 ms (§9.3), heartbeats of 50 ms, requests given up after 5 s; everything on but leases.
    fn default() -> Self {
        Self {
            voters: None,
            election: Duration::from_millis(150),
            election_spread: Duration::from_millis(150),
            election_steps: 1_000,
            heartbeat: Duration::from_millis(50),
            pre_vote: true,
            check_quorum: true,
            no_op: true,
            lease_drift_ppm: None,
            write_in_parallel: true,
            forwards: true,
            entries_max: 1_024,
            in_flight_max: 4,
            compact_after: 100_000,
            compact_keep: 1_000,
            waiting_max: 10_000,
            give_up_after: Duration::from_secs(5),
            witnessed: false,
            defect: None,
        }
    }
}

impl RaftParameters {
    /// The algorithm of the paper's Figure 2 and nothing else, at its smallest: one message at a time, one length of timeout, and its
    /// judges told of everything. What is explored.
    pub fn figure_2() -> Self {
        Self {
            election_steps: 1,
            pre_vote: false,
            check_quorum: false,
            no_op: false,
            write_in_parallel: false,
            forwards: false,
            entries_max: 1,
            in_flight_max: 1,
            compact_after: 0,
            compact_keep: 0,
            give_up_after: Duration::ZERO,
            witnessed: true,
            ..Self::default()
        }
    }

    /// For how long a leader that has been confirmed knows that nobody else leads: as long as nobody votes who heard it, by the
    /// fastest of clocks there and the slowest here.
    pub(super) fn lease(&self) -> Option<Duration> {
        let drift = u128::from(self.lease_drift_ppm.filter(|_| self.check_quorum)?);
        let nanos = self.election.as_nanos() * 1_000_000_u128.saturating_sub(drift) / (1_000_000 + drift);
        Some(Duration::from_nanos(nanos as u64))
    }
}

/// The broken twins, a line each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// Term and vote are not stored: after a restart a process votes twice in a term (Figure 2, persistent state).
    VoteNotStored,
    /// The term is stored, the vote is given, and then stored: a crash in between forgets the vote alone (§5.2; Pil14).
    TermAndVoteApart,
    /// A leader commits an entry of an earlier term by counting replicas (§5.4.2, Figure 8).
    CommitsOlderTerms,
    /// A process votes for a candidate whose log is behind its own (§5.4.1).
    VotesForOlderLogs,
    /// A follower drops all that follows the entries that it is sent, also where they match: a message that was late takes back what it
    /// has acknowledged (§5.3; RaftOS 26).
    TruncatesAlways,
    /// A follower commits up to its last entry, not up to the last that it knows to match (Figure 2, AppendEntries 5); and heartbeats
    /// bring no entries.
    CommitsUnmatched,
    /// A follower commits what the leader says last, also if it said more before (PySyncObj 166).
    CommitGoesBack,
    /// A snapshot brings its term with it, lower than the current one (WRaft 118).
    SnapshotLowersTerm,
    /// A snapshot is installed without the state in it (Redis-Raft).
    EmptySnapshot,
    /// A leader answers before the entry is committed.
    AnswersBeforeCommit,
    /// A leader answers queries from what it has, whether it still leads or not.
    ReadsLocally,
    /// A leader answers what it executed before, again: the answers of sessions do not go with a snapshot, nor with the log (DSLabs).
    ForgetsSessions,
    /// Members change from one set to the other at once, with no joint configuration, whether or not the leader has committed anything
    /// (Ong15).
    ChangesAtOnce,
    /// The lease of a leader lasts as long as the timeouts of those who vote, by its own clock.
    LeaseIgnoresDrift,
}
