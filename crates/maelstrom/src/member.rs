//! A node that knows who it is: its process, with timers and choices, and its adapter.

use crate::node::Said;
use crate::wire::{Body, Fault};
use crate::workload::{Asked, Desk, Workload};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use synod_kernel::{Draws, Durability, Random, Released, Seat, View};
use synod_model::{Draw, Event, EventOf, Group, Process, ProcessId, When};

/// The type of messages between nodes.
pub(crate) const PEER: &str = "peer";
/// Their fields: the process's message, and a checksum of its text.
const SAID: &str = "said";
const SUM: &str = "sum";

/// How long an untimed timer waits.
const PULSE: Duration = Duration::from_millis(100);

/// A node among nodes.
#[derive(Debug)]
pub(crate) struct Member<W: Workload> {
    workload: W,
    parameters: <W::Process as Process>::Parameters,
    me: ProcessId,
    /// By process.
    names: Vec<String>,
    seat: Seat<W::Process>,
    /// By timer: when it fires.
    timers: BTreeMap<<W::Process as Process>::Timer, Duration>,
    chance: Chance,
    /// What happens to the process, before anything else does.
    events: VecDeque<EventOf<W::Process>>,
}

fn checksum(value: &Value) -> u64 {
    crc32fast::hash(value.to_string().as_bytes()).into()
}

/// Where choices come from: any of them is safe.
#[derive(Debug)]
struct Chance(Random);

impl Draws for Chance {
    fn draw(&mut self, draw: Draw) -> u32 {
        self.0.below(draw.bound().into()) as u32
    }
}

impl<W: Workload> Member<W> {
    /// Starts its process.
    ///
    /// # Panics
    /// If `names` lacks `name`.
    pub(crate) fn start(
        workload: W,
        name: String,
        names: Vec<String>,
        seed: u64,
        now: Duration,
        said: &mut Said,
    ) -> Self {
        let place = names.iter().position(|known| *known == name).expect("one is among the nodes");
        let mut this = Self {
            parameters: workload.parameters(),
            workload,
            me: ProcessId(place as u32),
            names,
            seat: Seat::default(),
            timers: BTreeMap::new(),
            chance: Chance(Random::new(Random::at(seed, place as u64))),
            events: VecDeque::from([Event::Init]),
        };
        this.run(now, said);
        this
    }

    pub(crate) fn name(&self) -> &str {
        &self.names[self.me.0 as usize]
    }

    pub(crate) fn is(&self, name: &str, names: &[String]) -> bool {
        self.name() == name && self.names == names
    }

    /// When its next timer fires.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.timers.values().min().copied()
    }

    pub(crate) fn wake(&mut self, now: Duration, said: &mut Said) {
        let due = self.timers.iter().filter(|&(_, at)| *at <= now);
        let mut due: Vec<_> = due.map(|(timer, &at)| (at, timer.clone())).collect();
        due.sort();
        for (at, timer) in due {
            // an earlier one may have set it anew, or cancelled it
            if self.timers.get(&timer) == Some(&at) {
                self.timers.remove(&timer);
                self.events.push_back(Event::Timer(timer));
                self.run(now, said);
            }
        }
    }

    /// A client asks.
    pub(crate) fn ask(&mut self, asked: &Asked<'_>, now: Duration, said: &mut Said) -> Result<(), Fault> {
        let mut desk = Desk::default();
        let done = self.workload.ask(asked, &mut desk);
        self.clear(desk, said);
        self.run(now, said);
        done
    }

    /// Another node said something. What is not as it was written is not taken: processes trust each other's messages.
    pub(crate) fn hear(
        &mut self,
        from: &str,
        body: &mut Body,
        now: Duration,
        said: &mut Said,
    ) -> Result<(), String> {
        let from = self.names.iter().position(|name| name == from).ok_or("it is no node")?;
        let value = body.remove(SAID).ok_or("it says nothing")?;
        if body.get(SUM).and_then(Value::as_u64) != Some(checksum(&value)) {
            return Err("it is not as it was written".to_owned());
        }
        let message = serde_json::from_value(value).map_err(|error| error.to_string())?;
        self.events.push_back(Event::Message(ProcessId(from as u32), message));
        self.run(now, said);
        Ok(())
    }

    /// Lets all happen that is to happen now.
    fn run(&mut self, now: Duration, said: &mut Said) {
        let (mut effects, mut released) = (Vec::new(), Vec::new());
        while let Some(event) = self.events.pop_front() {
            let group = Group::first(self.names.len() as u32);
            let view = View { me: self.me, group, parameters: &self.parameters, bounds: None };
            self.seat.handle(view, event, &mut self.chance, &mut effects);
            self.seat.commit(&mut effects, None, Durability::Immediate, &mut |one| released.push(one));
            for one in released.drain(..) {
                match one {
                    Released::Send(to, message) if to == self.me => {
                        self.events.push_back(Event::Message(to, message));
                    }
                    Released::Send(to, message) => self.send(to, &message, said),
                    Released::Indicate(indication) => self.tell(indication, said),
                    Released::Armed(timer, When::After(after)) => _ = self.timers.insert(timer, now + after),
                    Released::Armed(timer, When::Pulse) => _ = self.timers.insert(timer, now + PULSE),
                    Released::Disarmed(timer) => _ = self.timers.remove(&timer),
                    // there is no oracle here that would say anything, and no disk to wait for
                    Released::Armed(_, When::Oracle(_)) | Released::Stored => {}
                }
            }
        }
    }

    fn send(&self, to: ProcessId, message: &<W::Process as Process>::Message, said: &mut Said) {
        let Some(name) = self.names.get(to.0 as usize) else {
            return said.complain(format!("a message to process {to}, of {}", self.names.len()));
        };
        match serde_json::to_value(message) {
            Ok(value) => {
                let sum = checksum(&value).into();
                let body = [("type", PEER.into()), (SAID, value), (SUM, sum)];
                let body = body.into_iter().map(|(name, value)| (name.to_owned(), value));
                said.send(self.name(), name, body.collect());
            }
            Err(error) => said.complain(format!("a message to {name} cannot be written: {error}")),
        }
    }

    fn tell(&mut self, indication: <W::Process as Process>::Indication, said: &mut Said) {
        let mut desk = Desk::default();
        self.workload.told(indication, &mut desk);
        self.clear(desk, said);
    }

    fn clear(&mut self, desk: Desk<W::Process>, said: &mut Said) {
        for (caller, body) in desk.replies {
            said.reply(&self.names[self.me.0 as usize], caller, body);
        }
        self.events.extend(desk.requests.into_iter().map(Event::Request));
    }
}
