//! What clients may expect of a cluster while it runs, from what they see of it in JSON.

use serde::de::DeserializeOwned;
use serde_json::Value;
use synod_kernel::Observed;
use synod_model::Process;
use synod_properties::{Monitor, Obligation, Observation};

/// Watches a cluster as a client does, and knows what it owes.
///
/// What clients see is not the order of the run, so what a violation is, they do not know: that is judged from the
/// records.
pub trait Oversight: Send {
    /// Something was seen.
    fn see(&mut self, seen: &Observed<Value, Value>);

    /// What is owed now.
    fn owed(&self) -> Vec<Obligation>;
}

/// A monitor of the process `P`, as a watch.
pub fn oversight<P: Process>(
    monitor: impl Monitor<P::Request, P::Indication> + Send + 'static,
) -> Box<dyn Oversight> {
    Box::new(Overseer::<P, _> { monitor, process: std::marker::PhantomData })
}

struct Overseer<P, M> {
    monitor: M,
    process: std::marker::PhantomData<fn() -> P>,
}

impl<P: Process, M: Monitor<P::Request, P::Indication> + Send> Oversight for Overseer<P, M> {
    fn see(&mut self, seen: &Observed<Value, Value>) {
        // a value that is none of this algorithm's was refused by the node
        let seen = match seen {
            Observed::Request(at, value) => read(value).map(|request| Observed::Request(*at, request)),
            Observed::Indication(at, value) => read(value).map(|told| Observed::Indication(*at, told)),
            Observed::Crash(at) => Some(Observed::Crash(*at)),
            Observed::Recover(at) => Some(Observed::Recover(*at)),
            Observed::Corrupt(at) => Some(Observed::Corrupt(*at)),
        };
        if let Some(seen) = seen {
            let _ = self.monitor.observe(&Observation::of(&seen));
        }
    }

    fn owed(&self) -> Vec<Obligation> {
        let mut owed = Vec::new();
        self.monitor.owed(&mut |debt| owed.push(debt));
        owed
    }
}

fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}
