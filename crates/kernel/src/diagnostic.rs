//! Diagnostics with a code: an algorithm in a world outside of its model.

use crate::environment::{Budget, Environment};
use serde::Serialize;
use std::fmt::{self, Write as _};
use synod_model::SystemModel;
use synod_model::bound::Bound;
use synod_model::failure::{FailureModel, Who};
use synod_model::link::LinkModel;
use synod_model::oracle::OracleSet;
use synod_model::timing::TimingModel;

/// What a diagnostic is about. `synod explain S0101` tells more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Code {
    /// Processes fail in ways that the model does not have.
    #[serde(rename = "S0101")]
    Failures,
    /// More processes may be faulty than the model's bound allows.
    #[serde(rename = "S0102")]
    Bound,
    /// Links promise less than the model assumes.
    #[serde(rename = "S0103")]
    Links,
    /// Time promises less than the model assumes.
    #[serde(rename = "S0104")]
    Timing,
    /// An oracle that the model has is not granted.
    #[serde(rename = "S0105")]
    Oracles,
    /// Processes restart, but the algorithm's model has no recovery: amnesia.
    #[serde(rename = "S0106")]
    Amnesia,
    /// Disks corrupt what is durable, which no model has.
    #[serde(rename = "S0107")]
    Storage,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Failures, Self::Bound, Self::Links, Self::Timing, Self::Oracles, Self::Amnesia, Self::Storage];

    /// The code as it is printed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failures => "S0101",
            Self::Bound => "S0102",
            Self::Links => "S0103",
            Self::Timing => "S0104",
            Self::Oracles => "S0105",
            Self::Amnesia => "S0106",
            Self::Storage => "S0107",
        }
    }

    /// What it means, and what to do.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Failures => {
                "The environment lets processes fail in a way that the algorithm's failure model does not have.\n\
                 Nothing that the algorithm promises is promised there. Choose an environment whose failures are those\n\
                 of the model or milder ones, or run it all the same to see why the assumption is there."
            }
            Self::Bound => {
                "The environment lets more processes be faulty than the algorithm's bound allows (n > 2f, n > 3f, ..).\n\
                 Raise n or lower f; or run it all the same to see the bound at work."
            }
            Self::Links => {
                "The environment's links promise less than the algorithm assumes. Where the library has a transformer\n\
                 (fair-loss -> stubborn -> perfect), put it between: see `synod models`."
            }
            Self::Timing => {
                "The environment's timing promises less than the algorithm assumes: timers or bounds that it relies on\n\
                 mean nothing there."
            }
            Self::Oracles => {
                "The algorithm asks an oracle that this environment does not grant: it would wait for a word that never\n\
                 comes. Grant it (`oracles.granted`); or put a module in its place that needs stronger timing and no\n\
                 oracle: a leader that is found by heartbeats, for Omega."
            }
            Self::Amnesia => {
                "Processes restart in this environment, but the algorithm's model has no recovery and it stores nothing:\n\
                 a restarted process begins again as if it had never run, under the same identity."
            }
            Self::Storage => {
                "Disks do in this environment what no model allows: they flip bits of what is durable, or acknowledge a write\n\
                 that they lose. Or writes fail where processes do not restart. Nothing that the algorithm promises is promised\n\
                 there; run it all the same to see what its records lack: a checksum, a copy, a sequence number."
            }
        }
    }
}

/// One way in which an environment is outside of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// What it is about.
    pub code: Code,
    /// What is assumed and what there is.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.message)
    }
}

