//! Traces: what was written replays; what was cut, changed, or written by another version is refused for what it is.

use crate::puppet::*;
use crate::walks::{walk, wild_setting};
use serde_json::{Value, json};
use std::io::{self, BufReader, Read, Write};
use synod_kernel::trace::{
    Broken, Chosen, Header, Reader, TraceError, VERSION, Writer, header, name, replay,
};
use synod_kernel::{Choice, Durability, Move};
use synod_model::link::LinkBase;

/// A walk of 30 steps.
fn a_trace() -> String {
    let mut walks =
        (0..100).map(|seed| walk(&wild_setting(LinkBase::Perfect, Durability::Deferred), seed, 30));
    walks.find(|trace| trace.lines().count() == 32).expect("some walks are as long")
}

fn refused(content: &str) -> TraceError {
    replay::<Puppet>(content).expect_err("it is not what was written")
}

#[test]
fn the_end_says_what_was_broken() {
    let setting = setting(quiet(1), &[]);
    let broken = Broken { property: "C4".to_owned(), what: "p0 decided A, p1 decided B".to_owned() };
    let writer = Writer::new(&Header::new("puppet", "check", None, &setting));
    let replayed = replay::<Puppet>(&writer.finish(Some(broken.clone()))).unwrap();
    assert_eq!((replayed.end.violation, replayed.end.steps), (Some(broken), 0));
}

#[test]
fn a_step_names_its_cause() {
    let setting = setting(quiet(2), &[&[&[Act::Store(1), Act::Timer(5), Act::Send(1, 7), Act::Send(1, 8)]]]);
    let mut run = Run::started(&setting);
    let asked = run.take(ask(0)).step;
    let because = |line: PuppetLine| line.cause.map(|c| (c.step, c.send));
    assert_eq!(because(run.take(fire(0, 5))), Some((asked, None)));
    let synced = run.take(sync(0));
    let released = synced.step;
    assert_eq!(because(synced), Some((asked, None)));
    assert_eq!(because(run.take(deliver(0, 1, 8))), Some((released, Some(1))));
    assert_eq!(because(run.take(deliver(0, 1, 7))), Some((released, Some(0))));
}

#[test]
fn a_trace_is_named_by_its_content() {
    let trace = a_trace();
    assert_eq!(name(&trace), name(&a_trace()));
    assert_eq!(name(&trace).len(), 16);
    let mut others: Vec<String> = (0..20)
        .map(|seed| name(&walk(&wild_setting(LinkBase::Perfect, Durability::Deferred), seed, 40)))
        .collect();
    others.sort();
    others.dedup();
    assert_eq!(others.len(), 20);
    assert_eq!(name(""), "e3b0c44298fc1c14", "the first 8 bytes of SHA-256");
}

#[test]
fn a_trace_of_another_version_is_refused() {
    let trace = a_trace();
    let of = |version: &str| {
        trace.replacen(&format!("\"version\":{VERSION}"), &format!("\"version\":{version}"), 1)
    };
    assert_eq!(refused(&of("2")), TraceError::Version { found: 2 });
    assert_eq!(refused(&of("0")), TraceError::Version { found: 0 });
    let said = refused(&of("2")).to_string();
    assert_eq!(said, "the trace is of version 2, this build reads version 1");
}

#[test]
fn what_is_no_trace_is_called_that() {
    for content in ["", "\n", "hello", "{}", "[]\n", "{\"synod\":\"history\",\"version\":1}\n", "\u{0}\n"] {
        assert!(matches!(refused(content), TraceError::NotATrace(_)), "{content:?}");
    }
}

#[test]
fn a_header_with_unknown_fields_is_damaged() {
    let trace = a_trace().replacen("\"algorithm\"", "\"algorithms\"", 1);
    assert!(matches!(refused(&trace), TraceError::Damaged { line: 1, .. }));
}

#[test]
fn a_trace_cut_after_any_line_is_truncated() {
    let trace = a_trace();
    let lines: Vec<&str> = trace.split_inclusive('\n').collect();
    for kept in 1..lines.len() {
        assert_eq!(refused(&lines[..kept].concat()), TraceError::Truncated { line: kept });
    }
}

