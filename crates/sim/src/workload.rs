//! Workloads: when clients ask for what, and how long they wait.

mod driver;
mod history;

pub(crate) use self::driver::{Attempt, Driver, Wake};
pub use self::history::{History, LINEARIZABLE, Record, RecordedOutcome};
use crate::distribution::Distribution;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use synod_kernel::environment::duration;
use synod_properties::OperationKind;

/// What clients do in a run. In experiment files: `[sim.workload]`.
///
/// A client has one operation at a time. It waits for `timeout`: then the outcome is unknown, and it may try the same
/// operation again, at the next of those that can be asked. One who asks a process that is down is refused: that outcome
/// is failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Workload {
    /// When operations begin.
    pub arrivals: Arrivals,
    /// When the first may begin.
    #[serde(with = "duration")]
    pub start: Duration,
    /// How many operations there are at most; retries belong to theirs.
    pub operations: Option<u64>,
    /// How long operations begin from then on; to the middle of the run at the latest, where nothing is said.
    #[serde(with = "optional")]
    pub duration: Option<Duration>,
    /// How often each kind of operation is drawn, relative to the others; where nothing is said, all of them alike.
    pub mix: BTreeMap<String, f64>,
    /// Which objects they are of, where an algorithm has several.
    pub keys: Keys,
    /// How long a client waits for an operation to end.
    #[serde(with = "duration")]
    pub timeout: Duration,
    /// How often it tries again.
    pub retries: u32,
    /// How long it waits before that.
    pub backoff: Distribution,
}

/// When operations begin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Arrivals {
    /// So many a second, evenly, whether or not those before have ended.
    Constant {
        /// Operations a second.
        rate: f64,
    },
    /// So many a second on average, independently of each other.
    Poisson {
        /// Operations a second.
        rate: f64,
    },
    /// Several at once, so many times a second, evenly.
    Bursts {
        /// Bursts a second.
        rate: f64,
        /// How many operations begin in each.
        size: u32,
    },
    /// Each client begins when its operation before has ended and it has thought.
    Closed {
        /// How many clients.
        clients: u32,
        /// How long each thinks before each operation but the first.
        #[serde(default = "no_time")]
        think: Distribution,
    },
}

/// Which of several objects an operation is of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Keys {
    /// All equally often.
    Uniform {
        /// How many there are.
        count: u32,
    },
    /// The one of rank k in proportion to k^-exponent.
    Zipf {
        /// How many there are.
        count: u32,
        /// How uneven they are.
        exponent: f64,
    },
}

fn no_time() -> Distribution {
    Distribution::Constant { value: Duration::ZERO }
}

impl Default for Workload {
    /// Four clients without a thought, each waiting for a second and trying once.
    fn default() -> Self {
        Self {
            arrivals: Arrivals::Closed { clients: 4, think: no_time() },
            start: Duration::ZERO,
            operations: None,
            duration: None,
            mix: BTreeMap::new(),
            keys: Keys::Uniform { count: 1 },
            timeout: Duration::from_secs(1),
            retries: 0,
            backoff: no_time(),
        }
    }
}

/// The fastest that operations begin, a second: one a microsecond.
const RATE_MAX: f64 = 1e6;
/// The most clients, keys, and operations of a burst.
const COUNT_MAX: u32 = 1_000_000;

impl Workload {
    /// One client that asks for one operation of this kind.
    pub fn single(kind: Option<&str>) -> Self {
        Self {
            arrivals: Arrivals::Closed { clients: 1, think: no_time() },
            operations: Some(1),
            mix: kind.map(|kind| (kind.to_owned(), 1.0)).into_iter().collect(),
            timeout: Duration::MAX,
            ..Self::default()
        }
    }

    /// Whether its numbers make sense, for an algorithm with these kinds of operation.
    ///
    /// # Errors
    /// The first that does not, and why.
    pub fn fits(&self, kinds: &[OperationKind]) -> Result<(), String> {
        self.arrivals_fit()?;
        let (Keys::Uniform { count } | Keys::Zipf { count, .. }) = self.keys;
        within("keys.count", count)?;
        if let Keys::Zipf { exponent, .. } = self.keys
            && !(exponent.is_finite() && exponent >= 0.0)
        {
            return Err(format!("`keys.exponent` = {exponent} is not a number from 0 on"));
        }
        for (name, &weight) in &self.mix {
            if !kinds.iter().any(|kind| kind.name == name) {
                let known: Vec<_> = kinds.iter().map(|kind| format!("`{}`", kind.name)).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(format!("`mix` has `{name}`, of the operations that there are: {known}"));
            }
            if !(weight.is_finite() && weight >= 0.0) {
                return Err(format!("`mix.{name}` = {weight} is not a number from 0 on"));
            }
        }
        if !self.mix.is_empty() && self.mix.values().sum::<f64>() <= 0.0 {
            return Err("`mix` gives every operation the weight 0: nothing would be asked".to_owned());
        }
        if self.timeout.is_zero() {
            return Err("`timeout` = 0: no operation could end in time".to_owned());
        }
        if self.operations == Some(0) {
            return Err("`operations` = 0: nothing would be asked".to_owned());
        }
        if self.duration == Some(Duration::ZERO) {
            return Err("`duration` = 0: nothing would be asked".to_owned());
        }
        self.backoff.fits().map_err(|why| format!("`backoff`: {why}"))
    }

