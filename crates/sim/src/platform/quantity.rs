//! Durations, sizes and rates as files write them.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::time::Duration;
use synod_kernel::environment::duration;

/// A duration on its own, in a list or a matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lapse(#[serde(with = "duration")] pub Duration);

/// A number and its unit, or a number alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u64),
    Text(String),
}

/// The number that `text` is with one of these units, each with what it stands for, as a fraction.
fn with_unit(text: &str, units: &[(&str, u64, u64)]) -> Option<u64> {
    let text = text.trim();
    let (number, multiple, divisor) = units
        .iter()
        .find_map(|&(unit, multiple, divisor)| Some((text.strip_suffix(unit)?.trim(), multiple, divisor)))?;
    let number: f64 = number.parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0)?;
    Some((number * multiple as f64 / divisor as f64).round() as u64)
}

/// So many bytes. In files a number, or text with a unit: `"64KiB"`, `"1500B"`, `"10MB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

const SIZES: &[(&str, u64, u64)] = &[
    ("KiB", 1 << 10, 1),
    ("MiB", 1 << 20, 1),
    ("GiB", 1 << 30, 1),
    ("kB", 1_000, 1),
    ("MB", 1_000_000, 1),
    ("GB", 1_000_000_000, 1),
    ("B", 1, 1),
];

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match Written::deserialize(d)? {
            Written::Number(bytes) => Ok(Self(bytes)),
            Written::Text(text) => with_unit(&text, SIZES)
                .map(Self)
                .ok_or_else(|| D::Error::custom(format!("{text:?} is no size: write \"64KiB\" or \"10MB\""))),
        }
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u64(self.0)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}

/// So many bytes a second. In files a number, or text with a unit: `"10Mbit/s"`, `"1MB/s"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(pub u64);

const RATES: &[(&str, u64, u64)] = &[
    ("kbit/s", 1_000, 8),
    ("Mbit/s", 1_000_000, 8),
    ("Gbit/s", 1_000_000_000, 8),
    ("bit/s", 1, 8),
    ("KiB/s", 1 << 10, 1),
    ("MiB/s", 1 << 20, 1),
    ("kB/s", 1_000, 1),
    ("MB/s", 1_000_000, 1),
    ("GB/s", 1_000_000_000, 1),
    ("B/s", 1, 1),
];

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match Written::deserialize(d)? {
            Written::Number(rate) => Ok(Self(rate)),
            Written::Text(text) => with_unit(&text, RATES).map(Self).ok_or_else(|| {
                D::Error::custom(format!("{text:?} is no rate: write \"10Mbit/s\" or \"1MB/s\""))
            }),
        }
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u64(self.0)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes a second", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_rates_have_units() {
        let size = |text: &str| serde_json::from_str::<Size>(text).map(|size| size.0).ok();
        assert_eq!(size("\"64KiB\""), Some(65_536));
        assert_eq!(size("1500"), Some(1_500));
        assert_eq!(size("\"1.5kB\""), Some(1_500));
        let rate = |text: &str| serde_json::from_str::<Rate>(text).map(|rate| rate.0).ok();
        assert_eq!(rate("\"10Mbit/s\""), Some(1_250_000));
        assert_eq!(rate("\"1MB/s\""), Some(1_000_000));
        assert_eq!(rate("\"10 furlongs\""), None);
        assert_eq!(rate("\"-1MB/s\""), None);
    }
}