#[test]
fn a_trace_cut_anywhere_within_a_line_is_truncated() {
    let trace = a_trace();
    let end_of_header = trace.find('\n').unwrap();
    for at in end_of_header + 1..trace.len() {
        let whole_lines = trace[..at].matches('\n').count();
        assert_eq!(refused(&trace[..at]), TraceError::Truncated { line: whole_lines }, "cut at byte {at}");
    }
    for at in 0..end_of_header {
        assert!(matches!(refused(&trace[..at]), TraceError::NotATrace(_)), "cut at byte {at}");
    }
    assert_eq!(refused(&trace[..end_of_header]), TraceError::Truncated { line: 0 });
}

#[test]
fn a_changed_byte_anywhere_is_found() {
    let trace = a_trace();
    for at in 0..trace.len() {
        for new in [b'0', b'"', b'~'] {
            let mut bytes = trace.clone().into_bytes();
            if bytes[at] == new {
                continue;
            }
            bytes[at] = new;
            let changed = String::from_utf8(bytes).expect("ASCII for ASCII");
            let error = refused(&changed);
            assert!(
                !matches!(error, TraceError::Differs { .. } | TraceError::NotEnabled { .. }),
                "byte {at}: {error}"
            );
            assert!(!error.to_string().is_empty() && !error.hint().is_empty());
        }
    }
}

#[test]
fn a_damaged_line_is_named_where_it_alone_shows_it() {
    let trace = a_trace();
    let lines: Vec<&str> = trace.split_inclusive('\n').collect();
    for i in 1..lines.len() {
        let mut changed: Vec<String> = lines.iter().map(|&l| l.to_owned()).collect();
        changed[i] = changed[i].replacen('{', "(", 1);
        let error = refused(&changed.concat());
        assert!(
            matches!(error, TraceError::Damaged { line, .. } if line == i + 1),
            "line {}: {error}",
            i + 1
        );
    }
}

#[test]
fn lines_that_changed_places_or_end_otherwise_are_found() {
    let trace = a_trace();
    let mut lines: Vec<&str> = trace.split_inclusive('\n').collect();
    let last = lines.len() - 1;
    assert!(matches!(refused(&trace.replace('\n', "\r\n")), TraceError::Damaged { .. }));
    assert!(matches!(refused(&format!("{trace}\n")), TraceError::Damaged { .. }));
    assert!(matches!(refused(&format!("{trace}{}", lines[last])), TraceError::Damaged { .. }));
    lines.swap(5, 6);
    assert!(matches!(refused(&lines.concat()), TraceError::Damaged { .. }));
}

/// A trace with its digest made to fit again: as an older build, or a person, might have written it.
fn edited(trace: &str, edit: impl FnOnce(&mut Vec<Value>)) -> String {
    let parsed = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    let mut lines: Vec<Value> = trace.lines().map(parsed).collect();
    let original = lines.clone();
    let texts: Vec<&str> = trace.lines().collect();
    edit(&mut lines);
    let end = lines.pop().unwrap();
    let mut out = String::new();
    for line in lines {
        // a line that was not edited keeps its order of fields
        match original.iter().position(|l| *l == line) {
            Some(i) => out += texts[i],
            None => out += &in_order(&line),
        }
        out.push('\n');
    }
    let end = serde_json::to_string(&end["end"]).unwrap();
    let digest = name(&format!("{out}{end}"));
    format!("{out}{{\"end\":{end},\"digest\":\"{digest}\"}}\n")
}

/// A step with its fields in the order in which the format writes them.
fn in_order(line: &Value) -> String {
    match serde_json::from_value::<PuppetLine>(line.clone()) {
        Ok(step) => serde_json::to_string(&step).unwrap(),
        Err(_) => line.to_string(),
    }
}

#[test]
fn a_trace_whose_digest_is_made_to_fit_is_itself() {
    let trace = a_trace();
    assert_eq!(edited(&trace, |_| {}), trace);
}

