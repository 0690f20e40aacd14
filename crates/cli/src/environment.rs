//! Environments: what a file or a flag changes in an algorithm's own, how one reads in words, and what the grounds can
//! play.

use crate::error::Error;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeSet;
use std::time::Duration;
use synod_kernel::environment::{duration, parse_link};
use synod_kernel::setting::PROCESSES_MAX;
use synod_kernel::{Budget, Diagnostic, Durability, Environment, Omits, Partition, Probability, Takeover};
use synod_model::failure::{FailureKind, Who};
use synod_model::link::{LinkBase, LinkKind};
use synod_model::oracle::OracleKind;
use synod_model::timing::TimingKind;
use synod_model::{Bounds, Group};
use synod_properties::GroundKind;

/// What a file changes in an environment: every key of [`Environment`], each of them optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Overrides {
    failures: FailureOverrides,
    storage: StorageOverrides,
    links: LinkOverrides,
    partitions: Option<Budget>,
    cuts: Option<BTreeSet<Partition>>,
    timing: TimingOverrides,
    oracles: OracleOverrides,
    measure: Option<Budget>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FailureOverrides {
    kind: Option<FailureKind>,
    stops: Option<Budget>,
    omissions: Option<Budget>,
    omits: Option<Omits>,
    lies: Option<Budget>,
    takeover: Option<Takeover>,
    restarts: Option<Budget>,
    among: Option<Group>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct StorageOverrides {
    durability: Option<Durability>,
    torn_writes: Option<Budget>,
    bit_rot: Option<Budget>,
    misdirected_writes: Option<Budget>,
    failed_writes: Option<Budget>,
    sync_max: Option<Span>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LinkOverrides {
    kind: Option<LinkName>,
    losses: Option<Budget>,
    duplications: Option<Budget>,
    injections: Option<Budget>,
    as_set: Option<bool>,
    ignored_stay: Option<bool>,
    loss_probability: Option<Probability>,
    duplication_probability: Option<Probability>,
    injection_probability: Option<Probability>,
    delay_min: Option<Span>,
    delay_max: Option<Span>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TimingOverrides {
    kind: Option<TimingKind>,
    firings: Option<Budget>,
    pulses: Option<Budget>,
    gst: Option<Span>,
    delay_before_gst: Option<Span>,
    bounds: Option<Bounds>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct OracleOverrides {
    granted: Option<BTreeSet<OracleKind>>,
    outputs: Option<Budget>,
}

/// A duration as files write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        duration::deserialize(d).map(Self)
    }
}

/// A link kind as files write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LinkName(LinkKind);

impl<'de> Deserialize<'de> for LinkName {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        parse_link(&text).map(Self).ok_or_else(|| {
            let names: Vec<_> = LinkBase::ALL.iter().map(|b| format!("`{}`", b.name())).collect();
            serde::de::Error::custom(format!("unknown link `{text}`, expected one of {}", names.join(", ")))
        })
    }
}

fn set<T>(place: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *place = new;
    }
}

impl Overrides {
    /// Changes `environment` where this says something.
    pub fn apply(self, environment: &mut Environment) {
        let Self { failures, storage, links, partitions, cuts, timing, oracles, measure } = self;
        set(&mut environment.failures.kind, failures.kind);
        set(&mut environment.failures.stops, failures.stops);
        set(&mut environment.failures.omissions, failures.omissions);
        set(&mut environment.failures.omits, failures.omits);
        set(&mut environment.failures.lies, failures.lies);
        set(&mut environment.failures.takeover, failures.takeover);
        set(&mut environment.failures.restarts, failures.restarts);
        set(&mut environment.failures.among, failures.among.map(Some));
        set(&mut environment.storage.durability, storage.durability);
        set(&mut environment.storage.torn_writes, storage.torn_writes);
        set(&mut environment.storage.bit_rot, storage.bit_rot);
        set(&mut environment.storage.misdirected_writes, storage.misdirected_writes);
        set(&mut environment.storage.failed_writes, storage.failed_writes);
        set(&mut environment.storage.sync_max, storage.sync_max.map(|s| s.0));
        set(&mut environment.links.kind, links.kind.map(|k| k.0));
        set(&mut environment.links.losses, links.losses);
        set(&mut environment.links.duplications, links.duplications);
        set(&mut environment.links.injections, links.injections);
        set(&mut environment.links.injection_probability, links.injection_probability);
        set(&mut environment.links.as_set, links.as_set);
        set(&mut environment.links.ignored_stay, links.ignored_stay);
        set(&mut environment.links.loss_probability, links.loss_probability);
        set(&mut environment.links.duplication_probability, links.duplication_probability);
        set(&mut environment.links.delay_min, links.delay_min.map(|s| s.0));
        set(&mut environment.links.delay_max, links.delay_max.map(|s| s.0));
        set(&mut environment.partitions, partitions);
        set(&mut environment.cuts, cuts.map(Some));
        set(&mut environment.timing.kind, timing.kind);
        set(&mut environment.timing.firings, timing.firings);
        set(&mut environment.timing.pulses, timing.pulses);
        set(&mut environment.timing.gst, timing.gst.map(|s| s.0));
        set(&mut environment.timing.delay_before_gst, timing.delay_before_gst.map(|s| s.0));
        set(&mut environment.timing.bounds, timing.bounds.map(Some));
        set(&mut environment.oracles.granted, oracles.granted);
        set(&mut environment.oracles.outputs, oracles.outputs);
        set(&mut environment.measure, measure);
    }
}

