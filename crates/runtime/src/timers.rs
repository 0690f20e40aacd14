//! The timers of a node, by its clock.

use std::collections::BTreeMap;
use std::time::Duration;

/// Which timers are set, and when each is due.
#[derive(Debug)]
pub(crate) struct Timers<T> {
    due: BTreeMap<T, Duration>,
}

impl<T: Ord + Clone> Timers<T> {
    /// None is set.
    pub(crate) fn new() -> Self {
        Self { due: BTreeMap::new() }
    }

    /// Sets a timer; one equal to it is replaced.
    pub(crate) fn set(&mut self, timer: T, now: Duration, after: Duration) {
        // A duration beyond the end of time is never.
        match now.checked_add(after) {
            Some(due) => self.due.insert(timer, due),
            None => self.due.remove(&timer),
        };
    }

    /// Cancels a timer.
    pub(crate) fn cancel(&mut self, timer: &T) {
        self.due.remove(timer);
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.due.values().min().copied()
    }

    /// The timers that are due, the earliest first.
    pub(crate) fn due_at(&mut self, now: Duration) -> Vec<T> {
        let mut due: Vec<_> = self
            .due
            .iter()
            .filter(|&(_, &due)| due <= now)
            .map(|(timer, &due)| (due, timer.clone()))
            .collect();
        due.sort();
        due.into_iter().map(|(_, timer)| timer).collect()
    }

    /// Whether a timer that was due still is: a handler in between may have cancelled it or set it anew.
    pub(crate) fn fire(&mut self, timer: &T, now: Duration) -> bool {
        let still = self.due.get(timer).is_some_and(|&due| due <= now);
        if still {
            self.due.remove(timer);
        }
        still
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_order_and_once_unless_cancelled_or_set_anew() {
        let (start, ms) = (Duration::from_secs(1), Duration::from_millis);
        let mut timers = Timers::new();
        for (timer, after) in [('c', 3), ('a', 9), ('b', 1), ('d', 2), ('e', 2)] {
            timers.set(timer, start, ms(after));
        }
        timers.set('a', start, ms(2));
        timers.set('z', start, Duration::MAX);
        assert_eq!(timers.next(), Some(start + ms(1)));
        assert_eq!(timers.due_at(start + ms(2)), ['b', 'a', 'd', 'e']);
        timers.cancel(&'d');
        timers.set('e', start + ms(2), ms(5));
        let fired: Vec<_> =
            ['b', 'a', 'd', 'e'].into_iter().filter(|t| timers.fire(t, start + ms(2))).collect();
        assert_eq!(fired, ['b', 'a']);
        assert_eq!(timers.next(), Some(start + ms(3)));
        assert_eq!(timers.due_at(start + ms(60)), ['c', 'e']);
    }
}