#[test]
fn a_step_that_cannot_happen_is_named() {
    let trace = a_trace();
    let moved = edited(&trace, |lines| lines[1]["do"] = json!({"recover": {"seat": 0}}));
    assert!(
        matches!(refused(&moved), TraceError::NotEnabled { line: 2, step: 0, .. }),
        "{}",
        refused(&moved)
    );
    let nowhere = edited(&trace, |lines| lines[8]["do"] = json!({"request": {"seat": 4_000_000}}));
    assert!(matches!(refused(&nowhere), TraceError::NotEnabled { line: 9, .. }));
    let cut = edited(&trace, |lines| lines[8]["do"] = json!({"sever": {"links": [[0, 4_000_000]]}}));
    assert!(matches!(refused(&cut), TraceError::NotEnabled { line: 9, .. }));
}

#[test]
fn a_step_with_other_consequences_is_shown_beside_them() {
    let setting = setting(quiet(2), &[&[&[Act::Send(1, 7)]]]);
    let mut run = Run::started(&setting);
    let mut writer = Writer::new(&Header::new("puppet", "check", None, &setting));
    // the run began before the writer did: write what came before anew
    let mut again = synod_kernel::trace::Recorder::new(&setting);
    for choice in [Choice::Init { seat: seat(0) }, Choice::Init { seat: seat(1) }] {
        writer.step(&again.step(None, Move::plain(choice)).unwrap());
    }
    let mut line = run.take(ask(0));
    line.sent[0].1 = 8;
    writer.step(&line);
    let error = refused(&writer.finish(None));
    let TraceError::Differs { line: 4, step: 2, recorded, replayed } = &error else { panic!("{error}") };
    assert!(recorded.contains("\"sent\":[[1,8]]") && replayed.contains("\"sent\":[[1,7]]"), "{error}");
}

#[test]
fn no_edit_of_a_step_makes_replay_panic() {
    let trace = a_trace();
    let count = trace.lines().count();
    let edits: [fn(&mut Value); 11] = [
        |line| line["cut"] = json!({"before": 0, "forever": false}),
        |line| line["cut"] = json!({"before": 4_000_000, "forever": true}),
        |line| line["cut"] = json!({"before": 1, "forever": false, "kept": 4_000_000_000_u32}),
        |line| line["cut"] = json!({"before": 1, "forever": false, "torn": true}),
        |line| line["draws"] = json!([9, 9, 9]),
        |line| line["draws"] = json!([4_294_967_295_u32]),
        |line| line["enabled"] = json!(0),
        |line| line["step"] = json!(u64::MAX),
        |line| line["cause"] = json!({"step": u64::MAX}),
        |line| line["effects"] = json!([]),
        |line| line["observed"] = json!([{"crash": 4_000_000}]),
    ];
    for i in 1..count - 1 {
        for edit in edits {
            let changed = edited(&trace, |lines| edit(&mut lines[i]));
            if changed != trace {
                assert!(!refused(&changed).to_string().is_empty());
            }
        }
    }
}

#[test]
fn a_setting_whose_parts_do_not_fit_is_refused() {
    let trace = a_trace();
    let mut header = header(&trace).unwrap();
    for (key, value) in [
        ("/seating/processes", json!(2)),
        ("/seating/processes", json!(4)),
        ("/environment/processes", json!(2)),
        ("/environment/processes", json!(4_000_000_000_u32)),
        ("/requests", json!([])),
        ("/environment/links/delay_max", json!("-1ms")),
        ("/environment/failures/stops", json!(-1)),
    ] {
        let good = header.setting.clone();
        *header.setting.pointer_mut(key).unwrap() = value.clone();
        let rest = trace.split_once('\n').unwrap().1;
        let first = serde_json::to_string(&header).unwrap();
        let changed = edited(&format!("{first}\n{rest}"), |_| {});
        assert!(matches!(refused(&changed), TraceError::Damaged { line: 1, .. }), "{key} = {value}");
        header.setting = good;
    }
}

