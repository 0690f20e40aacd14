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
            None => plain(name, message, payload),
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

/// The payload of a message, where the model has no signatures.
pub(crate) fn plain<M: Serialize>(
    name: EffectName,
    message: &M,
    payload: Vec<u8>,
) -> Result<Vec<u8>, postcard::Error> {
    postcard::to_extend(&(name, message), payload)
}

pub(crate) fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Rejected> {
    whole(payload).map_err(Rejected::Malformed)
}

/// A value, and nothing behind it; or why there is none.
pub(crate) fn whole<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(format!("{} bytes too many", rest.len())),
        Err(e) => Err(e.to_string()),
    }
}