    fn arrivals_fit(&self) -> Result<(), String> {
        let fits = |rate: f64| {
            let sane = rate.is_finite() && rate > 0.0 && rate <= RATE_MAX;
            sane.then_some(()).ok_or_else(|| {
                format!("`arrivals.rate` = {rate} is out of bounds: a rate lies above 0 and is {RATE_MAX} a second at most")
            })
        };
        match &self.arrivals {
            Arrivals::Constant { rate } | Arrivals::Poisson { rate } => fits(*rate),
            Arrivals::Bursts { rate, size } => fits(*rate).and(within("arrivals.size", *size)),
            Arrivals::Closed { clients, think } => {
                within("arrivals.clients", *clients)?;
                think.fits().map_err(|why| format!("`arrivals.think`: {why}"))
            }
        }
    }
}

fn within(name: &str, count: u32) -> Result<(), String> {
    let sane = (1..=COUNT_MAX).contains(&count);
    sane.then_some(()).ok_or_else(|| format!("`{name}` = {count} is out of bounds: 1 to {COUNT_MAX}"))
}

/// A duration that may be absent.
mod optional {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::time::Duration;
    use synod_kernel::environment::duration;

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct Text(#[serde(with = "duration")] Duration);

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(
        value: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.map(Text).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<Text>::deserialize(deserializer)?.map(|text| text.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [OperationKind; 2] = [OperationKind::plain("read"), OperationKind::with_value("write")];

    fn refused(text: &str) -> String {
        let workload: Workload = serde_json::from_str(text).expect(text);
        workload.fits(&KINDS).expect_err(text)
    }

    #[test]
    fn nonsense_is_refused_with_the_reason() {
        for (text, why) in [
            (r#"{"arrivals": {"kind": "poisson", "rate": 0}}"#, "`arrivals.rate` = 0 is out of bounds"),
            (r#"{"arrivals": {"kind": "constant", "rate": -1}}"#, "`arrivals.rate` = -1"),
            (r#"{"arrivals": {"kind": "closed", "clients": 0}}"#, "`arrivals.clients` = 0"),
            (r#"{"arrivals": {"kind": "bursts", "rate": 1, "size": 0}}"#, "`arrivals.size` = 0"),
            (r#"{"mix": {"read": 0, "write": 0}}"#, "gives every operation the weight 0"),
            (
                r#"{"mix": {"raed": 1}}"#,
                "`mix` has `raed`, of the operations that there are: `read`, `write`",
            ),
            (r#"{"mix": {"read": -1}}"#, "`mix.read` = -1"),
            (r#"{"keys": {"kind": "zipf", "count": 0, "exponent": 1}}"#, "`keys.count` = 0"),
            (r#"{"keys": {"kind": "zipf", "count": 9, "exponent": -1}}"#, "`keys.exponent` = -1"),
            (r#"{"timeout": "0ms"}"#, "`timeout` = 0"),
            (r#"{"operations": 0}"#, "`operations` = 0"),
            (r#"{"duration": "0s"}"#, "`duration` = 0"),
            (
                r#"{"backoff": {"kind": "uniform", "min": "2ms", "max": "1ms"}}"#,
                "`backoff`: `min` = 2ms exceeds",
            ),
        ] {
            let said = refused(text);
            assert!(said.contains(why), "{text}: {said}");
        }
    }

    #[test]
    fn a_workload_survives_writing_and_reading() {
        let workload = Workload {
            arrivals: Arrivals::Bursts { rate: 2.5, size: 3 },
            duration: Some(Duration::from_secs(3)),
            keys: Keys::Zipf { count: 9, exponent: 0.99 },
            ..Workload::default()
        };
        workload.fits(&KINDS).expect("sound");
        let text = serde_json::to_string(&workload).expect("plain data");
        assert_eq!(serde_json::from_str::<Workload>(&text).expect(&text), workload);
    }
}
