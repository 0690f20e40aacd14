//! What an adapter is: it makes requests to a process of what clients ask, and answers of what the process tells.

use crate::wire::{Body, Fault};
use serde_json::Value;
use synod_model::Process;

/// What clients ask in one of Maelstrom's workloads, as requests to a process.
pub trait Workload {
    /// The process that does the work.
    type Process: Process;

    /// What all of its processes know.
    fn parameters(&self) -> <Self::Process as Process>::Parameters;

    /// A client asks something: it is answered at once, or later, or the process is asked.
    fn ask(&mut self, asked: &Asked<'_>, desk: &mut Desk<Self::Process>) -> Result<(), Fault>;

    /// The process tells something.
    fn told(&mut self, indication: <Self::Process as Process>::Indication, desk: &mut Desk<Self::Process>);
}

/// Who asked, in which message.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    pub(crate) name: String,
    pub(crate) message: Value,
}

/// What a client asks.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The name of the node that is asked.
    pub node: &'a str,
    /// Who asks.
    pub caller: &'a Caller,
    /// What: the type of the message.
    pub kind: &'a str,
    pub(crate) body: &'a Body,
}

impl Asked<'_> {
    /// A field of the request.
    ///
    /// # Errors
    /// If there is none.
    pub fn field(&self, name: &str) -> Result<&Value, Fault> {
        self.body.get(name).ok_or_else(|| Fault::malformed(format!("`{}` without `{name}`", self.kind)))
    }

    /// What `of` makes of a field.
    ///
    /// # Errors
    /// If there is none, or nothing can be made of it.
    pub fn read<'a, T>(
        &'a self,
        name: &str,
        what: &str,
        of: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<T, Fault> {
        let value = self.field(name)?;
        of(value).ok_or_else(|| Fault::malformed(format!("`{name}` is no {what}")))
    }

    /// The workload has no such request.
    pub fn unknown(&self) -> Fault {
        let text = format!("this workload has no request of type `{}`", self.kind);
        Fault::new(crate::wire::Code::NotSupported, text)
    }
}

/// Where an adapter puts what it asks of the process, and what it answers.
#[derive(Debug)]
pub struct Desk<P: Process> {
    pub(crate) requests: Vec<P::Request>,
    pub(crate) replies: Vec<(Caller, Body)>,
}

impl<P: Process> Default for Desk<P> {
    fn default() -> Self {
        Self { requests: Vec::new(), replies: Vec::new() }
    }
}

impl<P: Process> Desk<P> {
    /// Asks the process.
    pub fn submit(&mut self, request: P::Request) {
        self.requests.push(request);
    }

    /// Answers `<kind>_ok` with these fields.
    pub fn reply<const N: usize>(&mut self, caller: Caller, kind: &str, fields: [(&str, Value); N]) {
        let mut body: Body = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        body.insert("type".to_owned(), format!("{kind}_ok").into());
        self.replies.push((caller, body));
    }

    /// Answers that it was not done.
    pub fn refuse(&mut self, caller: Caller, fault: &Fault) {
        self.replies.push((caller, fault.body()));
    }
}
