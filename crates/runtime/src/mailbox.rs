//! What waits for a node: bounded, so that who brings it waits instead.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How many commands of clients wait at most; who says more waits.
const COMMANDS_MAX: usize = 256;
/// How often the owner looks again before it sleeps: for less time than it takes to be woken.
const LOOKS: usize = 40;

/// Inputs in the order of their arrival.
pub(crate) struct Mailbox<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
    room: Condvar,
    bytes_max: usize,
}

struct State<T> {
    inputs: VecDeque<T>,
    /// Of the messages among them.
    bytes: usize,
    /// How many of them are commands.
    commands: usize,
    /// Requests are not taken now.
    held: bool,
    closed: bool,
    /// The owner waits for an input; somebody waits for room.
    owner_waits: bool,
    others_wait: bool,
}

impl<T> Mailbox<T> {
    /// One where so many bytes of messages may wait.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let state = State {
            inputs: VecDeque::new(),
            bytes: 0,
            commands: 0,
            held: false,
            closed: false,
            owner_waits: false,
            others_wait: false,
        };
        Self { state: Mutex::new(state), arrived: Condvar::new(), room: Condvar::new(), bytes_max }
    }

    fn locked(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while `full`; then the input is there, unless nobody takes it any more.
    fn put(&self, input: T, full: impl Fn(&State<T>) -> bool, count: impl FnOnce(&mut State<T>)) -> bool {
        let mut state = self.locked();
        while full(&state) && !state.closed {
            state.others_wait = true;
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return false;
        }
        count(&mut state);
        self.push(state, input);
        true
    }

    /// Messages arrive together, each of so many bytes. Waits for room. The owner is woken once they are all there.
    pub(crate) fn messages(&self, inputs: impl IntoIterator<Item = (T, usize)>) -> bool {
        let mut state = self.locked();
        for (input, bytes) in inputs {
            while state.bytes >= self.bytes_max && !state.closed {
                state.others_wait = true;
                self.wake(&mut state);
                state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.closed {
                return false;
            }
            state.bytes += bytes;
            state.inputs.push_back(input);
        }
        self.wake(&mut state);
        true
    }

    fn wake(&self, state: &mut State<T>) {
        if !state.inputs.is_empty() && std::mem::take(&mut state.owner_waits) {
            self.arrived.notify_one();
        }
    }

    /// A message arrives, of so many bytes, if there is room. Whether it was taken; where nobody takes anything any more
    /// it is lost.
    pub(crate) fn offer(&self, input: T, bytes: usize) -> bool {
        let mut state = self.locked();
        if state.closed {
            return true;
        }
        if state.bytes >= self.bytes_max {
            return false;
        }
        state.bytes += bytes;
        self.push(state, input);
        true
    }

    fn push(&self, mut state: MutexGuard<'_, State<T>>, input: T) {
        state.inputs.push_back(input);
        if std::mem::take(&mut state.owner_waits) {
            drop(state);
            self.arrived.notify_one();
        }
    }

    /// Whether nothing has arrived.
    pub(crate) fn is_empty(&self) -> bool {
        self.locked().inputs.is_empty()
    }

    /// How many inputs wait, and how many bytes the messages among them have.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let state = self.locked();
        (state.inputs.len(), state.bytes)
    }

    /// A command arrives. Waits for room; a request waits until requests are taken, too.
    pub(crate) fn command(&self, input: T, is_request: bool) -> bool {
        let full = |state: &State<T>| state.commands >= COMMANDS_MAX || (is_request && state.held);
        self.put(input, full, |state| state.commands += 1)
    }

    /// Something arrives that comes but a few times.
    pub(crate) fn notice(&self, input: T) -> bool {
        self.put(input, |_| false, |_| {})
    }

    /// Whether requests have to wait from now on.
    pub(crate) fn hold_requests(&self, held: bool) {
        let mut state = self.locked();
        let eased = state.held && !held;
        state.held = held;
        if eased && std::mem::take(&mut state.others_wait) {
            self.room.notify_all();
        }
    }

    /// Lets others run for a moment: where much is asked, something arrives before there is need to sleep.
    fn look_out(&self) {
        for _ in 0..LOOKS {
            if !self.is_empty() {
                return;
            }
            thread::yield_now();
        }
    }

    /// All that has arrived; waits for something until the deadline, if there is one.
    pub(crate) fn take(&self, deadline: Option<Instant>) -> VecDeque<T> {
        if deadline.is_none_or(|deadline| deadline > Instant::now()) {
            self.look_out();
        }
        let mut state = self.locked();
        while state.inputs.is_empty() {
            state.owner_waits = true;
            state = match deadline {
                None => self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left == Duration::ZERO {
                        break;
                    }
                    self.arrived.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        state.owner_waits = false;
        (state.bytes, state.commands) = (0, 0);
        if std::mem::take(&mut state.others_wait) {
            self.room.notify_all();
        }
        std::mem::take(&mut state.inputs)
    }

    /// Nothing is taken any more, and nobody waits.
    pub(crate) fn close(&self) {
        self.locked().closed = true;
        self.room.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn who_brings_more_than_there_is_room_for_waits_until_there_is() {
        let mailbox = Arc::new(Mailbox::new(10));
        let bring = {
            let mailbox = Arc::clone(&mailbox);
            move || {
                mailbox.messages((0..50).map(|number| (number, 4)))
                    && mailbox.messages((50..100).map(|number| (number, 4)))
            }
        };
        let bringing = thread::spawn(bring);
        let mut taken = vec![];
        while taken.len() < 100 {
            let some = mailbox.take(None);
            assert!(some.len() <= 3, "12 bytes are the first beyond 10, but {} came", some.len());
            taken.extend(some);
        }
        assert!(bringing.join().unwrap());
        assert!(taken.into_iter().eq(0..100));
    }

    #[test]
    fn requests_that_are_held_wait_and_other_commands_do_not() {
        let mailbox = Arc::new(Mailbox::new(10));
        mailbox.hold_requests(true);
        let bringing = thread::spawn({
            let mailbox = Arc::clone(&mailbox);
            move || mailbox.command("request", true)
        });
        assert!(mailbox.command("status", false));
        assert_eq!(mailbox.take(None), ["status"]);
        mailbox.hold_requests(false);
        assert_eq!(mailbox.take(None), ["request"]);
        assert!(bringing.join().unwrap());
    }

    #[test]
    fn whoever_waits_at_a_closed_one_is_let_go() {
        let mailbox = Arc::new(Mailbox::new(0));
        let bringing = thread::spawn({
            let mailbox = Arc::clone(&mailbox);
            move || mailbox.messages([("never", 1)])
        });
        mailbox.close();
        assert!(!bringing.join().unwrap());
        assert!(mailbox.take(Some(Instant::now())).is_empty());
    }
}
