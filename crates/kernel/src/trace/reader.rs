//! Reads a trace, line by line.

use super::{Cause, Chosen, End, EndLine, Header, Line, Recorder, TraceError, VERSION};
use crate::choice::{Choice, Cut, Move};
use crate::seat::SeatId;
use crate::setting::Setting;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::io::{BufRead, Read};
use synod_model::Process;

/// No line is longer: what has no newline for so long is no trace, and is not taken into memory.
const LINE_MAX: u64 = 1 << 28;

/// What a line asks of a replay, in whichever form it is.
fn asked(line: &str, terse: bool) -> Result<Chosen<&RawValue, &RawValue>, serde_json::Error> {
    if terse {
        return serde_json::from_str(line);
    }
    let Asked { at, choice, draws, cut, .. } = serde_json::from_str(line)?;
    Ok(Chosen { at, choice, draws, cut })
}

fn chosen<P: Process>(
    asked: Chosen<&RawValue, &RawValue>,
) -> Result<Move<P::Message, P::Timer>, serde_json::Error> {
    let message = |m: &RawValue| serde_json::from_str(m.get());
    let timer = |t: &RawValue| serde_json::from_str(t.get());
    Ok(Move { choice: asked.choice.try_map(message, timer)?, draws: asked.draws, cut: asked.cut })
}

/// What a line asks of a replay: all else of it follows, and is compared as text. Only here do an algorithm's own values
/// matter, so that a line is read in one way for all algorithms.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked<'a> {
    #[serde(rename = "step")]
    _step: IgnoredAny,
    #[serde(default)]
    at: Option<u64>,
    #[serde(rename = "do", borrow)]
    choice: Choice<&'a RawValue, &'a RawValue>,
    #[serde(default)]
    draws: Vec<u32>,
    #[serde(default)]
    cut: Option<Cut>,
    #[serde(default, rename = "cause")]
    _cause: IgnoredAny,
    #[serde(rename = "enabled")]
    _enabled: IgnoredAny,
    #[serde(default, rename = "effects")]
    _effects: IgnoredAny,
    #[serde(default, rename = "sent")]
    _sent: IgnoredAny,
    #[serde(default, rename = "observed")]
    _observed: IgnoredAny,
}

/// What a step takes, with its instant where there is a clock.
pub type Asks<P> = (Option<u64>, Move<<P as Process>::Message, <P as Process>::Timer>);

/// A line as it stands, for those who do not know the algorithm: its values are their text. Of a terse trace nothing is known
/// but what was chosen.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told<'a> {
    /// Its number.
    pub step: u64,
    /// Virtual time in nanoseconds.
    #[serde(default)]
    pub at: Option<u64>,
    /// What happens.
    #[serde(rename = "do", borrow)]
    pub choice: Choice<&'a RawValue, &'a RawValue>,
    /// The outcomes of the handler's draws.
    #[serde(default)]
    pub draws: Vec<u32>,
    /// Whether the process crashes in the handler.
    #[serde(default)]
    pub cut: Option<Cut>,
    /// Why it could happen.
    #[serde(default)]
    pub cause: Option<Cause>,
    /// How many choices were enabled.
    pub enabled: Option<u64>,
    /// What the handler did.
    #[serde(default, borrow)]
    pub effects: Vec<&'a RawValue>,
    /// The messages that were released: (to, message).
    #[serde(default, borrow)]
    pub sent: Vec<(SeatId, &'a RawValue)>,
    /// What was observed.
    #[serde(default, borrow)]
    pub observed: Vec<&'a RawValue>,
}

impl<'a> Told<'a> {
    fn of(line: &'a str, terse: bool, step: u64) -> Result<Self, serde_json::Error> {
        if !terse {
            return serde_json::from_str(line);
        }
        let Chosen { at, choice, draws, cut } = asked(line, terse)?;
        let (effects, sent, observed) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { step, at, choice, draws, cut, cause: None, enabled: None, effects, sent, observed })
    }
}

