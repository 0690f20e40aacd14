//! A platform at work in a run.

use super::Platform;
use super::assumptions::Assumptions;
use super::clock::{self, real};
use super::host::{Host, Spell};
use super::loss::{BadLinks, Fate};
use super::period::{Now, Phase};
use super::regions::Resolved;
use super::topology::Routes;
use super::uplink::{Per, Wire};
use crate::agenda::Slot;
use crate::fault::{FaultKind, Tally};
use crate::plan::{gst, nanos};
use crate::trigger::Triggers;
use std::collections::BTreeMap;
use std::sync::Arc;
use synod_kernel::{Environment, Random, SeatId, Seating};
use synod_model::ProcessId;
use synod_model::timing::TimingKind;

/// How long a message would take from seat to seat if it left at an instant, as the environment has it.
pub(crate) type Usual<'a> = &'a dyn Fn(SeatId, SeatId, u64, &mut Random) -> u64;

/// Links that are slow for a while.
#[derive(Clone, Debug)]
struct Spike {
    links: Vec<(u32, u32)>,
    by: u64,
    until: u64,
    effective: bool,
}

/// What happens at a seat at present.
#[derive(Clone, Copy, Debug, Default)]
struct Current {
    seat: SeatId,
    busy_before: u64,
    /// Whether its step takes longer for a while.
    slowed: bool,
}

/// What a platform keeps in mind during a run. Where there is none, nothing of this is made or asked.
#[derive(Clone, Debug)]
pub(crate) struct Machinery {
    platform: Arc<Platform>,
    /// By seat.
    hosts: Vec<Host>,
    regions: Option<Resolved>,
    /// The ways there are, and those there were before anything was cut.
    routes: Option<[Routes; 2]>,
    bad_links: BadLinks,
    wires: BTreeMap<(u32, u32), Wire>,
    period: Option<Now>,
    spikes: Vec<Spike>,
    /// Synchronous: how late a step may be where no law says how long it takes.
    lateness: u64,
    gst: u64,
    /// What may be added to a delay before GST.
    before_gst: u64,
    /// Where delays have a bound: by the number of a message, when it was sent.
    sent: BTreeMap<u64, u64>,
    /// By the number of what waits for a process: since when.
    waiting: BTreeMap<u64, u64>,
    /// By place on the agenda: when the timer there is due.
    timers: BTreeMap<Slot, u64>,
    /// Up to here what is by chance strikes.
    strikes_end: u64,
    holds_back: bool,
    is_synchronous: bool,
    current: Current,
    /// What struck last so far in effect until then.
    pub(crate) struck_until: u64,
    pub(crate) triggers: Triggers,
}

impl Machinery {
    /// What a run of `environment` needs, if it needs any.
    pub(crate) fn of(
        platform: Option<&Arc<Platform>>,
        (environment, seating): (&Environment, &Seating),
        triggers: Triggers,
        is_needed: bool,
        random: &mut Random,
    ) -> Option<Box<Self>> {
        let synchronous = environment.timing.kind == TimingKind::Synchronous;
        if platform.is_none() && !synchronous && triggers.is_empty() && !is_needed {
            return None;
        }
        let platform = platform.cloned().unwrap_or_default();
        let bounds = environment.timing.bounds.filter(|_| synchronous);
        let seat = |seat: SeatId| {
            let process = seating.identity(seat).0;
            let drift_ppm = match (&platform.clocks, bounds) {
                (Some(clocks), _) => clocks.draw(process, random),
                (None, Some(bounds)) => clock::drawn(bounds.drift_ppm, random),
                (None, None) => 0,
            };
            let slowness = platform.speeds.get(process as usize).map_or(1.0, |speed| 1.0 / speed);
            Host { process, drift_ppm, slowness, ..Host::default() }
        };
        let hosts = seating.seats().map(seat).collect();
        let n = environment.processes;
        let links = &environment.links;
        Some(Box::new(Self {
            hosts,
            regions: platform.regions.as_ref().map(|regions| regions.resolve(n)),
            routes: platform.topology.as_ref().map(|topology| {
                let routes = Routes::new(topology, n);
                [routes.clone(), routes]
            }),
            bad_links: BadLinks::default(),
            wires: BTreeMap::new(),
            period: platform.periods.as_ref().map(|periods| Now::start(periods, random)),
            spikes: Vec::new(),
            lateness: if platform.step.is_none() { bounds.map_or(0, |b| nanos(b.step)) } else { 0 },
            gst: gst(&environment.timing),
            before_gst: nanos(environment.timing.delay_before_gst.saturating_sub(links.delay_max)),
            sent: BTreeMap::new(),
            waiting: BTreeMap::new(),
            timers: BTreeMap::new(),
            strikes_end: u64::MAX,
            holds_back: Platform::holds_back(environment),
            is_synchronous: synchronous,
            current: Current::default(),
            struck_until: 0,
            triggers,
            platform,
        }))
    }

