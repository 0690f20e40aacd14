//! What is done to one direction of a link, and what came of it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;
use synod_model::duration;

/// What is done to what one process sends to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    /// Nothing passes: streams are held until this is over, datagrams are lost.
    pub held: bool,
    /// Everything passes so much later.
    #[serde(with = "duration")]
    pub delay: Duration,
    /// And up to so much later still, drawn for each piece.
    #[serde(with = "duration")]
    pub jitter: Duration,
    /// How likely a piece is lost. A stream cannot lose a piece: its connection breaks.
    pub loss: f64,
    /// How likely a datagram passes twice.
    pub duplication: f64,
}

impl Rule {
    /// Whether everything passes at once.
    pub fn is_clear(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        if self.held {
            words.push("cut".to_owned());
        }
        if !self.delay.is_zero() || !self.jitter.is_zero() {
            let (least, most) = (duration::format(self.delay), duration::format(self.delay + self.jitter));
            words.push(if least == most {
                format!("delay {least}")
            } else {
                format!("delay {least}..{most}")
            });
        }
        if self.loss > 0.0 {
            words.push(format!("loss {}%", self.loss * 100.0));
        }
        if self.duplication > 0.0 {
            words.push(format!("duplicate {}%", self.duplication * 100.0));
        }
        f.write_str(&if words.is_empty() { "clear".to_owned() } else { words.join(", ") })
    }
}

/// What passed from one process to another, and what did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passed {
    /// How many connections the one has made to the other.
    pub connections: u64,
    /// How many bytes of streams have passed.
    pub bytes: u64,
    /// How many datagrams have.
    pub datagrams: u64,
    /// How many connections were broken, for a piece to be lost.
    pub broken: u64,
    /// How many datagrams were lost.
    pub lost: u64,
    /// How many passed twice.
    pub duplicated: u64,
    /// How often something met a cut.
    pub met_cut: u64,
}

impl Passed {
    /// What passed another way besides.
    pub fn add(&mut self, other: &Self) {
        self.connections += other.connections;
        self.bytes += other.bytes;
        self.datagrams += other.datagrams;
        self.broken += other.broken;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.met_cut += other.met_cut;
    }
}
