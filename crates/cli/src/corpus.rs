//! Seeds that failed once: the next simulation of the same algorithm in the same world tries them first.

use crate::error::Error;
use crate::grounds::World;
use crate::results;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use synod_properties::Scale;

/// Where they are kept, in the current directory.
const DIRECTORY: &str = ".synod/corpus";
/// How many are kept of an algorithm: the youngest.
const KEPT_MAX: usize = 256;

/// A seed that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    /// It, in hexadecimal.
    seed: String,
    /// In which world, and how far runs went: a digest.
    settings: String,
    /// What it broke.
    property: String,
}

/// The seeds that failed of one algorithm: a line each.
#[derive(Debug)]
pub(crate) struct Corpus {
    path: PathBuf,
    kept: Vec<Kept>,
}

impl Corpus {
    /// That of an algorithm. What cannot be read is no seed.
    pub(crate) fn open(algorithm: &str) -> Self {
        Self::at(Path::new(DIRECTORY).join(format!("{algorithm}.jsonl")))
    }

    fn at(path: PathBuf) -> Self {
        let content = std::fs::read_to_string(&path).unwrap_or_default();
        let kept = content.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Self { path, kept }
    }

    /// Those that failed under these settings, the oldest first.
    pub(crate) fn seeds(&self, settings: &str) -> Vec<u64> {
        let here = self.kept.iter().filter(|kept| kept.settings == settings);
        here.filter_map(|kept| crate::args::seed(&kept.seed).ok()).collect()
    }

    /// Keeps one more.
    pub(crate) fn keep(&mut self, seed: u64, settings: &str, property: &str) -> Result<(), Error> {
        if self.seeds(settings).contains(&seed) {
            return Ok(());
        }
        let (seed, settings, property) = (format!("{seed:#x}"), settings.to_owned(), property.to_owned());
        self.kept.push(Kept { seed, settings, property });
        let from = self.kept.len().saturating_sub(KEPT_MAX);
        self.kept.drain(..from);
        let lines =
            self.kept.iter().map(|kept| serde_json::to_string(kept).expect("it is plain data") + "\n");
        crate::commands::save(&self.path, &lines.collect::<String>())
    }
}

/// A digest of what decides what the run of a seed does, but for the algorithm's code: a broken twin shares the seeds of the sound
/// one.
pub(crate) fn settings(world: &World, run: &synod_sim::Options) -> String {
    let scale = Scale { defect: None, ..world.scale.clone() };
    results::settings(&World { scale, ..world.clone() }, run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_kept_by_settings_once_and_the_youngest_of_many() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("a/b.jsonl");
        let mut corpus = Corpus::at(path.clone());
        assert!(corpus.seeds("x").is_empty());
        for seed in [7, u64::MAX, 7] {
            corpus.keep(seed, "x", "UC4").expect("it is written");
        }
        corpus.keep(8, "y", "UC4").expect("it is written");
        let again = Corpus::at(path.clone());
        assert_eq!((again.seeds("x"), again.seeds("y")), (vec![7, u64::MAX], vec![8]));
        for seed in 0..300 {
            corpus.keep(seed, "z", "UC4").expect("it is written");
        }
        let many = Corpus::at(path.clone());
        assert_eq!((many.seeds("x").len(), many.seeds("z").len()), (0, KEPT_MAX));
        std::fs::write(&path, "{\"seed\":\"0x\n").expect("it is written");
        assert!(Corpus::at(path).seeds("z").is_empty(), "what is damaged is no seed");
    }
}
