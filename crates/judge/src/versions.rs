//! Objects whose every change is told apart by what is read later: texts and lists to which nothing is written twice.
//!
//! What was read says which changes came before, and in which order: all that was read is a tree of versions. A state is a
//! version of it, or one that nobody saw, and those are all alike. And a version that somebody is yet to see, or to see grow, is not left before
//! that: whatever is put in its place, it does not come back. (The idea is Elle's, for lists: Kingsbury, Alvaro 2020, §4.)

use crate::history::{Event, History, Outcome};
use crate::model::{List, ListOperation, ListReturn, TextMap, TextOperation, TextReturn};
use crate::specification::SequentialSpecification;
use rustc_hash::FxHashMap;
use std::hash::Hash;
use std::sync::Arc;

/// The version before any change.
const FIRST: u32 = 0;
/// What nobody can have seen.
const IMPOSSIBLE: u32 = u32::MAX;

/// A change, by what it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Change {
    /// Begins anew with this.
    Put(u32),
    /// Goes on with this.
    Append(u32),
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Asked {
    Read,
    Change(Change),
}

/// What comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Answer {
    Version(u32),
    Done,
}

/// A version of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Version {
    /// One that was read, or grew to one that was.
    Seen(u32),
    /// One that nobody ever reads.
    Unseen,
}

#[derive(Clone, Copy, Debug, Default)]
struct Node {
    /// What it grows out of, if it grows out of anything.
    out_of: Option<u32>,
    /// How many versions grow out of it.
    grow: usize,
    /// The last event at which somebody begins to read it.
    last_read: Option<usize>,
}

/// The tree of versions that a history's reads make up.
#[derive(Debug)]
pub(crate) struct Versions {
    nodes: Vec<Node>,
    next: FxHashMap<(u32, Change), u32>,
}

impl Versions {
    fn new() -> Self {
        Self { nodes: vec![Node::default()], next: FxHashMap::default() }
    }

    /// The version that these changes make, the first of which may be a put. Nothing is put later.
    fn node(&mut self, changes: impl IntoIterator<Item = Change>) -> u32 {
        let mut node = FIRST;
        for change in changes {
            let new = self.nodes.len() as u32;
            let next = *self.next.entry((node, change)).or_insert(new);
            if next == new {
                // what begins anew does not grow out of what was
                let grows = matches!(change, Change::Append(_));
                self.nodes.push(Node { out_of: grows.then_some(node), ..Node::default() });
                self.nodes[node as usize].grow += usize::from(grows);
            }
            node = next;
        }
        node
    }

    fn after(&self, version: Version, change: Change) -> Version {
        let from = match (change, version) {
            (Change::Put(_), _) => FIRST,
            (Change::Append(_), Version::Seen(node)) => node,
            (Change::Append(_), Version::Unseen) => return Version::Unseen,
        };
        self.next.get(&(from, change)).map_or(Version::Unseen, |&node| Version::Seen(node))
    }
}

impl SequentialSpecification for Versions {
    type State = Version;
    type Operation = Asked;
    type Return = Answer;

    fn initial(&self) -> Version {
        Version::Seen(FIRST)
    }

    fn apply(&self, version: &Version, asked: &Asked) -> (Version, Answer) {
        match (asked, version) {
            (Asked::Read, Version::Seen(node)) => (*version, Answer::Version(*node)),
            (Asked::Read, Version::Unseen) => (*version, Answer::Done),
            (Asked::Change(change), _) => (self.after(*version, *change), Answer::Done),
        }
    }

    fn observes(&self, asked: &Asked, _: Option<&Answer>) -> bool {
        *asked == Asked::Read
    }

    fn may_follow(&self, version: &Version, next: &Version, event: usize) -> bool {
        let Version::Seen(number) = version else { return true };
        let node = &self.nodes[*number as usize];
        if node.last_read.is_some_and(|read| read > event) {
            return false; // somebody is yet to read it
        }
        let out_of = |next: &Version| match next {
            Version::Seen(next) => self.nodes[*next as usize].out_of,
            Version::Unseen => None,
        };
        // somebody is yet to read what grows out of it, and out of one version grows one
        node.grow == 0 || node.grow == 1 && out_of(next) == Some(*number)
    }
}

/// An object whose history may be one of versions.
pub trait Versioned: SequentialSpecification {
    /// What is written.
    type Fragment: Clone + Ord + Hash;
    /// The change that an operation is; nothing for a read.
    fn change(operation: &Self::Operation) -> Option<(bool, Self::Fragment)>;
    /// Whether this is what a change returns.
    fn acknowledges(returned: &Self::Return) -> bool;
    /// What a read that returned this has seen, piece by piece; an error if no such pieces make it up.
    fn pieces(returned: &Self::Return, fragments: &[Self::Fragment]) -> Option<Vec<Self::Fragment>>;
    /// Whether such fragments make up what is read in one way.
    fn are_told_apart(sorted: &[Self::Fragment]) -> bool;
}

/// A history in versions.
pub(crate) type VersionHistory = History<Asked, Answer>;