/// What the command line changes in an environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--f`.
    pub stops: Option<Budget>,
    /// `--omissions`.
    pub omissions: Option<Budget>,
    /// `--lies`.
    pub lies: Option<Budget>,
    /// `--restarts`.
    pub restarts: Option<Budget>,
    /// `--losses`.
    pub losses: Option<Budget>,
    /// `--duplications`.
    pub duplications: Option<Budget>,
    /// `--injections`.
    pub injections: Option<Budget>,
    /// `--partitions`.
    pub partitions: Option<Budget>,
    /// `--links`.
    pub links: Option<LinkKind>,
}

impl Flags {
    /// Changes `environment` where this says something. Failures become as severe as what is asked for.
    pub fn apply(&self, environment: &mut Environment) {
        let failures = &mut environment.failures;
        set(&mut failures.stops, self.stops);
        set(&mut failures.omissions, self.omissions);
        set(&mut failures.lies, self.lies);
        set(&mut failures.restarts, self.restarts);
        if failures.lies.any() && failures.kind.profile().lie == Who::Nobody {
            failures.kind = FailureKind::Byzantine;
        }
        if failures.omissions.any() && failures.kind.profile().omit == Who::Nobody {
            failures.kind = FailureKind::Omission;
        }
        if failures.stops.any() && failures.kind == FailureKind::Reliable {
            failures.kind = FailureKind::CrashStop;
        }
        if failures.restarts.any() && matches!(failures.kind, FailureKind::Reliable | FailureKind::CrashStop)
        {
            failures.kind = FailureKind::CrashRecovery;
        }
        let links = &mut environment.links;
        set(&mut links.kind, self.links);
        set(&mut links.losses, self.losses);
        set(&mut links.duplications, self.duplications);
        set(&mut links.injections, self.injections);
        // a budget that no chance ever spends would be no fault at all
        let usual = Probability::per_million(50_000);
        if self.losses.is_some_and(Budget::any) && links.loss_probability == Probability::ZERO {
            links.loss_probability = usual;
        }
        if self.duplications.is_some_and(Budget::any) && links.duplication_probability == Probability::ZERO {
            links.duplication_probability = usual;
        }
        if self.injections.is_some_and(Budget::any) && links.injection_probability == Probability::ZERO {
            links.injection_probability = usual;
        }
        set(&mut environment.partitions, self.partitions);
    }
}

/// Refuses a number of processes for which a ground is not made: an exploration of so many would not end, nor would
/// one machine bear as many OS processes.
pub fn holds(n: u32, ground: GroundKind) -> Result<(), Error> {
    let most = match ground {
        GroundKind::Sim => PROCESSES_MAX,
        GroundKind::Check | GroundKind::Run => 64,
    };
    if (1..=most).contains(&n) {
        return Ok(());
    }
    Err(Error::Scale {
        what: format!("n = {n} is out of bounds"),
        hint: format!("n lies between 1 and {most}"),
    })
}

