//! Write a distributed algorithm once, as a pure state machine against an explicit system model; simulate it, check it,
//! and run it as a cluster of OS processes.
//!
//! ```
//! use synod::prelude::*;
//!
//! /// Counts the greetings that it hears.
//! #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
//! struct Greeter(u32);
//!
//! impl Process for Greeter {
//!     type Model = (CrashStop, Perfect, Asynchronous);
//!     type Parameters = ();
//!     type Request = ();
//!     type Indication = u32;
//!     type Message = String;
//!
//!     fn on_init(_: &(), _: &mut impl Context<Self>) -> Self {
//!         Self(0)
//!     }
//!
//!     fn on_request(&mut self, (): (), ctx: &mut impl Context<Self>) {
//!         ctx.broadcast(&"hello".to_owned());
//!     }
//!
//!     fn on_message(&mut self, _: ProcessId, _: String, ctx: &mut impl Context<Self>) {
//!         self.0 += 1;
//!         ctx.indicate(self.0);
//!     }
//!
//!     no_timers!();
//!     no_storage!();
//! }
//! ```
//!
//! An [`Algorithm`] says besides what is asked of the processes and what judges them; [`main!`] then makes a program of
//! it, with `sim`, `check`, `run`, `verify` and all else that the command line has. `examples/` has a whole crate.

/// The model: processes, contexts, the axes. `use synod::prelude::*;` has what an algorithm's file needs of it.
pub use synod_model as model;

/// Environments, worlds and traces.
pub use synod_kernel as kernel;

/// What writes and reads values. A crate that depends on this one alone derives with
/// `#[derive(Serialize, Deserialize)] #[serde(crate = "synod::serde")]`.
pub use serde;

/// Monitors, and the library's properties by their names in the literature.
pub use synod_properties as properties;

/// The command line.
#[cfg(feature = "cli")]
pub use synod_cli as cli;

pub use synod_kernel::Environment;
pub use synod_model::interface;
pub use synod_properties::{Algorithm, GroundKind, Scale, Twin};

/// What an algorithm's file imports, with its properties and its worlds.
pub mod prelude {
    pub use synod_kernel::{Budget, Environment};
    pub use synod_model::prelude::*;
    pub use synod_properties::{
        Algorithm, GroundKind, Monitor, Obligation, Observation, Property, Scale, Twin, Violation, usual,
    };
}

/// The `main` of a program for one's own algorithms: `synod::main!(MyAlgorithm);`, each of them an [`Algorithm`].
///
/// The program simulates, checks and runs them, as `synod` does the library's: `cargo run -- --help`.
#[cfg(feature = "cli")]
#[macro_export]
macro_rules! main {
    ($($algorithm:ty),+ $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::cli::main(::std::vec![$($crate::cli::Entry::new::<$algorithm>()),+])
        }
    };
}
