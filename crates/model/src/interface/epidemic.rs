//! Epidemics (Demers et al. 1987): updates that spread from process to process.

use serde::{Deserialize, Serialize};

/// ⟨Update | update⟩: it is known here from now on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Update<U>(pub U);

/// ⟨Learn | update⟩: it is known here from now on, be it from the layer above or from another process.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Learn<U>(pub U);
