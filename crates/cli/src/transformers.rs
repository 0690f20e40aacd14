//! Links that are put under an algorithm, where those of the environment are weaker than its model assumes: which
//! transformers close the gap, and the algorithm over them.
//!
//! Which there are is asked of values ([`Rung`]), what is simulated of types ([`Chain`], [`Stacked`]): an algorithm over a chain
//! is one more algorithm, with a name of its own by which its traces are replayed.

use crate::error::Error;
use std::collections::VecDeque;
use std::marker::PhantomData;
use synod_kernel::Environment;
use synod_model::failure::{FailureKind, FailureModel};
use synod_model::link::{Guarantee, LinkKind, LinkModel};
use synod_model::timing::TimingKind;
use synod_model::{FailuresOf, Layers, LinkOf, LinkTransformer, Over, Process, ProcessId, RunsOver, Value};
use synod_properties::{
    Algorithm, Ask, Completion, Cost, GroundKind, Object, OperationKind, Scale, Told, Twin, usual,
};

/// What stands between the names of an algorithm and of the transformers under it.
const BETWEEN: &str = "+";

/// A link transformer, as far as it matters for where it fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Its name.
    pub name: &'static str,
    /// The links that it assumes.
    pub assumes: LinkKind,
    /// The links that it provides.
    pub provides: LinkKind,
    /// The failures that it was made for.
    pub failures: FailureKind,
}

impl Rung {
    /// The transformer `L`, under this name.
    pub fn of<L: LinkTransformer>(name: &'static str) -> Self {
        Self {
            name,
            assumes: LinkOf::<L>::KIND,
            provides: L::Provides::KIND,
            failures: FailuresOf::<L>::KIND,
        }
    }

    /// What it makes of these links, if it can stand on them: authentic ones remain so.
    fn on(&self, links: LinkKind) -> Option<LinkKind> {
        let LinkKind { arbitrary, authenticated, .. } = links;
        links.at_least(self.assumes).then_some(LinkKind { arbitrary, authenticated, ..self.provides })
    }

    /// Why it does not serve an algorithm of this model, and what would.
    fn unfit(&self, model: Wanted) -> Option<(String, String)> {
        let Self { name, assumes, provides, failures } = self;
        let waits = !assumes.guarantees().has(Guarantee::AtLeastOnce);
        if waits && model.timing == TimingKind::Synchronous {
            let why = format!(
                "the algorithm is synchronous, and what `{name}` sends again arrives after any bound"
            );
            return Some((
                why,
                "nothing bounds how often a message is lost: choose links that lose none".to_owned(),
            ));
        }
        let (made_for, here) = (failures.name(), model.failures.name());
        (!model.failures.at_least(*failures)).then(|| {
            let closes =
                format!("one of {assumes} links into {provides} ones that is made for {here} would close it");
            let hint = format!("{closes}; or choose links that the algorithm's model assumes");
            (format!("`{name}` is made for {made_for}, the algorithm for {here}"), hint)
        })
    }
}

/// What an algorithm assumes, as far as transformers have to do with it.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Its links.
    pub links: LinkKind,
    /// Its failures.
    pub failures: FailureKind,
    /// Its timing.
    pub timing: TimingKind,
}

/// What closes the gap between links and those that are wanted, from the top down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The transformers, the one under the algorithm first; none where the links are as good as wanted.
    pub rungs: Vec<Rung>,
    /// The links of the environment.
    pub from: LinkKind,
    /// The links that are wanted.
    pub wanted: LinkKind,
}

impl Plan {
    /// Their names, from the top down.
    pub fn names(&self) -> Vec<&'static str> {
        self.rungs.iter().map(|rung| rung.name).collect()
    }

    /// What was put under the algorithm and why.
    pub fn describe(&self) -> String {
        let Self { rungs, from, wanted } = self;
        if rungs.is_empty() {
            return format!(
                "transformers: none inserted, the environment's {from} links are what the model assumes ({wanted})"
            );
        }
        let steps: Vec<_> = rungs.iter().rev().map(|rung| rung.provides.to_string()).collect();
        format!(
            "transformers: {} inserted under the algorithm: {from} -> {}",
            self.names().join(" over "),
            steps.join(" -> ")
        )
    }
}