/// Refuses an environment that contradicts itself, or asks for what no ground plays.
pub fn validate(environment: &Environment, ground: GroundKind) -> Result<(), Error> {
    let n = environment.processes;
    let scale = |what: String, hint: &str| Err(Error::Scale { what, hint: hint.to_owned() });
    holds(n, ground)?;
    let failures = &environment.failures;
    for (budget, fail) in [(failures.stops, "stop"), (failures.omissions, "omit"), (failures.lies, "lie")] {
        if let Budget::AtMost(f) = budget
            && f > n
        {
            return scale(
                format!("f = {f} of n = {n} processes cannot {fail}"),
                &format!("f is at most {n}"),
            );
        }
    }
    if let Some(among) = environment.failures.among
        && among.members().any(|p| p.0 >= n)
    {
        return scale(
            format!("`failures.among` names a process beyond n = {n}"),
            "its processes are counted from 0",
        );
    }
    if let Some(cuts) = &environment.cuts
        && cuts.iter().flat_map(|c| c.from.iter().chain(&c.to)).any(|p| p.0 >= n)
    {
        return scale(
            format!("`cuts` names a process beyond n = {n}"),
            "its processes are counted from 0; a partition belongs to one n",
        );
    }
    if environment.links.injections.any() && !environment.links.inject() {
        return scale(
            format!(
                "`links.injections` = {}, and {} links let nobody speak in another's name",
                environment.links.injections, environment.links.kind
            ),
            "set `links.kind = \"arbitrary perfect\"` or another that is arbitrary and not authenticated",
        );
    }
    if environment.links.delay_min > environment.links.delay_max {
        return scale(
            format!(
                "`links.delay_min` = {} exceeds `links.delay_max` = {}",
                duration::format(environment.links.delay_min),
                duration::format(environment.links.delay_max)
            ),
            "raise delay_max or lower delay_min",
        );
    }
    played(environment, ground)
}

/// Refuses what the model can say and no ground plays yet: a verdict that ignored it would be worth nothing.
fn played(environment: &Environment, ground: GroundKind) -> Result<(), Error> {
    let refuse = |what: String, hint: &str| Err(Error::Unsupported { what, hint: hint.to_owned() });
    let (failures, storage) = (&environment.failures, &environment.storage);
    let adversary = [
        (failures.omissions, "processes omit", "failures.omissions"),
        (failures.lies, "processes lie", "failures.lies"),
        (environment.links.injections, "messages are injected", "links.injections"),
        (storage.bit_rot, "bits flip", "storage.bit_rot"),
        (storage.misdirected_writes, "writes go elsewhere", "storage.misdirected_writes"),
        (storage.failed_writes, "writes fail", "storage.failed_writes"),
    ];
    if let Some((budget, what, key)) = adversary.into_iter().find(|(budget, ..)| budget.any())
        && ground == GroundKind::Run
    {
        return refuse(
            format!("{budget} {what}, which no real cluster plays"),
            &format!("use `check` or `sim`, or set `{key} = 0`"),
        );
    }
    let links = environment.links.kind;
    if !plays_links(links) {
        return refuse(
            format!("no ground provides {links} links yet"),
            "choose fair-loss, stubborn or perfect, authenticated or arbitrary or not, fair-loss and perfect ones also \
             fifo, and build the others by a transformer",
        );
    }
    if links.fifo && ground == GroundKind::Run {
        return refuse(
            format!("a real cluster provides no {links} links"),
            "use `check` or `sim`, or build the order by a transformer (`fifo-link`)",
        );
    }
    synchronous_fits(environment, ground)
}

/// Refuses synchronous time where nobody plays it, or without the bounds that processes read.
fn synchronous_fits(environment: &Environment, ground: GroundKind) -> Result<(), Error> {
    let refuse =
        |what: &str, hint: &str| Err(Error::Unsupported { what: what.to_owned(), hint: hint.to_owned() });
    if environment.timing.kind != TimingKind::Synchronous {
        return Ok(());
    }
    if ground != GroundKind::Sim {
        return refuse(
            "synchronous timing is played by `sim` alone, of the grounds that take an environment",
            "use `sim`; `list` shows what `check` explores in discrete time, by its constants",
        );
    }
    let Some(bounds) = environment.timing.bounds else {
        return refuse(
            "synchronous timing without bounds: processes read them",
            "set `timing.bounds = { delay = \"10ms\", step = \"1ms\", drift_ppm = 100 }`",
        );
    };
    if bounds.drift_ppm >= 1_000_000 {
        return refuse(
            "`timing.bounds.drift_ppm` is a million or more: such a clock may stand still",
            "lower it",
        );
    }
    Ok(())
}

/// Whether the grounds provide these links: `check` and `sim` all of them, a real cluster those that are not FIFO.
pub fn plays_links(kind: LinkKind) -> bool {
    match kind.base {
        LinkBase::FairLoss | LinkBase::Perfect => true,
        // what is delivered for ever would hold up all that was sent after it
        LinkBase::Stubborn => !kind.fifo,
        LinkBase::Logged | LinkBase::Durable => false,
    }
}

