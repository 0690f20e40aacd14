//! The results of campaigns: any split, order, duplicate or lost and repeated shard merges to what one process writes.

mod support;

use proptest::prelude::*;
use std::convert::Infallible;
use std::ops::ControlFlow;
use support::*;
use synod_kernel::{Durability, Setting};
use synod_properties::Monitor;
use synod_sim::results::{Header, Mixed, Seeds, Stopped, Summary, merge};
use synod_sim::{Judgement, Options, Record, Simulation, Wanted, records, search};

const EVERY_LINE: Wanted = Wanted { to_the_first: false, lines: true };
const CAMPAIGN: Seeds = Seeds::of(3, 63);

/// One that some seeds refute.
fn simulation() -> impl Simulation {
    let environment = recovering(2, 1, Durability::Deferred);
    let broken = Setting::<Keeper>::new(environment, Order::ReplyThenStore, vec![vec![], vec![6]]);
    simulated(&broken, &Kept::default())
}

fn header(seeds: Seeds) -> Header {
    let text = |text: &str| text.to_owned();
    Header::new(text("keeper"), text("b1"), text("s1"), text("keeper"), seeds)
        .promising(&Kept::default().properties())
}

/// What a process writes that runs these seeds of the campaign.
fn shard(seeds: Seeds, threads: usize) -> String {
    let mut text = header(CAMPAIGN).line() + "\n";
    let options = Options { swarm: true, ..options() };
    let seeds = seeds.start..seeds.end.expect("an end");
    records(&simulation(), seeds, &options, threads, EVERY_LINE, &mut |_, line| {
        text += line;
        text += "\n";
        ControlFlow::Continue(())
    });
    text
}

fn merged(files: &[&str]) -> Result<(String, Summary), Stopped<Infallible>> {
    let source = |file: &&str| {
        let mut lines = file.lines().map(|line| Ok(line.to_owned()));
        let header = Header::parse(&lines.next().expect("a line").expect("text")).expect("a header");
        (header, lines.collect::<Vec<_>>().into_iter())
    };
    let mut text = String::new();
    let (_, summary) = merge(files.iter().map(source).collect(), |line| {
        text += line;
        text += "\n";
        Ok(())
    })?;
    Ok((text, summary))
}

fn all(files: &[&str]) -> String {
    merged(files).expect("one campaign").0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_split_order_duplicate_or_repeated_shard_merges_to_the_result_of_one_process(
        parts in 1_u64..9,
        order in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
        lost in any::<proptest::sample::Index>(),
        cut in any::<proptest::sample::Index>(),
        threads in 1_usize..4,
    ) {
        let whole = shard(CAMPAIGN, 1);
        let shards: Vec<_> = (0..parts).map(|i| shard(CAMPAIGN.part(i, parts), threads)).collect();
        let borrowed: Vec<_> = shards.iter().map(String::as_str).collect();
        prop_assert_eq!(&all(&borrowed), &whole);
        // in any order, some of them twice, by way of partial results, in any tree
        let drawn: Vec<_> = order.iter().map(|index| *index.get(&borrowed)).collect();
        let middle = drawn.len() / 2;
        let mut left = drawn[..middle].to_vec();
        let mut right = drawn[middle..].to_vec();
        left.extend(&borrowed[..borrowed.len() / 2]);
        right.extend(borrowed[borrowed.len() / 2..].iter().rev());
        let [left, right] = [left, right].map(|files| if files.is_empty() { whole.clone() } else { all(&files) });
        prop_assert_eq!(&all(&[&left, &right]), &whole);
        prop_assert_eq!(&all(&[&right, &left, &left]), &whole);
        // one was lost: what is missing is named, and made again elsewhere, in other parts
        let lost = lost.index(shards.len());
        let mut rest: Vec<_> = borrowed.clone();
        rest.remove(lost);
        let missing = if rest.is_empty() { vec![CAMPAIGN] } else {
            merged(&rest).expect("one campaign").1.missing(CAMPAIGN)
        };
        prop_assert_eq!(&missing, &vec![CAMPAIGN.part(lost as u64, parts)]);
        let cut = missing[0].start + cut.index((missing[0].end.unwrap() - missing[0].start) as usize) as u64;
        let again = [Seeds::of(missing[0].start, cut), Seeds::of(cut, missing[0].end.unwrap())].map(|s| shard(s, 1));
        rest.extend(again.iter().map(String::as_str));
        prop_assert_eq!(&all(&rest), &whole);
    }

    #[test]
    fn parts_are_all_of_it_and_differ_by_one_at_most(start in any::<u64>(), len in 0_u64..1_000_000, parts in 1_u64..200) {
        let whole = Seeds::of(start.min(u64::MAX - len), start.min(u64::MAX - len) + len);
        let mut next = whole.start;
        for index in 0..parts {
            let part = whole.part(index, parts);
            prop_assert_eq!(part.start, next);
            next = part.end.unwrap();
            prop_assert!((len / parts..=len.div_ceil(parts)).contains(&(next - part.start)));
        }
        prop_assert_eq!(Some(next), whole.end);
    }
}

#[test]
fn a_campaign_has_failures_and_says_what_is_open() {
    let (_, summary) = merged(&[&shard(CAMPAIGN, 2)]).expect("one campaign");
    assert_eq!(summary.counts.runs, 60);
    assert_eq!(summary.covered, [(3, 63)]);
    let (times, first) = summary.violations["K1"];
    assert_eq!(summary.verdicts[&Judgement::Violated], times);
    assert_eq!(summary.first_violation(), Some(first));
    assert!(header(CAMPAIGN).open(&summary).is_empty());
    let (_, nothing) = merged(&[&shard(Seeds::of(3, 3), 1)]).expect("one campaign");
    assert_eq!(header(CAMPAIGN).open(&nothing).len(), 1, "a goal that no run reached");
    assert_eq!(nothing.missing(CAMPAIGN), [CAMPAIGN]);
}

