//! Every system of the gallery has the size that is known of it, its claims hold, and its broken twins are refuted.

use synod_check::system::{Claim, System};
use synod_check::{Control, Options, check_system};
use synod_gallery::{Constants, Entry, Published, Refuted, Row, all, find};
use synod_properties::{Kind, Verdict};

/// The system with nothing claimed of it, so that its states are counted to the end; with symmetry, the states that it
/// makes equal are taken as one.
struct Bare<S> {
    system: S,
    symmetric: bool,
}

impl<S: System> Bare<S> {
    fn of(&self, state: S::State) -> S::State {
        let representative = || self.system.representative(&state).expect("there are representatives");
        if self.symmetric { representative() } else { state }
    }
}

impl<S: System> System for Bare<S> {
    type State = S::State;
    type Action = S::Action;

    fn initial(&self, each: &mut impl FnMut(S::State)) {
        self.system.initial(&mut |state| each(self.of(state)));
    }

    fn steps(&self, state: &S::State, each: &mut impl FnMut(S::Action, S::State)) {
        self.system.steps(state, &mut |action, next| each(action, self.of(next)));
    }

    fn claims(&self) -> Vec<Claim<Self>> {
        Vec::new()
    }

    fn within(&self, state: &S::State) -> bool {
        self.system.within(state)
    }
}

fn as_known(entry: &Entry, row: &Row) {
    let found = entry.check(row.constants, &Options::default(), &mut |_| Control::Continue);
    let found = found.expect("the constants of a row are in range");
    let name = format!("{} {}", entry.name, found.constants);
    assert_eq!(
        (found.initial, found.states, found.levels()),
        (row.initial, row.states, row.levels),
        "{name}"
    );
    if let Some(generated) = row.generated {
        assert_eq!(found.generated, generated, "{name}: generated");
    }
    for (property, verdict) in found.verdicts.iter().filter(|(p, _)| p.kind != Kind::Reachable) {
        if refuted(entry, row).any(|id| id == property.id) {
            assert!(matches!(verdict, Verdict::Violated { .. }), "{name}: {} {verdict}", property.id);
        } else {
            let run = found.counterexample_to(property.id);
            assert_eq!(*verdict, Verdict::Holds, "{name}: {}\n{run:#?}", property.id);
        }
    }
}

/// The claims that are refuted with these constants.
fn refuted(entry: &Entry, row: &Row) -> impl Iterator<Item = &'static str> {
    let (constants, entry) = (entry.constants(row.constants), *entry);
    let same = move |refuted: &&Refuted| entry.constants(refuted.constants) == constants;
    entry.refuted.iter().filter(same).map(|refuted| refuted.property)
}

fn bare_as_known<S: Published>(row: &Row) {
    let constants = Constants::of::<S>(row.constants).expect("the constants of a row are in range");
    let system = S::new(&constants).expect("the constants of a row go together");
    let bare = Bare { system, symmetric: row.symmetric };
    let found = check_system(&bare, &Options::default(), &mut |_| Control::Continue);
    let size = (found.initial, found.states, found.depth + 1);
    assert_eq!(size, (row.initial, row.states, row.levels), "{} {constants}", S::NAME);
    assert!(row.generated.is_none_or(|generated| generated == found.generated), "{} {constants}", S::NAME);
}

/// Whether a state breaks a claim with these constants: then a check ends early.
fn ends_early(entry: &Entry, row: &Row) -> bool {
    let claims = entry.claims();
    let safe = |id: &str| claims.iter().any(|p| p.id == id && p.kind == Kind::Safety);
    refuted(entry, row).any(safe)
}

/// How a row is counted for which the claims are in the way.
type Bared = fn(&Row);

fn rows(entry: &Entry, bared: Option<Bared>) {
    assert!(!entry.rows.is_empty());
    let (mut in_the_way, name) = (false, entry.name);
    for row in entry.rows {
        if row.symmetric || ends_early(entry, row) {
            in_the_way = true;
            bared.unwrap_or_else(|| panic!("{name} is to be counted with nothing claimed of it"))(row);
        } else {
            as_known(entry, row);
        }
    }
    assert_eq!(in_the_way, bared.is_some(), "{name}: whether claims are in the way");
}