/// The shortest chain of these transformers that makes the links wanted of those that there are.
///
/// # Errors
/// If there is none: which step is missing.
pub fn plan(rungs: &[Rung], from: LinkKind, wanted: Wanted) -> Result<Plan, Error> {
    let fitting: Vec<_> = rungs.iter().filter(|rung| rung.unfit(wanted).is_none()).copied().collect();
    let made = |rungs: Vec<Rung>| Plan { rungs, from, wanted: wanted.links };
    if let (Some(chain), _) = climb(&fitting, from, wanted.links) {
        return Ok(made(chain));
    }
    Err(no_chain(rungs, from, wanted))
}

/// Which step is missing, and what would close the gap.
fn no_chain(rungs: &[Rung], from: LinkKind, wanted: Wanted) -> Error {
    let what = |step: String, why: &str| {
        let gap = format!("no chain of transformers makes {} links of {from} ones", wanted.links);
        format!("{gap}: the step from {step} is missing ({why})")
    };
    // one that would, were it fit for the model
    let (unfit, reached) = climb(rungs, from, wanted.links);
    let unfit = unfit.unwrap_or_default();
    if let Some((rung, (why, hint))) = unfit.iter().rev().find_map(|rung| Some((rung, rung.unfit(wanted)?))) {
        return Error::Unsupported {
            what: what(format!("{} to {}", rung.assumes, rung.provides), &why),
            hint,
        };
    }
    let (last, missing) = nearest(&reached, wanted.links).unwrap_or((from, Vec::new()));
    let names: Vec<_> = missing.iter().map(|guarantee| guarantee.name()).collect();
    let what = what(format!("{last} to {}", wanted.links), &names.join(", "));
    Error::Unsupported { what, hint: hint(&missing, from) }
}

/// The shortest chain, top first; and the links that any chain comes to.
fn climb(rungs: &[Rung], from: LinkKind, to: LinkKind) -> (Option<Vec<Rung>>, Vec<LinkKind>) {
    let mut reached = vec![from];
    let mut agenda = VecDeque::from([(from, Vec::new())]);
    while let Some((links, chain)) = agenda.pop_front() {
        if links.at_least(to) {
            return (Some(chain), reached);
        }
        for rung in rungs {
            let Some(next) = rung.on(links).filter(|next| !reached.contains(next)) else { continue };
            reached.push(next);
            agenda.push_back((next, std::iter::once(*rung).chain(chain.iter().copied()).collect()));
        }
    }
    (None, reached)
}

/// Of these links those that lack least, and what.
fn nearest(reached: &[LinkKind], wanted: LinkKind) -> Option<(LinkKind, Vec<Guarantee>)> {
    let lacks = |links: &LinkKind| {
        let has = links.guarantees();
        (*links, wanted.guarantees().iter().filter(|g| !has.has(*g)).collect::<Vec<_>>())
    };
    reached.iter().map(lacks).min_by_key(|(_, missing)| missing.len())
}

/// What would close the gap.
fn hint(missing: &[Guarantee], from: LinkKind) -> String {
    let lacks = |guarantee: Guarantee| missing.contains(&guarantee);
    if from.arbitrary && lacks(Guarantee::NoInjection) {
        return "no link undoes what is injected but one that authenticates: choose links that are not `arbitrary`"
            .to_owned();
    }
    if lacks(Guarantee::Authenticity) {
        return "signatures or authentication codes would close it, and no transformer here has them: choose \
                `authenticated` links"
            .to_owned();
    }
    if lacks(Guarantee::DurableSending) || lacks(Guarantee::LoggedDelivery) {
        return "what survives a crash is in a log, and `log-delivered` tells of its log instead of delivering once: write \
                the algorithm on it"
            .to_owned();
    }
    "choose stronger links for the environment".to_owned()
}

/// A chain of link transformers.
pub trait Chain: Send + Sync + 'static {
    /// It, for links that carry `M`.
    type Link<M: Value>: LinkTransformer<Payload = M>;
    /// The names of its transformers, from the top down.
    const NAMES: &'static [&'static str];
    /// The parameters of its sound processes.
    fn parameters<M: Value>() -> <Self::Link<M> as Process>::Parameters;
}

