//! Writes a trace, line by line.

use super::{Broken, Chosen, End, EndLine, Header, Line, shown};
use crate::choice::Choice;
use crate::seat::SeatId;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use synod_model::Process;

/// So many bytes are handed on at once.
const CHUNK: usize = 1 << 16;

/// Writes a trace, line by line, and keeps none of what it wrote. If something cannot be written, the rest is left out, and the
/// end says so: a run need not look after every line.
#[derive(Debug)]
pub struct Writer<W = Vec<u8>> {
    to: W,
    /// What is not handed on yet.
    chunk: Vec<u8>,
    /// Of what was handed on.
    digest: Sha256,
    bytes: u64,
    steps: u64,
    failed: Option<io::Error>,
    terse: bool,
}

fn written(to: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(to, value).expect("a trace is plain data");
}

/// A trace that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written<W> {
    /// Where it went.
    pub to: W,
    /// Its [`name`](super::name).
    pub name: String,
    /// How many steps it has.
    pub steps: u64,
    /// How many bytes it has.
    pub bytes: u64,
}

impl Writer {
    /// A trace with this header, in memory.
    pub fn new(header: &Header) -> Self {
        Self::to(header, Vec::new())
    }

    /// The end: the whole trace.
    pub fn finish(self, violation: Option<Broken>) -> String {
        let written = self.close(violation).expect("memory takes whatever is written");
        String::from_utf8(written.to).expect("JSON is text")
    }
}

impl<W: Write> Writer<W> {
    /// A trace with this header, that goes there in large pieces.
    pub fn to(header: &Header, to: W) -> Self {
        let (chunk, digest) = (Vec::with_capacity(CHUNK + CHUNK / 8), Sha256::new());
        let mut writer = Self { to, chunk, digest, bytes: 0, steps: 0, failed: None, terse: header.terse };
        writer.line(header);
        writer
    }

    fn line(&mut self, value: &impl Serialize) {
        written(&mut self.chunk, value);
        self.chunk.push(b'\n');
        self.hand_on_if_full();
    }

    fn hand_on_if_full(&mut self) {
        if self.chunk.len() >= CHUNK {
            self.hand_on();
        }
    }

    fn hand_on(&mut self) {
        self.digest.update(&self.chunk);
        self.bytes += self.chunk.len() as u64;
        if self.failed.is_none() {
            self.failed = self.to.write_all(&self.chunk).err();
        }
        self.chunk.clear();
    }

    /// The next step.
    pub fn step<P: Process>(&mut self, line: &Line<P>) {
        self.line(line);
        self.steps += 1;
    }

    /// The next step, as the header has it: what was chosen alone where the trace is terse.
    pub fn as_headed<P: Process>(&mut self, line: &Line<P>) {
        if self.terse { self.chosen(&Chosen::new(line.at, line.chosen())) } else { self.step(line) }
    }

    /// The next step, of a terse trace.
    pub fn chosen<M: Serialize, T: Serialize>(&mut self, chosen: &Chosen<M, T>) {
        self.steps += 1;
        match chosen {
            Chosen { at: Some(at), choice: Choice::Deliver { from, to, message }, draws, cut: None }
                if draws.is_empty() =>
            {
                self.delivery(*at, (*from, *to), message);
            }
            _ => self.line(chosen),
        }
    }

    /// The line of nearly every step, as `line` would write it, piece by piece.
    fn delivery(&mut self, at: u64, (from, to): (SeatId, SeatId), message: &impl Serialize) {
        let chunk = &mut self.chunk;
        chunk.extend_from_slice(b"{\"at\":");
        written(chunk, &at);
        chunk.extend_from_slice(b",\"deliver\":[");
        written(chunk, &from.0);
        chunk.push(b',');
        written(chunk, &to.0);
        chunk.push(b',');
        written(chunk, message);
        chunk.extend_from_slice(b"]}\n");
        self.hand_on_if_full();
    }

    /// Whether something could not be written: the rest need not be tried.
    pub fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// The end. It is flushed, not synced.
    ///
    /// # Errors
    /// What kept some of it from being written.
    pub fn close(mut self, violation: Option<Broken>) -> io::Result<Written<W>> {
        self.hand_on();
        let end = EndLine::new(self.digest.clone(), End { steps: self.steps, violation });
        self.line(&end);
        self.hand_on();
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        self.to.flush()?;
        let name = shown(&self.digest.finalize());
        Ok(Written { to: self.to, name, steps: self.steps, bytes: self.bytes })
    }
}