/// What a replay found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed<P: Process> {
    /// The setting of the run.
    pub setting: Setting<P>,
    /// Its steps.
    pub lines: Vec<Line<P>>,
    /// How it ended.
    pub end: End,
}

/// Reads the header of a trace.
pub fn header(content: &str) -> Result<Header, TraceError> {
    header_of(content.lines().next().unwrap_or_default())
}

fn header_of(first: &str) -> Result<Header, TraceError> {
    let value: serde_json::Value = serde_json::from_str(first)
        .map_err(|e| TraceError::NotATrace(format!("its first line is no JSON: {e}")))?;
    if value.get("synod").and_then(|s| s.as_str()) != Some("trace") {
        return Err(TraceError::NotATrace("its first line is no trace header".to_owned()));
    }
    match value.get("version").and_then(serde_json::Value::as_u64) {
        Some(version) if version == u64::from(VERSION) => {}
        found => return Err(TraceError::Version { found: found.unwrap_or(0) }),
    }
    serde_json::from_value(value).map_err(|e| TraceError::Damaged { line: 1, what: e.to_string() })
}

/// Whether a trace is as it was written: how it ends; if it is not, where it is damaged.
///
/// # Errors
/// If it is damaged.
pub fn check(content: &str) -> Result<End, TraceError> {
    let open = |mut bytes: &[u8], scan| {
        let reader = Reader::open(&mut bytes)?;
        if scan { reader.scan(|_| ()) } else { reader.check() }
    };
    open(content.as_bytes(), false).map_err(|rough| open(content.as_bytes(), true).err().unwrap_or(rough))
}

/// Replays a trace: takes its choices again and compares every line.
pub fn replay<P: Process>(content: &str) -> Result<Replayed<P>, TraceError> {
    check(content)?;
    let mut bytes = content.as_bytes();
    let mut reader = Reader::open(&mut bytes)?;
    let setting = reader.setting()?;
    let mut lines = Vec::new();
    let end = reader.replay(&setting, |line| lines.push(line))?;
    Ok(Replayed { setting, lines, end })
}

/// Reads a trace, line by line, and keeps none of what it has read.
///
/// Whether a trace is as it was written shows at its end alone. So whatever else is wrong with one is told only when the
/// rest has been read: damage comes first.
pub struct Reader<'a> {
    from: &'a mut dyn BufRead,
    header: Header,
    /// The line at hand, with its newline.
    line: Vec<u8>,
    /// Which one it is, from 1 on.
    number: usize,
    /// The line after it; empty at the end.
    ahead: Vec<u8>,
    /// Of the lines before the one at hand.
    before: Sha256,
    /// The first line so far that shows by itself that it was damaged.
    unreadable: Option<TraceError>,
}

