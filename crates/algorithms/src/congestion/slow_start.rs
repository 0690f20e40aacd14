//! Slow start and congestion avoidance: a window that doubles in each round trip until it has met a loss, and grows by a step in
//! each from then on; halved by a loss, shut by a timeout (Jacobson 1988; Allman, Paxson, Blanton 2009: RFC 5681).
//!
//! Counted in messages, of which several share a segment: the step is what one segment carries. In whole numbers, so that
//! a process that holds one has states to compare. It is no process: a sender holds one, and tells it what happened.

use synod_model::prelude::*;

/// The constants of the window, in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowConstants {
    /// IW: the window before anything is known.
    pub initial: u32,
    /// By how much it grows in a round trip without a loss, once it has met one: what a segment carries. Also the window after a timeout.
    pub step: u32,
    /// The largest window.
    pub max: u32,
}

/// The congestion window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CongestionWindow {
    constants: WindowConstants,
    /// cwnd.
    window: u32,
    /// ssthresh: below it the window doubles.
    threshold: u32,
    /// What was acknowledged since the window grew by its last step.
    acknowledged: u32,
}

impl CongestionWindow {
    /// Before anything is known.
    pub fn new(constants: WindowConstants) -> Self {
        let window = constants.initial.clamp(1, constants.max.max(1));
        Self { constants, window, threshold: constants.max.max(1), acknowledged: 0 }
    }

    /// cwnd: how many messages may be under way.
    pub fn current(&self) -> u32 {
        self.window
    }

    /// So many messages were acknowledged for the first time (3.1).
    pub fn acknowledged(&mut self, messages: u32) {
        let max = self.constants.max.max(1);
        if self.window < self.threshold {
            self.window = self.window.saturating_add(messages).min(self.threshold);
            return;
        }
        self.acknowledged = self.acknowledged.saturating_add(messages);
        if self.acknowledged >= self.window {
            self.acknowledged -= self.window;
            self.window = self.window.saturating_add(self.constants.step.max(1)).min(max);
        }
        if self.window == max {
            self.acknowledged = 0;
        }
    }

    /// Messages of this window were lost, and others behind them arrived (3.2): to be told once a window.
    pub fn lost(&mut self) {
        self.halve();
        self.window = self.threshold;
    }

    /// Nothing arrived for as long as the timeout (3.1): the window opens from the start.
    pub fn expired(&mut self) {
        self.halve();
        self.window = self.constants.step.clamp(1, self.threshold);
    }

    fn halve(&mut self) {
        self.threshold = (self.window / 2).max(self.constants.step.clamp(1, self.constants.max.max(1)));
        self.acknowledged = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> CongestionWindow {
        CongestionWindow::new(WindowConstants { initial: 4, step: 2, max: 64 })
    }

    /// A round trip in which all that was under way was acknowledged.
    fn round_trip(window: &mut CongestionWindow) -> u32 {
        window.acknowledged(window.current());
        window.current()
    }

    #[test]
    fn it_doubles_until_a_loss_and_grows_by_a_step_then() {
        let mut window = window();
        let doubled: Vec<_> = (0..5).map(|_| round_trip(&mut window)).collect();
        assert_eq!(doubled, [8, 16, 32, 64, 64]);
        window.lost();
        assert_eq!(window.current(), 32);
        let steps: Vec<_> = (0..3).map(|_| round_trip(&mut window)).collect();
        assert_eq!(steps, [34, 36, 38]);
    }

    #[test]
    fn a_timeout_shuts_it_and_it_doubles_up_to_half_of_what_it_was() {
        let mut window = window();
        (0..4).for_each(|_| _ = round_trip(&mut window));
        window.expired();
        assert_eq!(window.current(), 2);
        let opens: Vec<_> = (0..6).map(|_| round_trip(&mut window)).collect();
        assert_eq!(opens, [4, 8, 16, 32, 34, 36]);
        (0..9).for_each(|_| window.expired());
        assert_eq!(window.current(), 2);
    }
}
