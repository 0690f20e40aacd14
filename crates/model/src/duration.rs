//! Durations in files: an integer number of milliseconds, or text with a unit: "250us", "10ms", "2s"; or "unlimited".

use serde::{Deserialize, Deserializer, Serializer};
use std::time::Duration;

/// How [`Duration::MAX`] is written: the bound that is none, as the weakest environment of a model has it.
const UNLIMITED: &str = "unlimited";

/// The duration that `text` writes.
pub fn parse(text: &str) -> Result<Duration, String> {
    if text.trim() == UNLIMITED {
        return Ok(Duration::MAX);
    }
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let nanos: u128 = match unit.trim() {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "min" => 60_000_000_000,
        other => return Err(format!("a duration needs a unit (ns, us, ms, s, min), not {other:?}")),
    };
    let number: u128 = number.trim().parse().map_err(|_| {
        format!("{text:?} is not a duration: expected a number from 0 on and a unit, as in \"10ms\"")
    })?;
    let total = number.checked_mul(nanos).filter(|&total| total <= Duration::MAX.as_nanos());
    let total = total.ok_or_else(|| format!("{text:?} is too long"))?;
    Ok(Duration::new((total / 1_000_000_000) as u64, (total % 1_000_000_000) as u32))
}

/// The shortest exact text with a unit.
pub fn format(duration: Duration) -> String {
    if duration == Duration::MAX {
        return UNLIMITED.to_owned();
    }
    let nanos = duration.as_nanos();
    let (unit, name) = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")]
        .into_iter()
        .find(|(unit, _)| nanos.is_multiple_of(*unit))
        .unwrap_or((1, "ns"));
    format!("{}{name}", nanos / unit)
}

/// The text for people: three significant digits at most.
pub fn rounded(duration: Duration) -> String {
    let exact = format(duration);
    if exact.bytes().filter(u8::is_ascii_digit).count() <= 3 || duration == Duration::MAX {
        return exact;
    }
    let nanos = duration.as_nanos() as f64;
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "us")];
    let (unit, name) = units.into_iter().find(|(unit, _)| nanos >= *unit).unwrap_or((1.0, "ns"));
    let value = match nanos / unit {
        value @ 100.0.. => format!("{value:.0}"),
        value @ 10.0.. => format!("{value:.1}"),
        value => format!("{value:.2}"),
    };
    let short = if value.contains('.') { value.trim_end_matches('0').trim_end_matches('.') } else { &value };
    format!("{short}{name}")
}

/// For `#[serde(with)]`.
pub fn serialize<S: Serializer>(duration: &Duration, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(&format(*duration))
}

/// For `#[serde(with)]`.
pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Milliseconds(i64),
    }
    match Written::deserialize(d)? {
        Written::Text(text) => parse(&text).map_err(serde::de::Error::custom),
        Written::Milliseconds(ms) => u64::try_from(ms)
            .map(Duration::from_millis)
            .map_err(|_| serde::de::Error::custom(format!("a duration cannot be negative: {ms}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bounds, Timeout};

    #[test]
    fn people_are_told_three_digits() {
        for (nanos, text) in [
            (252_344_392, "252ms"),
            (156_250_000, "156ms"),
            (10_000_000, "10ms"),
            (1_234_567, "1.23ms"),
            (12_500_000_000, "12.5s"),
            (2_000_400_000, "2s"),
            (999, "999ns"),
            (3_600_000_000_000, "3600s"),
        ] {
            assert_eq!(rounded(Duration::from_nanos(nanos)), text);
        }
        assert_eq!(rounded(Duration::MAX), UNLIMITED);
    }

    #[test]
    fn durations_read_back_as_they_are_written() {
        let bounds =
            Bounds { delay: Duration::from_millis(10), step: Duration::from_micros(250), drift_ppm: 3 };
        let written = serde_json::to_string(&bounds).unwrap();
        assert_eq!(written, r#"{"delay":"10ms","step":"250us","drift_ppm":3}"#);
        assert_eq!(serde_json::from_str::<Bounds>(&written).unwrap(), bounds);
        let timeout = Timeout { max: Duration::MAX, ..Timeout::default() };
        let written = serde_json::to_string(&timeout).unwrap();
        assert_eq!(written, r#"{"initial":"100ms","increment":"100ms","max":"unlimited"}"#);
        assert_eq!(serde_json::from_str::<Timeout>(&written).unwrap(), timeout);
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["-5ms", "5", "5 parsecs", "ms", "99999999999999999999999999999999999999999999s"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("2min"), Ok(Duration::from_mins(2)));
    }
}