#[test]
fn an_end_that_miscounts_is_refused() {
    let changed = edited(&a_trace(), |lines| lines.last_mut().unwrap()["end"]["steps"] = json!(3));
    assert_eq!(refused(&changed).to_string(), "line 32 is damaged: it counts 3 steps, the trace has 30");
}

/// The same trace with lines of what was chosen alone.
fn terse(trace: &str) -> String {
    let replayed = replay::<Puppet>(trace).unwrap();
    let header = Header { terse: true, ..header(trace).unwrap() };
    let mut writer = Writer::new(&header);
    for line in &replayed.lines {
        writer.chosen(&Chosen::new(line.at, line.chosen()));
    }
    writer.finish(replayed.end.violation)
}

#[test]
fn a_terse_trace_is_the_same_run() {
    for durability in [Durability::Immediate, Durability::Deferred] {
        for seed in 0..20 {
            let trace = walk(&wild_setting(LinkBase::FairLoss, durability), seed, 60);
            let short = terse(&trace);
            assert!(short.len() < trace.len());
            assert_eq!(replay::<Puppet>(&short).unwrap(), replay::<Puppet>(&trace).unwrap());
        }
    }
}

#[test]
fn a_terse_trace_is_held_to_its_lines() {
    let trace = terse(&a_trace());
    let lines: Vec<&str> = trace.split_inclusive('\n').collect();
    for kept in 1..lines.len() {
        assert_eq!(refused(&lines[..kept].concat()), TraceError::Truncated { line: kept });
    }
    assert!(matches!(refused(&trace.replacen(",\"terse\":true", "", 1)), TraceError::Damaged { .. }));
    // all start before anything else happens, but for who is faulty from the start
    let early = |line: &&str| ["init", "omit", "corrupt"].iter().any(|kind| line.contains(kind));
    let late = 1 + lines[1..].iter().take_while(|line| early(line)).count();
    let turned = edited(&trace, |lines| lines.swap(1, late));
    assert!(matches!(refused(&turned), TraceError::NotEnabled { line: 2, .. }), "{turned}");
}

/// Gives a byte at a time, and fails after so many.
struct Dripping<'a>(&'a [u8], usize);

impl Read for Dripping<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let Some(left) = self.1.checked_sub(1) else { return Err(io::Error::other("the disk is gone")) };
        self.1 = left;
        self.0.read(&mut to[..1])
    }
}

#[test]
fn a_trace_comes_in_pieces_and_what_cannot_be_read_is_told() {
    let trace = a_trace();
    let whole = replay::<Puppet>(&trace).unwrap();
    let mut from = BufReader::new(Dripping(trace.as_bytes(), usize::MAX));
    let mut reader = Reader::open(&mut from).unwrap();
    let setting = reader.setting::<Puppet>().unwrap();
    let mut lines = Vec::new();
    assert_eq!(reader.replay(&setting, |line| lines.push(line)).unwrap(), whole.end);
    assert_eq!(lines, whole.lines);

    for cut in (0..trace.len()).step_by(97) {
        let mut from = BufReader::new(Dripping(trace.as_bytes(), cut));
        let error = Reader::open(&mut from).and_then(|reader| reader.scan(|_| ())).unwrap_err();
        let line = trace[..cut].matches('\n').count();
        assert_eq!(error, TraceError::Unreadable { line, what: "the disk is gone".to_owned() }, "{cut}");
    }
}

#[test]
fn a_scan_knows_no_algorithm_and_finds_what_is_damaged() {
    let trace = a_trace();
    let scan = |trace: &str| {
        let (mut bytes, mut steps) = (trace.as_bytes(), Vec::new());
        Reader::open(&mut bytes).and_then(|reader| reader.scan(|told| steps.push(told.step))).map(|_| steps)
    };
    assert_eq!(scan(&trace), Ok((0..30).collect()));
    assert_eq!(scan(&terse(&trace)), Ok((0..30).collect()));
    let misnumbered = edited(&trace, |lines| lines[7]["step"] = json!(99));
    assert!(matches!(scan(&misnumbered), Err(TraceError::Damaged { line: 8, .. })));
    let early = edited(&trace, |lines| lines[7]["cause"] = json!({ "step": 6 }));
    assert!(matches!(scan(&early), Err(TraceError::Damaged { line: 8, .. })));
    assert!(matches!(
        scan(&trace.replacen("\"step\":5,", "\"step\":4,", 1)),
        Err(TraceError::Damaged { .. })
    ));
}

