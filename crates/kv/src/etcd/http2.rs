//! HTTP/2 (RFC 9113) as a server of gRPC needs it: frames come in, calls and their messages go on; what is answered leaves as far as
//! the client has room. Without sockets, and bounded: by the windows it is granted, and by what one message may have.

mod hpack;
mod tables;

use hpack::Decoder;
use std::collections::{BTreeMap, VecDeque};
use thiserror::Error;

/// What a client says first of all.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long a message may be: etcd's limit of a request, and what surrounds it.
const MESSAGE_LENGTH_MAX: usize = (3 << 19) + (64 << 10);
/// How many bytes of messages that are not whole a client may have.
const UNFINISHED_LENGTH_MAX: usize = 32 << 20;
/// How many calls it may have at once.
const STREAMS_MAX: usize = 4096;
/// How long its headers may be, of one call.
const HEADERS_LENGTH_MAX: usize = 16 << 10;
const FRAME_LENGTH_MAX: usize = 16 << 10;
const FRAME_HEAD: usize = 9;
/// The first windows of a connection and of a stream, by the standard.
const WINDOW: i64 = 65_535;
/// How much a client may send without being told that it was read, in a stream and in all: more than a message.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
/// After how much it is told.
const TELL_AFTER: u32 = 512 << 10;
const WINDOW_MAX: i64 = (1 << 31) - 1;

mod kind {
    pub(super) const DATA: u8 = 0;
    pub(super) const HEADERS: u8 = 1;
    pub(super) const RESET: u8 = 3;
    pub(super) const SETTINGS: u8 = 4;
    pub(super) const PUSH: u8 = 5;
    pub(super) const PING: u8 = 6;
    pub(super) const GOAWAY: u8 = 7;
    pub(super) const WINDOW: u8 = 8;
    pub(super) const CONTINUATION: u8 = 9;
}

mod flag {
    pub(super) const ACK: u8 = 1;
    pub(super) const END_STREAM: u8 = 1;
    pub(super) const END_HEADERS: u8 = 4;
    pub(super) const PADDED: u8 = 8;
    pub(super) const PRIORITY: u8 = 0x20;
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Fault {
    #[error("no HTTP/2")]
    Protocol,
    #[error("a window is too wide")]
    Window,
    #[error("a frame is too long")]
    FrameSize,
    #[error("headers that cannot be read")]
    Compression,
    #[error("too much at once")]
    TooMuch,
}

impl Fault {
    fn code(self) -> u32 {
        match self {
            Self::Protocol => 1,
            Self::Window => 3,
            Self::FrameSize => 6,
            Self::Compression => 9,
            Self::TooMuch => 11,
        }
    }
}

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It calls.
    Call { stream: u32, path: String, token: Option<String> },
    /// A message of a call.
    Message { stream: u32, bytes: Vec<u8> },
    /// A message that is too long, or compressed: the call comes to nothing.
    Unreadable { stream: u32 },
    /// It says no more in this call.
    End { stream: u32 },
    /// The call is over.
    Reset { stream: u32 },
}

/// A call.
#[derive(Clone, Debug, Default)]
struct Stream {
    /// What has come of a message that is not whole.
    unfinished: Vec<u8>,
    /// What was read of it, and the client was not told.
    read: u32,
    /// The client says no more.
    has_ended: bool,
    /// How much it may be sent.
    window: i64,
    is_begun: bool,
    /// What waits to be sent, from this byte on.
    waiting: VecDeque<u8>,
    /// The end of the answer.
    trailers: Option<Vec<u8>>,
    is_queued: bool,
}

/// A connection.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    input: Vec<u8>,
    headers: Decoder,
    /// Headers that go on in the next frame: of which stream, with which flags.
    unfinished: Option<(u32, u8, Vec<u8>)>,
    streams: BTreeMap<u32, Stream>,
    last_stream: u32,
    /// How long what is not whole is, of all streams.
    unfinished_length: usize,
    read: u32,
    window: i64,
    stream_window: i64,
    /// Streams with something to send.
    queue: VecDeque<u32>,
    waiting: usize,
    out: Vec<u8>,
}

