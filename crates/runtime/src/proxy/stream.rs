//! Streams under way: a connection that one process made to another, and its two directions.

use super::engine::Chance;
use super::{State, Way};
use rustix::event::PollFlags;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Instant;

/// How many bytes are read at once: a piece, which is late or lost as a whole.
const PIECE: usize = 64 << 10;
/// How many pieces are read before the others have their turn.
const TURN: usize = 8;
/// How many bytes are under way at most: beyond it the sender has to wait.
const QUEUED_MAX: usize = 4 << 20;

/// The connection has come to its end, in order or not.
pub(super) struct Over;

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    /// Who made it, to whom.
    way: Way,
    /// The end of whoever made it.
    pub(super) near: TcpStream,
    pub(super) far: TcpStream,
    connecting: bool,
    forward: Flow,
    backward: Flow,
}

/// One direction of it.
#[derive(Debug, Default)]
struct Flow {
    pieces: VecDeque<Piece>,
    queued: usize,
    /// The receiver takes no more for now.
    blocked: bool,
    /// Something was seen to wait at a cut.
    waits: bool,
    /// The sender has said its last, and the receiver was told.
    ended: bool,
    told: bool,
}

#[derive(Debug)]
struct Piece {
    due: Instant,
    bytes: Vec<u8>,
    written: usize,
}

impl Connection {
    /// One that `way.0` has made, passed on to where `way.1` listens.
    pub(super) fn open(way: Way, near: TcpStream, target: SocketAddr) -> io::Result<Self> {
        near.set_nonblocking(true)?;
        near.set_nodelay(true)?;
        let (far, connecting) = dial(target)?;
        far.set_nodelay(true)?;
        let (forward, backward) = (Flow::default(), Flow::default());
        Ok(Self { way, near, far, connecting, forward, backward })
    }

    fn back(&self) -> Way {
        (self.way.1, self.way.0)
    }

    /// What is worth knowing of the two ends.
    pub(super) fn interest(&self, state: &State) -> (PollFlags, PollFlags) {
        let (forward, backward) = (state.rule(self.way).held, state.rule(self.back()).held);
        let mut near = self.forward.reading(forward) | self.backward.writing(backward);
        let mut far = self.backward.reading(backward) | self.forward.writing(forward);
        if self.connecting {
            (near, far) = (near & PollFlags::RDHUP, PollFlags::OUT);
        }
        (near, far)
    }

    /// When the next piece is due.
    pub(super) fn due(&self, state: &State) -> Option<Instant> {
        let forward = self.forward.due().filter(|_| !state.rule(self.way).held);
        let backward = self.backward.due().filter(|_| !state.rule(self.back()).held);
        forward.into_iter().chain(backward).min()
    }

    /// The end of whoever made it is ready.
    pub(super) fn near_ready(
        &mut self,
        flags: PollFlags,
        now: Instant,
        state: &mut State,
        chance: &mut Chance,
    ) -> Result<(), Over> {
        self.backward.blocked &= !flags.intersects(PollFlags::OUT);
        self.forward.receive(&mut self.near, self.way, flags, now, state, chance)
    }

    /// The other end is.
    pub(super) fn far_ready(
        &mut self,
        flags: PollFlags,
        now: Instant,
        state: &mut State,
        chance: &mut Chance,
    ) -> Result<(), Over> {
        if self.connecting {
            self.connecting = false;
            return match self.far.take_error() {
                Ok(None) => Ok(()),
                _ => Err(Over),
            };
        }
        self.forward.blocked &= !flags.intersects(PollFlags::OUT);
        let back = self.back();
        self.backward.receive(&mut self.far, back, flags, now, state, chance)
    }

    /// Passes on what is due.
    pub(super) fn advance(&mut self, now: Instant, state: &mut State) -> Result<(), Over> {
        if self.connecting {
            return Ok(());
        }
        let back = self.back();
        self.forward.pass(&mut self.far, self.way, now, state)?;
        self.backward.pass(&mut self.near, back, now, state)?;
        if self.forward.told && self.backward.told { Err(Over) } else { Ok(()) }
    }
}

/// Begins a connection, and does not wait for it. Whether it is still being made.
fn dial(target: SocketAddr) -> io::Result<(TcpStream, bool)> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
    let family = if target.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    let connecting = match connect(&socket, &target) {
        Ok(()) => false,
        Err(rustix::io::Errno::INPROGRESS) => true,
        Err(e) => return Err(e.into()),
    };
    Ok((TcpStream::from(socket), connecting))
}

impl Flow {
    /// What its sender's end is watched for.
    fn reading(&self, held: bool) -> PollFlags {
        if self.ended {
            PollFlags::empty()
        } else if held {
            // a sender that hangs up at a cut is noticed, for no connection is to be left over; what it sends is seen once
            if self.waits { PollFlags::RDHUP } else { PollFlags::IN | PollFlags::RDHUP }
        } else if self.queued < QUEUED_MAX {
            PollFlags::IN
        } else {
            PollFlags::empty()
        }
    }

    /// What its receiver's end is watched for.
    fn writing(&self, held: bool) -> PollFlags {
        if self.blocked && !held { PollFlags::OUT } else { PollFlags::empty() }
    }

    fn due(&self) -> Option<Instant> {
        self.pieces.front().map(|piece| piece.due).filter(|_| !self.blocked)
    }

    fn receive(
        &mut self,
        stream: &mut TcpStream,
        way: Way,
        flags: PollFlags,
        now: Instant,
        state: &mut State,
        chance: &mut Chance,
    ) -> Result<(), Over> {
        let rule = state.rule(way);
        if rule.held {
            if !self.waits && flags.intersects(PollFlags::IN) {
                self.waits = true;
                state.passed(way).met_cut += 1;
            }
            let hung_up = flags.intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR);
            return if hung_up { Err(Over) } else { Ok(()) };
        }
        self.waits = false;
        if self.ended || !flags.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
            return Ok(());
        }
        let mut buffer = vec![0; PIECE];
        for _ in 0..TURN {
            match stream.read(&mut buffer) {
                Ok(0) => {
                    self.ended = true;
                    return Ok(());
                }
                Ok(length) => {
                    if chance.strikes(rule.loss) {
                        state.passed(way).broken += 1;
                        return Err(Over);
                    }
                    // in order, whatever is drawn
                    let due = (now + chance.late(&rule)).max(self.pieces.back().map_or(now, |last| last.due));
                    self.queued += length;
                    self.pieces.push_back(Piece { due, bytes: buffer[..length].to_vec(), written: 0 });
                    if length < PIECE || self.queued >= QUEUED_MAX {
                        return Ok(());
                    }
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(_) => return Err(Over),
            }
        }
        Ok(())
    }

    fn pass(
        &mut self,
        stream: &mut TcpStream,
        way: Way,
        now: Instant,
        state: &mut State,
    ) -> Result<(), Over> {
        if state.rule(way).held {
            return Ok(());
        }
        while !self.blocked
            && let Some(piece) = self.pieces.front_mut().filter(|piece| piece.due <= now)
        {
            match stream.write(&piece.bytes[piece.written..]) {
                Ok(length) => {
                    piece.written += length;
                    self.queued -= length;
                    state.passed(way).bytes += length as u64;
                    if piece.written == piece.bytes.len() {
                        self.pieces.pop_front();
                    }
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => self.blocked = true,
                Err(_) => return Err(Over),
            }
        }
        if self.ended && !self.told && self.pieces.is_empty() {
            self.told = true;
            return stream.shutdown(Shutdown::Write).map_err(|_| Over);
        }
        Ok(())
    }
}