#[test]
fn bytes_that_are_no_text_are_damage() {
    let trace = a_trace();
    let at = trace.find("\"step\":5").unwrap();
    let mut bytes = trace.clone().into_bytes();
    bytes[at + 1] = 0xff;
    let mut from = bytes.as_slice();
    let error = Reader::open(&mut from).and_then(|reader| reader.scan(|_| ())).unwrap_err();
    assert_eq!(error, TraceError::Damaged { line: 7, what: "it is not text in UTF-8".to_owned() });
}

/// Takes so many bytes.
#[derive(Debug)]
struct Full(usize);

impl Write for Full {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(from.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(from.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_trace_that_cannot_be_written_says_so_at_its_end() {
    let setting = setting(quiet(1), &[]);
    let header = Header::new("puppet", "check", None, &setting);
    let init = Chosen::<u8, Timer>::new(Some(0), Move::plain(Choice::Init { seat: synod_kernel::SeatId(0) }));
    let mut writer = Writer::to(&Header { terse: true, ..header }, Full(100_000));
    while !writer.has_failed() {
        writer.chosen(&init);
    }
    assert_eq!(writer.close(None).unwrap_err().kind(), io::ErrorKind::StorageFull);
}

#[test]
fn a_long_trace_has_the_same_name_in_pieces_and_whole() {
    let setting = setting(quiet(1), &[]);
    let header = Header { terse: true, ..Header::new("puppet", "check", None, &setting) };
    let mut writer = Writer::to(&header, Vec::new());
    for at in 0..10_000 {
        writer.chosen(&Chosen::<u8, Timer>::new(Some(at), Move::plain(Choice::Heal)));
    }
    let written = writer.close(None).unwrap();
    assert_eq!((written.steps, written.bytes), (10_000, written.to.len() as u64));
    assert_eq!(written.name, name(str::from_utf8(&written.to).unwrap()));
    let mut bytes = written.to.as_slice();
    assert_eq!(Reader::open(&mut bytes).and_then(Reader::check).unwrap().steps, 10_000);
}

#[test]
fn a_terse_delivery_is_written_as_it_is_read() {
    let setting = setting(quiet(2), &[]);
    let header = Header { terse: true, ..Header::new("puppet", "check", None, &setting) };
    let (from, to) = (synod_kernel::SeatId(1), synod_kernel::SeatId(0));
    let deliver = Chosen::<u8, Timer>::new(Some(3), Move::plain(Choice::Deliver { from, to, message: 7 }));
    let drawing = Chosen { draws: vec![1, 2], ..deliver.clone() };
    let timeless = Chosen { at: None, ..deliver.clone() };
    let mut writer = Writer::new(&header);
    let lines = [deliver, drawing, timeless];
    for line in &lines {
        writer.chosen(line);
    }
    let text = writer.finish(None);
    let texts: Vec<&str> = text.lines().collect();
    assert_eq!(texts[1], r#"{"at":3,"deliver":[1,0,7]}"#);
    for (line, text) in lines.iter().zip(&texts[1..]) {
        assert_eq!(serde_json::to_string(line).unwrap(), **text);
        assert_eq!(serde_json::from_str::<Chosen<u8, Timer>>(text).unwrap(), *line);
    }
    for wrong in [r#"{"at":3}"#, r#"{"deliver":[1,0,7],"do":"heal"}"#, r#"{"deliver":[1,0]}"#] {
        assert!(serde_json::from_str::<Chosen<u8, Timer>>(wrong).is_err(), "{wrong}");
    }
}
