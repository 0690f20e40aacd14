//! From each format to each other: what is written is read as the same, what cannot be said is refused, and pieces make up the whole.

use synod_judge::format::{Conversion, Feed, Format, Unconverted, Writer};
use synod_judge::generate::Random;
use synod_judge::log::{End, Kind, Log, LogEvent};
use synod_judge::{Client, Value};

/// What a log says, but for the lines where it stands.
fn said(log: &Log) -> Vec<String> {
    let one = |o: &synod_judge::log::LogOperation| {
        let (invoked, returned) = (o.invoked, o.returned);
        format!(
            "{} {:?} {:?} {:?} {:?} {invoked} {returned:?} {:?}",
            o.client, o.function, o.argument, o.key, o.end, o.times
        )
    };
    log.operations().iter().map(one).collect()
}

/// Texts with all that has a meaning somewhere.
const TEXTS: [&str; 16] = [
    "x",
    "",
    "nil",
    "null",
    "true",
    "5",
    "-7",
    "1.5",
    ":a",
    "a b",
    " a",
    "a,\"b\"",
    "c\\n\n\t\r",
    "é\u{7f}\u{1}",
    "#_;",
    "[1",
];

fn text(random: &mut Random) -> Value {
    Value::text(TEXTS[random.below(TEXTS.len() as u64) as usize])
}

fn value(random: &mut Random, depth: u64) -> Value {
    let some = |random: &mut Random| {
        let count = random.below(4);
        (0..count).map(|_| value(random, depth + 1)).collect::<Vec<_>>()
    };
    match random.below(if depth < 3 { 9 } else { 6 }) {
        0 => Value::Nil,
        1 => Value::Boolean(random.below(2) == 0),
        2 => Value::from([i64::MIN, i64::MAX, 0][random.below(3) as usize]),
        3 => Value::from(i64::try_from(random.below(100)).unwrap_or(0) - 50),
        4 | 5 => text(random),
        6 => Value::Sequence(some(random)),
        7 => {
            let keys = some(random).into_iter().map(|key| (key, Value::Nil));
            Value::Map(keys.collect())
        }
        _ => Value::Sequence(vec![Value::text("append"), text(random), value(random, depth + 1)]),
    }
}

/// Events of three clients that make up a log.
fn events(random: &mut Random) -> Vec<LogEvent> {
    let mut running: [Option<LogEvent>; 3] = Default::default();
    let (mut events, at) = (vec![], random.below(2) == 0);
    for line in 1..=2 + random.below(12) as usize {
        let client = random.below(3);
        let running = &mut running[client as usize];
        let time = at.then(|| if random.below(20) == 0 { u64::MAX } else { 10 * line as u64 });
        if let Some(invoked) = running.take() {
            let kind = [Kind::Ok, Kind::Fail, Kind::Info][random.below(3) as usize];
            events.push(LogEvent { kind, value: value(random, 0), at: time, line, ..invoked });
            continue;
        }
        let function = match random.below(8) {
            0 => text(random).to_string().into(),
            _ => ["read", "write", "cas", "put-if"][random.below(4) as usize].into(),
        };
        let key = (random.below(3) == 0).then(|| value(random, 1));
        let value = value(random, 0);
        let (client, kind) = (Client(client), Kind::Invoke);
        let event = LogEvent { client, kind, function, value, key, at: time, line };
        *running = Some(event.clone());
        events.push(event);
    }
    events
}

fn written(events: &[LogEvent], format: Format) -> Result<String, String> {
    let mut text = Writer::new(format).head();
    for event in events {
        Writer::new(format).write(event, &mut text).map_err(|error| error.what)?;
    }
    Ok(text)
}

