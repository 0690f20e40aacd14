//! Single-decree Paxos, the Synod: processes that crash and recover choose one value, and never two, whoever believes
//! to lead; they all learn it once they agree for long enough on who does.
//!
//! Every process plays all roles: proposer, acceptor and learner. The process that is trusted to lead takes the
//! proposals of all and leads ballots; whom to trust is a request, so that any leader detector will do:
//! [`Paxos`](super::Paxos) embeds one, [`PaxosSequence`](super::PaxosSequence) shares one among many instances.
//!
//! # Source
//! Lam01 §2.2-2.5; Lam98 §2.3 for the ledger and for naming a ballot by its leader.
//!
//! # Model
//! crash-recovery x perfect links x asynchronous; `n > 2f`; termination needs an eventual leader detector.
//!
//! # Properties
//! C1 termination · C2 validity · C3 integrity · UC4 uniform agreement.
//! C3 is per incarnation: a process that recovers is told again what it decided, since its upper layer forgot.
//! Safety needs neither time nor the detector. Twins: [`Defect`].
//!
//! # Cost
//! Without failures 5(n - 1) messages (to oneself not counted) and 3n writes. From the leader's ⟨Propose⟩ its decision
//! takes 2 round trips, that of the others half a one more. A proposer that does not lead adds 1 message, and half a
//! round trip. A recovery costs n - 1 messages and at most 1 answer to each; a change of leader 1 message from each
//! process that has a proposal or the decision, and n - 1 from the leader if it has the latter.
//!
//! # Departures from the source
//! - **Who leads is told, not elected here**; a proposer that does not lead hands its value to the process that does
//!   (`Forward`). The leader takes the first value that it hears as its own proposal.
//! - **A ballot's leader promises it to itself, durably, before it speaks of it**: this is how it remembers "the
//!   highest-numbered proposal it has tried to issue" (§2.5), and never leads one ballot in two incarnations.
//! - **A leader is the first acceptor of its ballot**: it answers itself at once, without messages.
//! - **Negative acknowledgement** (`Nack`, §2.3 "it is probably a good idea"): here it is not an optimisation but what
//!   termination rests on. A ballot of a former leader may stand in the way of the last one's, and nobody would tell.
//! - **An answer to an equal ballot is given again** (P1a asks for *greater* ones only): a Prepare may be sent again.
//! - **Learning** is by way of the leader (§2.3, the distinguished learner).
//! - **No retransmission by time**. Perfect links lose a message only if one of its ends crashes after it was sent.
//!   See "What a crash loses".
//!
//! # Bounds
//! See `tests/paxos_check.rs`: n = 3, two leaders, one ballot each: complete (24,780 states). C1 modulo the renumbering of
//! rounds: n = 2, 3 outputs of Omega, up to 3 rounds that matter at a time until it keeps its axioms (14,460 states), with 1
//! restart up to 2 (12,707 states with 1 proposal, 129,405 with 2).
//!
//! # What a crash loses
//! Say the detector has settled on ℓ, and ℓ and all other correct processes are up for good. A message between two
//! of them can still be missing if it was sent before the last recovery of one of the two. Then:
//!
//! - *Of ℓ itself nothing is missing that it sent before its last recovery*: it forgot its ballots, and starts a
//!   greater one when it is told to lead and has a value.
//! - *To ℓ*: having recovered, it says so (`Recovered`) unless it knows the decision. Each process that hears it
//!   answers with the decision, or hands over its proposal if it trusts ℓ; one that comes to trust ℓ only later does so
//!   then.
//! - *From ℓ to q, or from q to ℓ, before q's last recovery*: q says that it is back, and ℓ sends what its ballot still
//!   wants of q, or the decision. q answers from its ledger as it would have before: promises, votes and refusals are
//!   in it. (`Recovered` itself arrives: both are up. If it reached ℓ before ℓ asked anything, nothing was lost.)
//!   A q that recovers with a decision does not ask; when it comes to trust ℓ it tells ℓ.
//! - *A decision known to some correct process reaches ℓ*: who learns it tells the process that it trusts, and tells
//!   each that it comes to trust later. *It reaches all from ℓ*: ℓ tells all when it learns it, or, if it knew before,
//!   when it comes to trust itself; those that recover after that ask.
//! - *Between two others* nothing is owed: all goes through ℓ.
//!
//! So ℓ gets a value if a correct process has one; each of its ballots ends decided or refused, since a majority
//! answers; and there are finitely many refusals, since nobody else starts ballots for ever.

