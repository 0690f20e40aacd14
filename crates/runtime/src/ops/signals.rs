//! How the OS process of a node is told to end.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::{emulate_default_handler, signal_name};
use std::io;
use std::thread;
use std::time::Duration;

/// How long after what it may take to stop an OS process ends that is not done.
const GRACE: Duration = Duration::from_secs(5);

/// Calls `stop` at the first SIGTERM, and at the first SIGINT if that is meant for this process alone. The second
/// signal ends the process at once, and so does time: so long after the first, and [`GRACE`].
pub(crate) fn heed(alone: bool, stop_within: Duration, stop: impl Fn() + Send + 'static) -> io::Result<()> {
    let heeded: &[_] = if alone { &[SIGTERM, SIGINT] } else { &[SIGTERM] };
    let mut signals = Signals::new(heeded)?;
    let run = move || {
        let mut signals = signals.forever();
        let Some(first) = signals.next() else { return };
        tracing::info!(signal = signal_name(first), "told to stop");
        stop();
        let overdue = move || {
            thread::sleep(stop_within.saturating_add(GRACE));
            tracing::error!("not done in time: ended");
            let _ = emulate_default_handler(first);
        };
        let _ = thread::Builder::new().name("overdue".to_owned()).spawn(overdue);
        if let Some(second) = signals.next() {
            tracing::warn!(signal = signal_name(second), "told again: ended at once");
            let _ = emulate_default_handler(second);
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(run).map(drop)
}
