//! The figures of a node as Prometheus reads them: OpenMetrics text. docs/run/metrics.md has the table.

use super::answers::About;
use super::{Figures, Known, LATENCIES, Latencies};
use crate::link::{Dropped, LinkStatus};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::fmt::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What [`encode`] makes.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Files, by what they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Usage {
    /// Of the log: how many, and how many bytes they have.
    log: BTreeMap<String, (u64, u64)>,
    records: (u64, u64),
}

impl Usage {
    /// As the file system has them now. It is asked here, not by the thread that owns the process.
    pub(super) fn of(about: &About) -> Self {
        let mut usage = Self::default();
        for (name, length) in files(&about.directory) {
            let kind = match name.split_once('.').map_or("", |(kind, _)| kind) {
                "log" => "segment",
                kind @ ("spare" | "snapshot") => kind,
                _ => continue,
            };
            add(usage.log.entry(kind.to_owned()).or_default(), length);
        }
        let of_process = format!("{}.", about.process);
        for (_, length) in files(&about.records).filter(|(name, _)| name.starts_with(&of_process)) {
            add(&mut usage.records, length);
        }
        usage
    }
}

fn add((count, bytes): &mut (u64, u64), length: u64) {
    *count += 1;
    *bytes += length;
}

/// What is in a directory, by name, with its length. One that cannot be read has nothing in it.
fn files(directory: &Path) -> impl Iterator<Item = (String, u64)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.metadata().ok()?.len())))
}

/// All metrics.
pub(super) fn encode(about: &About, known: &Known, ready: bool, usage: Usage) -> String {
    let (age, figures) = match &known.figures {
        Some((at, figures)) => (Some(at.elapsed()), Arc::clone(figures)),
        None => (None, Arc::default()),
    };
    let page = Page { about: about.clone(), age, ready, usage, figures, now: Instant::now() };
    let mut registry = Registry::with_prefix("synod");
    registry.register_collector(Box::new(page));
    let mut body = String::new();
    text::encode(&mut body, &registry).expect("text can be written to memory");
    body
}

#[derive(Debug)]
struct Page {
    about: About,
    now: Instant,
    age: Option<Duration>,
    ready: bool,
    usage: Usage,
    figures: Arc<Figures>,
}

type Labels = Vec<(&'static str, String)>;

/// Writes metrics, one after the other.
struct Sheet<'a>(DescriptorEncoder<'a>);

impl Sheet<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: f64) -> Result<(), Error> {
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
    }

    fn whole(&mut self, name: &str, help: &str, value: u64) -> Result<(), Error> {
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
    }

    fn flag(&mut self, name: &str, help: &str, value: bool) -> Result<(), Error> {
        self.whole(name, help, value.into())
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> Result<(), Error> {
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        encoder.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    /// One of a kind, for each of the labels.
    fn family(
        &mut self,
        (name, help, kind): (&str, &str, MetricType),
        values: impl IntoIterator<Item = (Labels, u64)>,
    ) -> Result<(), Error> {
        let mut encoder = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in values {
            let mut encoder = encoder.encode_family(&labels)?;
            match kind {
                MetricType::Counter => encoder.encode_counter::<NoLabelSet, _, u64>(&value, None)?,
                _ => encoder.encode_gauge(&value)?,
            }
        }
        Ok(())
    }

    fn histogram(&mut self, name: &str, help: &str, latencies: &Latencies) -> Result<(), Error> {
        let bounds = LATENCIES.iter().map(|&micros| Duration::from_micros(micros).as_secs_f64());
        // the encoder takes the greatest number for no bound
        let buckets: Vec<_> = bounds.chain([f64::MAX]).zip(latencies.classes).collect();
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        let (total, count) = (latencies.total.as_secs_f64(), latencies.count());
        encoder.encode_histogram::<NoLabelSet>(total, count, &buckets, None)
    }
}

impl Collector for Page {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut sheet = Sheet(encoder);
        self.about(&mut sheet)?;
        self.process(&mut sheet)?;
        self.disk(&mut sheet)?;
        self.clients(&mut sheet)?;
        self.links(&mut sheet)
    }
}

