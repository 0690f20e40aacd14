//! Additive increase, multiplicative decrease: the congestion window of TCP in congestion avoidance (Jacobson 1988), as the
//! square-root law speaks of it (Mathis, Semke, Mahdavi, Ott 1997).
//!
//! A window of W segments grows by one in each round trip without a loss, or in every other one where the receiver acknowledges
//! every second segment only, and is halved by a loss: at most once a round trip, to which who holds it sees (`synod reproduce I4` lets each loss count). Slow start and timeouts are no part of it.
//! It is no process: a sender holds one, and tells it what happened.

/// The congestion window.
///
/// A loss every 1/p segments makes W √p = √(3/2) on average, √(3/4) with delayed acknowledgements; independent losses
/// of every segment with probability p make it larger (`synod reproduce I4`).
#[derive(Clone, Debug, PartialEq)]
pub struct Aimd {
    /// W: in segments.
    window: f64,
    /// b: how many segments one acknowledgement is for.
    segments_per_ack: u32,
    /// Segments acknowledged since the last acknowledgement that counted.
    unacknowledged: u32,
}

impl Aimd {
    /// With this window; `segments_per_ack` is 1, or 2 where acknowledgements are delayed.
    pub fn new(window: f64, segments_per_ack: u32) -> Self {
        Self { window, segments_per_ack: segments_per_ack.max(1), unacknowledged: 0 }
    }

    /// W.
    pub fn window(&self) -> f64 {
        self.window
    }

    /// A segment arrived: the window grows by 1/W an acknowledgement.
    pub fn on_segment(&mut self) {
        self.unacknowledged += 1;
        if self.unacknowledged >= self.segments_per_ack {
            self.unacknowledged = 0;
            self.window += 1.0 / self.window;
        }
    }

    /// Segments of this round trip were lost: the window is halved.
    pub fn on_loss(&mut self) {
        self.window = (self.window / 2.0).max(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_of_segments_makes_it_one_larger_and_a_loss_halves_it() {
        let mut window = Aimd::new(100.0, 1);
        (0..100).for_each(|_| window.on_segment());
        assert!((window.window() - 101.0).abs() < 0.01, "{window:?}");
        window.on_loss();
        assert!((window.window() - 50.5).abs() < 0.01, "{window:?}");
        let mut delayed = Aimd::new(100.0, 2);
        (0..200).for_each(|_| delayed.on_segment());
        assert!((delayed.window() - 101.0).abs() < 0.01, "{delayed:?}");
    }

    #[test]
    fn a_window_has_room_for_a_segment() {
        let mut window = Aimd::new(1.5, 1);
        window.on_loss();
        assert_eq!(window.window().total_cmp(&1.0), std::cmp::Ordering::Equal);
    }
}
