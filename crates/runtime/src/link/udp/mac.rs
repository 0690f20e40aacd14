//! Message authentication codes: who does not know the key of a pair of processes can speak in the name of neither.
//!
//! HMAC-SHA-256 cut to 128 bits (RFC 2104, RFC 4868), over the whole datagram: also who it is from and for, and its number.
//! Each pair has a key of its own, made from the cluster's secret, so that who breaks into one node learns nothing
//! of the links between others.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use synod_model::{Group, ProcessId};

/// The file with a process's keys in its directory of keys.
pub const FILE: &str = "mac.json";

/// The code of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(pub [u8; Self::LENGTH]);

impl Code {
    /// Its length in bytes.
    pub const LENGTH: usize = 16;
}

/// The key of a pair of processes.
#[derive(Clone)]
pub struct MacKey {
    bytes: [u8; 32],
    /// The state with the key taken in: that is done once.
    begun: Hmac<Sha256>,
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(..)")
    }
}

impl MacKey {
    /// The key with these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self { bytes, begun: begun(&bytes) }
    }

    /// The key of two processes of a cluster, whichever is named first, from the cluster's secret.
    pub fn of_pair(secret: &[u8; 32], cluster: u64, one: ProcessId, other: ProcessId) -> Self {
        let mut key = begun(secret);
        key.update(b"synod datagrams 1");
        key.update(&cluster.to_le_bytes());
        key.update(&one.min(other).0.to_le_bytes());
        key.update(&one.max(other).0.to_le_bytes());
        Self::new(key.finalize().into_bytes().into())
    }

    /// The code of `bytes`.
    pub fn code(&self, bytes: &[u8]) -> Code {
        let mut mac = self.begun.clone();
        mac.update(bytes);
        let whole = mac.finalize().into_bytes();
        let mut code = Code([0; Code::LENGTH]);
        code.0.copy_from_slice(&whole[..Code::LENGTH]);
        code
    }

    /// Whether `code` is that of `bytes`, in a time that does not tell how much of it is right.
    pub fn verify(&self, bytes: &[u8], code: &[u8]) -> bool {
        let mut mac = self.begun.clone();
        mac.update(bytes);
        code.len() == Code::LENGTH && mac.verify_truncated_left(code).is_ok()
    }
}

fn begun(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("a key of any length will do")
}

/// The keys that a process shares with each of the others.
pub type Keys = BTreeMap<ProcessId, MacKey>;

/// The keys of `me`, from the cluster's secret.
pub fn keys(secret: &[u8; 32], cluster: u64, me: ProcessId, group: Group) -> Keys {
    let others = group.members().filter(|&p| p != me);
    others.map(|p| (p, MacKey::of_pair(secret, cluster, me, p))).collect()
}

/// Writes keys into a directory, as [`load`] reads them: in hexadecimal, for the owner's eyes alone.
pub fn store(directory: &Path, keys: &Keys) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let hexadecimal: BTreeMap<u32, String> =
        keys.iter().map(|(p, key)| (p.0, hexadecimal(&key.bytes))).collect();
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(directory.join(FILE))?;
    file.write_all(&serde_json::to_vec_pretty(&hexadecimal)?)?;
    file.sync_all()
}

/// Reads keys from a directory.
pub fn load(directory: &Path) -> io::Result<Keys> {
    let text = std::fs::read_to_string(directory.join(FILE))?;
    let all: BTreeMap<u32, String> = serde_json::from_str(&text)?;
    let key = |(p, digits): (u32, String)| match from_hexadecimal(&digits) {
        Some(bytes) => Ok((ProcessId(p), MacKey::new(bytes))),
        None => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the key shared with {} is not 64 hexadecimal digits", ProcessId(p)),
        )),
    };
    all.into_iter().map(key).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

fn from_hexadecimal(digits: &str) -> Option<[u8; 32]> {
    let digits = digits.as_bytes().iter().map(|&digit| char::from(digit).to_digit(16));
    let digits: Vec<u8> = digits.map(|digit| digit.map(|digit| digit as u8)).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    bytes.try_into().ok().filter(|_| digits.len() == 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_has_one_key_and_no_two_pairs_have_the_same() {
        let key =
            |cluster, one, other| MacKey::of_pair(&[7; 32], cluster, ProcessId(one), ProcessId(other)).bytes;
        assert_eq!(key(1, 0, 1), key(1, 1, 0));
        let all = [key(1, 0, 1), key(1, 0, 2), key(1, 1, 2), key(2, 0, 1)];
        assert!((0..4).all(|a| (0..a).all(|b| all[a] != all[b])));
    }

    /// RFC 4231, test case 1, whose key is shorter, has no form here; so the code of a text by a key known from another tool.
    #[test]
    fn the_code_is_hmac_sha_256_cut_to_half() {
        let code = MacKey::new([0x0b; 32]).code(b"Hi There");
        assert_eq!(hexadecimal(&code.0), "198a607eb44bfbc69903a0f1cf2bbdc5");
    }

    #[test]
    fn keys_are_read_as_written_and_what_is_no_key_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let written = keys(&[3; 32], 9, ProcessId(1), Group::first(3));
        store(directory.path(), &written).expect("a directory to write to");
        let read = load(directory.path()).expect("what was written");
        let bytes = |keys: &Keys| keys.iter().map(|(p, key)| (*p, key.bytes)).collect::<Vec<_>>();
        assert_eq!(bytes(&read), bytes(&written));
        for wrong in [r#"{"0":"00"}"#, r#"{"0":"zz"}"#, "[]"] {
            std::fs::write(directory.path().join(FILE), wrong).expect("a file");
            assert!(load(directory.path()).is_err(), "{wrong}");
        }
    }
}
