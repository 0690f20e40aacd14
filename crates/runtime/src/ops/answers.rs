//! What operators are answered.

use super::http::Response;
use super::metrics::{self, Usage};
use super::{Known, Phase, Watch};
use crate::link::{LinkStatus, Transport};
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use synod_model::ProcessId;

/// How long whoever asks waits for new figures.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);
/// A node whose thread has not turned for so long is not well.
const TURN_MAX: Duration = Duration::from_secs(10);

/// Which node it is, and where it keeps what.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) algorithm: String,
    pub(crate) process: ProcessId,
    pub(crate) processes: usize,
    pub(crate) transport: Transport,
    pub(crate) directory: PathBuf,
    pub(crate) records: PathBuf,
    pub(crate) begun: Instant,
}

/// Answers requests.
pub(crate) struct Desk {
    pub(crate) about: About,
    pub(crate) watch: Arc<Watch>,
    /// Whether it was ready when it was last asked: 0 until then, 1 no, 2 yes.
    told: AtomicU8,
}

impl Desk {
    pub(crate) fn new(about: About, watch: Arc<Watch>) -> Self {
        Self { about, watch, told: AtomicU8::new(0) }
    }

    pub(crate) fn respond(&self, path: &str) -> Response {
        match path {
            "/metrics" => self.metrics(),
            "/healthz" => told(self.watch.ask(ANSWER_WITHIN).ill(Instant::now()), "it turns"),
            "/readyz" => self.ready(),
            _ => Response::text(404, "here are /metrics, /healthz and /readyz\n"),
        }
    }

    fn metrics(&self) -> Response {
        let known = self.watch.ask(ANSWER_WITHIN);
        let usage = Usage::of(&self.about);
        let ready = known.unready(&self.about, Instant::now()).is_empty();
        let body = metrics::encode(&self.about, &known, ready, usage);
        Response { status: 200, kind: metrics::CONTENT_TYPE, body }
    }

    fn ready(&self) -> Response {
        let unready = self.watch.ask(ANSWER_WITHIN).unready(&self.about, Instant::now());
        let now = 1 + u8::from(unready.is_empty());
        if self.told.swap(now, Ordering::Relaxed) != now {
            if unready.is_empty() {
                tracing::info!("ready");
            } else {
                tracing::info!("not ready: {}", unready.join("; "));
            }
        }
        told(unready, "ready")
    }
}

fn told(why_not: Vec<String>, well: &str) -> Response {
    if why_not.is_empty() {
        return Response::text(200, format!("{well}\n"));
    }
    let mut lines = why_not.join("\n");
    lines.push('\n');
    Response::text(503, lines)
}

impl Known {
    /// Why it should be started again, if it should.
    fn ill(&self, now: Instant) -> Vec<String> {
        match self.phase {
            Phase::Recovers => vec!["it has not begun: it reads its log".to_owned()],
            Phase::Runs => self.stuck(now).into_iter().collect(),
            // in bounded time
            Phase::Stops => vec![],
        }
    }

    fn stuck(&self, now: Instant) -> Option<String> {
        let waited = now.saturating_duration_since(self.asked_at?);
        (waited >= TURN_MAX).then(|| {
            format!(
                "the thread that owns the process has not turned for {} s: its disk, or a handler",
                waited.as_secs()
            )
        })
    }

    /// Why nobody should send it requests, if nobody should.
    pub(super) fn unready(&self, about: &About, now: Instant) -> Vec<String> {
        let mut why = match self.phase {
            Phase::Recovers => vec!["it reads its log".to_owned()],
            Phase::Runs => self.stuck(now).into_iter().collect(),
            Phase::Stops => vec!["it stops".to_owned()],
        };
        let Some((_, figures)) = self.figures.as_ref().filter(|_| self.phase == Phase::Runs) else {
            if why.is_empty() {
                why.push("it has not said yet how it is".to_owned());
            }
            return why;
        };
        if figures.status.outlived {
            why.push(crate::node::OUTLIVED.to_owned());
        }
        let links = &figures.status.links;
        let away: Vec<_> = links.iter().filter(|(_, link)| !reached(link, about.transport)).collect();
        let here = 1 + links.len() - away.len();
        if here <= about.processes / 2 {
            let mut text = format!("{here} of {} processes are connected, no majority:", about.processes);
            for (p, link) in away {
                let trouble = match &link.trouble {
                    _ if link.cut => "cut",
                    Some(trouble) => trouble,
                    None => "not heard of",
                };
                let _ = write!(text, " no {p} ({trouble})");
            }
            why.push(text);
        }
        why
    }
}