impl Page {
    fn about(&self, sheet: &mut Sheet<'_>) -> Result<(), Error> {
        // not the number of the cluster: whoever knows that may command the node
        let labels: Labels = vec![
            ("algorithm", self.about.algorithm.clone()),
            ("process", self.about.process.to_string()),
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        let help = "Which node this is";
        sheet.0.encode_descriptor("node", help, None, MetricType::Info)?.encode_info(&labels)?;
        let since = self.now.saturating_duration_since(self.about.begun).as_secs_f64();
        sheet.gauge("uptime_seconds", "How long ago the node was started", since)?;
        sheet.flag("ready", "Whether requests should be sent to it", self.ready)?;
        if let Some(age) = self.age {
            let help = "How old these figures are: the thread that owns the process makes them when it turns";
            sheet.gauge("figures_age_seconds", help, age.as_secs_f64())?;
        }
        Ok(())
    }

    fn process(&self, sheet: &mut Sheet<'_>) -> Result<(), Error> {
        let Figures { status, waiting, waiting_bytes, .. } = &*self.figures;
        sheet.whole("incarnation", "The durable number of this start", status.incarnation)?;
        let help = "Whether its process stopped before, and by its model does not come back";
        sheet.flag("outlived", help, status.outlived)?;
        let help = "Whether a peer has refused another node that claims to be this one";
        sheet.flag("challenged", help, status.challenged.is_some())?;
        sheet.counter("handlers", "Events that the process has handled", status.handlers)?;
        sheet.counter("stores", "Writes that the process made", status.stores)?;
        sheet.whole("inbox_inputs", "Inputs that wait for their turn", *waiting as u64)?;
        sheet.whole("inbox_bytes", "Bytes of the messages among them", *waiting_bytes as u64)
    }

    fn disk(&self, sheet: &mut Sheet<'_>) -> Result<(), Error> {
        let Figures { status, syncs, writes, snapshots, .. } = &*self.figures;
        sheet.counter("syncs", "Times that the log was synced", status.syncs)?;
        sheet.histogram("sync_seconds", "How long it took to write and sync a batch of the log", syncs)?;
        sheet.whole("log_writes", "Writes that are durable, those in snapshots too", *writes)?;
        sheet.counter("snapshots", "Snapshots that were made of the disk", *snapshots)?;
        let log = |number: fn(&(u64, u64)) -> u64| {
            let each = self.usage.log.iter();
            each.map(move |(kind, usage)| (vec![("kind", kind.clone())], number(usage)))
        };
        let files = ("log_files", "Files of the log", MetricType::Gauge);
        sheet.family(files, log(|(count, _)| *count))?;
        let bytes = ("log_bytes", "Bytes of them", MetricType::Gauge);
        sheet.family(bytes, log(|(_, bytes)| *bytes))?;
        let (files, bytes) = self.usage.records;
        sheet.whole("record_files", "Files with records of its runs", files)?;
        sheet.whole("record_bytes", "Bytes of them", bytes)
    }

    fn clients(&self, sheet: &mut Sheet<'_>) -> Result<(), Error> {
        let Figures { tally, clients, congested, .. } = &*self.figures;
        sheet.whole("clients", "Clients that are connected", *clients as u64)?;
        let requests = [("taken", tally.requests_taken), ("refused", tally.requests_refused)]
            .map(|(what, count)| (vec![("outcome", what.to_owned())], count));
        sheet.family(("requests", "Requests of clients", MetricType::Counter), requests)?;
        let help = "Whether requests wait because a peer that lives is behind";
        sheet.flag("congested", help, *congested)
    }

    fn links(&self, sheet: &mut Sheet<'_>) -> Result<(), Error> {
        use MetricType::{Counter, Gauge};
        let Figures { status, tally, .. } = &*self.figures;
        let peer = |p: &synod_model::ProcessId| vec![("peer", p.to_string())];
        let sent = status.links.keys().map(|p| (peer(p), tally.traffic(*p).sent));
        sheet.family(("messages_sent", "Messages handed to the link to a peer", Counter), sent)?;
        let received = status.links.keys().map(|p| (peer(p), tally.traffic(*p).received));
        sheet.family(("messages_received", "Messages of a peer that were handled", Counter), received)?;
        let kinds: [(_, _, _, fn(&LinkStatus) -> u64); 8] = [
            ("link_connected", "Whether there is a connection to a peer", Gauge, |link| {
                link.connected.into()
            }),
            ("link_cut", "Whether the link is cut by order", Gauge, |link| link.cut.into()),
            ("link_unacknowledged", "Messages that are not acknowledged", Gauge, |link| {
                link.unacknowledged as u64
            }),
            ("link_queued_bytes", "About how many bytes they have", Gauge, |link| link.queued_bytes as u64),
            ("link_connections", "Connections to a peer that there have been", Counter, |link| {
                link.connections
            }),
            ("link_lost", "Messages that were lost with old incarnations of a peer", Counter, |link| {
                link.lost
            }),
            ("link_outside_model", "Messages dropped because a bound was reached", Counter, |link| {
                link.outside_model
            }),
            ("link_sessions_closed", "Sessions that ended because a bound was reached", Counter, |link| {
                link.sessions_closed
            }),
        ];
        for (name, help, kind, number) in kinds {
            let each = status.links.iter().map(|(p, link)| (peer(p), number(link)));
            sheet.family((name, help, kind), each)?;
        }
        let strangers = [("stranger".to_owned(), status.strangers)];
        let of_peers = status.links.iter().map(|(p, link)| (p.to_string(), link.dropped));
        let all = of_peers.chain(strangers).flat_map(|(from, dropped)| drops(from, dropped));
        sheet.family(("dropped", "What arrived and was dropped", Counter), all)
    }
}

fn drops(from: String, dropped: Dropped) -> impl Iterator<Item = (Labels, u64)> {
    let Dropped { malformed, oversized, forged, replayed, foreign, surplus } = dropped;
    let kinds = [
        ("malformed", malformed),
        ("oversized", oversized),
        ("forged", forged),
        ("replayed", replayed),
        ("foreign", foreign),
        ("surplus", surplus),
    ];
    kinds
        .into_iter()
        .map(move |(kind, count)| (vec![("from", from.clone()), ("kind", kind.to_owned())], count))
}

#[cfg(test)]
mod tests {
    use super::super::{Phase, Tally};
    use super::*;
    use synod_model::{Group, ProcessId};