/// The message of an algorithm.
pub type MessageOf<A> = <<A as Algorithm>::Process as Process>::Message;
/// What a chain is for an algorithm.
pub type LinkFor<A, C> = <C as Chain>::Link<MessageOf<A>>;

/// The algorithm `A` over the links that the chain `C` makes: judged as `A` is, in a world of the links that `C` assumes.
pub struct Stacked<A, C>(PhantomData<fn() -> (A, C)>);

impl<A: Algorithm, C: Chain> Stacked<A, C> {
    const JOINED: ([u8; NAME_MAX], usize) = joined(A::NAME, C::NAMES);
}

/// The longest name.
const NAME_MAX: usize = 256;

/// A name, and further ones after it.
const fn joined(first: &str, others: &[&str]) -> ([u8; NAME_MAX], usize) {
    let (mut bytes, mut length) = append(([0; NAME_MAX], 0), first.as_bytes());
    let mut next = 0;
    while next < others.len() {
        (bytes, length) = append((bytes, length), BETWEEN.as_bytes());
        (bytes, length) = append((bytes, length), others[next].as_bytes());
        next += 1;
    }
    (bytes, length)
}

const fn append((mut bytes, length): ([u8; NAME_MAX], usize), more: &[u8]) -> ([u8; NAME_MAX], usize) {
    let mut i = 0;
    while i < more.len() {
        bytes[length + i] = more[i];
        i += 1;
    }
    (bytes, length + more.len())
}

const fn text((bytes, length): &([u8; NAME_MAX], usize)) -> &str {
    match std::str::from_utf8(bytes.split_at(*length).0) {
        Ok(text) => text,
        Err(_) => panic!("names are text"),
    }
}

