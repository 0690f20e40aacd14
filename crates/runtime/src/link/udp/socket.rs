//! Many datagrams in one system call.

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, IoSliceMut, PipeReader, PipeWriter, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// What the kernel may keep for us, in bytes; it may be persuaded of less.
const KERNEL_BUFFER: usize = 8 << 20;
/// The most bytes of one batch of segments.
const BATCH_LENGTH_MAX: usize = 65_000;
/// How many such batches are received at once.
const BUFFERS: usize = if BATCH_SIZE < 8 { BATCH_SIZE } else { 8 };

/// A socket that sends and receives in batches.
#[derive(Debug)]
pub struct Batched {
    socket: UdpSocket,
    state: UdpSocketState,
    wake: PipeWriter,
    segments_max: usize,
}

/// Where a batch is received.
#[derive(Debug)]
pub struct Buffers {
    bytes: Vec<Vec<u8>>,
    meta: [RecvMeta; BUFFERS],
    woken: PipeReader,
}

impl Batched {
    /// On this socket. One thread receives into the buffers.
    pub fn new(socket: UdpSocket) -> io::Result<(Self, Buffers)> {
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        // what the system does not grant it does not grant
        let _ = state.set_send_buffer_size(UdpSockRef::from(&socket), KERNEL_BUFFER);
        let _ = state.set_recv_buffer_size(UdpSockRef::from(&socket), KERNEL_BUFFER);
        let (woken, wake) = io::pipe()?;
        let segments_max = state.max_gso_segments().max(1);
        let bytes = vec![vec![0; 1 << 16]; BUFFERS];
        let buffers = Buffers { bytes, meta: [RecvMeta::default(); BUFFERS], woken };
        Ok((Self { socket, state, wake, segments_max }, buffers))
    }

    /// How many bytes of datagrams of this length go into one call.
    pub fn batch_length(&self, datagram: usize) -> usize {
        (self.segments_max * datagram).min(BATCH_LENGTH_MAX / datagram * datagram)
    }

    /// Sends datagrams, all of this length but the last. What does not leave at once is lost, as a datagram may be.
    pub fn send(&self, to: SocketAddr, bytes: &[u8], datagram: usize) -> io::Result<()> {
        let transmit = |contents, segment_size| {
            let transmit = Transmit { destination: to, ecn: None, contents, segment_size, src_ip: None };
            self.state.try_send(UdpSockRef::from(&self.socket), &transmit)
        };
        match transmit(bytes, Some(datagram)) {
            // the way there cannot take segments together: one by one
            Err(e) if bytes.len() > datagram && e.kind() != io::ErrorKind::WouldBlock => {
                bytes.chunks(datagram).try_for_each(|datagram| transmit(datagram, None))
            }
            sent => sent,
        }
    }

    /// The first of these addresses that this socket can send to.
    pub fn reachable(&self, addresses: &[SocketAddr]) -> Option<SocketAddr> {
        let is_ipv6 = self.socket.local_addr().is_ok_and(|mine| mine.is_ipv6());
        if !is_ipv6 {
            return addresses.iter().copied().find(SocketAddr::is_ipv4);
        }
        addresses.first().map(|address| match address {
            SocketAddr::V4(v4) => SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port())),
            SocketAddr::V6(_) => *address,
        })
    }

    /// Ends the wait of the thread that receives.
    pub fn wake(&self) {
        // once a change that it waits for: the pipe is never full
        let _ = (&self.wake).write(&[0]);
    }

    /// Waits for datagrams, for being woken, or for so long. Each datagram goes to `take`.
    pub fn receive(
        &self,
        buffers: &mut Buffers,
        patience: Option<Duration>,
        mut take: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        let Buffers { bytes, meta, woken } = buffers;
        let mut slices: [IoSliceMut<'_>; BUFFERS] = {
            let mut all = bytes.iter_mut();
            std::array::from_fn(|_| IoSliceMut::new(all.next().expect("as many as slots")))
        };
        let mut received = self.state.recv(UdpSockRef::from(&self.socket), &mut slices, meta);
        if is_empty(&received) {
            self.wait(woken, patience)?;
            received = self.state.recv(UdpSockRef::from(&self.socket), &mut slices, meta);
        }
        // an error is also what an earlier datagram met on its way: nobody listens there
        let batches = received.unwrap_or_default();
        for (slice, meta) in slices.iter().zip(&*meta).take(batches) {
            match &slice[..meta.len] {
                [] => take(&[]),
                datagrams => datagrams.chunks(meta.stride.max(1)).for_each(&mut take),
            }
        }
        Ok(())
    }

    fn wait(&self, woken: &mut PipeReader, patience: Option<Duration>) -> io::Result<()> {
        let patience = patience.map(|patience| Timespec {
            tv_sec: patience.as_secs().cast_signed(),
            tv_nsec: i64::from(patience.subsec_nanos()),
        });
        let mut ready = [PollFd::new(&self.socket, PollFlags::IN), PollFd::new(&*woken, PollFlags::IN)];
        match poll(&mut ready, patience.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
        if ready[1].revents().contains(PollFlags::IN) {
            let _ = woken.read(&mut [0; 64])?;
        }
        Ok(())
    }
}

fn is_empty(received: &io::Result<usize>) -> bool {
    received.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock)
}