/// The same history in versions, if nothing is written twice. Events and operations have the same numbers.
pub(crate) fn versions<S: Versioned>(
    history: &History<S::Operation, S::Return>,
) -> Option<(Versions, VersionHistory)> {
    let mut fragments = vec![];
    for operation in history.operations() {
        if !matches!(operation.outcome, Outcome::Failed) {
            fragments.extend(S::change(&operation.operation));
        }
    }
    fragments.sort_by(|(_, a), (_, b)| a.cmp(b));
    let sorted: Vec<S::Fragment> = fragments.iter().map(|(_, fragment)| fragment.clone()).collect();
    if sorted.windows(2).any(|pair| pair[0] == pair[1]) || !S::are_told_apart(&sorted) {
        return None;
    }
    let number = |fragment: &S::Fragment| sorted.binary_search(fragment).ok();
    let change = |number: usize| {
        if fragments[number].0 { Change::Put(number as u32) } else { Change::Append(number as u32) }
    };
    let mut versions = Versions::new();
    let mut asked = vec![];
    let mut outcomes = vec![];
    for operation in history.operations() {
        // what fails changes nothing: any number will do
        let changed = S::change(&operation.operation);
        asked.push(match &changed {
            None => Asked::Read,
            Some((_, fragment)) => Asked::Change(number(fragment).map_or(Change::Append(IMPOSSIBLE), change)),
        });
        outcomes.push(match &operation.outcome {
            Outcome::Failed => Outcome::Failed,
            Outcome::Unknown => Outcome::Unknown,
            Outcome::Ok(returned) if changed.is_some() => Outcome::Ok(if S::acknowledges(returned) {
                Answer::Done
            } else {
                Answer::Version(IMPOSSIBLE)
            }),
            Outcome::Ok(returned) => {
                let node = S::pieces(returned, &sorted)
                    .and_then(|pieces| pieces.iter().map(&number).collect::<Option<Vec<_>>>())
                    .filter(|numbers| numbers.iter().skip(1).all(|&number| !fragments[number].0))
                    .map_or(IMPOSSIBLE, |numbers| versions.node(numbers.into_iter().map(change)));
                if let Some(node) = versions.nodes.get_mut(node as usize) {
                    node.last_read = node.last_read.max(Some(operation.invoked));
                }
                Outcome::Ok(Answer::Version(node))
            }
        });
    }
    let (mut asked, mut running) = (asked.into_iter().enumerate(), FxHashMap::default());
    let mut converted = History::default();
    for event in history.events() {
        let event = match event {
            Event::Invoke { client, .. } => {
                let (index, asked) = asked.next()?;
                running.insert(*client, index);
                Event::invoke(*client, asked)
            }
            Event::Return { client, .. } => Event::end(*client, outcomes[running[client]]),
        };
        converted.push(event).ok()?;
    }
    Some((versions, converted))
}

impl Versioned for TextMap {
    type Fragment = Arc<str>;

    fn change(operation: &TextOperation) -> Option<(bool, Arc<str>)> {
        match operation {
            TextOperation::Get => None,
            TextOperation::Put(text) => Some((true, Arc::clone(text))),
            TextOperation::Append(text) => Some((false, Arc::clone(text))),
        }
    }

    fn acknowledges(returned: &TextReturn) -> bool {
        *returned == TextReturn::Done
    }

    fn pieces(returned: &TextReturn, fragments: &[Arc<str>]) -> Option<Vec<Arc<str>>> {
        let TextReturn::Text(text) = returned else { return None };
        let mut rest = &text[..];
        let mut pieces = vec![];
        while !rest.is_empty() {
            // none begins with another: only the greatest that is not beyond it can be its beginning
            let beyond = fragments.partition_point(|fragment| &fragment[..] <= rest);
            let piece = fragments[..beyond].last()?;
            rest = rest.strip_prefix(&piece[..])?;
            pieces.push(Arc::clone(piece));
        }
        Some(pieces)
    }

    fn are_told_apart(sorted: &[Arc<str>]) -> bool {
        let begins = |pair: &[Arc<str>]| pair[1].starts_with(&pair[0][..]);
        sorted.first().is_none_or(|first| !first.is_empty()) && !sorted.windows(2).any(begins)
    }
}

impl<V: Clone + Ord + Hash + std::fmt::Debug> Versioned for List<V> {
    type Fragment = V;

    fn change(operation: &ListOperation<V>) -> Option<(bool, V)> {
        match operation {
            ListOperation::Read => None,
            ListOperation::Append(v) => Some((false, v.clone())),
        }
    }

    fn acknowledges(returned: &ListReturn<V>) -> bool {
        *returned == ListReturn::Appended
    }

    fn pieces(returned: &ListReturn<V>, _: &[V]) -> Option<Vec<V>> {
        match returned {
            ListReturn::Elements(elements) => Some(elements.clone()),
            ListReturn::Appended => None,
        }
    }

    fn are_told_apart(_: &[V]) -> bool {
        true
    }
}
