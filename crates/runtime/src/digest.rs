//! Digests of the states of processes, for records: what a replay comes to is compared with what the node came to.
//!
//! A digest costs as much as the state is long. So a node takes one after every handler only as long as that is little beside all
//! that it does, and less often where states are large.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::time::{Duration, Instant};

/// Of the time that passes, digests take no more than one part in so many.
const SHARE: u32 = 50;

/// 64 bits of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(pub u64);

impl Digest {
    /// Of a value. The same in every run of the same program on machines of one kind.
    pub fn of(value: &impl Hash) -> Self {
        let mut fnv = Fnv(0xcbf2_9ce4_8422_2325);
        value.hash(&mut fnv);
        Self(fnv.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = u64::from_str_radix(&text, 16).map(Self);
        number.map_err(|_| serde::de::Error::custom("a digest is 16 hexadecimal digits"))
    }
}

/// Fowler, Noll, Vo: FNV-1a. The standard library's hasher may change with its version.
struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// When the next digest is taken.
#[derive(Debug)]
pub(crate) struct Pace(Instant);

impl Pace {
    pub(crate) fn new() -> Self {
        Self(Instant::now())
    }

    /// The digest of a value, if it is time for one: it is now so late.
    pub(crate) fn digest(&mut self, value: &impl Hash, begun: Instant) -> Option<Digest> {
        (begun >= self.0).then(|| {
            let digest = Digest::of(value);
            self.took(begun, begun.elapsed());
            digest
        })
    }

    fn took(&mut self, begun: Instant, took: Duration) {
        self.0 = begun + took.saturating_mul(SHARE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_fnv_1a_and_told_in_hexadecimal() {
        let mut fnv = Fnv(0xcbf2_9ce4_8422_2325);
        fnv.write(b"foobar");
        assert_eq!(fnv.finish(), 0x8594_4171_f739_67e8);
        let digest = Digest(0x2a);
        let text = serde_json::to_string(&digest).unwrap();
        assert_eq!(text, "\"000000000000002a\"");
        assert_eq!(serde_json::from_str::<Digest>(&text).unwrap(), digest);
        assert!(serde_json::from_str::<Digest>("\"x\"").is_err());
        assert_ne!(Digest::of(&(1, vec![2])), Digest::of(&(1, vec![3])));
    }

    #[test]
    fn a_digest_that_takes_long_is_taken_seldom() {
        let mut pace = Pace::new();
        assert!(pace.digest(&7, Instant::now()).is_some());
        pace.took(Instant::now(), Duration::from_hours(1));
        assert!(pace.digest(&7, Instant::now()).is_none());
    }
}
