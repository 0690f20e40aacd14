//! `judge` from outside: verdicts, why, pictures, and files that are no history.

mod support;

#[expect(dead_code, reason = "shared with tests that use all of it")]
#[path = "support/place.rs"]
mod place;

use place::Place;

const GOOD: &str = "\
{:process 1, :type :invoke, :f :write, :value 1}
{:process 1, :type :ok, :f :write, :value 1}
{:process 2, :type :invoke, :f :cas, :value [1 2]}
{:process 2, :type :info, :f :cas, :value [1 2]}
{:process 3, :type :invoke, :f :read}
{:process 3, :type :ok, :f :read, :value 2}
";
/// The compare-and-set took effect, and then not.
const BAD: &str = "\
{:process 3, :type :invoke, :f :read}
{:process 3, :type :ok, :f :read, :value 1}
";

fn place() -> Place {
    let place = Place::new();
    place.write("good.edn", GOOD);
    place.write("bad.edn", &format!("{GOOD}{BAD}"));
    place.write("torn.edn", &GOOD[..60]);
    place
}

#[test]
fn a_history_is_linearizable_or_it_is_said_why_not() {
    let place = place();
    place
        .synod("judge good.edn --model cas-register")
        .exits(0)
        .says("✓ good.edn  linearizable")
        .says("by just-in-time");
    place
        .synod("judge bad.edn --model cas-register")
        .exits(1)
        .says("✗ bad.edn  not linearizable")
        .says("the first 7 events have an order, with the next there is none")
        .says("client 3 (line 7 to line 8): read = 1")
        .says("Value(Some(2)), the state being Some(2)");
    let judged = place.synod("judge bad.edn --model cas-register --json").exits(1).events();
    let part = &judged[0]["parts"][0];
    assert_eq!(
        (&part["verdict"], &part["line"], &part["explained_events"]),
        (&"violation".into(), &7.into(), &7.into())
    );
    // what a convention decides is told
    let unseen = "{:process 4, :type :invoke, :f :read}\n{:process 4, :type :ok, :f :read, :value nil}\n";
    place.write("unseen.edn", &format!("{GOOD}{unseen}"));
    place
        .synod("judge unseen.edn --model cas-register")
        .exits(0)
        .says("1 read of nothing: what was read counts as not known");
    place.synod("judge unseen.edn --model cas-register --nil-read empty").exits(1);
    // what never took effect cannot be read; of an operation that nobody heard of, it can
    let failed = GOOD.replace(":type :info", ":type :fail");
    place.write("failed.edn", &failed);
    place.synod("judge failed.edn --model cas-register").exits(1);
}

#[test]
fn many_files_are_judged_whatever_becomes_of_one() {
    let place = place();
    let all = place.synod("judge good.edn torn.edn bad.edn missing.edn --model cas-register");
    all.exits(2)
        .says("4 files: 1 linearizable, 1 not, 0 not known, 2 could not be read")
        .complains("torn.edn: line 2");
    place.synod("judge torn.edn --model cas-register").exits(2).complains("the text ends before `}`");
    place
        .synod("judge good.edn --model queue")
        .exits(2)
        .complains("line 2: `write` is nothing that is asked of a queue");
    place.synod("judge good.edn --model heap").exits(2).complains("no model is called `heap`");
    place.synod("judge good.edn").exits(2).complains("--model");
    place.synod("judge bad.edn --model cas-register --steps-max 0").exits(3).says("not known");
}

#[test]
fn a_violation_is_drawn() {
    let place = place();
    place.synod("judge bad.edn --model cas-register --svg v.svg --html v.html").exits(1);
    let read = |name: &str| std::fs::read_to_string(place.path().join(name)).expect("a picture");
    let (svg, html) = (read("v.svg"), read("v.html"));
    assert!(svg.starts_with("<svg") && svg.contains("line 7: read = 1") && svg.contains("#cf222e"));
    assert!(svg.contains("stroke-width=\"3\"") && html.contains("whatever came of the rest"));
    assert!(
        html.contains(&svg) && html.contains("no order") && !html.contains("http://")
            || html.contains("www.w3.org")
    );
}

#[test]
fn transactions_keep_a_level_or_an_anomaly_is_told() {
    let place = place();
    let begin_end = |client: u8, value: &str| {
        format!(
            "{{:process {client} :type :invoke :f :txn :value {value}}}\n{{:process {client} :type :ok :f :txn :value {value}}}\n"
        )
    };
    let stale = [begin_end(1, "[[:append x 1]]"), begin_end(2, "[[:r x nil] [:append y 1]]")].concat();
    place.write("stale.edn", &stale);
    place
        .synod("judge stale.edn --model list-append")
        .exits(1)
        .says("✗ stale.edn  not strict-serializable")
        .says("G-single (read skew), with the order of real time")
        .says("T1 read x before anything was written to it, and T0 appended 1")
        .says("T0 was over (line 2) before T1 began (line 3)");
    place
        .synod("judge stale.edn --model list-append --level serializable")
        .exits(0)
        .says("✓ stale.edn  nothing refutes serializable");
    place
        .synod("judge stale.edn --model list-append --strongest")
        .exits(0)
        .says("nothing refutes session-serializable");
    let judged = place.synod("judge stale.edn --model list-append --json").exits(1).events();
    assert_eq!(judged[0]["strongest"], serde_json::json!(["session-serializable"]));
    place
        .synod("judge stale.edn --model list-append --level linearizable")
        .exits(2)
        .complains("objects are linearizable");
    place
        .synod("judge good.edn --model cas-register --level serializable")
        .exits(2)
        .complains("kept by transactions");
    place.synod("judge stale.edn --model rw-register").exits(2).complains("line 1: `append` is nothing");
}

