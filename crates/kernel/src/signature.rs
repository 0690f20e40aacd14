//! Signatures as theory has them: who, and what. They cannot be forged, only kept and shown again.

use serde::Serialize;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use synod_model::{ProcessId, Unverified, Value};

/// The signature of a process under a statement. In a simulated or explored world it *is* these two.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature {
    /// Who signed.
    pub signer: ProcessId,
    /// As messages carry it: the signer in four bytes, then the statement.
    pub bytes: Vec<u8>,
}

impl Signature {
    pub(crate) fn new(signer: ProcessId, statement: &str) -> Self {
        Self { signer, bytes: [&signer.0.to_le_bytes(), statement.as_bytes()].concat() }
    }

    fn read(bytes: Vec<u8>) -> Option<Self> {
        let signer = u32::from_le_bytes(*bytes.first_chunk()?);
        Some(Self { signer: ProcessId(signer), bytes })
    }
}

/// `value` under the genuine signature of `signer`, for the domain of what those who lie may say. To put it there is not
/// to have it: see [`Setting::lies`](crate::Setting::lies).
pub fn signed_by<T: Value>(signer: ProcessId, value: T) -> Unverified<T> {
    let signature = Signature::new(signer, &format!("{value:?}"));
    Unverified::claim(signer, value, signature.bytes)
}

/// The signatures that a message carries, at any depth: it is looked through as it would be written to a trace.
pub fn signatures(message: &impl Serialize) -> BTreeSet<Signature> {
    let mut found = BTreeSet::new();
    if let Ok(message) = serde_json::to_value(message) {
        collect(&message, &mut found);
    }
    found
}

fn collect(value: &Json, found: &mut BTreeSet<Signature>) {
    match value {
        Json::Array(members) => members.iter().for_each(|member| collect(member, found)),
        Json::Object(fields) => {
            // an `Unverified` or a `Signed`, which has the same fields
            if fields.contains_key("signer") && fields.contains_key("value") {
                found.extend(fields.get("signature").and_then(bytes).and_then(Signature::read));
            }
            fields.values().for_each(|field| collect(field, found));
        }
        _ => {}
    }
}

fn bytes(value: &Json) -> Option<Vec<u8>> {
    value.as_array()?.iter().map(|byte| u8::try_from(byte.as_u64()?).ok()).collect()
}
