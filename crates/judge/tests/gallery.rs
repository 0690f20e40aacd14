//! The gallery: each history is judged as it is known to be.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use synod_judge::Budget;
use synod_judge::format::Format;
use synod_judge::gallery::all;
use synod_judge::log::Log;

#[test]
fn each_history_is_judged_as_the_literature_has_it() {
    let mut wrong = vec![];
    for exhibit in all() {
        let judged =
            exhibit.judge(Budget::default()).unwrap_or_else(|error| panic!("{}: {error}", exhibit.name));
        assert!(
            !judged.is_empty() && !exhibit.source.is_empty() && !exhibit.shows.is_empty(),
            "{}",
            exhibit.name
        );
        let otherwise = judged.into_iter().filter(|one| one.found != Some(one.known));
        wrong.extend(otherwise.map(|one| (exhibit.name, one)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn each_file_is_shown() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("gallery");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: BTreeSet<_> =
        files.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(files, all().iter().map(|exhibit| exhibit.name.to_owned()).collect());
    for exhibit in all() {
        assert_eq!(Log::from_text(exhibit.text).unwrap().1, Format::Edn);
    }
}
