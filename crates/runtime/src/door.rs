//! The way into a node: what its links bring, and what its clients say.
//!
//! A client says hello to a thread of its own; then its socket is one of those for which the node waits ([`Sockets`]), and what it says
//! is read by the thread that heeds it.

use crate::audience::{Listener, Outlet};
use crate::client::{Command, LINE_LENGTH_MAX, Reply, Timely, read_line, write_line};
use crate::link::logged::Packet;
use crate::link::{Inbox, Next, Rejected, Sockets, Source, receive_now};
use crate::mailbox::Mailbox;
use crate::record::EffectName;
use crate::wire::Wire;
use std::io::{self, BufReader};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use synod_model::{Process, ProcessId};

/// How long a client may take to read why it is refused.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(2);
/// How much is read at once of what a client says.
const READ_LENGTH: usize = 64 << 10;

/// What happens to a node, from outside of the thread that owns it.
pub(crate) enum Input<P: Process> {
    Message(ProcessId, EffectName, P::Message),
    /// A message over logged links.
    Numbered {
        from: ProcessId,
        outbox: u64,
        number: u64,
        name: EffectName,
        message: P::Message,
    },
    /// An acknowledgement over logged links.
    Taken {
        from: ProcessId,
        outbox: u64,
        number: u64,
    },
    Joined(u64, Listener),
    Left(u64),
    Command(u64, Command<P::Request>),
    Garbage(u64, String),
    Impostor(String),
    Challenged(String),
    /// It ends in order: it is told to, or its parent is gone.
    Stop,
    /// The log has been synced: it turns.
    Synced,
    /// Its service has something to ask: it turns.
    Service,
    /// Operators want to know how it is: it turns.
    Asked,
    /// It ends at once, as if its OS process had been killed.
    Killed,
}

/// What a packet of logged links brings.
pub(crate) fn packet<P: Process>(wire: &Wire, from: ProcessId, packet: &[u8]) -> Result<Input<P>, Rejected> {
    Ok(match Packet::parse(packet)? {
        Packet::Taken { outbox, number } => Input::Taken { from, outbox, number },
        Packet::Message { outbox, number, payload } => {
            let (name, message) = wire.decode(&payload)?;
            Input::Numbered { from, outbox, number, name, message }
        }
    })
}

/// The way from the links' threads to the node's.
pub(crate) struct Door<P: Process> {
    pub(crate) inputs: Arc<Mailbox<Input<P>>>,
    pub(crate) wire: Arc<Wire>,
    /// What arrives are packets of logged links.
    pub(crate) is_logged: bool,
    pub(crate) cluster: u64,
    pub(crate) me: ProcessId,
    pub(crate) incarnation: u64,
    /// How long a client may take to say its first line.
    pub(crate) hello_within: Duration,
    pub(crate) clients_max: usize,
    pub(crate) clients: Arc<AtomicUsize>,
    pub(crate) joined: AtomicU64,
}

impl<P: Process> Inbox for Door<P> {
    fn sockets(&self) -> Option<Arc<Sockets>> {
        self.inputs.sockets().cloned()
    }

    fn deliver(&self, from: ProcessId, payload: &[u8]) -> Result<(), Rejected> {
        let input = self.read(from, payload)?;
        // Nobody takes it once the node has ended: it is lost with the node.
        self.inputs.messages([(input, payload.len())]);
        Ok(())
    }

    fn deliver_all(
        &self,
        from: ProcessId,
        payloads: &mut dyn Iterator<Item = &[u8]>,
        rejected: &mut dyn FnMut(&Rejected),
    ) {
        let read = |payload: &[u8]| {
            let input = self.read(from, payload).inspect_err(&mut *rejected).ok()?;
            Some((input, payload.len()))
        };
        let inputs: Vec<_> = payloads.filter_map(read).collect();
        self.inputs.messages(inputs);
    }

    fn offer(&self, from: ProcessId, payload: &[u8]) -> Result<bool, Rejected> {
        Ok(self.inputs.offer(self.read(from, payload)?, payload.len()))
    }

    fn impostor(&self, why: &str) {
        self.inputs.notice(Input::Impostor(why.to_owned()));
    }

    fn challenged(&self, why: &str) {
        self.inputs.notice(Input::Challenged(why.to_owned()));
    }

    fn client(&self, stream: TcpStream) {
        let seat = Seat::take(&self.clients);
        // A client that breaks off is no trouble of ours.
        let _ = if seat.others < self.clients_max { self.serve(stream, seat) } else { self.refuse(stream) };
    }
}

impl<P: Process> Door<P> {
    fn read(&self, from: ProcessId, payload: &[u8]) -> Result<Input<P>, Rejected> {
        if self.is_logged {
            return packet(&self.wire, from, payload);
        }
        let (name, message) = self.wire.decode(payload)?;
        Ok(Input::Message(from, name, message))
    }

    fn refuse(&self, mut stream: TcpStream) -> io::Result<()> {
        let why = format!("too many connections: {} clients are served at once", self.clients_max);
        stream.set_write_timeout(Some(CLIENT_TIMEOUT))?;
        write_line(&mut stream, &Reply::<()>::Refused(why))
    }