    /// Chance strikes up to `end`, unless the platform lets it go on for ever.
    pub(crate) fn strike_until(&mut self, end: u64) {
        if !self.platform.lasting {
            self.strikes_end = end;
        }
    }

    fn struck(&mut self, tally: &mut Tally, kind: FaultKind, until: u64) {
        tally.add(kind, 1);
        self.struck_until = self.struck_until.max(until);
    }

    // --- machines ---

    /// Until when what is due at a seat has to wait, if it has to.
    pub(crate) fn wait(&mut self, seat: SeatId, number: u64, now: u64, tally: &mut Tally) -> Option<u64> {
        let host = &mut self.hosts[seat.index()];
        let pause = &mut host.pause;
        let until = if pause.holds(now) {
            let until = pause.until;
            if !std::mem::replace(&mut pause.effective, true) {
                self.struck(tally, FaultKind::Pause, until);
            }
            until
        } else if now < host.busy_until {
            host.busy_until
        } else {
            return None;
        };
        self.waiting.entry(number).or_insert(now);
        Some(until)
    }

    /// Something is due at a seat now, and a handler may run for it: what that says leaves when its step ends.
    pub(crate) fn begin(&mut self, seat: SeatId, now: u64, random: &mut Random) {
        let busy_before = self.hosts[seat.index()].busy_until;
        let mut slowed = false;
        if let Some(law) = &self.platform.step {
            let host = &mut self.hosts[seat.index()];
            let mut step = (law.draw(random) as f64 * host.slowness) as u64;
            if host.slow.holds(now) && step > 0 {
                step = step.saturating_mul(host.slow.factor.into());
                slowed = true;
            }
            host.busy_until = now.saturating_add(step);
        }
        self.current = Current { seat, busy_before, slowed };
    }

    /// It is over; no handler ran if what was due was lost, or held back.
    pub(crate) fn end(
        &mut self,
        (number, event, now): (u64, u64, u64),
        ran: bool,
        (tally, assumptions): (&mut Tally, &mut Assumptions),
    ) {
        let Current { seat, busy_before, slowed } = self.current;
        let due = self.waiting.remove(&number).unwrap_or(now);
        let host = &mut self.hosts[seat.index()];
        if !ran {
            host.busy_until = busy_before;
            return;
        }
        let end = host.busy_until.max(now);
        if slowed && !std::mem::replace(&mut host.slow.effective, true) {
            let until = host.slow.until;
            self.struck(tally, FaultKind::Slow, until);
        }
        let sent = self.sent.remove(&number);
        let Some(since) = self.bounded_since(now) else { return };
        if let Some(sent) = sent {
            // where steps have no bound of their own, waiting is part of the delay
            let here = if assumptions.bounds_steps() { due.saturating_sub(self.lateness) } else { now };
            assumptions.delivered(sent, since, here, event);
        }
        assumptions.stepped(due, since, end, event);
    }

    /// Since when bounds hold, if they do now.
    fn bounded_since(&self, now: u64) -> Option<u64> {
        match self.period {
            Some(Now { phase: Phase::Bad, until, .. }) => (until <= now).then_some(until),
            Some(Now { phase: Phase::Good, since, .. }) => Some(since),
            None => Some(0),
        }
    }

    /// A process stands still.
    pub(crate) fn pause(&mut self, seat: SeatId, until: u64) {
        let pause = &mut self.hosts[seat.index()].pause;
        *pause = Spell::new(until.max(pause.until), 1);
    }

    /// A process takes so many times as long for its steps.
    pub(crate) fn slow(&mut self, seat: SeatId, until: u64, factor: u32) {
        self.hosts[seat.index()].slow = Spell::new(until, factor);
    }