mod ledger;
mod rounds;

pub use ledger::{Ballot, Ledger, Vote, Write};
use synod_model::interface::Decide;
use synod_model::prelude::*;

/// One process of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SingleDecree<V> {
    defect: Option<Defect>,
    /// As acceptor and learner: the ledger as it will be when all stores are durable.
    ledger: Ledger<V>,
    /// As proposer: the value that it proposes, its own or one handed over.
    proposal: Option<V>,
    /// Whom it trusts to lead; nobody before the detector's first word.
    trusted: Option<ProcessId>,
    /// The ballot that it leads, if any.
    leading: Option<Leading<V>>,
}

/// The state of a ballot at its leader.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Leading<V> {
    ballot: Ballot,
    phase: Phase<V>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Phase<V> {
    /// Phase 1: who has promised, and the greatest of their votes.
    Prepare { promised: ProcessSet, greatest: Option<Vote<V>> },
    /// Phase 2: the ballot's value, and who has voted for it.
    Accept { value: V, accepted: ProcessSet },
}

/// What is asked of the module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Request<V> {
    /// ⟨Propose | value⟩
    Propose(V),
    /// ⟨Ω, Trust | p⟩, handed down from a leader detector.
    Trust(ProcessId),
}

/// What processes tell each other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Message<V> {
    /// To the leader: propose this.
    Forward(V),
    /// Phase 1a: will you promise this ballot?
    Prepare(Ballot),
    /// Phase 1b: yes; and what I voted for before it.
    Promise(Ballot, Option<Vote<V>>),
    /// Phase 2a: will you vote for this?
    Accept(Vote<V>),
    /// Phase 2b: I did, in this ballot.
    Accepted(Ballot),
    /// No, to either question: I have promised this greater ballot.
    Nack(Ballot),
    /// This is decided.
    Decided(V),
    /// I am back and may have missed something.
    Recovered,
}

/// The broken twins, one line each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// An acceptor does not store its promise: after a restart it votes in a ballot that it promised to leave alone (C4).
    PromiseNotStored,
    /// An acceptor promises first and stores then: as above, if it crashes in between (C4).
    ReplyBeforeStore,
    /// An acceptor does not store its vote: after a restart it denies a vote that made a decision (C4).
    AcceptedNotStored,
    /// No negative acknowledgements: safe, but a leader may wait for ever for answers to a ballot that is too low (C1).
    NoNack,
    /// An acceptor promises the round after the one that it is asked for: safe, but it refuses each ballot that it made way
    /// for, whose leader leads a greater one, and so for ever (C1).
    PromisesTheNext,
    /// In phase 2 the leader proposes its own value, whatever the promises say (C4).
    IgnoresAccepted,
    /// A quorum is half of the processes, rounded down: two quorums may miss each other (C4).
    QuorumsMiss,
}

