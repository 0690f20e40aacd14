//! `maelstrom`: a node on standard streams, in real time.

use super::Desk;
use crate::args::Maelstrom;
use crate::error::Error;
use crate::exit::Exit;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, Read, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};
use synod_maelstrom::{Line, Options, Said};

/// The longest line that is read. A longer one is read past.
const LINE_MAX: u64 = 64 << 20;
/// How many lines wait at most, and how many are taken before what was said is written.
const LINES_MAX: usize = 1_024;

/// Answers lines until there are no more.
pub(crate) fn maelstrom(desk: &Desk<'_>, args: &Maelstrom) -> Result<Exit, Error> {
    let options = Options { latency: args.latency, gather: args.gather, ..Options::default() };
    let seed = args.seed.unwrap_or_else(|| RandomState::new().hash_one(0));
    let (sender, lines) = mpsc::sync_channel(LINES_MAX);
    thread::spawn(move || read(&mut io::stdin().lock(), &sender));
    let mut node = args.workload.node(&options, seed);
    let complain = |complaint: &str| desk.printer.talk(complaint);
    // whoever has closed standard output wants no more answers
    match serve(&mut *node, &lines, &mut io::stdout().lock(), &complain) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::Cluster {
            what: format!("standard output cannot be written: {error}"),
            hint: "a node of Maelstrom answers on standard output".to_owned(),
        }),
        _ => Ok(Exit::Holds),
    }
}

/// Hands on lines, until their end or that of whom they go to. A line that is too long is handed on as far as it may be: it is no message.
fn read(input: &mut impl BufRead, lines: &SyncSender<Vec<u8>>) {
    loop {
        let mut line = Vec::new();
        match input.by_ref().take(LINE_MAX).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) if line.last() != Some(&b'\n') && line.len() as u64 == LINE_MAX => {
                if input.skip_until(b'\n').is_err() {
                    return;
                }
            }
            Ok(_) => {}
        }
        if lines.send(line).is_err() {
            return;
        }
    }
}

/// Lets a node take lines as they come, and its timers fire when they are due.
fn serve(
    node: &mut dyn Line,
    lines: &Receiver<Vec<u8>>,
    out: &mut impl Write,
    complain: &dyn Fn(&str),
) -> io::Result<()> {
    let started = Instant::now();
    loop {
        let line = match node.deadline() {
            None => lines.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at) => lines.recv_timeout(at.saturating_sub(started.elapsed())),
        };
        match line {
            Ok(line) => {
                // what has come together is answered together
                for line in std::iter::once(line).chain(lines.try_iter().take(LINES_MAX)) {
                    tell(&node.take(&line, started.elapsed()), out, complain)?;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        wake(node, started.elapsed(), out, complain)?;
        out.flush()?;
    }
}

/// Also where lines come without a pause.
fn wake(node: &mut dyn Line, now: Duration, out: &mut impl Write, complain: &dyn Fn(&str)) -> io::Result<()> {
    if node.deadline().is_some_and(|at| at <= now) {
        tell(&node.wake(now), out, complain)?;
    }
    Ok(())
}

fn tell(said: &Said, out: &mut impl Write, complain: &dyn Fn(&str)) -> io::Result<()> {
    said.complaints.iter().for_each(|complaint| complain(complaint));
    said.lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}
