//! A bug of this program, told to a human being.

use crate::exit::Exit;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};

/// Where the last panic was, and what it said. Only a panic that nobody catches is reported: the grounds catch those of
/// an algorithm's own assertions and make counterexamples of them.
static LAST: Mutex<String> = Mutex::new(String::new());

/// Does `work`; a panic in it is reported to a human being.
pub(crate) fn reporting(work: impl FnOnce() -> Exit) -> Exit {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(|info| {
        *LAST.lock().unwrap_or_else(PoisonError::into_inner) = info.to_string();
    }));
    let exit = panic::catch_unwind(AssertUnwindSafe(work));
    panic::set_hook(usual);
    exit.unwrap_or_else(|_| {
        report(&LAST.lock().unwrap_or_else(PoisonError::into_inner));
        Exit::Internal
    })
}

fn report(what: &str) {
    let command: Vec<_> = std::env::args().map(|word| crate::args::quote(&word)).collect();
    // where standard error is closed there is nobody to tell
    let _ = writeln!(
        anstream::stderr(),
        "error: this is a bug of the program, or an assertion of the algorithm that no ground could catch\n\
         \n  {}\n\n  command  {}\n  version  {} ({})\n\n\
         Please report these lines. Nothing that was printed before is wrong because of it; what is missing was not judged.",
        what.replace('\n', "\n  "),
        command.join(" "),
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_internal_error_and_its_place_is_kept() {
        assert_eq!(reporting(|| panic!("a bug of ours")), Exit::Internal);
        let last = LAST.lock().unwrap_or_else(PoisonError::into_inner).clone();
        assert!(last.contains("a bug of ours") && last.contains("internal.rs"), "{last}");
    }
}
