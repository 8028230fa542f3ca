//! TLS on a connection to a server: rustls, driven by the same non-blocking socket.
//!
//! What is to be trusted comes with the request, because the shim sees no file of the host. Words of errors are Go's, which people
//! know from Docker.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConnection, Resumption};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, WantsVerifier,
};

use super::config::Tls;
use crate::{Error, Result};

/// Bytes of records that wait for the socket within a session.
const BUFFER: usize = 64 << 10;

/// What all connections of a server have in common.
#[derive(Debug)]
pub(super) struct Trust {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Trust {
    /// Reads the certificates and keys.
    ///
    /// # Errors
    /// [`crate::Kind::Invalid`]: one of them is none.
    pub fn new(tls: &Tls) -> Result<Self> {
        let wrong = |what: &str, why: &dyn std::fmt::Display| {
            Error::invalid(format!("failed to initialize logging driver: {what}: {why}"))
        };
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong("tls", &error))?;
        let builder = if tls.skip_verify {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        } else {
            with_roots(builder, &tls.roots).map_err(|error| wrong("could not read CA certificate", &error))?
        };
        let pair = "could not load X509 key pair";
        let mut config = if tls.certificate.is_empty() {
            builder.with_no_client_auth()
        } else {
            let chain = CertificateDer::pem_slice_iter(tls.certificate.as_bytes())
                .collect::<std::result::Result<Vec<_>, _>>()
                .map_err(|error| wrong(pair, &error))?;
            let key =
                PrivateKeyDer::from_pem_slice(tls.key.as_bytes()).map_err(|error| wrong(pair, &error))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| wrong(pair, &error))?
        };
        // One connection lives as long as its server.
        config.resumption = Resumption::disabled();
        let name = ServerName::try_from(tls.server_name.clone())
            .map_err(|error| wrong(&format!("`{}`", tls.server_name.escape_debug()), &error))?;
        Ok(Self { config: Arc::new(config), name })
    }

    /// Begins a session on a socket that is connected.
    pub fn begin(&self) -> nix::Result<Session> {
        let made = ClientConnection::new(Arc::clone(&self.config), self.name.clone());
        let mut connection = made.map_err(|_| Errno::EPROTO)?;
        connection.set_buffer_limit(Some(BUFFER));
        Ok(Session { connection, trouble: None })
    }
}

type Builder = rustls::ConfigBuilder<ClientConfig, WantsVerifier>;

fn with_roots(
    builder: Builder,
    roots: &[String],
) -> std::result::Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>, String> {
    let mut store = RootCertStore::empty();
    for pem in roots {
        let found = CertificateDer::pem_slice_iter(pem.as_bytes());
        let certificates =
            found.collect::<std::result::Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
        // The host's collection may have some that are too odd to be trusted: as everywhere, they just are not.
        store.add_parsable_certificates(certificates);
    }
    if store.is_empty() {
        return Err("no certificate was found".to_owned());
    }
    Ok(builder.with_root_certificates(store))
}

/// The session of one connection.
#[derive(Debug)]
pub(super) struct Session {
    connection: ClientConnection,
    /// Why it failed, in words.
    pub trouble: Option<String>,
}

impl Session {
    /// Goes on with the handshake. Whether it has come to its end; EAGAIN is no error here.
    pub fn shake_hands(&mut self, fd: BorrowedFd<'_>) -> nix::Result<bool> {
        while self.connection.is_handshaking() {
            match self.flush(fd) {
                Ok(()) => {}
                Err(Errno::EAGAIN) => return Ok(false),
                Err(errno) => return Err(errno),
            }
            if !self.connection.is_handshaking() {
                break;
            }
            match self.take_in(fd) {
                Ok(0) => return Err(Errno::ECONNRESET),
                Ok(_) => {}
                Err(Errno::EAGAIN) => return Ok(false),
                Err(errno) => return Err(errno),
            }
        }
        match self.flush(fd) {
            Ok(()) | Err(Errno::EAGAIN) => Ok(true),
            Err(errno) => Err(errno),
        }
    }

