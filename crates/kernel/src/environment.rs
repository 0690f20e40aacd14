//! What the world does: the axes of a system model with numbers.
//!
//! A model is what an algorithm assumes; an environment is what happens. `refines` is a partial order between
//! environments, component by component; a model denotes the weakest environment that it allows.

use crate::network::Keeping;
use crate::partitions::SIDED_MAX;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;
use synod_model::bound::Bound;
use synod_model::failure::{FailureKind, FailureModel, Who};
use synod_model::link::{Guarantee, LinkBase, LinkKind, LinkModel};
use synod_model::oracle::OracleKind;
use synod_model::timing::{TimingKind, TimingModel};
use synod_model::{Bounds, Group, ProcessId, SystemModel};

pub use synod_model::duration;

/// How often an adversary may do a thing. Written as a number, or as `"unlimited"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Budget {
    /// At most this often in a run.
    AtMost(u32),
    /// As often as it likes (finitely often where the model says so).
    Unlimited,
}

impl Budget {
    /// Never.
    pub const NONE: Self = Self::AtMost(0);

    /// Whether something is left.
    pub const fn any(self) -> bool {
        !matches!(self, Self::AtMost(0))
    }

    /// What is left after one use.
    #[must_use]
    pub fn spent(self) -> Self {
        match self {
            Self::AtMost(k) => Self::AtMost(k.checked_sub(1).expect("an enabled choice has a budget left")),
            Self::Unlimited => Self::Unlimited,
        }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::NONE
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(k) => write!(f, "{k}"),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}

impl Serialize for Budget {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::AtMost(k) => s.serialize_u32(*k),
            Self::Unlimited => s.serialize_str("unlimited"),
        }
    }
}

impl<'de> Deserialize<'de> for Budget {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(i64),
            Word(String),
        }
        match Written::deserialize(d)? {
            Written::Number(k) => u32::try_from(k)
                .map(Self::AtMost)
                .map_err(|_| serde::de::Error::custom(format!("a budget is a number from 0 on, not {k}"))),
            Written::Word(w) if w == "unlimited" => Ok(Self::Unlimited),
            Written::Word(w) => {
                Err(serde::de::Error::custom(format!("a budget is a number or \"unlimited\", not {w:?}")))
            }
        }
    }
}

/// A probability in parts per million: exact, comparable, the same on every machine. Written as a decimal in [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Probability(u32);

impl Probability {
    /// Never.
    pub const ZERO: Self = Self(0);

    /// `parts` in a million.
    ///
    /// # Panics
    /// If `parts` exceeds a million.
    pub const fn per_million(parts: u32) -> Self {
        assert!(parts <= 1_000_000, "a probability is at most 1");
        Self(parts)
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    fn is_zero(&self) -> bool {
        self.0 == 0
    }

    /// In parts per million.
    pub const fn parts_per_million(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(self.0) / 1e6)
    }
}

impl Serialize for Probability {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_f64(f64::from(self.0) / 1e6)
    }
}

impl<'de> Deserialize<'de> for Probability {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let p = f64::deserialize(d)?;
        if (0.0..=1.0).contains(&p) {
            Ok(Self((p * 1e6).round() as u32))
        } else {
            Err(serde::de::Error::custom(format!("a probability lies in [0, 1], {p} does not")))
        }
    }
}

/// How processes fail, with budgets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failures {
    /// The failure model that this is.
    pub kind: FailureKind,
    /// f: how many processes may stop for ever.
    #[serde(default)]
    pub stops: Budget,
    /// How many processes may be faulty by omission. The processes that stop, those that omit and those that lie are
    /// together at most the largest of the three budgets.
    #[serde(default, skip_serializing_if = "is_none")]
    pub omissions: Budget,
    /// Which messages those may omit.
    #[serde(default, skip_serializing_if = "Omits::is_general")]
    pub omits: Omits,
    /// How many processes may lie: the adversary plays them, and says in their name what it likes; explored, what it
    /// likes of the setting's [`lies`](crate::Setting::lies). One that lies is one that might have stopped.
    #[serde(default, skip_serializing_if = "is_none")]
    pub lies: Budget,
    /// From when on.
    #[serde(default, skip_serializing_if = "Takeover::is_at_start")]
    pub takeover: Takeover,
    /// How many crashes, in all, are followed by a recovery.
    #[serde(default)]
    pub restarts: Budget,
    /// The processes that may fail, where not all may: servers among servers and clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub among: Option<Group>,
}

