//! What spreads to all nodes and never conflicts: broadcasts, sets that grow, counters. Each is a fold over updates whose order does
//! not matter (operation-based replicated data, Shapiro et al. 2011), which bimodal multicast brings to all.

use crate::json::Json;
use crate::wire::Fault;
use crate::workload::{Asked, Desk, Workload};
use serde_json::Value;
use std::collections::BTreeSet;
use synod_algorithms::gossip::bimodal::{Bimodal, Parameters};
use synod_algorithms::gossip::{Learn, Update};
use synod_model::Value as Boundary;

/// What updates come to.
pub(super) trait Fold {
    /// An update.
    type Update: Boundary;
    /// The request that makes one, and its field.
    fn makes(&self) -> (&'static str, &'static str);
    /// The field in which a read finds what they come to.
    fn field(&self) -> &'static str;

    /// The update that a value stands for, or what it should be.
    fn update(&self, value: &Value) -> Result<Self::Update, &'static str>;
    /// Adds an update to the others, in any order.
    fn add(&mut self, update: Self::Update);
    /// What they come to.
    fn read(&self) -> Value;
}

/// A workload of updates that spread.
#[derive(Clone, Debug)]
pub(super) struct Spread<F> {
    pub(super) parameters: Parameters,
    pub(super) fold: F,
}

impl<F: Fold> Workload for Spread<F> {
    type Process = Bimodal<F::Update>;

    fn parameters(&self) -> Parameters {
        self.parameters
    }

    fn ask(&mut self, asked: &Asked<'_>, desk: &mut Desk<Self::Process>) -> Result<(), Fault> {
        let (makes, field) = self.fold.makes();
        match asked.kind {
            "read" => desk.reply(asked.caller.clone(), "read", [(self.fold.field(), self.fold.read())]),
            // all nodes are neighbours: partitions are of nodes, not of links
            "topology" if makes == "broadcast" => desk.reply(asked.caller.clone(), "topology", []),
            kind if kind == makes => {
                let update = self.fold.update(asked.field(field)?);
                let update = update.map_err(|what| Fault::malformed(format!("`{field}` is to be {what}")))?;
                desk.submit(Update(update));
                desk.reply(asked.caller.clone(), makes, []);
            }
            _ => return Err(asked.unknown()),
        }
        Ok(())
    }

    fn told(&mut self, Learn(update): Learn<F::Update>, _: &mut Desk<Self::Process>) {
        self.fold.add(update);
    }
}

/// `broadcast`, messages that all nodes see, and `g-set`, a set that grows: values, each once, in the order in which they came.
#[derive(Clone, Debug)]
pub(super) struct Values {
    makes: (&'static str, &'static str),
    field: &'static str,
    known: BTreeSet<Json>,
    in_order: Vec<Value>,
}

impl Values {
    fn new(makes: (&'static str, &'static str), field: &'static str) -> Self {
        Self { makes, field, known: BTreeSet::new(), in_order: Vec::new() }
    }

    /// Of `broadcast`.
    pub(super) fn messages() -> Self {
        Self::new(("broadcast", "message"), "messages")
    }

    /// Of `g-set`.
    pub(super) fn elements() -> Self {
        Self::new(("add", "element"), "value")
    }
}

impl Fold for Values {
    type Update = Json;

    fn makes(&self) -> (&'static str, &'static str) {
        self.makes
    }

    fn field(&self) -> &'static str {
        self.field
    }

    fn update(&self, value: &Value) -> Result<Json, &'static str> {
        Ok(Json::of(value))
    }

    fn add(&mut self, json: Json) {
        let value = json.value();
        if self.known.insert(json) {
            self.in_order.push(value);
        }
    }

    fn read(&self) -> Value {
        self.in_order.clone().into()
    }
}

/// `g-counter` and `pn-counter`: a sum.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    /// Whether it only grows.
    pub(super) grows: bool,
    pub(super) total: i128,
}

impl Fold for Sum {
    type Update = i64;

    fn makes(&self) -> (&'static str, &'static str) {
        ("add", "delta")
    }

    fn field(&self) -> &'static str {
        "value"
    }

    fn update(&self, value: &Value) -> Result<i64, &'static str> {
        let delta = value.as_i64().ok_or("a whole number of 64 bits")?;
        if self.grows && delta < 0 { Err("no less than 0") } else { Ok(delta) }
    }

    fn add(&mut self, delta: i64) {
        self.total += i128::from(delta);
    }

    /// Exact as far as JSON has whole numbers.
    fn read(&self) -> Value {
        i64::try_from(self.total).map_or_else(|_| (self.total as f64).into(), Value::from)
    }
}
