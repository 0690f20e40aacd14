//! The workspace as files: its crates with what they depend on, its sources, its documents.

use crate::source::Source;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A crate of the workspace, by its folder's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crate {
    /// The folder under `crates/`.
    pub name: String,
    /// The crates of ours that it is built from.
    pub ours: BTreeSet<String>,
    /// The crates of others that it is built from.
    pub others: BTreeSet<String>,
    /// What its tests use besides, ours and others'.
    pub in_tests: BTreeSet<String>,
    /// Whether it takes the workspace's lints.
    pub linted: bool,
}

impl Crate {
    /// The crate that a manifest describes.
    pub fn parse(name: &str, manifest: &str) -> Self {
        let mut parsed = Self { name: name.to_owned(), ..Self::default() };
        let mut section = "";
        for line in manifest.lines().map(str::trim) {
            if line.starts_with('[') {
                section = line;
                continue;
            }
            let key = line.split(['=', '.', ' ']).next().unwrap_or_default();
            if key.is_empty() || key.starts_with('#') {
                continue;
            }
            let ours = key == "synod" || key.starts_with("synod-");
            let short = key.strip_prefix("synod-").unwrap_or(key).to_owned();
            match section {
                "[dependencies]" if ours => _ = parsed.ours.insert(short),
                "[dependencies]" => _ = parsed.others.insert(short),
                "[dev-dependencies]" => _ = parsed.in_tests.insert(short),
                "[lints]" if key == "workspace" => parsed.linted = true,
                _ => {}
            }
        }
        parsed
    }
}

/// The workspace as files.
#[derive(Clone, Debug)]
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    /// The workspace that this crate is a member of.
    pub fn here() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        Self { root: root.canonicalize().expect("a crate lies two folders below its workspace") }
    }

    /// A file's text, by its path from the root.
    ///
    /// # Panics
    /// If it cannot be read.
    pub fn read(&self, path: impl AsRef<Path>) -> String {
        let path = self.root.join(path);
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// Its crates, in the order of their names.
    pub fn crates(&self) -> Vec<Crate> {
        let mut names: Vec<String> = entries(&self.root.join("crates"))
            .into_iter()
            .filter(|path| path.join("Cargo.toml").is_file())
            .map(|path| path.file_name().expect("a folder has a name").to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
            .into_iter()
            .map(|name| Crate::parse(&name, &self.read(format!("crates/{name}/Cargo.toml"))))
            .collect()
    }

    /// Every Rust source of ours, in the order of paths.
    pub fn sources(&self) -> Vec<Source> {
        self.files(&["crates", "examples", "benches", "fuzz", "xtask"], "rs")
    }

    /// Every document of ours, in the order of paths.
    pub fn documents(&self) -> Vec<Source> {
        let mut all = self.files(&["docs", "crates", "examples", "benches"], "md");
        for path in entries(&self.root) {
            if path.extension().is_some_and(|e| e == "md") {
                all.push(self.source(&path));
            }
        }
        all
    }

    fn files(&self, folders: &[&str], extension: &str) -> Vec<Source> {
        let mut waiting: Vec<PathBuf> = folders.iter().map(|f| self.root.join(f)).collect();
        let mut found = Vec::new();
        while let Some(path) = waiting.pop() {
            if path.is_dir() {
                // what a build leaves behind is not ours
                let built = path.file_name().is_some_and(|n| n == "target");
                waiting.extend(if built { Vec::new() } else { entries(&path) });
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(self.source(&path));
            }
        }
        found.sort();
        found
    }

    fn source(&self, path: &Path) -> Source {
        let relative = path.strip_prefix(&self.root).expect("it was found below the root");
        Source { path: relative.to_string_lossy().replace('\\', "/"), text: self.read(path) }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|e| Some(e.ok()?.path())).collect()
}
