//! TLS as PostgreSQL's `sslmode` means it (<https://www.postgresql.org/docs/current/libpq-ssl.html>).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::diagnostic::Diagnostic;
use crate::project::profile::{SslMode, Target};

/// The TLS side of a target's connections. Files are read here, so an error names one of them.
pub(super) fn connector(target: &Target) -> Result<MakeRustlsConnect, Diagnostic> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let over_network = !target.host.starts_with('/') && target.sslmode != SslMode::Disable;
    let trust = if over_network { trust(target)? } else { None };
    let verifier = Verifier {
        trust,
        check_name: target.sslmode == SslMode::VerifyFull,
        provider: Arc::clone(&provider),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Diagnostic::error("tls-failed", "TLS cannot be set up").because(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let config = match client_certificate(target, over_network)? {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(|error| {
            Diagnostic::error("tls-failed", "the client certificate cannot be used")
                .because(error.to_string())
                .help("check that `sslkey` is the key of `sslcert`")
        })?,
        None => builder.with_no_client_auth(),
    };
    Ok(MakeRustlsConnect::new(config))
}

/// The certificates to trust; `None` where the mode trusts any server.
fn trust(target: &Target) -> Result<Option<Trust>, Diagnostic> {
    let verifies = matches!(target.sslmode, SslMode::VerifyCa | SslMode::VerifyFull);
    match &target.sslrootcert {
        Some(path) if path.as_os_str() == "system" => {
            if target.sslmode != SslMode::VerifyFull {
                return Err(Diagnostic::error(
                    "tls-failed",
                    format!(
                        "`sslrootcert: system` needs `sslmode: verify-full`, not `{}`",
                        target.sslmode.name()
                    ),
                )
                .because("with a public authority anybody can have a certificate, for another host")
                .help("set `sslmode: verify-full`"));
            }
            let found = rustls_native_certs::load_native_certs();
            if found.certs.is_empty() {
                let why: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
                return Err(
                    Diagnostic::error("tls-failed", "the operating system has no trusted certificates")
                        .because(why.join("\n"))
                        .help("install the package `ca-certificates`, or name a file in `sslrootcert`"),
                );
            }
            Ok(Some(Trust::of(found.certs)))
        }
        // With a file of authorities at hand, `require` checks against it, for compatibility; so does libpq.
        Some(path) if verifies || target.sslmode == SslMode::Require => Ok(Some(Trust::of(certificates(path)?))),
        None if verifies => {
            let usual = home_file("root.crt");
            match usual.filter(|path| path.exists()) {
                Some(path) => Ok(Some(Trust::of(certificates(&path)?))),
                None => Err(Diagnostic::error(
                    "tls-failed",
                    format!(
                        "`sslmode: {}` needs the certificate of an authority to check the server against",
                        target.sslmode.name()
                    ),
                )
                .because("there is neither `sslrootcert` nor ~/.postgresql/root.crt")
                .help("name the file in `sslrootcert`, or set `sslrootcert: system` for the operating system's own")),
            }
        }
        _ => Ok(None),
    }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn client_certificate(target: &Target, over_network: bool) -> Result<Option<Identity>, Diagnostic> {
    if !over_network {
        return Ok(None);
    }
    let usual = |name| home_file(name).filter(|path| path.exists());
    let Some(certificate) = target.sslcert.clone().or_else(|| usual("postgresql.crt")) else {
        return Ok(None);
    };
    let Some(key) = target.sslkey.clone().or_else(|| usual("postgresql.key")) else {
        return Err(Diagnostic::error(
            "tls-failed",
            format!("the client certificate {} comes without its key", certificate.display()),
        )
        .help("name the file of the key in `sslkey`"));
    };
    let chain = certificates(&certificate)?;
    refuse_open_key(&key)?;
    let key_der = PrivateKeyDer::from_pem_file(&key).map_err(|error| {
        unreadable(&key, &error.to_string()).help("a key protected by a passphrase is not supported")
    })?;
    Ok(Some((chain, key_der)))
}

/// As libpq: a key that others may read is no secret.
fn refuse_open_key(path: &Path) -> Result<(), Diagnostic> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, &error.to_string()))?;
    let allowed = if metadata.uid() == 0 { 0o640 } else { 0o600 };
    if metadata.mode() & 0o777 & !allowed == 0 {
        return Ok(());
    }
    Err(Diagnostic::error(
        "tls-failed",
        format!("the key {} can be read by others", path.display()),
    )
    .help(format!("run `chmod 600 {}`", path.display())))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Diagnostic> {
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(path, &error.to_string()))?;
    if found.is_empty() {
        return Err(unreadable(path, "it holds no certificate in PEM form"));
    }
    Ok(found)
}