/// What each format could say of random histories it says, and the reasons why others could not are among these.
#[test]
fn what_is_written_in_a_format_is_read_from_it_as_the_same() {
    let (mut random, mut counts) = (Random::new(11), [[0; 2]; 5]);
    for _ in 0..4_000 {
        let events = events(&mut random);
        let log = Log::new(events.clone()).expect("each client runs one operation at a time");
        for (format, counts) in Format::ALL.into_iter().zip(&mut counts) {
            let text = match written(&events, format) {
                Ok(text) => text,
                Err(what) => {
                    let known = [
                        "the time 18446744073709551615",
                        "a map or a set with",
                        "that the key is nil",
                        "which key an operation",
                        "when an event was",
                        "which is no keyword",
                        "goes over lines",
                    ];
                    assert!(known.iter().any(|known| what.contains(known)), "{format}: {what}");
                    counts[1] += 1;
                    continue;
                }
            };
            let (read, found) = Log::from_text(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!(found, format, "{text}");
            assert_eq!(said(&read), said(&log), "{format}\n{text}");
            counts[0] += 1;
        }
    }
    for (format, [well, refused]) in Format::ALL.into_iter().zip(counts) {
        assert!(well > 200 && refused > 20, "{format}: {well} were written, {refused} not");
    }
}

fn converted(text: &str, to: Format, piece: usize) -> Result<String, Unconverted> {
    let mut conversion = Conversion::new(to, true);
    let mut converted = String::new();
    for piece in text.as_bytes().chunks(piece) {
        converted += &conversion.push(piece)?;
    }
    Ok(converted + &conversion.end()?.0)
}

#[test]
fn a_history_that_went_through_every_format_is_the_same() {
    let mut random = Random::new(5);
    let mut went_round = 0;
    for _ in 0..600 {
        let events = events(&mut random);
        let Ok(begin) = written(&events, Format::JsonLines) else { continue };
        let mut text = begin.clone();
        let way = [Format::Csv, Format::Json, Format::Edn, Format::JsonLines];
        if way.into_iter().all(|format| converted(&text, format, 7).map(|next| text = next).is_ok()) {
            assert_eq!(text, begin);
            went_round += 1;
        }
    }
    assert!(went_round > 100, "{went_round}");
}

/// However a text is cut, its events and what is wrong with it are the same.
#[test]
fn a_text_that_comes_in_pieces_is_the_text() {
    let texts = [
        "; head\n[\n {:process 1, :type :invoke, :f :write, :value \"a\\\"]\n}\"} ; }\n #_{:process 9\n :type :ok}\n {:process 1\n :type :ok :f :write\n :value \\{}\n]\n{:process 2 :type :invoke :f :read\n :time 4}\n",
        "({:process 1 :type :invoke :f :write :value #{1\n 2}} {:process 1 :type :info :f :write :value {a\n b}}\n)",
        "[{:process 1 :type :invoke :f :read}\n{:process 1 :type :ok :f :read",
        "[{:process 1 :type :invoke :f :read}\n\n",
        "\n\n[\n{\"process\":1,\"type\":\"invoke\",\n\"f\":\"read\"}]",
        "{\"process\":1,\"type\":\"invoke\",\"f\":\"read\"}\n{\"process\":1,\"type\":\"ok\",\"f\":\"read\",\"value\":5}",
        "{\"invoke\":{\"client\":1,\"operation\":\"read\",\"key\":\"x\"}}\n\n{\"return\":{\"client\":1,\"outcome\":{\"failed\":[1]}}}\n{\"invoke\":7}\n",
        "hello\nINFO  jepsen.util - 1\t:invoke\t:read\tnil",
        "INFO  jepsen.util - 1\t:invoke\t:read\tnil\nINFO  jepsen.util - 1\t:ok\t:read\t[1 2",
        "\nclient,kind,function,key,value,at\n1,invoke,read,,,\n1,ok,read,,\"\"\"a\",\n",
        "",
        "\n",
        "hello",
        "[]",
    ];
    for text in texts {
        let whole = Log::from_text(text).map(|(log, format)| (log, Some(format)));
        for piece in 1..=text.len().max(1) {
            let (mut feed, mut log) = (Feed::default(), Log::default());
            let mut each = |event| Ok(log.push(event)?);
            let pushed = text.as_bytes().chunks(piece).try_for_each(|piece| feed.push(piece, &mut each));
            let ended = pushed.and_then(|()| feed.end(&mut each));
            match (&whole, ended) {
                (Ok((whole, format)), Ok(found)) => {
                    assert_eq!((&log, Some(found)), (whole, *format), "{text}");
                }
                (Err(error), Err(found)) => assert_eq!(error, &found, "{text}"),
                (Err(error), Ok(_)) => assert!(log.operations().is_empty(), "{text}: {error}"),
                (Ok(_), Err(error)) => panic!("{text}\nin pieces of {piece}: {error}"),
            }
        }
    }
    let mut feed = Feed::default();
    let torn = b"{\"process\":1,\"type\":\"invoke\",\"f\":\"read\"}\n\xff\n";
    let error = feed.push(torn, |_| Ok(())).unwrap_err();
    assert_eq!(error.to_string(), "no text: byte 41 is not UTF-8");
}

#[test]
fn what_a_format_cannot_say_is_named_with_its_line() {
    let edn = "{:process 1 :type :invoke :f :add :value #{1} :key 3 :time 7}\n{:process 1 :type :info :f :add :value :timeout}\n";
    let cannot = |format| converted(edn, format, 1000).unwrap_err().to_string();
    assert_eq!(
        cannot(Format::JepsenLog),
        "line 1: a log of Jepsen's cannot say which key an operation is of"
    );
    assert_eq!(
        cannot(Format::JsonLines),
        "line 1: JSON Lines cannot say a map or a set with `1`, which is no text"
    );
    let back = converted(edn, Format::Edn, 1000).unwrap();
    assert_eq!(
        back,
        "{:process 1, :type :invoke, :f :add, :value #{1}, :key 3, :time 7}\n{:process 1, :type :info, :f :add, :value \"timeout\"}\n"
    );
    // what is no history is none in another format either
    assert!(
        converted("{:process 1 :type :ok :f :read}", Format::Csv, 9)
            .unwrap_err()
            .to_string()
            .contains("did not invoke")
    );
    let mut conversion = Conversion::new(Format::JepsenLog, false);
    conversion.push(b"{:process 1 :type :invoke :f :read :time 7}\n").unwrap();
    conversion.push(b"{:process 1 :type :ok :f :read :value nil :time 9}").unwrap();
    let (_, converted) = conversion.end().unwrap();
    assert_eq!((converted.from, converted.events, converted.nil_reads), (Format::Edn, 2, 1));
}

#[test]
fn transactions_are_written_as_elle_reads_them() {
    let json = r#"{"process":0,"type":"invoke","f":"txn","value":[["append","x",1],["r",5,null]]}"#;
    let edn = converted(json, Format::Edn, 11).unwrap();
    assert_eq!(edn, "{:process 0, :type :invoke, :f :txn, :value [[:append \"x\" 1] [:r 5 nil]]}\n");
    let (log, _) = Log::from_text(&edn).unwrap();
    assert_eq!(log.operations()[0].end, End::Unknown);
}
