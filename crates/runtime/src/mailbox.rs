//! What waits for a node: bounded, so that who brings it waits instead.
//!
//! The owner of a mailbox may wait for sockets besides ([`Sockets`]): then it brings itself what they bring. It reads them only
//! when nothing waits, and each of them once: so much waits at most of what it brings.

use crate::courtesy::Courtesy;
use crate::link::{LOOKS, Sockets};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// Inputs in the order of their arrival.
pub(crate) struct Mailbox<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
    room: Condvar,
    bytes_max: usize,
    /// What the owner waits for besides.
    sockets: Option<Arc<Sockets>>,
    /// Requests are not taken now.
    held: AtomicBool,
    courtesy: Courtesy,
}

struct State<T> {
    inputs: VecDeque<T>,
    /// Of the messages among them.
    bytes: usize,
    closed: bool,
    /// Who takes them, once it has.
    owner: Option<ThreadId>,
    /// The owner waits for an input; somebody waits for room.
    owner_waits: bool,
    others_wait: bool,
}

impl<T> Mailbox<T> {
    /// One where so many bytes of messages may wait.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self::beside(bytes_max, None)
    }

    /// The same, of one who waits for sockets, too.
    pub(crate) fn beside(bytes_max: usize, sockets: Option<Arc<Sockets>>) -> Self {
        let state = State {
            inputs: VecDeque::new(),
            bytes: 0,
            closed: false,
            owner: None,
            owner_waits: false,
            others_wait: false,
        };
        let (arrived, room) = (Condvar::new(), Condvar::new());
        let (held, courtesy) = (AtomicBool::new(false), Courtesy::default());
        Self { state: Mutex::new(state), arrived, room, bytes_max, sockets, held, courtesy }
    }

    fn locked(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the owner waits for besides.
    pub(crate) fn sockets(&self) -> Option<&Arc<Sockets>> {
        self.sockets.as_ref()
    }

    /// Messages arrive together, each of so many bytes. Waits for room, unless it is the owner who brings them. The owner is
    /// woken once they are all there.
    pub(crate) fn messages(&self, inputs: impl IntoIterator<Item = (T, usize)>) -> bool {
        let mut state = self.locked();
        let is_own = state.owner == Some(thread::current().id());
        for (input, bytes) in inputs {
            while state.bytes >= self.bytes_max && !state.closed && !is_own {
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
            self.notify();
        }
    }

    fn notify(&self) {
        match &self.sockets {
            Some(sockets) => sockets.nudge(),
            None => self.arrived.notify_one(),
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
            self.notify();
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

    /// Something arrives of which its bringer has but a few. Whether somebody takes it.
    pub(crate) fn notice(&self, input: T) -> bool {
        let state = self.locked();
        let is_open = !state.closed;
        if is_open {
            self.push(state, input);
        }
        is_open
    }

    /// Whether requests have to wait from now on.
    pub(crate) fn hold_requests(&self, held: bool) {
        // the owner alone asks, and says so
        let eased = self.holds_requests() && !held;
        self.held.store(held, Ordering::Relaxed);
        if let (true, Some(sockets)) = (eased, &self.sockets) {
            sockets.resume();
        }
    }

    /// Whether they have to wait now.
    pub(crate) fn holds_requests(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    /// All that has arrived; waits for something until the deadline, if there is one. What sockets bring is read first.
    pub(crate) fn take(&self, deadline: Option<Instant>) -> VecDeque<T> {
        // who knows its owner does not make it wait for itself
        self.locked().owner.get_or_insert_with(|| thread::current().id());
        let mut looks = LOOKS;
        self.look();
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if !self.is_empty() || left == Some(Duration::ZERO) {
                break;
            }
            // where much is asked, something arrives before there is need to sleep
            if looks > 0 && self.courtesy.lets_others_run() {
                looks -= 1;
                self.look();
            } else {
                self.sleep(left);
            }
        }
        let mut state = self.locked();
        state.bytes = 0;
        if std::mem::take(&mut state.others_wait) {
            self.room.notify_all();
        }
        std::mem::take(&mut state.inputs)
    }

    /// Waits so long, or a little less, while what comes is taken from its sockets.
    pub(crate) fn wait(&self, pause: Duration) {
        match &self.sockets {
            Some(sockets) => _ = sockets.attend(Some(pause)),
            None => thread::sleep(pause),
        }
    }

    /// Reads what sockets have brought.
    fn look(&self) {
        if let Some(sockets) = &self.sockets {
            sockets.attend(Some(Duration::ZERO));
        }
    }

    /// Sleeps until something arrives or a socket brings something; so long at most.
    fn sleep(&self, patience: Option<Duration>) {
        let mut state = self.locked();
        if !state.inputs.is_empty() {
            return;
        }
        state.owner_waits = true;
        if let Some(sockets) = &self.sockets {
            drop(state);
            sockets.attend(patience);
            state = self.locked();
        } else if let Some(patience) = patience {
            state = self.arrived.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0;
        } else {
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.owner_waits = false;
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
    fn the_owner_never_waits_for_itself() {
        let mailbox = Mailbox::new(10);
        assert!(mailbox.take(Some(Instant::now())).is_empty());
        assert!(mailbox.messages((0..5).map(|number| (number, 9))));
        assert_eq!(mailbox.take(None), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn one_who_waits_for_sockets_is_woken_by_what_others_bring() {
        let mailbox = Arc::new(Mailbox::beside(10, Some(Arc::new(Sockets::new().unwrap()))));
        let bringing = thread::spawn({
            let mailbox = Arc::clone(&mailbox);
            move || (0..100).all(|number| mailbox.notice(number))
        });
        let mut taken = vec![];
        while taken.len() < 100 {
            taken.extend(mailbox.take(None));
        }
        assert!(bringing.join().unwrap() && taken.into_iter().eq(0..100));
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