impl Failures {
    /// Nobody fails.
    pub const NONE: Self = Self {
        kind: FailureKind::Reliable,
        stops: Budget::NONE,
        omissions: Budget::NONE,
        omits: Omits::General,
        lies: Budget::NONE,
        takeover: Takeover::AtStart,
        restarts: Budget::NONE,
        among: None,
    };

    /// Whether anyone fails in any way.
    pub fn any(&self) -> bool {
        [self.stops, self.omissions, self.lies, self.restarts].iter().any(|budget| budget.any())
    }

    /// Whether `p` may fail.
    pub fn may_fail(&self, p: ProcessId) -> bool {
        self.among.is_none_or(|group| group.contains(p))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_none(budget: &Budget) -> bool {
    !budget.any()
}

/// Which messages a process that is faulty by omission may omit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Omits {
    /// To send.
    Send,
    /// To receive.
    Receive,
    /// Either.
    #[default]
    General,
}

impl Omits {
    /// Whether one from `sender` to `receiver` may be omitted, who are faulty by omission or not.
    pub fn covers(self, sender: bool, receiver: bool) -> bool {
        (sender && self != Self::Receive) || (receiver && self != Self::Send)
    }

    fn refines(self, weaker: Self) -> bool {
        self == weaker || weaker == Self::General
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    fn is_general(&self) -> bool {
        *self == Self::General
    }
}

/// When the adversary takes over a process that lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Takeover {
    /// Before anyone starts: such a process can say whatever it would have said.
    #[default]
    AtStart,
    /// At any time: it knows what it was told until then, and what it did was done in good faith.
    AnyTime,
}

impl Takeover {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    fn is_at_start(&self) -> bool {
        *self == Self::AtStart
    }
}

/// When a write becomes durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// At once; what an asynchronous disk could do beyond that, crashes inside handlers and deliveries to processes
    /// that are down do as well. Not so for monitors that read the order of concurrent observations.
    #[default]
    Immediate,
    /// Later, by a choice; effects issued after a store are held until then, across handlers.
    Deferred,
    /// A broken twin of this kernel: holds effects back within the handler that stores, not in the next.
    #[doc(hidden)]
    DeferredWithinHandler,
}

/// What disks do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// When a write becomes durable.
    pub durability: Durability,
    /// How many crashes may tear the write that was being made.
    pub torn_writes: Budget,
    /// How many bits of what is durable may flip while their process is down.
    #[serde(skip_serializing_if = "is_none")]
    pub bit_rot: Budget,
    /// How many writes may be acknowledged and be made elsewhere. On a deferred disk.
    #[serde(skip_serializing_if = "is_none")]
    pub misdirected_writes: Budget,
    /// How many writes may fail, since the disk is full or broken. On a deferred disk; on an immediate one it is a crash
    /// inside the handler.
    #[serde(skip_serializing_if = "is_none")]
    pub failed_writes: Budget,
    /// Simulated: the longest that a write takes to become durable.
    #[serde(with = "duration")]
    pub sync_max: Duration,
}

/// What links do.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Links {
    /// The link model that this is.
    #[serde(with = "link_kind")]
    pub kind: LinkKind,
    /// How many messages may be lost between processes that are up.
    #[serde(default)]
    pub losses: Budget,
    /// How many messages may be delivered once more than they were sent.
    #[serde(default)]
    pub duplications: Budget,
    /// How many messages the network may inject: old ones again, changed ones, made up ones, in whosever name the links do
    /// not authenticate. Explored: of the setting's [`lies`](crate::Setting::lies).
    #[serde(default, skip_serializing_if = "is_none")]
    pub injections: Budget,
    /// Messages in flight are a set: sending one that is in flight changes nothing. For exploring unreliable links.
    #[serde(default)]
    pub as_set: bool,
    /// A delivery to which the receiver neither changes nor sends is no step: the message stays in flight, and on a FIFO link
    /// before all that was sent later.
    #[serde(default)]
    pub ignored_stay: bool,
    /// Simulated: the chance that a message is lost, while the budget lasts.
    #[serde(default)]
    pub loss_probability: Probability,
    /// Simulated: the chance that a message is duplicated, while the budget lasts.
    #[serde(default)]
    pub duplication_probability: Probability,
    /// Simulated: the chance that something is injected as a message arrives, while the budget lasts.
    #[serde(default, skip_serializing_if = "Probability::is_zero")]
    pub injection_probability: Probability,
    /// Simulated: the shortest delay of a message.
    #[serde(default, with = "duration")]
    pub delay_min: Duration,
    /// Simulated: the longest delay of a message (under partial synchrony: after GST).
    #[serde(default, with = "duration")]
    pub delay_max: Duration,
}