impl<V: Value> Process for SingleDecree<V> {
    type Model = (CrashRecovery, Perfect, Asynchronous, Majority);
    type Parameters = Option<Defect>;
    type Request = Request<V>;
    type Indication = Decide<V>;
    type Message = Message<V>;
    type Stable = Ledger<V>;
    const MARKS: &'static [&'static str] = &[
        "stale ballot",
        "majority of promises",
        "bound by a vote",
        "outbid by a promise of its own",
        "majority of votes",
        "late promise",
        "late vote",
        "a greater ballot after a nack",
        "starts with a decision",
        "tells a decision again",
        "prepares again",
        "asks for a vote again",
    ];

    // rounds of ballots are compared, and followed by the next
    const RENUMBERING: Option<Renumbering<Self>> = Some(Renumbering {
        apart: 2,
        state: |process, each| process.each_round(each),
        stable: |ledger, each| ledger.each_round(each),
        message: |message, each| message.each_round(each),
    });

    // upon event ⟨c, Init⟩
    fn on_init(&defect: &Option<Defect>, _: &mut impl Context<Self>) -> Self {
        Self::with(defect, Ledger::default())
    }

    // upon event ⟨c, Recovery⟩
    fn on_recovery(&defect: &Option<Defect>, ledger: &Ledger<V>, ctx: &mut impl Context<Self>) -> Self {
        let this = Self::restart(defect, ledger, ctx);
        if this.decided().is_none() {
            ctx.send_others(&Message::Recovered);
        }
        this
    }

    // upon event ⟨c, Propose | v⟩, and upon event ⟨Ω, Trust | p⟩
    fn on_request(&mut self, request: Request<V>, ctx: &mut impl Context<Self>) {
        match request {
            Request::Propose(value) => self.on_propose(value, ctx),
            Request::Trust(p) => self.on_trust(p, ctx),
        }
    }

    // upon event ⟨pl, Deliver | from, m⟩
    fn on_message(&mut self, from: ProcessId, message: Message<V>, ctx: &mut impl Context<Self>) {
        match message {
            Message::Forward(value) => self.on_forward(value, ctx),
            Message::Prepare(ballot) => self.on_prepare(from, ballot, ctx),
            Message::Promise(ballot, vote) => self.on_promise(from, ballot, vote, ctx),
            Message::Accept(vote) => self.on_accept(from, vote, ctx),
            Message::Accepted(ballot) => self.on_accepted(from, ballot, ctx),
            Message::Nack(promised) => self.on_nack(promised, ctx),
            Message::Decided(value) => self.on_decided(from, value, ctx),
            Message::Recovered => self.on_recovered(from, ctx),
        }
    }

    no_timers!();
}

/// The proposer, and the leader that it hands its value to.
impl<V: Value> SingleDecree<V> {
    fn on_propose(&mut self, value: V, ctx: &mut impl Context<Self>) {
        self.proposal.get_or_insert(value);
        match self.trusted {
            Some(leader) if leader != ctx.me() => self.forward_to(leader, ctx),
            _ => self.lead(ctx),
        }
    }

    fn on_forward(&mut self, value: V, ctx: &mut impl Context<Self>) {
        self.proposal.get_or_insert(value);
        self.lead(ctx);
    }

    fn on_trust(&mut self, leader: ProcessId, ctx: &mut impl Context<Self>) {
        if self.trusted == Some(leader) {
            return;
        }
        self.trusted = Some(leader);
        self.leading = None;
        self.spread(ctx);
        if leader == ctx.me() {
            self.lead(ctx);
        } else {
            self.forward_to(leader, ctx);
        }
    }

    fn forward_to(&self, leader: ProcessId, ctx: &mut impl Context<Self>) {
        if self.ledger.decided.is_none()
            && let Some(value) = &self.proposal
        {
            ctx.send(leader, Message::Forward(value.clone()));
        }
    }

    /// Leads a ballot, if it is trusted to, has a value, and does not lead one already.
    fn lead(&mut self, ctx: &mut impl Context<Self>) {
        if self.trusted == Some(ctx.me()) && self.leading.is_none() {
            self.start_ballot(self.ballot_round(), ctx);
        }
    }

    /// Phase 1a, in a ballot above all that were seen.
    fn start_ballot(&mut self, above: u64, ctx: &mut impl Context<Self>) {
        if self.proposal.is_none() || self.ledger.decided.is_some() {
            return;
        }
        let ballot = Ballot { round: above.max(self.ballot_round()) + 1, leader: ctx.me() };
        // Were it not on disk, a restarted leader could lead the same ballot again, with another value.
        self.write(Write::Promised(ballot), ctx);
        let phase = Phase::Prepare { promised: ProcessSet::new(), greatest: None };
        self.leading = Some(Leading { ballot, phase });
        ctx.send_others(&Message::Prepare(ballot));
        self.on_promise(ctx.me(), ballot, self.ledger.accepted.clone(), ctx);
    }
}

