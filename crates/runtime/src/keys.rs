//! The keys of a cluster: who may speak in a process's name.
//!
//! [`generate`] makes a directory with one subdirectory for each process, to be brought to its machine and nowhere
//! else:
//!
//! ```text
//! authority.pem  authority.key     the cluster's certificate authority; its key is needed for new certificates alone
//! p0/  cluster.json                the cluster, the process, and everyone's public keys for signatures
//!      authority.pem  node.pem     the authority's certificate and this process's, in the name `p0.CLUSTER.synod`
//!      node.key  sign.key          its private keys: for TLS, and Ed25519 for signatures
//!      mac.json                    a secret with each peer, for message authentication codes
//! ```
//! Files can be read by their owner alone. Nothing here prints a key, or writes over one.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::{self, Display, Write as _};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use synod_model::ProcessId;
use thiserror::Error;

/// How long certificates are valid if nothing else is asked for.
pub const VALID: Duration = Duration::from_hours(10 * 365 * 24);
/// Certificates are valid from a while ago: clocks differ.
const BACKDATED: Duration = Duration::from_hours(1);
/// The most processes that keys are made for.
pub const PROCESSES_MAX: u32 = 1000;

/// What can go wrong with keys. No error holds a key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A file operation failed.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// There are keys, or other things, already.
    #[error("{} is there already: keys are never written over", .0.display())]
    Exists(PathBuf),
    /// The cluster's name cannot stand in a certificate.
    #[error("`{0}` cannot name a cluster: letters, digits and hyphens, at most 40, a letter first")]
    Name(String),
    /// There are no keys for so many.
    #[error("keys are made for 1 to {PROCESSES_MAX} processes, not for {0}")]
    Processes(u32),
    /// A file of keys is not what it should be.
    #[error("{} is no file of keys: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The keys are another process's.
    #[error("{} has the keys of {found}, not of {expected}", path.display())]
    OtherProcess {
        /// The directory.
        path: PathBuf,
        /// Whose they are.
        found: ProcessId,
        /// Whose they should be.
        expected: ProcessId,
    },
    /// A certificate cannot be made or used.
    #[error("the certificate cannot be used: {0}")]
    Certificate(String),
    /// The operating system gives no randomness.
    #[error("the operating system gives no randomness")]
    Randomness,
}

impl KeyError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { source, .. } => crate::disk::hint(source),
            Self::Exists(_) => "name a new directory",
            Self::Name(_) => "as a host is named: `demo`, `bank-2`",
            Self::Processes(_) => "say how many with `-n`",
            Self::Damaged { .. } | Self::Certificate(_) => "make new keys with `synod keys`",
            Self::OtherProcess { .. } => "give each node the subdirectory of its own process",
            Self::Randomness => "check the machine",
        }
    }
}

/// The name of a process in its certificate.
pub(crate) fn name_of(cluster: &str, process: ProcessId) -> String {
    format!("{process}.{cluster}.synod")
}

/// What all processes of a cluster know of each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Card {
    cluster: String,
    process: ProcessId,
    /// By process: its public key for signatures, in hexadecimal.
    signers: BTreeMap<u32, String>,
}

/// What one process has.
pub struct Keys {
    /// The cluster's name.
    pub cluster: String,
    /// The process.
    pub process: ProcessId,
    pub(crate) authority: CertificateDer<'static>,
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) private: PrivateKeyDer<'static>,
    pub(crate) signing: Ed25519KeyPair,
    pub(crate) signers: BTreeMap<ProcessId, [u8; 32]>,
    secrets: BTreeMap<ProcessId, [u8; 32]>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the keys of {} in {}", self.process, self.cluster)
    }
}