/// Whether anything in it is a fault that a run can show.
pub fn has_faults(environment: &Environment) -> bool {
    let (storage, links) = (&environment.storage, &environment.links);
    environment.failures.any()
        || [
            links.losses,
            links.duplications,
            links.injections,
            environment.partitions,
            storage.bit_rot,
            storage.misdirected_writes,
            storage.failed_writes,
        ]
        .into_iter()
        .any(Budget::any)
}

/// The environment in words: "n = 3, at most 1 restart, perfect links, asynchronous".
pub fn describe(environment: &Environment) -> String {
    let mut words = vec![format!("n = {}", environment.processes)];
    words.extend(faults(environment));
    words.push(format!("{} links", environment.links.kind));
    words.push(environment.timing.kind.name().to_owned());
    for oracle in &environment.oracles.granted {
        words.push(format!("oracle {}", oracle.name()));
    }
    words.join(", ")
}

/// Which point of the space of models it is, and how that stands to an algorithm's model.
pub fn point(environment: &Environment, model: &str, outside: &[Diagnostic]) -> String {
    let (failures, links, timing) = (&environment.failures, environment.links.kind, &environment.timing);
    let stands = match outside {
        [] => "refines".to_owned(),
        [first, ..] => format!("is outside of ({})", first.code.name()),
    };
    format!("{} x {links} x {} {stands} the model {model}", failures.kind.name(), timing.kind.name())
}

/// Its budgets of faults in words, those that it has.
pub fn faults(environment: &Environment) -> Vec<String> {
    let (failures, storage, links) = (&environment.failures, &environment.storage, &environment.links);
    [
        (failures.stops, "stop", "stops"),
        (failures.omissions, "omitting process", "omitting processes"),
        (failures.lies, "liar", "liars"),
        (failures.restarts, "restart", "restarts"),
        (storage.torn_writes, "torn write", "torn writes"),
        (storage.bit_rot, "flipped bit", "flipped bits"),
        (storage.misdirected_writes, "misdirected write", "misdirected writes"),
        (storage.failed_writes, "failed write", "failed writes"),
        (links.losses, "loss", "losses"),
        (links.duplications, "duplicate", "duplicates"),
        (links.injections, "injected message", "injected messages"),
        (environment.partitions, "partition", "partitions"),
    ]
    .into_iter()
    .filter_map(|(budget, one, many)| counted(budget, one, many))
    .collect()
}

/// What bounds an exploration besides faults, in words.
pub fn limits(environment: &Environment, measure: Option<&str>) -> Vec<String> {
    let timing = &environment.timing;
    let mut words = Vec::new();
    if let (Budget::AtMost(k), Some(name)) = (environment.measure, measure) {
        words.push(format!("{name} up to {k}"));
    }
    let outputs = environment.oracles.outputs;
    if outputs.any() {
        words.extend(counted(outputs, "oracle output", "oracle outputs").filter(|_| finite(outputs)));
    }
    for (budget, one, many) in
        [(timing.firings, "timer firing", "timer firings"), (timing.pulses, "pulse", "pulses")]
    {
        if let Budget::AtMost(k) = budget {
            words.push(format!("at most {k} {}", if k == 1 { one } else { many }));
        }
    }
    words
}

fn finite(budget: Budget) -> bool {
    budget != Budget::Unlimited
}

