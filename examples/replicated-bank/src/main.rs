//! A bank whose accounts are replicated: a state machine of one's own on the library's Raft.
//!
//! # Source
//! The state machine is all that is written here; it is replicated as in OO14.
//!
//! # Model
//! crash-recovery x fair-loss links x partially synchronous; `n > 2f`.
//!
//! # Properties
//! Figure 3 of OO14, and linearizability of what this machine answers.
//! Twin "answers-before-commit": money is said to have moved that a new leader does not know of (linearizability fails).
//!
//! # Cost
//! 2(n - 1) messages for what moves money, or tells what there is.

use std::collections::BTreeMap;
use synod::interface::{Ask, StateMachine, Submit, Ticket};
use synod::prelude::*;
use synod::properties::{ReplicatedLog, ReplicatedMachine};
use synod_algorithms::consensus::raft::{Defect, Payload, Raft, RaftParameters};

/// The money of each customer.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(crate = "synod::serde")]
struct Bank(BTreeMap<u32, u64>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(crate = "synod::serde")]
enum Order {
    Deposit { to: u32, amount: u64 },
    Transfer { from: u32, to: u32, amount: u64 },
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(crate = "synod::serde")]
struct BalanceOf(u32);

impl StateMachine for Bank {
    type Command = Order;
    type Query = BalanceOf;
    type Answer = Option<u64>; // what is there, of whoever gets money or is asked for; none if too little was there

    fn execute(&mut self, order: &Order) -> Option<u64> {
        let (to, amount) = match *order {
            Order::Deposit { to, amount } => (to, amount),
            Order::Transfer { from, to, amount } => {
                let left = self.0.get(&from)?.checked_sub(amount)?;
                self.0.insert(from, left);
                (to, amount)
            }
        };
        let balance = self.0.entry(to).or_default();
        *balance = balance.saturating_add(amount);
        Some(*balance)
    }

    fn answer(&self, &BalanceOf(customer): &BalanceOf) -> Option<u64> {
        self.0.get(&customer).copied()
    }
}

/// The k-th of the requests.
fn request(k: u32) -> Submit<Order, BalanceOf> {
    let command = |command| Ask::Execute { stamp: None, command };
    let ask = match k % 3 {
        0 => command(Order::Deposit { to: k % 4, amount: 10 }),
        1 => command(Order::Transfer { from: (k + 3) % 4, to: k % 4, amount: 5 }),
        _ => Ask::Query(BalanceOf(k % 4)),
    };
    Submit { ticket: Ticket(u64::from(k) + 1), ask }
}

/// The bank as the grounds take it.
impl Algorithm for Bank {
    type Process = Raft<Self>;
    type Monitor = (ReplicatedLog<Payload<Order>>, ReplicatedMachine<Self>);
    const NAME: &'static str = "replicated-bank";
    const PAGE: &'static str = include_str!("main.rs");
    const TWINS: &'static [Twin] =
        &[Twin::new("answers-before-commit", "linearizability", "a leader answers before others have it")];
    const MEASURE: Option<&'static str> = Some("terms");

    fn measure(process: &Raft<Self>) -> u64 {
        process.term().0
    }
    fn scale(ground: GroundKind) -> Scale {
        if ground == GroundKind::Check { Scale::new(2, 1) } else { Scale::new(3, 12) }
    }
    fn parameters(scale: &Scale) -> Result<RaftParameters, String> {
        let defect = scale.defect.is_some().then_some(Defect::AnswersBeforeCommit);
        let whole =
            RaftParameters { witnessed: true, compact_after: 8, compact_keep: 2, ..Default::default() };
        Ok(if scale.n > 2 {
            RaftParameters { defect, ..whole }
        } else {
            RaftParameters { defect, ..RaftParameters::figure_2() }
        })
    }
    fn requests(scale: &Scale) -> Vec<Vec<Submit<Order, BalanceOf>>> {
        (0..scale.n)
            .map(|p| (0..scale.requests).filter(|k| k % scale.n == p).map(request).collect())
            .collect()
    }
    fn monitor(_: &Scale) -> Self::Monitor {
        Default::default()
    }
    fn environment(ground: GroundKind, scale: &Scale) -> Environment {
        let mut environment = usual::<<Self::Process as Process>::Model>(ground, scale.n);
        if ground == GroundKind::Check {
            environment.measure = Budget::AtMost(2); // terms
            environment.failures.restarts = Budget::NONE;
        }
        environment
    }
}

synod::main!(Bank);
