//! What a command is asked and told while it works: progress on standard error, and the user's Ctrl-C.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// Tells of progress, and knows whether to stop.
pub struct Watch {
    bar: ProgressBar,
    interrupted: Interrupt,
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
        Self { bar, interrupted }
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
    /// Listens for Ctrl-C: the first asks for a partial report, the second ends at once.
    pub fn listen() -> Self {
        let interrupt = Self::default();
        let set = interrupt.clone();
        let presses = AtomicU32::new(0);
        let listener = move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
            runtime.block_on(async {
                while tokio::signal::ctrl_c().await.is_ok() {
                    set.0.store(true, Ordering::Relaxed);
                    if presses.fetch_add(1, Ordering::Relaxed) > 0 {
                        std::process::exit(i32::from(crate::exit::Exit::Interrupted.code()));
                    }
                }
            });
        };
        // where no thread can be had, Ctrl-C ends the process as it always does
        let _ = std::thread::Builder::new().name("interrupt".to_owned()).spawn(listener);
        interrupt
    }

    /// Whether it was pressed.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
