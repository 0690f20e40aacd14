//! The two halves of a connection, plain or within TLS: one to write without waiting, one to read.

use rustix::net::{RecvFlags, SendFlags};
use rustls::Connection;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many bytes are read at once from a socket below TLS: a few records.
const CIPHER_LENGTH: usize = 64 << 10;

pub(super) fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The state of TLS, shared by both halves.
type Tls = Arc<Mutex<Connection>>;

/// Both halves of a connection.
pub(super) fn halves(tcp: TcpStream, tls: Option<Connection>) -> io::Result<(Reader, Writer)> {
    let tls = tls.map(|connection| Arc::new(Mutex::new(connection)));
    let pace = Pace::Waits;
    let reader = Reader { tcp: tcp.try_clone()?, tls: tls.clone(), pace, cipher: vec![], begin: 0, end: 0 };
    Ok((reader, Writer { tcp, tls, rest: vec![], done: 0 }))
}

/// The half that is written to.
pub(super) struct Writer {
    tcp: TcpStream,
    tls: Option<Tls>,
    /// What was taken, as it goes over the wire, and how much of it the socket has.
    rest: Vec<u8>,
    done: usize,
}

impl Writer {
    /// Takes all of `bytes`; gives the socket what it takes without waiting. Whether that was all: if not, the rest is for
    /// [`Writer::finish`].
    pub(super) fn offer(&mut self, bytes: &[u8]) -> io::Result<bool> {
        if let Some(tls) = &self.tls {
            encrypt(&mut locked(tls), bytes, &mut self.rest)?;
        } else if self.done == self.rest.len() {
            let taken = send_now(&self.tcp, bytes)?;
            if taken == bytes.len() {
                return Ok(true);
            }
            (self.rest, self.done) = (bytes[taken..].to_vec(), 0);
        } else {
            self.rest.extend_from_slice(bytes);
        }
        self.done += send_now(&self.tcp, &self.rest[self.done..])?;
        Ok(self.is_done())
    }

    /// Waits until the socket has taken all.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.tcp.write_all(&self.rest[self.done..])?;
        self.done = self.rest.len();
        self.is_done();
        Ok(())
    }

    /// How many bytes the socket has not taken.
    pub(super) fn backlog(&self) -> usize {
        self.rest.len() - self.done
    }

    fn is_done(&mut self) -> bool {
        let done = self.done == self.rest.len();
        if done {
            self.rest.clear();
            self.done = 0;
        }
        done
    }
}

/// What the socket takes of `bytes` without waiting.
pub(crate) fn send_now(tcp: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    let mut taken = 0;
    while taken < bytes.len() {
        match rustix::net::send(tcp, &bytes[taken..], SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(more) => taken += more,
            Err(rustix::io::Errno::AGAIN) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(taken)
}

/// What the socket has, without waiting for it: [`io::ErrorKind::WouldBlock`] if it has nothing.
pub(crate) fn receive_now(tcp: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match rustix::net::recv(tcp, &mut *buffer, RecvFlags::DONTWAIT) {
            Ok((received, _)) => return Ok(received),
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

fn encrypt(connection: &mut Connection, mut plain: &[u8], cipher: &mut Vec<u8>) -> io::Result<()> {
    while !plain.is_empty() {
        let taken = connection.writer().write(plain)?;
        plain = &plain[taken..];
        while connection.wants_write() {
            connection.write_tls(cipher)?;
        }
    }
    Ok(())
}

/// Whether a reader waits for its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// Until there is something.
    Waits,
    /// Never, and it may ask the socket once more.
    Once,
    /// Never, and it has asked.
    Spent,
}

/// The half that is read from.
pub(super) struct Reader {
    tcp: TcpStream,
    tls: Option<Tls>,
    pace: Pace,
    cipher: Vec<u8>,
    /// What of it is filled and not decrypted.
    begin: usize,
    end: usize,
}

impl Reader {
    /// From now on it does not wait; it asks the socket once, and then not before this is called again.
    pub(super) fn allow(&mut self) {
        self.pace = Pace::Once;
    }
}

impl Pace {
    fn read(&mut self, tcp: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Waits => tcp.read(buffer),
            Self::Once => {
                *self = Self::Spent;
                receive_now(tcp, buffer)
            }
            Self::Spent => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self { tcp, tls, pace, cipher, begin, end } = self;
        let Some(tls) = tls else { return pace.read(tcp, buffer) };
        cipher.resize(CIPHER_LENGTH, 0);
        loop {
            if let Some(plain) = decrypt(&mut locked(tls), &cipher[..*end], begin, buffer)? {
                return Ok(plain);
            }
            (*begin, *end) = (0, pace.read(tcp, cipher)?);
            if *end == 0 {
                return Ok(0);
            }
        }
    }
}

/// Decrypts from `begin` on until there is something for `plain`; `None` if `cipher` is used up before.
fn decrypt(
    connection: &mut Connection,
    cipher: &[u8],
    begin: &mut usize,
    plain: &mut [u8],
) -> io::Result<Option<usize>> {
    loop {
        match connection.reader().read(plain) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            read => return read.map(Some),
        }
        if *begin == cipher.len() {
            return Ok(None);
        }
        *begin += connection.read_tls(&mut &cipher[*begin..])?;
        connection.process_new_packets().map_err(io::Error::other)?;
    }
}