impl Connection {
    /// A connection whose client has said its preface.
    pub(crate) fn new() -> Self {
        let mut this = Self {
            input: vec![],
            headers: Decoder::default(),
            unfinished: None,
            streams: BTreeMap::new(),
            last_stream: 0,
            unfinished_length: 0,
            read: 0,
            window: WINDOW,
            stream_window: WINDOW,
            queue: VecDeque::new(),
            waiting: 0,
            out: vec![],
        };
        let settings = [(3_u16, STREAMS_MAX as u32), (4, STREAM_WINDOW), (6, HEADERS_LENGTH_MAX as u32)];
        let settings = settings.map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat());
        this.frame(kind::SETTINGS, 0, 0, &settings.concat());
        this.widen(0, CONNECTION_WINDOW - WINDOW as u32);
        this
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.out.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
        self.out.extend_from_slice(&[kind, flags]);
        self.out.extend_from_slice(&stream.to_be_bytes());
        self.out.extend_from_slice(payload);
    }

    fn widen(&mut self, stream: u32, by: u32) {
        self.frame(kind::WINDOW, 0, stream, &by.to_be_bytes());
    }

    /// The client says this.
    pub(crate) fn take(&mut self, bytes: &[u8], heard: &mut Vec<Heard>) -> Result<(), Fault> {
        let mut input = std::mem::take(&mut self.input);
        input.extend_from_slice(bytes);
        let mut rest = &input[..];
        let result = self.take_frames(&mut rest, heard);
        if let Err(fault) = result {
            let last = self.last_stream.to_be_bytes();
            self.frame(kind::GOAWAY, 0, 0, &[last, fault.code().to_be_bytes()].concat());
            return Err(fault);
        }
        let taken = input.len() - rest.len();
        input.drain(..taken);
        self.input = input;
        Ok(())
    }

    fn take_frames(&mut self, rest: &mut &[u8], heard: &mut Vec<Heard>) -> Result<(), Fault> {
        while let Some((head, behind)) = rest.split_first_chunk::<FRAME_HEAD>() {
            let &[a, b, c, kind, flags, s0, s1, s2, s3] = head;
            let length = u32::from_be_bytes([0, a, b, c]) as usize;
            if length > FRAME_LENGTH_MAX {
                return Err(Fault::FrameSize);
            }
            let Some((payload, behind)) = behind.split_at_checked(length) else { break };
            *rest = behind;
            let stream = u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]);
            self.take_frame(kind, flags, stream, payload, heard)?;
        }
        Ok(())
    }

    fn take_frame(
        &mut self,
        kind: u8,
        flags: u8,
        stream: u32,
        payload: &[u8],
        heard: &mut Vec<Heard>,
    ) -> Result<(), Fault> {
        if self.unfinished.is_some() && kind != kind::CONTINUATION {
            return Err(Fault::Protocol);
        }
        let of_connection = matches!(kind, kind::SETTINGS | kind::PING | kind::GOAWAY);
        if kind <= kind::CONTINUATION && kind != kind::WINDOW && of_connection != (stream == 0) {
            return Err(Fault::Protocol);
        }
        match kind {
            kind::DATA => self.data(flags, stream, payload, heard),
            kind::HEADERS => self.headers(flags, stream, payload, heard),
            kind::CONTINUATION => self.continuation(flags, stream, payload, heard),
            kind::RESET => {
                if self.forget(stream) {
                    heard.push(Heard::Reset { stream });
                }
                Ok(())
            }
            kind::SETTINGS => self.settings(flags, payload),
            kind::PING if payload.len() != 8 => Err(Fault::FrameSize),
            kind::PING => {
                if flags & flag::ACK == 0 {
                    self.frame(kind::PING, flag::ACK, 0, payload);
                }
                Ok(())
            }
            kind::WINDOW => self.wider(stream, payload),
            kind::PUSH => Err(Fault::Protocol),
            // what a client wishes of priorities and later frames is not heeded
            _ => Ok(()),
        }
    }

    /// The stream is no more. Whether it was there.
    fn forget(&mut self, stream: u32) -> bool {
        let Some(gone) = self.streams.remove(&stream) else { return false };
        self.unfinished_length -= gone.unfinished.len();
        self.waiting -= gone.waiting.len();
        true
    }

    fn settings(&mut self, flags: u8, payload: &[u8]) -> Result<(), Fault> {
        const INITIAL_WINDOW: u16 = 4;
        if flags & flag::ACK != 0 {
            return Ok(());
        }
        let (settings, []) = payload.as_chunks::<6>() else { return Err(Fault::FrameSize) };
        for &[id0, id1, v0, v1, v2, v3] in settings {
            if u16::from_be_bytes([id0, id1]) == INITIAL_WINDOW {
                let window = i64::from(u32::from_be_bytes([v0, v1, v2, v3]));
                if window > WINDOW_MAX {
                    return Err(Fault::Window);
                }
                let by = window - std::mem::replace(&mut self.stream_window, window);
                self.streams.values_mut().for_each(|stream| stream.window += by);
            }
        }
        self.frame(kind::SETTINGS, flag::ACK, 0, &[]);
        Ok(())
    }

    fn wider(&mut self, stream: u32, payload: &[u8]) -> Result<(), Fault> {
        let by = u32::from_be_bytes(payload.try_into().map_err(|_| Fault::FrameSize)?) & 0x7fff_ffff;
        let window = match self.streams.get_mut(&stream) {
            _ if stream == 0 => &mut self.window,
            Some(stream) => &mut stream.window,
            None => return Ok(()),
        };
        *window += i64::from(by);
        if *window > WINDOW_MAX { Err(Fault::Window) } else { Ok(()) }
    }

    fn headers(
        &mut self,
        flags: u8,
        stream: u32,
        payload: &[u8],
        heard: &mut Vec<Heard>,
    ) -> Result<(), Fault> {
        const PRIORITY_LENGTH: usize = 5;
        let payload = unpadded(flags, payload)?;
        let skipped = if flags & flag::PRIORITY == 0 { 0 } else { PRIORITY_LENGTH };
        let block = payload.get(skipped..).ok_or(Fault::FrameSize)?;
        if flags & flag::END_HEADERS == 0 {
            self.unfinished = Some((stream, flags, block.to_vec()));
            return Ok(());
        }
        self.call(flags, stream, block, heard)
    }

    fn continuation(
        &mut self,
        flags: u8,
        stream: u32,
        payload: &[u8],
        heard: &mut Vec<Heard>,
    ) -> Result<(), Fault> {
        let Some((of, first, mut block)) = self.unfinished.take() else { return Err(Fault::Protocol) };
        block.extend_from_slice(payload);
        if of != stream {
            return Err(Fault::Protocol);
        }
        if block.len() > HEADERS_LENGTH_MAX {
            return Err(Fault::TooMuch);
        }
        if flags & flag::END_HEADERS == 0 {
            self.unfinished = Some((of, first, block));
            return Ok(());
        }
        self.call(first, stream, &block, heard)
    }

    /// The headers of a call, or those behind its messages, which say nothing.
    fn call(&mut self, flags: u8, stream: u32, block: &[u8], heard: &mut Vec<Heard>) -> Result<(), Fault> {
        let (mut path, mut token) = (String::new(), None);
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let take = |name: &[u8], value: &[u8]| match name {
            b":path" => path = text(value),
            b"token" => token = Some(text(value)),
            _ => {}
        };
        self.headers.decode(block, HEADERS_LENGTH_MAX, take).map_err(|_| Fault::Compression)?;
        if stream > self.last_stream {
            if stream.is_multiple_of(2) {
                return Err(Fault::Protocol);
            }
            self.last_stream = stream;
            if self.streams.len() >= STREAMS_MAX {
                self.reset(stream, 7);
                return Ok(());
            }
            self.streams.insert(stream, Stream { window: self.stream_window, ..Stream::default() });
            heard.push(Heard::Call { stream, path, token });
        }
        if flags & flag::END_STREAM != 0 {
            self.ended(stream, heard);
        }
        Ok(())
    }

    fn ended(&mut self, stream: u32, heard: &mut Vec<Heard>) {
        if let Some(open) = self.streams.get_mut(&stream) {
            open.has_ended = true;
            heard.push(Heard::End { stream });
        }
    }

    fn reset(&mut self, stream: u32, code: u32) {
        self.frame(kind::RESET, 0, stream, &code.to_be_bytes());
    }

    fn data(&mut self, flags: u8, stream: u32, payload: &[u8], heard: &mut Vec<Heard>) -> Result<(), Fault> {
        let length = payload.len() as u32;
        let payload = unpadded(flags, payload)?;
        if stream > self.last_stream {
            return Err(Fault::Protocol);
        }
        self.read += length;
        if self.read >= TELL_AFTER {
            let read = std::mem::take(&mut self.read);
            self.widen(0, read);
        }
        // of a call that is over, what was under way still comes
        let Some(open) = self.streams.get_mut(&stream) else { return Ok(()) };
        let before = open.unfinished.len();
        open.unfinished.extend_from_slice(payload);
        open.read += length;
        let tells = open.read >= TELL_AFTER && flags & flag::END_STREAM == 0;
        let read = if tells { std::mem::take(&mut open.read) } else { 0 };
        messages(stream, &mut open.unfinished, heard);
        self.unfinished_length = self.unfinished_length + open.unfinished.len() - before;
        if self.unfinished_length > UNFINISHED_LENGTH_MAX {
            return Err(Fault::TooMuch);
        }
        if read > 0 {
            self.widen(stream, read);
        }
        if flags & flag::END_STREAM != 0 {
            self.ended(stream, heard);
        }
        Ok(())
    }

    /// How many bytes wait until the client has room for them.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// A message of the answer.
    pub(crate) fn tell(&mut self, stream: u32, message: &[u8]) {
        let Some(open) = self.streams.get_mut(&stream) else { return };
        open.waiting.push_back(0);
        open.waiting.extend((message.len() as u32).to_be_bytes());
        open.waiting.extend(message);
        self.waiting += message.len() + 5;
        self.enqueue(stream);
    }

    /// The end of the answer.
    pub(crate) fn end(&mut self, stream: u32, code: u8, why: &str) {
        let Some(open) = self.streams.get_mut(&stream) else { return };
        open.trailers.get_or_insert_with(|| {
            let mut trailers = vec![];
            hpack::literal("grpc-status", &code.to_string(), &mut trailers);
            if !why.is_empty() {
                hpack::literal("grpc-message", why, &mut trailers);
            }
            trailers
        });
        self.enqueue(stream);
    }

    fn enqueue(&mut self, stream: u32) {
        if let Some(open) = self.streams.get_mut(&stream)
            && !std::mem::replace(&mut open.is_queued, true)
        {
            self.queue.push_back(stream);
        }
    }

    /// What is to be sent now.
    pub(crate) fn out(&mut self) -> Vec<u8> {
        for _ in 0..self.queue.len() {
            let Some(stream) = self.queue.pop_front() else { break };
            let Some(mut open) = self.streams.remove(&stream) else { continue };
            open.is_queued = self.send(stream, &mut open);
            if open.is_queued {
                self.queue.push_back(stream);
            }
            let (is_over, has_ended) = (open.trailers.is_some() && !open.is_queued, open.has_ended);
            self.streams.insert(stream, open);
            if is_over {
                self.forget(stream);
            }
            if is_over && !has_ended {
                self.reset(stream, 0);
            }
        }
        std::mem::take(&mut self.out)
    }

    /// Sends what there is room for. Whether there is more.
    fn send(&mut self, stream: u32, open: &mut Stream) -> bool {
        const STATUS_200: u8 = 0x88;
        if !open.is_begun {
            open.is_begun = true;
            let mut headers = vec![STATUS_200];
            hpack::literal("content-type", "application/grpc", &mut headers);
            // an answer without a message is told by its headers alone
            if let Some(trailers) = open.trailers.as_ref().filter(|_| open.waiting.is_empty()) {
                headers.extend_from_slice(trailers);
                self.frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &headers);
                return false;
            }
            self.frame(kind::HEADERS, flag::END_HEADERS, stream, &headers);
        }
        while !open.waiting.is_empty() {
            let room = usize::try_from(self.window.min(open.window)).unwrap_or(0);
            let length = room.min(FRAME_LENGTH_MAX).min(open.waiting.len());
            if length == 0 {
                return true;
            }
            for window in [&mut self.window, &mut open.window] {
                *window = window.saturating_sub_unsigned(length as u64);
            }
            self.waiting -= length;
            let bytes: Vec<_> = open.waiting.drain(..length).collect();
            self.frame(kind::DATA, 0, stream, &bytes);
        }
        if let Some(trailers) = &open.trailers {
            self.frame(kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, trailers);
        }
        false
    }
}

fn unpadded(flags: u8, payload: &[u8]) -> Result<&[u8], Fault> {
    if flags & flag::PADDED == 0 {
        return Ok(payload);
    }
    let (&padding, rest) = payload.split_first().ok_or(Fault::FrameSize)?;
    let length = rest.len().checked_sub(padding.into()).ok_or(Fault::Protocol)?;
    Ok(&rest[..length])
}

/// The messages that are whole.
fn messages(stream: u32, bytes: &mut Vec<u8>, heard: &mut Vec<Heard>) {
    let mut rest = &bytes[..];
    while let Some((&[compressed, l0, l1, l2, l3], behind)) = rest.split_first_chunk::<5>() {
        let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        if compressed != 0 || length > MESSAGE_LENGTH_MAX {
            heard.push(Heard::Unreadable { stream });
            rest = &[];
            break;
        }
        let Some((message, behind)) = behind.split_at_checked(length) else { break };
        heard.push(Heard::Message { stream, bytes: message.to_vec() });
        rest = behind;
    }
    let taken = bytes.len() - rest.len();
    bytes.drain(..taken);
}
