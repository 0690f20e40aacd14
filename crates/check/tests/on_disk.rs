//! What has no room in memory goes to disk, and what was written down is gone on with: the same answer either way.

mod disk;
mod paxos_world;
mod register_clients;

use disk::Memory;
use paxos_world::{Role, setting};
use register_clients::History;
use std::io::{self, Cursor};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use synod_check::disk::{Notebook, Outside, Saved, WriteTo};
use synod_check::system::{Claim, Predicate, Says, System};
use synod_check::{Control, Engine, Options, Order, Report, Store, SystemReport, check, check_system};
use synod_properties::Verdict;

/// Counters modulo `top`, each raised on its own.
struct Counters {
    top: u8,
    /// What must not be reached, if anything.
    never: Option<[u8; 5]>,
}

const NEVER: Predicate<Counters> = |system, state| system.never != Some(*state);
const FULL: Predicate<Counters> = |system, state| state.iter().all(|&c| c + 1 == system.top);

impl System for Counters {
    type State = [u8; 5];
    type Action = usize;
    fn initial(&self, each: &mut impl FnMut([u8; 5])) {
        each([0; 5]);
        each([1, 0, 0, 0, 0]);
    }
    fn steps(&self, state: &[u8; 5], each: &mut impl FnMut(usize, [u8; 5])) {
        for i in 0..5 {
            let mut next = *state;
            next[i] = (next[i] + 1) % self.top;
            each(i, next);
        }
    }
    fn claims(&self) -> Vec<Claim<Self>> {
        vec![
            Claim::new("NEVER", "what must not be is not", Says::Always(NEVER)),
            Claim::new("FULL", "all may be full", Says::Sometimes(FULL)),
        ]
    }
}

const FREE: Counters = Counters { top: 11, never: None };

fn count(system: &Counters, options: &Options) -> SystemReport<Counters> {
    check_system(system, options, &mut |_| Control::Continue)
}

fn paxos(clients: u32, options: &Options) -> Report<Role> {
    check(&setting(clients), &History::default(), |_| 0, options, &mut |_| Control::Continue)
}

fn with_disk(memory_max: u64, disk: &Memory) -> Options {
    Options { memory_max, disk: Some(Outside(Arc::new(disk.clone()))), ..Options::default() }
}

/// A notebook in memory.
#[derive(Default)]
struct Page {
    bytes: Mutex<Option<Vec<u8>>>,
    resumes: bool,
    saves: AtomicU64,
}

