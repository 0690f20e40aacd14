//! `judge FILE --to FORMAT`: the same history in another format.

use super::{Desk, count, input, refused, unread};
use crate::args;
use crate::error::Error;
use crate::exit::Exit;
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use synod_judge::format::{Conversion, Converted, Format, Unconverted};
use synod_judge::judgement::conventions;

pub(super) fn convert(desk: &Desk<'_>, args: &args::Judge, to: Format) -> Result<Exit, Error> {
    if let Some(option) = judging(args) {
        let what = format!("--to writes a history and judges nothing: {option} says nothing to it");
        let hint = "judge it by itself, without --to".to_owned();
        return Err(Error::Arguments { what, hint });
    }
    let [from] = &args.files[..] else {
        let (what, hint) = ("--to takes one file", "convert each by itself");
        return Err(Error::Arguments { what: what.to_owned(), hint: hint.to_owned() });
    };
    if desk.printer.json && args.out.is_none() {
        let (what, hint) = ("--json and the history would both be on standard output", "-o FILE");
        return Err(Error::Arguments { what: what.to_owned(), hint: hint.to_owned() });
    }
    let Some(out) = &args.out else {
        let converted = written(args, from, to, |text| {
            desk.printer.raw(text);
            Ok(())
        })?;
        return Ok(tell(desk, from, to, converted));
    };
    // a file that is both would be empty before it is read; one that could not be written in full is not left behind
    let unwritable = |source| Error::Unwritable { path: out.clone(), source };
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).map_err(unwritable)?;
    let mut buffer: BufWriter<&mut File> = BufWriter::new(file.as_file_mut());
    let converted = written(args, from, to, |text| buffer.write_all(text.as_bytes()).map_err(unwritable))?;
    buffer.flush().map_err(unwritable)?;
    drop(buffer);
    file.persist(out).map_err(|error| unwritable(error.error))?;
    Ok(tell(desk, from, to, converted))
}

/// An option that says how to judge.
fn judging(args: &args::Judge) -> Option<&'static str> {
    let given = [
        ("--model", args.model.is_some()),
        ("--level", args.level.is_some()),
        ("--strongest", args.strongest),
        ("--failed-cas", args.failed_cas.is_some()),
        ("--nil-read", args.nil_read.is_some()),
        ("--time-max", args.time_max.is_some()),
        ("--svg", args.svg.is_some()),
        ("--html", args.html.is_some()),
        ("--follow", args.follow),
    ];
    given.into_iter().find_map(|(option, is_given)| is_given.then_some(option))
}

/// Hands on the text, piece by piece.
fn written(
    args: &args::Judge,
    from: &Path,
    to: Format,
    mut write: impl FnMut(&str) -> Result<(), Error>,
) -> Result<Converted, Error> {
    let wrong = |error: Unconverted| match error {
        Unconverted::Read(error) => unread(from, &error),
        error => refused(
            from,
            error.to_string(),
            "edn says the most; --without-times leaves out when events were: docs/judge.md",
        ),
    };
    let mut conversion = Conversion::new(to, !args.without_times);
    input::each_piece(from, |bytes| write(&conversion.push(bytes).map_err(wrong)?))?;
    let (rest, converted) = conversion.end().map_err(wrong)?;
    write(&rest)?;
    Ok(converted)
}

/// Says what was converted, and where the other format is understood otherwise.
fn tell(desk: &Desk<'_>, path: &Path, to: Format, converted: Converted) -> Exit {
    let Converted { from, events, nil_reads, failed_cas } = converted;
    desk.printer.talk(format!("{}: {from} to {to}, {}", path.display(), count(events, "event")));
    let (then, now) = (conventions(from), conventions(to));
    if then.nil_read_says_nothing != now.nil_read_says_nothing && nil_reads > 0 {
        let how = if then.nil_read_says_nothing { "unseen" } else { "empty" };
        let reads = count(nil_reads, "read");
        desk.printer
            .talk(format!("{reads} of nothing: judge a cas-register with --nil-read {how}, as in {from}"));
    }
    if then.failed_cas_compared != now.failed_cas_compared && failed_cas > 0 {
        let how = if then.failed_cas_compared { "compared" } else { "never" };
        desk.printer.talk(format!(
            "{failed_cas} compare-and-sets failed: judge them with --failed-cas {how}, as in {from}"
        ));
    }
    desk.printer.event(&json!({
        "event": "conversion", "file": path.display().to_string(), "from": from.name(), "to": to.name(), "events": events,
    }));
    Exit::Holds
}
