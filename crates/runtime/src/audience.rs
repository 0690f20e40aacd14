//! The clients of a node: what they are told, and bounds on it.
//!
//! What a client is told leaves in one system call with all else that it was told in the same turn ([`Audience::flush`]), from the node's own
//! thread; what its socket does not take at once leaves when it does.
//!
//! Whoever comes late hears what was indicated before, as far back as a bounded memory goes; the rest is in the node's
//! record. A client that does not read what it is told is hung up once too much waits for it.

use crate::client::{Reply, write_line};
use crate::link::{Next, Sockets, send_now};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How many bytes may wait for a client. Beyond, it is hung up.
const UNREAD_MAX: usize = 32 << 20;
/// How long a client may take nothing of what waits for it before it is hung up.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many bytes of indications are remembered for clients that come late.
const REMEMBERED_MAX: usize = 8 << 20;
/// How long it is waited between two looks whether a client has read all.
const DISMISS_PAUSE: Duration = Duration::from_millis(1);

/// A client, as its node sees it.
pub(crate) enum Listener {
    Remote(Arc<Outlet>),
    /// One in this OS process takes the lines.
    Inside(Box<dyn Fn(&[u8]) + Send>),
}

impl Listener {
    pub(crate) fn tell<I: Serialize>(&self, reply: &Reply<I>) {
        self.tell_line(&line(reply));
    }

    fn tell_line(&self, line: &[u8]) {
        match self {
            Self::Remote(outlet) => outlet.tell(line),
            Self::Inside(take) => take(line),
        }
    }

    fn flush(&self) {
        if let Self::Remote(outlet) = self {
            outlet.flush();
        }
    }
}

/// What a client at the other end of a connection is told.
pub(crate) struct Outlet {
    stream: TcpStream,
    sockets: Arc<Sockets>,
    /// What the socket is known by among these.
    number: OnceLock<u64>,
    unread: Mutex<Unread>,
}

/// What the socket has not taken.
struct Unread {
    bytes: Vec<u8>,
    /// How many of them it has taken.
    taken: usize,
    /// When it last took something, or could have.
    progress: Instant,
}

impl Outlet {
    pub(crate) fn new(stream: TcpStream, sockets: Arc<Sockets>) -> Self {
        let unread = Mutex::new(Unread { bytes: vec![], taken: 0, progress: Instant::now() });
        Self { stream, sockets, number: OnceLock::new(), unread }
    }