impl Notebook for Page {
    fn save(&self, write: WriteTo<'_>) -> io::Result<()> {
        let mut bytes = Vec::new();
        write(&mut bytes)?;
        *self.bytes.lock().expect("no test panics with it") = Some(bytes);
        self.saves.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn saved(&self) -> io::Result<Option<Box<dyn Saved>>> {
        let bytes = self.bytes.lock().expect("no test panics with it").clone().filter(|_| self.resumes);
        Ok(bytes.map(|bytes| Box::new(Cursor::new(bytes)) as Box<dyn Saved>))
    }
}

/// A notebook that begins empty, or with what was saved before.
fn notebook(bytes: Option<Vec<u8>>) -> Arc<Page> {
    let page = Page { resumes: bytes.is_some(), ..Page::default() };
    *page.bytes.lock().unwrap() = bytes;
    Arc::new(page)
}

fn noting(page: &Arc<Page>, options: Options) -> Options {
    let subject = if options.subject.is_empty() { "counters".to_owned() } else { options.subject };
    Options { notebook: Some(Outside(Arc::clone(page) as _)), subject, ..options }
}

fn figures(report: &SystemReport<Counters>) -> (u64, u64, u64, u32, bool, Verdict) {
    let full = report.verdict("FULL").clone();
    (report.initial, report.states, report.generated, report.depth, report.complete, full)
}

/// What was saved by a search that was stopped when it had told of its progress so often.
fn saved_after(told: u64, options: &Options) -> Option<Vec<u8>> {
    let page = notebook(None);
    let mut count = 0;
    let report = check_system(&FREE, &noting(&page, options.clone()), &mut |_| {
        count += 1;
        if count < told { Control::Save } else { Control::Stop }
    });
    let stopped = !report.complete;
    let saved = page.bytes.lock().unwrap().clone();
    assert_eq!(page.saves.load(Ordering::Relaxed), count.min(told), "each time, and at the stop");
    saved.filter(|_| stopped)
}

fn go_on(saved: Vec<u8>, options: &Options) -> SystemReport<Counters> {
    count(&FREE, &noting(&notebook(Some(saved)), options.clone()))
}

#[test]
fn a_quarter_of_the_memory_gives_the_same_answer() {
    let free = count(&FREE, &Options::default());
    assert_eq!(free.states, 11_u64.pow(5));
    for store in [Store::Fingerprint64, Store::Fingerprint128] {
        let needs = count(&FREE, &Options { store, ..Options::default() }).memory;
        for threads in [1, 3] {
            let disk = Memory::default();
            let tight = count(&FREE, &Options { store, threads, ..with_disk(needs / 4, &disk) });
            assert_eq!(figures(&tight), figures(&free), "{store:?}");
            assert!(tight.memory <= needs / 4, "{} of {needs}", tight.memory);
            assert!(disk.written.load(Ordering::Relaxed) > needs / 2, "most of it was on disk");
        }
        let stopped = count(&FREE, &Options { store, memory_max: needs / 4, ..Options::default() });
        assert!(!stopped.complete && stopped.stopped.expect("a reason").contains("memory"));
    }
}

#[test]
fn a_world_of_processes_has_its_frontier_on_disk_too() {
    let free = paxos(3, &Options::default());
    let disk = Memory::default();
    let tight = paxos(3, &with_disk(free.memory / 4, &disk));
    assert!(tight.complete && tight.holds(), "{tight}");
    let figures = |r: &Report<Role>| (r.states, r.transitions, r.depth);
    assert_eq!(figures(&tight), figures(&free));
    assert!(tight.memory <= free.memory / 4, "{} of {}", tight.memory, free.memory);
}

#[test]
fn a_run_whose_steps_are_on_disk_is_told_all_the_same() {
    let system = Counters { top: 11, never: Some([9, 9, 9, 9, 9]) };
    let free = count(&system, &Options::default());
    let tight = count(&system, &with_disk(free.memory / 4, &Memory::default()));
    let run = |report: &SystemReport<Counters>| {
        let run = report.counterexample().expect("it is reached");
        (run.start, run.steps.clone())
    };
    assert_eq!(run(&tight), run(&free));
    assert_eq!(run(&tight).1.len(), 44, "the shortest, from the second initial state");
}

#[test]
fn a_search_that_was_stopped_anywhere_goes_on_to_the_same_end() {
    let free = count(&FREE, &Options::default());
    let mut stops = 0;
    for told in 1.. {
        let Some(saved) = saved_after(told, &Options::default()) else { break };
        stops += 1;
        assert_eq!(figures(&go_on(saved, &Options::default())), figures(&free), "after {told}");
    }
    assert!(stops > 5, "{stops} places to stop at");
}

#[test]
fn a_limit_on_the_depth_is_saved_at_and_kept_to_by_whoever_goes_on() {
    let free = count(&FREE, &Options::default());
    let page = notebook(None);
    let shallow = Options { depth_max: Some(12), ..Options::default() };
    let stopped = count(&FREE, &noting(&page, shallow.clone()));
    assert!(!stopped.complete && stopped.depth == 12);
    let saved = page.bytes.lock().unwrap().clone().expect("it is saved at the limit");
    assert_eq!(figures(&go_on(saved.clone(), &shallow)), figures(&stopped), "there is nothing to do");
    let deeper = Options { depth_max: Some(20), ..Options::default() };
    assert_eq!(figures(&go_on(saved.clone(), &deeper)), figures(&count(&FREE, &deeper)));
    assert_eq!(figures(&go_on(saved, &Options::default())), figures(&free));
}

#[test]
fn a_search_on_disk_is_saved_and_gone_on_with_on_disk() {
    let free = count(&FREE, &Options::default());
    let tight = || with_disk(free.memory / 4, &Memory::default());
    let saved = saved_after(5, &tight()).expect("it is not at its end by then");
    assert_eq!(figures(&go_on(saved.clone(), &tight())), figures(&free));
    assert_eq!(figures(&go_on(saved, &Options::default())), figures(&free));
}

#[test]
fn a_world_of_processes_goes_on_and_finds_the_same() {
    let free = paxos(2, &Options::default());
    let page = notebook(None);
    let at_most = Options { states_max: 9_000, ..Options::default() };
    let stopped = paxos(2, &noting(&page, at_most));
    assert!(!stopped.complete && stopped.states < free.states);
    let saved = page.bytes.lock().unwrap().clone();
    let whole = paxos(2, &noting(&notebook(saved), Options::default()));
    assert!(whole.complete && whole.holds(), "{whole} {:?}", whole.stopped);
    assert_eq!((whole.states, whole.transitions, whole.depth), (free.states, free.transitions, free.depth));
}

#[test]
fn what_is_damaged_or_of_something_else_is_refused() {
    let saved = saved_after(3, &Options::default()).expect("it is not at its end by then");
    let why = |report: SystemReport<Counters>| {
        assert!(!report.complete, "{}", report.states);
        report.stopped.expect("a reason")
    };
    for at in (0..saved.len()).step_by(saved.len() / 40) {
        let mut damaged = saved.clone();
        damaged[at] ^= 4;
        assert!(why(go_on(damaged, &Options::default())).contains("damaged"), "byte {at}");
        assert!(why(go_on(saved[..at].to_vec(), &Options::default())).contains("cut short"), "{at} bytes");
    }
    let other = Options { subject: "clocks".to_owned(), ..Options::default() };
    assert!(why(go_on(saved.clone(), &other)).contains("another check: counters, where this is clocks"));
    let wide = Options { store: Store::Fingerprint128, ..Options::default() };
    assert!(why(go_on(saved.clone(), &wide)).contains("does not do what it did"));
    let changed = noting(&notebook(Some(saved)), Options::default());
    let changed = count(&Counters { top: 4, never: None }, &changed);
    assert!(why(changed).contains("does not do what it did"));
}

#[test]
fn a_disk_that_fails_ends_the_search_with_a_reason_and_without_a_verdict() {
    let needs = count(&FREE, &Options::default()).memory;
    let disk = Memory::default();
    let told = Mutex::new(0);
    let report = check_system(&FREE, &with_disk(needs / 4, &disk), &mut |_| {
        *told.lock().unwrap() += 1;
        if *told.lock().unwrap() == 6 {
            disk.fail();
        }
        Control::Continue
    });
    assert!(!report.complete);
    assert!(report.stopped.as_ref().is_some_and(|why| why.contains("no space left")), "{:?}", report.stopped);
    assert!(matches!(report.verdict("NEVER"), Verdict::Unknown { .. }));
}

#[test]
fn searches_that_cannot_use_a_disk_do_not_pretend_to() {
    let properties: Vec<_> = FREE.claims().iter().map(|claim| claim.property).collect();
    assert!(Options::default().can_be_put_on_disk(&properties));
    for options in [
        Options { order: Order::DepthFirst, ..Options::default() },
        Options { store: Store::Exact, ..Options::default() },
        Options { partial_order: true, ..Options::default() },
        Options { engine: Engine::Reference, ..Options::default() },
    ] {
        assert!(!options.can_be_put_on_disk(&properties));
        let disk = Memory::default();
        let tight = Options { disk: Some(Outside(Arc::new(disk.clone()))), memory_max: 200_000, ..options };
        assert!(!count(&FREE, &tight).complete);
        assert_eq!(disk.written.load(Ordering::Relaxed), 0);
    }
}
