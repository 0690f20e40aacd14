//! The grammar of `judge`.

use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;
use synod_judge::consistency;
use synod_judge::format::Format;
use synod_judge::judgement::Model;
use synod_judge::transactions::{self, Workload};
use synod_kernel::environment::duration;

/// `judge`.
#[derive(Clone, Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct Judge {
    /// The files, in any of the formats; `-` is standard input.
    #[arg(required_unless_present = "gallery", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The object that the operations are of; or list-append, rw-register, long-fork, bank: what transactions do.
    #[arg(long, value_name = "MODEL", value_parser = model, required_unless_present_any = ["to", "gallery"])]
    pub model: Option<Subject>,
    /// What is asked: of objects linearizable (unless given), sequential, causal, pram, regular, versions:K, ..; of transactions
    /// read-committed, snapshot-isolation, serializable, .. (strict-serializable, unless given).
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    pub level: Option<Level>,
    /// Which are the strongest levels that hold (of transactions: that nothing refutes)? An answer, and no failure.
    #[arg(long, conflicts_with = "level")]
    pub strongest: bool,
    /// Of a cas-register: a compare-and-set that failed, has it compared, or never been? As the format has it, unless given.
    #[arg(long, value_name = "HOW")]
    pub failed_cas: Option<FailedCas>,
    /// Of a cas-register: a read that returned nothing, was nothing written, or is it not known what it read? As the format has it, unless given.
    #[arg(long, value_name = "HOW")]
    pub nil_read: Option<NilRead>,
    /// Give up on objects after this time for all files.
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub time_max: Option<Duration>,
    /// Give up on an object after so many choices of what takes effect next.
    #[arg(long, value_name = "N", default_value_t = 100_000_000)]
    pub steps_max: u64,
    /// Give up on an object when it takes about so many MiB to remember what was tried.
    #[arg(long, value_name = "MIB", default_value_t = 2048)]
    pub memory_max: usize,
    /// Draw the first violation (the whole history, where there is none) there: a picture.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// The same as a page of its own, in which one can zoom.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Judge a history while it grows: a violation is told as soon as it is certain. Of a file until Ctrl-C or --time-max.
    #[arg(long, conflicts_with_all = ["strongest", "svg", "html"])]
    pub follow: bool,
    /// Judge nothing, but write the history in another format: json-lines, edn, json, jepsen-log, csv.
    #[arg(long, value_name = "FORMAT", value_parser = str::parse::<Format>)]
    pub to: Option<Format>,
    /// Write it there, not to standard output.
    #[arg(long, short, value_name = "FILE", requires = "to")]
    pub out: Option<PathBuf>,
    /// Leave out when events were, which a log of Jepsen's cannot say.
    #[arg(long, requires = "to")]
    pub without_times: bool,
    /// Judge the histories of the literature, and show those of these NAMEs.
    #[arg(long, value_name = "NAME", num_args = 0.., conflicts_with_all = ["files", "model", "level", "strongest", "follow", "to"])]
    pub gallery: Option<Vec<String>>,
}

impl Judge {
    /// What the history is of.
    ///
    /// # Panics
    /// Where nothing is judged: the grammar asks for it elsewhere.
    pub fn subject(&self) -> Subject {
        self.model.expect("the grammar asks for it")
    }
}

/// What a history is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Objects.
    Objects(Model),
    /// Transactions.
    Transactions(Workload),
}

/// What a history shall keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Of objects.
    Consistency(consistency::Level),
    /// Of transactions.
    Isolation(transactions::Level),
}

/// What a compare-and-set that failed did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailedCas {
    /// It compared, and saw another value.
    Compared,
    /// It never took effect.
    Never,
}

/// What a read that returned nothing says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NilRead {
    /// Nothing was written yet.
    Empty,
    /// Nobody knows what it read.
    Unseen,
}

const AFTER_HELP: &str = "\
Models: register (read, write), cas-register (also cas), counter (read, add, ..), set (add, remove, contains, read),
queue (enqueue, dequeue), stack (push, pop), lock and owned-lock (acquire, release), list (append, read),
kv (get, put, append, by key), etcd (get, put, delete, put-if, with revisions): linearizable or not.
Levels of registers: sequential, causal+, causal, weak-causal, pram, read-your-writes, monotonic-reads, monotonic-writes,
writes-follow-reads, eventual, regular, safe, versions:K, time:NANOSECONDS; sequential of every object.
Transactions: list-append ([:append k v], [:r k [..]]), rw-register ([:w k v], [:r k v]): anomalies, levels of isolation; long-fork, bank.
Formats are found out: JSON Lines, EDN and JSON of Jepsen, Knossos and Elle, logs of Jepsen, CSV (docs/judge.md).

  judge history.edn --model cas-register
  judge runs/*.jsonl --model kv --html violation.html
  judge transactions.edn --model list-append --level snapshot-isolation
  judge history.edn --to csv -o history.csv
  tail -f history.jsonl | synod judge - --follow --model register
  judge --gallery write-skew";

fn model(name: &str) -> Result<Subject, String> {
    if let Some(&workload) = Workload::ALL.iter().find(|workload| workload.name() == name) {
        return Ok(Subject::Transactions(workload));
    }
    let unknown = |what| format!("{what}; of transactions: list-append, rw-register, long-fork, bank");
    name.parse().map(Subject::Objects).map_err(unknown)
}

fn level(name: &str) -> Result<Level, String> {
    if let Some(level) = transactions::Level::ALL.into_iter().find(|level| level.name() == name) {
        return Ok(Level::Isolation(level));
    }
    name.parse().map(Level::Consistency).map_err(|what: String| {
        let names: Vec<_> = transactions::Level::ALL.iter().map(|level| level.name()).collect();
        format!("{what}; of transactions: {}", names.join(", "))
    })
}