    /// A client's hello. What it says then is read by the node.
    fn serve(&self, mut stream: TcpStream, seat: Seat) -> io::Result<()> {
        let sockets = self.inputs.sockets().ok_or(io::ErrorKind::Unsupported)?;
        let mut reader = BufReader::new(Timely::new(stream.try_clone()?, self.hello_within));
        stream.set_write_timeout(Some(CLIENT_TIMEOUT))?;
        let refusal = match read_line::<Command<P::Request>>(&mut reader) {
            Ok(Some(Command::Hello { cluster })) if cluster == self.cluster => None,
            Ok(Some(Command::Hello { .. })) => Some("this is a node of another cluster".to_owned()),
            Ok(_) => Some("the first line must be a hello".to_owned()),
            Err(e) => Some(format!("the first line must be a hello: {e}")),
        };
        if let Some(why) = refusal {
            return write_line(&mut stream, &Reply::<()>::Refused(why));
        }
        let client = self.joined.fetch_add(1, Ordering::Relaxed);
        let to_wait_for = stream.try_clone()?;
        let outlet = Arc::new(Outlet::new(stream, Arc::clone(sockets)));
        let listener = Listener::Remote(Arc::clone(&outlet));
        listener.tell(&Reply::<()>::Welcome { process: self.me, incarnation: self.incarnation });
        outlet.flush();
        self.inputs.notice(Input::Joined(client, listener));
        let said = Mutex::new(Said { bytes: reader.buffer().to_vec(), begin: 0, searched: 0 });
        let inputs = Arc::clone(&self.inputs);
        let conversation = Conversation { client, outlet: Arc::clone(&outlet), inputs, said, _seat: seat };
        outlet.is_at(sockets.add(to_wait_for, Arc::new(conversation))?);
        Ok(())
    }
}

/// One of those for clients, as long as it is taken.
struct Seat {
    taken: Arc<AtomicUsize>,
    /// How many others were.
    others: usize,
}

impl Seat {
    fn take(taken: &Arc<AtomicUsize>) -> Self {
        Self { taken: Arc::clone(taken), others: taken.fetch_add(1, Ordering::SeqCst) }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A client after its hello.
struct Conversation<P: Process> {
    client: u64,
    outlet: Arc<Outlet>,
    inputs: Arc<Mailbox<Input<P>>>,
    said: Mutex<Said>,
    _seat: Seat,
}

/// What a client has said and was not heeded.
struct Said {
    bytes: Vec<u8>,
    /// Where the next line begins, and up to where its end was looked for.
    begin: usize,
    searched: usize,
}

impl Said {
    /// The next line, if all of it is there. It is there again until it is [passed](Said::pass).
    fn line(&mut self) -> Option<&[u8]> {
        let end = self.bytes[self.searched..].iter().position(|&byte| byte == b'\n');
        self.searched = end.map_or(self.bytes.len(), |end| self.searched + end);
        end.map(|_| &self.bytes[self.begin..=self.searched])
    }

    fn pass(&mut self) {
        self.searched += 1;
        self.begin = self.searched;
    }

    /// Reads what there is, once. Whether the client may say more.
    fn read(&mut self, stream: &TcpStream) -> bool {
        self.bytes.drain(..self.begin);
        (self.begin, self.searched) = (0, self.searched - self.begin);
        let before = self.bytes.len();
        self.bytes.resize(before + READ_LENGTH, 0);
        let received = receive_now(stream, &mut self.bytes[before..]);
        self.bytes.truncate(before + received.as_ref().map_or(0, |&received| received));
        match received {
            Ok(received) => received > 0 && self.bytes.len() as u64 <= LINE_LENGTH_MAX + READ_LENGTH as u64,
            Err(e) => e.kind() == io::ErrorKind::WouldBlock,
        }
    }
}

impl<P: Process> Conversation<P> {
    /// Brings the node what was said, line by line. Whether that is all: where it takes no requests, the first of them waits.
    fn bring(&self, said: &mut Said) -> bool {
        while let Some(line) = said.line() {
            let input = match read_line(&mut &*line) {
                Ok(Some(Command::Request(_))) if self.inputs.holds_requests() => return false,
                Ok(Some(command)) => Input::Command(self.client, command),
                Ok(None) => unreachable!("a line is not empty"),
                Err(e) => Input::Garbage(self.client, e.to_string()),
            };
            // Nobody takes it once the node has ended.
            self.inputs.notice(input);
            said.pass();
        }
        true
    }
}

impl<P: Process> Source for Conversation<P> {
    fn ready(&self) -> Next {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.bring(&mut said) {
            return Next::Nothing;
        }
        if !said.read(self.outlet.stream()) {
            return Next::End;
        }
        if !self.bring(&mut said) {
            return Next::Nothing;
        }
        if self.outlet.flush() { Next::Arrival } else { Next::Room }
    }

    fn ended(&self) {
        self.outlet.hang_up();
        self.inputs.notice(Input::Left(self.client));
    }
}
