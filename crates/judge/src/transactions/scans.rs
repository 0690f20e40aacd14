//! Scans: what they look for, and what they did not find.

use super::names::Names;
use crate::value::Value;
use std::fmt;

/// Which keys a scan looks for: all, or whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Range {
    All,
    /// From the first to the second.
    Numbers(i64, i64),
}

impl Range {
    /// Of what a scan is given.
    pub(super) fn of(predicate: &Value) -> Option<Self> {
        match predicate {
            Value::Nil => Some(Self::All),
            Value::Text(all) if &**all == "all" => Some(Self::All),
            ends => {
                let (from, to) = ends.pair()?;
                Some(Self::Numbers(from.integer()?, to.integer()?))
            }
        }
    }

    pub(super) fn has(self, key: &Value) -> bool {
        match (self, key) {
            (Self::All, _) => true,
            (Self::Numbers(from, to), Value::Integer(key)) => (from..=to).contains(key),
            (Self::Numbers(..), _) => false,
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str(":all"),
            Self::Numbers(from, to) => write!(f, "[{from} {to}]"),
        }
    }
}

/// A scan, and the keys of which it is known what it saw.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    pub(super) transaction: u32,
    pub(super) range: Range,
    pub(super) known: Vec<u32>,
    /// How many of its transaction's micro-operations that are kept come before it.
    pub(super) at: usize,
}

/// How often scans may miss a key, in all.
const MISSED_MAX: usize = 1 << 26;

/// Who looked for which keys and did not find them, in order; or whose scan is too much.
pub(super) fn missed(scans: &[Scan], names: &Names) -> Result<Vec<(u32, u32)>, u32> {
    let mut all = vec![];
    for &Scan { transaction, range, ref known, .. } in scans {
        let keys = (0..names.keys() as u32).filter(|&key| range.has(names.key_name(key)));
        let missed = keys.filter(|key| known.binary_search(key).is_err());
        all.extend(missed.map(|key| (transaction, key)));
        if all.len() > MISSED_MAX {
            return Err(transaction);
        }
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}