    /// A disk takes so many times as long for its writes.
    pub(crate) fn slow_disk(&mut self, seat: SeatId, until: u64, factor: u32) {
        self.hosts[seat.index()].slow_disk = Spell::new(until, factor);
    }

    /// How long a write takes that would usually take `usual`.
    pub(crate) fn sync(
        &mut self,
        seat: SeatId,
        now: u64,
        usual: u64,
        (random, tally): (&mut Random, &mut Tally),
    ) -> u64 {
        let takes = self.platform.disk.as_ref().map_or(usual, |disk| disk.sync.draw(random));
        let spell = &mut self.hosts[seat.index()].slow_disk;
        if !spell.holds(now) || takes == 0 {
            return takes;
        }
        let (factor, until) = (spell.factor, spell.until);
        if !std::mem::replace(&mut spell.effective, true) {
            self.struck(tally, FaultKind::SlowDisk, until);
        }
        takes.saturating_mul(factor.into())
    }

    // --- clocks ---

    /// When a timer is due that is set for `after` by the clock of a seat.
    pub(crate) fn due(
        &mut self,
        seat: SeatId,
        now: u64,
        after: u64,
        (random, assumptions, event): (&mut Random, &mut Assumptions, u64),
    ) -> u64 {
        let late = self.late(random);
        let host = &self.hosts[seat.index()];
        assumptions.timed(host.drift_ppm, event);
        now.max(host.busy_until).saturating_add(real(after, host.drift_ppm)).saturating_add(late)
    }

    fn late(&self, random: &mut Random) -> u64 {
        if self.lateness == 0 { 0 } else { random.below(self.lateness + 1) }
    }

    /// The timer at this place of the agenda is due then.
    pub(crate) fn set(&mut self, slot: Slot, due: u64) {
        self.timers.insert(slot, due);
    }

    /// When the timer at this place is due, if it goes by a clock.
    pub(crate) fn due_at(&self, slot: Slot) -> Option<u64> {
        self.timers.get(&slot).copied()
    }

    /// No timer is there any more.
    pub(crate) fn unset(&mut self, slot: Slot) {
        self.timers.remove(&slot);
    }

    /// A clock with the drift of a seat's jumps: how far its timers move.
    pub(crate) fn jump(&mut self, seat: SeatId, by: u64) -> u64 {
        real(by, self.hosts[seat.index()].drift_ppm)
    }

    // --- wires ---

    /// Whether the size of a message makes a difference.
    pub(crate) fn weighs(&self) -> bool {
        self.platform.bandwidth.is_some()
    }

    /// The uplink of a seat takes so many times as long.
    pub(crate) fn narrow(&mut self, seat: SeatId, until: u64, factor: u32) {
        self.hosts[seat.index()].narrow = Spell::new(until, factor);
    }

    /// Links take longer for a while.
    pub(crate) fn spike(&mut self, links: &[(SeatId, SeatId)], by: u64, until: u64) {
        let links = links.iter().map(|&(a, b)| (self.process(a), self.process(b))).collect();
        self.spikes.push(Spike { links, by, until, effective: false });
    }

    fn process(&self, seat: SeatId) -> u32 {
        self.hosts[seat.index()].process
    }

    /// A message of so many bytes gets onto its wire: when it leaves, and whether it finds no room and is lost.
    pub(crate) fn depart(
        &mut self,
        from: SeatId,
        to: SeatId,
        now: u64,
        bytes: Option<u64>,
        tally: &mut Tally,
    ) -> (u64, bool) {
        let ready = now.max(self.hosts[from.index()].busy_until);
        let platform = Arc::clone(&self.platform);
        let (Some(bytes), Some(of)) = (bytes, &platform.bandwidth) else { return (ready, false) };
        let (p, q) = (self.process(from), self.process(to));
        let slowdown = self.slowdown(from, now, tally);
        let wire = self.wires.entry(if of.per == Per::Link { (p, q) } else { (p, p) }).or_default();
        let departure = wire.send(ready, bytes, of, slowdown, self.holds_back);
        if departure.overflows && self.holds_back {
            self.struck(tally, FaultKind::HeldBack, departure.at);
        }
        (departure.at, departure.overflows && !self.holds_back)
    }