impl Links {
    /// Links of this kind that do nothing that they need not.
    pub fn of(kind: LinkKind) -> Self {
        Self {
            kind,
            losses: Budget::NONE,
            duplications: Budget::NONE,
            injections: Budget::NONE,
            as_set: false,
            ignored_stay: false,
            loss_probability: Probability::ZERO,
            duplication_probability: Probability::ZERO,
            injection_probability: Probability::ZERO,
            delay_min: Duration::ZERO,
            delay_max: Duration::ZERO,
        }
    }
}

impl Links {
    /// Whether the network may make messages arrive that were not sent, in the name of a correct process.
    #[inline]
    pub fn inject(&self) -> bool {
        self.injections.any() && self.kind.arbitrary && !self.kind.authenticated
    }

    /// Whether losing the second of two equal messages in flight is nothing that these links may not do anyway: since
    /// they lose without bound, or deliver without end.
    fn drops_copies(&self) -> bool {
        self.losses == Budget::Unlimited || self.kind.base == LinkBase::Stubborn
    }
}

/// Link kinds in files: "perfect", "fifo perfect".
mod link_kind {
    use super::{Deserialize, Deserializer, LinkBase, LinkKind, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(kind: &LinkKind, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&kind.to_string())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<LinkKind, D::Error> {
        let text = String::deserialize(d)?;
        super::parse_link(&text).ok_or_else(|| {
            let names: Vec<_> = LinkBase::ALL.iter().map(|b| b.name()).collect();
            serde::de::Error::custom(format!(
                "unknown link {text:?}: expected one of {}, with `authenticated`, `arbitrary` or `fifo` before it",
                names.join(", ")
            ))
        })
    }
}

/// The link kind that `text` names, as in "fifo perfect".
pub fn parse_link(text: &str) -> Option<LinkKind> {
    let mut words: Vec<_> = text.split_whitespace().collect();
    let name = words.pop()?;
    let base = LinkBase::ALL.into_iter().find(|b| b.name() == name)?;
    let mut kind = LinkKind::plain(base);
    for word in words {
        match word {
            "fifo" => kind.fifo = true,
            "arbitrary" => kind.arbitrary = true,
            "authenticated" => kind.authenticated = true,
            _ => return None,
        }
    }
    Some(kind)
}

/// A cut: messages from one side to the other do not arrive until it heals.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// One side.
    pub from: Vec<ProcessId>,
    /// The other side.
    pub to: Vec<ProcessId>,
    /// Only this way.
    #[serde(default)]
    pub one_way: bool,
}

impl Partition {
    /// Whether it parts `n` processes in two, as the cuts do that happen where there is no list of them.
    fn is_split(&self, n: u32) -> bool {
        let Self { from, to, one_way: _ } = self;
        let on = |side: &[ProcessId], p| side.contains(&ProcessId(p));
        // a cut that parts nobody never happens
        from.is_empty()
            || to.is_empty()
            // of more, not every one takes a side of its own
            || (n as usize <= SIDED_MAX && (0..n).all(|p| on(from, p) != on(to, p)))
    }
}

/// What time does.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// The timing model that this is.
    pub kind: TimingKind,
    /// Explored: how many timers may fire, in all.
    #[serde(default = "unlimited")]
    pub firings: Budget,
    /// Explored: how many pulses may fire, in all.
    #[serde(default = "unlimited")]
    pub pulses: Budget,
    /// Simulated, partial synchrony: the instant after which delays keep to their bound.
    #[serde(default, with = "duration")]
    pub gst: Duration,
    /// Simulated, partial synchrony: the longest delay before GST.
    #[serde(default, with = "duration")]
    pub delay_before_gst: Duration,
    /// The known bounds of the synchronous model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<Bounds>,
}

fn unlimited() -> Budget {
    Budget::Unlimited
}

impl Timing {
    /// Time of this kind, with no bound on firings.
    pub fn of(kind: TimingKind) -> Self {
        Self {
            kind,
            firings: Budget::Unlimited,
            pulses: Budget::Unlimited,
            gst: Duration::ZERO,
            delay_before_gst: Duration::ZERO,
            bounds: None,
        }
    }
}

/// What oracles there are, and how often they speak.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Oracles {
    /// Those that keep to their axioms in the end: what is owed is owed where they do. One that is consulted and not
    /// granted says what it likes.
    pub granted: BTreeSet<OracleKind>,
    /// How many outputs they give, in all.
    pub outputs: Budget,
}