    /// Whether something waits for the socket to take it.
    pub fn wants_write(&self) -> bool {
        self.connection.wants_write()
    }

    /// Sends what waits. EAGAIN: some of it still does.
    pub fn flush(&mut self, fd: BorrowedFd<'_>) -> nix::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut Socket(fd)).map_err(errno_of)?;
        }
        Ok(())
    }

    /// Takes bytes of a record. What was taken before has left, so that the queue knows what has not.
    pub fn send(&mut self, fd: BorrowedFd<'_>, bytes: &[u8]) -> nix::Result<usize> {
        self.flush(fd)?;
        let count = self.connection.writer().write(bytes).map_err(errno_of)?;
        match self.flush(fd) {
            Ok(()) | Err(Errno::EAGAIN) => Ok(count),
            Err(errno) => Err(errno),
        }
    }

    /// Reads what the server says: 0 at the end of the session or of the connection.
    pub fn receive(&mut self, fd: BorrowedFd<'_>, buffer: &mut [u8]) -> nix::Result<usize> {
        loop {
            match self.connection.reader().read(buffer) {
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                Err(error) => match errno_of(error) {
                    Errno::EAGAIN => {}
                    errno => return Err(errno),
                },
            }
            if self.take_in(fd)? == 0 {
                return Ok(0);
            }
        }
    }

    /// Says that this is the end, as far as the socket takes it now.
    pub fn say_goodbye(&mut self, fd: BorrowedFd<'_>) {
        self.connection.send_close_notify();
        let _ = self.flush(fd);
    }

    /// Reads from the socket; 0 at its end.
    fn take_in(&mut self, fd: BorrowedFd<'_>) -> nix::Result<usize> {
        let count = self.connection.read_tls(&mut Socket(fd)).map_err(errno_of)?;
        if let Err(error) = self.connection.process_new_packets() {
            self.trouble = Some(explain(&error));
            // The server is told why; it may not listen any more.
            let _ = self.flush(fd);
            return Err(Errno::EPROTO);
        }
        Ok(count)
    }
}

struct Socket<'a>(BorrowedFd<'a>);

impl io::Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(recv(self.0.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT)?)
    }
}

impl io::Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(self.0.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn errno_of(error: io::Error) -> Errno {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Errno::EAGAIN,
        _ => error.raw_os_error().map_or(Errno::EPROTO, Errno::from_raw),
    }
}

fn explain(error: &rustls::Error) -> String {
    let verify = |what: String| format!("tls: failed to verify certificate: x509: {what}");
    match error {
        rustls::Error::InvalidCertificate(why) => match why {
            CertificateError::UnknownIssuer => verify("certificate signed by unknown authority".to_owned()),
            CertificateError::NotValidForNameContext { expected, presented } if !presented.is_empty() => {
                let names: Vec<_> = presented.iter().map(|name| plain(name)).collect();
                verify(format!("certificate is valid for {}, not {}", names.join(", "), expected.to_str()))
            }
            CertificateError::NotValidForNameContext { expected, .. } => verify(format!(
                "certificate is not valid for any names, but wanted to match {}",
                expected.to_str()
            )),
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => {
                verify("certificate has expired or is not yet valid".to_owned())
            }
            other => verify(other.to_string()),
        },
        rustls::Error::AlertReceived(alert) => format!("remote error: tls: {alert:?}"),
        rustls::Error::InvalidMessage(_) => "tls: first record does not look like a TLS handshake".to_owned(),
        other => format!("tls: {other}"),
    }
}

/// The name in `DnsName("example.com")` and `IpAddress(127.0.0.1)`, as webpki writes them.
fn plain(name: &str) -> &str {
    let inside = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inside.trim_matches('"')
}

/// For `syslog-tls-skip-verify`: the server may be anybody, but it must have the key of the certificate that it shows.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
