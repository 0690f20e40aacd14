//! A process's messages as payloads of the links: its name, the message, and the proofs of the signatures in it.

use crate::keys::Keys;
use crate::link::{LinkError, LinkSettings, Rejected};
use crate::record::EffectName;
use crate::signing::Signer;
use serde::Serialize;
use serde::de::DeserializeOwned;
use synod_model::ProcessId;
use synod_model::failure::FailureKind;

/// Encodes and decodes.
pub(crate) struct Wire {
    signer: Option<Signer>,
}

impl Wire {
    /// With signatures where the model grants them.
    pub(crate) fn new(
        failures: FailureKind,
        settings: &LinkSettings,
        cluster: u64,
        me: ProcessId,
    ) -> Result<Self, LinkError> {
        let signs = failures == FailureKind::AuthenticatedByzantine;
        let signer = if signs {
            let directory = settings.keys.as_deref().ok_or(LinkError::NoKeys)?;
            Some(Signer::new(Keys::load(directory, me)?, cluster))
        } else {
            None
        };
        Ok(Self { signer })
    }

    /// The payload of a message, in a buffer that may be used again.
    pub(crate) fn encode<M: Serialize>(
        &self,
        name: EffectName,
        message: &M,
        mut payload: Vec<u8>,
    ) -> Result<Vec<u8>, postcard::Error> {
        payload.clear();
        match &self.signer {
            None => postcard::to_extend(&(name, message), payload),
            Some(signer) => postcard::to_extend(&(name, message, signer.prove(message)), payload),
        }
    }

    /// The message in a payload. Whatever the bytes, it is one that its sender could send.
    pub(crate) fn decode<M: Serialize + DeserializeOwned>(
        &self,
        payload: &[u8],
    ) -> Result<(EffectName, M), Rejected> {
        let Some(signer) = &self.signer else { return decode(payload) };
        let (name, message, proofs): (_, _, Vec<Vec<u8>>) = decode(payload)?;
        signer.check(&message, &proofs)?;
        Ok((name, message))
    }
}

/// A value, and nothing behind it.
pub(crate) fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Rejected> {
    match postcard::take_from_bytes(payload) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(Rejected::Malformed(format!("{} bytes too many", rest.len()))),
        Err(e) => Err(Rejected::Malformed(e.to_string())),
    }
}