/// What a world may do: the axes with numbers and budgets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// n: how many processes there are.
    pub processes: u32,
    /// How they fail.
    pub failures: Failures,
    /// What disks do.
    #[serde(default)]
    pub storage: Storage,
    /// What links do.
    pub links: Links,
    /// How often the network may be partitioned.
    #[serde(default)]
    pub partitions: Budget,
    /// The only partitions that happen; any where there is no list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cuts: Option<BTreeSet<Partition>>,
    /// What time does.
    pub timing: Timing,
    /// What oracles there are.
    #[serde(default)]
    pub oracles: Oracles,
    /// Explored: the largest value of the algorithm's own measure (ballots, rounds); states beyond it are not kept.
    #[serde(default = "unlimited")]
    pub measure: Budget,
}

impl Environment {
    /// `n` processes that never fail, over perfect links, asynchronous.
    pub fn benign(n: u32) -> Self {
        Self {
            processes: n,
            failures: Failures::NONE,
            storage: Storage::default(),
            links: Links::of(LinkKind::plain(LinkBase::Perfect)),
            partitions: Budget::NONE,
            cuts: None,
            timing: Timing::of(TimingKind::Asynchronous),
            oracles: Oracles::default(),
            measure: Budget::Unlimited,
        }
    }

    /// The weakest environment that the model `M` allows with `n` processes: all that its adversary may do.
    pub fn weakest<M: SystemModel>(n: u32) -> Self {
        let profile = M::Failures::KIND.profile();
        let f = M::Bound::faulty_max(n);
        let budget = |who| match who {
            Who::Nobody => Budget::NONE,
            Who::Faulty => Budget::AtMost(f),
            Who::Anyone => Budget::Unlimited,
        };
        let promises = M::Link::KIND.guarantees();
        let unless = |promised| if promised { Budget::NONE } else { Budget::Unlimited };
        let oracles: BTreeSet<_> = M::Timing::ORACLES.iter().collect();
        Self {
            processes: n,
            failures: Failures {
                kind: M::Failures::KIND,
                stops: budget(profile.stop),
                omissions: budget(profile.omit),
                omits: Omits::General,
                lies: budget(profile.lie),
                takeover: Takeover::AnyTime,
                // a faulty process that restarts and forgets is one that lies: it counts as faulty there
                restarts: if profile.restart == Who::Anyone { Budget::Unlimited } else { Budget::NONE },
                among: None,
            },
            storage: Storage {
                durability: Durability::Deferred,
                torn_writes: if profile.restart == Who::Anyone { Budget::Unlimited } else { Budget::NONE },
                // corruption beyond torn writes is an environment of its own
                bit_rot: Budget::NONE,
                misdirected_writes: Budget::NONE,
                // to crash at a store is to crash
                failed_writes: if profile.restart == Who::Anyone { Budget::Unlimited } else { Budget::NONE },
                sync_max: Duration::MAX,
            },
            links: Links {
                losses: unless(promises.has(Guarantee::AtLeastOnce)),
                duplications: unless(promises.has(Guarantee::NoDuplication)),
                injections: unless(promises.has(Guarantee::NoInjection)),
                as_set: false,
                ignored_stay: false,
                loss_probability: Probability::per_million(if promises.has(Guarantee::AtLeastOnce) {
                    0
                } else {
                    1_000_000
                }),
                duplication_probability: Probability::per_million(
                    if promises.has(Guarantee::NoDuplication) { 0 } else { 1_000_000 },
                ),
                injection_probability: Probability::per_million(if promises.has(Guarantee::NoInjection) {
                    0
                } else {
                    1_000_000
                }),
                delay_min: Duration::ZERO,
                delay_max: Duration::MAX,
                kind: M::Link::KIND,
            },
            partitions: Budget::Unlimited,
            cuts: None,
            timing: Timing {
                kind: M::Timing::KIND,
                firings: Budget::Unlimited,
                pulses: Budget::Unlimited,
                gst: Duration::MAX,
                delay_before_gst: Duration::MAX,
                bounds: None,
            },
            oracles: Oracles {
                outputs: if oracles.is_empty() { Budget::NONE } else { Budget::Unlimited },
                granted: oracles,
            },
            measure: Budget::Unlimited,
        }
    }

    /// Whether all that this environment may do, `weaker` may do too. A partial order.
    ///
    /// A verdict of safety for `weaker` then holds here.
    pub fn refines(&self, weaker: &Self) -> bool {
        // every field is named, here and below, so that none is forgotten
        let Self { processes, failures, storage, links, partitions, cuts, timing, oracles, measure } = self;
        *processes == weaker.processes
            && failures.refine(&weaker.failures)
            && storage.refines(&weaker.storage)
            && links.refine(&weaker.links)
            && *partitions <= weaker.partitions
            && cuts_refine(cuts.as_ref(), weaker.cuts.as_ref(), *processes)
            && timing.refines(&weaker.timing)
            && (timing.latest(links) <= weaker.timing.latest(&weaker.links))
            && oracles.refine(&weaker.oracles)
            && *measure <= weaker.measure
    }

