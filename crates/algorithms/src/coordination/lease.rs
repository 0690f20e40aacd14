//! Lease: a server lends a resource to one client at a time, for a term T. Server and client each measure it by their own
//! clock, so that a client that is silent, or has crashed, keeps the others waiting for a term and no longer.
//!
//! # Source
//! GC89 (leases, and §5 on clocks that drift); the bound on what a client may use is folklore.
//!
//! # Model
//! crash-stop x perfect links x synchronous; any number of faulty processes. Without a bound on drift and delays no
//! time is short enough for a client.
//!
//! # Properties
//! LS1 exclusion, safety · LS2 grant, while the server is correct.
//! Twins: "whole term": a client holds for T by its own clock (LS1 fails as soon as clocks drift or messages take time).
//! "Forgets": the server forgets who asks while the resource is lent (LS2 fails).
//!
//! # Cost
//! 2 messages a grant; who waits behind k others waits k terms.
//!
//! # Departures from the source
//! - The source's server lends many objects to many readers; one resource here, to one holder, which gives nothing back
//!   before its time.
//! - A client counts from when the grant arrives, which it does a delay d and a step p after it was sent at most. Clocks
//!   run within [1 - rho, 1 + rho], and a timer is handled within p. So it holds for less than
//!   (T / (1 + rho) - d - 2p)(1 - rho) by its own clock: T(1 - rho) / (1 + rho) where grants are instantaneous. It must be
//!   less: at equality it stops at the instant at which the next one may start. Where nothing is left it never acquires.
//!
//! # Bounds
//! Covered whole, in discrete time: 1 server, 2 clients, f = 1, 1 request each, drift of a fifth, in ticks of a twelfth
//! of the unit. At rho = 0.0001, 0.01, 0.1 and T = 10 s with instantaneous grants: refuted at one nanosecond more.

use super::{Acquire, LeaseEvent};
use std::collections::VecDeque;
use synod_model::Bounds;
use synod_model::prelude::*;

/// What the processes know from the start, besides the bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// T: for how long the resource is lent, by the server's clock.
    #[serde(with = "synod_model::duration")]
    pub term: Duration,
    /// How much longer than is safe a client holds it: nothing, but to show that no more is possible.
    #[serde(default, with = "synod_model::duration")]
    pub excess: Duration,
    /// How many clients there are, after the server.
    pub clients: u32,
    /// The broken twin, if any.
    #[serde(default)]
    pub defect: Option<Defect>,
}

impl Parameters {
    /// The server.
    pub fn servers(&self) -> Group {
        Group::first(1)
    }

    /// The clients.
    pub fn clients(&self) -> Group {
        Group::new(1, self.clients)
    }

    /// For how long a client may hold the resource by its own clock, in whole nanoseconds, under these bounds.
    pub fn holds_max(&self, bounds: Bounds) -> Option<Duration> {
        const MILLION: u128 = 1_000_000;
        let fast = MILLION + u128::from(bounds.drift_ppm);
        let slow = MILLION.checked_sub(u128::from(bounds.drift_ppm))?;
        let on_the_way = (bounds.delay.as_nanos() + 2 * bounds.step.as_nanos()) * fast;
        let left = (self.term.as_nanos() * MILLION).checked_sub(on_the_way)?;
        let limit = (left * slow).div_ceil(fast * MILLION);
        // less than the limit: whoever is next may start at it
        limit.checked_sub(1).and_then(|less| u64::try_from(less).ok()).map(Duration::from_nanos)
    }
}

/// The broken twins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// A client holds the resource for the whole term by its own clock.
    WholeTerm,
    /// The server forgets who asks for the resource while it is lent.
    Forgets,
}

roles! {
    /// One process of the algorithm: the server or a client.
    [] pub enum Lease {
        /// Lends the resource.
        Server(Server): seats Parameters::servers, among Parameters::servers;
        /// Borrows it; the process it runs among is the server.
        Client(Client): seats Parameters::clients, among Parameters::servers;
    }
}

type Model = (CrashStop, Perfect, Synchronous, AnyNumber);

/// Its messages, in the order of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Message {
    /// Client to server: lend it to me.
    Request,
    /// Server to client: it is yours, from now on.
    Grant,
}

/// Its timer: a term is over, at the server or at a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Expiry;

/// The server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Server {
    parameters: Parameters,
    /// Whether the resource is lent.
    lent: bool,
    /// Who asked for it meanwhile, in order.
    waiting: VecDeque<ProcessId>,
}

impl Process for Server {
    type Model = Model;
    type Parameters = Parameters;
    type Request = Acquire;
    type Indication = LeaseEvent;
    type Message = Message;
    type Timer = Expiry;
    const MARKS: &'static [&'static str] = &["lent already", "lends to the next"];

    // upon event ⟨Init⟩
    fn on_init(parameters: &Parameters, _: &mut impl Context<Self>) -> Self {
        Self { parameters: *parameters, lent: false, waiting: VecDeque::new() }
    }

    // the server does not use what it lends
    fn on_request(&mut self, _: Acquire, _: &mut impl Context<Self>) {}

    // upon the receipt of a request
    fn on_message(&mut self, client: ProcessId, message: Message, ctx: &mut impl Context<Self>) {
        match message {
            Message::Request if !self.lent => self.grant(client, ctx),
            Message::Request if self.parameters.defect == Some(Defect::Forgets) => {}
            Message::Request => {
                ctx.reach("lent already");
                self.waiting.push_back(client);
            }
            Message::Grant => {} // grants are for clients
        }
    }

    // upon the end of a term: whoever had it must have stopped using it by now, whatever its clock says
    fn on_timer(&mut self, Expiry: Expiry, ctx: &mut impl Context<Self>) {
        self.lent = false;
        if let Some(next) = self.waiting.pop_front() {
            ctx.reach("lends to the next");
            self.grant(next, ctx);
        }
    }

    no_storage!();
}

impl Server {
    fn grant(&mut self, client: ProcessId, ctx: &mut impl Context<Self>) {
        self.lent = true;
        ctx.send(client, Message::Grant);
        ctx.set_timer(Expiry, self.parameters.term);
    }
}

/// A client.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Client {
    parameters: Parameters,
}

impl Process for Client {
    type Model = Model;
    type Parameters = Parameters;
    type Request = Acquire;
    type Indication = LeaseEvent;
    type Message = Message;
    type Timer = Expiry;

    // upon event ⟨Init⟩
    fn on_init(parameters: &Parameters, _: &mut impl Context<Self>) -> Self {
        Self { parameters: *parameters }
    }

    // upon event ⟨Acquire⟩
    fn on_request(&mut self, Acquire: Acquire, ctx: &mut impl Context<Self>) {
        ctx.broadcast(&Message::Request); // to the server
    }

    // upon the receipt of a grant
    fn on_message(&mut self, _: ProcessId, message: Message, ctx: &mut impl Context<Self>) {
        if message == Message::Grant
            && let Some(holds) = self.holds(ctx.bounds())
        {
            ctx.indicate(LeaseEvent::Acquired);
            ctx.set_timer(Expiry, holds);
        }
    }

    // upon the end of the term
    fn on_timer(&mut self, Expiry: Expiry, ctx: &mut impl Context<Self>) {
        ctx.indicate(LeaseEvent::Expired);
    }

    no_storage!();
}

impl Client {
    fn holds(&self, bounds: Bounds) -> Option<Duration> {
        let Parameters { term, excess, defect, .. } = self.parameters;
        if defect == Some(Defect::WholeTerm) {
            return Some(term);
        }
        self.parameters.holds_max(bounds).map(|holds| holds.saturating_add(excess))
    }
}