impl<'a> Reader<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// If it is no trace, or of another version.
    pub fn open(from: &'a mut dyn BufRead) -> Result<Self, TraceError> {
        let (mut line, mut ahead) = (Vec::new(), Vec::new());
        read_line(from, &mut line, 0)?;
        let first = std::str::from_utf8(&line)
            .map_err(|_| TraceError::NotATrace("it is not text in UTF-8".to_owned()))?;
        let header = header_of(first.trim_end_matches('\n'))?;
        read_line(from, &mut ahead, 1)?;
        Ok(Self { from, header, line, number: 1, ahead, before: Sha256::new(), unreadable: None })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The setting of the run, of this kind of process.
    ///
    /// # Errors
    /// If the header has none.
    pub fn setting<P: Process>(&mut self) -> Result<Setting<P>, TraceError> {
        let setting = Setting::<P>::deserialize(&self.header.setting).map_err(|e| e.to_string());
        let fitting = setting.and_then(|setting| match setting.fits() {
            Ok(()) => Ok(setting),
            Err(what) => Err(what.to_string()),
        });
        fitting.map_err(|what| {
            self.rather(TraceError::Damaged { line: 1, what: format!("its setting: {what}") })
        })
    }

    /// Whether the trace is as it was written, by its digest alone: how it ends.
    ///
    /// # Errors
    /// If it is damaged. Which line it was, [`Reader::scan`] tells.
    pub fn check(mut self) -> Result<End, TraceError> {
        while self.advance()? {}
        self.end()
    }

    /// Takes the choices again, compares every line, and hands it on. Handlers run: of a trace from outside it should be known
    /// before that it is as it was written, see [`Reader::check`].
    ///
    /// # Errors
    /// If the trace is damaged, or its run is none any more.
    pub fn replay<P: Process>(
        mut self,
        setting: &Setting<P>,
        mut each: impl FnMut(Line<P>),
    ) -> Result<End, TraceError> {
        let mut recorder = Recorder::new(setting);
        let (mut text, terse) = (Vec::new(), self.header.terse);
        while let Some((at, chosen)) = self.asked::<P>()? {
            let line = self.number;
            let step = recorder.steps();
            let replayed = recorder.take(at, chosen).map_err(|refused| {
                self.rather(TraceError::NotEnabled { line, step, choice: refused.choice.to_string() })
            })?;
            text.clear();
            let written = if terse {
                serde_json::to_writer(&mut text, &Chosen::new(at, replayed.chosen()))
            } else {
                serde_json::to_writer(&mut text, &replayed)
            };
            written.expect("a trace is plain data");
            if text != self.text() {
                let [recorded, replayed] =
                    [self.text(), &text].map(|text| String::from_utf8_lossy(text).into_owned());
                return Err(self.rather(TraceError::Differs { line, step, recorded, replayed }));
            }
            each(replayed);
        }
        self.end()
    }

    /// Hands on what each step takes, and its instant, without taking it again.
    ///
    /// # Errors
    /// If the trace is damaged.
    pub fn moves<P: Process>(mut self, mut each: impl FnMut(Asks<P>)) -> Result<End, TraceError> {
        while let Some(asked) = self.asked::<P>()? {
            each(asked);
        }
        self.end()
    }

    /// What the next step takes, and when.
    fn asked<P: Process>(&mut self) -> Result<Option<Asks<P>>, TraceError> {
        let terse = self.header.terse;
        let Some(recorded) = self.step()? else { return Ok(None) };
        let asked = asked(recorded, terse).and_then(|asked| Ok((asked.at, chosen::<P>(asked)?)));
        asked.map(Some).map_err(|error| self.unreadable(error.to_string()))
    }

    /// Hands on every line as it stands, without taking its step again: whether it could happen is not asked, but whether
    /// the trace is as it was written, its steps are numbered and its causes come before them.
    ///
    /// # Errors
    /// If the trace is damaged.
    pub fn scan(mut self, mut each: impl FnMut(&Told<'_>)) -> Result<End, TraceError> {
        let (mut step, mut now, terse) = (0, 0, self.header.terse);
        while let Some(recorded) = self.step()? {
            let wrong = match &Told::of(recorded, terse, step) {
                Err(error) => Some(error.to_string()),
                Ok(told) if told.step != step => {
                    Some(format!("it is step {} where {step} comes next", told.step))
                }
                Ok(told) if told.cause.is_some_and(|cause| cause.step >= step) => {
                    Some("its cause does not come before it".to_owned())
                }
                Ok(told) if told.at.is_some_and(|at| at < now) => Some("it goes back in time".to_owned()),
                Ok(told) => {
                    each(told);
                    now = told.at.unwrap_or(now);
                    None
                }
            };
            if let Some(what) = wrong {
                return Err(self.unreadable(what));
            }
            step += 1;
        }
        self.end()
    }

    /// The line at hand, without its newline.
    fn text(&self) -> &[u8] {
        self.line.strip_suffix(b"\n").unwrap_or(&self.line)
    }

    /// Goes to the next line; whether it is there.
    fn advance(&mut self) -> Result<bool, TraceError> {
        if self.ahead.is_empty() {
            return Ok(false);
        }
        self.before.update(&self.line);
        std::mem::swap(&mut self.line, &mut self.ahead);
        self.number += 1;
        read_line(self.from, &mut self.ahead, self.number)?;
        Ok(true)
    }

    /// The next step; none at the end line, which is then at hand.
    fn step(&mut self) -> Result<Option<&str>, TraceError> {
        if !self.advance()? || self.ahead.is_empty() {
            return Ok(None);
        }
        if std::str::from_utf8(&self.line).is_err() {
            return Err(self.unreadable("it is not text in UTF-8".to_owned()));
        }
        Ok(std::str::from_utf8(self.text()).ok())
    }

    /// What is told of a line at hand that cannot be read.
    fn unreadable(&mut self, what: String) -> TraceError {
        let error = TraceError::Damaged { line: self.number, what };
        self.unreadable.get_or_insert(error.clone());
        self.rather(error)
    }

    /// What is told of a trace in which there is this error: that it is damaged, if it is.
    fn rather(&mut self, error: TraceError) -> TraceError {
        loop {
            match self.step_or_damage() {
                Ok(true) => {}
                Ok(false) => return self.end().err().unwrap_or(error),
                Err(worse) => return worse,
            }
        }
    }

    /// Goes over a step; whether it was one, and not the end.
    fn step_or_damage(&mut self) -> Result<bool, TraceError> {
        if !self.advance()? || self.ahead.is_empty() {
            return Ok(false);
        }
        if self.unreadable.is_none() {
            let what = match std::str::from_utf8(self.text()) {
                Ok(line) => asked(line, self.header.terse).err().map(|e| e.to_string()),
                Err(_) => Some("it is not text in UTF-8".to_owned()),
            };
            self.unreadable = what.map(|what| TraceError::Damaged { line: self.number, what });
        }
        Ok(true)
    }

    /// The line at hand as the end of a trace that is as it was written.
    fn end(&mut self) -> Result<End, TraceError> {
        let line = self.number;
        if !self.line.ends_with(b"\n") {
            return Err(TraceError::Truncated { line: line - 1 });
        }
        let damaged = |what: String| TraceError::Damaged { line, what };
        let last =
            std::str::from_utf8(self.text()).map_err(|_| damaged("it is not text in UTF-8".to_owned()))?;
        let written: EndLine =
            serde_json::from_str(last).map_err(|e| match asked(last, self.header.terse) {
                Err(_) if line > 1 => damaged(e.to_string()),
                _ => TraceError::Truncated { line },
            })?;
        let expected = EndLine::new(self.before.clone(), written.end);
        if expected.digest != written.digest {
            let what = "its digest is not that of the lines before it: something was changed";
            return Err(self.unreadable.take().unwrap_or_else(|| damaged(what.to_owned())));
        }
        if serde_json::to_string(&expected).expect("a trace is plain data") != *last {
            return Err(damaged("it is not written as this format writes it".to_owned()));
        }
        let steps = line as u64 - 2;
        if expected.end.steps != steps {
            let what = format!("it counts {} steps, the trace has {steps}", expected.end.steps);
            return Err(damaged(what));
        }
        Ok(expected.end)
    }
}

/// Reads a line with its newline, in the place of another one; nothing at the end.
fn read_line(from: &mut dyn BufRead, line: &mut Vec<u8>, before: usize) -> Result<(), TraceError> {
    line.clear();
    let unreadable = |what: String| TraceError::Unreadable { line: before, what };
    from.take(LINE_MAX).read_until(b'\n', line).map_err(|e| unreadable(e.to_string()))?;
    if line.len() as u64 == LINE_MAX {
        return Err(unreadable("the next line is longer than any of a trace".to_owned()));
    }
    Ok(())
}