    #[test]
    fn all_figures_are_there_and_in_order() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["log.1", "log.2", "spare.1", "lock", "p0.1.jsonl", "p00.1.jsonl"] {
            fs::write(directory.path().join(name), "12345").unwrap();
        }
        let about = About {
            directory: directory.path().to_owned(),
            records: directory.path().to_owned(),
            ..super::super::answers::tests::about()
        };
        let mut figures = Figures { tally: Tally::new(Group::first(2)), ..Figures::default() };
        let peer = ProcessId(1);
        figures.status.links.insert(peer, LinkStatus { connected: true, ..LinkStatus::default() });
        figures.status.strangers.forged = 3;
        (0..5).for_each(|_| figures.tally.sent(peer));
        figures.tally.received(ProcessId(9));
        figures.syncs.add(Duration::from_millis(2));
        figures.syncs.add(Duration::from_mins(1));
        let known =
            Known { phase: Phase::Runs, figures: Some((Instant::now(), Arc::new(figures))), asked_at: None };
        let text = encode(&about, &known, true, Usage::of(&about));
        for line in [
            "# TYPE synod_handlers counter",
            "synod_handlers_total 0",
            "synod_node_info{algorithm=\"ledger\",process=\"p0\",",
            "synod_ready 1",
            "synod_messages_sent_total{peer=\"p1\"} 5",
            "synod_messages_received_total{peer=\"p1\"} 0",
            "synod_link_connected{peer=\"p1\"} 1",
            "synod_dropped_total{from=\"stranger\",kind=\"forged\"} 3",
            "synod_sync_seconds_count 2",
            "synod_sync_seconds_bucket{le=\"0.001\"} 0",
            "synod_sync_seconds_bucket{le=\"0.0025\"} 1",
            "synod_sync_seconds_bucket{le=\"+Inf\"} 2",
            "synod_log_files{kind=\"segment\"} 2",
            "synod_log_bytes{kind=\"segment\"} 10",
            "synod_log_files{kind=\"spare\"} 1",
            "synod_record_files 1",
            "synod_record_bytes 5",
        ] {
            assert!(text.lines().any(|l| l.starts_with(line)), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
        // before it runs there are none, and the page is one all the same
        let none = encode(&about, &Known::default(), false, Usage::default());
        assert!(none.contains("synod_ready 0\n") && !none.contains("figures_age"), "{none}");
    }
}
