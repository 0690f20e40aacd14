//! What: values that are proposed, written, broadcast, and not looked into.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A value of which an algorithm asks nothing but whether it is another's equal: what is proposed, written, broadcast.
///
/// So nothing changes but the values where some are exchanged for others everywhere, and a checker may take runs for one that
/// differ in no more than that. Nobody trusts that it is so: an algorithm that computes with its data, or puts them in an order,
/// is found out. Written as a number; by its type's name whoever takes a value apart knows it from other numbers.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Datum(pub u64);

impl fmt::Debug for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