/// The ways in which `environment` is outside of the model `M`: none where it is an instance of the model.
pub fn outside<M: SystemModel>(environment: &Environment) -> Vec<Diagnostic> {
    let weakest = Environment::weakest::<M>(environment.processes);
    let mut found = Vec::new();
    let mut say = |code, message: String, hint: &str| {
        found.push(Diagnostic { code, message, hint: hint.to_owned() });
    };
    failures::<M>(environment, &weakest, &mut say);
    storage::<M>(environment, &weakest, &mut say);
    if !environment.links.refine(&weakest.links) {
        let message = format!(
            "the model assumes {} links, the environment gives {}",
            M::Link::KIND,
            describe_links(environment)
        );
        say(Code::Links, message, "strengthen the links, or put a link transformer between (`synod models`)");
    }
    if !environment.timing.kind.at_least(M::Timing::KIND) {
        let message = format!(
            "the model assumes {} timing, the environment is {}",
            M::Timing::KIND.name(),
            environment.timing.kind.name()
        );
        say(Code::Timing, message, "choose a stronger timing");
    }
    let granted: OracleSet = environment.oracles.granted.iter().copied().collect();
    for oracle in M::Timing::ORACLES.iter().filter(|&o| !granted.has(o)) {
        let message =
            format!("the model has the oracle {}, and the environment does not grant it", oracle.name());
        say(Code::Oracles, message, "add it to `oracles.granted` of the environment");
    }
    found
}

fn failures<M: SystemModel>(
    environment: &Environment,
    weakest: &Environment,
    say: &mut impl FnMut(Code, String, &str),
) {
    let (here, model) = (&environment.failures, M::Failures::KIND);
    if here.restarts.any() && !weakest.failures.restarts.any() {
        let message =
            format!("processes restart here, the model is {}: they forget everything", model.name());
        say(Code::Amnesia, message, "set `failures.restarts = 0`, or use an algorithm for crash-recovery");
    } else if here.lies.any() && model.profile().lie == Who::Nobody {
        let message = format!("the model is {}, {} processes lie here", model.name(), here.lies);
        say(Code::Failures, message, "set `failures.lies = 0`, or use an algorithm for Byzantine failures");
    } else if here.omissions.any() && model.profile().omit == Who::Nobody {
        let message =
            format!("the model is {}, {} processes omit messages here", model.name(), here.omissions);
        say(
            Code::Failures,
            message,
            "set `failures.omissions = 0`, or use an algorithm for omission failures",
        );
    } else if !here.kind.at_least(model) && here.any() {
        let message = format!("the model is {}, processes fail by {} here", model.name(), here.kind.name());
        say(Code::Failures, message, "choose failures of the model's kind or milder");
    } else if here.restarts > weakest.failures.restarts {
        let (restarts, most) = (here.restarts, weakest.failures.restarts);
        let message = format!("the model is {}: {most} restarts are the most, not {restarts}", model.name());
        say(Code::Failures, message, "lower `failures.restarts`");
    }
    let f = environment.faulty_max();
    let liars = here.lies > weakest.failures.lies && model.profile().lie != Who::Nobody;
    let omitting = here.omissions > weakest.failures.omissions && model.profile().omit != Who::Nobody;
    if (here.stops > weakest.failures.stops || omitting || liars) && f > 0 {
        let message =
            format!("f = {f} of n = {} is beyond the bound {}", environment.processes, M::Bound::FORMULA);
        let largest = M::Bound::faulty_max(environment.processes);
        say(
            Code::Bound,
            message,
            &format!("at n = {} the bound admits f = {largest}", environment.processes),
        );
    }
}

fn storage<M: SystemModel>(
    environment: &Environment,
    weakest: &Environment,
    say: &mut impl FnMut(Code, String, &str),
) {
    let (here, there) = (&environment.storage, &weakest.storage);
    for (budget, most, what, key) in [
        (here.bit_rot, there.bit_rot, "bits of what is durable flip", "bit_rot"),
        (
            here.misdirected_writes,
            there.misdirected_writes,
            "acknowledged writes are lost",
            "misdirected_writes",
        ),
        (here.failed_writes, there.failed_writes, "writes fail and their processes crash", "failed_writes"),
    ] {
        if budget > most {
            let model = M::Failures::KIND.name();
            let message = format!("the model is {model}, and {what} here: {budget}");
            say(Code::Storage, message, &format!("set `storage.{key} = {most}`"));
        }
    }
}

fn describe_links(environment: &Environment) -> String {
    let links = &environment.links;
    let mut text = links.kind.to_string();
    for (budget, name) in
        [(links.losses, "losses"), (links.duplications, "duplications"), (links.injections, "injections")]
    {
        if budget != Budget::NONE {
            let _ = write!(text, ", {budget} {name}");
        }
    }
    text
}
