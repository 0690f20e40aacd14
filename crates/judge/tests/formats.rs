//! Histories in all formats: the same from each, and what is none is refused where it goes wrong.

use synod_judge::format::{Format, ReadError};
use synod_judge::judgement::{Model, conventions, judge};
use synod_judge::log::{End, Log, LogError};
use synod_judge::{Budget, Client, Value};

const EDN: &str = "; a register
[{:process 1, :type :invoke, :f :write, :value 5, :index 0}
 {:process 2, :type :invoke, :f :read, :value nil, :index 1}
 {:process :nemesis, :type :info, :f :kill, :value \"n1\"}
 {:process 1, :type :ok, :f :write, :value 5, :index 2}
 {:process 2, :type :ok, :f :read, :value 5, :index 3}
 #_{:process 9 :type :ok :f :read}
 {:process 1, :type :invoke, :f :cas, :value [5 6], :time 7, :index 4}
 {:process 1, :type :info, :f :cas, :value [5 6], :error \"timed \\\"out\\\"\", :index 5}]
";
const EDN_LINES: &str = "#jepsen.history.Op{:process 1, :type :invoke, :f :write, :value 5}
{:process 2 :type :invoke :f :read}
{:process 1 :type :ok :f :write :value 5}
{:process 2 :type :ok :f :read :value 5}
{:process 1 :type :invoke :f :cas :value (5 6)}
{:process 1 :type :info :f :cas :value (5 6)}
";
const JSON: &str = r#"[{"process":1,"type":"invoke","f":"write","value":5},
{"process":2,"type":"invoke","f":"read","value":null},
{"process":1,"type":"ok","f":"write","value":5},
{"process":2,"type":"ok","f":"read","value":5},
{"process":1,"type":"invoke","f":"cas","value":[5,6]},
{"process":1,"type":"info","f":"cas","value":[5,6]}]"#;
const JEPSEN: &str = "INFO  jepsen.core - hello
INFO  jepsen.util - 1\t:invoke\t:write\t5
INFO  jepsen.util - 2\t:invoke\t:read\tnil
INFO  jepsen.util - :nemesis\t:info\t:start\tnil
INFO  jepsen.util - 1\t:ok\t:write\t5
INFO  jepsen.util - 2\t:ok\t:read\t5
INFO  jepsen.util - 1\t:invoke\t:cas\t[5 6]
INFO  jepsen.util - 1\t:info\t:cas\t:timed-out
";
const JSON_LINES: &str = r#"{"invoke":{"client":1,"operation":{"write":5}}}
{"invoke":{"client":2,"operation":"read"}}
{"return":{"client":1,"outcome":{"ok":"written"}}}
{"return":{"client":2,"outcome":{"ok":{"value":5}}}}
{"invoke":{"client":1,"operation":{"cas":[5,6]}}}
{"return":{"client":1,"outcome":"unknown"}}
"#;
const CSV: &str = "client,kind,function,key,value,at
1,invoke,write,,5,
2,invoke,read,,,
1,ok,write,,5,
2,ok,read,,5,
1,invoke,cas,,\"[5,6]\",
1,info,cas,,,
";
const ALL: [(&str, Format); 6] = [
    (EDN, Format::Edn),
    (EDN_LINES, Format::Edn),
    (JSON, Format::Json),
    (JEPSEN, Format::JepsenLog),
    (JSON_LINES, Format::JsonLines),
    (CSV, Format::Csv),
];

#[test]
fn one_history_is_the_same_in_every_format() {
    for (text, format) in ALL {
        let (log, found) = Log::from_text(text).unwrap_or_else(|e| panic!("{format}: {e}"));
        assert_eq!(found, format);
        let told = log.operations().iter().map(|o| (o.client, &*o.function, o.argument.clone()));
        let five_six = Value::Sequence(vec![5.into(), 6.into()]);
        let expected =
            [(Client(1), "write", 5.into()), (Client(2), "read", Value::Nil), (Client(1), "cas", five_six)];
        assert_eq!(told.collect::<Vec<_>>(), expected, "{format}");
        assert_eq!(log.operations()[1].end, End::Ok(5.into()), "{format}");
        assert_eq!(log.operations()[2].end, End::Unknown, "{format}");
        let judgement = judge(&log, Model::CasRegister, conventions(format), Budget::default()).unwrap();
        assert_eq!(judgement.holds(), Some(true), "{format}");
    }
}

/// What is wrong with a text, in words.
fn refused(text: &str) -> String {
    Log::from_text(text).expect_err(text).to_string()
}

#[test]
fn what_is_no_history_is_refused_where_it_goes_wrong() {
    let cases = [
        ("", "there are no events in it"),
        ("hello", "this is no history in a format that is known"),
        ("[]", "there are no events in it"),
        ("[{:process 1 :type :invoke :f :read}", "line 1, column 37: the text ends before `]`"),
        ("{:process 1 :type :invoke\n :f }", "line 2, column 2: the key `f` has no value"),
        ("{:process 1 :type :begin :f :read}", "line 1, column 1: `begin` is no type"),
        ("{:process 1 :f :read}", "line 1, column 1: an event has a `type`"),
        ("{:process -1 :type :ok :f :read}", "no client has the number -1"),
        ("{:process 1 :process 2}", "line 1, column 13: the key `process` stands twice"),
        ("{:process 1 :type \"inv", "line 1, column 19: a string does not end"),
        ("[17]", "line 1, column 2: an event is a map, not `17`"),
        (
            "{:process 1 :type :ok :f :read :value 3}",
            "line 1: client 1 ends an operation that it did not invoke",
        ),
        ("[{\"process\":1,\"type\":\"invoke\"", "line 1, column 29: EOF"),
        ("{\"invoke\":{\"client\":1}}", "line 1, column 22: not an event of a history"),
        ("client,kind,function,key,value,at\n1,invoke,read,,", "line 2, column 1: a row has 6 fields"),
        ("client,kind,function,key,value,at\nx,invoke,read,,,", "line 2, column 1: `x` is no client"),
        (
            "client,kind,function,key,value,at\n1,invoke,write,,\"5,",
            "line 2, column 17: a double quote does not end",
        ),
        ("INFO  jepsen.util - 1\t:went\t:read\tnil", "line 1, column 23: `:went` is no type"),
        ("INFO  jepsen.util - 1\t:invoke\t:cas\t[1 2", "line 1, column 40: the text ends before `]`"),
    ];
    for (text, what) in cases {
        let error = refused(text);
        assert!(error.contains(what), "{text:?}: {error}");
    }
    let deep = format!("[{{:process 1 :type :invoke :f :write :value {}", "[".repeat(100_000));
    assert!(refused(&deep).contains("more than 64 deep"));
}

#[test]
fn a_client_has_one_operation_at_a_time() {
    let twice = "{:process 3 :type :invoke :f :read}\n{:process 3 :type :invoke :f :read}";
    let error = Log::from_text(twice).unwrap_err();
    assert_eq!(error, ReadError::Log(LogError::InvokesTwice { line: 2, client: Client(3), invoked: 1 }));
    let other = "{:process 3 :type :invoke :f :read}\n{:process 3 :type :ok :f :write}";
    assert!(refused(other).contains("client 3 ends `write`, but line 1 invokes `read`"));
}

#[test]
fn what_means_nothing_to_a_model_is_refused_with_its_line() {
    let (log, format) = Log::from_text(EDN).unwrap();
    let judged = |model| judge(&log, model, conventions(format), Budget::default());
    let error = judged(Model::Register).unwrap_err();
    assert_eq!(error.to_string(), "line 9: `cas` is nothing that is asked of a register: read, write");
    assert!(judged(Model::Queue).unwrap_err().to_string().contains("enqueue, dequeue"));
}

#[test]
fn clocks_that_go_back_are_counted_and_do_not_count() {
    let text = "{:process 1 :type :invoke :f :read :time 9}\n{:process 1 :type :ok :f :read :time 3}";
    assert_eq!(Log::from_text(text).unwrap().0.clock_went_back(), 1);
}

/// Texts with bytes changed, cut, doubled: an error or a history, whatever it is.
#[test]
fn no_text_makes_a_reader_panic() {
    let mut random = synod_judge::generate::Random::new(7);
    for round in 0..6_000 {
        let (text, _) = ALL[round % ALL.len()];
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..=random.below(6) {
            let at = random.below(bytes.len() as u64) as usize;
            match random.below(4) {
                0 => bytes[at] = b"[](){}\":;,\\#n 0-\t\n"[random.below(18) as usize],
                1 => bytes.truncate(at + 1),
                2 => bytes.extend_from_within(at..),
                _ => drop(bytes.remove(at)),
            }
            if bytes.is_empty() {
                bytes.push(b' ');
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Ok((log, format)) = Log::from_text(&text) {
            for model in Model::ALL {
                let _ = judge(&log, model, conventions(format), Budget::steps(10_000));
            }
        }
        for (_, format) in ALL {
            let _ = Log::read(&text, format);
        }
    }
}
