//! What was tried of the events of a run, one by one: which of them it needs to break what it breaks.

use super::{EndLine, Header, TraceError, check, header};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The steps of a run that were left out, each alone with what cannot happen without it, and what came of that. Nothing is
/// said of a step that is not named: it was not tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tried {
    /// Without any one of them, the property is not broken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub necessary: Vec<u64>,
    /// Without any one of them, it is broken all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dispensable: Vec<u64>,
    /// Where it is the crash in the handler without which the property is not broken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub crashes: Vec<u64>,
}

impl Tried {
    /// Whether nothing was tried.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this step is necessary, if that was tried.
    pub fn is_necessary(&self, step: u64) -> Option<bool> {
        match (self.necessary.contains(&step), self.dispensable.contains(&step)) {
            (false, false) => None,
            (necessary, _) => Some(necessary),
        }
    }
}

/// The same trace with what was tried of its steps.
///
/// # Errors
/// If it is no whole trace.
pub fn with_tried(content: &str, tried: Tried) -> Result<String, TraceError> {
    let end = check(content)?;
    let header = Header { tried, ..header(content)? };
    let (_, rest) = content.split_once('\n').expect("a whole trace has an end after its header");
    let steps = &rest[..rest.trim_end().rfind('\n').map_or(0, |at| at + 1)];
    let text = |value: Result<String, _>| value.expect("plain data");
    let mut marked = format!("{}\n{steps}", text(serde_json::to_string(&header)));
    let end = EndLine::new(Sha256::new_with_prefix(&marked), end);
    marked += &text(serde_json::to_string(&end));
    marked.push('\n');
    Ok(marked)
}
