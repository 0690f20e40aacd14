//! What a command is asked and told while it works: progress on standard error, and the user's Ctrl-C.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use signal_hook::consts::SIGINT;
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Tells of progress, and knows whether to stop.
pub struct Watch {
    bar: ProgressBar,
    interrupted: Interrupt,
    /// How long to work between two times that it is written down how far it has come.
    pub save_every: Duration,
}

impl Watch {
    /// Shows `title` on standard error while it lives; nothing where that is no terminal.
    pub fn new(title: String, quiet: bool, interrupted: Interrupt) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template("{spinner} {prefix}  {msg}  {elapsed}");
        bar.set_style(style.expect("the template is well-formed"));
        bar.set_prefix(title);
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Self { bar, interrupted, save_every: Duration::from_mins(1) }
    }

    /// The same, with another time between two times that it is written down how far it has come, if one is given.
    #[must_use]
    pub fn saving(mut self, every: Option<Duration>) -> Self {
        self.save_every = every.unwrap_or(self.save_every);
        self
    }

    /// Tells how far it is.
    pub fn tell(&self, message: impl FnOnce() -> String) {
        if !self.bar.is_hidden() {
            self.bar.set_message(message());
        }
    }

    /// Whether the user wants to stop.
    pub fn interrupted(&self) -> bool {
        self.interrupted.is_set()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Whether the user pressed Ctrl-C. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens for Ctrl-C: the first asks for a partial report, the second ends the process at once.
    pub fn listen() -> Self {
        let interrupt = Self::default();
        let exit = i32::from(crate::exit::Exit::Interrupted.code());
        // in this order: the first press finds the flag down. Where there are no signals, Ctrl-C does what it always does
        let _ = flag::register_conditional_shutdown(SIGINT, exit, Arc::clone(&interrupt.0));
        let _ = flag::register(SIGINT, Arc::clone(&interrupt.0));
        interrupt
    }

    /// Lets Ctrl-C pass by: a terminal sends it to a cluster's nodes too, and those stop with their parent.
    pub fn ignore() {
        let _ = flag::register(SIGINT, Arc::new(AtomicBool::new(false)));
    }

    /// Whether it was pressed.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