    /// The largest number of processes that may be faulty in it.
    pub fn faulty_max(&self) -> u32 {
        match self.failures.stops.max(self.failures.omissions).max(self.failures.lies) {
            Budget::AtMost(k) => k.min(self.processes),
            Budget::Unlimited => self.processes,
        }
    }
}

impl Failures {
    fn refine(&self, weaker: &Self) -> bool {
        let Self { kind, stops, omissions, omits, lies, takeover, restarts, among } = *self;
        kind.at_least(weaker.kind)
            && stops <= weaker.stops
            && omissions <= weaker.omissions
            && omits.refines(weaker.omits)
            && lies <= weaker.lies
            && takeover <= weaker.takeover
            && restarts <= weaker.restarts
            && match (among, weaker.among) {
                (_, None) => true,
                (None, Some(_)) => false,
                (Some(a), Some(b)) => a == b || (a.count < b.count && a.members().all(|p| b.contains(p))),
            }
    }
}

impl Storage {
    fn refines(&self, weaker: &Self) -> bool {
        let Self { durability, torn_writes, bit_rot, misdirected_writes, failed_writes, sync_max } = *self;
        // what a disk does at once is not all done by one that writes later: a process that crashes as a write becomes
        // durable has said all that waited for it, or nothing; and no other process starts in between
        durability == weaker.durability
            && torn_writes <= weaker.torn_writes
            && bit_rot <= weaker.bit_rot
            && misdirected_writes <= weaker.misdirected_writes
            && failed_writes <= weaker.failed_writes
            && sync_max <= weaker.sync_max
    }
}

impl Links {
    pub(crate) fn refine(&self, weaker: &Self) -> bool {
        let Self {
            kind,
            losses,
            duplications,
            injections,
            as_set: _,
            ignored_stay,
            loss_probability,
            duplication_probability,
            injection_probability,
            delay_min,
            delay_max,
        } = *self;
        kind.at_least(weaker.kind)
            && losses <= weaker.losses
            && duplications <= weaker.duplications
            && injections <= weaker.injections
            && self.keeps_less(weaker)
            // to leave in flight what changes nothing is to deliver it later
            && ignored_stay >= weaker.ignored_stay
            && loss_probability <= weaker.loss_probability
            && duplication_probability <= weaker.duplication_probability
            && injection_probability <= weaker.injection_probability
            && delay_min >= weaker.delay_min
            && delay_max <= weaker.delay_max
    }

    /// Whether all copies of a message that these links keep in flight, `weaker` ones keep too, or may do without.
    fn keeps_less(&self, weaker: &Self) -> bool {
        let (here, there) = (Keeping::of(self), Keeping::of(weaker));
        (there != Keeping::Set || here == Keeping::Set)
            && (self.as_set == weaker.as_set || (self.as_set && weaker.drops_copies()))
    }
}

impl Timing {
    fn refines(&self, weaker: &Self) -> bool {
        let Self { kind, firings, pulses, gst, delay_before_gst, bounds } = *self;
        kind.at_least(weaker.kind)
            && firings <= weaker.firings
            && pulses <= weaker.pulses
            && gst <= weaker.gst
            && delay_before_gst <= weaker.delay_before_gst
            // processes know these: who counts on others does other things
            && (bounds == weaker.bounds || weaker.bounds.is_none())
    }

    /// The longest delay of a message, whenever it is sent.
    fn latest(&self, links: &Links) -> Duration {
        match self.kind {
            TimingKind::PartiallySynchronous if self.gst > Duration::ZERO => {
                self.delay_before_gst.max(links.delay_max)
            }
            _ => links.delay_max,
        }
    }
}

impl Oracles {
    fn refine(&self, weaker: &Self) -> bool {
        let Self { granted, outputs } = self;
        // all that are consulted speak; those that are granted keep to their axioms
        granted.is_superset(&weaker.granted) && *outputs <= weaker.outputs
    }
}

/// Whether all cuts of a list, any of `n` processes where there is none, are among those of `weaker`.
fn cuts_refine(here: Option<&BTreeSet<Partition>>, weaker: Option<&BTreeSet<Partition>>, n: u32) -> bool {
    match (here, weaker) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some(here), None) => here.iter().all(|cut| cut.is_split(n)),
        (Some(here), Some(weaker)) => here.is_subset(weaker),
    }
}