/// The leader of a ballot.
impl<V: Value> SingleDecree<V> {
    /// Phase 2a: once a majority has promised.
    fn on_promise(
        &mut self,
        from: ProcessId,
        ballot: Ballot,
        vote: Option<Vote<V>>,
        ctx: &mut impl Context<Self>,
    ) {
        let quorum = self.quorum(ctx);
        let Some(leading) = self.leading.as_mut().filter(|leading| leading.ballot == ballot) else { return };
        let Phase::Prepare { promised, greatest } = &mut leading.phase else {
            return ctx.reach("late promise");
        };
        promised.insert(from);
        *greatest = vote.max(greatest.take());
        if promised.len() < quorum {
            return;
        }
        ctx.reach("majority of promises");
        // P2c: a value may have been chosen in a lesser ballot. If so, its majority and this one share a process,
        // which had voted before it promised: the greatest vote is for that value, as are all between the two ballots.
        // If nobody voted nothing was chosen, nor will be in a lesser ballot: any value is safe.
        let greatest = greatest.take().filter(|_| self.defect != Some(Defect::IgnoresAccepted));
        if greatest.is_some() {
            ctx.reach("bound by a vote");
        }
        let own = self.proposal.clone().expect("a ballot is started for a proposal");
        let value = greatest.map_or(own, |vote| vote.value);
        leading.phase = Phase::Accept { value: value.clone(), accepted: ProcessSet::new() };
        let vote = Vote { ballot, value };
        ctx.send_others(&Message::Accept(vote.clone()));
        self.vote_itself(vote, ctx);
    }

    fn vote_itself(&mut self, vote: Vote<V>, ctx: &mut impl Context<Self>) {
        let ballot = vote.ballot;
        match self.ledger.promised {
            Some(promised) if promised > ballot => {
                ctx.reach("outbid by a promise of its own");
                self.on_nack(promised, ctx);
            }
            _ => {
                self.vote(vote, ctx);
                self.on_accepted(ctx.me(), ballot, ctx);
            }
        }
    }

    /// Chosen: once a majority has voted.
    fn on_accepted(&mut self, from: ProcessId, ballot: Ballot, ctx: &mut impl Context<Self>) {
        let quorum = self.quorum(ctx);
        let Some(leading) = self.leading.as_mut().filter(|leading| leading.ballot == ballot) else {
            return ctx.reach("late vote");
        };
        let Phase::Accept { value, accepted } = &mut leading.phase else { return };
        accepted.insert(from);
        if accepted.len() >= quorum {
            ctx.reach("majority of votes");
            let value = value.clone();
            self.decide(value, ctx);
            self.spread(ctx);
        }
    }

    /// The ballot cannot succeed where this one was promised: lead a greater one.
    fn on_nack(&mut self, promised: Ballot, ctx: &mut impl Context<Self>) {
        if self.leading.as_ref().is_some_and(|leading| leading.ballot < promised) {
            ctx.reach("a greater ballot after a nack");
            self.start_ballot(promised.round, ctx);
        }
    }

    fn quorum(&self, ctx: &impl Context<Self>) -> usize {
        match self.defect {
            Some(Defect::QuorumsMiss) => (ctx.n() / 2).max(1),
            _ => ctx.group().majority(),
        }
    }
}

/// The acceptor.
impl<V: Value> SingleDecree<V> {
    /// Phase 1b.
    fn on_prepare(&mut self, from: ProcessId, ballot: Ballot, ctx: &mut impl Context<Self>) {
        if self.refuses(from, ballot, ctx) {
            return;
        }
        let promise = Message::Promise(ballot, self.ledger.accepted.clone());
        match self.defect {
            Some(Defect::PromisesTheNext) => {
                let ballot = Ballot { round: ballot.round + 1, ..ballot };
                self.write(Write::Promised(ballot), ctx);
            }
            Some(Defect::PromiseNotStored) => self.ledger.promised = Some(ballot),
            Some(Defect::ReplyBeforeStore) => {
                ctx.send(from, promise);
                return self.write(Write::Promised(ballot), ctx);
            }
            _ => self.write(Write::Promised(ballot), ctx),
        }
        ctx.send(from, promise);
    }

    /// Phase 2b.
    fn on_accept(&mut self, from: ProcessId, vote: Vote<V>, ctx: &mut impl Context<Self>) {
        let ballot = vote.ballot;
        if self.refuses(from, ballot, ctx) {
            return;
        }
        self.vote(vote, ctx);
        ctx.send(from, Message::Accepted(ballot));
    }

