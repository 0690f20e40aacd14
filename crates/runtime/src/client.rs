//! How clients talk to a node: JSON Lines on the port where the nodes meet.
//!
//! The first line is `{"hello":{"cluster":7}}`; `nc` will do. The node answers with a welcome; then it tells each
//! indication that its incarnation has released and will release, and answers each command.

use crate::clock::Jump;
use crate::link::{Dropped, LinkStatus};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use synod_model::ProcessId;

/// The longest line that a node reads, in bytes.
pub const LINE_LENGTH_MAX: u64 = 16 << 20;

/// What a client says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command<Q> {
    /// First of all: whom it wants to talk to.
    Hello {
        /// The cluster.
        cluster: u64,
    },
    /// A request to the process.
    Request(Q),
    /// Cut the link to a process.
    Cut(ProcessId),
    /// Heal the link to a process.
    Heal(ProcessId),
    /// Set the clock of the node: by a jump, and how fast it goes from then on.
    Clock {
        /// Backwards, or forwards.
        jump: Jump,
        /// How much of its time passes in one second.
        rate: f64,
    },
    /// Tell how the node is.
    Status,
    /// Stop, in order.
    Stop,
}

/// What a node says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply<I> {
    /// To a hello.
    Welcome {
        /// Who speaks.
        process: ProcessId,
        /// Its incarnation.
        incarnation: u64,
    },
    /// To a request: it is handled, and recorded.
    Requested,
    /// The process tells the layer above.
    Indication(I),
    /// So many indications, before those that follow, are not remembered any more: they are in the node's record.
    Forgotten(u64),
    /// The link is cut.
    Cut(ProcessId),
    /// The link is healed.
    Healed {
        /// To whom.
        to: ProcessId,
        /// How many messages had waited.
        held: usize,
    },
    /// The clock is set.
    Clock,
    /// To a question for the status.
    Status(NodeStatus),
    /// The node ends.
    Stopped,
    /// A command that is none.
    Refused(String),
}

/// How a node is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Its incarnation.
    pub incarnation: u64,
    /// How many handlers have run in it.
    pub handlers: u64,
    /// How many writes its process made.
    pub stores: u64,
    /// How often it waited for the disk: less than `stores` where writes shared a sync.
    pub syncs: u64,
    /// Whether its process stopped before, and by its model does not come back: it takes part in nothing.
    #[serde(default)]
    pub outlived: bool,
    /// The links to the others.
    pub links: BTreeMap<ProcessId, LinkStatus>,
    /// What came from those who are no peers, and was dropped.
    #[serde(default)]
    pub strangers: Dropped,
    /// What a peer says of another node that claims to be this one, and that it has refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenged: Option<String>,
}

/// A client's connection to a node.
pub struct Client {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    /// Who is at the other end.
    pub process: ProcessId,
    /// Its incarnation.
    pub incarnation: u64,
}

impl Client {
    /// Connects to the node of `cluster` that listens at `address`.
    pub fn connect(address: SocketAddr, cluster: u64, timeout: Duration) -> io::Result<Self> {
        let mut stream = TcpStream::connect_timeout(&address, timeout)?;
        if stream.local_addr()? == stream.peer_addr()? {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(timeout))?;
        write_line(&mut stream, &Command::<()>::Hello { cluster })?;
        let mut reader = BufReader::new(stream.try_clone()?);
        match read_line::<Reply<serde_json::Value>>(&mut reader)? {
            Some(Reply::Welcome { process, incarnation }) => {
                stream.set_read_timeout(None)?;
                Ok(Self { stream, reader, process, incarnation })
            }
            Some(Reply::Refused(why)) => Err(io::Error::other(why)),
            _ => Err(io::Error::other("no node answers there")),
        }
    }

    /// Sends a command.
    pub fn send<Q: Serialize>(&mut self, command: &Command<Q>) -> io::Result<()> {
        write_line(&mut self.stream, command)
    }

    /// The next reply; `None` when the node has closed the connection.
    pub fn receive<I: for<'de> Deserialize<'de>>(&mut self) -> io::Result<Option<Reply<I>>> {
        read_line(&mut self.reader)
    }

    /// The two directions apart: to read in one thread and to write in another.
    pub fn split(self) -> (TcpStream, BufReader<TcpStream>) {
        (self.stream, self.reader)
    }
}

/// What a client says, until an instant for as long as there is one: however it drips, no read goes on behind it.
pub(crate) struct Timely {
    stream: TcpStream,
    until: Option<Instant>,
}

impl Timely {
    pub(crate) fn new(stream: TcpStream, within: Duration) -> Self {
        Self { stream, until: Instant::now().checked_add(within) }
    }
}

impl Read for Timely {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(until) = self.until {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(Some(left))?;
        }
        self.stream.read(buffer)
    }
}

/// Writes a value as a line.
pub(crate) fn write_line<T: Serialize>(stream: &mut impl Write, value: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    stream.write_all(&line)
}

/// Reads a line and the value in it; `None` at the end. A line that is no such value is `InvalidData`.
pub(crate) fn read_line<T: for<'de> Deserialize<'de>>(stream: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    let mut limited = io::Read::take(stream, LINE_LENGTH_MAX);
    limited.read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    serde_json::from_slice(&line).map(Some).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}
