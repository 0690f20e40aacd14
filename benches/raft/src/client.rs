//! A client with one request at a time: gRPC over HTTP/2 (no more of either than etcd's KV takes), or RESP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    Etcd,
    Resp,
}

pub struct Client {
    stream: BufReader<TcpStream>,
    api: Api,
    /// The next stream of HTTP/2.
    next: u32,
}

mod frame {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RESET: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW: u8 = 8;
    /// Of data and headers: the last; of settings and pings: the answer.
    pub const END: u8 = 1;
    pub const END_HEADERS: u8 = 4;
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u32;
    [&length.to_be_bytes()[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header that is not kept in any table (RFC 7541, 6.2.2).
fn header(name: &str, value: &str) -> Vec<u8> {
    [&[0, name.len() as u8], name.as_bytes(), &[value.len() as u8], value.as_bytes()].concat()
}

/// A field of bytes (Protocol Buffers, wire type 2).
fn field(number: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(number << 3 | 2);
    let mut length = bytes.len();
    while length >= 128 {
        out.push(length as u8 | 128);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
}

/// The first number of a field in a message.
fn number(field: u64, message: &[u8]) -> Option<u64> {
    let mut rest = message;
    let varint = |rest: &mut &[u8]| {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, after) = rest.split_first()?;
            *rest = after;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Some(value);
            }
        }
        None
    };
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        match tag & 7 {
            0 => {
                let value = varint(&mut rest)?;
                if tag >> 3 == field {
                    return Some(value);
                }
            }
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                rest = rest.get(length..)?;
            }
            _ => return None,
        }
    }
    None
}

/// The member that a header of etcd's (the first field of an answer) tells of.
fn member(answer: &[u8]) -> Option<u64> {
    let length = usize::from(*answer.get(1)?);
    number(2, answer.get(2..2 + length)?)
}

impl Client {
    pub fn connect(address: &str, api: Api) -> Result<Self, String> {
        let told = |e: std::io::Error| format!("{address}: {e}");
        let stream = TcpStream::connect(address).map_err(told)?;
        stream.set_nodelay(true).and_then(|()| stream.set_read_timeout(Some(TIMEOUT))).map_err(told)?;
        let mut this = Self { stream: BufReader::new(stream), api, next: 1 };
        if api == Api::Etcd {
            this.say(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")?;
            // windows so wide that nobody waits for them
            this.say(&frame(frame::SETTINGS, 0, 0, &[0, 4, 0x10, 0, 0, 0]))?;
            this.say(&frame(frame::WINDOW, 0, 0, &(1_u32 << 30).to_be_bytes()))?;
        }
        Ok(this)
    }

    /// Gives up on an answer after this.
    pub fn is_patient_for(&mut self, timeout: Duration) -> Result<(), String> {
        self.stream.get_ref().set_read_timeout(Some(timeout)).map_err(|e| e.to_string())
    }

    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        match self.api {
            Api::Resp => self.ask(&[b"SET", key, value]),
            Api::Etcd => {
                let mut message = vec![];
                field(1, key, &mut message);
                field(2, value, &mut message);
                self.call("/etcdserverpb.KV/Put", &message).map(drop)
            }
        }
    }

    pub fn get(&mut self, key: &[u8]) -> Result<(), String> {
        match self.api {
            Api::Resp => self.ask(&[b"GET", key]),
            Api::Etcd => {
                let mut message = vec![];
                field(1, key, &mut message);
                self.call("/etcdserverpb.KV/Range", &message).map(drop)
            }
        }
    }

    /// Whether the node that is asked leads.
    pub fn leads(&mut self) -> Result<bool, String> {
        let answer = self.call("/etcdserverpb.Maintenance/Status", &[])?;
        let leader = number(4, &answer);
        Ok(leader.is_some() && leader == member(&answer))
    }

    fn say(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.stream.get_mut().write_all(bytes).map_err(|e| e.to_string())
    }

    fn hear(&mut self, length: usize) -> Result<Vec<u8>, String> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).map_err(|e| e.to_string())?;
        Ok(bytes)
    }

    /// A call with one message each way.
    fn call(&mut self, path: &str, message: &[u8]) -> Result<Vec<u8>, String> {
        let stream = self.next;
        self.next += 2;
        let headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "bench"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ];
        let headers: Vec<u8> = headers.iter().flat_map(|(name, value)| header(name, value)).collect();
        let data = [&[0], &(message.len() as u32).to_be_bytes()[..], message].concat();
        let mut all = frame(frame::HEADERS, frame::END_HEADERS, stream, &headers);
        all.extend(frame(frame::DATA, frame::END, stream, &data));
        self.say(&all)?;
        let mut answer = vec![];
        loop {
            let head = self.hear(9)?;
            let payload = self.hear(u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize)?;
            let ends = head[4] & frame::END != 0;
            match head[3] {
                frame::DATA => answer.extend(payload),
                frame::HEADERS if ends && answer.len() < 5 => {
                    return Err(format!("{path}: an error is the answer"));
                }
                frame::HEADERS if ends => return Ok(answer.split_off(5)),
                frame::SETTINGS if !ends => self.say(&frame(frame::SETTINGS, frame::END, 0, &[]))?,
                frame::PING if !ends => self.say(&frame(frame::PING, frame::END, 0, &payload))?,
                frame::RESET | frame::GOAWAY => return Err(format!("{path}: the call was ended")),
                _ => {}
            }
        }
    }

    /// A command whose reply is a line or a string.
    fn ask(&mut self, words: &[&[u8]]) -> Result<(), String> {
        let mut text = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            text.extend(format!("${}\r\n", word.len()).into_bytes());
            text.extend_from_slice(word);
            text.extend(b"\r\n");
        }
        self.say(&text)?;
        let mut line = String::new();
        self.stream.read_line(&mut line).map_err(|e| e.to_string())?;
        match line.split_at_checked(1) {
            Some(("$", length)) => match length.trim_end().parse::<i64>() {
                Ok(length) if length >= 0 => self.hear(length as usize + 2).map(drop),
                _ => Ok(()),
            },
            Some(("+" | ":", _)) => Ok(()),
            _ => Err(format!("{} is the answer", line.trim_end())),
        }
    }
}
