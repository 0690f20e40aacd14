//! TLS 1.3 with mutual certificates: who is at the other end is what its certificate says.
//!
//! A cluster has a certificate authority of its own ([`crate::keys`]); each process has a certificate from it, in the
//! name `p1.CLUSTER.synod`. Both ends ask for the other one's certificate, and for the right name in it.

use crate::keys::{KeyError, Keys, name_of};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, Connection, DigitallySignedStruct, Error,
    RootCertStore, ServerConfig, ServerConnection, SignatureScheme,
};
use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use synod_model::ProcessId;
use webpki::EndEntityCert;

/// What this process needs to speak TLS with its peers.
#[derive(Debug)]
pub(super) struct Tls {
    cluster: String,
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Tls {
    pub(super) fn new(keys: &Keys) -> Result<Self, KeyError> {
        let bad = |e: &dyn std::fmt::Display| KeyError::Certificate(e.to_string());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(keys.authority.clone()).map_err(|e| bad(&e))?;
        let roots = Arc::new(roots);
        let peers = WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider));
        let verifier = Peers { chain: peers.build().map_err(|e| bad(&e))?, provider: Arc::clone(&provider) };
        let chain = || vec![keys.certificate.clone()];
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|e| bad(&e))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_auth_cert(chain(), keys.private.clone_key())
            .map_err(|e| bad(&e))?;
        let clients = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider));
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|e| bad(&e))?
            .with_client_cert_verifier(clients.build().map_err(|e| bad(&e))?)
            .with_single_cert(chain(), keys.private.clone_key())
            .map_err(|e| bad(&e))?;
        // Sessions are resumed above TLS.
        server.send_tls13_tickets = 0;
        Ok(Self { cluster: keys.cluster.clone(), client: Arc::new(client), server: Arc::new(server) })
    }

    /// The dialler's handshake, with the process `to`.
    pub(super) fn dial(&self, tcp: &mut TcpStream, to: ProcessId) -> io::Result<Connection> {
        let name = ServerName::try_from(name_of(&self.cluster, to)).map_err(io::Error::other)?;
        let mut connection =
            ClientConnection::new(Arc::clone(&self.client), name).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(tcp)?;
        }
        Ok(connection.into())
    }

    /// The acceptor's handshake, with whoever has a certificate of the cluster.
    pub(super) fn accept(&self, tcp: &mut TcpStream) -> io::Result<Connection> {
        let mut connection = ServerConnection::new(Arc::clone(&self.server)).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            if let Err(error) = connection.complete_io(tcp) {
                // The other end shall hear why.
                let _ = connection.write_tls(tcp);
                return Err(error);
            }
        }
        Ok(connection.into())
    }

    /// Whether these names are those of `process`; if not, whose they are.
    pub(super) fn check(&self, names: &[String], process: ProcessId) -> Result<(), String> {
        let wanted = name_of(&self.cluster, process);
        if names.contains(&wanted) { Ok(()) } else { Err(other_name(names, &wanted)) }
    }
}

/// Whether it is TLS that has failed, not the connection below.
pub(super) fn is_tls(error: &io::Error) -> bool {
    error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()).is_some()
}

/// What is wrong, in words about certificates and not about their encoding.
pub(super) fn explain(error: &io::Error) -> String {
    use rustls::AlertDescription as Alert;
    const FOREIGN: &str = "is from another authority: it has another cluster's keys";
    const EXPIRED: &str = "has expired, or is not valid yet";
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match tls {
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)) => {
            format!("its certificate {FOREIGN}")
        }
        Some(Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        )) => format!("its certificate {EXPIRED}"),
        Some(Error::AlertReceived(Alert::UnknownCA | Alert::DecryptError | Alert::BadCertificate)) => {
            format!("the peer says that our certificate {FOREIGN}")
        }
        Some(Error::AlertReceived(Alert::CertificateExpired)) => {
            format!("the peer says that our certificate {EXPIRED}")
        }
        Some(Error::NoCertificatesPresented) => "it has no certificate".to_owned(),
        Some(Error::InvalidMessage(_)) => "it does not speak TLS, or not here".to_owned(),
        Some(other) => other.to_string(),
        None => error.to_string(),
    }
}

/// The names in the other end's certificate.
pub(super) fn names_of_peer(connection: &Connection) -> Vec<String> {
    let certificates = connection.peer_certificates().unwrap_or_default();
    certificates.first().map(|certificate| names(certificate)).unwrap_or_default()
}

fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    EndEntityCert::try_from(certificate)
        .map(|certificate| certificate.valid_dns_names().map(ToOwned::to_owned).collect())
        .unwrap_or_default()
}

fn other_name(names: &[String], wanted: &str) -> String {
    format!("its certificate is that of {}, not of {wanted}", names.join(", "))
}

/// As a verifier of the web's certificates, but for saying whose certificate it is when it is the wrong one.
#[derive(Debug)]
struct Peers {
    chain: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Peers {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.chain.verify_server_cert(end_entity, intermediates, name, ocsp, now).map_err(|error| match error
        {
            Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => Error::General(other_name(&names(end_entity), &name.to_str())),
            other => other,
        })
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
