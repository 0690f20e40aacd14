//! The gallery as a user meets it: names, pages, constants, and what is wrong with constants.

use synod_check::{Control, Options};
use synod_gallery::{Refused, all, find};

#[test]
fn every_page_says_where_its_system_comes_from() {
    for entry in all() {
        let page: Vec<&str> = entry.page_lines().collect();
        assert!(!page[0].is_empty(), "{}", entry.name);
        let headings: Vec<&str> = page.iter().copied().filter(|line| line.starts_with("# ")).collect();
        let wanted = ["# Source", "# States and steps", "# Claims", "# Departures from the source"];
        assert_eq!(headings[..wanted.len().min(headings.len())], wanted, "{}", entry.name);
    }
}

#[test]
fn every_name_is_that_of_its_file() {
    for entry in all() {
        assert!(entry.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
        let file = format!("include_str!(\"{}.rs\")", entry.name.replace('-', "_"));
        assert!(entry.page.contains(&file), "{}", entry.name);
        assert_eq!(find(entry.name).map(|found| found.name), Some(entry.name));
    }
}

#[test]
fn every_default_is_within_its_range() {
    for entry in all() {
        for constant in entry.constants {
            let range = constant.least..=constant.most;
            assert!(range.contains(&constant.default), "{}: {}", entry.name, constant.name);
        }
    }
}

#[test]
fn a_constant_that_is_unknown_or_out_of_range_is_refused() {
    let entry = find("two-phase-commit").expect("it is there");
    let check = |given: &[(&str, u64)]| {
        entry.check(given, &Options::default(), &mut |_| Control::Continue).map(|found| found.states)
    };
    assert_eq!(check(&[("n", 4)]), Ok(1_568));
    assert_eq!(check(&[]), Ok(288));
    let unknown = check(&[("m", 4)]).expect_err("there is no m");
    assert_eq!(unknown.to_string(), "there is no constant m: there are n, broken");
    let range = Refused::Range { name: "n", value: 16, least: 1, most: 15 };
    assert_eq!(check(&[("n", 16)]), Err(range));
    assert!(find("three-phase-commit").is_none());
}

#[test]
fn what_is_known_is_found_by_its_constants() {
    let entry = find("two-phase-commit").expect("it is there");
    let known = |given: &[(&str, u64)]| {
        let constants = entry.constants(given).expect("they are in range");
        entry.known(&constants).map(|row| row.states)
    };
    assert_eq!(known(&[]), Some(288));
    assert_eq!(known(&[("n", 6)]), Some(50_816));
    assert_eq!(known(&[("n", 15)]), None);
    assert_eq!(known(&[("n", 6), ("broken", 1)]), None);
}

#[test]
fn every_kind_of_action_is_taken_unless_the_catalogue_says_why_not() {
    for entry in all() {
        let usual = entry.constants(&[]).expect("every default is within its range");
        let counted = entry.count_actions(&usual, 100_000).expect("the usual ones are few");
        assert!(!counted.is_empty() && counted.iter().all(|count| !count.kind.is_empty()), "{}", entry.name);
        let never =
            counted.iter().filter(|count| count.unreached().is_some()).map(|count| count.kind.as_str());
        let told = entry.unreached.iter().map(|unreached| unreached.kind);
        assert_eq!(never.collect::<Vec<_>>(), told.collect::<Vec<_>>(), "{}", entry.name);
        assert!(entry.unreached.iter().all(|unreached| !unreached.because.is_empty()), "{}", entry.name);
    }
}