    fn slowdown(&mut self, from: SeatId, now: u64, tally: &mut Tally) -> u32 {
        let spell = &mut self.hosts[from.index()].narrow;
        if !spell.holds(now) {
            return 1;
        }
        let (factor, until) = (spell.factor, spell.until);
        if !std::mem::replace(&mut spell.effective, true) {
            self.struck(tally, FaultKind::BandwidthDrop, until);
        }
        factor
    }

    /// When a message arrives that leaves at `now`.
    pub(crate) fn arrival(
        &mut self,
        (from, to): (SeatId, SeatId),
        now: u64,
        usual: Usual<'_>,
        (random, tally): (&mut Random, &mut Tally),
    ) -> u64 {
        let mut takes = self.way(from, to, now, usual, (random, tally));
        let platform = Arc::clone(&self.platform);
        if let Some(periods) = &platform.periods {
            takes = self.in_period(periods, now, takes, (random, tally));
        }
        takes = takes.saturating_add(self.spikes_on(from, to, now, tally));
        if let Some(reordering) = &platform.reordering
            && now < self.strikes_end
            && random.chance(reordering.share.parts_per_million())
        {
            takes = takes.saturating_add(reordering.by.draw(random));
        }
        now.saturating_add(takes).saturating_add(self.late(random))
    }

    /// How long all hops take together.
    fn way(
        &mut self,
        from: SeatId,
        to: SeatId,
        now: u64,
        usual: Usual<'_>,
        (random, tally): (&mut Random, &mut Tally),
    ) -> u64 {
        let (p, q) = (self.process(from), self.process(to));
        let path = match &mut self.routes {
            Some([routes, _]) => routes.path(p, q),
            None => None,
        };
        let Some(path) = path.filter(|path| path.len() > 2) else {
            return self.hop((from, to), (p, q), now, usual, random);
        };
        if let Some([routes, whole]) = &mut self.routes
            && routes.is_cut()
            && whole.hops(p, q).is_some_and(|hops| hops < path.len() - 1)
        {
            self.struck(tally, FaultKind::Reroute, now);
        }
        let hops = path.windows(2).map(|hop| (hop[0], hop[1]));
        hops.fold(0, |sum: u64, (a, b)| {
            let takes = self.hop((SeatId(a), SeatId(b)), (a, b), now.saturating_add(sum), usual, random);
            sum.saturating_add(takes)
        })
    }

    /// How long one hop takes.
    fn hop(
        &self,
        (from, to): (SeatId, SeatId),
        (p, q): (u32, u32),
        now: u64,
        usual: Usual<'_>,
        random: &mut Random,
    ) -> u64 {
        let platform = &*self.platform;
        let own = platform.links.iter().rev().find(|link| link.is_of(ProcessId(p), ProcessId(q)));
        let drawn = match (own, &self.regions, &platform.delay) {
            (Some(link), ..) => link.delay.draw(random),
            (None, Some(regions), _) => {
                let jitter = platform.regions.as_ref().and_then(|r| r.jitter.as_ref());
                regions.between(p, q).saturating_add(jitter.map_or(0, |law| law.draw(random)))
            }
            (None, None, Some(law)) => law.draw(random),
            (None, None, None) => return usual(from, to, now, random),
        };
        if now >= self.gst || self.before_gst == 0 {
            return drawn;
        }
        // what is under way at GST arrives as if it were sent then
        let latest = (self.gst - now).saturating_add(drawn);
        drawn.saturating_add(random.below(self.before_gst.saturating_add(1))).min(latest)
    }

    fn in_period(
        &mut self,
        periods: &super::Periods,
        now: u64,
        takes: u64,
        (random, tally): (&mut Random, &mut Tally),
    ) -> u64 {
        self.come_to(now, random);
        let Some(period) = self.period.filter(|period| period.phase == Phase::Bad) else { return takes };
        let latest = (period.until - now).saturating_add(takes);
        let bad = periods.delay.draw(random).min(latest);
        if bad > takes {
            self.struck(tally, FaultKind::Delay, period.until);
        }
        bad
    }

    /// Goes on to the period of this instant.
    pub(crate) fn come_to(&mut self, now: u64, random: &mut Random) {
        let (Some(periods), Some(period)) = (&self.platform.periods, &mut self.period) else { return };
        period.advance(now, periods, random);
    }

