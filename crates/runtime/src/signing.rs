//! Signatures on the wire.
//!
//! To a process a signature is an ideal thing: who, and what ([`synod_kernel::signature`]), so that a recorded run is run
//! again without keys. Between nodes each one in a message is accompanied by an Ed25519 signature of the signer's node
//! over it. The receiving node checks these before the process sees the message; a message with one that is missing or
//! false is dropped. Of those that hold, the node keeps the proof, for the process may show them to others.

use crate::keys::Keys;
use crate::link::Rejected;
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use synod_kernel::signature::{Signature, signatures};
use synod_model::ProcessId;

/// What is signed begins with this: no key of ours signs anything else that could be taken for it.
const DOMAIN: &[u8] = b"synod: a process says\0";
/// How many bytes of signatures are kept with their proofs; beyond, the oldest are forgotten and cannot be shown again.
const KEPT_BYTES_MAX: usize = 64 << 20;

/// Signs for this process, and checks what others signed.
pub(crate) struct Signer {
    me: ProcessId,
    cluster: u64,
    pair: Ed25519KeyPair,
    signers: BTreeMap<ProcessId, [u8; 32]>,
    kept: Mutex<Kept>,
}

/// Proofs by what they prove.
#[derive(Default)]
struct Kept {
    proofs: BTreeMap<Vec<u8>, Vec<u8>>,
    order: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl Kept {
    fn keep(&mut self, signature: Vec<u8>, proof: Vec<u8>) {
        if self.proofs.insert(signature.clone(), proof).is_some() {
            return;
        }
        self.bytes += signature.len();
        self.order.push_back(signature);
        while self.bytes > KEPT_BYTES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.bytes -= oldest.len();
            self.proofs.remove(&oldest);
        }
    }
}

impl Signer {
    pub(crate) fn new(keys: Keys, cluster: u64) -> Self {
        let Keys { process, signing, signers, .. } = keys;
        Self { me: process, cluster, pair: signing, signers, kept: Mutex::default() }
    }

    /// What is signed under a signature.
    fn statement(&self, signature: &Signature) -> Vec<u8> {
        [DOMAIN, &self.cluster.to_le_bytes(), &signature.bytes].concat()
    }

    /// The proofs of the signatures in a message of this process, in their order. One that this node cannot prove has
    /// an empty one: nobody will take it.
    pub(crate) fn prove(&self, message: &impl Serialize) -> Vec<Vec<u8>> {
        signatures(message).iter().map(|signature| self.proof(signature)).collect()
    }

    fn proof(&self, signature: &Signature) -> Vec<u8> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(proof) = kept.proofs.get(&signature.bytes) {
            return proof.clone();
        }
        if signature.signer != self.me {
            return vec![];
        }
        let proof = self.pair.sign(&self.statement(signature)).as_ref().to_vec();
        kept.keep(signature.bytes.clone(), proof.clone());
        proof
    }

    /// Checks the signatures in a message that has arrived, all of them.
    pub(crate) fn check(&self, message: &impl Serialize, proofs: &[Vec<u8>]) -> Result<(), Rejected> {
        // What cannot be looked through could hide one.
        let message = serde_json::to_value(message).map_err(|e| Rejected::Malformed(e.to_string()))?;
        let claimed = signatures(&message);
        if claimed.len() != proofs.len() {
            let (claimed, proofs) = (claimed.len(), proofs.len());
            return Err(Rejected::Forged(format!("{claimed} signatures come with {proofs} proofs")));
        }
        claimed.into_iter().zip(proofs).try_for_each(|(signature, proof)| self.check_one(signature, proof))
    }

    fn check_one(&self, signature: Signature, proof: &[u8]) -> Result<(), Rejected> {
        let signer = signature.signer;
        let forged = || Rejected::Forged(format!("a signature in it is not that of {signer}"));
        if self.kept.lock().unwrap_or_else(PoisonError::into_inner).proofs.contains_key(&signature.bytes) {
            return Ok(());
        }
        let key = self.signers.get(&signer).ok_or_else(forged)?;
        let statement = self.statement(&signature);
        UnparsedPublicKey::new(&ED25519, key).verify(&statement, proof).map_err(|_| forged())?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.keep(signature.bytes, proof.to_vec());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{self, VALID, Validity};
    use synod_kernel::signature::signed_by;
    use synod_model::Unverified;

    const P: ProcessId = ProcessId(0);
    const Q: ProcessId = ProcessId(1);
    const R: ProcessId = ProcessId(2);

    fn signers() -> [Signer; 3] {
        let temporary = tempfile::tempdir().unwrap();
        let out = temporary.path().join("keys");
        keys::generate("bank", 3, Validity::of(VALID), &out).unwrap();
        [P, Q, R].map(|p| Signer::new(Keys::load(&out.join(p.to_string()), p).unwrap(), 7))
    }

    fn pay(signer: ProcessId) -> Unverified<String> {
        signed_by(signer, "pay".to_owned())
    }

    fn is_forged(result: Result<(), Rejected>) -> bool {
        matches!(result, Err(Rejected::Forged(_)))
    }

    #[test]
    fn what_a_process_signed_is_taken_and_may_be_shown_again() {
        let [p, q, r] = signers();
        let message = (1, pay(P));
        let proofs = p.prove(&message);
        q.check(&message, &proofs).unwrap();
        let shown = vec![pay(P), pay(Q)];
        r.check(&shown, &q.prove(&shown)).unwrap();
    }

    #[test]
    fn a_forged_signature_is_not_taken() {
        let [p, q, r] = signers();
        let message = pay(P);
        assert!(is_forged(r.check(&message, &q.prove(&message))), "q has no key of p");
        let other = p.prove(&signed_by(P, "pay twice".to_owned()));
        assert!(is_forged(r.check(&message, &other)), "the signature of another statement");
        assert!(is_forged(r.check(&message, &[])), "no proof at all");
        let mut proofs = p.prove(&message);
        proofs[0][5] ^= 1;
        assert!(is_forged(r.check(&message, &proofs)), "one bit off");
        let nobody = pay(ProcessId(9));
        assert!(is_forged(r.check(&nobody, &p.prove(&nobody))), "there is no such process");
        r.check(&message, &p.prove(&message)).unwrap();
    }

    #[test]
    fn a_signature_holds_in_its_own_cluster_alone() {
        let [p, q, _] = signers();
        let elsewhere = Signer { cluster: 8, ..p };
        let message = pay(P);
        assert!(is_forged(q.check(&message, &elsewhere.prove(&message))));
    }

    #[test]
    fn the_oldest_proofs_are_forgotten_first() {
        let mut kept = Kept::default();
        for number in 0..3_u8 {
            kept.keep(vec![number; KEPT_BYTES_MAX / 2], vec![]);
        }
        assert_eq!(kept.proofs.len(), 2);
        assert!(!kept.proofs.contains_key(&vec![0; KEPT_BYTES_MAX / 2]));
    }
}
