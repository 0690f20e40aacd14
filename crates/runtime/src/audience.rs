//! The clients of a node: what they are told, and bounds on it.
//!
//! Whoever comes late hears what was indicated before, as far back as a bounded memory goes; the rest is in the node's
//! record. A client that does not read what it is told is hung up once too much waits for it.

use crate::client::{Reply, write_line};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How many bytes may wait for a client. Beyond, it is hung up.
const UNREAD_MAX: usize = 32 << 20;
/// About how many bytes of lines are written together.
const WRITE_LENGTH: usize = 64 << 10;
/// How many bytes of indications are remembered for clients that come late.
const REMEMBERED_MAX: usize = 8 << 20;
/// How long it is waited between two looks whether a client has read all.
const DISMISS_PAUSE: Duration = Duration::from_millis(1);

/// A client, as its node sees it.
pub(crate) enum Listener {
    Remote(Remote),
    /// One in this OS process takes the lines.
    Inside(Box<dyn Fn(&[u8]) + Send>),
}

/// A client at the other end of a connection.
pub(crate) struct Remote {
    stream: TcpStream,
    lines: Sender<Arc<[u8]>>,
    /// How many bytes wait for it.
    unread: Arc<AtomicUsize>,
    writer: JoinHandle<()>,
}

impl Listener {
    /// A thread writes to it what it is told.
    pub(crate) fn start(stream: TcpStream) -> io::Result<Self> {
        let (lines, waiting) = mpsc::channel();
        let unread = Arc::new(AtomicUsize::new(0));
        let (written, to) = (Arc::clone(&unread), stream.try_clone()?);
        let write = move || write_all(to, &waiting, &written);
        let writer = thread::Builder::new().name("client".to_owned()).spawn(write)?;
        Ok(Self::Remote(Remote { stream, lines, unread, writer }))
    }

    pub(crate) fn tell<I: Serialize>(&self, reply: &Reply<I>) {
        self.tell_line(&line(reply).into());
    }

    fn tell_line(&self, line: &Arc<[u8]>) {
        match self {
            Self::Remote(remote) => remote.tell_line(line),
            Self::Inside(take) => take(line),
        }
    }
}

impl Remote {
    fn tell_line(&self, line: &Arc<[u8]>) {
        let waiting = self.unread.fetch_add(line.len(), Ordering::Relaxed) + line.len();
        if waiting > UNREAD_MAX {
            // It does not read. Its reading thread notices.
            let _ = self.stream.shutdown(Shutdown::Both);
        } else {
            // One that has gone hears nothing.
            let _ = self.lines.send(Arc::clone(line));
        }
    }
}

fn write_all(mut stream: TcpStream, lines: &Receiver<Arc<[u8]>>, unread: &AtomicUsize) {
    let mut together = vec![];
    while let Ok(line) = lines.recv() {
        together.extend_from_slice(&line);
        while together.len() < WRITE_LENGTH
            && let Ok(line) = lines.try_recv()
        {
            together.extend_from_slice(&line);
        }
        if stream.write_all(&together).is_err() {
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
        unread.fetch_sub(together.len(), Ordering::Relaxed);
        together.clear();
    }
}

/// A reply as a line.
pub(crate) fn line<I: Serialize>(reply: &Reply<I>) -> Vec<u8> {
    let mut line = vec![];
    write_line(&mut line, reply).expect("what has no form in JSON was refused by the record before");
    line
}

/// All clients, and what they have in common.
#[derive(Default)]
pub(crate) struct Audience {
    listeners: BTreeMap<u64, Listener>,
    /// What was indicated in this incarnation, the latest of it, as lines.
    indicated: VecDeque<Arc<[u8]>>,
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
    }

    pub(crate) fn leave(&mut self, client: u64) {
        self.listeners.remove(&client);
    }

    pub(crate) fn tell(&self, client: u64, reply: &Reply<()>) {
        if let Some(listener) = self.listeners.get(&client) {
            listener.tell(reply);
        }
    }

    pub(crate) fn indicate<I: Serialize>(&mut self, indication: I) {
        let line: Arc<[u8]> = line(&Reply::Indication(indication)).into();
        self.tell_all(&line);
        self.bytes += line.len();
        self.indicated.push_back(line);
        while self.bytes > REMEMBERED_MAX
            && let Some(oldest) = self.indicated.pop_front()
        {
            self.bytes -= oldest.len();
            self.forgotten += 1;
        }
    }

    fn tell_all(&self, line: &Arc<[u8]>) {
        for listener in self.listeners.values() {
            listener.tell_line(line);
        }
    }

    pub(crate) fn stop(&self) {
        self.tell_all(&line(&Reply::<()>::Stopped).into());
    }

    /// How many clients there are.
    pub(crate) fn count(&self) -> usize {
        self.listeners.len()
    }

    /// Lets the clients read their last lines, until then at most.
    pub(crate) fn dismiss(&mut self, until: Option<Instant>) {
        let mut left = vec![];
        for (_, listener) in std::mem::take(&mut self.listeners) {
            if let Listener::Remote(Remote { stream, writer, .. }) = listener {
                left.push((stream, writer));
            }
        }
        for (stream, writer) in left {
            while !writer.is_finished() && until.is_none_or(|until| Instant::now() < until) {
                thread::sleep(DISMISS_PAUSE);
            }
            // one that has read all notices that it ends; one that has not is hung up
            let _ = stream.shutdown(Shutdown::Both);
            let _ = writer.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unread(audience: &Audience, client: u64) -> usize {
        let Listener::Remote(remote) = &audience.listeners[&client] else { panic!("it is connected") };
        remote.unread.load(Ordering::Relaxed)
    }
    use std::io::Read;
    use std::net::{Ipv4Addr, TcpListener};

    fn client() -> (Listener, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (Listener::start(listener.accept().unwrap().0).unwrap(), far)
    }

    fn all_lines(mut stream: TcpStream) -> Vec<String> {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text.lines().map(ToOwned::to_owned).collect()
    }

    #[test]
    fn who_comes_late_hears_the_latest_and_how_much_is_forgotten() {
        let mut audience = Audience::default();
        let long = "x".repeat(REMEMBERED_MAX / 4);
        for number in 0..5 {
            audience.indicate((number, &long));
        }
        let (listener, far) = client();
        audience.join(1, listener);
        let hears = std::thread::spawn(move || all_lines(far));
        audience.indicate((9, ""));
        audience.dismiss(None);
        let heard = hears.join().unwrap();
        assert_eq!(heard[0], r#"{"forgotten":2}"#);
        assert_eq!(heard.len(), 1 + 3 + 1);
        assert!(heard[1].starts_with(r#"{"indication":[2,"#));
        assert_eq!(heard[4], r#"{"indication":[9,""]}"#);
    }

    #[test]
    fn a_client_that_does_not_read_is_hung_up_and_the_others_hear_on() {
        let mut audience = Audience::default();
        let ((idle, idle_far), (reading, far)) = (client(), client());
        audience.join(1, idle);
        audience.join(2, reading);
        let hears = std::thread::spawn(move || all_lines(far).len());
        let long = "x".repeat(1 << 20);
        // Until the idle one's buffers are full, and more.
        while unread(&audience, 1) <= UNREAD_MAX {
            audience.indicate(&long);
            while unread(&audience, 2) > 4 << 20 {
                std::thread::yield_now();
            }
        }
        let waiting = unread(&audience, 1);
        assert!(waiting <= UNREAD_MAX + (1 << 20) + 64, "{waiting} bytes wait");
        audience.dismiss(None);
        assert!(hears.join().unwrap() > 32);
        drop(idle_far);
    }
}