    fn spikes_on(&mut self, from: SeatId, to: SeatId, now: u64, tally: &mut Tally) -> u64 {
        if self.spikes.is_empty() {
            return 0;
        }
        let link = (self.process(from), self.process(to));
        self.spikes.retain(|spike| now < spike.until);
        let (mut by, mut struck) = (0_u64, Vec::new());
        for spike in self.spikes.iter_mut().filter(|spike| spike.links.contains(&link)) {
            by = by.saturating_add(spike.by);
            if !std::mem::replace(&mut spike.effective, true) {
                struck.push(spike.until);
            }
        }
        for until in struck {
            self.struck(tally, FaultKind::DelaySpike, until);
        }
        by
    }

    // --- losses ---

    /// What becomes of a message that arrives, if it is the platform that decides about it.
    pub(crate) fn fate(&mut self, from: SeatId, to: SeatId, now: u64, random: &mut Random) -> Option<Fate> {
        let link = (self.process(from), self.process(to));
        let platform = Arc::clone(&self.platform);
        self.come_to(now, random);
        if let (Some(periods), Some(Now { phase: Phase::Bad, .. })) = (&platform.periods, self.period)
            && random.chance(periods.loss.parts_per_million())
        {
            self.struck_until = self.struck_until.max(now);
            return Some(Fate::LostInBurst);
        }
        let bursts = platform.loss.as_ref()?;
        let fate = self.bad_links.next(bursts, link, random);
        if now >= self.strikes_end {
            return Some(Fate::Kept);
        }
        if fate != Fate::Kept {
            self.struck_until = self.struck_until.max(now);
        }
        Some(fate)
    }

    /// Whether a message that arrives is duplicated, if it is the platform that decides about it.
    pub(crate) fn duplicates(&mut self, now: u64, random: &mut Random) -> Option<bool> {
        let share = self.platform.duplication?;
        let is_hit = now < self.strikes_end && random.chance(share.parts_per_million());
        if is_hit {
            self.struck_until = self.struck_until.max(now);
        }
        Some(is_hit)
    }

    /// Whether a message that arrives is corrupted.
    pub(crate) fn corrupts(&mut self, now: u64, random: &mut Random) -> bool {
        let Some(share) = self.platform.corruption else { return false };
        let is_hit = now < self.strikes_end && random.chance(share.parts_per_million());
        if is_hit {
            self.struck_until = self.struck_until.max(now);
        }
        is_hit
    }

    // --- topology ---

    /// Cuts these links. Where there is a topology, it is wires that are cut: the pairs of seats between which there is no way any more,
    /// and whether any wire was cut.
    pub(crate) fn sever(&mut self, links: &[(SeatId, SeatId)]) -> Option<(Vec<(SeatId, SeatId)>, bool)> {
        let wires: Vec<_> = links.iter().map(|&(a, b)| (self.process(a), self.process(b))).collect();
        let [routes, _] = self.routes.as_mut()?;
        let any = routes.sever(&wires);
        let parted = routes.parted();
        let seats = || (0..self.hosts.len() as u32).map(SeatId);
        let is_parted = |a: SeatId, b: SeatId| a != b && parted.contains(&(self.process(a), self.process(b)));
        let pairs =
            seats().flat_map(|a| seats().map(move |b| (a, b))).filter(|&(a, b)| is_parted(a, b)).collect();
        Some((pairs, any))
    }

    pub(crate) fn heal(&mut self) {
        if let Some([routes, _]) = &mut self.routes {
            routes.heal();
        }
    }

    // --- what is held against the bounds ---

    /// A message was sent, and is on the agenda under this number.
    pub(crate) fn sent(&mut self, number: u64, now: u64, assumptions: &Assumptions) {
        if assumptions.bounds_delays() {
            self.sent.insert(number, now);
        }
    }

    /// A message that a fault held back, which has a budget of its own, is under way again. In a synchronous world it is late all the
    /// same.
    pub(crate) fn sent_again(&mut self, number: u64, now: u64) {
        if !self.is_synchronous
            && let Some(sent) = self.sent.get_mut(&number)
        {
            *sent = now;
        }
    }

    /// A message is gone.
    pub(crate) fn gone(&mut self, number: u64) {
        self.sent.remove(&number);
        self.waiting.remove(&number);
    }
}