fn unreadable(path: &Path, why: &str) -> Diagnostic {
    Diagnostic::error("tls-failed", format!("{} cannot be read", path.display())).because(why)
}

fn home_file(name: &str) -> Option<PathBuf> {
    std::env::home_dir().map(|home| home.join(".postgresql").join(name))
}

#[derive(Debug)]
struct Trust {
    roots: RootCertStore,
    /// The same certificates as they stand in the file: a self-signed server's own is often among them.
    listed: Vec<CertificateDer<'static>>,
}

impl Trust {
    fn of(listed: Vec<CertificateDer<'static>>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(listed.iter().cloned());
        Self { roots, listed }
    }
}

#[derive(Debug)]
struct Verifier {
    /// `None`: any server will do.
    trust: Option<Trust>,
    check_name: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        server: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(trust) = &self.trust else {
            return Ok(ServerCertVerified::assertion());
        };
        if trust.listed.contains(server) {
            within_dates(server, now)?;
        } else {
            verify_server_cert_signed_by_trust_anchor(
                &ParsedCertificate::try_from(server)?,
                &trust.roots,
                intermediates,
                now,
                self.provider.signature_verification_algorithms.all,
            )?;
        }
        if self.check_name {
            verify_name(server, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.trust.is_none() {
            // Whoever may show any certificate gains nothing by a wrong signature.
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.trust.is_none() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn parsed(der: &CertificateDer<'_>) -> Result<Certificate, Error> {
    Certificate::from_der(der).map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))
}

fn within_dates(der: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let validity = parsed(der)?.tbs_certificate.validity;
    if now.as_secs() > validity.not_after.to_unix_duration().as_secs() {
        Err(Error::InvalidCertificate(CertificateError::Expired))
    } else if now.as_secs() < validity.not_before.to_unix_duration().as_secs() {
        Err(Error::InvalidCertificate(CertificateError::NotValidYet))
    } else {
        Ok(())
    }
}

/// The alternative names decide; a certificate that has none is judged by its common name, as libpq does.
fn verify_name(der: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), Error> {
    let certificate = parsed(der)?.tbs_certificate;
    let alternatives = certificate
        .get::<SubjectAltName>()
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let has_alternatives = alternatives.is_some_and(|(_, names)| {
        names
            .0
            .iter()
            .any(|name| matches!(name, GeneralName::DnsName(_) | GeneralName::IpAddress(_)))
    });
    if has_alternatives {
        return verify_server_name(&ParsedCertificate::try_from(der)?, name);
    }
    let host = name.to_str();
    let matches = certificate
        .subject
        .0
        .iter()
        .flat_map(|part| part.0.iter())
        .filter(|attribute| attribute.oid == COMMON_NAME)
        .filter_map(|attribute| std::str::from_utf8(attribute.value.value()).ok())
        .any(|pattern| name_matches(pattern, &host));
    if matches {
        Ok(())
    } else {
        Err(Error::InvalidCertificate(CertificateError::NotValidForName))
    }
}

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// A leading `*.` stands for exactly one label.
fn name_matches(pattern: &str, host: &str) -> bool {
    let (pattern, host) = (pattern.to_ascii_lowercase(), host.to_ascii_lowercase());
    match pattern.strip_prefix("*.") {
        Some(rest) => host.split_once('.').is_some_and(|(_, domain)| domain == rest),
        None => pattern == host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_cover_one_label() {
        assert!(name_matches("*.example.com", "db.Example.com"));
        assert!(!name_matches("*.example.com", "a.db.example.com"));
        assert!(!name_matches("*.example.com", "example.com"));
        assert!(name_matches("db", "db"));
    }

    #[test]
    fn system_certificates_need_the_full_check() {
        let mut target = Target::local("p", "test");
        "db.example".clone_into(&mut target.host);
        target.sslmode = SslMode::Require;
        target.sslrootcert = Some("system".into());
        let error = connector(&target).err().expect("refused");
        assert!(error.message.contains("verify-full"), "{error}");
    }
}