impl Keys {
    /// Reads the keys of `process` from its directory.
    pub fn load(directory: &Path, process: ProcessId) -> Result<Self, KeyError> {
        let at = |name: &str| directory.join(name);
        let card: Card = json(&at("cluster.json"))?;
        if card.process != process {
            return Err(KeyError::OtherProcess {
                path: directory.to_owned(),
                found: card.process,
                expected: process,
            });
        }
        let certificate = |name| {
            let path = at(name);
            CertificateDer::from_pem_slice(&read(&path)?).map_err(|e| damaged(&path, e))
        };
        let (private, sign) = (at("node.key"), at("sign.key"));
        let signing =
            unhex(&read(&sign)?).ok_or_else(|| damaged(&sign, "64 hexadecimal digits are needed"))?;
        Ok(Self {
            authority: certificate("authority.pem")?,
            certificate: certificate("node.pem")?,
            private: PrivateKeyDer::from_pem_slice(&read(&private)?).map_err(|e| damaged(&private, e))?,
            signing: Ed25519KeyPair::from_seed_unchecked(&signing).map_err(|e| damaged(&sign, e))?,
            signers: table(&at("cluster.json"), &card.signers)?,
            secrets: table(&at("mac.json"), &json(&at("mac.json"))?)?,
            cluster: card.cluster,
            process,
        })
    }

    /// The secret shared with a peer, for message authentication codes. Both ends have the same.
    pub fn secret(&self, peer: ProcessId) -> Option<&[u8; 32]> {
        self.secrets.get(&peer)
    }
}

fn table(path: &Path, all: &BTreeMap<u32, String>) -> Result<BTreeMap<ProcessId, [u8; 32]>, KeyError> {
    all.iter()
        .map(|(&p, digits)| {
            let key =
                unhex(digits.as_bytes()).ok_or_else(|| damaged(path, "64 hexadecimal digits are needed"))?;
            Ok((ProcessId(p), key))
        })
        .collect()
}

fn damaged(path: &Path, what: impl Display) -> KeyError {
    KeyError::Damaged { path: path.to_owned(), what: what.to_string() }
}

fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    fs::read(path).map_err(|source| KeyError::Io { operation: "read", path: path.to_owned(), source })
}

fn json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, KeyError> {
    // The error tells a place, not what stands there.
    serde_json::from_slice(&read(path)?).map_err(|e| damaged(path, format!("line {}", e.line())))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

fn unhex(digits: &[u8]) -> Option<[u8; 32]> {
    let digits = std::str::from_utf8(digits).ok()?.trim();
    let mut bytes = [0; 32];
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

/// From when to when certificates are valid.
#[derive(Clone, Copy, Debug)]
pub struct Validity {
    /// From when.
    pub from: SystemTime,
    /// Until when.
    pub until: SystemTime,
}

impl Validity {
    /// From now on, for so long.
    pub fn of(valid: Duration) -> Self {
        let now = SystemTime::now();
        Self { from: now - BACKDATED, until: now + valid }
    }
}

/// Makes the keys of a new cluster of `processes` in the new directory `out`.
pub fn generate(cluster: &str, processes: u32, validity: Validity, out: &Path) -> Result<(), KeyError> {
    check(cluster, processes)?;
    directory(out)?;
    let authority = Authority::new(cluster, validity)?;
    file(&out.join("authority.pem"), authority.pem.as_bytes())?;
    file(&out.join("authority.key"), authority.issuer.key().serialize_pem().as_bytes())?;
    let random = SystemRandom::new();
    let seeds = draws(&random, processes)?;
    let signers = seeds.iter().map(|(&p, seed)| Ok((p, hex(public(seed)?.as_slice()))));
    let signers = signers.collect::<Result<BTreeMap<_, _>, KeyError>>()?;
    let mut secrets: BTreeMap<u32, BTreeMap<u32, String>> = BTreeMap::new();
    for p in 0..processes {
        for (q, secret) in draws(&random, p)? {
            let secret = hex(&secret);
            secrets.entry(p).or_default().insert(q, secret.clone());
            secrets.entry(q).or_default().insert(p, secret);
        }
    }
    for (p, seed) in seeds {
        let at = out.join(ProcessId(p).to_string());
        directory(&at)?;
        let (certificate, private) = authority.issue(cluster, ProcessId(p), validity)?;
        let card = Card { cluster: cluster.to_owned(), process: ProcessId(p), signers: signers.clone() };
        file(&at.join("authority.pem"), authority.pem.as_bytes())?;
        file(&at.join("node.pem"), certificate.as_bytes())?;
        file(&at.join("node.key"), private.as_bytes())?;
        file(&at.join("sign.key"), hex(&seed).as_bytes())?;
        file(&at.join("cluster.json"), &pretty(&card))?;
        file(&at.join("mac.json"), &pretty(&secrets.remove(&p).unwrap_or_default()))?;
    }
    Ok(())
}

/// Makes a new certificate for `process`, as the cluster's in the directory `keys`, and a new key for it; with all else
/// that the process has, in the new directory `out`. Peers need nothing new.
pub fn renew(keys: &Path, process: ProcessId, validity: Validity, out: &Path) -> Result<(), KeyError> {
    let from = keys.join(process.to_string());
    let card: Card = json(&from.join("cluster.json"))?;
    let path = keys.join("authority.key");
    let pem = String::from_utf8(read(&path)?).map_err(|e| damaged(&path, e.utf8_error()))?;
    // The parser's error might show what it read.
    let key = KeyPair::from_pem(&pem).map_err(|_| damaged(&path, "it holds no private key"))?;
    let issuer = Issuer::new(Authority::params(&card.cluster, validity)?, key);
    let authority = Authority { issuer, pem: String::new() };
    let (certificate, private) = authority.issue(&card.cluster, process, validity)?;
    directory(out)?;
    for name in ["authority.pem", "cluster.json", "sign.key", "mac.json"] {
        file(&out.join(name), &read(&from.join(name))?)?;
    }
    file(&out.join("node.pem"), certificate.as_bytes())?;
    file(&out.join("node.key"), private.as_bytes())
}

fn check(cluster: &str, processes: u32) -> Result<(), KeyError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let first = cluster.chars().next().is_some_and(|c| c.is_ascii_lowercase());
    if !first || cluster.len() > 40 || !cluster.chars().all(allowed) || cluster.ends_with('-') {
        return Err(KeyError::Name(cluster.to_owned()));
    }
    if processes == 0 || processes > PROCESSES_MAX {
        return Err(KeyError::Processes(processes));
    }
    Ok(())
}

/// So many fresh secrets.
fn draws(random: &SystemRandom, count: u32) -> Result<BTreeMap<u32, [u8; 32]>, KeyError> {
    let draw = |p| {
        let mut bytes = [0; 32];
        random.fill(&mut bytes).map_err(|_| KeyError::Randomness)?;
        Ok((p, bytes))
    };
    (0..count).map(draw).collect()
}

fn public(seed: &[u8; 32]) -> Result<Vec<u8>, KeyError> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|e| KeyError::Certificate(e.to_string()))?;
    Ok(pair.public_key().as_ref().to_vec())
}

