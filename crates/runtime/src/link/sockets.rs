//! The sockets that one thread waits for: what arrives on them is read, handled and answered by that thread, without
//! being handed to another.
//!
//! A socket comes with its [`Source`], which is called when there is something to read, or room to write. A source never waits;
//! it reads once a call, so that none keeps the others from their turn, and what is left shows at the next look.
//! Whoever else has something for that thread nudges it.

use super::stream::locked;
use crate::courtesy::Courtesy;
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the nudge is known by among the sockets.
const NUDGE: u64 = 0;
/// How many sockets are told of in one look; the others come with the next.
const EVENTS_MAX: usize = 64;
/// How often one who waits looks again before it sleeps: for less time than it takes to be woken.
pub(crate) const LOOKS: usize = 40;
/// How long after it has asked for that a source is called again.
pub(crate) const LATER: Duration = Duration::from_millis(10);

/// What is to be done with what a socket brings.
pub(crate) trait Source: Send + Sync {
    /// There may be something to read, or room to write, or the connection has ended. Called by the thread that waits for
    /// the sockets, and by no other.
    fn ready(&self) -> Next;

    /// Nobody waits for the socket any more: it ended, or all of them are let go.
    fn ended(&self);
}

/// What a socket is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Until it brings something.
    Arrival,
    /// Until it brings something, or until [`LATER`] has passed.
    ArrivalOrLater,
    /// Until it brings or takes something.
    Room,
    /// Until it takes something: what it brings is left there.
    RoomAlone,
    /// Not until [`Sockets::resume`], or until it is waited for again.
    Nothing,
    /// It has ended.
    End,
}

/// A set of sockets, and a nudge.
pub struct Sockets {
    epoll: OwnedFd,
    nudge: OwnedFd,
    entries: Mutex<BTreeMap<u64, Entry>>,
    next: AtomicU64,
    /// Who is to be called though their sockets say nothing.
    due: Mutex<Vec<u64>>,
    is_due: AtomicBool,
    /// Who is to be called when, in that order.
    later: Mutex<VecDeque<(Instant, u64)>>,
    /// Who waits for [`Sockets::resume`].
    paused: Mutex<Vec<u64>>,
    courtesy: Courtesy,
    closed: AtomicBool,
}

struct Entry {
    stream: TcpStream,
    source: Arc<dyn Source>,
    waits_for: Next,
}

fn flags(next: Next) -> epoll::EventFlags {
    match next {
        Next::Room => epoll::EventFlags::IN | epoll::EventFlags::OUT,
        Next::RoomAlone => epoll::EventFlags::OUT,
        _ => epoll::EventFlags::IN,
    }
}