#[test]
fn a_history_is_written_in_another_format_and_judged_as_before() {
    let place = place();
    for format in ["json-lines", "edn", "json", "jepsen-log", "csv"] {
        place.synod(&format!("judge bad.edn --to {format} -o bad.{format}")).exits(0).complains("8 events");
        place.synod(&format!("judge bad.{format} --model cas-register")).exits(1).says("not linearizable");
    }
    place.synod("judge bad.csv --to edn").exits(0).says("{:process 1, :type :invoke, :f :write, :value 1}");
    // what a format cannot say is named, and no half of a file is left
    place.write("keyed.edn", "{:process 1 :type :invoke :f :read :key 5 :time 3}\n");
    place
        .synod("judge keyed.edn --to jepsen-log --out keyed.log")
        .exits(2)
        .complains("line 1: a log of Jepsen's cannot say which key an operation is of");
    assert!(!place.path().join("keyed.log").exists());
    place.synod("judge keyed.edn --to csv --without-times").exits(0).says("1,invoke,read,5,,");
    place.synod("judge good.edn bad.edn --to csv").exits(2).complains("--to takes one file");
    place.synod("judge good.edn --model register --to csv").exits(2).complains("--model says nothing to it");
    place.synod("judge good.edn --to yaml").exits(2).complains("no format is called `yaml`");
    // where formats are understood otherwise, how this one was is told
    let unseen = "{:process 4, :type :invoke, :f :read}\n{:process 4, :type :ok, :f :read, :value nil}\n";
    place.write("unseen.edn", unseen);
    place.synod("judge unseen.edn --to csv -o unseen.csv").exits(0).complains("--nil-read unseen");
}

#[test]
fn a_history_is_judged_while_it_grows() {
    let place = place();
    place.synod("judge good.edn --to json-lines -o good.jsonl").exits(0);
    place.synod("judge bad.edn --to json-lines -o bad.jsonl").exits(0);
    place
        .shell(&format!("{} judge - --follow --model cas-register < good.jsonl", env!("CARGO_BIN_EXE_synod")))
        .exits(0)
        .says("✓ -  linearizable so far  cas-register · 6 events · 3 operations on 1 object")
        .says("1 of unknown outcome");
    // it ends where the violation is certain, not where the file does: a file that grows has no end
    place
        .synod("judge bad.jsonl --follow --model cas-register")
        .exits(1)
        .says("✗ bad.jsonl  not linearizable")
        .says("client 3 (line 7 to line 8): read = 1")
        .says("1 operation of unknown outcome may have taken effect");
    let told = place.synod("judge bad.jsonl --follow --model cas-register --json").exits(1).events();
    assert_eq!((&told[0]["ended"], &told[0]["line"]), (&"violation".into(), &8.into()));
    place.synod("judge good.jsonl --follow --model list-append").exits(2).complains("judged as a whole");
    place.synod("judge good.jsonl --follow --model cas-register --level sequential").exits(2);
    place.synod("judge good.jsonl --follow --model cas-register --time-max 300ms").exits(0).says("so far");
}

#[test]
fn the_gallery_is_judged_as_it_is_known() {
    let place = place();
    place
        .synod("judge --gallery")
        .exits(0)
        .says("✓ write-skew  list-append: strong-snapshot-isolation, not serializable");
    place.synod("judge --gallery write-skew").exits(0).says("; source: Adya 1999").says("[:append y 1]");
    place.synod("judge --gallery nothing").exits(2).complains("the gallery has no history `nothing`");
}

#[test]
fn a_cycle_is_drawn_as_one() {
    let place = place();
    let skew = "{:process 1 :type :invoke :f :txn :value [[:r x nil] [:append y 1]]}
{:process 2 :type :invoke :f :txn :value [[:r y nil] [:append x 1]]}
{:process 1 :type :ok :f :txn :value [[:r x []] [:append y 1]]}
{:process 2 :type :ok :f :txn :value [[:r y []] [:append x 1]]}
";
    place.write("skew.edn", skew);
    place.synod("judge skew.edn --model list-append --svg skew.svg").exits(1);
    let svg = std::fs::read_to_string(place.path().join("skew.svg")).expect("a picture");
    assert!(svg.contains("line 1 comes before line 2") && svg.contains("line 2 comes before line 1"));
}