fn pretty(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec_pretty(value).expect("numbers and strings have a form in JSON")
}

/// A new directory, or an empty one; its owner's alone.
fn directory(path: &Path) -> Result<(), KeyError> {
    let failed = |source| KeyError::Io { operation: "create", path: path.to_owned(), source };
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            if fs::read_dir(path).map_err(failed)?.next().is_some() {
                return Err(KeyError::Exists(path.to_owned()));
            }
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(failed)
        }
        Err(e) => Err(failed(e)),
    }
}

/// A new file, its owner's alone.
fn file(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => KeyError::Exists(path.to_owned()),
        _ => KeyError::Io { operation: "write", path: path.to_owned(), source },
    };
    let opened = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    opened.and_then(|mut file| file.write_all(bytes)).map_err(failed)
}

/// Who gives the certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn params(cluster: &str, validity: Validity) -> Result<CertificateParams, KeyError> {
        let mut params = params(&format!("authority of {cluster}"), vec![], validity)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Ok(params)
    }

    fn new(cluster: &str, validity: Validity) -> Result<Self, KeyError> {
        let params = Self::params(cluster, validity)?;
        let key = KeyPair::generate().map_err(unmade)?;
        let pem = params.self_signed(&key).map_err(unmade)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }

    /// A certificate for a process, and its private key.
    fn issue(
        &self,
        cluster: &str,
        process: ProcessId,
        validity: Validity,
    ) -> Result<(String, String), KeyError> {
        let mut params = params(&process.to_string(), vec![name_of(cluster, process)], validity)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().map_err(unmade)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(unmade)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }
}

fn params(name: &str, names: Vec<String>, validity: Validity) -> Result<CertificateParams, KeyError> {
    let mut params = CertificateParams::new(names).map_err(unmade)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (validity.from.into(), validity.until.into());
    Ok(params)
}

fn unmade(error: rcgen::Error) -> KeyError {
    KeyError::Certificate(error.to_string())
}