impl Sockets {
    /// None yet.
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let nudge = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &nudge, epoll::EventData::new_u64(NUDGE), epoll::EventFlags::IN)?;
        Ok(Self {
            epoll,
            nudge,
            entries: Mutex::default(),
            next: AtomicU64::new(NUDGE + 1),
            due: Mutex::default(),
            is_due: AtomicBool::new(false),
            later: Mutex::default(),
            paused: Mutex::default(),
            courtesy: Courtesy::default(),
            closed: AtomicBool::new(false),
        })
    }

    /// A socket is waited for from now on. Its source is called once in any case: what was read before may be with it.
    pub(crate) fn add(&self, stream: TcpStream, source: Arc<dyn Source>) -> io::Result<u64> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut entries = locked(&self.entries);
        if self.is_closed() {
            return Err(io::ErrorKind::NotConnected.into());
        }
        epoll::add(&self.epoll, &stream, epoll::EventData::new_u64(number), flags(Next::Arrival))?;
        entries.insert(number, Entry { stream, source, waits_for: Next::Arrival });
        drop(entries);
        self.call([number]);
        Ok(number)
    }

    /// A socket is waited for no longer.
    pub(crate) fn remove(&self, number: u64) {
        let entry = locked(&self.entries).remove(&number);
        if let Some(Entry { stream, source, .. }) = entry {
            let _ = epoll::delete(&self.epoll, &stream);
            source.ended();
        }
    }

    /// All sockets are let go, and none is taken any more.
    pub(crate) fn close(&self) {
        let mut entries = locked(&self.entries);
        self.closed.store(true, Ordering::SeqCst);
        let all = std::mem::take(&mut *entries);
        drop(entries);
        for Entry { stream, source, .. } in all.into_values() {
            let _ = epoll::delete(&self.epoll, &stream);
            source.ended();
        }
        self.nudge();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Who has paused goes on.
    pub(crate) fn resume(&self) {
        let paused = std::mem::take(&mut *locked(&self.paused));
        if !paused.is_empty() {
            self.call(paused);
        }
    }

    /// Has sources called, whether their sockets bring something or not.
    pub(crate) fn call(&self, numbers: impl IntoIterator<Item = u64>) {
        locked(&self.due).extend(numbers);
        self.is_due.store(true, Ordering::SeqCst);
        self.nudge();
    }

    /// The thread that waits comes back.
    pub(crate) fn nudge(&self) {
        // where it is full it is heard anyway
        let _ = rustix::io::write(&self.nudge, &1_u64.to_ne_bytes());
    }

    /// Calls the sources of all sockets that bring something; waits so long for the first of them, or for a nudge. Whether there
    /// was anything.
    pub(crate) fn attend(&self, patience: Option<Duration>) -> bool {
        let none = epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(NUDGE) };
        let mut events = [none; EVENTS_MAX];
        let patience = self.until_later().into_iter().chain(patience).min();
        let patience = patience.map(|patience| Timespec::try_from(patience).unwrap_or(LONG));
        // an interrupted wait has brought nothing
        let told = epoll::wait(&self.epoll, &mut events, patience.as_ref()).unwrap_or(0);
        for event in &events[..told] {
            match event.data.u64() {
                NUDGE => _ = rustix::io::read(&self.nudge, &mut [0; 8]),
                number => self.turn(number),
            }
        }
        while let Some(number) = self.next_of_later() {
            self.turn(number);
        }
        if self.is_due.load(Ordering::Relaxed) {
            self.is_due.store(false, Ordering::SeqCst);
            let due = std::mem::take(&mut *locked(&self.due));
            for number in due {
                self.turn(number);
            }
        }
        told > 0
    }

    /// As [`Sockets::attend`], until something comes. Where much does, it is there before there is need to sleep.
    pub(crate) fn look_out(&self) {
        for _ in 0..LOOKS {
            if self.attend(Some(Duration::ZERO)) {
                return;
            }
            if !self.courtesy.lets_others_run() {
                break;
            }
        }
        self.attend(None);
    }

    /// How long it takes until somebody is to be called.
    fn until_later(&self) -> Option<Duration> {
        let at = locked(&self.later).front()?.0;
        Some(at.saturating_duration_since(Instant::now()))
    }

    /// Who is to be called now.
    fn next_of_later(&self) -> Option<u64> {
        let mut later = locked(&self.later);
        later.pop_front_if(|(at, _)| *at <= Instant::now()).map(|(_, number)| number)
    }

    /// The turn of one of them.
    fn turn(&self, number: u64) {
        let source = locked(&self.entries).get(&number).map(|entry| Arc::clone(&entry.source));
        let Some(source) = source else { return };
        match source.ready() {
            Next::End => self.remove(number),
            Next::ArrivalOrLater => {
                locked(&self.later).push_back((Instant::now() + LATER, number));
                self.wait_for(number, Next::Arrival);
            }
            next => self.wait_for(number, next),
        }
    }

    /// Changes what a socket is waited for.
    pub(crate) fn wait_for(&self, number: u64, next: Next) {
        let mut entries = locked(&self.entries);
        let Some(entry) = entries.get_mut(&number) else { return };
        let before = std::mem::replace(&mut entry.waits_for, next);
        if before == next {
            return;
        }
        let (data, stream) = (epoll::EventData::new_u64(number), &entry.stream);
        let changed = match (before, next) {
            // its end is told of as long as it is in the set
            (_, Next::Nothing) => epoll::delete(&self.epoll, stream),
            (Next::Nothing, _) => epoll::add(&self.epoll, stream, data, flags(next)),
            _ => epoll::modify(&self.epoll, stream, data, flags(next)),
        };
        drop(entries);
        match (before, next) {
            (_, Next::Nothing) => locked(&self.paused).push(number),
            (Next::Nothing, _) => locked(&self.paused).retain(|&paused| paused != number),
            _ => {}
        }
        if changed.is_err() {
            self.remove(number);
        }
    }
}