/// Whether a peer counts as connected. Datagrams have no connections: a peer that is owed nothing is not missed.
fn reached(link: &LinkStatus, transport: Transport) -> bool {
    !link.cut && (link.connected || (transport == Transport::Udp && link.unacknowledged == 0))
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::Figures;
    use super::*;
    use std::collections::BTreeMap;

    const HOUR: Duration = Duration::from_hours(1);

    pub(in crate::ops) fn about() -> About {
        About {
            algorithm: "ledger".to_owned(),
            process: ProcessId(0),
            processes: 3,
            transport: Transport::Tcp,
            directory: PathBuf::new(),
            records: PathBuf::new(),
            begun: Instant::now(),
        }
    }

    fn known(connected: [bool; 2]) -> Known {
        let link = |connected| LinkStatus { connected, ..LinkStatus::default() };
        let mut figures = Figures::default();
        figures.status.links =
            BTreeMap::from([1, 2].map(|p| (ProcessId(p), link(connected[p as usize - 1]))));
        Known { phase: Phase::Runs, figures: Some((Instant::now(), Arc::new(figures))), asked_at: None }
    }

    fn change(known: &mut Known, change: impl FnOnce(&mut Figures)) {
        let (_, figures) = known.figures.as_mut().unwrap();
        change(Arc::make_mut(figures));
    }

    #[test]
    fn it_is_ready_with_a_majority_and_says_what_is_missing() {
        let now = Instant::now();
        let unready = |known: &Known| known.unready(&about(), now).join("\n");
        assert_eq!(unready(&known([true, false])), "");
        let mut alone = known([false, false]);
        change(&mut alone, |figures| {
            let link = |p| ProcessId(p);
            figures.status.links.get_mut(&link(1)).unwrap().cut = true;
            figures.status.links.get_mut(&link(2)).unwrap().trouble = Some("refused".to_owned());
        });
        assert_eq!(
            unready(&alone),
            "1 of 3 processes are connected, no majority: no p1 (cut) no p2 (refused)"
        );
        let datagrams = About { transport: Transport::Udp, ..about() };
        assert_eq!(known([false, false]).unready(&datagrams, now), Vec::<String>::new());
        let mut outlived = known([true, true]);
        change(&mut outlived, |figures| figures.status.outlived = true);
        assert!(unready(&outlived).starts_with("it has stopped"), "{}", unready(&outlived));
        assert_eq!(unready(&Known { phase: Phase::Stops, ..known([true, true]) }), "it stops");
        assert_eq!(unready(&Known::default()), "it reads its log");
        assert!(!unready(&Known { figures: None, ..known([true, true]) }).is_empty());
    }

    #[test]
    fn it_is_ill_when_it_does_not_turn_and_not_while_it_stops() {
        let now = Instant::now();
        let asked = |at: Option<Instant>, phase| Known { phase, asked_at: at, ..known([true, true]) };
        let ill = |known: Known, at| !known.ill(at).is_empty();
        assert!(!ill(asked(Some(now), Phase::Runs), now + TURN_MAX / 2));
        assert!(ill(asked(Some(now), Phase::Runs), now + TURN_MAX));
        assert!(!asked(Some(now), Phase::Runs).unready(&about(), now + TURN_MAX).is_empty());
        assert!(!ill(asked(None, Phase::Runs), now + HOUR));
        assert!(!ill(asked(Some(now), Phase::Stops), now + HOUR));
        assert!(ill(Known::default(), now));
    }
}
