//! Bandwidth: a wire that takes so many bytes a second, with a queue before it that may overflow.

use super::{Fits, Rate, Size, Unfit};
use serde::{Deserialize, Serialize};

/// How much fits through a wire: a token bucket, and a queue that drops its tail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bandwidth {
    /// How many bytes a second.
    pub rate: Rate,
    /// How many bytes wait at most; what finds no room is lost, or held back where links may not lose. Without a bound, where
    /// nothing is said.
    #[serde(default)]
    pub queue: Option<Size>,
    /// How many bytes go at once after a silence: the bucket's depth.
    #[serde(default = "nothing")]
    pub burst: Size,
    /// What a wire joins.
    #[serde(default)]
    pub per: Per,
    /// How many bytes each message has besides its own.
    #[serde(default = "nothing")]
    pub overhead: Size,
}

fn nothing() -> Size {
    Size(0)
}

/// What a wire joins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// A process to all others: they share its uplink.
    #[default]
    Process,
    /// Two processes.
    Link,
}

impl Bandwidth {
    pub(super) fn fits(&self) -> Fits {
        if self.rate.0 == 0 {
            return Err(Unfit::new("`bandwidth.rate` = 0: nothing gets through", "cut the network instead"));
        }
        if self.queue.is_some_and(|queue| queue.0 == 0) {
            return Err(Unfit::new(
                "`bandwidth.queue` = 0 has no room for any message",
                "leave it out for a queue without bound",
            ));
        }
        Ok(())
    }

    pub(super) fn describe(&self) -> String {
        let per = match self.per {
            Per::Process => "process",
            Per::Link => "link",
        };
        format!("{} per {per}", self.rate)
    }

    /// How long so many bytes take, in nanoseconds.
    fn takes(&self, bytes: u64, slowdown: u32) -> u64 {
        let nanos = u128::from(bytes) * 1_000_000_000 * u128::from(slowdown) / u128::from(self.rate.0);
        u64::try_from(nanos).unwrap_or(u64::MAX)
    }
}

/// The state of a wire: the instant at which it would have sent all that it was given, at its rate.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wire {
    busy_until: u64,
}

/// When a message gets onto its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Departure {
    /// When its last byte has left.
    pub(super) at: u64,
    /// Whether the queue had no room for it.
    pub(super) overflows: bool,
}

impl Wire {
    /// A message of so many bytes is put on the wire at `now`; one that overflows is not, unless it is held back.
    pub(super) fn send(
        &mut self,
        now: u64,
        bytes: u64,
        of: &Bandwidth,
        slowdown: u32,
        holds_back: bool,
    ) -> Departure {
        let bytes = bytes.saturating_add(of.overhead.0);
        let idle_credit = of.takes(of.burst.0, slowdown);
        // what waits is what the wire has not sent, but for what the bucket lets through at once
        let backlog = self.busy_until.saturating_sub(now).saturating_sub(idle_credit);
        let room = of.queue.map_or(u64::MAX, |queue| of.takes(queue.0, slowdown));
        let overflows = backlog > 0 && backlog.saturating_add(of.takes(bytes, slowdown)) > room;
        let all_sent = self.busy_until.max(now).saturating_add(of.takes(bytes, slowdown));
        if !overflows || holds_back {
            self.busy_until = all_sent;
        }
        Departure { at: all_sent.saturating_sub(idle_credit).max(now), overflows }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn wire(queue: Option<u64>, burst: u64) -> Bandwidth {
        Bandwidth {
            rate: Rate(1_000_000),
            queue: queue.map(Size),
            burst: Size(burst),
            per: Per::Process,
            overhead: Size(0),
        }
    }

    #[test]
    fn a_wire_sends_at_its_rate_however_fast_it_is_fed() {
        let (of, mut wire) = (wire(None, 0), Wire::default());
        let last = (0..1_000).map(|_| wire.send(0, 1_000, &of, 1, false).at).last();
        assert_eq!(last, Some(1_000 * MS), "a megabyte in a second");
        let after_a_silence = wire.send(5_000 * MS, 1_000, &of, 1, false).at;
        assert_eq!(after_a_silence, 5_001 * MS, "silence is not saved up");
        assert_eq!(wire.send(6_000 * MS, 1_000, &of, 10, false).at, 6_010 * MS, "ten times slower");
    }

    #[test]
    fn a_bucket_lets_its_depth_through_at_once_and_the_rest_at_the_rate() {
        let (of, mut wire) = (wire(None, 10_000), Wire::default());
        let departures: Vec<_> = (0..20).map(|_| wire.send(0, 1_000, &of, 1, false).at / MS).collect();
        assert_eq!(departures[..11], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(departures[19], 10, "ten messages beyond the bucket, one a millisecond");
    }

    #[test]
    fn a_queue_drops_its_tail_and_no_more() {
        let (of, mut wire) = (wire(Some(4_000), 0), Wire::default());
        let overflowing = (0..10).filter(|_| wire.send(0, 1_000, &of, 1, false).overflows).count();
        assert_eq!(overflowing, 6, "four wait, one of them on the wire");
        let kept = wire.send(10 * MS, 1_000, &of, 1, false);
        assert_eq!(kept, Departure { at: 11 * MS, overflows: false });
        let mut held = Wire::default();
        let all: Vec<_> = (0..10).map(|_| held.send(0, 1_000, &of, 1, true)).collect();
        assert_eq!(all[9], Departure { at: 10 * MS, overflows: true }, "held back, in order");
    }
}