/// In place of a patience that is longer than the system has numbers for.
const LONG: Timespec = Timespec { tv_sec: 1 << 30, tv_nsec: 0 };

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::{Ipv4Addr, TcpListener};
    use std::sync::atomic::AtomicUsize;

    /// Says each time what is next, and counts.
    struct Scripted {
        stream: TcpStream,
        script: Mutex<VecDeque<Next>>,
        called: AtomicUsize,
        ended: AtomicBool,
    }

    impl Source for Scripted {
        fn ready(&self) -> Next {
            self.called.fetch_add(1, Ordering::SeqCst);
            let _ = super::super::receive_now(&self.stream, &mut [0; 8]);
            locked(&self.script).pop_front().unwrap_or(Next::Arrival)
        }

        fn ended(&self) {
            self.ended.store(true, Ordering::SeqCst);
        }
    }

    impl Scripted {
        fn called(&self) -> usize {
            self.called.load(Ordering::SeqCst)
        }
    }

    /// A socket that is waited for, and its other end.
    fn scripted(sockets: &Sockets, script: impl Into<VecDeque<Next>>) -> (Arc<Scripted>, u64, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let near = listener.accept().unwrap().0;
        let source = Arc::new(Scripted {
            stream: near.try_clone().unwrap(),
            script: Mutex::new(script.into()),
            called: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        });
        let number = sockets.add(near, Arc::clone(&source) as Arc<dyn Source>).unwrap();
        (source, number, far)
    }

    fn attend_until(sockets: &Sockets, done: impl Fn() -> bool) {
        while !done() {
            sockets.attend(None);
        }
    }

    #[test]
    fn a_source_is_called_once_at_first_and_whenever_its_socket_brings_something() {
        let sockets = Sockets::new().unwrap();
        let (source, _, mut far) = scripted(&sockets, [Next::Arrival, Next::Arrival, Next::End]);
        attend_until(&sockets, || source.called() == 1);
        far.write_all(b"x").unwrap();
        attend_until(&sockets, || source.called() == 2);
        assert!(!source.ended.load(Ordering::SeqCst));
        far.write_all(b"x").unwrap();
        attend_until(&sockets, || source.ended.load(Ordering::SeqCst));
        assert_eq!(source.called(), 3);
    }

    #[test]
    fn one_that_pauses_is_not_called_before_it_is_resumed() {
        let sockets = Sockets::new().unwrap();
        let (paused, _, mut far) = scripted(&sockets, [Next::Nothing]);
        let (other, _, mut other_far) = scripted(&sockets, []);
        attend_until(&sockets, || paused.called() == 1 && other.called() == 1);
        far.write_all(b"x").unwrap();
        for round in 2..5 {
            other_far.write_all(b"x").unwrap();
            attend_until(&sockets, || other.called() == round);
        }
        assert_eq!(paused.called(), 1);
        sockets.resume();
        attend_until(&sockets, || paused.called() == 2);
        far.write_all(b"x").unwrap();
        attend_until(&sockets, || paused.called() == 3);
    }

    #[test]
    fn one_that_is_waited_for_again_is_no_longer_paused() {
        let sockets = Sockets::new().unwrap();
        let (source, number, mut far) = scripted(&sockets, [Next::Nothing]);
        attend_until(&sockets, || source.called() == 1);
        assert_eq!(*locked(&sockets.paused), [number]);
        far.write_all(b"x").unwrap();
        sockets.wait_for(number, Next::Arrival);
        attend_until(&sockets, || source.called() == 2);
        assert!(locked(&sockets.paused).is_empty());
    }

    #[test]
    fn one_that_asks_for_it_is_called_later_though_nothing_comes() {
        let sockets = Sockets::new().unwrap();
        let (source, _, _far) = scripted(&sockets, [Next::ArrivalOrLater]);
        attend_until(&sockets, || source.called() == 2);
    }

    #[test]
    fn one_that_waits_for_room_is_called_when_there_is_some() {
        let sockets = Sockets::new().unwrap();
        let (source, number, _far) = scripted(&sockets, []);
        attend_until(&sockets, || source.called() == 1);
        sockets.wait_for(number, Next::Room);
        attend_until(&sockets, || source.called() == 2);
    }

    #[test]
    fn whoever_is_let_go_hears_of_it_and_nobody_comes_behind() {
        let sockets = Sockets::new().unwrap();
        let (source, _, far) = scripted(&sockets, []);
        sockets.close();
        assert!(source.ended.load(Ordering::SeqCst));
        assert!(sockets.add(far, source).is_err());
    }
}
