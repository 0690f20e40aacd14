//! An algorithm in its setting, its types erased: what campaigns, sweeps and shrinking simulate. What is generic over the
//! process is made once per algorithm; all that is built on this trait is made once.

use crate::ground::{Length, length_of};
use crate::outcome::Outcome;
use crate::plan::Options;
use crate::run::{self, Prefix};
use std::io::{self, Write};
use std::sync::Arc;
use synod_kernel::trace::{Reader, TraceError, Written, check};
use synod_kernel::{Environment, Setting};
use synod_model::{Process, Value};
use synod_properties::{Monitor, Object, OperationKind, Operations, Property};

/// An algorithm in its setting, with what judges it.
pub trait Simulation: Send + Sync {
    /// The algorithm's name, as traces have it.
    fn algorithm(&self) -> &str;
    /// What its world may do.
    fn environment(&self) -> &Environment;
    /// What is promised.
    fn properties(&self) -> Vec<Property>;
    /// The kinds of operation that clients can ask for.
    fn kinds(&self) -> &'static [OperationKind];
    /// What judges the histories that clients saw.
    fn object(&self) -> Option<Object>;
    /// See [`run`](crate::run()).
    fn run(&self, seed: u64, options: &Options) -> Outcome;
    /// See [`trace_to`](crate::trace_to).
    ///
    /// # Errors
    /// If the trace cannot be written.
    fn trace_to(
        &self,
        seed: u64,
        options: &Options,
        to: &mut dyn Write,
    ) -> io::Result<(Outcome, Written<()>)>;
    /// See [`trace`](crate::trace).
    fn trace(&self, seed: u64, options: &Options) -> (Outcome, String) {
        run::collected(|to| self.trace_to(seed, options, to))
    }
    /// How many faults are planned for the run of this seed, and how many requests by seat.
    fn planned(&self, seed: u64, options: &Options) -> (usize, Vec<u32>);
    /// Takes the steps of a trace again.
    ///
    /// # Errors
    /// If they cannot be taken, or have other consequences.
    fn replay(&self, content: &str) -> Result<(), TraceError>;
}

/// What a [`Simulation`] is made of.
#[derive(Clone)]
pub struct Instance<P: Process, M> {
    /// The algorithm's name.
    pub algorithm: String,
    /// Its world.
    pub setting: Setting<P>,
    /// What judges it.
    pub monitor: M,
    /// What clients can ask of it, where there are workloads.
    pub operations: Option<Operations<P::Request, P::Indication>>,
    /// Of a process over links of its own making: how long a message is that they carry.
    carried: Option<Length>,
    /// Where its runs begin, if not at the start.
    prefix: Option<Arc<Prefix<P>>>,
}

impl<P: Process, M> Instance<P, M> {
    /// The algorithm of this name in this setting.
    pub fn new(algorithm: impl Into<String>, setting: Setting<P>, monitor: M) -> Self {
        Self { algorithm: algorithm.into(), setting, monitor, operations: None, carried: None, prefix: None }
    }

    /// The same, of which clients can ask for these operations.
    #[must_use]
    pub fn with_operations(self, operations: Operations<P::Request, P::Indication>) -> Self {
        Self { operations: Some(operations), ..self }
    }

    /// The same, of a process over links of its own making that carry messages of the type `C` for the layer above: what they cost
    /// is counted beside what that layer asks of them.
    #[must_use]
    pub fn carrying<C: Value>(self) -> Self {
        Self { carried: Some(length_of::<C>), ..self }
    }

    /// The same, whose runs all go on from where another stood.
    #[must_use]
    pub fn going_on_from(self, prefix: Prefix<P>) -> Self {
        Self { prefix: Some(Arc::new(prefix)), ..self }
    }

    fn subject(&self) -> run::Subject<'_, P, M> {
        run::Subject {
            monitor: &self.monitor,
            operations: self.operations.as_ref(),
            carried: self.carried,
            prefix: self.prefix.as_deref(),
        }
    }
}

impl<P: Process, M: Monitor<P::Request, P::Indication>> Simulation for Instance<P, M> {
    fn algorithm(&self) -> &str {
        &self.algorithm
    }

    fn environment(&self) -> &Environment {
        &self.setting.environment
    }

    fn properties(&self) -> Vec<Property> {
        self.monitor.properties()
    }

    fn kinds(&self) -> &'static [OperationKind] {
        self.operations.as_ref().map_or(&[], |operations| operations.kinds)
    }

    fn object(&self) -> Option<Object> {
        self.operations.as_ref().and_then(|operations| operations.object)
    }

    fn run(&self, seed: u64, options: &Options) -> Outcome {
        run::run_of(&self.setting, self.subject(), seed, options)
    }

    fn trace_to(
        &self,
        seed: u64,
        options: &Options,
        to: &mut dyn Write,
    ) -> io::Result<(Outcome, Written<()>)> {
        run::trace_to_of(&self.algorithm, &self.setting, self.subject(), seed, options, to)
    }

    fn planned(&self, seed: u64, options: &Options) -> (usize, Vec<u32>) {
        run::planned(&self.setting, seed, options)
    }

    fn replay(&self, content: &str) -> Result<(), TraceError> {
        check(content)?;
        let mut bytes = content.as_bytes();
        let mut reader = Reader::open(&mut bytes)?;
        let setting = reader.setting::<P>()?;
        reader.replay(&setting, |_| ()).map(|_| ())
    }
}
