//! Signatures: unforgeable by construction.
//!
//! A [`Signed`] value is made by `ctx.sign` alone, and `ctx.verify` alone makes one again from what a message
//! carried ([`Unverified`]). `Signed` cannot be deserialised: bytes off a wire prove nothing.

use crate::identity::ProcessId;
use serde::{Deserialize, Serialize};

/// A value with its signer's signature, verified.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Signed<T> {
    signer: ProcessId,
    value: T,
    signature: Vec<u8>,
}

impl<T> Signed<T> {
    pub(crate) fn new(signer: ProcessId, value: T, signature: Vec<u8>) -> Self {
        Self { signer, value, signature }
    }

    /// Who signed it.
    pub fn signer(&self) -> ProcessId {
        self.signer
    }

    /// What was signed.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// As a message carries it.
    pub fn into_unverified(self) -> Unverified<T> {
        Unverified { signer: self.signer, value: self.value, signature: self.signature }
    }
}

/// A value that claims a signature: what a message carries. `ctx.verify` tells whether the claim is true.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Unverified<T> {
    pub(crate) signer: ProcessId,
    pub(crate) value: T,
    pub(crate) signature: Vec<u8>,
}

impl<T> Unverified<T> {
    /// A claim, true or not: what a process that lies may send.
    pub fn claim(signer: ProcessId, value: T, signature: Vec<u8>) -> Self {
        Self { signer, value, signature }
    }

    /// Who is claimed to have signed it.
    pub fn claimed_signer(&self) -> ProcessId {
        self.signer
    }
}