    /// What the socket is known by among those that are waited for.
    pub(crate) fn is_at(&self, number: u64) {
        let _ = self.number.set(number);
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    fn unread(&self) -> MutexGuard<'_, Unread> {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it is told leaves with [`Outlet::flush`].
    pub(crate) fn tell(&self, line: &[u8]) {
        let mut unread = self.unread();
        if unread.length() + line.len() > UNREAD_MAX {
            // It does not read.
            self.hang_up();
            return;
        }
        if unread.length() == 0 {
            unread.progress = Instant::now();
        }
        unread.bytes.extend_from_slice(line);
    }

    /// Gives the socket what it takes without waiting. Whether that was all; if not, it leaves when there is room.
    pub(crate) fn flush(&self) -> bool {
        let mut unread = self.unread();
        if unread.length() == 0 {
            return true;
        }
        match send_now(&self.stream, &unread.bytes[unread.taken..]) {
            Ok(taken) => unread.take(taken),
            // whoever reads from it notices
            Err(_) => unread.clear(),
        }
        let is_done = unread.length() == 0;
        if !is_done && unread.progress.elapsed() > PATIENCE {
            self.hang_up();
        }
        drop(unread);
        if let (false, Some(&number)) = (is_done, self.number.get()) {
            self.sockets.wait_for(number, Next::Room);
        }
        is_done
    }

    pub(crate) fn hang_up(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Waits until the socket has taken all, until then at most; hangs up.
    fn finish(&self, until: Option<Instant>) {
        while !self.flush() && until.is_none_or(|until| Instant::now() < until) {
            self.sockets.attend(Some(DISMISS_PAUSE));
        }
        // one that has read all notices that it ends; one that has not is hung up
        self.hang_up();
    }
}

impl Unread {
    fn length(&self) -> usize {
        self.bytes.len() - self.taken
    }

    fn take(&mut self, taken: usize) {
        self.taken += taken;
        if taken > 0 {
            self.progress = Instant::now();
        }
        if self.taken == self.bytes.len() {
            self.clear();
        } else if self.taken > self.bytes.len() / 2 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.taken = 0;
    }
}

/// A reply as a line.
pub(crate) fn line<I: Serialize>(reply: &Reply<I>) -> Vec<u8> {
    let mut line = vec![];
    write_line(&mut line, reply).expect("a reply has a form in JSON");
    line
}

/// All clients, and what they have in common.
#[derive(Default)]
pub(crate) struct Audience {
    listeners: BTreeMap<u64, Listener>,
    /// Who was told something since the last flush; all, if so many that it makes no difference.
    told: Vec<u64>,
    all_told: bool,
    /// What was indicated in this incarnation, the latest of it, as lines.
    indicated: VecDeque<Box<[u8]>>,
    bytes: usize,
    /// How many indications are not remembered any more.
    forgotten: u64,
}

impl Audience {
    pub(crate) fn join(&mut self, client: u64, listener: Listener) {
        if self.forgotten > 0 {
            listener.tell(&Reply::<()>::Forgotten(self.forgotten));
        }
        for line in &self.indicated {
            listener.tell_line(line);
        }
        self.listeners.insert(client, listener);
        self.told.push(client);
    }

    pub(crate) fn leave(&mut self, client: u64) {
        self.listeners.remove(&client);
    }

    pub(crate) fn tell(&mut self, client: u64, reply: &Reply<()>) {
        if let Some(listener) = self.listeners.get(&client) {
            listener.tell(reply);
            self.told.push(client);
        }
    }

    /// What they were told leaves.
    pub(crate) fn flush(&mut self) {
        if std::mem::take(&mut self.all_told) {
            self.listeners.values().for_each(Listener::flush);
            self.told.clear();
        }
        for client in self.told.drain(..) {
            self.listeners.get(&client).into_iter().for_each(Listener::flush);
        }
    }

    pub(crate) fn indicate<I: Serialize>(&mut self, indication: I) -> serde_json::Result<()> {
        let mut line = serde_json::to_vec(&Reply::Indication(indication))?;
        line.push(b'\n');
        let line = line.into_boxed_slice();
        self.tell_all(&line);
        self.bytes += line.len();
        self.indicated.push_back(line);
        while self.bytes > REMEMBERED_MAX
            && let Some(oldest) = self.indicated.pop_front()
        {
            self.bytes -= oldest.len();
            self.forgotten += 1;
        }
        Ok(())
    }

    fn tell_all(&mut self, line: &[u8]) {
        for listener in self.listeners.values() {
            listener.tell_line(line);
        }
        self.all_told = true;
    }

    pub(crate) fn stop(&mut self) {
        self.tell_all(&line(&Reply::<()>::Stopped));
    }

    /// How many clients there are.
    pub(crate) fn count(&self) -> usize {
        self.listeners.len()
    }

    /// Lets the clients read their last lines, until then at most.
    pub(crate) fn dismiss(&mut self, until: Option<Instant>) {
        for listener in std::mem::take(&mut self.listeners).into_values() {
            if let Listener::Remote(outlet) = listener {
                outlet.finish(until);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Next, Source};
    use std::io::Read;
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    fn outlet(audience: &Audience, client: u64) -> &Outlet {
        let Listener::Remote(outlet) = &audience.listeners[&client] else { panic!("it is connected") };
        outlet
    }

    /// Of a client that says nothing.
    struct Silent(Arc<Outlet>);

    impl Source for Silent {
        fn ready(&self) -> Next {
            if self.0.flush() { Next::Arrival } else { Next::Room }
        }

        fn ended(&self) {}
    }

    fn client(sockets: &Arc<Sockets>) -> (Listener, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let near = listener.accept().unwrap().0;
        let outlet = Arc::new(Outlet::new(near.try_clone().unwrap(), Arc::clone(sockets)));
        outlet.is_at(sockets.add(near, Arc::new(Silent(Arc::clone(&outlet)))).unwrap());
        (Listener::Remote(outlet), far)
    }

    fn all_lines(mut stream: TcpStream) -> Vec<String> {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text.lines().map(ToOwned::to_owned).collect()
    }

    #[test]
    fn who_comes_late_hears_the_latest_and_how_much_is_forgotten() {
        let (mut audience, sockets) = (Audience::default(), Arc::new(Sockets::new().unwrap()));
        let long = "x".repeat(REMEMBERED_MAX / 4);
        for number in 0..5 {
            audience.indicate((number, &long)).unwrap();
        }
        let (listener, far) = client(&sockets);
        audience.join(1, listener);
        let hears = thread::spawn(move || all_lines(far));
        audience.indicate((9, "")).unwrap();
        audience.dismiss(None);
        sockets.close();
        let heard = hears.join().unwrap();
        assert_eq!(heard[0], r#"{"forgotten":2}"#);
        assert_eq!(heard.len(), 1 + 3 + 1);
        assert!(heard[1].starts_with(r#"{"indication":[2,"#));
        assert_eq!(heard[4], r#"{"indication":[9,""]}"#);
    }

    #[test]
    fn a_client_that_does_not_read_is_hung_up_and_the_others_hear_on() {
        let (mut audience, sockets) = (Audience::default(), Arc::new(Sockets::new().unwrap()));
        let ((idle, idle_far), (reading, far)) = (client(&sockets), client(&sockets));
        audience.join(1, idle);
        audience.join(2, reading);
        let hears = thread::spawn(move || all_lines(far).len());
        let long = "x".repeat(1 << 20);
        let (mut most, count) = (0, 40);
        for _ in 0..count {
            audience.indicate(&long).unwrap();
            audience.flush();
            while outlet(&audience, 2).unread().length() > 0 {
                sockets.attend(None);
            }
            most = most.max(outlet(&audience, 1).unread().length());
        }
        // on a slow machine its time is over before that is too much
        assert!(most <= UNREAD_MAX && most > 0, "{most} bytes waited");
        assert_eq!(outlet(&audience, 1).unread().length(), 0, "nothing waits for who is hung up");
        audience.dismiss(None);
        sockets.close();
        assert_eq!(hears.join().unwrap(), count);
        drop(idle_far);
    }
}