/// With `bared`, a system is made once more with nothing claimed of it, for those of its rows that need it.
macro_rules! rows {
    ($($name:ident: $module:ident :: $system:ident $($bared:ident)?,)*) => {
        $(
            #[test]
            fn $name() {
                type Counted = synod_gallery::$module::$system;
                let bared: &[Bared] = &[$($bared::<Counted>)?];
                rows(find(Counted::NAME).expect("it is listed"), bared.first().copied());
            }
        )*

        #[test]
        fn every_system_of_the_gallery_has_its_rows_tested() {
            let tested = [$(<synod_gallery::$module::$system>::NAME),*];
            assert_eq!(all().iter().map(|entry| entry.name).collect::<Vec<_>>(), tested);
            assert!(tested.is_sorted());
        }
    };
}

rows! {
    alternating_bit: alternating_bit::AlternatingBit,
    async_termination_detection: async_termination_detection::AsyncTerminationDetection,
    atomic_commitment: atomic_commitment::AtomicCommitment,
    bakery: bakery::Bakery,
    bcast_byz: bcast_byz::BcastByz,
    bcast_folklore: bcast_folklore::BcastFolklore,
    cf1s_folklore: cf1s_folklore::Cf1sFolklore,
    chandy_misra_philosophers: chandy_misra_philosophers::ChandyMisraPhilosophers,
    chang_roberts: chang_roberts::ChangRoberts,
    echo: echo::Echo,
    ewd426: ewd426::Ewd426,
    ewd840: ewd840::Ewd840,
    ewd998: ewd998::Ewd998,
    lamport_mutex: lamport_mutex::LamportMutex,
    nbacg_guer01: nbacg_guer01::NbacgGuer01,
    paxos: paxos::Paxos bare_as_known,
    peterson: peterson::Peterson,
    raft: raft::Raft bare_as_known,
    readers_writers: readers_writers::ReadersWriters,
    simple_regular: simple_regular::SimpleRegular,
    spanning_tree: spanning_tree::SpanningTree,
    transaction_commit: transaction_commit::TransactionCommit,
    two_phase_commit: two_phase_commit::TwoPhaseCommit bare_as_known,
    two_phase_commit_with_backup: two_phase_commit_with_backup::TwoPhaseCommitWithBackup,
    voting: voting::Voting bare_as_known,
}

#[test]
fn every_goal_is_reached_and_every_claim_holds_with_the_default_constants() {
    for entry in all() {
        let found = entry.check(&[], &Options::default(), &mut |_| Control::Continue).expect("defaults fit");
        assert!(found.complete, "{}", entry.name);
        assert!(found.verdicts.iter().any(|(p, _)| p.kind == Kind::Reachable), "{} has no goal", entry.name);
        for (property, verdict) in &found.verdicts {
            assert_eq!(*verdict, Verdict::Holds, "{}: {}", entry.name, property.id);
        }
    }
}

#[test]
fn every_broken_twin_is_refuted() {
    for entry in all() {
        let broken = entry.constants.iter().any(|c| c.name == "broken");
        assert!(!broken || !entry.refuted.is_empty(), "{}: nothing shows what is broken", entry.name);
        for refuted in entry.refuted {
            let found = entry.check(refuted.constants, &Options::default(), &mut |_| Control::Continue);
            let found = found.expect("the constants of a refutation are in range");
            let name = format!("{} {}", entry.name, found.constants);
            let verdict = found.verdict(refuted.property);
            assert!(matches!(verdict, Verdict::Violated { .. }), "{name}: {} {verdict}", refuted.property);
            let run = found.counterexample_to(refuted.property).expect("what is violated has a run");
            assert!(run.lines().len() > 2 * run.steps.len(), "{name}");
        }
    }
}

#[test]
fn the_gallery_has_enough_of_them() {
    let rows: usize = all().iter().map(|entry| entry.rows.len()).sum();
    assert!(all().len() >= 25 && rows >= 75, "{} systems, {rows} rows", all().len());
}