    fn vote(&mut self, vote: Vote<V>, ctx: &mut impl Context<Self>) {
        match self.defect {
            Some(Defect::AcceptedNotStored) => self.ledger.apply(Write::Accepted(vote)),
            _ => self.write(Write::Accepted(vote), ctx),
        }
    }

    /// P1a: it takes part in a ballot unless it has promised a greater one; then it says so.
    fn refuses(&self, from: ProcessId, ballot: Ballot, ctx: &mut impl Context<Self>) -> bool {
        match self.ledger.promised {
            Some(promised) if promised > ballot => {
                ctx.reach("stale ballot");
                if self.defect != Some(Defect::NoNack) {
                    ctx.send(from, Message::Nack(promised));
                }
                true
            }
            _ => false,
        }
    }
}

/// The learner.
impl<V: Value> SingleDecree<V> {
    fn on_decided(&mut self, from: ProcessId, value: V, ctx: &mut impl Context<Self>) {
        if self.ledger.decided.is_some() {
            return;
        }
        self.decide(value, ctx);
        if self.trusted != Some(from) {
            self.spread(ctx);
        }
    }

    fn decide(&mut self, value: V, ctx: &mut impl Context<Self>) {
        self.leading = None;
        self.write(Write::Decided(value.clone()), ctx);
        ctx.indicate(Decide(value));
    }

    /// What one knows, the leader shall know; what the leader knows, all shall know.
    fn spread(&self, ctx: &mut impl Context<Self>) {
        let (Some(value), Some(leader)) = (&self.ledger.decided, self.trusted) else { return };
        let decided = Message::Decided(value.clone());
        if leader == ctx.me() {
            ctx.send_others(&decided);
        } else {
            ctx.send(leader, decided);
        }
    }
}

/// Recovery.
impl<V: Value> SingleDecree<V> {
    fn with(defect: Option<Defect>, ledger: Ledger<V>) -> Self {
        Self { defect, ledger, proposal: None, trusted: None, leading: None }
    }

    /// Restarts from the ledger, and indicates again what is decided. It is for the caller to ask the others what was
    /// missed: once for all instances, where there are many.
    pub(super) fn restart(defect: Option<Defect>, ledger: &Ledger<V>, ctx: &mut impl Context<Self>) -> Self {
        if let Some(value) = &ledger.decided {
            ctx.reach("starts with a decision");
            ctx.indicate(Decide(value.clone()));
        }
        Self::with(defect, ledger.clone())
    }

    /// Sends again what `from`, which was down, may have missed and is still wanted to have.
    fn on_recovered(&mut self, from: ProcessId, ctx: &mut impl Context<Self>) {
        if let Some(value) = &self.ledger.decided {
            ctx.reach("tells a decision again");
            return ctx.send(from, Message::Decided(value.clone()));
        }
        if self.trusted == Some(from) {
            return self.forward_to(from, ctx);
        }
        let Some(Leading { ballot, phase }) = &self.leading else { return };
        let ballot = *ballot;
        match phase {
            Phase::Prepare { promised, .. } if !promised.contains(from) => {
                ctx.reach("prepares again");
                ctx.send(from, Message::Prepare(ballot));
            }
            Phase::Accept { value, accepted } if !accepted.contains(from) => {
                ctx.reach("asks for a vote again");
                ctx.send(from, Message::Accept(Vote { ballot, value: value.clone() }));
            }
            _ => {}
        }
    }

    fn write(&mut self, write: Write<V>, ctx: &mut impl Context<Self>) {
        let before = self.ledger.clone();
        self.ledger.apply(write.clone());
        if self.ledger != before {
            ctx.store(write);
        }
    }

    /// What it decided.
    pub fn decided(&self) -> Option<&V> {
        self.ledger.decided.as_ref()
    }

    /// The round of the greatest ballot that it has taken part in: a measure to bound an exploration by.
    pub fn ballot_round(&self) -> u64 {
        self.ledger.promised.map_or(0, |ballot| ballot.round)
    }
}
