//! Leases (Gray, Cheriton 1989): a resource that is one's own for a time.

use serde::{Deserialize, Serialize};

/// ⟨Acquire⟩: the resource is wanted, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Acquire;

/// What a lease tells the layer above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LeaseEvent {
    /// ⟨Acquired⟩: from now on this process holds the resource.
    Acquired,
    /// ⟨Expired⟩: from now on it does not.
    Expired,
}
