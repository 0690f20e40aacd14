//! Records as they are read for their times alone: whatever algorithm they are of.

use crate::record::{EffectName, RecordError, Release, VERSION, check_version, is_record};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use synod_model::{Bounds, ProcessId};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Start(Start),
    Handled(Handled),
    Released(Release),
    Stopped { at: u64 },
}

/// Of the start of a node.
#[derive(Debug, Deserialize)]
pub(super) struct Start {
    pub(super) algorithm: String,
    pub(super) cluster: u64,
    pub(super) process: ProcessId,
    pub(super) incarnation: u64,
    #[serde(default)]
    pub(super) bounds: Option<Bounds>,
    pub(super) at: u64,
}

#[derive(Deserialize)]
struct Handled {
    at: u64,
    #[serde(default)]
    took: Option<u64>,
    #[serde(default)]
    skew: i64,
    event: Event,
    #[serde(default)]
    cause: Option<EffectName>,
    #[serde(default)]
    effects: Vec<Effect>,
}

#[derive(Deserialize)]
enum Event {
    Init,
    Recover,
    Request(IgnoredAny),
    Message(ProcessId, IgnoredAny),
    Timer(IgnoredAny),
}

#[derive(Deserialize)]
enum Effect {
    Send { to: ProcessId },
    SetTimer {},
    Cancel {},
    Store {},
    Indicate {},
}

/// A handler.
#[derive(Debug)]
pub(super) struct Handler {
    /// When it was done.
    pub(super) at: u64,
    pub(super) took: Option<u64>,
    skew: i64,
    /// For a message: from whom, and which effect of its.
    pub(super) message: Option<(ProcessId, EffectName)>,
}

impl Handler {
    /// When it began.
    pub(super) fn begun(&self) -> u64 {
        self.at.saturating_sub(self.took.unwrap_or(0))
    }

    /// The same by the node's own clock.
    pub(super) fn begun_by_own(&self) -> i64 {
        self.begun().cast_signed().saturating_add(self.skew)
    }
}

/// An incarnation.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) start: Start,
    pub(super) handlers: Vec<Handler>,
    /// By effect: when it left, by the clock of the records and by the node's own.
    pub(super) released: BTreeMap<(u64, u32), (u64, i64)>,
    /// By handler: when the last of its effects left.
    pub(super) released_last: BTreeMap<u64, u64>,
    /// By effect that is a message: to whom.
    pub(super) sent: BTreeMap<(u64, u32), ProcessId>,
    /// When it was last heard of.
    pub(super) ended: u64,
}

/// The records of a directory, in the order of processes and incarnations. All of one cluster.
pub(super) fn load(directory: &Path) -> Result<Vec<Node>, RecordError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| RecordError::Io { operation: "read", path, source }
    };
    let mut nodes: Vec<Node> = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable(directory))? {
        let path = entry.map_err(unreadable(directory))?.path();
        if is_record(&path) {
            let bytes = std::fs::read(&path).map_err(unreadable(&path))?;
            nodes.extend(parse(&path, &bytes)?);
        }
    }
    nodes.sort_by_key(|node| (node.start.process, node.start.incarnation));
    if let Some(other) = nodes.iter().find(|node| node.start.cluster != nodes[0].start.cluster) {
        let path = directory.join(crate::record::file_name(other.start.process, other.start.incarnation));
        let what = "it is of another cluster than the others in its directory".to_owned();
        return Err(RecordError::Damaged { path, line: 1, what });
    }
    Ok(nodes)
}

/// The content of a file; none if its node died before its first line was complete.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Option<Node>, RecordError> {
    let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |last| last + 1);
    let damaged = |line, what: String| RecordError::Damaged { path: PathBuf::from(path), line, what };
    let text = std::str::from_utf8(&bytes[..whole]).map_err(|e| damaged(1, e.to_string()))?;
    let mut lines = text.lines().enumerate();
    let Some((_, first)) = lines.next() else { return Ok(None) };
    check_version(path, first)?;
    let Line::Start(start) = serde_json::from_str(first).map_err(|e| damaged(1, e.to_string()))? else {
        return Err(damaged(1, format!("the first line is no start of a record of version {VERSION}")));
    };
    let mut node = Node {
        ended: start.at,
        start,
        handlers: Vec::new(),
        released: BTreeMap::new(),
        released_last: BTreeMap::new(),
        sent: BTreeMap::new(),
    };
    for (number, line) in lines {
        let line: Line = serde_json::from_str(line).map_err(|e| damaged(number + 1, e.to_string()))?;
        node.take(line).map_err(|what| damaged(number + 1, what.to_owned()))?;
    }
    Ok(Some(node))
}

impl Node {
    fn take(&mut self, line: Line) -> Result<(), &'static str> {
        match line {
            Line::Start(_) => return Err("a second start"),
            Line::Handled(handled) => self.handled(handled),
            Line::Released(release) => self.released(&release),
            Line::Stopped { at } => self.ended = self.ended.max(at),
        }
        Ok(())
    }

    fn handled(&mut self, handled: Handled) {
        let Handled { at, took, skew, event, cause, effects } = handled;
        let number = self.handlers.len() as u64;
        for (index, effect) in effects.into_iter().enumerate() {
            if let Effect::Send { to } = effect {
                self.sent.insert((number, index as u32), to);
            }
        }
        let message = match event {
            Event::Message(from, _) => cause.map(|cause| (from, cause)),
            Event::Init | Event::Recover | Event::Request(_) | Event::Timer(_) => None,
        };
        self.handlers.push(Handler { at, took, skew, message });
        self.ended = self.ended.max(at);
    }

    fn released(&mut self, release: &Release) {
        let by_own = release.at.cast_signed().saturating_add(release.skew);
        for &(handler, effect) in &release.effects {
            self.released.insert((handler, effect), (release.at, by_own));
            self.released_last.insert(handler, release.at);
        }
        self.ended = self.ended.max(release.at);
    }
}