#[test]
fn a_line_reads_back() {
    for line in shard(CAMPAIGN, 1).lines().skip(1) {
        assert_eq!(Record::parse(line).expect("a record").line(), line);
    }
}

#[test]
fn what_is_not_of_one_campaign_is_not_merged() {
    let file = |change: fn(&mut Header)| {
        let mut header = header(CAMPAIGN);
        change(&mut header);
        header.line()
    };
    let plain = file(|_| {});
    let refused = |other: &str| match (merged(&[&plain, other]), merged(&[other, &plain])) {
        (Err(Stopped::Mixed(one)), Err(Stopped::Mixed(two))) => {
            assert_eq!(one, two);
            one
        }
        other => panic!("{other:?}"),
    };
    let text = |text: &str| text.to_owned();
    assert_eq!(refused(&file(|h| h.binary = "b0".to_owned())), Mixed::Binaries(text("b0"), text("b1")));
    let settings = refused(&file(|h| {
        h.settings = "s2".to_owned();
        h.command = "keeper --n 3".to_owned();
    }));
    assert_eq!(settings, Mixed::Settings(text("keeper"), text("keeper --n 3")));
    assert!(matches!(refused(&file(|h| h.algorithm = "other".to_owned())), Mixed::Algorithms(..)));

    let one = shard(Seeds::of(3, 5), 1);
    let other = one.replacen("\"steps\":", "\"steps\":1", 1);
    assert!(matches!(merged(&[&one, &other]), Err(Stopped::Mixed(Mixed::Runs(3)))));
    let mut lines: Vec<_> = one.lines().collect();
    lines.swap(1, 2);
    assert!(matches!(merged(&[&lines.join("\n")]), Err(Stopped::Damaged(0, 1))), "seeds ascend");
    assert!(matches!(merged(&[&(one.clone() + "{\"seed\":9,")]), Err(Stopped::Damaged(0, 2))));
    assert!(Header::parse("{\"synod\":\"trace\"}").is_err());
}

#[test]
fn what_runs_cover_is_the_same_whoever_looks_and_differs_where_they_do() {
    let broken = Setting::<Keeper>::new(
        recovering(2, 1, Durability::Deferred),
        Order::ReplyThenStore,
        vec![vec![], vec![6]],
    );
    let covering = Options { coverage: true, ..options() };
    let of = |seed, options: &Options| checked(&broken, &Kept::default(), seed, options).0;
    let all: Vec<_> = (0..40).map(|seed| of(seed, &covering).coverage.expect("it is asked for")).collect();
    assert!(all.iter().all(|covered| covered.features > 3), "{all:?}");
    let digests: std::collections::BTreeSet<_> = all.iter().map(|covered| &covered.digest).collect();
    assert!((5..40).contains(&digests.len()), "{digests:?}");
    assert_eq!(of(0, &options()).coverage, None);
}

#[test]
fn a_run_goes_on_by_another_seed_from_a_step_on() {
    let mut setting = Setting::<Keeper>::new(
        recovering(3, 2, Durability::Deferred),
        Order::StoreThenReply,
        vec![vec![], vec![2, 4, 6], vec![3, 5]],
    );
    setting.environment.storage.sync_max = ms(20);
    let trace = |then: &[(u64, u64)]| {
        checked(&setting, &Kept::default(), 4, &Options { then: then.to_vec(), ..options() }).1
    };
    let same = |one: &str, other: &str| one.lines().zip(other.lines()).take_while(|(a, b)| a == b).count();
    let first = trace(&[]);
    let turned = trace(&[(5, 9)]);
    // a header, and steps 0 to 4; what was drawn before the turn is due all the same
    assert!(same(&first, &turned) >= 6, "{}", same(&first, &turned));
    assert!(same(&first, &turned) < first.lines().count() - 1);
    assert_eq!(trace(&[(5, 9)]), turned);
    assert_ne!(trace(&[(5, 8)]), turned);
    assert!(same(&turned, &trace(&[(5, 9), (10, 1)])) >= 11);
    assert_eq!(trace(&[(1_000_000, 9)]), first);
}

#[test]
fn a_guided_search_is_the_same_for_any_number_of_threads_and_its_failure_is_found_again() {
    let simulation = simulation();
    let options = Options { swarm: true, ..options() };
    for start in [0, 1_000] {
        let [one, three] =
            [1, 3].map(|threads| search(&simulation, start..start + 5_000, &options, threads, &|_| true));
        assert_eq!(one, three);
        let lineage = one.lineage.expect("some run shows it");
        let options = Options { coverage: true, ..lineage.of(&options) };
        let again = simulation.run(lineage.seed, &options);
        assert_eq!(again, one.campaign.failure.expect("it is kept").outcome);
        assert!(again.broken().is_some());
    }
    let sound = simulated(
        &Setting::<Keeper>::new(
            recovering(2, 1, Durability::Deferred),
            Order::StoreThenReply,
            vec![vec![], vec![6]],
        ),
        &Kept::default(),
    );
    let searched = search(&sound, 0..500, &options, 2, &|_| true);
    assert_eq!((searched.campaign.counts.runs, searched.lineage), (500, None));
    let stopped = search(&sound, 0..500, &options, 2, &|runs| runs < 70);
    assert_eq!(stopped.campaign.counts.runs, 70);
}