fn counted(budget: Budget, one: &str, many: &str) -> Option<String> {
    match budget {
        Budget::AtMost(0) => None,
        Budget::AtMost(1) => Some(format!("at most 1 {one}")),
        Budget::AtMost(k) => Some(format!("at most {k} {many}")),
        Budget::Unlimited => Some(format!("{many} without limit")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use synod_properties::{GroundKind, usual};

    fn parsed(text: &str) -> Result<Overrides, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn a_file_changes_what_it_names_and_nothing_else() {
        let mut environment = Environment::benign(3);
        let before = environment.clone();
        parsed("").expect("nothing is fine").apply(&mut environment);
        assert_eq!(environment, before);
        parsed("[links]\ndelay_max = \"10ms\"\nkind = \"fair-loss\"\n[failures]\nstops = 1")
            .expect("a good file")
            .apply(&mut environment);
        assert_eq!(environment.links.delay_max, Duration::from_millis(10));
        assert_eq!(environment.links.kind, LinkKind::plain(LinkBase::FairLoss));
        assert_eq!(environment.failures.stops, Budget::AtMost(1));
        assert_eq!(environment.failures.kind, before.failures.kind);
    }

    #[test]
    fn every_key_of_an_environment_can_be_overridden() {
        let whole = Environment {
            failures: synod_kernel::Failures {
                kind: FailureKind::CrashRecovery,
                stops: Budget::AtMost(1),
                omissions: Budget::AtMost(1),
                omits: Omits::Send,
                lies: Budget::AtMost(1),
                takeover: Takeover::AnyTime,
                restarts: Budget::Unlimited,
                among: Some(Group::first(2)),
            },
            storage: synod_kernel::Storage {
                bit_rot: Budget::AtMost(1),
                misdirected_writes: Budget::AtMost(2),
                failed_writes: Budget::AtMost(3),
                ..synod_kernel::Storage::default()
            },
            links: synod_kernel::Links {
                injections: Budget::AtMost(1),
                injection_probability: Probability::per_million(1_000),
                ..Environment::benign(3).links
            },
            cuts: Some(BTreeSet::new()),
            partitions: Budget::AtMost(3),
            measure: Budget::AtMost(4),
            ..Environment::benign(3)
        };
        let mut value = toml::Value::try_from(&whole).expect("an environment is plain data");
        value.as_table_mut().expect("a table").remove("processes");
        let overrides: Overrides = value.try_into().expect("every key exists");
        let mut environment = Environment::benign(3);
        overrides.apply(&mut environment);
        assert_eq!(environment, whole);
    }

    #[test]
    fn a_negative_delay_and_an_unknown_key_are_refused_with_their_line() {
        for text in ["[links]\ndelay_max = -5", "[links]\ndelay_max = \"-5ms\"", "[links]\ndelay_mx = 5"] {
            let error = parsed(text).expect_err(text);
            assert!(error.to_string().contains("line 2"), "{error}");
        }
    }

    #[test]
    fn flags_make_failures_as_severe_as_they_ask_for() {
        let mut environment = Environment::benign(3);
        Flags { stops: Some(Budget::AtMost(1)), ..Flags::default() }.apply(&mut environment);
        assert_eq!(environment.failures.kind, FailureKind::CrashStop);
        Flags { restarts: Some(Budget::AtMost(1)), ..Flags::default() }.apply(&mut environment);
        assert_eq!(environment.failures.kind, FailureKind::CrashRecovery);
        assert_eq!(
            describe(&environment),
            "n = 3, at most 1 stop, at most 1 restart, perfect links, asynchronous"
        );
    }

    #[test]
    fn what_is_usual_is_played() {
        type Practical =
            (synod_model::CrashRecovery, synod_model::FairLoss, synod_model::PartiallySynchronous);
        for ground in [GroundKind::Check, GroundKind::Sim, GroundKind::Run] {
            for n in 1..6 {
                validate(&usual::<Practical>(ground, n), ground).expect("it is played");
            }
        }
    }

    #[test]
    fn links_in_order_are_played_where_the_kernel_keeps_them() {
        let mut environment = Environment::benign(3);
        for base in LinkBase::ALL {
            environment.links.kind = LinkKind { fifo: true, ..LinkKind::plain(base) };
            let played = matches!(base, LinkBase::FairLoss | LinkBase::Perfect);
            for ground in [GroundKind::Check, GroundKind::Sim] {
                assert_eq!(validate(&environment, ground).is_ok(), played, "{base:?}");
            }
            let refused = validate(&environment, GroundKind::Run);
            assert!(matches!(refused, Err(Error::Unsupported { .. })), "{base:?}");
        }
    }

    #[test]
    fn what_no_ground_plays_is_refused() {
        let mut environment = Environment::benign(3);
        let on = |environment: &Environment, ground| validate(environment, ground);
        assert!(on(&environment, GroundKind::Check).is_ok());
        for spend in [
            (|e| e.failures.omissions = Budget::AtMost(1)) as fn(&mut Environment),
            |e| e.failures.lies = Budget::AtMost(1),
            |e| e.storage.bit_rot = Budget::AtMost(1),
            |e| {
                e.links.kind.arbitrary = true;
                e.links.injections = Budget::AtMost(1);
            },
        ] {
            let mut spent = environment.clone();
            spend(&mut spent);
            assert!(on(&spent, GroundKind::Check).is_ok() && on(&spent, GroundKind::Sim).is_ok());
            assert!(matches!(on(&spent, GroundKind::Run), Err(Error::Unsupported { .. })));
        }
        environment.links.injections = Budget::AtMost(1);
        assert!(
            matches!(on(&environment, GroundKind::Sim), Err(Error::Scale { .. })),
            "perfect links inject nothing"
        );
        environment.failures.lies = Budget::AtMost(4);
        assert!(matches!(on(&environment, GroundKind::Check), Err(Error::Scale { .. })));
        environment = Environment::benign(0);
        assert!(matches!(on(&environment, GroundKind::Check), Err(Error::Scale { .. })));
    }
}