impl<A: Algorithm, C: Chain> Algorithm for Stacked<A, C>
where
    A::Process: RunsOver<LinkFor<A, C>>,
{
    type Process = Over<A::Process, LinkFor<A, C>>;
    type Monitor = A::Monitor;

    const NAME: &'static str = text(&Self::JOINED);
    const PAGE: &'static str = A::PAGE;
    const TWINS: &'static [Twin] = A::TWINS;
    const MEASURE: Option<&'static str> = A::MEASURE;
    const OPERATIONS: &'static [OperationKind] = A::OPERATIONS;
    const KEYED: bool = A::KEYED;
    const IN_ORDER: bool = A::IN_ORDER;
    const ASKED_AT_START: bool = A::ASKED_AT_START;
    const OBJECT: Option<Object> = A::OBJECT;
    const COSTS: &'static [Cost] = A::COSTS;

    fn measure(process: &Self::Process) -> u64 {
        A::measure(process.upper())
    }

    fn scale(ground: GroundKind) -> Scale {
        A::scale(ground)
    }

    fn parameters(scale: &Scale) -> Result<<Self::Process as Process>::Parameters, String> {
        Ok(Layers { upper: A::parameters(scale)?, link: C::parameters::<MessageOf<A>>() })
    }

    fn requests(scale: &Scale) -> Vec<Vec<<A::Process as Process>::Request>> {
        A::requests(scale)
    }

    fn clients(scale: &Scale) -> Vec<ProcessId> {
        A::clients(scale)
    }

    fn operation(scale: &Scale, ask: &Ask) -> Option<<A::Process as Process>::Request> {
        A::operation(scale, ask)
    }

    fn completes(
        told: &Told<'_, <A::Process as Process>::Request, <A::Process as Process>::Indication>,
    ) -> Option<Completion> {
        A::completes(told)
    }

    fn second_seat(scale: &Scale, process: ProcessId) -> Vec<<A::Process as Process>::Request> {
        A::second_seat(scale, process)
    }

    fn monitor(scale: &Scale) -> Self::Monitor {
        A::monitor(scale)
    }

    /// The algorithm's own, on the links that the chain assumes with what they usually lose and duplicate.
    fn environment(ground: GroundKind, scale: &Scale) -> Environment {
        let weak = usual::<<Self::Process as Process>::Model>(ground, scale.n).links;
        let mut environment = A::environment(ground, scale);
        let links = &mut environment.links;
        links.kind = weak.kind;
        links.losses = weak.losses;
        links.loss_probability = weak.loss_probability;
        links.duplications = weak.duplications;
        links.duplication_probability = weak.duplication_probability;
        // what is sent again and again is one message in flight
        links.as_set |= weak.as_set || ground == GroundKind::Check;
        environment
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use synod_model::link::LinkBase;

    const fn plain(base: LinkBase) -> LinkKind {
        LinkKind::plain(base)
    }

    const FIFO: LinkKind = LinkKind { fifo: true, ..plain(LinkBase::Perfect) };

    const RUNGS: [Rung; 3] = [
        Rung {
            name: "fifo-link",
            assumes: plain(LinkBase::Perfect),
            provides: FIFO,
            failures: FailureKind::CrashStop,
        },
        Rung {
            name: "eliminate-duplicates",
            assumes: plain(LinkBase::Stubborn),
            provides: plain(LinkBase::Perfect),
            failures: FailureKind::CrashStop,
        },
        Rung {
            name: "retransmit-forever",
            assumes: plain(LinkBase::FairLoss),
            provides: plain(LinkBase::Stubborn),
            failures: FailureKind::CrashRecovery,
        },
    ];

    fn wanted(links: LinkKind) -> Wanted {
        Wanted { links, failures: FailureKind::CrashStop, timing: TimingKind::Asynchronous }
    }

    fn chain(from: LinkKind, wanted: Wanted) -> Result<String, String> {
        let said = |error: Error| format!("{error}; {}", error.hint());
        plan(&RUNGS, from, wanted).map(|plan| plan.names().join(" over ")).map_err(said)
    }

    #[test]
    fn the_shortest_chain_closes_the_gap() {
        let [fair_loss, stubborn, perfect] =
            [LinkBase::FairLoss, LinkBase::Stubborn, LinkBase::Perfect].map(plain);
        let of = |from, to| chain(from, wanted(to)).expect("there is a chain");
        assert_eq!(of(perfect, perfect), "");
        assert_eq!(of(perfect, fair_loss), "");
        assert_eq!(of(fair_loss, stubborn), "retransmit-forever");
        assert_eq!(of(stubborn, perfect), "eliminate-duplicates");
        assert_eq!(of(fair_loss, perfect), "eliminate-duplicates over retransmit-forever");
        assert_eq!(of(perfect, FIFO), "fifo-link");
        assert_eq!(of(fair_loss, FIFO), "fifo-link over eliminate-duplicates over retransmit-forever");
        let authentic = |links| LinkKind { authenticated: true, ..links };
        assert_eq!(
            of(authentic(fair_loss), authentic(perfect)),
            "eliminate-duplicates over retransmit-forever"
        );
        let told = plan(&RUNGS, fair_loss, wanted(perfect)).expect("there is a chain").describe();
        assert!(told.ends_with("fair-loss -> stubborn -> perfect"), "{told}");
        let told = plan(&RUNGS, perfect, wanted(perfect)).expect("nothing is needed").describe();
        assert!(told.contains("none inserted"), "{told}");
    }

    #[test]
    fn where_no_chain_closes_it_the_step_is_named_that_is_missing() {
        let [fair_loss, perfect, logged] =
            [LinkBase::FairLoss, LinkBase::Perfect, LinkBase::Logged].map(plain);
        let no = |from, wanted| chain(from, wanted).expect_err("there is none");
        let arbitrary = no(LinkKind { arbitrary: true, ..fair_loss }, wanted(perfect));
        assert!(arbitrary.contains("no injection") && arbitrary.contains("authenticates"), "{arbitrary}");
        let unsigned = no(perfect, wanted(LinkKind { authenticated: true, ..perfect }));
        assert!(
            unsigned.contains("from perfect to authenticated perfect") && unsigned.contains("AL3"),
            "{unsigned}"
        );
        let log = no(fair_loss, wanted(logged));
        assert!(log.contains("from perfect to logged is missing (LPL1 logged delivery)"), "{log}");
        let restarts = Wanted { failures: FailureKind::CrashRecovery, ..wanted(perfect) };
        let restarts = no(fair_loss, restarts);
        assert!(
            restarts.contains(
                "from stubborn to perfect is missing (`eliminate-duplicates` is made for crash-stop"
            ),
            "{restarts}"
        );
        let late = no(fair_loss, Wanted { timing: TimingKind::Synchronous, ..wanted(perfect) });
        assert!(late.contains("arrives after any bound"), "{late}");
    }
}
